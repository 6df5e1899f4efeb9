"""Writes a bill of materials (CycloneDX) of each image's Python packages: `python -m tools.sbom CYCLONEDX OUT`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LISTS: Mapping[str, Path] = {
    "operator": ROOT / "requirements/operator.txt",
    "trainer": ROOT / "trainer-image/requirements/trainer.txt",
    "trainer-gpu": ROOT / "trainer-image/requirements/trainer-gpu.txt",
    "server": ROOT / "trainer-image/requirements/server.txt",
}
_IN_AN_IMAGE = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "python_version": "3.11",
    "python_full_version": "3.11.0",
}
"""What the lists' markers are asked about: Debian bookworm's Python."""


def main(cyclonedx: str, out: str) -> int:
    """Write `OUT/<image>.cdx.json` for each image, and say what is missing or too much in one of them.

    Returns:
        0 where each holds exactly what its image's list installs there, with the same versions and hashes.
    """
    wrong: list[str] = []
    Path(out).mkdir(parents=True, exist_ok=True)
    for image, path in LISTS.items():
        pins = installed(path.read_text())
        target = Path(out) / f"{image}.cdx.json"
        words = [cyclonedx, "requirements", "--output-reproducible", "-o", str(target), "-"]
        subprocess.run(words, input="\n".join(pins), text=True, check=True, capture_output=True)
        differences = compare(pins, json.loads(target.read_text()))
        print(f"{target}: {len(pins)} packages", *differences, sep="\n  ")
        wrong += differences
    return int(bool(wrong))


def installed(text: str) -> Sequence[str]:
    """Return the entries of a pinned list, hashes included, that pip installs in an image.

    Raises:
        ValueError: an entry is not pinned to one version with a hash.
    """
    entries = re.split(r"\n(?=\S)", text.replace("\\\n", " ").strip())
    return [entry for entry in map(_checked, entries) if _belongs(entry)]


def compare(pins: Sequence[str], bill: Mapping[str, object]) -> Sequence[str]:
    """Return how a bill differs from the entries of a list: packages, versions and hashes."""
    expected = {_named(pin): set(_hashes(pin)) for pin in pins}
    listed = bill.get("components")
    found = {}
    for each in listed if isinstance(listed, list) else ():
        sources = each.get("externalReferences", ())
        found[f"{each['name']}=={each['version']}"] = {h["content"] for s in sources for h in s.get("hashes", ())}
    said = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    said += [f"{name} is not in the image" for name in sorted(found.keys() - expected.keys())]
    both = sorted(expected.keys() & found.keys())
    return [*said, *(f"{name} has other hashes than the list" for name in both if expected[name] != found[name])]


def _checked(entry: str) -> str:
    entry = " ".join(entry.split())
    if not re.match(r"[A-Za-z0-9._-]+(\[\S+\])?==\S+ ", entry) or not _hashes(entry):
        raise ValueError(
            f"{entry[:80]!r} is not pinned; write name==version --hash=sha256:…, as `make requirements` does"
        )
    return entry


def _belongs(entry: str) -> bool:
    marker = Requirement(entry.split(" --hash", maxsplit=1)[0]).marker
    return marker is None or marker.evaluate(_IN_AN_IMAGE)


def _named(entry: str) -> str:
    found = Requirement(entry.split(" --hash", maxsplit=1)[0])
    return f"{found.name}{found.specifier}"


def _hashes(entry: str) -> Sequence[str]:
    return re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
