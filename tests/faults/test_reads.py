"""What the operator reads is refused, late, cut, old or hidden, and the API server is slow: the same comes out."""

from __future__ import annotations

import re

import pytest

from tests.faults.final import final_state
from tests.faults.stage import ERROR_410, Run, Stage, halfway
from tools.fault_proxy.rules import (
    Answer,
    CutAnswer,
    Delay,
    DelayEvents,
    Fault,
    HideBookmarks,
    HideEvents,
    LoseAnswer,
    Match,
    OldAnswer,
    RepeatEvents,
    Reset,
    Rule,
    SayInWatch,
    Stale,
)
from tools.waiting import PATIENCE, WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

OWNER = ".*/trainingworkflows/digits"
MODEL = ".*/modeldeployments/digits"
CHILD = ".*/namespaces/[^/]+/(jobs|persistentvolumeclaims|modeldeployments|deployments|services)/[^/]+"
LEAF = ".*/namespaces/[^/]+/(jobs|deployments|services)/[^/]+"
LIST = ".*/(jobs|pods|services|deployments|nodes|trainingworkflows|modeldeployments|modeltemplates)"
CUSTOM = ("trainingworkflows", "modeldeployments")
WATCHED = ("jobs", "pods", "trainingworkflows", "modeldeployments", "deployments")
PROVEN = {"jobs", "pods", "trainingworkflows", "deployments"}
"""Kinds that somebody else writes to, which then shows that their watch is silent."""
FAR_BACK = 2.0
"""Seconds for which lists are old from the first of them on."""
STARTING = (1, 12, 20)
"""Lists of a start: one of its checks, one of the watches, one of the first sweep; each lists the eight kinds."""
ANSWERS: dict[str, Fault] = {
    "500": Answer(500),
    "404": Answer(404),
    "429": Answer(429, retry_after=1),
    "reset": Reset(),
    "half an answer": CutAnswer(),
}


def read(path: str, fault: Fault, *, times: int | None = 2, nth: int = 1) -> Rule:
    """Return a fault for reads."""
    return Rule(Match(method="GET", path=path, watch=False, nth=nth, times=times), fault)


def bursts(fault: Fault) -> list[Rule]:
    """Return refusals of three requests in a row, again and again."""
    return [Rule(Match(watch=False, nth=first, times=3), fault) for first in (5, 20, 35)]


CASES: dict[str, list[Rule]] = {
    **{f"the owner before a creation: {name}": [read(OWNER, fault)] for name, fault in ANSWERS.items()},
    **{f"a child before its creation: {name}": [read(CHILD, fault)] for name, fault in ANSWERS.items()},
    "the owner is old": [read(OWNER, OldAnswer(found=True), times=None)],
    "children are old, and no answer to a creation arrives": [
        read(LEAF, OldAnswer(), times=None),
        read(CHILD, OldAnswer(), times=6),  # for ever, a claim or a ModelDeployment that is needed would be missing
        Rule(Match(method="PATCH", times=None), LoseAnswer()),
    ],
    "the object is old, as is what the watch says of it, and every other answer to a status is lost": [
        read(f"{OWNER}|{MODEL}", OldAnswer(found=True), times=None),
        *(Rule(Match(path=f".*/{kind}", watch=True, times=None), DelayEvents(1.0)) for kind in CUSTOM),
        *(Rule(Match(method="PUT", nth=nth), LoseAnswer()) for nth in (1, 3, 5, 7)),
    ],
    "half an answer to every write": [Rule(Match(method="PATCH|PUT|POST", times=None), CutAnswer())],
    "429 in bursts": bursts(Answer(429, retry_after=1)),
    "503 in bursts": bursts(Answer(503)),
    "a second for every answer": [Rule(Match(watch=False, times=None), Delay(1.0))],
}


def check(run: Run, golden_run: Run) -> None:
    """Hold a run to what every one comes to."""
    assert run.state == golden_run.state
    assert run.broken() == []
    assert [entry.rule for entry in run.armed if not entry.fired] == []


