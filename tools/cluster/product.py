"""The product's own images: built from their Dockerfiles and brought into the cluster, and only what has changed."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path

from tools.cluster import buildah, existing, images, kind, packages
from tools.cluster.buildah import Buildah
from tools.cluster.commands import ClusterError, succeeds
from tools.cluster.places import REPOSITORY, Places, cache_root
from tools.cluster.progress import Beat, Progress

IMAGE_STEPS = 3
_PODS = REPOSITORY / "trainer-image"


@dataclass(frozen=True)
class Image:
    """An image of the product: the last of its stages is laid on those before it."""

    name: str
    context: Path
    chain: tuple[str, ...]
    hint: str

    @property
    def target(self) -> str:
        """The stage of the Dockerfile that is the image."""
        return self.chain[-1]


OPERATOR = Image(
    "docker.io/idla/operator:dev", REPOSITORY, ("python", "installer", "operator-packages", "operator"), "about 2 min"
)
TRAINER = Image(
    "docker.io/idla/trainer:dev", _PODS, ("python", "installer", "trainer-packages", "trainer"), "about 3 min"
)
SERVER = Image("docker.io/idla/server:dev", _PODS, ("python", "installer", "server-packages", "server"), "about 1 min")
IMAGES = (OPERATOR, TRAINER, SERVER)


def ensure_images(places: Places, progress: Progress) -> None:
    """Bring the images of the present code into the running cluster; `IMAGE_STEPS` steps, quick when nothing changed.

    On an existing cluster nothing is built: its owner provides the images.

    Raises:
        ClusterError: the cluster does not run, or a build failed; the message says why and how to mend it.
    """
    if existing.wanted():
        return
    engine = kind.usable()
    if not engine and not succeeds([*images.ctr(places), "version"]):
        raise ClusterError(f"cluster {places.name} does not run: `make cluster` brings it up")
    folder = cache_root() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for image in IMAGES:
            with progress.step(f"{image.name.removeprefix('docker.io/')} (the first time {image.hint})") as beat:
                if engine:
                    _by_docker(image, places, beat)
                else:
                    _by_buildah(image, places, beat)


def loaded(places: Places) -> list[Image]:
    """Return the images that are in the cluster of processes as the present code makes them."""
    layout = Buildah.here().layout
    present = images.present(places)
    return [image for image in IMAGES if _is_loaded(image, layout.manifest(_reference(image)), present)]


def _by_docker(image: Image, places: Places, beat: Beat) -> None:
    arguments = {**buildah.pip_arguments(), "IDLA_IMAGE": image.name}
    kind.build(image.context, image.target, image.name.removeprefix("docker.io/"), arguments, beat)
    kind.load(places, image.name.removeprefix("docker.io/"), beat)


def _by_buildah(image: Image, places: Places, beat: Beat) -> None:
    builder = Buildah.here()
    made = _reference(image)
    if builder.layout.manifest(made) is None:
        packages.ensure(buildah.PACKAGES, beat)
        builder.stage(image.context, image.chain, {"IDLA_IMAGE": f"{image.name}@{made}"}, beat)
    if not _is_loaded(image, builder.layout.manifest(made), images.present(places)):
        images.load_from(builder.layout, made, places, image.name)


def _reference(image: Image) -> str:
    return buildah.reference(buildah.stages_of(image.context), image.target, image.context)


def _is_loaded(image: Image, manifest: str | None, present: dict[str, str]) -> bool:
    return manifest is not None and present.get(image.name) == manifest
