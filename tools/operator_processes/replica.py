"""The operator as one of several replicas, and what the audit log tells of each."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

from idla_operator.controllers.leader.lease_state import LeaseTiming
from typing_extensions import override

from tools.cluster import ControlPlane
from tools.fault_proxy.listener import Answered
from tools.fault_proxy.proxy import Proxy
from tools.operator_processes.process import GROUPS, NAMESPACE, USER, Operator
from tools.waiting import PATIENCE, SCALE

DURATION_SECONDS = int(LeaseTiming().duration * SCALE)
"""For which a Lease is respected."""
_SLOWER = """
import runpy, sys
from idla_operator.controllers.leader.lease_state import LeaseTiming
timing, scale = LeaseTiming.__init__.__kwdefaults__, float(sys.argv[1])
timing |= {name: timing[name] * scale for name in ("duration", "renewal")}
runpy.run_module("idla_operator", run_name="__main__")
"""
"""The operator on a slower machine, where a holder that is held up for ten seconds is nothing unusual."""
_READS = {"get", "list", "watch"}


class Replica(Operator):
    """An operator that works only while it holds the Lease."""

    def __init__(self, plane: ControlPlane, log: Path, *, user: str = USER, kubeconfig: Path | None = None) -> None:
        super().__init__(plane, log, user=user, kubeconfig=kubeconfig)
        self._environment["POD_NAMESPACE"] = NAMESPACE
        self._user = user
        self._audit = plane.audit_log

    @property
    @override
    def command(self) -> list[str]:
        """What is started: the operator as it is, or with slower timing of the Lease where `IDLA_PATIENCE` says so."""
        return super().command if SCALE == 1 else [sys.executable, "-I", "-c", _SLOWER, str(SCALE)]

    def says(self, words: str) -> bool:
        """Return whether its log has these words."""
        return self.log.exists() and words in self.log.read_text()

    def wait(self) -> int:
        """Wait until it has ended and return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout=PATIENCE)

    def clear(self) -> None:
        """Kill it if it was ever started, paused or not."""
        if self._process is not None:
            self.kill()

    def writes(self, namespace: str | None = None) -> list[str]:
        """Return every write of its account, those of Leases as well, in all namespaces or in one."""
        return [
            f"{entry['verb']} {entry['requestURI']}"
            for entry in self._events()
            if entry["verb"] not in _READS and namespace in {None, entry.get("objectRef", {}).get("namespace")}
        ]

    def refusals(self) -> list[str]:
        """Return every request of its account that RBAC has refused."""
        return [
            f"{entry['verb']} {entry['requestURI']}"
            for entry in self._events()
            if entry["annotations"].get("authorization.k8s.io/decision") == "forbid"
        ]

    def _events(self) -> Iterator[dict[str, Any]]:
        with self._audit.open() as lines:
            for line in lines:
                if self._user in line and line.endswith("\n"):
                    entry = json.loads(line)
                    if entry["user"]["username"] == self._user:
                        yield entry


class HeldWrite(Proxy):
    """A proxy in which the first write of a Lease stays, before or after the API server has done it."""

    def __init__(self, plane: ControlPlane, user: str, *, done: bool) -> None:
        super().__init__(plane, user, GROUPS)
        self._done = done
        self._holds = threading.Lock()
        self.held, self.let_go = threading.Event(), threading.Event()
        self.status = Queue[int]()
        """What the API server said to the held write, when it was asked."""

    @override
    def ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answered:
        """Send a request to the API server, and hold it or its answer where it is the one."""
        first = method == "PUT" and "/leases/" in target and self._holds.acquire(blocking=False)
        if first and not self._done:
            self._stay()
        answer = super().ask(method, target, body, headers)
        if first:
            self.status.put(answer.status)
        if first and self._done:
            self._stay()
        return answer

    def _stay(self) -> None:
        self.held.set()
        self.let_go.wait()
