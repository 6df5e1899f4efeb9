"""What a file is that is not what its name or its task says."""

import re
from codecs import BOM_UTF8
from pathlib import Path

from idla_contract.task import DataFormat

from idla_trainer.data.formats.files import DAMAGE, opened
from idla_trainer.data.formats.refusals import invalid

_HEAD = 1 << 12
_OF_ALL = {
    rb"version https://git-lfs\.github\.com/spec/": (
        "is a pointer of Git LFS, not the file itself; fetch that by `git lfs pull`"
    ),
    rb"\s*<(!doctype html|html)": (
        "is an HTML page, as a download leaves that asks to sign in; download the file itself"
    ),
    rb"\x1f\x8b": "is compressed by gzip twice; unpack it once",
    rb"\x93NUMPY": "is an array of numpy.save; write x and y with numpy.savez, as NPZ",
}
_OF_TEXTS = {
    rb"\s*<\?xml": "is an XML document; write it as CSV or JSONL",
    rb"PK\x03\x04.*(xl/|\[Content_Types\])": "is an Excel workbook; save its sheet as CSV UTF-8",
    rb"\xd0\xcf\x11\xe0": "is an old Excel workbook; save its sheet as CSV UTF-8",
    rb"PK\x03\x04|7z\xbc\xaf|Rar!|.{257}ustar": "is an archive; unpack it and name the file or folder",
    rb"PAR1": "is a Parquet file; rename it or set data.format: Parquet",
    rb"%PDF": "is a PDF document; write its table as CSV",
    rb"SQLite format 3\0": "is an SQLite database; export its table as CSV",
    rb"\x89HDF\r\n": "is an HDF5 file; write its table as Parquet or CSV, or its arrays as NPZ",
    rb"ARROW1|FEA1": "is a Feather file; write its table as Parquet",
    rb"\x80[\x02-\x05]": "is a pickle, which can run any code: write its table as Parquet or CSV",
    rb"BZh\d|\xfd7zXZ\0|\x28\xb5\x2f\xfd": "is compressed by bzip2, xz or zstd; unpack it, or use gzip",
}
_OF_CSV = {
    rb"\s*\[\s*\{": "is one JSON array; rename it to .json or set data.format: JSONL",
    rb'\s*\{\s*"[^"]*"\s*:': "holds JSON objects; rename it to .jsonl or set data.format: JSONL",
}
_OTHERS = {DataFormat.CSV: _OF_ALL | _OF_TEXTS | _OF_CSV, DataFormat.JSONL: _OF_ALL | _OF_TEXTS}
"""How kinds of files begin that are taken for another one, what they are, and what to do."""


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
    for begins, sentence in _OTHERS.get(kind, _OF_ALL).items():
        if re.match(begins, head, re.IGNORECASE | re.DOTALL):
            raise invalid(f"{path.name} {sentence}")
