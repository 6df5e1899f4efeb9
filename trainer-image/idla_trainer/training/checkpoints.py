"""Checkpoints: the newest two, each verified when it is read."""

import hashlib
import io
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_preprocess.arrays import unpack

from idla_trainer.task_store import write_atomically

Arrays = Mapping[str, npt.NDArray[Any]]
FOLDER = "checkpoints"
KEPT = 2
_META = "meta"
_DIGEST_LENGTH = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a training after a step."""

    step: int
    arrays: Arrays
    meta: Mapping[str, Any]
    """Whatever JSON can hold."""


class Checkpoints:
    """A folder of files `<step>.checkpoint`: the SHA-256 of the rest, then an NPZ."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, checkpoint: Checkpoint, *, kept: int = KEPT) -> None:
        """Write a checkpoint, whole or not at all, then remove all but the newest ones, of which so many stay.

        Raises:
            OSError: it cannot be written; the older ones are still there.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        meta = np.frombuffer(json.dumps({"step": checkpoint.step, **checkpoint.meta}).encode(), dtype=np.uint8)
        body = pack({**checkpoint.arrays, _META: meta})
        content = hashlib.sha256(body).hexdigest().encode() + body
        write_atomically(self._folder / f"{checkpoint.step:012d}.checkpoint", content)
        for old in self._newest_first()[kept:]:
            old.unlink(missing_ok=True)

    def load(self) -> Checkpoint | None:
        """Return the newest intact checkpoint, or None."""
        for path in self._newest_first():
            content = path.read_bytes()
            body = content[_DIGEST_LENGTH:]
            if hashlib.sha256(body).hexdigest().encode() == content[:_DIGEST_LENGTH]:
                try:
                    return _read(body)
                except (ValueError, KeyError, TypeError) as error:  # whole, and written by somebody else
                    _log.warning("the checkpoint %s is none of ours (%s)", path.name, error)
                    continue
            _log.warning("the checkpoint %s is damaged; going back to the one before", path.name)
        return None

    def clear(self) -> None:
        """Remove every checkpoint."""
        for path in self._newest_first():
            path.unlink(missing_ok=True)

    def _newest_first(self) -> list[Path]:
        return sorted((path for path in self._folder.glob("*.checkpoint") if path.is_file()), reverse=True)


def pack(arrays: Arrays) -> bytes:
    """Return an NPZ; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _read(body: bytes) -> Checkpoint:
    arrays = unpack(body)
    meta = json.loads(arrays.pop(_META).tobytes())
    return Checkpoint(int(meta.pop("step")), arrays, meta)
