"""The judge of the operator's log in the end-to-end tests finds what is bad and knows what is allowed."""

import json
from typing import Any

import pytest

from tests.e2e.allowed import ALLOWED
from tests.e2e.operator_log import OperatorLog, restart
from tools.log_allowlist import Allowed, unexpected

POD = {"name": "idla-operator-1", "uid": "u"}
KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}


def line(level: str, message: str, **fields: str) -> str:
    return json.dumps({"level": level, "logger": "idla_operator.x", "message": message} | fields)


GOOD = (line("INFO", "leads"), line("WARNING", "the lease is out of reach, will retry: no answer in time"))


class Pods:
    """kubectl in a namespace with one pod, whose log and restarts a test writes."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.previous: list[str] = []
        self.restarts = 0

    def list(self, kind: str) -> list[dict[str, Any]]:
        assert kind == "pods"
        last = KILLED if self.restarts else {}
        status = {"name": "operator", "restartCount": self.restarts, "state": {"running": {}}, "lastState": last}
        return [{"metadata": POD, "status": {"containerStatuses": [status]}}]

    def __call__(self, command: str, pod: str, *words: str) -> str:
        assert (command, pod) == ("logs", POD["name"])
        return "\n".join(self.previous if "--previous" in words else self.log)


@pytest.fixture
def pods() -> Pods:
    return Pods()


@pytest.fixture
def log(pods: Pods) -> Any:
    pods.log.append(line("ERROR", "before the first test"))
    made: Any = OperatorLog(pods)  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (line("ERROR", "broken"), "idla_operator.x: broken "),
        (line("WARNING", "odd"), "idla_operator.x: odd "),
        (line("CRITICAL", "over", exception="Traceback"), "idla_operator.x: over Traceback"),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
    ],
)
def test_a_bad_line_is_told_once(pods: Pods, log: Any, bad: str, told: str) -> None:
    pods.log += [GOOD[0], bad, GOOD[1]]
    log.look()
    assert log.settle() == ([GOOD[0], bad, GOOD[1]], [told])
    log.look()
    assert log.settle() == ([], [])


def test_good_lines_are_no_complaint(pods: Pods, log: Any) -> None:
    pods.log += GOOD
    log.look()
    assert log.settle() == (list(GOOD), [])


def test_a_restart_is_told_with_what_the_container_said_before_it(pods: Pods, log: Any) -> None:
    pods.previous = [*pods.log, line("ERROR", "the last words")]
    pods.log, pods.restarts = [line("ERROR", "the first words")], 1
    log.look()
    told = "container operator of idla-operator-1 was started again: exit code 137 (OOMKilled)"
    assert log.settle()[1] == [told, "idla_operator.x: the last words ", "idla_operator.x: the first words "]


def test_what_is_expected_passes_until_it_is_settled(pods: Pods, log: Any) -> None:
    for number in (1, 2):
        pods.log.append(line("ERROR", f"broken {number}"))
        if number == 1:
            log.expect(r"idla_operator\.x: broken \d ", "broken on purpose")
        log.look()
        assert log.settle()[1] == ([] if number == 1 else ["idla_operator.x: broken 2 "])


def test_an_allowed_pattern_covers_the_whole_complaint() -> None:
    allowed = (Allowed("broken", "known"),)
    assert list(unexpected(["broken", "broken and more", "more broken"], allowed)) == ["broken and more", "more broken"]


def test_the_reviewed_list_is_narrow_and_has_reasons() -> None:
    warnings = ["idla_operator.x: broken ", "", "Traceback", restart("p", {"name": "operator", "lastState": KILLED})]
    assert list(unexpected(warnings, ALLOWED)) == warnings
    assert all(len(entry.reason) > 20 for entry in ALLOWED)


GOING = (
    "idla_operator.controllers.reconcile.apply_decision: an event could not be emitted: POST "
    '/api/v1/namespaces/{0}/events: 403 Forbidden: events "digits.1" is forbidden: unable to create new '
    "content in namespace {0} because it is being terminated "
)


def test_events_of_a_module_that_is_over_are_not_missed_and_all_others_are() -> None:
    other = [
        GOING.format("production"),
        GOING.format("e2e-0123456789").replace("because it is being terminated", "by a quota"),
        GOING.format("e2e-0123456789") + "Traceback",
    ]
    assert list(unexpected([GOING.format("e2e-0123456789"), *other], ALLOWED)) == other
