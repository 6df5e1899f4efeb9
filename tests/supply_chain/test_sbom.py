"""`make sbom` lists what is in each image: no package less, none more, none of another version."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tools import sbom

CYCLONEDX = Path(__file__).parents[2] / ".tools/sbom/bin/cyclonedx-py"
NOT_IN_AN_IMAGE = {"colorama==0.4.6", "numpy==2.5.5"}
"""Pinned for Windows and for later Pythons."""
A, B = "a" * 64, "b" * 64


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert CYCLONEDX.exists(), "cyclonedx-py is missing; `make sbom` installs it"
    out = tmp_path_factory.mktemp("dist")
    assert sbom.main(str(CYCLONEDX), str(out)) == 0
    return out


@pytest.mark.parametrize("image", sbom.LISTS)
def test_the_bill_of_an_image_lists_every_package_that_is_pinned_for_it(written: Path, image: str) -> None:
    bill = json.loads((written / f"{image}.cdx.json").read_text())
    pinned = set(re.findall(r"^[\w.-]+==[\w.]+", sbom.LISTS[image].read_text(), re.MULTILINE)) - NOT_IN_AN_IMAGE
    assert len(pinned) > 20
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {f"{each['name']}=={each['version']}" for each in bill["components"]} == pinned
    assert {each["purl"] for each in bill["components"]} == {
        "pkg:pypi/{}@{}".format(*pin.lower().split("==")) for pin in pinned
    }


def test_two_bills_of_the_same_lists_are_the_same_bytes(written: Path, tmp_path: Path) -> None:
    assert sbom.main(str(CYCLONEDX), str(tmp_path)) == 0
    for path in written.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_every_image_has_its_list() -> None:
    images = Path(__file__).parents[2]
    copied = {
        (folder / name).resolve()
        for folder in (images, images / "trainer-image")
        for name in re.findall(r"^COPY (requirements/\S+\.txt) /build/requirements", _dockerfile(folder), re.MULTILINE)
    }
    assert copied == set(sbom.LISTS.values())


def _dockerfile(folder: Path) -> str:
    return (folder / "Dockerfile").read_text()


def bill(*components: tuple[str, str, list[str]]) -> dict[str, Any]:
    return {
        "components": [
            {"name": name, "version": version, "externalReferences": [{"hashes": [{"content": h} for h in hashes]}]}
            for name, version, hashes in components
        ]
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (bill(("one", "1", [A]), ("two", "2", [A, B])), []),
        (bill(("one", "1", [A])), ["two==2 is missing"]),
        (bill(("one", "2", [A]), ("two", "2", [A, B])), ["one==1 is missing", "one==2 is not in the image"]),
        (bill(("one", "1", [B]), ("two", "2", [A, B])), ["one==1 has other hashes than the list"]),
        ({}, ["one==1 is missing", "two==2 is missing"]),
    ],
)
def test_a_bill_that_differs_is_told(found: dict[str, Any], expected: list[str]) -> None:
    pins = [f"one==1 --hash=sha256:{A}", f"two==2 --hash=sha256:{A} --hash=sha256:{B}"]
    assert sbom.compare(pins, found) == expected


def test_what_is_for_other_machines_is_left_out() -> None:
    text = (
        f"one==1 \\\n    --hash=sha256:{A}\n"
        f"two==2 ; sys_platform == 'win32' \\\n    --hash=sha256:{A}\n"
        f"three==3 ; python_full_version < '3.12' \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}\n"
    )
    assert sbom.installed(text) == [
        f"one==1 --hash=sha256:{A}",
        f"three==3 ; python_full_version < '3.12' --hash=sha256:{A} --hash=sha256:{B}",
    ]


@pytest.mark.parametrize("line", [f"one>=1 --hash=sha256:{A}", "one==1 ", f"one --hash=sha256:{A}"])
def test_what_is_not_pinned_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="is not pinned; write name==version"):
        sbom.installed(line)
