"""What pods ask for: amounts that users may write, without those that Kubernetes would refuse later in a pod."""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field
from typing_extensions import override

from idla.api.meta import QUANTITY, Quantity, Rule, SpecModel, rules
from idla.api.quantity import parse_quantity

_EXTENDED = "[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_NAME = f"^(cpu|memory|ephemeral-storage|{_EXTENDED})$"
_IS_EXTENDED = f"name.matches('^{_EXTENDED}$')"


def _each(part: str, fine: str, message: str) -> Rule:
    """Return the rule that `fine` holds for every `name` of the map `part`.

    The refusal cannot list the names at fault: keys have no bound, and the API server refuses what could cost so much.
    """
    optional = "" if part == "self" else f"!has({part}) || "
    return Rule(rule=f"{optional}{part}.all(name, {fine})", message=message)


KNOWN = _each(
    "self",
    f"name.matches('{_NAME}')",
    "a resource is `cpu`, `memory`, `ephemeral-storage` or an extended one such as `nvidia.com/gpu`",
)


def _known(amounts: dict[str, str]) -> dict[str, str]:
    if not all(re.fullmatch(_NAME, name) for name in amounts):
        raise ValueError(KNOWN.message)
    return amounts


Amounts = Annotated[dict[str, Quantity], Field(max_length=8, json_schema_extra=rules(KNOWN)), AfterValidator(_known)]
"""Amounts by resource."""


class Resources(SpecModel):
    """What each pod asks for and may use at most."""

    cel: ClassVar[tuple[Rule, ...]] = (
        _each(
            "self.limits",
            f"!{_IS_EXTENDED} || !{QUANTITY.cel('self.limits[name]')} || self.limits[name].matches('^[0-9]+$')",
            "extended resources such as `nvidia.com/gpu` are whole numbers",
        ),
        _each(
            "self.requests",
            f"!{_IS_EXTENDED} || !{QUANTITY.cel('self.requests[name]')}"
            " || (has(self.limits) && name in self.limits && self.limits[name] == self.requests[name])",
            "extended resources such as `nvidia.com/gpu` stand in `limits`; `requests` may only repeat them",
        ),
        _each(
            "self.requests",
            f"{_IS_EXTENDED} || !has(self.limits) || !(name in self.limits)"
            f" || !{QUANTITY.cel('self.requests[name]')} || !{QUANTITY.cel('self.limits[name]')}"
            " || quantity(self.requests[name]).compareTo(quantity(self.limits[name])) <= 0",
            "`requests` must not be above `limits`",
        ),
    )

    requests: Amounts | None = None
    """Amounts that are kept free for a pod, e.g. `cpu: 500m`, `memory: 1Gi`."""
    limits: Amounts | None = None
    """Amounts that a pod may use at most; devices such as `nvidia.com/gpu` are asked for here."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        requests, limits = self.requests or {}, self.limits or {}
        return (
            all(amount.isdecimal() for _, amount in _extended(limits)),
            all(limits.get(name) == amount for name, amount in _extended(requests)),
            all(parse_quantity(requests[name]) <= parse_quantity(limits[name]) for name in requests.keys() & limits),
        )


def _extended(amounts: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, amount) for name, amount in amounts.items() if "/" in name]
