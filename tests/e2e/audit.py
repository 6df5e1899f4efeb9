"""What the operator's account has done since the end-to-end tests began."""

from dataclasses import dataclass
from typing import Any

from tools.operator_processes.process import Audit


@dataclass(frozen=True)
class Requests:
    """The audit log from the beginning of the tests on."""

    audit: Audit
    before: frozenset[str]
    """Pods of the operator that were there before: another version may have had other permissions."""

    def events(self) -> list[dict[str, Any]]:
        """Return every request of the account, whatever became of it."""
        return [event for event in self.audit.events() if _pod_of(event) not in self.before]


def _pod_of(event: dict[str, Any]) -> str:
    [name] = event["user"]["extra"]["authentication.kubernetes.io/pod-name"]
    return str(name)
