"""Records of numbers and categories, with a class or a number each."""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from idla_contract.columns import ColumnRole, ColumnType, ReadAs
from idla_contract.problem import Problem, TaskType
from idla_contract.task import DataSource
from idla_preprocess import Answers, Array, Arrays, Classes, InputError
from idla_preprocess.dates import DateForm
from idla_preprocess.tabular import TabularSpec
from idla_preprocess.tabular_columns import MISSING_TEXTS, Category, Number
from idla_preprocess.tabular_moments import Moment
from idla_preprocess.value import Value

from idla_trainer.chosen import Chosen
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.findings.columns import ColumnUses, Use
from idla_trainer.data.findings.copies import about_copies, about_test_file
from idla_trainer.data.findings.identifiers import about_identifiers
from idla_trainer.data.findings.labels import about_names
from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.findings.sentinels import about_sentinels
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.labels import encode_labels
from idla_trainer.data.split import Indices, equal_records
from idla_trainer.data.split_by_group import split_tied
from idla_trainer.data.spool import ArrayWriter, in_file
from idla_trainer.data.table import Table
from idla_trainer.objective import Objective
from idla_trainer.problems.classification import classifier_of
from idla_trainer.problems.columns import categorical_columns, explain_style, labels_of, numbers_of
from idla_trainer.problems.number_columns import check_finite, read_number_columns
from idla_trainer.problems.number_targets import number_targets, quantile_strata
from idla_trainer.problems.regression import Regression
from idla_trainer.problems.tabular.columns import (
    answer_column,
    appended,
    feature_columns,
    group_column,
    index_columns,
)
from idla_trainer.problems.tabular.groups import about_alone, tied
from idla_trainer.problems.tabular.subgroups import SubgroupClassification, reported
from idla_trainer.problems.tabular.times import read_date_columns

_COUNTS = "it only counts the rows; name it in data.columns.features to keep it"
_TYPES = {Number: ColumnType.NUMBER, Category: ColumnType.CATEGORY, Moment: ColumnType.TIME}
_SAY_MISSING = 'set data.missingValues: ["{}"]'
_SAYS_NOTHING = "one value alone, or names that hardly ever occur twice"


@dataclass(frozen=True, slots=True, eq=False)
class _Records:
    """What the files hold, those of the test file last."""

    columns: dict[str, Array]
    dates: dict[str, DateForm]
    """Form of each column of texts that holds dates."""
    answers: list[str] | npt.NDArray[np.float64]
    """Labels, or numbers [N]."""
    groups: Indices
    """Position of the first record that a record stays together with, [N]."""
    equal: Indices
    """Position of the first record that a record equals, [N]."""
    held_out: Indices | None
    answer: str
    """The column that is predicted."""
    group: str | None
    numbering: tuple[str, ...]
    """Columns that only count the records; they are no inputs."""
    read_as: tuple[str, ...]
    """Sentences on columns that were read as dates or numbers."""
    notes: dict[str, tuple[str, int]]
    """The same in few words, and the cells without a date or number, by name."""


def prepare(
    table: Table, source: DataSource, problem: Problem, *, digest: str, test: Table | None = None, whole: bool = False
) -> Dataset:
    """Return the data set of checked records.

    Equal records, and those of one group where a column of groups is named, stay in one part. The split follows the
    classes, or the quantiles of the number to predict. A record that is, or whose group is, in a given test file too
    is neither learned from nor validated on.
    With `whole` all but the test is learned from, as `Parts.merged` says.

    Raises:
        TaskError: the columns, labels or numbers cannot be used.
    """
    records = _records(table, source, problem, test)
    by_kind = _classified if problem.type is TaskType.TABULAR_CLASSIFICATION else _estimated
    targets, classes, strata, names = by_kind(records)
    parts = split_tied(strata, records.groups, names, source.split, held_out=records.held_out, whole=whole)
    spec, raw, left_out = _fitted(records, parts.train, source)
    answers, objective = _ends(problem, source, targets[parts.train], classes, Chosen(raw, parts.train))
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
        warnings=_warnings(records, left_out, targets, classes),
        uses=ColumnUses(
            _ignored(source) | _uses(records, spec, left_out, classified=bool(classes)),
            otherwise="not in data.columns.features",
            missing=source.missing_values,
        ),
    )


