"""A cluster in containers, by kind: where a container engine works."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cluster import builds
from tests.cluster.commands import output, succeeds
from tests.cluster.places import Places
from tests.cluster.progress import silent


def usable() -> bool:
    """Return whether a container engine works on this machine."""
    return succeeds(["docker", "info"])


def exists(places: Places) -> bool:
    """Return whether kind has a cluster of this name."""
    return usable() and places.name in output([_kind(), "get", "clusters"]).split()


def up(places: Places) -> None:
    """Make the cluster unless it exists, and write its kubeconfig."""
    if not exists(places):
        output([_kind(), "create", "cluster", "--name", places.name, "--wait", "180s"])
    places.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    places.home.mkdir(parents=True, exist_ok=True)
    places.kubeconfig.write_text(output([_kind(), "get", "kubeconfig", "--name", places.name]))
    places.kubeconfig.chmod(0o600)


def down(places: Places) -> None:
    """Delete the cluster and its containers."""
    output([_kind(), "delete", "cluster", "--name", places.name])


def _kind() -> Path:
    installed = shutil.which("kind")
    return Path(installed) if installed else builds.ensure(builds.KIND, silent)
