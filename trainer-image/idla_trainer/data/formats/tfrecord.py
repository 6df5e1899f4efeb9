"""TFRecord files of `tf.train.Example`: one example a record, compressed by gzip or not, in one file or in shards.

TensorFlow's own reader takes seconds to import, passes over a file that ends within a head, and takes memory for what a
record tells of itself.
"""

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import google_crc32c
import numpy as np
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from idla_trainer.data.formats.column_inference import EXACT, Column, objects
from idla_trainer.data.formats.files import DAMAGE, opened
from idla_trainer.data.formats.refusals import empty, invalid, too_large, unreadable

_SHARD = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})(\.gz)?")
_HEAD, _FOOT = 12, 4
_MASK = 0xA282EAD8
_WORD = 0xFFFFFFFF
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG")
_MOST_COLUMNS = 1 << 14
_CELL = 8
_SHOWN = 40
_SCHEMA = """
name: "example" syntax: "proto3"
message_type { name: "Bytes" field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_BYTES } }
message_type { name: "Floats" field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_FLOAT } }
message_type { name: "Integers" field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_INT64 } }
message_type {
  name: "Feature" oneof_decl { name: "kind" }
  field { name: "bytes" number: 1 type: TYPE_MESSAGE type_name: "Bytes" oneof_index: 0 }
  field { name: "floats" number: 2 type: TYPE_MESSAGE type_name: "Floats" oneof_index: 0 }
  field { name: "integers" number: 3 type: TYPE_MESSAGE type_name: "Integers" oneof_index: 0 }
}
message_type {
  name: "Entry"
  field { name: "key" number: 1 type: TYPE_STRING }
  field { name: "value" number: 2 type: TYPE_MESSAGE type_name: "Feature" }
}
message_type { name: "Features" field { name: "feature" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "Entry" } }
message_type { name: "Example" field { name: "features" number: 1 type: TYPE_MESSAGE type_name: "Features" } }
"""  # noqa: E501
"""tensorflow/core/example/{example,feature}.proto, a map as the list of entries that it is on the wire."""
_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(text_format.Parse(_SCHEMA, FileDescriptorProto()))
_Example: Any = GetMessageClass(_POOL.FindMessageTypeByName("Example"))


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
    cells, rows, size = dict[str, list[Any]](), 0, 0
    for file in _files(path):
        try:
            with opened(file) as records:
                for content in _records(records, memory):
                    for name, value in _features(file, content).items():
                        column = cells.setdefault(name, [])
                        column += [*[None] * (rows - len(column)), value]
                        size += _CELL + sys.getsizeof(value)
                    rows += 1
                    if size > memory:
                        raise too_large(path, size, memory)
                    if len(cells) > _MOST_COLUMNS:
                        raise invalid(f"{path.name} has more than {_MOST_COLUMNS} features; put numbers into a list")
        except (*DAMAGE, DecodeError, _RecordError) as error:
            raise unreadable(file, "TFRecord", f"record {rows}: {error}") from error
    if not rows:
        raise empty(f"{path.name} holds no example")
    return {name: _column(path, name, found + [None] * (rows - len(found))) for name, found in cells.items()}


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
    while head := file.read(_HEAD):
        if len(head) < _HEAD or _checksum(head[:8]) != head[8:]:
            raise _RecordError("its length is damaged")
        length = int.from_bytes(head[:8], "little")
        if length > memory:
            raise _RecordError(f"it has {length} bytes, the task has room for {memory}")
        content, foot = file.read(length), file.read(_FOOT)
        if len(foot) < _FOOT:
            raise _RecordError("the file ends within it")
        if _checksum(content) != foot:
            raise _RecordError("its checksum does not fit its bytes")
        yield content


def _checksum(content: bytes) -> bytes:
    """Return CRC-32C as TFRecord keeps it."""
    value: int = google_crc32c.value(content)
    return ((((value >> 15) | (value << 17)) + _MASK) & _WORD).to_bytes(4, "little")


def _features(path: Path, content: bytes) -> Mapping[str, Any]:
    """Return the features of an example: a number, `bytes`, an array of numbers, or None."""
    entries = _Example.FromString(content).features.feature
    return {entry.key: _value(path, entry.key, entry.value) for entry in entries}


def _value(path: Path, name: str, feature: Any) -> Any:
    kind = feature.WhichOneof("kind")
    listed = getattr(feature, kind).value if kind else ()
    if len(listed) <= 1:
        return listed[0] if listed else None
    if kind == "bytes":
        raise invalid(f"the feature {name[:_SHOWN]!r} of {path.name} holds several texts; keep one in each example")
    return np.array(listed, dtype=np.float32 if kind == "floats" else np.int64)


def _column(path: Path, name: str, cells: list[Any]) -> Column:
    kinds = {type(cell) for cell in cells}
    if np.ndarray in kinds:
        sizes = [0 if cell is None else np.size(cell) for cell in cells]
        other = next((row for row, size in enumerate(sizes) if size != sizes[0]), None)
        if other is not None:
            raise invalid(
                f"{name[:_SHOWN]!r} of example {other} of {path.name} has another shape than that of example 0: "
                f"{sizes[other]} numbers, not {sizes[0]}; give all of them one shape"
            )
        return np.stack(cells).astype(np.float32)
    if bytes in kinds:
        return _texts([cell if isinstance(cell, bytes) else _text(cell).encode() for cell in cells])
    if any(isinstance(cell, int) and abs(cell) >= EXACT for cell in cells):
        return objects(map(_text, cells))
    return np.array([math.nan if cell is None else cell for cell in cells], dtype=np.float64)


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _texts(contents: Sequence[bytes]) -> Column:
    """Return bytes as texts where all of them are."""
    if any(content.startswith(_PICTURES) for content in contents):
        return objects(contents)
    try:
        return objects(content.decode() for content in contents)
    except UnicodeDecodeError:
        return objects(contents)
