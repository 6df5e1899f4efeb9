"""The whole cluster of processes: brought up step by step, repaired, looked at."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence

from tools.cluster import addons, builds, files, images, network, node, packages, removal
from tools.cluster.certificates import Authority
from tools.cluster.commands import ClusterError, output, succeeds
from tools.cluster.components import APISERVER, CONTROLLER_MANAGER, ETCD, RECIPES, SCHEDULER, Endpoints, Setting
from tools.cluster.control_plane import ADMINISTRATORS, api_status
from tools.cluster.places import Places, addresses
from tools.cluster.processes import Processes, Recipe
from tools.cluster.progress import Beat, Progress
from tools.waiting import PATIENCE

STEPS = 13


class Cluster:
    """A control plane and one node on this machine, without a container engine; needs root."""

    def __init__(self, places: Places, *, gpus: int = 2, without: Sequence[str] = ()) -> None:
        if places.is_control_plane:
            raise ClusterError(f"{places.name} is a control plane of profile api: choose another --name")
        self.places = places
        self.points = addresses(places)
        self.processes = Processes(places.pids, places.logs)
        self._gpus = gpus
        self._without = frozenset(without)
        self._wanted: list[str] = []  # the processes that this run has started or found running
        endpoints = Endpoints(
            self.points.node, 6443, 2379, 2380, self.points.services, self.points.apiserver_service, advertise=True
        )
        prefix = network.enter(places)
        self.setting = Setting(places.home, Authority(places.certificates), endpoints, prefix)

    @property
    def kubectl(self) -> tuple[str, ...]:
        """The words of kubectl as the administrator."""
        return (str(builds.component("kubectl")), f"--kubeconfig={self.places.kubeconfig}")

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus answers, for the machine and for pods."""
        return f"http://{self.points.node}:9090"

    def up(self, progress: Progress) -> None:
        """Bring up what is missing, dead or changed, and wait until it works; quick when all is well.

        Raises:
            ClusterError: a step failed; the message says why and where its log is.
        """
        if os.geteuid() != 0:
            raise ClusterError("a cluster of processes needs root (namespaces, mounts): use sudo, or docker")
        self._prepare(progress)
        with progress.step("network of the node"):
            if not network.exists(self.places, self.points):
                removal.stop_everything(self.places, self.processes)
            network.ensure(self.places, self.points)
        with progress.step("etcd and kube-apiserver") as beat:
            self._ensure(RECIPES[ETCD](self.setting))
            self._ensure(RECIPES[APISERVER](self.setting))
            self._wait(lambda: api_status(self.setting, "/readyz") == http.client.OK, APISERVER, beat)
            self._show_kubeconfig()
        with progress.step("controller-manager and scheduler"):
            for name in (CONTROLLER_MANAGER, SCHEDULER):
                self._ensure(RECIPES[name](self.setting))
        self._start_node(progress)
        self._start_addons(progress)

    def status(self) -> list[tuple[str, str]]:
        """Return each process of the cluster and whether it runs."""
        rows = []
        for name in self.processes.names():
            pid = self.processes.pid(name)
            rows.append((name, f"running, pid {pid}" if pid else f"DEAD, see {self.processes.log(name)}"))
        return rows

    def ready(self) -> bool:
        """Return whether every recorded process runs and the API server is ready."""
        names = self.processes.names()
        alive = bool(names) and all(self.processes.pid(name) is not None for name in names)
        return alive and api_status(self.setting, "/readyz") == http.client.OK

    def _prepare(self, progress: Progress) -> None:
        wanted = {**packages.CONTROL_PLANE, **packages.NODE}
        if addons.PROMETHEUS not in self._without:
            wanted |= packages.PROMETHEUS
        with progress.step("Debian packages") as beat:
            packages.ensure(wanted, beat)
        with progress.step(f"build kubernetes {builds.KUBERNETES_VERSION} (once, about 6 min)") as beat:
            builds.ensure(builds.KUBERNETES, beat)
        with progress.step("build coredns, kwok and small programs (once, about 4 min)") as beat:
            for program in (builds.COREDNS, builds.PROVISIONER, builds.PAUSE):
                builds.ensure(program, beat)
            for name, program in ((addons.KWOK, builds.KWOK), (addons.PROMETHEUS, builds.TARGETS)):
                if name not in self._without:
                    builds.ensure(program, beat)

    def _start_node(self, progress: Progress) -> None:
        with progress.step("containerd") as beat:
            self._ensure(node.containerd(self.places, self.points))
            self._wait(lambda: succeeds([*images.ctr(self.places), "version"]), node.CONTAINERD, beat)
        with progress.step("images of pause and busybox"):
            images.load_small(self.places)
        with progress.step("kubelet and kube-proxy, until the node is Ready") as beat:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            started = self._ensure(node.kubelet(self.places, self.points, self.setting))
            self._ensure(node.proxy(self.places, self.points, self.setting))
            self._wait(lambda: self._node_is_ready(now if started else ""), node.KUBELET, beat)
        with progress.step(f"{self._gpus} simulated {addons.GPU}"):
            addons.simulate_gpus(self.kubectl, self.places, self._gpus)

    def _start_addons(self, progress: Progress) -> None:
        with progress.step("names (CoreDNS) and volumes (provisioner)") as beat:
            addons.apply_objects(self.kubectl, self.points)
            self._ensure(addons.coredns(self.places, self.points, self.setting))
            self._ensure(addons.provisioner(self.places, self.setting))
            self._wait(lambda: _answers(f"http://{self.points.node}:8181/ready"), addons.COREDNS, beat)
        with progress.step("simulated nodes (KWOK)" + self._left_out(addons.KWOK)):
            if addons.KWOK in self._without:
                self.processes.stop(addons.KWOK)
            else:
                self._ensure(addons.kwok(self.places, self.setting))
        with progress.step("Prometheus" + self._left_out(addons.PROMETHEUS)) as beat:
            if addons.PROMETHEUS in self._without:
                self.processes.stop(addons.PROMETHEUS)
                self.processes.stop(addons.TARGETS)
            else:
                self._ensure(addons.targets(self.places, self.setting))
                self._ensure(addons.prometheus(self.places, self.points, self.setting))
                self._wait(lambda: _answers(f"{self.prometheus_url}/-/ready"), addons.PROMETHEUS, beat)
        self.processes.require(addons.PROVISIONER)

    def _left_out(self, name: str) -> str:
        return ": left out" if name in self._without else ""

    def _ensure(self, recipe: Recipe) -> bool:
        self._wanted.append(recipe.name)
        return self.processes.ensure(recipe)

    def _wait(self, ready: Callable[[], bool], name: str, beat: Beat) -> None:
        self.processes.wait(ready, name, alive=self._wanted, seconds=PATIENCE, beat=beat)

    def _node_is_ready(self, since: str) -> bool:
        """Return whether the kubelet said `Ready` at `since` or later: what a killed one said stays for a while."""
        path = "{range .status.conditions[?(@.type=='Ready')]}{.status} {.lastHeartbeatTime}{end}"
        name = node.node_name(self.places)
        query = [*self.kubectl, "get", "node", name, "--ignore-not-found", "-o", f"jsonpath={path}"]
        state, _, said = output(query).strip().partition(" ")
        return state == "True" and said >= since

    def _show_kubeconfig(self) -> None:
        self.setting.authority.kubeconfig(self.places.kubeconfig, self.setting.endpoints.url, "admin", ADMINISTRATORS)
        files.point(self.places.shown / "bin" / "kubectl", builds.component("kubectl"))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == http.client.OK)
    except (urllib.error.URLError, OSError):
        return False
