"""A cluster in containers, by kind: where a container engine works."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.cluster import builds, files
from tools.cluster.commands import logged, output, succeeds
from tools.cluster.places import Places, cache_root
from tools.cluster.progress import Beat, silent


def usable() -> bool:
    """Return whether a container engine works on this machine."""
    return succeeds(["docker", "info"])


def exists(places: Places) -> bool:
    """Return whether kind has a cluster of this name."""
    return usable() and places.name in output([_kind(), "get", "clusters"]).split()


def up(places: Places) -> None:
    """Make the cluster unless it exists, and write its kubeconfig beside a kubectl."""
    if not exists(places):
        output([_kind(), "create", "cluster", "--name", places.name, "--wait", "180s"])
    places.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    places.home.mkdir(parents=True, exist_ok=True)
    places.kubeconfig.write_text(output([_kind(), "get", "kubeconfig", "--name", places.name]))
    places.kubeconfig.chmod(0o600)
    installed = shutil.which("kubectl")
    files.point(places.shown / "bin" / "kubectl", Path(installed) if installed else _built_kubectl())


def build(context: Path, target: str, name: str, arguments: Mapping[str, str], beat: Beat) -> None:
    """Build an image from the Dockerfile in `context` with docker, whose own cache keeps what has not changed.

    Raises:
        ClusterError: the build failed; the message has the end of its log.
    """
    words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    log = cache_root() / "logs" / f"image-{target}.log"
    command: list[str | Path] = ["docker", "build", "--target", target, "--tag", name, *words, context]
    logged(command, log, beat=beat, extra={"DOCKER_BUILDKIT": "1"})


def load(places: Places, name: str, beat: Beat) -> None:
    """Bring an image of docker's into the cluster; kind moves nothing that its node has."""
    command: list[str | Path] = [_kind(), "load", "docker-image", name, "--name", places.name]
    logged(command, cache_root() / "logs" / "kind-load.log", beat=beat)


def down(places: Places) -> None:
    """Delete the cluster and its containers."""
    output([_kind(), "delete", "cluster", "--name", places.name])


def _built_kubectl() -> Path:
    builds.ensure(builds.KUBERNETES, silent)
    return builds.component("kubectl")


def _kind() -> Path:
    installed = shutil.which("kind")
    return Path(installed) if installed else builds.ensure(builds.KIND, silent)
