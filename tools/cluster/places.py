"""Where a cluster keeps its things: folders, files and addresses, all derived from its name and its index."""

from __future__ import annotations

import fcntl
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_NAME = "idla"
_CLUSTERS = 16  # as many as have a network of their own, see Addresses


def cache_root() -> Path:
    """Return the folder of everything that is built once: `IDLA_CACHE`, or `~/.cache/idla`."""
    return Path(os.environ.get("IDLA_CACHE") or Path.home() / ".cache" / "idla").absolute()


@dataclass(frozen=True)
class Addresses:
    """The networks of the cluster with this index; clusters side by side never share one."""

    index: int

    @property
    def node(self) -> str:
        """The node's address, where the API server and Prometheus listen too."""
        return f"10.250.{self.index}.1"

    @property
    def machine(self) -> str:
        """The machine's own address on the link to the node; pods reach servers of the machine here."""
        return f"10.250.{self.index}.254"

    @property
    def nodes(self) -> str:
        """The network of the link between machine and node."""
        return f"10.250.{self.index}.0/24"

    @property
    def pods(self) -> str:
        """The network of the pods."""
        return f"10.251.{self.index}.0/24"

    @property
    def services(self) -> str:
        """The network of the Services."""
        return f"10.252.{self.index * 16}.0/20"

    @property
    def apiserver_service(self) -> str:
        """The address of Service `kubernetes`: the first of the Services' network."""
        return f"10.252.{self.index * 16}.1"

    @property
    def dns(self) -> str:
        """The address of Service `kube-dns`."""
        return f"10.252.{self.index * 16}.10"


@dataclass(frozen=True)
class Places:
    """The folders of the cluster called `name`; making this value touches nothing."""

    name: str
    cache: Path

    @classmethod
    def of(cls, name: str = DEFAULT_NAME) -> Places:
        """Return the places of a cluster.

        Raises:
            ValueError: the name could not be part of a folder's, a network link's and a cgroup's name.
        """
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
            raise ValueError(f"cluster name {name!r}: use at most 31 of a-z, 0-9 and -, a letter first")
        return cls(name, cache_root())

    @property
    def home(self) -> Path:
        """State and logs."""
        return self.cache / "cluster" / self.name

    @property
    def ports(self) -> Path:
        """The ports of a control plane of profile api; a whole cluster has addresses of its own instead."""
        return self.home / "ports.json"

    @property
    def is_control_plane(self) -> bool:
        """Whether a control plane of profile api has this name."""
        return self.ports.exists()

    @property
    def run(self) -> Path:
        """What must not outlive a reboot: sockets, the node's network namespace, running containers' state."""
        return Path("/run/idla") / self.name

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.home / "logs"

    @property
    def pids(self) -> Path:
        """One record per process."""
        return self.home / "pids"

    @property
    def certificates(self) -> Path:
        """Keys and certificates."""
        return self.home / "pki"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log: one JSON event per line, appended at once."""
        return self.home / "audit.log"

    @property
    def netns(self) -> Path:
        """The node's network namespace."""
        return self.run / "netns"

    @property
    def containerd_socket(self) -> Path:
        """The socket of this cluster's own containerd."""
        return self.run / "containerd.sock"

    @property
    def volumes(self) -> Path:
        """The directories behind persistent volumes."""
        return self.home / "volumes"

    @property
    def cgroup(self) -> str:
        """The cgroup under which every pod of this cluster runs."""
        return f"/idla-{self.name}"

    @property
    def shown(self) -> Path:
        """The folder in the checkout in which users find kubeconfig and kubectl."""
        folder = REPOSITORY / ".cluster"
        return folder if self.name == DEFAULT_NAME else folder / self.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.shown / "kubeconfig"


def addresses(places: Places) -> Addresses:
    """Return the cluster's addresses; the first call for a name reserves the lowest free index on disk.

    Raises:
        RuntimeError: every index is taken.
    """
    root = places.home.parent
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        own = places.home / "network.json"
        if own.exists():
            return Addresses(int(json.loads(own.read_text())["index"]))
        taken = {int(json.loads(other.read_text())["index"]) for other in root.glob("*/network.json")}
        free = [index for index in range(_CLUSTERS) if index not in taken]
        if places.name != DEFAULT_NAME:
            free = [index for index in free if index != 0]
        if not free:
            raise RuntimeError(f"{_CLUSTERS} clusters exist already: delete one under {root}")
        places.home.mkdir(parents=True, exist_ok=True)
        own.write_text(json.dumps({"index": free[0]}))
        return Addresses(free[0])
