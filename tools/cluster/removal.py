"""Takes a cluster away: its processes, containers, mounts, cgroups and network, and nothing of anybody else's."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tools.cluster import addons, images, network, node
from tools.cluster.commands import ClusterError, output, succeeds
from tools.cluster.components import COMPONENTS
from tools.cluster.places import Places, addresses
from tools.cluster.processes import Processes
from tools.waiting import PATIENCE

# Clients before what they talk to; containerd stays until its containers are gone.
_ORDER = (addons.PROMETHEUS, addons.TARGETS, addons.KWOK, addons.PROVISIONER, addons.COREDNS, node.PROXY, node.KUBELET)
_CNI_RESULTS = Path("/var/lib/cni/results")
_LOG_LINKS = Path("/var/log/containers")


def stop_everything(places: Places, processes: Processes) -> None:
    """End all processes, containers and mounts; data and network stay. Pods are killed without grace."""
    for name in _ORDER:
        processes.stop(name)
    if processes.pid(node.CONTAINERD) is not None:
        _remove_containers(places)
    processes.stop(node.CONTAINERD)
    _kill_remaining(places)
    for name in reversed(COMPONENTS):
        processes.stop(name)
    _unmount(places)


def remove(places: Places) -> None:
    """Take away the whole cluster, its data and its folders; the cache of builds and images stays.

    Safe on a cluster that is half there, or not at all.

    Raises:
        ClusterError: something is still in use after `PATIENCE`.
    """
    processes = Processes(places.pids, places.logs)
    if (places.home / "network.json").exists():
        points = addresses(places)
        stop_everything(places, processes)
        _remove_cgroups(places)
        network.remove(places, points)
        network.restore_settings(places)
        _remove_log_links(places)
    for name in processes.names():
        processes.stop(name)
    shutil.rmtree(places.run, ignore_errors=True)
    _rmtree(places.home)
    for path in (places.kubeconfig, places.shown / "bin" / "kubectl"):
        path.unlink(missing_ok=True)
    for folder in (places.shown / "bin", places.shown, places.run.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()


def shims(places: Places) -> list[int]:
    """Return the pids of the shims that were started by this cluster's containerd: those that name its socket."""
    own = f"-address\0{places.containerd_socket}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if own in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def mounts(places: Places) -> list[str]:
    """Return what is mounted below the cluster's folders, the innermost first."""
    roots = (f"{places.home}/", f"{places.run}/")
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((point for point in points if point.startswith(roots)), key=len, reverse=True)


def members(places: Places) -> set[int]:
    """Return the pids of all processes in the cluster's cgroups."""
    found: set[int] = set()
    for folder in node.cgroup_folders(places):
        for path in folder.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found |= {int(word) for word in path.read_text().split()}
    return found - {0}


def _remove_containers(places: Places) -> None:
    ctr = images.ctr(places)
    with contextlib.suppress(ClusterError):
        for task in output([*ctr, "tasks", "list", "--quiet"]).split():
            succeeds([*ctr, "tasks", "delete", "--force", task])
        for container in output([*ctr, "containers", "list", "--quiet"]).split():
            succeeds([*ctr, "containers", "delete", container])
            for left in _CNI_RESULTS.glob(f"*-{container}-*"):
                left.unlink(missing_ok=True)


def _kill_remaining(places: Places) -> None:
    sockets = [path.read_text() for path in places.run.glob("containerd/io.containerd.runtime.v2.task/*/*/address")]
    deadline = time.monotonic() + PATIENCE
    while left := {*members(places), *shims(places)}:
        if time.monotonic() > deadline:
            raise ClusterError(f"processes of {places.name} do not end: {sorted(left)}")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    for socket in sockets:
        Path(socket.strip().removeprefix("unix://")).unlink(missing_ok=True)


def _unmount(places: Places) -> None:
    for point in mounts(places):
        if point != str(places.netns):
            output(["umount", point])


def _remove_cgroups(places: Places) -> None:
    deadline = time.monotonic() + PATIENCE
    for top in node.cgroup_folders(places):
        while top.exists():
            for folder in [*_deepest_first(top), top]:
                with contextlib.suppress(OSError):
                    folder.rmdir()
            if time.monotonic() > deadline:
                raise ClusterError(f"cgroup {top} is still in use")
            time.sleep(0.0 if not top.exists() else 0.1)


def _deepest_first(top: Path) -> Iterator[Path]:
    folders = [path for path in top.rglob("*") if path.is_dir()]
    yield from sorted(folders, key=lambda path: len(path.parts), reverse=True)


def _remove_log_links(places: Places) -> None:
    for link in _LOG_LINKS.glob("*.log") if _LOG_LINKS.exists() else ():
        if link.is_symlink() and str(link.readlink()).startswith(str(places.home)):
            link.unlink(missing_ok=True)


def _rmtree(folder: Path) -> None:
    """Remove a folder in which nothing is mounted any more (refuse otherwise: it would reach into the mounts)."""
    inside = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    if any(point.startswith(f"{folder}/") for point in inside):
        raise ClusterError(f"something is still mounted below {folder}: see /proc/mounts")
    shutil.rmtree(folder, ignore_errors=True)
