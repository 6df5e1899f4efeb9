"""What every kind is made of: base models, bounded text, and rules that the API server checks."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

GROUP = "idla.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A CEL rule of the CRD. The type enforces the same by a validator, unless the rule compares with `oldSelf`."""

    rule: str
    message: str


def rules(*cel: Rule) -> dict[str, Any]:
    """Return the part of a schema by which the API server checks `cel`."""
    return {"x-kubernetes-validations": [{"rule": rule.rule, "message": rule.message} for rule in cel]}


def _with_rules(schema: dict[str, Any], model: "type[SpecModel | StatusModel]") -> None:
    if model.cel:
        schema.update(rules(*model.cel))


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


@dataclass(frozen=True, slots=True)
class Keyed:
    """Marks a list whose entries are told apart by one field, so that server-side apply can merge them."""

    key: str
    """The field's name on the wire, which is its name in Python: one word."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse two entries with the same key, as the API server does."""
        return no_info_after_validator_function(self._once, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of a list map."""
        return handler(core) | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}

    def _once(self, entries: tuple[BaseModel, ...]) -> tuple[BaseModel, ...]:
        values = [str(getattr(entry, self.key)) for entry in entries]
        _refuse_repetition(values, f"{self.key} ")
        return entries


class Distinct:
    """Marks a list of words that are each given once."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse a word that is given twice, as the API server does."""
        return no_info_after_validator_function(self._once, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of a set."""
        return handler(core) | {"x-kubernetes-list-type": "set"}

    def _once(self, words: tuple[str, ...]) -> tuple[str, ...]:
        _refuse_repetition([str(word) for word in words], "")
        return words


def _refuse_repetition(values: list[str], label: str) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{label}{value} is given twice; each may be given once")


Whole = Annotated[int, Strict()]
"""A whole number; text and fractions are refused, as the API server does."""
Flag = Annotated[bool, Strict()]
"""`true` or `false`."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)]
"""The name of an object."""
Label = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
"""A name that is also a Service's."""
Share = Annotated[str, Field(pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$", max_length=8)]
"""A decimal from 0 to 1 as text, since floats are no part of a spec."""
Decimal = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?(e-?[0-9])?$",
        max_length=24,
        json_schema_extra=rules(Rule(rule="double(self) > 0.0", message="must be above 0")),
    ),
    AfterValidator(_above_zero),
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


Conditions = Annotated[tuple[ConditionStatus, ...], Field(max_length=16), Keyed("type")]
