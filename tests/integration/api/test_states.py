"""Every state on a real API server: its status is kept as it was written, and tools read it as the table says."""

import http.client
import json
import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from idla.api.schema.reference import State, read_states

from tests.integration.api.custom_resources import Api, kubectl, made_namespace
from tests.unit.api.validation_cases import BASES
from tests.unit.core.stories import STATES
from tools.cluster import ControlPlane, builds
from tools.cluster.progress import silent
from tools.waiting import WHOLE

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

ROWS = read_states(Path(__file__).parents[3] / "docs/reference")
SUMMARY = {"TrainingWorkflow": "Succeeded", "ModelDeployment": "Ready"}
REFUSED_TODAY = {"invalid spec"}
"""States of an object that the API server of today would not let in: only its status is tried."""


Ask = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def namespace(plane: ControlPlane) -> str:
    return made_namespace(plane)


@pytest.fixture(scope="module")
def ask(plane: ControlPlane, namespace: str) -> Ask:
    """Run kubectl in the namespace that holds every state once."""
    return partial(kubectl, plane, "--namespace", namespace)


@pytest.fixture(scope="module")
def live(plane: ControlPlane, namespace: str) -> dict[str, dict[str, Any]]:
    """Every state as an object of the API server, brought to its generation and then given its status."""
    api = Api(plane, namespace)
    return {name: brought_in(api, f"s{number}", name) for number, name in enumerate(STATES)}


def brought_in(api: Api, name: str, state: str) -> dict[str, Any]:
    told = STATES[state]()
    kind, spec = told["kind"], BASES[told["kind"]] if state in REFUSED_TODAY else told["spec"]
    manifest = {"apiVersion": told["apiVersion"], "kind": kind, "metadata": {"name": name}, "spec": spec}
    code, found = api.send("POST", kind, body=manifest)
    assert code == http.client.CREATED, found
    while found["metadata"]["generation"] < told["metadata"]["generation"]:
        edit = {"spec": {"ttlSecondsAfterFinished": found["metadata"]["generation"]}}
        code, found = api.send("PATCH", kind, f"/{name}", edit)
        assert code == http.client.OK, found
    if "status" in told:
        code, found = api.send("PUT", kind, f"/{name}/status", found | {"status": told["status"]})
        assert code == http.client.OK, found
        assert found["status"] == told["status"], "the CRD has no place for what the operator writes"
    return dict(found)


@pytest.fixture(scope="module")
def kstatus(live: dict[str, dict[str, Any]]) -> dict[str, str]:
    program = builds.ensure(builds.KSTATUS, silent)
    text = json.dumps(list(live.values()))
    answers = json.loads(subprocess.run([program], input=text, capture_output=True, text=True, check=True).stdout)
    return {name: answer["status"] for name, answer in zip(live, answers, strict=True)}


@pytest.mark.parametrize("row", [pytest.param(row, id=row.state) for row in ROWS])
def test_kstatus_sees_the_state_as_the_table_says(kstatus: dict[str, str], row: State) -> None:
    assert kstatus[row.state] == row.kstatus


@pytest.mark.parametrize("row", [pytest.param(row, id=row.state) for row in ROWS])
def test_kubectl_wait_ends_as_the_table_says(ask: Ask, live: dict[str, dict[str, Any]], row: State) -> None:
    target = f"{row.kind}/{live[row.state]['metadata']['name']}"
    ended = [
        condition
        for condition in (SUMMARY[row.kind], "Stalled")
        if ask("wait", f"--for=condition={condition}", target, "--timeout=0").returncode == 0
    ]
    assert tuple(ended) == row.wait


def listed(ask: Ask, *words: str) -> list[list[str]]:
    """Return the cells that `kubectl get` prints, heading first; cells never hold two spaces."""
    lines = ask("get", *words).stdout.splitlines()
    starts = [found.start() for found in re.finditer(r"(?:(?<=  )|^)\S", lines[0])]
    ends = [*starts[1:], None]
    return [[line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in lines]


URL = "http://digits.vision.svc"
LISTS: dict[str, tuple[list[str], list[str], dict[str, list[str]]]] = {
    # kind: columns, those of `-o wide` besides, and of states what stands between name and age
    "twf": (["MODEL", "STATE", "%", "ETA(S)", "ACCURACY"], ["MESSAGE", "TASK", "SMALLER"], {
        "new": ["", "", "", "", ""],
        "data not found": ["", "DataNotFound", "0", "", ""],
        "succeeded": ["resnet-small", "Completed", "100", "", "0.9833"],
    }),
    "mdep": (["READY", "STATE", "ROLLOUT", "REPLICAS", "URL"], ["MESSAGE", "DIGEST"], {
        "deployment serving": ["True", "Serving", "Complete", "1", URL],
        "deployment bad update": ["True", "Serving", "ArtifactInvalid", "1", URL],
    }),
}  # fmt: skip


@pytest.mark.parametrize("kind", LISTS)
def test_kubectl_get_tells_how_an_object_stands(ask: Ask, live: dict[str, dict[str, Any]], kind: str) -> None:
    columns, more, states = LISTS[kind]
    assert listed(ask, kind)[0] == ["NAME", *columns, "AGE"]
    assert listed(ask, kind, "-o", "wide")[0] == ["NAME", *columns, "AGE", *more]
    assert {state: listed(ask, kind, live[state]["metadata"]["name"])[1][1:-1] for state in states} == states


def test_one_word_lists_all_kinds(ask: Ask, live: dict[str, dict[str, Any]]) -> None:
    names = ask("get", "idla", "-o", "name").stdout.split()
    kinds = {kind: sum(entry["kind"] == kind for entry in live.values()) for kind in SUMMARY}
    assert {kind: sum(name.startswith(f"{kind.lower()}.") for name in names) for kind in SUMMARY} == kinds


def test_kubectl_explain_describes_every_field(plane: ControlPlane) -> None:
    text = kubectl(plane, "explain", "twf.spec.data.storageUri").stdout
    assert "`sample://name`, `pvc://claim/path`, `s3://bucket/key` or `https://host/path`." in " ".join(text.split())
    assert "-required-" in kubectl(plane, "explain", "twf.spec").stdout


def test_kubectl_scale_sets_the_replicas(plane: ControlPlane) -> None:
    namespace = made_namespace(plane)
    brought_in(Api(plane, namespace), "scaled", "deployment loading")
    place = ("mdep/scaled", "--namespace", namespace)
    assert kubectl(plane, "scale", *place, "--replicas=3").returncode == 0
    found = json.loads(kubectl(plane, "get", *place, "-o", "json").stdout)
    assert found["spec"]["replicas"] == 3
