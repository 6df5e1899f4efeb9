"""Records of numbers and categories, with a class or a number each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from idla_contract.problem import Problem, TaskType
from idla_contract.result import FailureReason
from idla_contract.task import DataSource
from idla_preprocess import Answers, Array, Arrays, Classes, InputError
from idla_preprocess.tabular import TabularSpec
from idla_preprocess.value import Value

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.labels import encode_labels
from idla_trainer.data.split import Indices, Parts, equal_groups, split
from idla_trainer.data.table import Table, read_table
from idla_trainer.failures import TaskError
from idla_trainer.problems.classification import Classification, positive_class
from idla_trainer.problems.objective import Objective
from idla_trainer.problems.regression import Regression
from idla_trainer.problems.subgroups import SubgroupClassification, reported
from idla_trainer.problems.tabular_columns import (
    answer_column,
    appended,
    feature_columns,
    group_column,
    row_numbers,
    targets_of,
)
from idla_trainer.problems.text_columns import labels_of

__all__ = ["prepare", "read"]

read = read_table
_STRATA = 10
_STRATUM = 50
"""Examples from which on targets that are numbers are split by one more of their quantiles."""
_FEWEST_VALUES = 10
_SHOWN = 8


@dataclass(frozen=True, slots=True, eq=False)
class _Records:
    """What the files hold, those of the test file last."""

    columns: dict[str, Array]
    answers: list[str] | npt.NDArray[np.float64]
    """Labels, or numbers [N]."""
    groups: Indices
    """Position of the first record that a record stays together with, [N]."""
    copies: int
    """Records that equal an earlier one."""
    held_out: Indices | None
    group: str | None
    numbering: tuple[str, ...]
    """Columns that only count the records; they are no inputs."""


def prepare(table: Table, source: DataSource, problem: Problem, *, digest: str, test: Table | None = None) -> Dataset:
    """Return the data set of checked records.

    Equal records, and those of one group where a column of groups is named, stay in one part. The split follows the
    classes, or the quantiles of the number to predict. A record that is, or whose group is, in a given test file too
    is neither learned from nor validated on.

    Raises:
        TaskError: the columns, labels or numbers cannot be used.
    """
    records = _records(table, source, problem, test)
    by_kind = _classified if problem.type is TaskType.TABULAR_CLASSIFICATION else _estimated
    targets, classes, strata, names = by_kind(records)
    parts = _parts(records, strata, names, source)
    train = {name: values[parts.train] for name, values in records.columns.items()}
    try:
        spec, left_out = TabularSpec.fitted(train, source.columns.categorical)
        raw = _raw(records.columns, spec)
        spec.to_tensors({name: values[:1] for name, values in raw.items()})
    except InputError as error:
        raise TaskError(FailureReason.DATA_INVALID, f"the records cannot be used: {error}") from error
    answers, objective = _ends(problem, source, targets[parts.train], classes, {name: train[name] for name in raw})
    return Dataset(
        digest=digest,
        problem=problem,
        raw=raw,
        targets=targets,
        parts=parts,
        preprocess=spec,
        answers=answers,
        objective=objective,
        classes=classes,
        shape=(len(spec.columns),),
        facts=_facts(records, spec),
        warnings=_warnings(records, left_out),
    )


def _records(table: Table, source: DataSource, problem: Problem, test: Table | None) -> _Records:
    roles, classified = source.columns, problem.type is TaskType.TABULAR_CLASSIFICATION
    answer = answer_column(table, roles, role="label" if classified else "target")
    group = group_column(table, roles)
    columns = feature_columns(table, roles, answer=answer, group=group)
    numbering = row_numbers(columns, kept=roles.features)
    columns = {name: values for name, values in columns.items() if name not in numbering}
    of: Callable[[Table, str], list[str] | npt.NDArray[np.float64]] = labels_of if classified else targets_of
    answers, owners, held_out = of(table, answer), [] if group is None else labels_of(table, group), None
    if test is not None:
        columns = appended(columns, feature_columns(test, roles, answer=answer, group=group))
        more, held_out = of(test, answer), np.arange(table.rows, table.rows + test.rows)
        answers = [*answers, *more] if classified else np.concatenate([answers, more])
        owners += [] if group is None else labels_of(test, group)
    if not columns:
        message = f"there is no column besides {answer!r} to learn from; add one, or name it in data.columns.features"
        raise TaskError(FailureReason.DATA_INVALID, message)
    equal = equal_groups(_coded(columns))
    copies = int(np.count_nonzero(equal != np.arange(len(equal))))
    groups = equal if group is None else _joined(equal, owners)
    return _Records(columns, answers, groups, copies, held_out, group, numbering)


def _classified(records: _Records) -> tuple[Array, tuple[str, ...], Indices, tuple[str, ...]]:
    """Return the targets, the classes, and the strata of the split with their names."""
    labels, classes = encode_labels(list(records.answers))
    return labels, classes, labels, classes


def _estimated(records: _Records) -> tuple[Array, tuple[str, ...], Indices, tuple[str, ...]]:
    values = np.asarray(records.answers, np.float64)
    if len(values) < _FEWEST_VALUES:
        message = f"there are {len(values)} examples; at least {_FEWEST_VALUES} are needed"
        raise TaskError(FailureReason.TOO_FEW_EXAMPLES, message)
    with np.errstate(over="ignore"):
        targets = values.astype(np.float32)
    finite = np.isfinite(targets)
    if not finite.all():
        message = (
            f"{int(np.count_nonzero(~finite))} of {len(targets)} examples have no finite number to predict; the first "
            f"is example {int(np.argmin(finite))} (counted from 0). Mend or remove them"
        )
        raise TaskError(FailureReason.NOT_FINITE, message)
    if targets.min() == targets.max():
        message = f"all {len(targets)} examples have the number {targets[0]:g} to predict; there is nothing to learn"
        raise TaskError(FailureReason.DATA_INVALID, message)
    ranks = np.argsort(np.argsort(targets, kind="stable"), kind="stable")
    count = max(1, min(_STRATA, len(targets) // _STRATUM))
    return targets, (), ranks * count // len(targets), tuple(f"quantile {place}" for place in range(count))


def _parts(records: _Records, strata: Indices, names: tuple[str, ...], source: DataSource) -> Parts:
    """Split so that a group goes where its first record goes, whatever the others' answers are."""
    groups, held_out = records.groups, records.held_out
    if held_out is None:
        return split(strata[groups], groups, names, source.split)
    known = np.flatnonzero(np.isin(groups, groups[held_out]))
    parts = split(strata[groups], groups, names, source.split, held_out=known)
    return Parts(parts.train, parts.validation, parts.gate, held_out)


