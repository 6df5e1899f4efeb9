"""A proxy between operator and API server that records every request and does to it what rules say.

The operator speaks plain HTTP with it; it speaks TLS with the API server under the certificate of the operator's
account, so that RBAC and the audit log see the account.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

import yaml

from tools.cluster import ControlPlane
from tools.fault_proxy.listener import PASSED, Answered, Listener
from tools.fault_proxy.rules import WRITES, Armed, Fault, Request, Rule, Said, Stale, facts_of, observed_of, place_of
from tools.ports import held_port
from tools.waiting import PATIENCE

UPSTREAM_SECONDS = 400.0
"""Longer than any watch lasts."""
STATUS_LOST = 0


@dataclass(frozen=True)
class Record:
    """A request and what came of it."""

    moment: float
    """Monotonic seconds when it was done."""
    method: str
    path: str
    query: str
    digest: str
    """Of the body."""
    status: int
    """What the API server answered; 0 where it was not asked or did not answer."""
    version: str
    """The resourceVersion that it answered with; empty where it named none."""
    observed: int
    """The observedGeneration that it wrote; 0 where it wrote none."""
    news: frozenset[str]
    """What this write said first in its namespace."""
    fault: Fault | None

    @property
    def namespace(self) -> str:
        """Return the namespace, empty where there is none."""
        place = place_of(self.path)
        return "" if place is None else place.namespace

    @property
    def writes(self) -> bool:
        """Whether it is a write that succeeded."""
        return self.method in WRITES and http.client.OK <= self.status < http.client.MULTIPLE_CHOICES


class Proxy:
    """Listens on a free port while its context is open."""

    def __init__(self, plane: ControlPlane, user: str, groups: Sequence[str]) -> None:
        certificate, key = plane.setting.authority.client(user, groups)
        self._context = ssl.create_default_context(cafile=str(plane.setting.authority.certificate))
        self._context.load_cert_chain(certificate, key)
        self._address = urlsplit(plane.url)
        self._lock = threading.RLock()
        self._armed: list[Armed] = []
        self._said = Said()
        self._watches: set[socket.socket] = set()
        self._ended = 0
        self._view: _View | None = None
        self._listener: Listener | None = None
        self._port = held_port()
        self.records: list[Record] = []
        self.faults: list[str] = []
        """What went wrong in the proxy itself; empty in a valid run."""
        self.kill: Callable[[int], None] = lambda _: None
        """As `listener.Passage` has it."""
        self._firsts: dict[tuple[str, bool], Answered] = {}
        self._asked = threading.Condition(self._lock)
        self._count = 0

    def __enter__(self) -> Self:
        """Begin to listen."""
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and end all watches."""
        self.refuse()

    def listen(self) -> None:
        """Accept connections, at the same port as before."""
        if self._listener is None:
            self._listener = Listener(self._port, self)
            threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()

    def refuse(self) -> None:
        """Refuse connections and reset those that are open."""
        if self._listener is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener.reset_all()
            self._listener = None
        self.end_watches()

    def kubeconfig(self, path: Path) -> Path:
        """Write the kubeconfig that leads here; its token is not passed on."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{self._port}"}}],
            "users": [{"name": "operator", "user": {"token": "of-the-proxy"}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "operator"}}],
            "current-context": "proxy",
        }
        path.write_text(yaml.safe_dump(document))
        return path

    @contextlib.contextmanager
    def under(self, *rules: Rule) -> Iterator[list[Armed]]:
        """Let rules work for a while, the first that means a request; yield what they see."""
        armed = [Armed(rule) for rule in rules]
        with self._lock:
            self._armed += armed
        try:
            yield armed
        finally:
            with self._lock:
                self._armed = [entry for entry in self._armed if entry not in armed]

    def end_watches(self) -> None:
        """End the connections of all watches."""
        with self._lock:
            self._ended += 1
            found, self._watches = self._watches, set()
        for one in found:
            _shut(one)

    def await_requests(self, number: int) -> None:
        """Wait until there are so many requests more than now; that there never were is a fault."""
        with self._asked:
            wanted = self._count + number
            if not self._asked.wait_for(lambda: self._count >= wanted, timeout=PATIENCE):
                self.faults.append(f"{number} requests were waited for and did not come")

    def take_faults(self) -> list[str]:
        """Return the faults since this was last asked."""
        found, self.faults = self.faults, []
        return found

    def of(self, namespace: str) -> list[Record]:
        """Return the requests to a namespace, in order."""
        with self._lock:
            return [record for record in self.records if record.namespace == namespace]

    # From here on: for the listener's threads.

    def decide(self, method: str, target: str, body: bytes) -> tuple[Request, Fault | None]:
        """Return a request as rules see it, and the fault that one of them has for it."""
        path, _, query = target.partition("?")
        with self._asked:
            self._count += 1
            self._asked.notify_all()
            news = self._said.news(path, facts_of(method, path, body))
            request = Request(method, path, watch="watch=true" in query, facts=news, ended=self._ended)
            taken = (armed.take(request) for armed in list(self._armed))
            return request, next((fault for fault in taken if fault is not None), None)

    def note(self, target: str, body: bytes, request: Request, fault: Fault | None, answer: Answered | None) -> None:
        """Record a request that is done."""
        path, _, query = target.partition("?")
        status = STATUS_LOST if answer is None else answer.status
        digest = hashlib.sha256(body).hexdigest()
        version = "" if answer is None or request.method not in WRITES else answer.version
        observed = observed_of(request.method, path, body)
        record = Record(
            moment=time.monotonic(),
            method=request.method,
            path=path,
            query=query,
            digest=digest,
            status=status,
            version=version,
            observed=observed,
            news=request.facts,
            fault=fault,
        )
        with self._lock:
            if answer is not None and request.method == "GET":
                self._firsts.setdefault((target, False), answer)
                if answer.status == http.client.OK:
                    self._firsts.setdefault((target, True), answer)
            self.records.append(record)
            if record.writes:
                self._said.add(path, facts_of(request.method, path, body))

    def connect(self) -> http.client.HTTPSConnection:
        """Return a new connection to the API server."""
        return http.client.HTTPSConnection(
            str(self._address.hostname), self._address.port, context=self._context, timeout=UPSTREAM_SECONDS
        )

    def ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answered:
        """Send a request to the API server."""
        with contextlib.closing(self.connect()) as upstream:
            upstream.request(method, target, body or None, headers)
            response = upstream.getresponse()
            kept = {name: value for name, value in response.getheaders() if name.lower() in PASSED}
            return Answered(response.status, kept, response.read())

    def first(self, target: str, *, found: bool) -> Answered | None:
        """Return the first answer to this, or the first that was an object; None where there was none."""
        with self._lock:
            return self._firsts.get((target, found))

    def watched(self, one: socket.socket, request: Request) -> None:
        """Remember the connection of a watch, and end it where all have been ended since it was asked for."""
        with self._lock:
            late = request.ended != self._ended
            self._watches.add(one)
        if late:
            _shut(one)

    def forget(self, one: socket.socket) -> None:
        """Forget the connection of a watch that ended."""
        with self._lock:
            self._watches.discard(one)

    def version_now(self) -> str:
        """Return the newest resourceVersion."""
        answer = self.ask("GET", "/apis/idla.dev/v1alpha1/trainingworkflows?limit=1", b"", _ACCEPT)
        return str(json.loads(answer.body)["metadata"]["resourceVersion"])

    def age(self, version: str, fault: Stale) -> None:
        """Show lists of this version, for as long as the fault says."""
        with self._lock:
            self._view = _View(version, fault.seconds)

    def aged(self, request: Request, target: str) -> str:
        """Return the target of a list as it is to be asked for; a watch waits until the stale view has ended."""
        with self._lock:
            view = self._view
        if view is None or request.method != "GET" or place_of(request.path) is not None:
            return target
        if request.watch:
            time.sleep(max(0.0, view.ends() - time.monotonic()))
            return target
        if time.monotonic() >= view.ends() or "continue=" in target:
            return target
        query = urlencode({"resourceVersion": view.version, "resourceVersionMatch": "Exact"})
        return f"{target}{'&' if '?' in target else '?'}{query}"


_ACCEPT = {"Accept": "application/json"}


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Below TLS: `SSLSocket.shutdown` would let the reader go on with what is still encrypted.
        socket.socket.shutdown(one, socket.SHUT_RDWR)


class _View:
    """A stale view, which ends so many seconds after it was first looked at."""

    def __init__(self, version: str, seconds: float) -> None:
        self.version = version
        self._seconds = seconds
        self._first: float | None = None

    def ends(self) -> float:
        """Return the monotonic second in which it ends."""
        if self._first is None:
            self._first = time.monotonic()
        return self._first + self._seconds
