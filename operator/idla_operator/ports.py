"""What controllers need of the world: a cluster, a Lease, a clock, the progress of a pod."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from idla.api.meta import API_VERSION
from idla.builders.identity import MANAGED
from idla.core.reconciliation import Event, Manifest
from idla.core.snapshot import TaskProgress
from typing_extensions import override


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of object and where the API server keeps it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    selector: str | None = None
    """Labels by which lists and watches are narrowed down on the server."""

    @property
    def group_version_plural(self) -> tuple[str, str, str]:
        """Return group, version and plural; the group of the core is empty."""
        group, _, version = self.api_version.rpartition("/")
        return group, version, self.plural


_OURS = f"{MANAGED}=true"

WORKFLOWS = Resource(api_version=API_VERSION, kind="TrainingWorkflow", plural="trainingworkflows")
MODEL_DEPLOYMENTS = Resource(api_version=API_VERSION, kind="ModelDeployment", plural="modeldeployments")
TEMPLATES = Resource(api_version=API_VERSION, kind="ModelTemplate", plural="modeltemplates", namespaced=False)
JOBS = Resource(api_version="batch/v1", kind="Job", plural="jobs", selector=_OURS)
PODS = Resource(api_version="v1", kind="Pod", plural="pods", selector=_OURS)
DEPLOYMENTS = Resource(api_version="apps/v1", kind="Deployment", plural="deployments", selector=_OURS)
SERVICES = Resource(api_version="v1", kind="Service", plural="services", selector=_OURS)
NODES = Resource(api_version="v1", kind="Node", plural="nodes", namespaced=False)
CLAIMS = Resource(api_version="v1", kind="PersistentVolumeClaim", plural="persistentvolumeclaims")
LEASES = Resource(api_version="coordination.k8s.io/v1", kind="Lease", plural="leases")

CUSTOM = (WORKFLOWS, MODEL_DEPLOYMENTS, TEMPLATES)
WATCHED = (*CUSTOM, JOBS, PODS, DEPLOYMENTS, SERVICES, NODES)
"""What the store holds. Claims are not watched: they are read by name when a decision needs them."""
_BY_KIND = {(resource.api_version, resource.kind): resource for resource in (*WATCHED, CLAIMS, LEASES)}


def resource_of(api_version: str, kind: str) -> Resource:
    """Return the resource of a kind.

    Raises:
        KeyError: the operator does not deal with this kind.
    """
    return _BY_KIND[api_version, kind]


@dataclass(frozen=True, slots=True)
class Watch:
    """A resource where it is watched."""

    resource: Resource
    namespace: str | None = None
    """None: everywhere."""

    @override
    def __str__(self) -> str:
        """Return `plural`, and `of namespace NAME` where that is not everywhere."""
        plural = self.resource.plural
        return plural if self.namespace is None else f"{plural} of namespace {self.namespace}"


@dataclass(frozen=True, slots=True)
class Reference:
    """One object by its name."""

    resource: Resource
    namespace: str | None
    name: str

    @override
    def __str__(self) -> str:
        """Return `Kind namespace/name`."""
        place = self.name if self.namespace is None else f"{self.namespace}/{self.name}"
        return f"{self.resource.kind} {place}"


def reference_of(document: Manifest) -> Reference:
    """Return the name of an object that carries apiVersion, kind and metadata."""
    metadata = document["metadata"]
    resource = resource_of(document["apiVersion"], document["kind"])
    return Reference(resource, metadata.get("namespace") if resource.namespaced else None, metadata["name"])


class ClusterError(Exception):
    """The API server did not do what was asked; the message holds its answer."""

    def __init__(self, message: str, *, said: str = "") -> None:
        """Bind the message.

        Args:
            message: what was asked and what was answered.
            said: the API server's own words, for people; the message where it said nothing.
        """
        super().__init__(message)
        self.said = said or message
        self.made_progress = False
        """Whether the reconciliation that this ended had brought the cluster nearer to what was decided before."""


class NotFoundError(ClusterError):
    """The object, or its namespace, does not exist."""


class ConflictError(ClusterError):
    """The object is no longer the one that was decided on: another uid or resourceVersion."""


class ExistsError(ConflictError):
    """An object of this name exists already."""


class InvalidError(ClusterError):
    """The API server refuses the content; the same content will be refused again."""


class ForbiddenError(ClusterError):
    """RBAC, a quota or an admission rule refuses."""


class UnavailableError(ClusterError):
    """No answer, or one that says to come again: time-out, connection, 401, 429, 5xx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An object that exists, as a list of metadata shows it."""

    reference: Reference
    uid: str
    version: str
    """Its resourceVersion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All objects of one resource at one moment."""

    version: str
    """The resourceVersion of the moment."""
    identities: tuple[Identity, ...]


class Cluster(Protocol):
    """The API server. Every call ends within its time-out, in an answer or in a ClusterError."""

    async def get(self, reference: Reference) -> dict[str, Any]:
        """Return the live object; NotFoundError where there is none."""

    async def apply(self, manifest: Manifest) -> dict[str, Any]:
        """Create the object or bring the fields of `manifest` to their values (server-side apply)."""

    async def delete(self, reference: Reference, *, uid: str) -> None:
        """Delete the object of this uid, its dependents in the background; ConflictError for another uid."""

    async def replace_status(self, document: Manifest) -> dict[str, Any]:
        """Write `document`'s status if its resourceVersion is still the newest; ConflictError where it is not."""

    async def create_event(self, about: Manifest, event: Event, *, name: str, now: datetime) -> None:
        """Create an event about an object; ExistsError where one of this name exists."""

    async def identities(
        self, resource: Resource, *, namespace: str | None = None, limit: int | None = None, selector: str | None = None
    ) -> Listing:
        """Return who exists, in all namespaces or in one, at most `limit` of them.

        They are narrowed down by the resource's selector and this one.
        """


async def read_live(cluster: Cluster, reference: Reference) -> dict[str, Any] | None:
    """Return the object as the API server has it, or None where there is none."""
    try:
        return await cluster.get(reference)
    except NotFoundError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """What a Lease says of who works."""

    version: str
    """Its resourceVersion: another one with every write."""
    holder: str
    """The replica that leads; empty where the last one has released it."""
    seconds: float
    """For how long the holder is believed without a renewal."""


class Lease(Protocol):
    """What the replicas of the operator agree by. Failures are ClusterErrors."""

    async def read(self) -> LeaseRecord | None:
        """Return the Lease, None where there is none."""

    async def write(self, seen: LeaseRecord | None, holder: str) -> LeaseRecord:
        """Give the Lease to `holder`, or to nobody if that is empty, and return it as it is then.

        Args:
            seen: the Lease that is changed, as the last `read` or `write` returned it; None creates it.
            holder: the replica that leads from now on.

        Raises:
            ConflictError: it is no longer as it was seen, or exists already.
            NotFoundError: it is gone.
        """


class Outcome(StrEnum):
    """How an attempt to measure ended; only a measured value may lead to anything."""

    NO_DATA = "NoData"
    NOT_FINITE = "NotFinite"
    MULTIPLE_SERIES = "MultipleSeries"
    PARTIAL = "Partial"
    """The source says that its answer is incomplete."""
    TIMEOUT = "Timeout"
    ERROR = "Error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Progress that was really measured."""

    progress: TaskProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """Nothing that may be acted on."""

    outcome: Outcome
    message: str


Reading = Measured | Unmeasured


class ProgressSource(Protocol):
    """Where the progress of a running training is read."""

    async def read(self, pod: Manifest) -> Reading:
        """Return what the pod last said of itself. Never raises, and ends within a few seconds."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Return this moment, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
