"""The log of the operator's pods: read once, line by line, and judged."""

import re
from dataclasses import dataclass
from typing import Any

from idla.cli.kubectl import Kubectl, KubectlError

from tests.e2e.allowed import ALLOWED
from tools.log_allowlist import Allowed, unexpected, warnings

KILLED = (r"container operator of \S+ was started again: exit code 137 \(Error\)", "the test has killed its process")
"""What a test expects that sends SIGKILL to the operator."""
_NOT_YET = re.compile("is waiting to start")
_NO_PREVIOUS = re.compile("previous terminated container .* not found")


@dataclass(frozen=True)
class _Container:
    """A container of a pod between two of its restarts."""

    pod: str
    uid: str
    name: str
    restarts: int


class OperatorLog:
    """What the operator's pods have said, and which of their containers were started again, since it was last asked."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._read: dict[_Container, int] = {}
        self._restarts: dict[tuple[str, str], int] = {}
        self._lines: list[str] = []
        self._complaints: list[str] = []
        self._expected: list[Allowed] = []
        self.look()
        self.settle()

    def expect(self, pattern: str, reason: str) -> None:
        """Let warnings of this pattern pass until `settle`: the test disturbs the operator on purpose."""
        self._expected.append(Allowed(pattern, reason))

    def look(self) -> None:
        """Read on. A test that replaces the operator's pods does this before: their log goes with them."""
        for pod in self._kubectl.list("pods"):
            for status in pod["status"].get("containerStatuses", ()):
                self._look_at(pod["metadata"], status)

    def settle(self) -> tuple[list[str], list[str]]:
        """Return the new lines and those warnings that are neither allowed nor expected, and forget all three."""
        lines, found = self._lines, list(unexpected(self._complaints, (*ALLOWED, *self._expected)))
        self._lines, self._complaints, self._expected = [], [], []
        return lines, found

    def _look_at(self, pod: dict[str, Any], status: dict[str, Any]) -> None:
        known = (pod["uid"], status["name"])
        restarts, before = status["restartCount"], self._restarts.get(known, 0)
        self._restarts[known] = restarts
        if restarts > before:
            self._complaints.append(restart(pod["name"], status))
            self._take(_Container(pod["name"], *known, restarts - 1), "--previous")
        if "waiting" not in status["state"]:
            self._take(_Container(pod["name"], *known, restarts))

    def _take(self, container: _Container, *words: str) -> None:
        try:
            text = self._kubectl("logs", container.pod, f"--container={container.name}", *words)
        except KubectlError as error:
            if "(NotFound)" in str(error):
                return  # the pod has gone since it was listed, as those go that nobody has listed
            if _NOT_YET.search(str(error)):
                return  # it ended since it was listed: the next look finds its restart and reads what it said
            if not _NO_PREVIOUS.search(str(error)):
                raise
            text = ""
            self._complaints.append(f"the log is gone before it was read: {error}")
        lines = text.splitlines()
        new = lines[self._read.get(container, 0) :]
        self._read[container] = len(lines)
        self._lines += new
        self._complaints += warnings(new)


def restart(pod: str, status: dict[str, Any]) -> str:
    """Return what is said of a container that was started again."""
    ended = status.get("lastState", {}).get("terminated", {})
    how = f"exit code {ended.get('exitCode')} ({ended.get('reason')})"
    return f"container {status['name']} of {pod} was started again: {how}"
