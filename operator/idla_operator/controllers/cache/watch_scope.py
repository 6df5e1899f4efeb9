"""What can be watched, and where: everywhere, or in the namespaces that the operator is confined to."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from idla_operator.controllers.sessions import Renewal, SetupError
from idla_operator.ports import (
    CUSTOM,
    NODES,
    WATCHED,
    Cluster,
    ClusterError,
    ForbiddenError,
    NotFoundError,
    Resource,
    Watch,
)

LOOK_SECONDS = 15.0
"""Between two looks at namespaces that could not be worked in."""
NAMESPACED = tuple(resource for resource in WATCHED if resource.namespaced)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchScope:
    """What a session watches."""

    watches: tuple[Watch, ...]
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """Namespaces that are to be watched and cannot be: why, and what to do."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Return what is watched anywhere, each once."""
        return tuple(dict.fromkeys(watch.resource for watch in self.watches))

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Return where something is watched, empty for everywhere."""
        return tuple(dict.fromkeys(watch.namespace for watch in self.watches if watch.namespace is not None))


async def find_watch_scope(cluster: Cluster, namespaces: tuple[str, ...]) -> WatchScope:
    """Return what can be watched. kopf would wait for ever for the first listing of what it may not list.

    Args:
        cluster: is asked for a list of everything.
        namespaces: where the operator is confined to; empty for everywhere. In single namespaces neither nodes nor
            ModelTemplates are asked for: no Role can grant what belongs to the cluster.

    Raises:
        SetupError: a CRD or a permission is missing, in single namespaces the permission of every one of them.
    """
    return await (_confined(cluster, namespaces) if namespaces else _everywhere(cluster))


async def _everywhere(cluster: Cluster) -> WatchScope:
    """Return everything, without nodes where the role does not cover them."""
    watches: list[Watch] = []
    for resource in WATCHED:
        try:
            await _list(cluster, Watch(resource))
        except ForbiddenError as error:
            if resource != NODES:
                hint = "where it has Roles only, IDLA_WATCH_NAMESPACES names the namespaces"
                raise SetupError(f"the role of manifests/base is missing or incomplete: {error}; {hint}") from None
            _LOG.warning("nodes may not be listed: work is planned without knowing what fits")
        else:
            watches.append(Watch(resource))
    return WatchScope(watches=tuple(watches))


async def _confined(cluster: Cluster, namespaces: tuple[str, ...]) -> WatchScope:
    unavailable: dict[str, str] = {}
    for namespace in namespaces:
        try:
            await _list_all(cluster, namespace)
        except ForbiddenError as error:
            unavailable[namespace] = advice(namespace, error)
    reached = [namespace for namespace in namespaces if namespace not in unavailable]
    if not reached:
        raise SetupError("\n".join(unavailable.values()))
    for words in unavailable.values():
        _LOG.error("%s", words)
    return WatchScope(
        watches=tuple(Watch(resource, namespace) for namespace in reached for resource in NAMESPACED),
        unavailable=unavailable,
    )


async def _list_all(cluster: Cluster, namespace: str) -> None:
    for resource in NAMESPACED:
        await _list(cluster, Watch(resource, namespace))


async def _list(cluster: Cluster, watch: Watch) -> None:
    resource = watch.resource
    try:
        await cluster.identities(resource, namespace=watch.namespace, limit=1)
    except NotFoundError:
        message = f"{resource.plural} are unknown to the API server; apply the CRDs of crds/"
        raise SetupError(message if resource in CUSTOM else f"{resource.plural} are unknown") from None


def advice(namespace: str, error: ForbiddenError) -> str:
    """Return what is wrong with a namespace that is to be worked in, and what to do."""
    # The API server answers likewise for a namespace that does not exist.
    apply = f"kubectl apply -n {namespace} -k manifests/overlays/namespaced/watched"
    return (
        f"namespace {namespace} of IDLA_WATCH_NAMESPACES does not exist, or the operator's role there is missing or"
        f" incomplete: {error}; take it from the list, or create it and: {apply}"
    )


class NamespaceWatcher:
    """Looks out for namespaces that could not be worked in when the session began."""

    def __init__(self, cluster: Cluster, unavailable: tuple[str, ...]) -> None:
        self._cluster = cluster
        self._unavailable = unavailable

    async def run(self) -> None:
        """Look again and again until one can be worked in; return at once where none is unavailable.

        Raises:
            Renewal: one can; the next session will work in it.
        """
        while self._unavailable:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once.

        Raises:
            Renewal: as above.
        """
        for namespace in self._unavailable:
            try:
                await _list_all(self._cluster, namespace)
            except ClusterError as error:
                _LOG.debug("namespace %s cannot be worked in yet: %s", namespace, error)
            else:
                raise Renewal(f"namespace {namespace} can be worked in now")
