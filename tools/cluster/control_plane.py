"""A control plane without a node: etcd, API server, controller-manager and scheduler on free loopback ports."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.cluster import builds, packages
from tools.cluster.certificates import Authority
from tools.cluster.commands import ClusterError
from tools.cluster.components import APISERVER, COMPONENTS, CONTROLLER_MANAGER, ETCD, RECIPES, Endpoints, Setting
from tools.cluster.places import Places
from tools.cluster.processes import Processes
from tools.cluster.progress import silent
from tools.ports import number, reservation
from tools.waiting import PATIENCE

ADMINISTRATORS = ("system:masters",)


class ControlPlane:
    """An API server with its controllers and no node, bound to the name under which its files are kept.

    As a context manager it starts empty and leaves nothing behind, its folder included:

        with ControlPlane("my-tests") as plane:
            subprocess.run([plane.kubectl, "--kubeconfig", plane.kubeconfig, "get", "nodes"])

    `start()` and `stop()` keep the data, so that a restart of the whole can be tested. `extra` adds flags to a
    component, e.g. `{"kube-controller-manager": ["--node-monitor-grace-period=10s"]}`. `without` leaves components out.
    It needs no root, and the first use on a machine builds Kubernetes (minutes).
    """

    def __init__(
        self,
        name: str = "api",
        *,
        extra: Mapping[str, Sequence[str]] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        self.places = Places.of(name)
        self.home: Path = self.places.home
        self.audit_log: Path = self.places.audit_log
        self.components = tuple(name for name in COMPONENTS if name not in without)
        self._extra = dict(extra or {})
        self._processes = Processes(self.places.pids, self.places.logs)
        self._setting: Setting | None = None
        self._held: list[int] = []
        """Sockets that keep its ports for it, also while a component is down."""

    def __enter__(self) -> Self:
        """Start from nothing."""
        self.delete()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything and remove every file."""
        self.delete()

    @property
    def setting(self) -> Setting:
        """Ports and certificates; made at the first use and kept in the home folder."""
        if self._setting is None:
            self._setting = Setting(
                self.home, Authority(self.places.certificates), self._endpoints(self.places.ports), (), self._extra
            )
        return self._setting

    @property
    def url(self) -> str:
        """The API server's address."""
        return self.setting.endpoints.url

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of an administrator."""
        return self.kubeconfig_for("admin", ADMINISTRATORS)

    @property
    def kubectl(self) -> Path:
        """The kubectl that was built with this API server."""
        return builds.component("kubectl")

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return the kubeconfig of `user` in `groups`: RBAC decides what it may do, the audit log names it."""
        return self.setting.kubeconfig(user, groups)

    def start(self) -> None:
        """Start what does not run and wait until the API server is ready and the default service account exists.

        Raises:
            ClusterError: a component does not come up; the message has the end of its log.
        """
        packages.ensure(packages.CONTROL_PLANE, silent)
        builds.ensure(builds.KUBERNETES, silent)
        # The controller-manager gives up when the default roles are not there within ten seconds.
        first = [name for name in self.components if name in {ETCD, APISERVER}]
        started = [self._processes.ensure(RECIPES[name](self.setting)) for name in first]
        if APISERVER in first:
            self._wait(lambda: self._status("/readyz") == http.client.OK, APISERVER, alive=first)
        rest = [name for name in self.components if name not in first]
        started += [self._processes.ensure(RECIPES[name](self.setting)) for name in rest]
        if any(started) and CONTROLLER_MANAGER in self.components:
            path = "/api/v1/namespaces/default/serviceaccounts/default"
            self._wait(lambda: self._status(path) == http.client.OK, CONTROLLER_MANAGER)

    def stop(self) -> None:
        """Stop every component, the API server's clients first; files stay."""
        for name in reversed(COMPONENTS):
            self._processes.stop(name)

    def delete(self) -> None:
        """Kill every component and remove the home folder: the next start is an empty cluster on other ports."""
        for name in reversed(COMPONENTS):
            self._processes.kill(name)  # nothing is kept: an API server that ends in order may take ten seconds
        shutil.rmtree(self.home, ignore_errors=True)
        self._setting = None
        while self._held:
            os.close(self._held.pop())

    def start_component(self, name: str) -> None:
        """Start one component (again); does not wait, except for the API server."""
        self._processes.ensure(RECIPES[name](self.setting))
        if name == APISERVER:
            self.wait_ready()

    def stop_component(self, name: str) -> None:
        """Let one component end in order (SIGTERM)."""
        self._processes.stop(name)

    def kill_component(self, name: str) -> None:
        """Kill one component (SIGKILL)."""
        self._processes.kill(name)

    def freeze_component(self, name: str) -> None:
        """Stop one component's clock (SIGSTOP): connections stay open and nothing answers."""
        self._processes.signal(name, signal.SIGSTOP)

    def thaw_component(self, name: str) -> None:
        """Undo `freeze_component`."""
        self._processes.signal(name, signal.SIGCONT)

    def alive(self, name: str) -> bool:
        """Return whether the component's process runs."""
        return self._processes.pid(name) is not None

    def log(self, name: str) -> Path:
        """Return the path of a component's log."""
        return self._processes.log(name)

    def wait_ready(self) -> None:
        """Wait until the API server says that it is ready, which includes the default roles and namespaces."""
        self._wait(lambda: self._status("/readyz") == http.client.OK, APISERVER)

    def _wait(self, ready: Callable[[], bool], name: str, *, alive: Sequence[str] = ()) -> None:
        self._processes.wait(ready, name, alive=alive or self.components, seconds=PATIENCE, beat=silent)

    def _endpoints(self, remembered: Path) -> Endpoints:
        if not remembered.exists():
            sockets = [reservation() for _ in range(3)]
            remembered.parent.mkdir(parents=True, exist_ok=True)
            remembered.write_text(json.dumps([number(one) for one in sockets]))
            self._held += [one.detach() for one in sockets]
        port, client, peer = json.loads(remembered.read_text())
        return Endpoints("127.0.0.1", port, client, peer, "10.0.0.0/24", "10.0.0.1", advertise=False)

    def _status(self, path: str) -> int:
        return api_status(self.setting, path)


def api_status(setting: Setting, path: str) -> int:
    """Ask the API server as an administrator; return the HTTP status, 0 when it cannot be reached."""
    context = ssl.create_default_context(cafile=str(setting.authority.certificate))
    certificate, key = setting.authority.client("admin", ADMINISTRATORS)
    context.load_cert_chain(certificate, key)
    points = setting.endpoints
    connection = http.client.HTTPSConnection(points.address, points.port, context=context, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0


__all__ = ["ClusterError", "ControlPlane", "api_status"]
