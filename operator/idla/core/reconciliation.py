"""What a decision answers: the desired children, the status, the events, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Manifest = Mapping[str, Any]
"""A Kubernetes object as a raw dict."""


class EventType(StrEnum):
    """Kubernetes knows two."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the story that `kubectl describe` tells."""

    type: EventType
    reason: str
    message: str


def normal_event(reason: str, message: str) -> Event:
    """Return that something happened as it should."""
    return Event(type=EventType.NORMAL, reason=reason, message=message)


def warning_event(reason: str, message: str) -> Event:
    """Return that something needs a look."""
    return Event(type=EventType.WARNING, reason=reason, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A child to delete, only if it is still the very object that was decided on."""

    api_version: str
    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What one reconciliation decides; applied in the order apply, delete, status, events."""

    apply: tuple[Manifest, ...] = ()
    """Children to server-side apply; each carries its whole desired state."""
    delete: tuple[Deletion, ...] = ()
    status: Mapping[str, Any] | None = None
    """The whole status to write, or None to leave it. It is written only when it differs from the observed one."""
    events: tuple[Event, ...] = ()
    """Emitted only after the status was written."""
    requeue_after: float | None = None
    """Seconds until the next look, or None to wait for an event."""
