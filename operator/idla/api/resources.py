"""What pods ask for: amounts that users may write, without those that Kubernetes would refuse later in a pod."""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from idla.api.meta import Quantity, Rule, SpecModel
from idla.api.quantity import parse_quantity

_NAME = "^(cpu|memory|ephemeral-storage|[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$"
Amounts = Annotated[dict[str, Quantity], Field(max_length=8)]


class Resources(SpecModel):
    """What each pod asks for and may use at most."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule=" && ".join(
                f"(!has(self.{part}) || self.{part}.all(name, name.matches('{_NAME}')))"
                for part in ("requests", "limits")
            ),
            message="a resource is `cpu`, `memory`, `ephemeral-storage` or an extended one such as `nvidia.com/gpu`",
        ),
        Rule(
            rule=(
                "!has(self.limits)"
                " || self.limits.all(name, !name.contains('/') || self.limits[name].matches('^[0-9]+$'))"
            ),
            message="extended resources such as `nvidia.com/gpu` are whole numbers",
        ),
        Rule(
            rule=(
                "!has(self.requests) || self.requests.all(name, !name.contains('/')"
                " || (has(self.limits) && name in self.limits && self.limits[name] == self.requests[name]))"
            ),
            message="extended resources such as `nvidia.com/gpu` stand in `limits`; `requests` may only repeat them",
        ),
        Rule(
            rule=(
                "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits)"
                " || quantity(self.requests[name]).compareTo(quantity(self.limits[name])) <= 0)"
            ),
            message="`requests` must not be above `limits`",
        ),
    )

    requests: Amounts | None = None
    """Amounts that are kept free for a pod, e.g. `cpu: 500m`, `memory: 1Gi`."""
    limits: Amounts | None = None
    """Amounts that a pod may use at most; devices such as `nvidia.com/gpu` are asked for here."""

    @model_validator(mode="after")
    def _accepted_in_a_pod(self) -> Self:
        requests, limits = self.requests or {}, self.limits or {}
        holds = (
            all(re.fullmatch(_NAME, name) for name in (*requests, *limits)),
            all(amount.isdecimal() for _, amount in _extended(limits)),
            all(limits.get(name) == amount for name, amount in _extended(requests)),
            all(parse_quantity(requests[name]) <= parse_quantity(limits[name]) for name in requests.keys() & limits),
        )
        for rule, true in zip(self.cel, holds, strict=True):
            if not true:
                raise ValueError(rule.message)
        return self


def _extended(amounts: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, amount) for name, amount in amounts.items() if "/" in name]