def _records(table: Table, source: DataSource, problem: Problem, test: Table | None) -> _Records:
    roles, classified = source.columns, problem.type is TaskType.TABULAR_CLASSIFICATION
    answer = answer_column(table, roles, role="label" if classified else "target")
    group = group_column(table, roles)
    read_inputs = partial(feature_columns, columns=roles, answer=answer, group=group, missing=source.missing_values)
    columns = read_inputs(table)
    numbering = index_columns(columns, kept=(*roles.features, roles.timestamp or ""))
    columns = {name: values for name, values in columns.items() if name not in numbering}
    of: Callable[[Table, str], list[str] | npt.NDArray[np.float64]] = labels_of if classified else _targets
    answers, owners, held_out = of(table, answer), [] if group is None else labels_of(table, group), None
    if test is not None:
        columns = appended(columns, read_inputs(test))
        more, held_out = of(test, answer), np.arange(table.rows, table.rows + test.rows)
        answers = [*answers, *more] if classified else np.concatenate([answers, more])
        owners += [] if group is None else labels_of(test, group)
    dates = read_date_columns(columns, roles, split=test is None)
    read = read_number_columns({name: columns[name] for name in columns if name not in dates.columns}, roles)
    columns, read_as = columns | dates.columns | read.columns, (*dates.sentences, *read.sentences)
    if not classified:
        read_as += explain_style(table, answer)
    if not columns:
        raise invalid(
            f"there is no column besides {answer!r} to learn from; add one, or name it in data.columns.features"
        )
    check_finite(columns)
    read_as += (*_about_answers(source, answers), *about_alone(owners))
    equal = equal_records(columns)
    groups = equal if group is None else tied(equal, owners)
    notes = dates.notes | read.notes
    return _Records(columns, dates.forms, answers, groups, equal, held_out, answer, group, numbering, read_as, notes)


def _about_answers(source: DataSource, answers: list[str] | npt.NDArray[np.float64]) -> tuple[str, ...]:
    """Return sentences on labels that read like missing ones to the user."""
    named = [name for name in source.missing_values if isinstance(answers, list) and name in answers]
    return tuple(
        f"the label {quoted(name)} is a class, since data.missingValues is for inputs; leave its records out where it "
        "stands for a missing label"
        for name in named
    )


def _targets(table: Table, name: str) -> npt.NDArray[np.float64]:
    return numbers_of(table, "target", name, remedy="; for names use TabularClassification")


def _classified(records: _Records) -> tuple[Array, tuple[str, ...], Indices, tuple[str, ...]]:
    """Return the targets, the classes, and the strata of the split with their names."""
    labels, classes = encode_labels(list(records.answers))
    return labels, classes, labels, classes


def _estimated(records: _Records) -> tuple[Array, tuple[str, ...], Indices, tuple[str, ...]]:
    targets = number_targets(np.asarray(records.answers, np.float64))
    return targets, (), *quantile_strata(targets, records.groups)


def _fitted(
    records: _Records, train: Indices, source: DataSource
) -> tuple[TabularSpec, dict[str, Array], tuple[str, ...]]:
    """Return what is fitted on the training part, the columns as users send them, and the names of those left out."""
    try:
        spec, left_out = TabularSpec.fitted(
            Chosen(records.columns, train), categorical_columns(source.columns), records.dates, source.missing_values
        )
        raw = _raw(records.columns, spec)
        spec.to_tensors({name: values[:1] for name, values in raw.items()})
    except InputError as error:
        raise invalid(f"the records cannot be used: {error}") from error
    return spec, raw, left_out


