"""Conditions as the API conventions have them, and the summary that kstatus, Argo CD and `kubectl wait` read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from idla.api.meta import ConditionStatus

MESSAGE_LIMIT = 1024
TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One observation: `status` is `True`, `False` or `Unknown`; `reason` is an API, `message` is for people."""

    type: str
    status: str
    reason: str
    message: str


def find_condition(conditions: Iterable[ConditionStatus], kind: str) -> ConditionStatus | None:
    """Return the condition of this type, or None."""
    return next((entry for entry in conditions if entry.type == kind), None)


def merge_conditions(
    previous: Iterable[ConditionStatus],
    current: Iterable[Condition | ConditionStatus],
    *,
    generation: int,
    now: datetime,
) -> tuple[ConditionStatus, ...]:
    """Return `current` as status entries in the order given; what is not in it is gone.

    The transition time of a condition whose status is unchanged is kept, so that an unchanged observation is an
    unchanged status and causes no write.
    """
    since: dict[tuple[str, str], str] = {(entry.type, entry.status): entry.last_transition_time for entry in previous}
    return tuple(
        ConditionStatus.model_validate(
            {
                "type": condition.type,
                "status": condition.status,
                "reason": condition.reason,
                "message": shorten(condition.message),
                "observed_generation": generation,
                "last_transition_time": since.get((condition.type, condition.status), timestamp(now)),
            }
        )
        for condition in current
    )


def shorten(message: str) -> str:
    """Return `message` cut to what the CRD takes, with a sign that something is missing."""
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"


def timestamp(moment: datetime) -> str:
    """Return an aware moment as Kubernetes writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """Return the moment that Kubernetes wrote; fractions and offsets are understood."""
    return datetime.fromisoformat(text)
