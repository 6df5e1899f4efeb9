"""The handlers, bound to a registry of their own: nothing is registered by importing."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import kopf

from idla_operator.ports import Resource

Login = Callable[[], Awaitable[kopf.ConnectionInfo]]


class Observer(Protocol):
    """Takes in what is seen; `controllers.cache.event_sink` does."""

    def upsert(self, resource: Resource, document: Mapping[str, Any]) -> None:
        """Take in a version of an object."""

    def changed(self, resource: Resource, document: Mapping[str, Any]) -> None:
        """Queue the keys that the object concerns."""

    def deleted(self, resource: Resource, document: Mapping[str, Any]) -> None:
        """Forget an object and queue the keys that it concerned."""


def build_registry(resources: tuple[Resource, ...], event_sink: Observer, login: Login) -> kopf.OperatorRegistry:
    """Return a registry that feeds the event sink with these resources.

    Every resource has an index handler, although nothing is kept in kopf's indices: kopf calls no event handler
    before the index handlers have seen every object of every resource that has one. So no key is queued before
    the store holds all that exists.

    Args:
        resources: what is watched.
        event_sink: takes in what is seen.
        login: returns credentials; called again when they no longer work.
    """
    registry = kopf.OperatorRegistry()

    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return await login()

    kopf.on.login(registry=registry, id="login")(log_in)
    for resource in resources:
        _watch(registry, resource, event_sink)
    return registry


def _watch(registry: kopf.OperatorRegistry, resource: Resource, event_sink: Observer) -> None:
    # Coroutines, because kopf would run plain functions in threads; without a value, because kopf would keep it.
    async def see(body: Mapping[str, Any], **_: Any) -> None:
        event_sink.upsert(resource, dict(body))

    async def notice(event: Mapping[str, Any], **_: Any) -> None:
        if event["type"] == "DELETED":
            event_sink.deleted(resource, event["object"])
        else:
            event_sink.changed(resource, event["object"])

    kopf.index(*resource.group_version_plural, registry=registry, id=f"see-{resource.plural}")(see)
    kopf.on.event(*resource.group_version_plural, registry=registry, id=f"notice-{resource.plural}")(notice)
