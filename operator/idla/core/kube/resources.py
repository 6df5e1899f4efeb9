"""What a pod asks for."""

from collections.abc import Mapping
from dataclasses import dataclass

from idla.api.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class PodResources:
    """What one pod asks for."""

    requests: Mapping[str, str]
    limits: Mapping[str, str]

    @property
    def demand(self) -> Mapping[str, str]:
        """Return what is kept free for the pod on its node: its requests, and limits where nothing is requested."""
        return {**self.limits, **self.requests}

    def without_devices(self) -> "PodResources":
        """Return the same but for extended resources such as GPUs, which cannot be shared or overcommitted."""
        return PodResources(requests=_drop_devices(self.requests), limits=_drop_devices(self.limits))


def pod_resources(
    resources: Resources | None, *, requests: Mapping[str, str], limits: Mapping[str, str]
) -> PodResources:
    """Return what a pod asks for.

    Args:
        resources: what the spec says.
        requests: defaults; each applies to a resource that the spec names neither in requests nor in limits.
        limits: defaults likewise.
    """
    given_requests = dict((resources and resources.requests) or {})
    given_limits = dict((resources and resources.limits) or {})
    named = given_requests.keys() | given_limits.keys()
    return PodResources(
        requests={name: amount for name, amount in requests.items() if name not in named} | given_requests,
        limits={name: amount for name, amount in limits.items() if name not in named} | given_limits,
    )


def _drop_devices(amounts: Mapping[str, str]) -> dict[str, str]:
    return {name: amount for name, amount in amounts.items() if "/" not in name}