def _ends(
    problem: Problem, source: DataSource, targets: Array, classes: tuple[str, ...], train: Arrays
) -> tuple[Answers, Objective]:
    """Return what is answered and what is learned, by the training part."""
    if not classes:
        return Value(), Regression.fitted(problem.metric, targets)
    usual = classifier_of(problem, classes, targets)
    subgroups = reported(train, tuple(name for name in source.columns.categorical if name in train))
    return Classes(classes), SubgroupClassification(**asdict(usual), subgroups=subgroups) if subgroups else usual


def _raw(columns: dict[str, Array], spec: TabularSpec) -> dict[str, Array]:
    """Return the columns of a spec as users send them."""
    raw: dict[str, Array] = {}
    for column in spec.columns:
        values = columns[column.name]
        if values.dtype.kind == "f":
            narrow = values.astype(np.float32)
            values = _kept(narrow) if in_file(values) else narrow
        raw[column.name] = values
    return raw


def _kept(column: Array) -> Array:
    """Return a column in a file."""
    writer = ArrayWriter()
    writer.write(column)
    return writer.array()


def _ignored(source: DataSource) -> dict[str, Use]:
    names = (name for name, kind in source.columns.types.items() if kind is ReadAs.IGNORED)
    return {name: Use(ColumnRole.NONE, note="Ignored in data.columns.types") for name in names}


def _uses(records: _Records, spec: TabularSpec, left_out: Collection[str], *, classified: bool) -> dict[str, Use]:
    """Return what each column is used for, by its name in the table."""
    answer = Use(*((ColumnRole.LABEL, ColumnType.CATEGORY) if classified else (ColumnRole.TARGET, ColumnType.NUMBER)))
    uses = {records.answer: answer} | {name: Use(ColumnRole.NONE, note=_COUNTS) for name in records.numbering}
    if records.group is not None:
        uses[records.group] = Use(ColumnRole.GROUP, ColumnType.CATEGORY)
    uses |= {name: Use(ColumnRole.NONE, note=_SAYS_NOTHING) for name in left_out}
    for column in spec.columns:
        uses[column.name] = Use(ColumnRole.FEATURE, _TYPES[type(column)], *records.notes.get(column.name, ()))
        matrix = column.name.rpartition(".")[0]
        uses.setdefault(matrix, Use(ColumnRole.FEATURE, ColumnType.ARRAY))
    return uses


def _facts(records: _Records, spec: TabularSpec) -> dict[str, float | int | str]:
    cells = sum(values.size for values in records.columns.values())
    missing = sum(
        int(np.isnan(values).sum())
        if values.dtype.kind == "f"
        else sum(text.strip() in MISSING_TEXTS for text in values)
        for values in records.columns.values()
    )
    facts: dict[str, float | int | str] = {
        "numbers": sum(isinstance(column, Number) for column in spec.columns),
        "categories": sum(isinstance(column, Category) for column in spec.columns),
        "missingPercent": round(100 * missing / cells, 2),
    }
    if records.dates:
        facts["dates"] = sum(isinstance(column, Moment) for column in spec.columns)
    if records.group is not None:
        facts |= {"groupColumn": records.group, "groups": len(np.unique(records.groups))}
    return facts


def _warnings(
    records: _Records, left_out: tuple[str, ...], targets: Array, classes: tuple[str, ...]
) -> tuple[str, ...]:
    found = [
        *records.read_as,
        *about_identifiers(records.columns),
        *about_sentinels(records.columns, cure=_SAY_MISSING),
    ]
    found += about_names({name: values for name, values in records.columns.items() if name not in records.dates})
    if not classes:
        found += about_sentinels({records.answer: np.asarray(targets, np.float64)}, cure="leave these records out")
    if left_out:
        found.append(
            f"{len(left_out)} columns say nothing in the training part (one value alone, or names that hardly ever "
            f"occur twice) and are left out: {listed(left_out)}"
        )
    if records.numbering:
        found.append(
            f"{listed(records.numbering)} only counts the records and is left out; name it in data.columns.features "
            "to keep it"
        )
    labels = targets if classes else None
    found += about_copies("records", records.equal, labels, classes)
    by = "" if records.group is None else "group"
    return (*found, *about_test_file("records", records.groups, records.held_out, by=by))
