"""A data file of any format becomes a table: named columns of equal length."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from idla_contract.task import Columns, DataFormat, DataSource

from idla_trainer.data.formats.budget import Budget
from idla_trainer.data.formats.column_inference import Column
from idla_trainer.data.formats.csv_files import read_csv
from idla_trainer.data.formats.encodings import in_utf8
from idla_trainer.data.formats.format_detection import data_files, detect_format
from idla_trainer.data.formats.idx import read_idx
from idla_trainer.data.formats.json_files import read_json
from idla_trainer.data.formats.npz import read_npz
from idla_trainer.data.formats.parquet import read_parquet
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.formats.stored_columns import StoredColumns
from idla_trainer.data.formats.tfrecord import read_tfrecord


@dataclass(frozen=True, slots=True)
class Table:
    """Examples by columns."""

    columns: Mapping[str, Column]
    """By name, in the order of the file, all of one length N. Numbers are float64 [N] with NaN where one is missing;
    texts are objects [N] of `str`, empty where one is missing; encoded images and other bytes are objects [N] of
    `bytes`; arrays [N, ...] keep their type."""
    named: bool = True
    """Whether the file names the columns; else their numbers, counted from 0, are the names."""
    warnings: tuple[str, ...] = ()
    """What the reader guessed."""

    @property
    def rows(self) -> int:
        """Return how many examples there are."""
        if isinstance(self.columns, StoredColumns):
            return self.columns.rows
        return len(next(iter(self.columns.values())))


def read_table(path: Path, source: DataSource, memory: int, *, spill: bool = False, label: Sequence[str] = ()) -> Table:
    """Return the table of a data file or folder, whatever its format.

    Args:
        path: the file; or a folder with one data file, with the shards or parts of one, with a pair of IDX files, or
            with a folder of images for each class.
        source: the format, where it is not told by the ending, the encoding of a text file, the delimiter
            and the header of a CSV file.
        memory: bytes that the columns may take.
        spill: whether files take what memory does not hold of CSV, JSONL and Parquet; a column of texts may be a
            `TextColumn`.
        label: names by which the column of the classes is known where `source` names none; else it is the last one.
            CSV and JSONL are read with the classes as they stand in the file. Default: there are no classes.

    Raises:
        TaskError: unknown or unreadable, too large, or without an example.
    """
    kind, found = detect_format(path, source.format)
    if kind is DataFormat.NPZ:
        return Table(read_npz(found, memory))
    if kind is DataFormat.IMAGE_FOLDER:
        raise invalid(f"{found.name} is a folder of images, which ImageClassification alone learns from; name a table")
    if kind in _READERS:
        return Table(_READERS[kind](found, Budget(found, memory, spill=False)))
    files, budget = data_files(found, kind), Budget(found, memory, spill)
    if kind is DataFormat.PARQUET:
        return Table(read_parquet(files, budget))
    as_written = partial(_label_column, source.columns, label)
    with tempfile.TemporaryDirectory() as copies:
        texts = [in_utf8(file, source.encoding, Path(copies)) for file in files]
        paths, warnings = [text for text, _ in texts], [warning for _, warning in texts if warning]
        if kind is DataFormat.JSONL:
            return Table(read_json(paths, budget, as_written), warnings=tuple(warnings))
        columns, named, told = read_csv(paths, budget, source, as_written)
    return Table(columns, named, (*warnings, *told))


_READERS = {
    DataFormat.IDX: read_idx,
    DataFormat.TFRECORD: read_tfrecord,
}


def _label_column(columns: Columns, label: Sequence[str], names: Sequence[str]) -> frozenset[str]:
    """Return which of a file's columns holds the classes; none where there are no classes."""
    if not label or not names:
        return frozenset()
    named = columns.label or columns.target
    others = [name for name in names if name != columns.text] or names
    return frozenset({named or next((name for name in label if name in names), others[-1])})
