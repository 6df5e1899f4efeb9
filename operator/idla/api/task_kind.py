"""Which kind of task a spec is of, where it says so and where other fields tell, and what only some kinds have.

The type and the API server judge alike: each table below is also written as a CEL expression.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from idla_contract.problem import METRICS, Metric, TaskType
from idla_contract.task import DataFormat
from pydantic.alias_generators import to_camel

from idla.api.meta import Rule

if TYPE_CHECKING:
    from idla.api.training_workflow import TrainingWorkflowSpec

CLASSIFICATION = (
    TaskType.IMAGE_CLASSIFICATION,
    TaskType.TEXT_CLASSIFICATION,
    TaskType.INTENT_DETECTION,
    TaskType.TABULAR_CLASSIFICATION,
)
_TEXT = (TaskType.TEXT_CLASSIFICATION, TaskType.INTENT_DETECTION)
TABULAR = (TaskType.TABULAR_CLASSIFICATION, TaskType.TABULAR_REGRESSION)
ROLES = {
    "label": CLASSIFICATION,
    "target": (TaskType.TABULAR_REGRESSION, TaskType.FORECASTING),
    "picture": (TaskType.IMAGE_CLASSIFICATION,),
    "text": _TEXT,
    "user": (TaskType.RECOMMENDATION,),
    "item": (TaskType.RECOMMENDATION,),
    "rating": (TaskType.RECOMMENDATION,),
    "timestamp": (*TABULAR, TaskType.RECOMMENDATION, TaskType.FORECASTING),
    "series": (TaskType.FORECASTING,),
    "known_covariates": (TaskType.FORECASTING,),
    "group": (*CLASSIFICATION, TaskType.TABULAR_REGRESSION),
    "features": (*TABULAR, TaskType.RECOMMENDATION, TaskType.FORECASTING),
    "categorical": (*TABULAR, TaskType.RECOMMENDATION, TaskType.FORECASTING),
    "types": (*TABULAR, TaskType.FORECASTING),
}
"""The roles of columns, each with the kinds of task that have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sign:
    """What tells the kind of a task that is not named."""

    type: TaskType
    cel: str
    holds: "Callable[[TrainingWorkflowSpec], bool]"


_TASK, _COLUMNS = "task", "data.columns"
"""Optional parts of a spec whose fields tell the kind of task."""


def _has_cel(part: str, name: str) -> str:
    return f"has(self.{part}) && has(self.{part}.{to_camel(name)})"


def _has(part: str, name: str) -> "Callable[[TrainingWorkflowSpec], bool]":
    def holds(spec: "TrainingWorkflowSpec") -> bool:
        found = attrgetter(part)(spec)
        return found is not None and getattr(found, name) is not None

    return holds


_SIGNS = (
    *(
        _Sign(type=kind, cel=_has_cel(part, name), holds=_has(part, name))
        for part, name, kind in (
            (_TASK, "horizon", TaskType.FORECASTING),
            (_TASK, "history", TaskType.FORECASTING),
            (_TASK, "period_seconds", TaskType.FORECASTING),
            (_TASK, "quantiles", TaskType.FORECASTING),
            (_COLUMNS, "series", TaskType.FORECASTING),
            (_COLUMNS, "known_covariates", TaskType.FORECASTING),
            (_COLUMNS, "user", TaskType.RECOMMENDATION),
            (_COLUMNS, "item", TaskType.RECOMMENDATION),
            (_COLUMNS, "picture", TaskType.IMAGE_CLASSIFICATION),
            (_COLUMNS, "text", TaskType.TEXT_CLASSIFICATION),
            (_COLUMNS, "target", TaskType.TABULAR_REGRESSION),
        )
    ),
    _Sign(
        type=TaskType.IMAGE_CLASSIFICATION,
        cel="self.data.storageUri == 'sample://digits' ||"
        " (has(self.data.format) && self.data.format in ['IDX', 'ImageFolder'])",
        holds=lambda spec: (
            spec.data.storage_uri == "sample://digits" or spec.data.format in {DataFormat.IDX, DataFormat.IMAGE_FOLDER}
        ),
    ),
    _Sign(
        type=TaskType.TABULAR_CLASSIFICATION,
        cel=f"{_has_cel(_COLUMNS, 'label')}"
        " && (!has(self.data.format) || self.data.format in ['Auto', 'CSV', 'JSONL', 'Parquet'])",
        holds=lambda spec: (
            _has(_COLUMNS, "label")(spec)
            and spec.data.format in {None, DataFormat.AUTO, DataFormat.CSV, DataFormat.JSONL, DataFormat.PARQUET}
        ),
    ),
)


