"""What every kind is made of: base models, bounded text, and rules that the API server checks."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "idla.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A CEL rule of the CRD. The type enforces the same by a validator, unless the rule compares with `oldSelf`."""

    rule: str
    message: str


def _with_rules(schema: dict[str, Any], model: "type[SpecModel | StatusModel]") -> None:
    """Put the rules of a model into its schema."""
    if model.cel:
        schema["x-kubernetes-validations"] = [{"rule": rule.rule, "message": rule.message} for rule in model.cel]


class SpecModel(BaseModel):
    """A part of a spec: frozen, camelCase on the wire, unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        json_schema_extra=_with_rules,
    )

    cel: ClassVar[tuple[Rule, ...]] = ()


class StatusModel(BaseModel):
    """A part of a status: as above, but fields of another version of the operator are ignored."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        json_schema_extra=_with_rules,
    )

    cel: ClassVar[tuple[Rule, ...]] = ()

    def to_status(self) -> dict[str, Any]:
        """Return the raw dict that is written, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _above_zero(text: str) -> str:
    if float(text) <= 0:
        raise ValueError(f"{text!r} must be above 0")
    return text


Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)]
"""The name of an object."""
Label = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
"""A name that is also a Service's."""
Share = Annotated[str, Field(pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$", max_length=8)]
"""A decimal from 0 to 1 as text, since floats are no part of a spec."""
Decimal = Annotated[
    str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?(e-?[0-9])?$", max_length=24), AfterValidator(_above_zero)
]
"""A decimal above 0 as text."""
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]
Quantity = Annotated[
    str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$", min_length=1, max_length=24)
]
"""An amount as Kubernetes writes it."""
Text = Annotated[str, Field(max_length=1024)]
Reason = Annotated[str, Field(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", min_length=1, max_length=128)]
Timestamp = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]

RESOURCE_NAME = re.compile(
    r"cpu|memory|ephemeral-storage|[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
)
RESOURCE_NAME_MESSAGE = "a resource is `cpu`, `memory`, `ephemeral-storage` or an extended one such as `nvidia.com/gpu`"


def _known_resources(amounts: dict[str, str]) -> dict[str, str]:
    for name in amounts:
        if not RESOURCE_NAME.fullmatch(name):
            raise ValueError(f"{name!r}: {RESOURCE_NAME_MESSAGE}")
    return amounts


Amounts = Annotated[dict[str, Quantity], Field(max_length=8), AfterValidator(_known_resources)]


class Resources(SpecModel):
    """What each pod asks for and may use at most."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule=(
                "(!has(self.requests) || self.requests.all(k, k.matches('^(cpu|memory|ephemeral-storage|.+/.+)$')))"
                " && (!has(self.limits) || self.limits.all(k, k.matches('^(cpu|memory|ephemeral-storage|.+/.+)$')))"
            ),
            message=RESOURCE_NAME_MESSAGE,
        ),
    )

    requests: Amounts | None = None
    """Amounts that are kept free for a pod, e.g. `cpu: 500m`, `memory: 1Gi`."""
    limits: Amounts | None = None
    """Amounts that a pod may use at most; devices such as `nvidia.com/gpu` are asked for here."""


class ObjectName(SpecModel):
    """A reference to an object of a known kind."""

    name: Name
    """The object's name."""


class ConditionStatus(StatusModel):
    """One observation in the shape of `metav1.Condition`."""

    type: Reason
    """What is observed; one entry each."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Reason
    """Why, as a word that programs may rely on; docs/reference/conditions.md lists them."""
    message: Annotated[str, Field(max_length=1024)]
    """Why, for people."""
    observed_generation: int = Field(default=0, ge=0)
    """The generation of the spec that this was observed for."""
    last_transition_time: Timestamp
    """When `status` last changed."""


Conditions = Annotated[
    tuple[ConditionStatus, ...],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]
