"""What of a template's settings may be searched: a typed dimension for each."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from idla.api.meta import Distinct, Matches, Rule, SpecModel

TRAINING_SETTINGS = ("learningRate", "weightDecay")
"""Settings of `training` that can be searched; every other dimension is a hyperparameter of the builder."""
BOUND = Matches(
    pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?(e-?[0-9])?$", allowed='a decimal of 0 or more in quotes, e.g. "32" or "0.001"'
)
Bound = Annotated[str, Field(max_length=24), BOUND]
_WHOLE = r"^[0-9]{1,9}$"
_SETTING = Matches(
    pattern=rf"^([a-z][a-z0-9_]*|{'|'.join(TRAINING_SETTINGS)})$",
    allowed="lower-case letters, digits and `_`, with a letter at the start, or learningRate or weightDecay",
)


class DimensionType(StrEnum):
    """What the values of a dimension are."""

    CATEGORICAL = "Categorical"
    """One of `values`."""
    INTEGER = "Integer"
    """A whole number from `minimum` to `maximum`."""
    FLOAT = "Float"
    """A number from `minimum` to `maximum`."""


class Scale(StrEnum):
    """How the numbers of a dimension are spread."""

    LINEAR = "Linear"
    """Equal differences are equally likely."""
    LOG = "Log"
    """Equal ratios are equally likely."""


class Dimension(SpecModel):
    """A setting that a search may vary."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule=(
                "self.type == 'Categorical'"
                " ? has(self.values) && !has(self.minimum) && !has(self.maximum) && !has(self.scale)"
                " : !has(self.values) && has(self.minimum) && has(self.maximum)"
            ),
            message="`type: Categorical` takes `values` alone; Integer and Float take `minimum`, `maximum` and `scale`",
        ),
        Rule(
            rule=(
                "self.type != 'Integer'"
                f" || ((!has(self.minimum) || !{BOUND.cel('self.minimum')} || self.minimum.matches(r'{_WHOLE}'))"
                f" && (!has(self.maximum) || !{BOUND.cel('self.maximum')} || self.maximum.matches(r'{_WHOLE}')))"
            ),
            message="`type: Integer` takes whole numbers as `minimum` and `maximum`",
        ),
        Rule(
            rule=(
                f"!has(self.minimum) || !has(self.maximum) || !{BOUND.cel('self.minimum')}"
                f" || !{BOUND.cel('self.maximum')} || double(self.minimum) < double(self.maximum)"
            ),
            message="`minimum` must be below `maximum`",
        ),
        Rule(
            rule=(
                "!has(self.scale) || self.scale != 'Log' || !has(self.minimum)"
                f" || !{BOUND.cel('self.minimum')} || double(self.minimum) > 0.0"
            ),
            message="`scale: Log` needs a `minimum` above 0",
        ),
        Rule(
            rule=f"!(self.name in {list(TRAINING_SETTINGS)}) || self.type == 'Float'",
            message=f"{' and '.join(TRAINING_SETTINGS)} are of `type: Float`",
        ),
    )

    name: Annotated[str, Field(max_length=63), _SETTING]
    """One of `hyperparameters`, or learningRate or weightDecay of `training`."""
    type: DimensionType
    """What its values are."""
    values: (
        Annotated[
            tuple[Annotated[str, Field(min_length=1, max_length=253)], ...],
            Field(min_length=2, max_length=16),
            Distinct(),
        ]
        | None
    ) = None
    """What a Categorical one is chosen from; numbers are written as text."""
    minimum: Bound | None = None
    """The least."""
    maximum: Bound | None = None
    """The most."""
    scale: Scale | None = None
    """How numbers are spread. Default: Linear."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        bounds = [float(bound) for bound in (self.minimum, self.maximum) if bound is not None]
        numeric = self.type is not DimensionType.CATEGORICAL
        whole = all(bound is None or bound.isdecimal() for bound in (self.minimum, self.maximum))
        return (
            len(bounds) == 2 and self.values is None  # noqa: PLR2004  # both
            if numeric
            else self.values is not None and not bounds and self.scale is None,
            self.type is not DimensionType.INTEGER or whole,
            len(bounds) != 2 or bounds[0] < bounds[1],  # noqa: PLR2004  # both
            self.scale is not Scale.LOG or self.minimum is None or bounds[0] > 0,
            self.name not in TRAINING_SETTINGS or self.type is DimensionType.FLOAT,
        )

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the least and the greatest number.

        Raises:
            ValueError: it is Categorical and has none.
        """
        if self.minimum is None or self.maximum is None:
            raise ValueError(f"{self.name} is {self.type} and has no bounds")
        return float(self.minimum), float(self.maximum)
