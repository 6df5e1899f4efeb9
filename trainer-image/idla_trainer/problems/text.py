"""Texts with one class each."""

from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.problem import Problem
from idla_contract.result import FailureReason
from idla_contract.task import DataSource
from idla_preprocess import Classes
from idla_preprocess.text import LONGEST_READ, TextSpec
from idla_preprocess.text_grams import normalised

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.labels import encode_labels
from idla_trainer.data.split import Indices, Parts, split
from idla_trainer.data.table import Table
from idla_trainer.failures import TaskError
from idla_trainer.problems.classification import Classification, positive_class
from idla_trainer.problems.text_columns import label_column, labels_of, text_column, texts_of

_LONGEST = 1 << 16
"""Characters by which equal texts are told."""


def prepare(table: Table, source: DataSource, problem: Problem, *, digest: str, test: Table | None = None) -> Dataset:
    """Return the data set of checked texts, split by class; texts that are equal once normalised stay in one part.

    An example whose text is in a given test file too is neither learned from nor validated on.

    Raises:
        TaskError: the columns, texts or labels cannot be used.
    """
    text, label = text_column(table, source.columns), label_column(table, source.columns)
    texts, names = texts_of(table, text), labels_of(table, label)
    held_out: Indices | None = None
    if test is not None:
        held_out = np.arange(len(names), len(names) + test.rows)
        texts, names = np.concatenate([texts, texts_of(test, text)]), names + labels_of(test, label)
    if not names:
        raise TaskError(FailureReason.DATA_EMPTY, "there is no example; at least five of each class are needed")
    labels, classes = encode_labels(names)
    groups = _equal_texts(texts)
    parts = _parts(labels, groups, classes, source, held_out)
    spec = TextSpec.fitted(texts[parts.train])
    positive = positive_class(problem.positive_label, classes, labels[parts.train])
    return Dataset(
        digest=digest,
        problem=problem,
        raw={"text": texts},
        targets=labels,
        parts=parts,
        preprocess=spec,
        answers=Classes(classes),
        objective=Classification(metric=problem.metric, classes=len(classes), positive=positive),
        classes=classes,
        shape=(spec.length,),
        facts=_facts(texts, spec),
        warnings=_warnings(texts, labels, groups, held_out),
    )


def _equal_texts(texts: npt.NDArray[Any]) -> Indices:
    """Return for each text the position of the first that equals it once both are normalised."""
    first: dict[str, int] = {}
    keys = (normalised(text, _LONGEST) for text in texts)
    return np.array([first.setdefault(key, position) for position, key in enumerate(keys)], dtype=np.int64)


def _parts(
    labels: Indices, groups: Indices, classes: tuple[str, ...], source: DataSource, held_out: Indices | None
) -> Parts:
    """Split so that all copies of a text go with the first one, whatever their labels are."""
    if held_out is None:
        return split(labels[groups], groups, classes, source.split)
    known = np.flatnonzero(np.isin(groups, groups[held_out]))
    parts = split(labels[groups], groups, classes, source.split, held_out=known)
    return Parts(parts.train, parts.validation, parts.gate, held_out)


def _facts(texts: npt.NDArray[Any], spec: TextSpec) -> dict[str, float | int | str]:
    lengths = np.array([len(text) for text in texts])
    return {
        "medianCharacters": float(np.median(lengths)),
        "longestCharacters": int(lengths.max()),
        "ngrams": spec.features - 1,
        "ngramsOfAText": spec.length,
    }


def _warnings(texts: npt.NDArray[Any], labels: Indices, groups: Indices, held_out: Indices | None) -> tuple[str, ...]:
    found = []
    empty = sum(1 for text in texts if not text.strip())
    if empty:
        found.append(f"{empty} texts are empty; a model answers them by the shares of the classes alone")
    long = sum(1 for text in texts if len(text) > LONGEST_READ)
    if long:
        found.append(f"{long} texts are longer than {LONGEST_READ} characters; only their beginnings are read")
    copies = np.flatnonzero(groups != np.arange(len(groups)))
    if len(copies):
        found.append(
            f"{len(copies)} texts are copies of another but for case and spaces; copies stay in the same split"
        )
        disputed = int(np.count_nonzero(labels[copies] != labels[groups[copies]]))
        if disputed:
            found.append(f"{disputed} of the copies have another label than the first; correct the labels")
    if held_out is not None:
        shared = int(np.count_nonzero(np.isin(groups, groups[held_out]))) - len(held_out)
        if shared:
            found.append(f"{shared} examples have a text of the test file too; they are left out of the training")
    return tuple(found)
