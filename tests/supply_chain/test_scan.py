"""`make scan` can fail: what is dangerous in a manifest is found, whatever the manifest says about being judged."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import rendered
from tools.scan import Excepted, Finding, against, kube_score

ROOT = Path(__file__).parents[2]
CHECKOV = ROOT / ".tools/scan/bin/checkov"
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    rendered.write(folder)
    return folder


def scan(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of `make scan` on a folder."""
    assert CHECKOV.exists(), "checkov is missing; `make scan` installs it and runs these tests"
    words = [sys.executable, "-m", "tools.scan", str(CHECKOV), str(folder)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


def operator_of(documents: list[Manifest]) -> Manifest:
    [found] = [each for each in documents if each["kind"] == "Deployment"]
    pod: Manifest = found["spec"]["template"]["spec"]
    return pod


def copy(written: Path, into: Path, change: Callable[[Manifest], object]) -> Path:
    """Write overlay ha with the operator's pod changed, and return the file."""
    documents = list(yaml.safe_load_all((written / "ha.yaml").read_text()))
    change(operator_of(documents))
    into.mkdir(exist_ok=True)
    (into / "ha.yaml").write_text(yaml.safe_dump_all(documents))
    return into / "ha.yaml"


def privileged(pod: Manifest) -> None:
    pod["containers"][0]["securityContext"].update(privileged=True, allowPrivilegeEscalation=True)


def test_what_is_unchanged_passes_and_a_privileged_pod_does_not(written: Path, tmp_path: Path) -> None:
    copy(written, tmp_path / "good", lambda _: None)
    good = scan(tmp_path / "good")
    assert good.returncode == 0, good.stdout + good.stderr
    copy(written, tmp_path / "bad", privileged)
    bad = scan(tmp_path / "bad")
    assert bad.returncode == 1
    assert "CKV_K8S_16" in bad.stdout, "checkov"
    assert "(container-security-context-privileged)" in bad.stdout, "kube-score"


def test_what_checkov_alone_finds_is_enough(written: Path, tmp_path: Path) -> None:
    copy(written, tmp_path, lambda pod: pod.update(hostNetwork=True))
    found = scan(tmp_path)
    assert (found.returncode, "CKV_K8S_19" in found.stdout, "0 warnings" in found.stdout) == (1, True, True)


def test_a_manifest_cannot_switch_the_judges_off(written: Path, tmp_path: Path) -> None:
    file = copy(written, tmp_path, privileged)
    documents = list(yaml.safe_load_all(file.read_text()))
    [deployment] = [each for each in documents if each["kind"] == "Deployment"]
    ignored = {"kube-score/ignore": "container-security-context-privileged", "checkov.io/skip1": "CKV_K8S_16=no"}
    deployment["metadata"]["annotations"] = ignored
    deployment["spec"]["template"]["metadata"]["annotations"] = ignored
    file.write_text(yaml.safe_dump_all(documents))
    assert scan(tmp_path).returncode == 1


def test_a_file_that_cannot_be_read_is_no_clean_one(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("kind: [")
    with pytest.raises(SystemExit, match=r"kube-score cannot read broken\.yaml"):
        kube_score([tmp_path / "broken.yaml"])


FOUND = Finding("a.yaml", "Deployment/apps/v1/n/a", "pod-probes", "no probe")
EXCEPTED = Excepted("pod-probes", "Deployment/*", "because")
JUDGED: Mapping[str, tuple[list[Finding], list[Excepted], list[str]]] = {
    "nothing": ([], [], []),
    "excepted": ([FOUND], [EXCEPTED], []),
    "not excepted": ([FOUND], [], ["a.yaml: Deployment/apps/v1/n/a: no probe (pod-probes)"]),
    "of other objects": (
        [FOUND], [Excepted("pod-probes", "Job/*", "because")],
        ["a.yaml: Deployment/apps/v1/n/a: no probe (pod-probes)",
         ".kube-score.yaml: pod-probes of Job/* is needed by no manifest; remove it"],
    ),
    "without a reason": (
        [FOUND], [Excepted("pod-probes", "*", "")],
        [".kube-score.yaml: pod-probes of * has no reason; write why it is not done"],
    ),
    "needless": ([], [EXCEPTED], [".kube-score.yaml: pod-probes of Deployment/* is needed by no manifest; remove it"]),
}  # fmt: skip


@pytest.mark.parametrize("name", JUDGED)
def test_what_is_left_after_the_exceptions(name: str) -> None:
    found, excepted, expected = JUDGED[name]
    assert against(found, excepted, allowing_needless=False) == expected


def test_every_exception_of_checkov_has_its_reason() -> None:
    lines = (ROOT / ".checkov.yaml").read_text().split("skip-check:\n")[1].splitlines()
    assert lines
    assert [line for line in lines if not line.partition("#")[2].strip()] == []
