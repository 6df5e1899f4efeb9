"""TFRecord files of `tf.train.Example`: one example a record, compressed by gzip or not, in one file or in shards."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from idla_trainer.data.formats.column_inference import Column, objects
from idla_trainer.data.formats.crc32c import checksums, crc32c, masked
from idla_trainer.data.formats.files import DAMAGE, opened
from idla_trainer.data.formats.protobuf_wire import WireError, read_example
from idla_trainer.data.formats.refusals import invalid, too_large, unreadable
from idla_trainer.data.formats.values import Values

_SHARD = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})(\.gz)?")
_HEAD, _FOOT = 12, 4
_BATCH = 1 << 22
"""Bytes of the records that are checked together."""
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG")
_SHOWN = 40


def shards(files: Sequence[Path]) -> bool:
    """Return whether the files are named as the shards of TFRecord data, `name.tfrecord-00000-of-00002`."""
    found = [_SHARD.fullmatch(path.name) for path in files]
    return all(match is not None and "tfrecord" in match["name"] for match in found)


def read_tfrecord(path: Path, memory: int) -> dict[str, Column]:
    """Return the features of all examples by name.

    One number is a number, several ones of equal count make an array [N, count]. Bytes make a column of texts where
    all of them are UTF-8, else one of `bytes`, as of encoded images.

    Args:
        path: a file, or a folder with all shards of the data.
        memory: bytes that the columns may take; reading ends where they take more.

    Raises:
        TaskError: unreadable, a checksum that does not fit, too large, no example, a shard missing, or a feature with
            several texts.
    """
    values = Values(path)
    for file in _files(path):
        try:
            with opened(file) as records:
                for content in _records(records, memory):
                    values.add({name: _value(file, name, listed) for name, listed in read_example(content).items()})
                    if values.size > memory:
                        raise too_large(path, values.size, memory)
        except (*DAMAGE, WireError, _RecordError) as error:
            raise unreadable(file, "TFRecord", f"record {values.rows}: {error}") from error
    return {name: _texts(column) for name, column in values.columns().items()}


class _RecordError(ValueError):
    """The frame of a record is damaged."""


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = [entry for entry in sorted(path.iterdir()) if entry.is_file() and shards([entry])]
    matches = [match for match in (_SHARD.fullmatch(file.name) for file in found) if match]
    totals = {(match["name"], match["total"]) for match in matches}
    if len(totals) != 1 or [int(match["number"]) for match in matches] != list(range(int(matches[0]["total"]))):
        raise invalid(f"the folder {path.name} does not hold all shards of one data set; it holds {len(found)}")
    return found


def _records(file: IO[bytes], memory: int) -> Iterator[bytes]:
    """Return the records; those of a batch after the checksums of all of them were found right."""
    batch: list[bytes] = []
    feet: list[int] = []
    held = 0
    while head := file.read(_HEAD):
        if len(head) < _HEAD or masked(crc32c(head[:8])) != int.from_bytes(head[8:], "little"):
            raise _RecordError("its length is damaged")
        length = int.from_bytes(head[:8], "little")
        if length > memory:
            raise _RecordError(f"it has {length} bytes, the task has room for {memory}")
        content, foot = file.read(length), file.read(_FOOT)
        if len(foot) < _FOOT:
            raise _RecordError("the file ends within it")
        batch.append(content)
        feet.append(int.from_bytes(foot, "little"))
        held += length
        if held > _BATCH:
            yield from _proven(batch, feet)
            batch, feet, held = [], [], 0
    yield from _proven(batch, feet)


def _proven(batch: list[bytes], feet: list[int]) -> Iterator[bytes]:
    for content, checksum, foot in zip(batch, checksums(batch), feet, strict=True):
        if masked(checksum) != foot:
            raise _RecordError("its checksum does not fit its bytes")
        yield content


def _value(path: Path, name: str, listed: list[Any]) -> Any:
    if not listed:
        return None
    if len(listed) == 1:
        return listed[0]
    if isinstance(listed[0], bytes):
        raise invalid(f"the feature {name[:_SHOWN]!r} of {path.name} holds several texts; keep one in each example")
    return np.array(listed, dtype=np.float32 if isinstance(listed[0], float) else np.int64)


def _texts(column: Column) -> Column:
    """Return a column of bytes as one of texts where all of them are."""
    if column.dtype != object or not isinstance(column[0], bytes):
        return column
    if any(content.startswith(_PICTURES) for content in column):
        return column
    try:
        return objects(content.decode() for content in column)
    except UnicodeDecodeError:
        return column
