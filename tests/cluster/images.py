"""Images in the cluster's containerd: what is there, and archives brought in."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import archives, builds
from tests.cluster.commands import output
from tests.cluster.node import PAUSE_IMAGE
from tests.cluster.places import Places, cache_root

BUSYBOX_IMAGE = "docker.io/idla/busybox:dev"


def ctr(places: Places) -> list[str]:
    """Return the words of ctr on this cluster's containerd, in the kubelet's namespace."""
    return ["ctr", "--address", str(places.containerd_socket), "--namespace", "k8s.io"]


def present(places: Places) -> set[str]:
    """Return the names of all images in the cluster."""
    return set(output([*ctr(places), "images", "list", "--quiet"]).split())


def load(places: Places, archive: Path) -> None:
    """Bring an archive's images into the cluster, replacing those of the same name."""
    output([*ctr(places), "images", "import", "--snapshotter=overlayfs", archive])


def load_small(places: Places) -> None:
    """Bring in the image that pods need to exist, and the one with a shell that tests use."""
    folder = cache_root() / "images"
    names = present(places)
    pause = builds.built(builds.PAUSE)
    if PAUSE_IMAGE not in names:
        archive = folder / f"{pause.name}.tar"
        load(places, archive if archive.exists() else archives.pause(archive, PAUSE_IMAGE, pause))
    if BUSYBOX_IMAGE not in names:
        archive = folder / "busybox.tar"
        load(places, archive if archive.exists() else archives.busybox(archive, BUSYBOX_IMAGE))
