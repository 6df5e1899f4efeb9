"""A task's folder in the store: written piece by piece, each piece whole or not at all."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from idla_contract.base import ContractModel
from idla_contract.paths import task_folder
from idla_contract.result import TaskResult
from idla_contract.task import TaskSpec
from idla_store.artifacts import sync_folder
from idla_store.files import hash_file
from pydantic import ValidationError

RESULT = "result.json"
_PROGRESS = "progress.json"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it has its old or its new bytes after any crash.

    Raises:
        OSError: it cannot be written; the old file is untouched. The error names a path.
    """
    try:
        _write(path, content)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write that finds no space does not say where
        raise


def _write(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


class Progress(ContractModel):
    """What finished steps left behind."""

    data_digest: str
    result: TaskResult
    files: tuple[dict[str, str], ...] = ()
    """For each finished step, the files in the task's folder that later steps need, with their digests. Where a step
    wrote a file again, what it wrote counts."""


@dataclass(frozen=True, slots=True)
class TaskStore:
    """The folder of one task in the store."""

    path: Path

    @classmethod
    def of(cls, store: Path, task: str, content_hash: str) -> "TaskStore":
        """Return the store of a task by its content."""
        return cls(store / task_folder(task, content_hash))

    def make(self) -> None:
        """Make the folder and remove what a killed attempt was writing."""
        self.path.mkdir(parents=True, exist_ok=True)
        for rest in self.path.rglob(".*"):
            if rest.is_file():
                rest.unlink(missing_ok=True)

    def finished(self, spec: TaskSpec) -> TaskResult | None:
        """Return the whole result of this very task, or None if it is missing, damaged or of other steps."""
        try:
            result = TaskResult.model_validate_json((self.path / RESULT).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None
        same = (result.task, result.content_hash) == (spec.task, spec.content_hash)
        whole = [step.kind for step in result.steps] == [step.kind for step in spec.steps]
        return result if same and whole and result.failure is None else None

    def write_result(self, result: TaskResult) -> None:
        """Write the whole result."""
        write_atomically(self.path / RESULT, result.to_json().encode() + b"\n")

    def read_progress(self, spec: TaskSpec, data_digest: str) -> Progress:
        """Return what an earlier attempt finished with these data and what of it is still intact."""
        empty = TaskResult(task=spec.task, content_hash=spec.content_hash)
        nothing = Progress(data_digest=data_digest, result=empty)
        try:
            found = Progress.model_validate_json((self.path / _PROGRESS).read_bytes())
        except (FileNotFoundError, ValidationError):
            return nothing
        kinds = [step.kind for step in found.result.steps]
        same = (found.result.task, found.result.content_hash) == (spec.task, spec.content_hash)
        if not same or found.data_digest != data_digest or kinds != [step.kind for step in spec.steps][: len(kinds)]:
            return nothing
        return found if len(found.files) == len(kinds) and self._are_intact(found.files) else nothing

    def write_progress(self, progress: Progress) -> None:
        """Note that one more step is finished."""
        write_atomically(self.path / _PROGRESS, json.dumps(json.loads(progress.to_json()), indent=1).encode())

    def digests(self, names: Sequence[str]) -> dict[str, str]:
        """Return the digests of files in this folder."""
        return {name: hash_file(self.path / name) for name in names}

    def _are_intact(self, files: tuple[dict[str, str], ...]) -> bool:
        latest = {name: digest for step in files for name, digest in step.items()}
        try:
            return all(hash_file(self.path / name) == digest for name, digest in latest.items())
        except OSError:
            return False
