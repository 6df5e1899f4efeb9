"""What a TrainingWorkflow's model has to do, and how well."""

from typing import Annotated, ClassVar

from idla_contract.problem import Metric, TaskType
from pydantic import Field
from typing_extensions import override

from idla.api.meta import DECIMAL, SHARE, Decimal, Distinct, InnerShare, Matches, Rule, Share, SpecModel, Whole

NOT_NEGATIVE = Matches(
    pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?$", allowed='a decimal in quotes, e.g. "0.97", or "12.5" where less is better'
)
ERRORS = tuple(metric for metric in Metric if not metric.maximized)
_IS_ERROR = "self.metric in [" + ", ".join(f"'{metric}'" for metric in ERRORS) + "]"
_SHARES_WORDS = ", ".join(metric for metric in Metric if metric.maximized)
_ERRORS_WORDS = ", ".join(ERRORS)


def _only_forecasting(name: str) -> Rule:
    return Rule(
        rule=f"!has(self.{name}) || !has(self.type) || self.type == 'Forecasting'",
        message=f"`{name}` is for Forecasting",
    )


class TaskSettings(SpecModel):
    """What the model has to do."""

    cel: ClassVar[tuple[Rule, ...]] = tuple(
        _only_forecasting(name) for name in ("horizon", "history", "periodSeconds", "quantiles")
    )

    type: TaskType | None = None
    """The kind of task. Default: what columns, format and other settings tell."""
    positive_label: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """The class that `f1` and `auc` speak of. Default: the rarer of two."""
    horizon: Whole | None = Field(default=None, ge=1, le=10000)
    """Forecasting: steps that are predicted. Default: 12."""
    history: Whole | None = Field(default=None, ge=1, le=10000)
    """Forecasting: steps that a prediction is made from. Default: 12."""
    period_seconds: Whole | None = Field(default=None, ge=1, le=31536000)
    """Forecasting: time from one step to the next. Default: what the timestamps say, else 300."""
    quantiles: Annotated[tuple[InnerShare, ...], Field(min_length=1, max_length=9), Distinct()] | None = None
    """Forecasting: quantiles that are predicted, e.g. "0.1". Default: "0.1", "0.5" and "0.9"."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        may_forecast = self.type in {None, TaskType.FORECASTING}
        given = (self.horizon, self.history, self.period_seconds, self.quantiles)
        return tuple(value is None or may_forecast for value in given)


class Objective(SpecModel):
    """The quality by which models are compared, and what of it is asked for."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule=f"!has(self.minimum) || !({_IS_ERROR})",
            message=f"of {_ERRORS_WORDS} less is better: give `maximum` instead of `minimum`",
        ),
        Rule(
            rule=f"!has(self.maximum) || {_IS_ERROR}",
            message=f"of {_SHARES_WORDS} more is better: give `minimum` instead of `maximum`",
        ),
        Rule(
            rule=(
                f"!has(self.target) || {_IS_ERROR} || !{NOT_NEGATIVE.cel('self.target')} || {SHARE.cel('self.target')}"
            ),
            message=f"the `target` of {_SHARES_WORDS} must be {SHARE.allowed}",
        ),
        Rule(
            rule=(
                f"!has(self.minimum) || !has(self.target) || !{SHARE.cel('self.minimum')}"
                f" || !{SHARE.cel('self.target')} || double(self.minimum) <= double(self.target)"
            ),
            message="`minimum` must not be above `target`",
            shown="'`minimum` must not be above `target` (' + self.minimum + ' > ' + self.target + ')'",
        ),
        Rule(
            rule=(
                f"!has(self.maximum) || !has(self.target) || !{DECIMAL.cel('self.maximum')}"
                f" || !{NOT_NEGATIVE.cel('self.target')} || double(self.target) <= double(self.maximum)"
            ),
            message="`target` must not be above `maximum`",
            shown="'`target` must not be above `maximum` (' + self.target + ' > ' + self.maximum + ')'",
        ),
    )

    metric: Metric
    """What is measured; without an objective the first that the kind of task has."""
    target: Annotated[str, Field(max_length=24), NOT_NEGATIVE] | None = None
    """What to reach, e.g. "0.97". Default: nothing is asked for."""
    minimum: Share | None = None
    """The least that is published, where more is better. Default: the target."""
    maximum: Decimal | None = None
    """The most that is published, where less is better. Default: the target."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        target = None if self.target is None else float(self.target)
        return (
            self.minimum is None or self.metric.maximized,
            self.maximum is None or not self.metric.maximized,
            self.target is None or not self.metric.maximized or SHARE.accepts(self.target),
            target is None or self.minimum is None or float(self.minimum) <= target,
            target is None or self.maximum is None or target <= float(self.maximum),
        )
