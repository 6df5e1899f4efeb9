"""What the proxy does to which request: plain values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_NAMESPACED = re.compile(r"/apis?(?:/[^/]+){1,2}/namespaces/(?P<namespace>[^/]+)/(?P<rest>.+)")
_TASK = "idla.dev/task"


@dataclass(frozen=True)
class Answer:
    """Answer with this status and do not pass the request on."""

    status: int
    retry_after: int | None = None
    """Seconds."""


@dataclass(frozen=True)
class Delay:
    """Pass the request on after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Reset:
    """Reset the connection (TCP RST); the request is not passed on."""


@dataclass(frozen=True)
class LoseAnswer:
    """Pass the request on, and reset the connection instead of answering."""


@dataclass(frozen=True)
class CutAnswer:
    """Pass the request on, and reset the connection after half of the answer."""


@dataclass(frozen=True)
class KillBefore:
    """Kill the operator when it has sent the request, which is not passed on; start it anew."""

    again: int = 0
    """Kill it once more at this request after its start, from 1; 0 for not at all."""


@dataclass(frozen=True)
class KillAfter:
    """Pass the request on, kill the operator before it has the answer, and start it anew."""

    again: int = 0
    """As in `KillBefore`."""


@dataclass(frozen=True)
class Stale:
    """As `KillAfter`; what is listed then is as it was before the request, and watches say nothing, for a while."""

    seconds: float = 2.0
    """From the first list on."""


@dataclass(frozen=True)
class OldAnswer:
    """Answer with what was answered when this was asked for first; what was not is passed on."""

    found: bool = False
    """Take the first answer that was the object."""


@dataclass(frozen=True)
class CutWatch:
    """End the answer of a watch in the middle of a line, in order (chunked encoding is complete) or by a reset."""

    reset: bool = False


@dataclass(frozen=True)
class SilentWatch:
    """Let a watch say nothing, and keep its connection open."""


@dataclass(frozen=True)
class SayInWatch:
    """Say a line of our own in a watch before anything else, then end it."""

    line: bytes


@dataclass(frozen=True)
class RepeatEvents:
    """Say every event of a watch twice."""


@dataclass(frozen=True)
class HideEvents:
    """Leave out every event of a watch about objects of this namespace."""

    namespace: str


@dataclass(frozen=True)
class HideBookmarks:
    """Leave out the bookmarks of a watch."""


@dataclass(frozen=True)
class DelayEvents:
    """Say every event of a watch so many seconds late, the others behind it as well."""

    seconds: float


WatchFault = CutWatch | SilentWatch | SayInWatch | RepeatEvents | HideEvents | HideBookmarks | DelayEvents
Fault = Answer | Delay | Reset | LoseAnswer | CutAnswer | OldAnswer | KillBefore | KillAfter | Stale | WatchFault


@dataclass(frozen=True)
class Request:
    """A request as rules see it."""

    method: str
    path: str
    """Without the query."""
    watch: bool = False
    facts: frozenset[str] = frozenset()
    """What this write says that no successful write of its namespace has said before."""
    ended: int = 0
    """How often all watches had been ended when it came."""


@dataclass(frozen=True)
class Match:
    """Which requests; every field has to fit."""

    method: str = "[A-Z]+"
    """Regular expression of the whole method."""
    path: str = ".*"
    """Regular expression of the whole path."""
    watch: bool | None = None
    """Whether it is a watch; None for both."""
    fact: str | None = None
    """Something that the write says first."""
    nth: int = 1
    """The first of the fitting requests that is meant, from 1."""
    times: int | None = 1
    """How many of them from there on; None for all."""

    def fits(self, request: Request) -> bool:
        """Return whether a request fits, whatever its number."""
        return (
            re.fullmatch(self.method, request.method) is not None
            and re.fullmatch(self.path, request.path) is not None
            and self.watch in {None, request.watch}
            and (self.fact is None or self.fact in request.facts)
        )

    def means(self, number: int) -> bool:
        """Return whether the fitting request of this number, from 1, is meant."""
        return number >= self.nth and (self.times is None or number < self.nth + self.times)


@dataclass(frozen=True)
class Rule:
    """A fault for requests."""

    match: Match
    fault: Fault


@dataclass
class Armed:
    """A rule at work, with what it has seen."""

    rule: Rule
    fitted: int = 0
    fired: int = 0

    def take(self, request: Request) -> Fault | None:
        """Count the request where it fits; return the fault where it is meant."""
        if not self.rule.match.fits(request):
            return None
        self.fitted += 1
        if not self.rule.match.means(self.fitted):
            return None
        self.fired += 1
        return self.rule.fault


@dataclass(frozen=True)
class Place:
    """The target of a request within a namespace."""

    namespace: str
    plural: str
    name: str = ""
    sub: str = ""


def place_of(path: str) -> Place | None:
    """Return the target of a path, or None for what is in no namespace."""
    found = _NAMESPACED.fullmatch(path)
    if found is None:
        return None
    parts = [*found["rest"].split("/"), "", ""]
    return Place(found["namespace"], parts[0], parts[1], parts[2])


def facts_of(method: str, path: str, body: bytes) -> frozenset[str]:
    """Return what a write says, in words that are the same in every namespace and every run.

    A child is a fact; a status has one for each of its fields, conditions and tasks; an event is told by its reason.
    """
    place = place_of(path)
    if method not in WRITES or place is None:
        return frozenset()
    document = json.loads(body) if body else {}
    if place.sub == "status":
        return frozenset(f"{place.plural} {place.name}: {fact}" for fact in _told(document.get("status") or {}))
    if place.plural == "events":
        return frozenset({f"event {document['reason']} of {document['involvedObject']['kind']}"})
    role = (document.get("metadata", {}).get("labels") or {}).get(_TASK) or place.name
    return frozenset({f"{method} {place.plural} {role}"})


def observed_of(method: str, path: str, body: bytes) -> int:
    """Return the observedGeneration that a request writes, 0 where it writes none."""
    place = place_of(path)
    if method not in WRITES or place is None or place.sub != "status":
        return 0
    return int((json.loads(body).get("status") or {}).get("observedGeneration", 0))


def _told(status: Mapping[str, Any]) -> Iterator[str]:
    yield from status
    for entry in status.get("conditions") or ():
        yield f"{entry['type']}={entry['status']} {entry['reason']}"
    for task in status.get("tasks") or ():
        yield f"task {task['name']} {task['state']}"


@dataclass
class Said:
    """What the successful writes of each namespace have said."""

    _by_namespace: dict[str, set[str]] = field(default_factory=dict)

    def news(self, path: str, facts: frozenset[str]) -> frozenset[str]:
        """Return those facts that nobody has said yet."""
        place = place_of(path)
        return facts if place is None else facts - self._by_namespace.get(place.namespace, set())

    def add(self, path: str, facts: frozenset[str]) -> None:
        """Take in what a successful write said."""
        place = place_of(path)
        if place is not None:
            self._by_namespace.setdefault(place.namespace, set()).update(facts)
