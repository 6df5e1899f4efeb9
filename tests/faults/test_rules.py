"""Which requests rules mean, and what writes say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.golden import Golden
from tools.fault_proxy.rules import Answer, Armed, Match, Request, Rule, facts_of, observed_of, place_of

pytestmark = pytest.mark.gate

WORKFLOW = "/apis/idla.dev/v1alpha1/namespaces/a/trainingworkflows/digits/status"
JOB = "/apis/batch/v1/namespaces/a/jobs/digits-profile-123"
STATUS = {
    "observedGeneration": 2,
    "conditions": [{"type": "Planned", "status": "True", "reason": "Planned"}],
    "tasks": [{"name": "profile", "state": "Running"}],
}


@pytest.mark.parametrize(
    ("match", "request_", "fits"),
    [
        (Match(), Request("GET", "/api"), True),
        (Match(method="PUT|POST"), Request("GET", "/api"), False),
        (Match(path=".*/jobs"), Request("GET", "/apis/batch/v1/jobs"), True),
        (Match(path=".*/jobs"), Request("GET", "/apis/batch/v1/jobs/x"), False),
        (Match(watch=True), Request("GET", "/api", watch=True), True),
        (Match(watch=True), Request("GET", "/api"), False),
        (Match(watch=False), Request("GET", "/api", watch=True), False),
        (Match(fact="x"), Request("PUT", "/api", facts=frozenset({"x", "y"})), True),
        (Match(fact="x"), Request("PUT", "/api", facts=frozenset({"y"})), False),
    ],
)
def test_a_rule_fits(match: Match, request_: Request, *, fits: bool) -> None:
    assert match.fits(request_) is fits


@pytest.mark.parametrize(
    ("nth", "times", "meant"),
    [
        (1, 1, [True, False, False, False]),
        (2, 1, [False, True, False, False]),
        (2, 2, [False, True, True, False]),
        (3, None, [False, False, True, True]),
    ],
)
def test_a_rule_means_some_of_those_that_fit(nth: int, times: int | None, meant: list[bool]) -> None:
    armed = Armed(Rule(Match(path="/a", nth=nth, times=times), Answer(500)))
    taken = []
    for _ in meant:
        assert armed.take(Request("GET", "/b")) is None
        taken.append(armed.take(Request("GET", "/a")) == Answer(500))
    assert taken == meant
    assert armed.fired == sum(meant)


@pytest.mark.parametrize(
    ("method", "path", "document", "facts"),
    [
        ("GET", JOB, {}, set()),
        ("PUT", "/apis/idla.dev/v1alpha1/modeltemplates/x", {}, set()),
        ("PATCH", JOB, {"metadata": {"labels": {"idla.dev/task": "profile"}}}, {"PATCH jobs profile"}),
        ("DELETE", JOB, {}, {"DELETE jobs digits-profile-123"}),
        (
            "POST",
            "/api/v1/namespaces/a/events",
            {"reason": "Planned", "involvedObject": {"kind": "TrainingWorkflow"}},
            {"event Planned of TrainingWorkflow"},
        ),
        (
            "PUT",
            WORKFLOW,
            {"status": STATUS},
            {
                "trainingworkflows digits: Planned=True Planned",
                "trainingworkflows digits: conditions",
                "trainingworkflows digits: observedGeneration",
                "trainingworkflows digits: task profile Running",
                "trainingworkflows digits: tasks",
            },
        ),
    ],
)
def test_what_a_write_says(method: str, path: str, document: dict[str, Any], facts: set[str]) -> None:
    assert facts_of(method, path, json.dumps(document).encode()) == facts


def test_which_generation_a_status_has_observed() -> None:
    body = json.dumps({"status": STATUS}).encode()
    assert (observed_of("PUT", WORKFLOW, body), observed_of("PATCH", JOB, body), observed_of("GET", WORKFLOW, b"")) == (
        2,
        0,
        0,
    )


def test_what_is_in_no_namespace_has_no_place() -> None:
    assert place_of("/apis/batch/v1/jobs") is None
    assert place_of("/api/v1/namespaces?limit=1") is None


def test_what_runs_have_in_common() -> None:
    a, b, c = frozenset({"a"}), frozenset({"b"}), frozenset({"c"})
    golden = Golden.of([[a, b | c], [a, b]])
    assert golden == Golden((("a",), ("b",)), ("c",))
    assert golden.always == {"a", "b"}
