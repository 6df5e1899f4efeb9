"""A data file of any format becomes a table: named columns of equal length."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from idla_contract.task import Columns, DataFormat, DataSource

from idla_trainer.data.formats.column_inference import AsWritten, Column
from idla_trainer.data.formats.csv_files import CsvOptions, read_csv
from idla_trainer.data.formats.encodings import in_utf8
from idla_trainer.data.formats.format_detection import data_files, detect_format
from idla_trainer.data.formats.idx import read_idx
from idla_trainer.data.formats.image_folder import read_image_folder
from idla_trainer.data.formats.json_files import read_json
from idla_trainer.data.formats.npz import read_npz
from idla_trainer.data.formats.parquet import read_parquet
from idla_trainer.data.formats.stored_columns import Budget, StoredColumns
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
    budget = Budget(found, memory, spill)
    if kind in {DataFormat.CSV, DataFormat.JSONL}:
        return _read_texts(kind, data_files(found, kind), source, budget, partial(_label_column, source.columns, label))
    if kind is DataFormat.PARQUET:
        return Table(read_parquet(data_files(found, kind), budget))
    return Table(_READERS[kind](found, memory))


def _read_texts(
    kind: DataFormat, files: Sequence[Path], source: DataSource, budget: Budget, as_written: AsWritten
) -> Table:
    with ExitStack() as copies:
        texts = [copies.enter_context(in_utf8(file, source.encoding)) for file in files]
        paths, warnings = [text.path for text in texts], [warning for text in texts for warning in text.warnings]
        if kind is DataFormat.JSONL:
            return Table(read_json(paths, budget, as_written), warnings=tuple(warnings))
        options = CsvOptions(
            delimiter=source.delimiter or ("\t" if ".tsv" in files[0].suffixes else None),
            header=source.header,
            expected=_expected(source),
            as_written=as_written,
        )
        csv = read_csv(paths, budget, options)
    return Table(csv.columns, csv.named, (*warnings, *csv.warnings))


_READERS = {
    DataFormat.NPZ: read_npz,
    DataFormat.IDX: read_idx,
    DataFormat.IMAGE_FOLDER: read_image_folder,
    DataFormat.TFRECORD: read_tfrecord,
}


def _label_column(columns: Columns, label: Sequence[str], names: Sequence[str]) -> frozenset[str]:
    """Return which of a file's columns holds the classes; none where there are no classes."""
    if not label or not names:
        return frozenset()
    named = columns.label or columns.target
    others = [name for name in names if name != columns.text] or names
    return frozenset({named or next((name for name in label if name in names), others[-1])})


def _expected(source: DataSource) -> set[str]:
    """Return the names of columns that the task asks for, or that answers have where it names none."""
    roles = source.columns.model_dump(exclude_none=True).values()
    asked = (name for role in roles for name in ([role] if isinstance(role, str) else role))
    return {"label", "target", *asked}