@pytest.mark.parametrize("rules", CASES.values(), ids=CASES)
def test_what_is_read_or_answered_wrongly_changes_nothing(stage: Stage, golden_run: Run, rules: list[Rule]) -> None:
    stage.ready()
    check(stage.run(*rules, like=golden_run.state, patient=True), golden_run)
    stage.proxy.end_watches()


@pytest.mark.parametrize("fault", [*ANSWERS.values(), Delay(1.0)], ids=[*ANSWERS, "late"])
def test_a_start_whose_lists_go_wrong_is_made_good(stage: Stage, golden_run: Run, fault: Fault) -> None:
    with stage.proxy.under(*(read(LIST, fault, nth=nth, times=1) for nth in STARTING)) as armed:
        stage.restart()
        check(stage.run(like=golden_run.state), golden_run)
    assert [entry.fired for entry in armed] == [1] * len(STARTING)


def test_lists_that_are_old_when_watches_begin_anew_change_nothing(stage: Stage) -> None:
    rules = [Rule(Match(path=f".*/{plural}", watch=True), SayInWatch(ERROR_410)) for plural in WATCHED]
    with halfway(stage) as scene, stage.proxy.under(*rules) as armed:
        version = stage.proxy.version_now()
        stage.kubelet.release(scene.namespace, "Train")
        scene.runs("Compress")
        stage.proxy.age(version, Stale(FAR_BACK))
        stage.proxy.end_watches()
        scene.reaches("Succeeded", "True")
        until(lambda: [entry.fired for entry in armed] == [1] * len(WATCHED), scene.told)


def odd_events() -> list[object]:
    """Return every watched kind with what may become of its events; the first of them is at the gate."""
    faults = {"said twice": RepeatEvents(), "late": DelayEvents(0.5)}
    pairs = [(plural, name) for plural in WATCHED for name in faults]
    return [
        pytest.param(plural, faults[name], id=f"{plural} {name}", marks=[pytest.mark.gate] if number == 0 else [])
        for number, (plural, name) in enumerate(pairs)
    ]


@pytest.mark.parametrize(("plural", "fault"), odd_events())
def test_events_of_one_kind_that_are_not_said_as_they_happen_change_nothing(
    stage: Stage, golden_run: Run, plural: str, fault: Fault
) -> None:
    stage.ready()
    check(stage.run(Rule(Match(path=f".*/{plural}", watch=True, times=None), fault), like=golden_run.state), golden_run)
    stage.proxy.end_watches()


def test_hidden_events_fail_the_liveness_probe_and_another_start_mends_it(stage: Stage, golden_run: Run) -> None:
    """Each kind is hidden in a namespace of its own; the other watches lack the bookmarks that prove silence alive."""
    scenes = {plural: stage.scene() for plural in WATCHED}
    hidden = [
        Rule(Match(path=f".*/{plural}", watch=True, times=None), HideEvents(scene.namespace))
        for plural, scene in scenes.items()
    ]
    try:
        with stage.proxy.under(*hidden, Rule(Match(watch=True, times=None), HideBookmarks())):
            stage.restart()
            stage.ready()
            for scene in scenes.values():
                scene.submit()
            until(lambda: _silent(stage) >= PROVEN, lambda: stage.operator.probe("/healthz"), patience=3 * PATIENCE)
        stage.restart()  # as the kubelet would
        for scene in scenes.values():
            scene.ends_well()
            assert _comes_to(stage, scene.namespace, golden_run)
        until(lambda: stage.operator.probe("/healthz") == (200, "ok"), stage.operator.lines)
    finally:
        for scene in scenes.values():
            scene.clear()


def _comes_to(stage: Stage, namespace: str, golden_run: Run) -> bool:
    return until(lambda: final_state(stage.rest, namespace) == golden_run.state, lambda: namespace)


def _silent(stage: Stage) -> set[str]:
    """Return the kinds whose watch the operator has found out."""
    return set(re.findall(r"the watch of (\w+) does not bring what exists", stage.operator.probe("/healthz")[1]))
