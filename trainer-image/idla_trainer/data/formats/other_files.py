"""What a file is that is not what its name or its task says."""

import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from pathlib import Path

from idla_contract.task import DataFormat

from idla_trainer.data.formats.files import DAMAGE, opened
from idla_trainer.data.formats.refusals import invalid

_HEAD = 1 << 12
_TEXTS = frozenset({DataFormat.CSV, DataFormat.JSONL})
_ALL = frozenset(DataFormat)


@dataclass(frozen=True, slots=True)
class _Other:
    """A kind of file that is taken for another one."""

    begins: re.Pattern[bytes]
    of: frozenset[DataFormat]
    """Formats that it is none of."""
    sentence: str
    """What it is, and what to do."""


def _other(begins: bytes, sentence: str, *, of: frozenset[DataFormat] = _TEXTS) -> _Other:
    return _Other(re.compile(begins, re.IGNORECASE | re.DOTALL), of, sentence)


_OTHERS = (
    _other(
        rb"version https://git-lfs\.github\.com/spec/",
        "is a pointer of Git LFS, not the file itself; fetch that by `git lfs pull`",
        of=_ALL,
    ),
    _other(
        rb"\s*<(!doctype html|html)",
        "is an HTML page, as a download leaves that asks to sign in; download the file itself",
        of=_ALL,
    ),
    _other(rb"\s*<\?xml", "is an XML document; write it as CSV or JSONL"),
    _other(rb"PK\x03\x04.*(xl/|\[Content_Types\])", "is an Excel workbook; save its sheet as CSV UTF-8"),
    _other(rb"\xd0\xcf\x11\xe0", "is an old Excel workbook; save its sheet as CSV UTF-8"),
    _other(rb"PK\x03\x04", "is a zip archive; unpack it and name the file or folder"),
    _other(rb"PAR1", "is a Parquet file; rename it or set data.format: Parquet"),
    _other(rb"\x93NUMPY", "is an array of numpy.save; write x and y with numpy.savez, as NPZ"),
    _other(rb"%PDF", "is a PDF document; write its table as CSV"),
    _other(rb"SQLite format 3\0", "is an SQLite database; export its table as CSV"),
    _other(rb"\x1f\x8b", "is compressed by gzip twice; unpack it once", of=_ALL),
    _other(rb"\x89HDF\r\n", "is an HDF5 file; write its table as Parquet or CSV, or its arrays as NPZ"),
    _other(rb"ARROW1|FEA1", "is a Feather file; write its table as Parquet"),
    _other(rb"\x80[\x02-\x05]", "is a pickle, which can run any code: write its table as Parquet or CSV"),
    _other(rb"BZh\d|\xfd7zXZ\0|\x28\xb5\x2f\xfd", "is compressed by bzip2, xz or zstd; unpack it, or use gzip"),
    _other(
        rb"\s*\[\s*\{",
        "is one JSON array; rename it to .json or set data.format: JSONL",
        of=frozenset({DataFormat.CSV}),
    ),
    _other(
        rb'\s*\{\s*"[^"]*"\s*:',
        "holds JSON objects; rename it to .jsonl or set data.format: JSONL",
        of=frozenset({DataFormat.CSV}),
    ),
)


def check_kind(path: Path, kind: DataFormat) -> None:
    """Refuse a file that is something else than its format.

    Args:
        path: a file, compressed by gzip or not.
        kind: what it is read as.

    Raises:
        TaskError: it begins as another kind of file does.
    """
    try:
        with opened(path) as file:
            head = file.read(_HEAD).removeprefix(BOM_UTF8)
    except DAMAGE:
        return  # its reader says what is damaged
    other = next((other for other in _OTHERS if kind in other.of and other.begins.match(head)), None)
    if other is not None:
        raise invalid(f"{path.name} {other.sentence}")
