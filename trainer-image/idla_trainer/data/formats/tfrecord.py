"""TFRecord files of `tf.train.Example`: one example a record, compressed by gzip or not, in one file or in shards.

TensorFlow's own reader takes seconds to import, passes over a file that ends within a head, and takes memory for what a
record tells of itself.
"""

import math
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import google_crc32c
import numpy as np
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from idla_trainer.data.formats.budget import Budget
from idla_trainer.data.formats.column_inference import EXACT, Column, objects
from idla_trainer.data.formats.files import DAMAGE, opened
from idla_trainer.data.formats.refusals import empty, invalid, unreadable

_SHARD = re.compile(r".*tfrecord.*-\d{5}-of-\d{5}(\.gz)?")
_DIGITS = 5
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
  name: "Feature"
  field { name: "bytes" number: 1 type: TYPE_MESSAGE type_name: "Bytes" }
  field { name: "floats" number: 2 type: TYPE_MESSAGE type_name: "Floats" }
  field { name: "integers" number: 3 type: TYPE_MESSAGE type_name: "Integers" }
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
    return all(_SHARD.fullmatch(path.name) for path in files)


def read_tfrecord(path: Path, budget: Budget) -> dict[str, Column]:
    """Return the features of all examples by name.

    One number is a number, several ones of equal count make an array [N, count]. Bytes make a column of texts where
    all of them are UTF-8, else one of `bytes`, as of encoded images.

    Args:
        path: a file, or a folder with all shards of the data.
        budget: the memory that the columns may take; reading ends where they take more.

    Raises:
        TaskError: unreadable, a checksum that does not fit, too large, no example, a shard missing, or a feature with
            several texts.
    """
    cells, rows = dict[str, list[Any]](), 0
    for file in _files(path):
        try:
            with opened(file) as records:
                for content in _records(records, budget.memory):
                    features = {entry.key: entry.value for entry in _Example.FromString(content).features.feature}
                    for name, feature in features.items():
                        value = _value(file, name, feature)
                        column = cells.setdefault(name, [])
                        column += [*[None] * (rows - len(column)), value]
                        budget.take(_CELL + sys.getsizeof(value))
                    rows += 1
                    if len(cells) > _MOST_COLUMNS:
                        raise invalid(f"{path.name} has more than {_MOST_COLUMNS} features; put numbers into a list")
        except (*DAMAGE, ValueError, DecodeError) as error:
            raise unreadable(file, "TFRecord", f"record {rows}: {error}") from error
    if not cells:
        raise empty(f"{path.name} holds no example")
    return {name: _column(path, name, found + [None] * (rows - len(found))) for name, found in cells.items()}


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = [file for file in sorted(path.iterdir()) if shards([file])]
    names = [file.name.removesuffix(".gz") for file in found]
    stem, _, total = names[0].rpartition("-of-")
    if names != [f"{stem[:-_DIGITS]}{number:0{_DIGITS}}-of-{total}" for number in range(int(total))]:
        raise invalid(f"the folder {path.name} does not hold all shards of one data set; it holds {len(found)}")
    return found


def _records(file: IO[bytes], memory: int) -> Iterator[bytes]:
    while head := file.read(_HEAD):
        if len(head) < _HEAD or _checksum(head[:8]) != head[8:]:
            raise ValueError("its length is damaged")
        length = int.from_bytes(head[:8], "little")
        if length > memory:
            raise ValueError(f"it has {length} bytes, the task has room for {memory}")
        content, foot = file.read(length), file.read(_FOOT)
        if len(foot) < _FOOT:
            raise ValueError("the file ends within it")
        if _checksum(content) != foot:
            raise ValueError("its checksum does not fit its bytes")
        yield content


def _checksum(content: bytes) -> bytes:
    """Return CRC-32C as TFRecord keeps it."""
    value: int = google_crc32c.value(content)
    return ((((value >> 15) | (value << 17)) + _MASK) & _WORD).to_bytes(4, "little")


def _value(path: Path, name: str, feature: Any) -> Any:
    """Return a number, `bytes`, an array of numbers, or None."""
    listed = feature.bytes.value or feature.floats.value or feature.integers.value
    if len(listed) <= 1:
        return listed[0] if listed else None
    if isinstance(listed[0], bytes):
        raise invalid(f"the feature {name[:_SHOWN]!r} of {path.name} holds several texts; keep one in each example")
    return np.array(listed, dtype=np.float32)


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
        return np.stack(cells)
    if bytes in kinds:
        contents = [cell if isinstance(cell, bytes) else str("" if cell is None else cell).encode() for cell in cells]
        with suppress(UnicodeDecodeError):
            if not any(content.startswith(_PICTURES) for content in contents):
                return objects(content.decode() for content in contents)
        return objects(contents)
    if any(isinstance(cell, int) and abs(cell) >= EXACT for cell in cells):
        return objects("" if cell is None else str(cell) for cell in cells)
    return np.array([math.nan if cell is None else cell for cell in cells], dtype=np.float64)
