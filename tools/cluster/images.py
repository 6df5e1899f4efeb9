"""Images in the cluster's containerd: what is there, and archives brought in."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tools.cluster import archives, builds
from tools.cluster.commands import ClusterError, environment, output
from tools.cluster.layout import Layout
from tools.cluster.node import PAUSE_IMAGE
from tools.cluster.places import Places, cache_root

BUSYBOX_IMAGE = "docker.io/idla/busybox:dev"


def ctr(places: Places) -> list[str]:
    """Return the words of ctr on this cluster's containerd, in the kubelet's namespace."""
    return ["ctr", "--address", str(places.containerd_socket), "--namespace", "k8s.io"]


def present(places: Places) -> dict[str, str]:
    """Return the names of all images in the cluster, each with the digest of its manifest."""
    rows = [line.split() for line in output([*ctr(places), "images", "list"]).splitlines()[1:]]
    return {row[0]: row[2] for row in rows}


def load(places: Places, archive: Path) -> None:
    """Bring an archive's images into the cluster, replacing those of the same name."""
    output([*ctr(places), "images", "import", "--snapshotter=overlayfs", archive])


def load_from(layout: Layout, reference: str, places: Places, name: str) -> None:
    """Bring an image of the archive into the cluster as `name`; only the layers that the cluster lacks are moved.

    The image that had this name is forgotten; containers that run from it go on.

    Raises:
        ClusterError: containerd refused it; the message has what it said.
    """
    before = present(places).get(name)
    held = set(output([*ctr(places), "content", "list", "--quiet"]).split())
    words = [*ctr(places), "images", "import", "--snapshotter=overlayfs", "-"]
    pipe = subprocess.PIPE
    importing = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=environment())
    assert importing.stdin is not None
    assert importing.stdout is not None
    try:
        layout.stream(reference, name, held, importing.stdin)
        importing.stdin.close()
    except BrokenPipeError:
        pass  # it says why below
    said = importing.stdout.read().decode(errors="replace")
    if importing.wait() != 0:
        raise ClusterError(f"{name} could not be brought into the cluster: {said.strip()[-1500:]}")
    names = {other for other, digest in present(places).items() if digest == before}
    if names and all(other.startswith("sha256:") for other in names):  # what the kubelet's interface calls it
        output([*ctr(places), "images", "remove", *names])


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