def _ends(
    problem: Problem, source: DataSource, targets: Array, classes: tuple[str, ...], train: Arrays
) -> tuple[Answers, Objective]:
    """Return what is answered and what is learned, by the training part."""
    if not classes:
        return Value(), Regression.fitted(problem.metric, targets)
    positive = positive_class(problem.positive_label, classes, targets)
    named = tuple(name for name in source.columns.categorical if name in train)
    subgroups = reported(train, named)
    if subgroups:
        return Classes(classes), SubgroupClassification(
            metric=problem.metric, classes=len(classes), positive=positive, subgroups=subgroups
        )
    return Classes(classes), Classification(metric=problem.metric, classes=len(classes), positive=positive)


def _raw(columns: dict[str, Array], spec: TabularSpec) -> dict[str, Array]:
    """Return the columns of a spec as users send them.

    Raises:
        InputError: a number is infinite as float32.
    """
    raw: dict[str, Array] = {}
    for column in spec.columns:
        values = columns[column.name]
        if values.dtype.kind == "f":
            with np.errstate(over="ignore"):
                narrow = values.astype(np.float32)
            infinite = np.isinf(narrow)
            if infinite.any():
                place = int(np.argmax(infinite))
                raise InputError(column.name, f"an infinite number in example {place}", "finite 32-bit numbers")
            values = narrow
        raw[column.name] = values
    return raw


def _coded(columns: dict[str, Array]) -> npt.NDArray[np.float64]:
    """Return records as rows of numbers that are equal where the records are."""
    coded = np.empty((len(next(iter(columns.values()))), len(columns)))
    for place, values in enumerate(columns.values()):
        if values.dtype.kind == "f":
            coded[:, place] = np.where(np.isnan(values), np.inf, values + 0.0)  # -0.0 becomes 0.0
        else:
            coded[:, place] = np.unique(values.astype(np.str_), return_inverse=True)[1]
    return coded


def _joined(equal: Indices, owners: list[str]) -> Indices:
    """Return for each record the position of the first that it is tied to, by equality or by owner, over any steps."""
    parent = list(range(len(equal)))

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    first: dict[str, int] = {}
    for position, (same, owner) in enumerate(zip(equal.tolist(), owners, strict=True)):
        for other in (same, first.setdefault(owner, position)):
            one, two = sorted((root(position), root(other)))
            parent[two] = one
    return np.array([root(position) for position in range(len(parent))], dtype=np.int64)


def _facts(records: _Records, spec: TabularSpec) -> dict[str, float | int | str]:
    cells = sum(values.size for values in records.columns.values())
    missing = sum(
        int(np.isnan(values).sum()) if values.dtype.kind == "f" else sum(1 for text in values.tolist() if not text)
        for values in records.columns.values()
    )
    facts: dict[str, float | int | str] = {
        "numbers": len(spec.numbers),
        "categories": len(spec.categories),
        "missingPercent": round(100 * missing / cells, 2),
    }
    if records.group is not None:
        facts |= {"groupColumn": records.group, "groups": len(np.unique(records.groups))}
    return facts


def _warnings(records: _Records, left_out: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    if left_out:
        shown = ", ".join(repr(name) for name in left_out[:_SHOWN]) + (", ..." if len(left_out) > _SHOWN else "")
        found.append(
            f"{len(left_out)} columns say nothing in the training part (one value alone, or names that hardly ever "
            f"occur twice) and are left out: {shown}"
        )
    if records.numbering:
        shown = ", ".join(map(repr, records.numbering[:_SHOWN]))
        found.append(f"{shown} only counts the records and is left out; name it in data.columns.features to keep it")
    if records.copies:
        found.append(f"{records.copies} records equal an earlier one; equal records stay in the same split")
    if records.held_out is not None:
        shared = int(np.count_nonzero(np.isin(records.groups, records.groups[records.held_out])))
        if shared > len(records.held_out):
            more = shared - len(records.held_out)
            found.append(f"{more} records are tied to one of the test file; they are left out of the training")
    return tuple(found)
