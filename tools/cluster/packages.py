"""Debian packages that the cluster runs on: installed by apt, and only when their program is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.cluster import files
from tools.cluster.commands import ClusterError, environment, logged
from tools.cluster.places import cache_root
from tools.cluster.progress import Beat

# program or file that shows that a package is there -> the package
CONTROL_PLANE: Mapping[str, str] = {"etcd": "etcd-server", "openssl": "openssl"}
NODE: Mapping[str, str] = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ethtool": "ethtool",
    "socat": "socat",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mount": "mount",
}
PROMETHEUS: Mapping[str, str] = {"prometheus": "prometheus"}


def missing(wanted: Mapping[str, str]) -> list[str]:
    """Return the packages of `wanted` whose program is not on this machine."""
    path = environment()["PATH"]
    return [
        package
        for shown, package in wanted.items()
        if not (Path(shown).exists() if shown.startswith("/") else shutil.which(shown, path=path))
    ]


def ensure(wanted: Mapping[str, str], beat: Beat) -> list[str]:
    """Install what is missing without its services being started; return the installed packages' names.

    Raises:
        ClusterError: a package is missing and this is no root on Debian, or apt failed.
    """
    if not missing(wanted):
        return []
    with files.locked(cache_root() / "locks" / "apt"):
        names = missing(wanted)  # another process may have installed them while this one waited
        if names:
            _install(names, beat)
    return names


def _install(names: list[str], beat: Beat) -> None:
    command = f"apt-get install -y --no-install-recommends {' '.join(names)}"
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise ClusterError(f"missing: {', '.join(names)}. As root on Debian or Ubuntu: `{command}`")
    log = cache_root() / "logs" / "apt.log"
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # RUNLEVEL=1: no service starts
    logged(["apt-get", "update"], log.with_name("apt-update.log"), beat=beat, extra=quiet)
    logged(command.split(), log, beat=beat, extra=quiet)