def kind_of(spec: "TrainingWorkflowSpec") -> TaskType | None:
    """Return the kind of task: the one that is named, else the one that other fields tell, else None."""
    if spec.task is not None and spec.task.type is not None:
        return spec.task.type
    return next((sign.type for sign in _SIGNS if sign.holds(spec)), None)


def _kind_cel() -> str:
    text = "''"
    for sign in reversed(_SIGNS):
        text = f"({sign.cel}) ? '{sign.type}' : {text}"
    return f"(has(self.task) && has(self.task.type) ? self.task.type : {text})"


KIND_CEL = _kind_cel()


def _words(kinds: Iterable[str]) -> str:
    return "[" + ", ".join(f"'{kind}'" for kind in kinds) + "]"


def _sentence(kinds: Iterable[str]) -> str:
    *some, last = kinds
    return f"{', '.join(some)} and {last}" if some else last


KIND_UNKNOWN = Rule(
    rule=f"{KIND_CEL} != ''",
    message=(
        "give `task.type`; without it the kind of task is inferred from `task.horizon` and its like, the columns"
        " `series`, `knownCovariates`, `user`, `item`, `picture`, `text`, `target` or `label`, or a format of images"
    ),
)
_TABLE = "{" + ", ".join(f"'{kind}': {_words(metrics)}" for kind, metrics in METRICS.items()) + "}"
METRIC = Rule(
    rule=f"!has(self.objectives) || {KIND_CEL} == '' || self.objectives.all(o, o.metric in {_TABLE}[{KIND_CEL}])",
    # The values at fault cannot be shown: the API server refuses an expression for it as too dear.
    message="`objectives[0].metric` does not measure this kind of task; "
    + "; ".join(f"{kind}: {', '.join(metrics)}" for kind, metrics in METRICS.items()),
)
POSITIVE = Rule(
    rule=f"!({_has_cel(_TASK, 'positive_label')}) || {KIND_CEL} in {_words(['', *CLASSIFICATION])}",
    message=f"`task.positiveLabel` is for {_sentence(CLASSIFICATION)}",
)
ROLE_RULES = {
    name: Rule(
        rule=f"!({_has_cel(_COLUMNS, name)}) || {KIND_CEL} in {_words(['', *kinds])}",
        message=f"`data.columns.{to_camel(name)}` is for {_sentence(kinds)}",
    )
    for name, kinds in ROLES.items()
}
MISSING_VALUES = Rule(
    rule=f"!has(self.data.missingValues) || {KIND_CEL} in {_words(['', *TABULAR])}",
    message=f"`data.missingValues` is for {_sentence(TABULAR)}",
)
RULES = (KIND_UNKNOWN, METRIC, POSITIVE, MISSING_VALUES, *ROLE_RULES.values())
"""What a spec's kind of task demands of its other fields."""


def broken_rule(spec: "TrainingWorkflowSpec") -> Rule | None:
    """Return the first of `RULES` that a spec breaks, or None."""
    kind = kind_of(spec)
    if kind is None:
        return KIND_UNKNOWN
    allowed: tuple[Metric, ...] = METRICS[kind]
    if any(objective.metric not in allowed for objective in spec.objectives or ()):
        return METRIC
    if _has(_TASK, "positive_label")(spec) and kind not in CLASSIFICATION:
        return POSITIVE
    if spec.data.missing_values is not None and kind not in TABULAR:
        return MISSING_VALUES
    wrong = (name for name, kinds in ROLES.items() if kind not in kinds and _has(_COLUMNS, name)(spec))
    return next((ROLE_RULES[name] for name in wrong), None)
