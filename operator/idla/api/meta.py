"""What every kind is made of: base models, bounded text, and rules that the API server checks."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    model_validator,
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
    shown: str = ""
    """A CEL expression that gives the message together with the values at fault."""

    def to_schema(self) -> dict[str, str]:
        """Return the entry of `x-kubernetes-validations`; `message` stays for values that hold a line break."""
        shown = {"messageExpression": self.shown} if self.shown else {}
        return {"rule": self.rule, "message": self.message} | shown


def rules(*cel: Rule) -> dict[str, Any]:
    """Return the part of a schema by which the API server checks `cel`."""
    return {"x-kubernetes-validations": [rule.to_schema() for rule in cel]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Marks text of one form, and says the form in words, since a refusal by `pattern` shows the expression alone."""

    pattern: str
    """A regular expression of RE2 for the whole text, with `^` and `$` and without `'`."""
    allowed: str
    """What follows "must be", without `'` and `\\`."""
    hidden: str = ""
    """Text that holds this, without `'` and `\\`, may hold a secret, and the refusal does not repeat it."""
    advice: tuple[str, str] | None = None
    """How refused text may begin, and what is then said beside; both without `'` and `\\`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse other text in the words of the API server."""
        return no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the pattern and the rule that says the same: `structural_schema` keeps one of them."""
        shown = f"""'"' + self + '" must be {self.allowed}'"""
        if self.advice is not None:
            begin, words = self.advice
            shown += f""" + (self.startsWith('{begin}') ? '; {words}' : '')"""
        if self.hidden:
            shown = f"self.contains('{self.hidden}') ? 'must be {self.allowed}' : {shown}"
        rule = Rule(rule=self.cel("self"), message=f"must be {self.allowed}", shown=shown)
        return handler(core) | {"pattern": self.pattern} | rules(rule)

    def cel(self, part: str) -> str:
        """Return the CEL expression that holds where `part` has this form."""
        return f"{part}.matches(r'{self.pattern}')"

    def accepts(self, text: str) -> bool:
        """Return whether a text has this form."""
        return re.fullmatch(self.pattern, text, re.ASCII) is not None

    def _checked(self, text: str) -> str:
        if not self.accepts(text):
            begin, words = self.advice or ("", "")
            raise ValueError(f"must be {self.allowed}" + (f"; {words}" if begin and text.startswith(begin) else ""))
        return text


def _with_rules(schema: dict[str, Any], model: "type[SpecModel]") -> None:
    if model.cel:
        schema.update(rules(*model.cel))


_SHARED = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True)


class SpecModel(BaseModel):
    """A part of a spec: frozen, camelCase on the wire, unknown fields are refused."""

    model_config = _SHARED | ConfigDict(extra="forbid", json_schema_extra=_with_rules)

    cel: ClassVar[tuple[Rule, ...]] = ()

    def rules_kept(self) -> tuple[bool, ...]:
        """Return for each rule of `cel` whether the value keeps it."""
        return ()

    @model_validator(mode="after")
    def _keeps_rules(self) -> Self:
        """Refuse, in the words of the API server, what breaks a rule."""
        for rule, kept in zip(self.cel, self.rules_kept(), strict=True):
            if not kept:
                raise ValueError(rule.message)
        return self


class StatusModel(BaseModel):
    """A part of a status: as above, but fields of another version of the operator are ignored."""

    model_config = _SHARED | ConfigDict(extra="ignore")

    def to_status(self) -> dict[str, Any]:
        """Return the raw dict that is written, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


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
NAME = Matches(
    pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    allowed="lower-case letters, digits, `-` and `.`, with a letter or digit at both ends, e.g. resnet-small",
)
Name = Annotated[str, Field(max_length=253), NAME]
"""The name of an object."""
LABEL = Matches(
    pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
    allowed="lower-case letters, digits and `-`, with a letter at the start and no `-` at the end, e.g. digits",
)
Label = Annotated[str, Field(max_length=63), LABEL]
"""A name that is also a Service's."""
SHARE = Matches(pattern=r"^(0(\.[0-9]+)?|1(\.0+)?)$", allowed='a decimal from 0 to 1 in quotes, e.g. "0.97"')
Share = Annotated[str, Field(max_length=24), SHARE]
"""A decimal from 0 to 1 as text, since floats are no part of a spec."""
TOLERANCE = Matches(pattern=r"^0(\.([01][0-9]*|20*))?$", allowed='a decimal from 0 to 0.2 in quotes, e.g. "0.005"')
Tolerance = Annotated[str, Field(max_length=24), TOLERANCE]
"""A small loss of quality as text."""
INNER_SHARE = Matches(
    pattern=r"^0\.[0-9]*[1-9][0-9]*$", allowed='a decimal between 0 and 1 in quotes, both excluded, e.g. "0.9"'
)
InnerShare = Annotated[str, Field(max_length=17), INNER_SHARE]
"""A decimal between 0 and 1 as text; with more than 15 digits the nearest float may be 1."""
DECIMAL = Matches(
    pattern=r"^([0-9]*[1-9][0-9]*(\.[0-9]+)?|0+\.[0-9]*[1-9][0-9]*)(e-?[0-9])?$",
    allowed='a decimal above 0 in quotes, e.g. "20", "0.002" or "2e-3"',
)
Decimal = Annotated[str, Field(max_length=24), DECIMAL]
"""A decimal above 0 as text."""
SCORE = Matches(pattern=r"^[0-9]+(\.[0-9]+)?(e-?[0-9]{1,3})?$", allowed="a decimal of 0 or more")
Score = Annotated[str, Field(max_length=24), SCORE]
"""A value of a metric as text."""
DIGEST = Matches(pattern=r"^sha256:[0-9a-f]{64}$", allowed="`sha256:` and 64 digits of 0-9 and a-f")
Digest = Annotated[str, Field(max_length=128), DIGEST]
HEXADECIMAL = Matches(pattern=r"^[0-9a-f]{64}$", allowed="64 digits of 0-9 and a-f")
QUANTITY = Matches(
    pattern=r"^[0-9]{1,16}(\.[0-9]{1,6})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$",
    allowed="a number, alone or with m, k, M, G, T, P, Ki, Mi, Gi, Ti or Pi, e.g. 500m, 1.5 or 2Gi",
)
Quantity = Annotated[str, Field(max_length=32), QUANTITY]
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
