"""What the images are made from: pinned bases, and releases without known holes."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import sbom
from tools.cluster import stages

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT, ROOT / "trainer-image")
OWN = ROOT / "examples/bring-your-own"
"""What users copy: an image on the trainer's."""
PINNED = re.compile(r"docker\.io/[a-z0-9/._-]+:[\w.-]+@sha256:[0-9a-f]{64}")
KERAS = (3, 13, 2)
"""Older releases load code from model files (CVE-2026-1462)."""


def bases(folder: Path) -> Iterator[str]:
    """Return the images that the Dockerfile of a folder begins stages with or copies from, stages of its own aside."""
    known = stages.read(folder / "Dockerfile")
    for stage in known.values():
        yield from (need for need in stage.needs if need not in known)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_image_from_elsewhere_is_named_by_its_digest(folder: Path) -> None:
    found = list(bases(folder))
    assert found
    assert [name for name in found if not PINNED.fullmatch(name)] == []


def test_all_images_have_the_same_base() -> None:
    assert len({name for folder in FOLDERS for name in bases(folder)}) == 1


def test_an_image_that_is_not_pinned_is_seen(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "ARG BASE=docker.io/library/debian:bookworm-slim\nFROM ${BASE} AS one\nFROM one AS two\n"
        "COPY --from=docker.io/library/busybox:1 /bin/busybox /bin/\n"
    )
    assert list(bases(tmp_path)) == ["docker.io/library/debian:bookworm-slim", "docker.io/library/busybox:1"]
    assert not any(map(PINNED.fullmatch, bases(tmp_path)))


def test_an_image_of_ones_own_is_made_of_the_trainers_and_nothing_else() -> None:
    assert list(bases(OWN)) == ["idla/trainer:dev"]


def test_every_dockerfile_is_looked_at() -> None:
    words = ["git", "ls-files", "*ockerfile*", "*ontainerfile*"]
    listed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert {(ROOT / name).parent for name in listed} == {*FOLDERS, OWN}


def test_keras_is_one_that_loads_no_code_from_a_model_file() -> None:
    lists = [
        ROOT / "requirements/dev.txt",
        *(ROOT / f"trainer-image/requirements/{name}.txt" for name in ("trainer", "trainer-gpu")),
    ]
    for path in lists:
        [version] = re.findall(r"^keras==([\d.]+)", path.read_text(), re.MULTILINE)
        assert tuple(map(int, version.split("."))) >= KERAS, path.name


def test_the_server_and_the_operator_have_no_keras_to_load_a_model_with() -> None:
    for path in (ROOT / "trainer-image/requirements/server.txt", ROOT / "requirements/operator.txt"):
        assert re.findall(r"^(keras|tensorflow|torch|h5py|joblib|scikit-learn)\b", path.read_text(), re.MULTILINE) == []


def test_every_package_is_pinned_to_one_version_with_its_hashes() -> None:
    lists = [*(ROOT / "requirements").glob("*.txt"), *(ROOT / "trainer-image/requirements").glob("*.txt")]
    assert len(lists) >= 9
    for path in lists:
        assert sbom.installed(path.read_text()), path.name


def test_every_list_that_is_installed_in_an_image_demands_the_hashes() -> None:
    for folder in FOLDERS:
        text = (folder / "Dockerfile").read_text().replace("\\\n", " ")
        lines = [line for line in text.splitlines() if "pip" in line and ("--requirement" in line or " -r " in line)]
        assert lines
        assert [line for line in lines if "--require-hashes" not in line] == []


def test_every_go_program_that_needs_modules_has_their_checksums() -> None:
    modules = [path.parent for path in (ROOT / "tools/cluster/go").glob("*/go.mod")]
    assert len(modules) > 5
    needy = [path for path in modules if "require" in (path / "go.mod").read_text()]
    assert [path.name for path in needy if not (path / "go.sum").is_file()] == []


@pytest.mark.parametrize("folder", [ROOT, ROOT / "trainer-image"], ids=["operator", "pods"])
def test_whatever_an_image_copies_is_sent_to_its_build(folder: Path) -> None:
    sent = re.findall(r"^!(\S+)", (folder / ".dockerignore").read_text(), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(\S+)", (folder / "Dockerfile").read_text(), re.MULTILINE)
    assert copied
    assert [path for path in copied if not any(f"{path}/".startswith(f"{entry}/") for entry in sent)] == []
