"""The CRDs on a real API server: it takes them, and judges objects as the types do."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.golden import Golden
from tests.integration.api.custom_resources import PLURALS, Api, kubectl
from tests.unit.api.validation_cases import CASES, Case
from tools.cluster import ControlPlane
from tools.waiting import WHOLE

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

UNCHECKED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid;"
    " correct the existing errors to complete validation"
)
"""What the API server adds where types, bounds or words of an enum are wrong."""


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> Api:
    return Api(plane)


def test_the_api_server_finds_every_schema_structural(plane: ControlPlane) -> None:
    crds = json.loads(kubectl(plane, "get", "crd", "-o", "json").stdout)["items"]
    conditions = {
        crd["metadata"]["name"]: {condition["type"]: condition["status"] for condition in crd["status"]["conditions"]}
        for crd in crds
    }
    good = {"NamesAccepted": "True", "Established": "True"}
    assert conditions == {f"{plural}.idla.dev": good for plural in PLURALS.values()}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items() if not case.at])
def test_a_valid_object_is_accepted_and_nothing_of_its_spec_is_changed(api: Api, case: Case) -> None:
    status, answer = api.send("POST", case.kind, "?dryRun=All", case.manifest("tried"))
    assert status == http.client.CREATED, answer
    assert answer["spec"] == case.spec()


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items() if case.at])
def test_an_invalid_object_is_refused_by_field_and_with_what_is_allowed(api: Api, case: Case, golden: Golden) -> None:
    """One mistake, one message; what the types say of the same object is held to the same list."""
    status, answer = api.send("POST", case.kind, "?dryRun=All", case.manifest("tried"))
    said = answer["message"].removeprefix(f'{case.kind}.idla.dev "tried" is invalid: ')
    unknown = said.rpartition(": strict decoding error: ")[2]
    if unknown != said:
        assert (status, unknown) == (http.client.BAD_REQUEST, f'unknown field "{case.at}"'), answer
        said = unknown
    else:
        assert status == http.client.UNPROCESSABLE_ENTITY, answer
        more = f", {UNCHECKED}]"
        said = said.removeprefix("[").removesuffix(more) if said.endswith(more) else said
        assert said.startswith(f"{case.at}: ")
    assert "canary" not in said
    golden(said)


def test_a_new_object_shows_that_nobody_has_looked_at_it(api: Api) -> None:
    for name in ("the least", "a followed workflow"):
        case = CASES[name]
        answer = api.send("POST", case.kind, "?dryRun=All", case.manifest("new"))[1]
        assert answer["status"] == {"observedGeneration": -1}


def test_a_status_cannot_be_written_beside_the_spec(api: Api) -> None:
    case = CASES["the least"]
    manifest = case.manifest("forged") | {"status": {"observedGeneration": 1, "startTime": "2026-11-24T21:00:00Z"}}
    answer = api.send("POST", case.kind, "?dryRun=All", manifest)[1]
    assert answer["status"] == {"observedGeneration": -1}


@pytest.fixture
def workflow(api: Api) -> Iterator[dict[str, Any]]:
    case = CASES["the least"]
    status, answer = api.send("POST", case.kind, body=case.manifest("kept"))
    assert status == http.client.CREATED, answer
    yield answer
    api.send("DELETE", case.kind, "/kept")


@pytest.mark.usefixtures("workflow")
@pytest.mark.parametrize(
    "change",
    [{"data": {"storageUri": "pvc://x/y.npz"}}, {"suspend": True}, {"task": {"type": "ImageClassification"}}],
    ids=["other data", "suspend", "the same task"],
)
def test_what_may_change_may_change(api: Api, change: dict[str, Any]) -> None:
    status, answer = api.send("PATCH", "TrainingWorkflow", "/kept", {"spec": change})
    assert status == http.client.OK, answer
    assert change.items() <= answer["spec"].items()


@pytest.mark.usefixtures("workflow")
def test_the_task_of_a_workflow_cannot_be_changed(api: Api) -> None:
    change = {"spec": {"task": {"type": "TextClassification"}}}
    status, answer = api.send("PATCH", "TrainingWorkflow", "/kept?dryRun=All", change)
    assert status == http.client.UNPROCESSABLE_ENTITY, answer
    assert "`task` cannot be changed; create another TrainingWorkflow for another task" in answer["message"]
