"""What kopf ends on, or hangs on, against the real process: the operator goes on and finishes a workflow afterwards."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.faults.rules import (
    Answer,
    CutWatch,
    DelayEvents,
    Fault,
    HideEvents,
    Match,
    RepeatEvents,
    Rule,
    SayInWatch,
    SilentWatch,
)
from tests.faults.stage import ONCE, Stage
from tests.integration.operator.scene import PATIENCE, Scene, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(1200)]  # the first use on a machine builds Kubernetes

OUTAGE_SECONDS = 65.0
"""kopf gives up after 55 when it is left alone."""
SHORT_SECONDS = 5.0
"""For what kopf ends on at once."""
ERROR_500 = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"by the fault proxy","reason":"InternalError","code":500}}\n'
)
ERROR_410 = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"too old resource version","reason":"Expired","code":410}}\n'
)


@contextlib.contextmanager
def halfway(stage: Stage) -> Iterator[Scene]:
    """Bring a workflow to its trainings; afterwards both end, and the operator is to finish it in the same process."""
    stage.ready()
    scene = stage.scene()
    stage.puppet.hold(scene.namespace, "Train")
    scene.submit()
    scene.runs("Train", 2)
    before = stage.operator.pid
    yield scene
    stage.puppet.release(scene.namespace, "Train")
    scene.reaches("Succeeded", "True")
    scene.serves()
    assert scene.jobs_by_kind() == ONCE
    assert stage.operator.pid == before
    assert stage.operator.probe("/healthz") == (200, "ok")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(CutWatch(reset=True), id="reset in a line"),
        pytest.param(CutWatch(), id="clean end in a line"),
        pytest.param(SayInWatch(b"{no JSON\n"), id="malformed line"),
        pytest.param(SayInWatch(ERROR_500), id="error 500 as an event"),
        pytest.param(SayInWatch(ERROR_410), id="error 410 as an event"),
        pytest.param(SilentWatch(), id="silence"),
    ],
)
def test_watches_that_go_wrong_once(stage: Stage, fault: Fault) -> None:
    plurals = ("trainingworkflows", "modeldeployments", "jobs", "pods")
    rules = [Rule(Match(path=f".*/{plural}", watch=True), fault) for plural in plurals]
    with halfway(stage) as scene, stage.proxy.under(*rules) as armed:
        stage.proxy.end_watches()
        stage.puppet.release(scene.namespace, "Train")
        scene.reaches("Succeeded", "True")
    assert [entry.fired for entry in armed] == [1] * len(plurals)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        pytest.param(Answer(401), SHORT_SECONDS, id="401"),
        pytest.param(Answer(404), SHORT_SECONDS, id="404"),
        pytest.param(Answer(403), OUTAGE_SECONDS, id="403"),
        pytest.param(Answer(429, retry_after=1), OUTAGE_SECONDS, id="429"),
        pytest.param(Answer(500), OUTAGE_SECONDS, id="500"),
    ],
)
def test_an_api_server_that_refuses_all_for_a_while(stage: Stage, fault: Fault, seconds: float) -> None:
    with halfway(stage) as scene:
        with stage.proxy.under(Rule(Match(times=None), fault)) as armed:
            stage.proxy.end_watches()
            stage.puppet.release(scene.namespace, "Train")
            time.sleep(seconds)
            assert stage.operator.alive
        assert armed[0].fired > 0


def test_an_api_server_that_is_away_for_a_while(stage: Stage) -> None:
    with halfway(stage) as scene:
        stage.proxy.refuse()
        stage.puppet.release(scene.namespace, "Train")
        time.sleep(OUTAGE_SECONDS)
        assert stage.operator.alive
        stage.proxy.listen()


def test_an_api_server_that_is_away_when_the_operator_starts(stage: Stage) -> None:
    stage.proxy.refuse()
    stage.restart()
    before = stage.operator.pid
    time.sleep(OUTAGE_SECONDS)
    stage.proxy.listen()
    with halfway(stage):
        assert stage.operator.pid == before


@pytest.mark.parametrize(
    "fault",
    [pytest.param(RepeatEvents(), id="said twice"), pytest.param(DelayEvents(0.3), id="late")],
)
def test_events_that_are_not_said_as_they_happen(stage: Stage, fault: Fault) -> None:
    with stage.proxy.under(Rule(Match(watch=True, times=None), fault)):
        stage.restart()
        stage.ready()
        with halfway(stage):
            pass
    stage.restart()


def test_a_watch_that_hides_what_happens_fails_the_liveness_probe_and_another_start_mends_it(stage: Stage) -> None:
    scene = stage.scene()
    rule = Rule(Match(path=".*/jobs", watch=True, times=None), HideEvents(scene.namespace))
    with stage.proxy.under(rule):
        stage.restart()
        stage.ready()
        scene.submit()
        deadline = time.monotonic() + 3 * PATIENCE
        while time.monotonic() < deadline and stage.operator.probe("/healthz")[0] == 200:
            time.sleep(1)
        assert "the watch of jobs does not bring what exists" in stage.operator.probe("/healthz")[1]
    stage.restart()  # as the kubelet would
    scene.reaches("Succeeded", "True")
    scene.serves()
    assert scene.jobs_by_kind() == ONCE
    until(lambda: stage.operator.probe("/healthz") == (200, "ok"), stage.operator.log.read_text)
