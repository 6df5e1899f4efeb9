"""The digest of a stage changes with everything that the stage is made from, and with nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.cluster import buildah, stages
from tools.cluster.places import REPOSITORY
from tools.cluster.product import IMAGES, Image
from tools.cluster.stages import Stage

DOCKERFILE = """# says nothing
ARG BASE=debian:slim
ARG PACKAGES=packages

FROM ${BASE} AS tools
RUN first \\
 # said in between
 && second

FROM debian:slim AS packages
COPY --from=tools /made /made
COPY list.txt pins/ /build/

FROM ${PACKAGES} AS program
COPY code /code
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name in ("Dockerfile", "list.txt", "pins/a.txt", "code/main.py", "code/inner/more.py", "other.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(DOCKERFILE if name == "Dockerfile" else name)
    return tmp_path


def test_the_stages_and_what_each_needs(context: Path) -> None:
    assert stages.read(context / "Dockerfile") == {
        "tools": Stage("tools", "debian:slim", ("RUN first && second",)),
        "packages": Stage(
            "packages", "debian:slim", ("COPY --from=tools /made /made", "COPY list.txt pins/ /build/")
        ),
        "program": Stage("program", "packages", ("COPY code /code",)),
    }  # fmt: skip
    packages = stages.read(context / "Dockerfile")["packages"]
    assert (packages.needs, packages.sources) == (("debian:slim", "tools"), ("list.txt", "pins/"))


def test_the_images_are_built_here_on_a_base_made_here_whatever_digest_the_dockerfiles_name() -> None:
    for image in IMAGES:
        known = buildah.stages_of(image.context)
        assert {need for stage in known.values() for need in stage.needs} - {*known} == {buildah.BASE}
        assert "@" not in buildah.BASE, "a digest cannot be given to what is made here"


def replaced(old: str, new: str) -> Callable[[Path], object]:
    return lambda context: (context / "Dockerfile").write_text(DOCKERFILE.replace(old, new))


CHANGES: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "code": (lambda context: (context / "code/inner/more.py").write_text("new"), {"program"}),
    "a new file of the code": (lambda context: (context / "code/new.py").write_text(""), {"program"}),
    "a file of the code called otherwise": (
        lambda context: (context / "code/main.py").rename(context / "code/start.py"), {"program"}
    ),
    "a pinned list": (lambda context: (context / "pins/a.txt").write_text("new"), {"packages", "program"}),
    "an instruction of a stage that is copied from": (
        replaced("second", "third"), {"tools", "packages", "program"}
    ),
    "the image that two stages begin with": (
        replaced("debian:slim", "debian:sid"), {"tools", "packages", "program"}
    ),
    "a comment": (replaced("# says nothing", "# says more"), set()),
    "compiled code": (lambda context: (context / "code/__pycache__").mkdir(), set()),
    "a file that no stage copies": (lambda context: (context / "other.txt").write_text("new"), set()),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_change_makes_new(context: Path, change: str) -> None:
    def digests() -> dict[str, str]:
        known = stages.read(context / "Dockerfile")
        return {name: stages.digest(known, name, context) for name in known}

    alter, expected = CHANGES[change]
    before = digests()
    alter(context)
    if change == "compiled code":
        (context / "code/__pycache__/main.pyc").write_text("new")
    after = digests()
    assert {name for name in before if before[name] != after[name]} == expected


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.target)
def test_every_stage_of_an_image_can_be_handed_in(image: Image) -> None:
    defined = {line for line in (image.context / "Dockerfile").read_text().splitlines() if line.startswith("ARG ")}
    expected = {f"ARG {name.upper().replace('-', '_')}={name}" for name in image.chain[:-1]}
    assert expected <= defined


def test_both_dockerfiles_begin_alike_so_that_the_images_share_their_lower_layers() -> None:
    one, other = (stages.read(REPOSITORY / folder / "Dockerfile") for folder in ("", "trainer-image"))
    assert [one[name] for name in ("python", "installer")] == [other[name] for name in ("python", "installer")]
