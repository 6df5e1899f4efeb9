"""Texts with one class each."""

from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.columns import ColumnRole, ColumnType
from idla_contract.problem import Problem
from idla_contract.task import DataSource
from idla_preprocess import Classes
from idla_preprocess.text import LONGEST_READ, TextSpec
from idla_preprocess.text_grams import normalised

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.findings.columns import ColumnUses, Use
from idla_trainer.data.findings.copies import about_copies, about_test_file
from idla_trainer.data.findings.texts import about_encoding
from idla_trainer.data.formats.refusals import empty
from idla_trainer.data.labels import encode_labels
from idla_trainer.data.split import Indices, first_of_equal
from idla_trainer.data.split_by_group import split_tied
from idla_trainer.data.spool import joined_columns
from idla_trainer.data.table import Table
from idla_trainer.problems.classification import classifier_of
from idla_trainer.problems.columns import labels_of
from idla_trainer.problems.text.columns import label_column, text_column, texts_of

_LONGEST = 1 << 16
"""Characters by which equal texts are told."""


def prepare(
    table: Table, source: DataSource, problem: Problem, *, digest: str, test: Table | None = None, whole: bool = False
) -> Dataset:
    """Return the data set of checked texts, split by class; texts that are equal once normalised stay in one part.

    An example whose text is in a given test file too is neither learned from nor validated on.
    With `whole` all but the test is learned from, as `Parts.merged` says.

    Raises:
        TaskError: the columns, texts or labels cannot be used.
    """
    text, label = text_column(table, source.columns), label_column(table, source.columns)
    texts, names = _read(table, test, text, label)
    held_out = None if test is None else np.arange(len(names) - test.rows, len(names))
    labels, classes = encode_labels(names)
    groups = _equal_texts(texts)
    parts = split_tied(labels, groups, classes, source.split, held_out=held_out, whole=whole)
    spec = TextSpec.fitted(texts[parts.train])
    return Dataset(
        digest=digest,
        problem=problem,
        raw={"text": texts},
        targets=labels,
        parts=parts,
        preprocess=spec,
        answers=Classes(classes),
        objective=classifier_of(problem, classes, labels[parts.train]),
        classes=classes,
        shape=(spec.length,),
        facts=_facts(texts, spec),
        warnings=(
            *_about_lengths(texts),
            *about_encoding(texts),
            *about_copies("texts", groups, labels, classes, but_for="case and spaces"),
            *about_test_file("texts", groups, held_out),
        ),
        uses=ColumnUses(
            {text: Use(ColumnRole.TEXT, ColumnType.TEXT), label: Use(ColumnRole.LABEL, ColumnType.CATEGORY)},
            otherwise="a text and its label are all that is read",
        ),
    )


def _read(table: Table, test: Table | None, text: str, label: str) -> tuple[npt.NDArray[Any], list[str]]:
    """Return the texts and the labels of a table, those of a test file behind them."""
    texts, names = texts_of(table, text), labels_of(table, label)
    if test is not None:
        texts, names = joined_columns(texts, texts_of(test, text)), names + labels_of(test, label)
    if not names:
        raise empty("there is no example; at least five of each class are needed")
    return texts, names


def _equal_texts(texts: npt.NDArray[Any]) -> Indices:
    """Return for each text the position of the first that equals it once both are normalised."""
    return first_of_equal(normalised(text, _LONGEST).encode("utf-8", "surrogatepass") for text in texts)


def _facts(texts: npt.NDArray[Any], spec: TextSpec) -> dict[str, float | int | str]:
    lengths = np.array([len(text) for text in texts])
    return {
        "medianCharacters": float(np.median(lengths)),
        "longestCharacters": int(lengths.max()),
        "ngrams": spec.features - 1,
        "ngramsOfAText": spec.length,
    }


def _about_lengths(texts: npt.NDArray[Any]) -> tuple[str, ...]:
    found = []
    empty = sum(1 for text in texts if not text.strip())
    if empty:
        found.append(f"{empty} texts are empty; a model answers them by the shares of the classes alone")
    long = sum(1 for text in texts if len(text) > LONGEST_READ)
    if long:
        found.append(f"{long} texts are longer than {LONGEST_READ} characters; only their beginnings are read")
    return tuple(found)
