"""What kopf ends on, or hangs on, against the real process: the operator goes on and finishes a workflow afterwards."""

from __future__ import annotations

import time

import pytest

from tests.faults.stage import ERROR_410, Stage, halfway
from tools.fault_proxy.rules import (
    Answer,
    CutWatch,
    Fault,
    Match,
    Rule,
    SayInWatch,
    SilentWatch,
)
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

OUTAGE_SECONDS = 65.0
"""kopf gives up after 55 when it is left alone."""
LONG_OUTAGE_SECONDS = 125.0
"""As long as kopf's own behaviour was measured for."""
ERROR_500 = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"by the fault proxy","reason":"InternalError","code":500}}\n'
)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(CutWatch(reset=True), id="reset in a line", marks=pytest.mark.gate),
        pytest.param(CutWatch(), id="clean end in a line"),
        pytest.param(SayInWatch(b"{no JSON\n"), id="malformed line"),
        pytest.param(SayInWatch(ERROR_500), id="error 500 as an event"),
        pytest.param(SayInWatch(ERROR_410), id="error 410 as an event", marks=pytest.mark.gate),
        pytest.param(SilentWatch(), id="silence"),
    ],
)
def test_watches_that_go_wrong_once(stage: Stage, fault: Fault) -> None:
    plurals = ("trainingworkflows", "modeldeployments", "jobs", "pods")
    rules = [Rule(Match(path=f".*/{plural}", watch=True), fault) for plural in plurals]
    with halfway(stage) as scene, stage.proxy.under(*rules) as armed:
        stage.proxy.end_watches()
        stage.kubelet.release(scene.namespace, "Train")
        scene.reaches("Succeeded", "True")
        until(lambda: [entry.fired for entry in armed] == [1] * len(plurals), scene.told)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param(Answer(401), "the session ended", id="401"),
        pytest.param(Answer(404), "are unknown", id="404"),
    ],
)
def test_an_api_server_that_refuses_all_until_kopf_has_ended(stage: Stage, fault: Fault, told: str) -> None:
    with halfway(stage) as scene:
        before = len(stage.operator.lines())
        with stage.proxy.under(Rule(Match(times=None), fault)):
            stage.proxy.end_watches()
            stage.kubelet.release(scene.namespace, "Train")
            until(lambda: any(told in line for line in stage.operator.lines()[before:]), scene.told)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        pytest.param(Answer(403), OUTAGE_SECONDS, id="403"),
        pytest.param(Answer(429, retry_after=1), OUTAGE_SECONDS, id="429"),
        pytest.param(Answer(500), LONG_OUTAGE_SECONDS, id="500"),
    ],
)
def test_an_api_server_that_refuses_all_for_a_while(stage: Stage, fault: Fault, seconds: float) -> None:
    with halfway(stage) as scene:
        with stage.proxy.under(Rule(Match(times=None), fault)) as armed:
            stage.proxy.end_watches()
            stage.kubelet.release(scene.namespace, "Train")
            time.sleep(seconds)
            assert stage.operator.alive
        assert armed[0].fired > 0


def test_an_api_server_that_is_away_for_a_while(stage: Stage) -> None:
    with halfway(stage) as scene:
        stage.proxy.refuse()
        stage.kubelet.release(scene.namespace, "Train")
        time.sleep(LONG_OUTAGE_SECONDS)
        assert stage.operator.alive
        stage.proxy.listen()


def test_an_api_server_that_is_away_when_the_operator_starts(stage: Stage) -> None:
    stage.proxy.refuse()
    try:
        stage.restart()
        before = stage.operator.pid
        time.sleep(OUTAGE_SECONDS)
    finally:
        stage.proxy.listen()
    with halfway(stage):
        assert stage.operator.pid == before
