"""Judges manifests as clusters get them with checkov and kube-score: `python -m tools.scan CHECKOV [FOLDER]`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from tools import rendered
from tools.cluster import builds
from tools.cluster.progress import silent

ROOT = Path(__file__).parents[1]
CHECKOV_SETTINGS = ROOT / ".checkov.yaml"
KUBE_SCORE_SETTINGS = ROOT / ".kube-score.yaml"
_ALL_RIGHT = 10
_OPTIONAL = "container-seccomp-profile,container-ports-check"


@dataclass(frozen=True, order=True)
class Finding:
    """What kube-score has against an object, `Kind/group/version/namespace/name`."""

    file: str
    where: str
    check: str
    says: str


@dataclass(frozen=True)
class Excepted:
    """A check that is not asked of the objects of a pattern, and why."""

    check: str
    objects: str
    why: str

    def covers(self, finding: Finding) -> bool:
        """Return whether the finding is one of those that are known."""
        return finding.check == self.check and fnmatchcase(finding.where, self.objects)


def main(checkov: str, folder: str | None = None) -> int:
    """Judge what clusters get, or every `.yaml` file of `folder`.

    Returns:
        0 where nothing but the exceptions is left, and, without `folder`, every exception of kube-score is needed.
    """
    if folder is not None:
        return judge(checkov, Path(folder), allowing_needless=True)
    with tempfile.TemporaryDirectory() as written:
        rendered.write(Path(written))
        return judge(checkov, Path(written), allowing_needless=False)


def judge(checkov: str, folder: Path, *, allowing_needless: bool) -> int:
    """Have both tools judge the folder, print what they find, and return 1 where one has something against it."""
    words = [checkov, "--directory", str(folder), "--config-file", str(CHECKOV_SETTINGS)]
    refused = subprocess.run(words, check=False).returncode != 0
    found = kube_score(sorted(folder.glob("*.yaml")))
    warnings = against(found, exceptions(), allowing_needless=allowing_needless)
    print(f"kube-score: {len(found)} findings, {len(warnings)} warnings", *warnings, sep="\n  ")
    return int(refused or bool(warnings))


def exceptions() -> Sequence[Excepted]:
    """Return what kube-score asks and is not done."""
    return [Excepted(**entry) for entry in yaml.safe_load(KUBE_SCORE_SETTINGS.read_text())["exceptions"]]


def against(found: Iterable[Finding], excepted: Sequence[Excepted], *, allowing_needless: bool) -> Sequence[str]:
    """Return what is wrong: findings that no exception covers, exceptions without a reason or that cover nothing."""
    held = sorted(found)
    said = [
        f"{each.file}: {each.where}: {each.says} ({each.check})"
        for each in held
        if not any(known.covers(each) for known in excepted)
    ]
    for known in excepted:
        name = f"{KUBE_SCORE_SETTINGS.name}: {known.check} of {known.objects}"
        if not known.why:
            said.append(f"{name} has no reason; write why it is not done")
        if not allowing_needless and not any(known.covers(each) for each in held):
            said.append(f"{name} is needed by no manifest; remove it")
    return said


def kube_score(files: Sequence[Path]) -> Sequence[Finding]:
    """Return what kube-score finds in each file by itself, whatever is excepted; annotations cannot switch it off."""
    program = str(builds.ensure(builds.KUBE_SCORE, silent))
    version = builds.KUBERNETES_VERSION.rpartition(".")[0]
    words = [program, "score", "--output-format", "json", "--kubernetes-version", f"v{version}"]
    words += ["--disable-ignore-checks-annotations", "--enable-optional-test", _OPTIONAL]
    found = []
    for file in files:
        done = subprocess.run([*words, str(file)], check=False, capture_output=True, text=True)
        if done.stderr or not done.stdout:
            raise SystemExit(f"kube-score cannot read {file.name}: {done.stderr.strip()}")
        for judged in json.loads(done.stdout) or ():  # null where it has no check for any object
            found += [
                Finding(file.name, judged["object_name"], entry["check"]["id"], _said(entry["comments"]))
                for entry in judged["checks"]
                if not entry["skipped"] and entry["grade"] < _ALL_RIGHT
            ]
    return found


def _said(comments: Iterable[Mapping[str, str]] | None) -> str:
    return ", ".join(f"{each['path']} {each['summary']}".strip() for each in comments or ())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
