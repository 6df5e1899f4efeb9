"""One case for every effective write of the recorded run and each fault: the same comes out as without the fault."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.faults.golden import Golden, effective
from tests.faults.stage import Run, Stage
from tools.fault_proxy.rules import (
    Answer,
    Fault,
    KillAfter,
    KillBefore,
    LoseAnswer,
    Match,
    Reset,
    Rule,
    Stale,
)
from tools.waiting import WHOLE

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

FAULTS: dict[str, Fault] = {
    "killed before": KillBefore(),
    "killed after": KillAfter(),
    "answer lost": LoseAnswer(),
    "stale view": Stale(),
}
REFUSALS: dict[str, Fault] = {
    "401": Answer(401),
    "403": Answer(403),
    "404": Answer(404),
    "409": Answer(409),
    "429": Answer(429, retry_after=1),
    "500": Answer(500),
    "503": Answer(503),
    "504": Answer(504),
    "reset": Reset(),
}
"""What a write may be met with that is not passed on. What is passed on late or half answered is in `test_reads`."""
TWICE: dict[str, Fault] = {
    "its first request": KillAfter(again=1),
    "its checks": KillAfter(again=6),
    "its lists": KillAfter(again=14),
}
"""A kill, and another one while the operator starts: it is ready after some 30 requests."""
PIVOTS = {"PATCH jobs profile", "trainingworkflows digits: task publish Succeeded"}
"""The first Job, and the result of all of them: kills in a row are only at these writes."""
GATE = {
    ("PATCH jobs profile", "killed after"),
    ("PATCH jobs profile", "answer lost"),
    ("trainingworkflows digits: task publish Succeeded", "killed before"),
    ("trainingworkflows digits: task publish Succeeded", "stale view"),
}
"""Writes and faults of the cases that are at the gate."""
RECORD_ANEW = "what the operator writes has changed: record it with `python -m tests.faults.golden`"


@dataclass(frozen=True)
class Case:
    """A fault at a write."""

    fact: str
    """What this write is the first to say."""
    fault: Fault


def derived() -> list[object]:
    """Return the cases, named and marked."""
    return [
        pytest.param(
            Case(_name(facts), fault),
            id=f"{_name(facts)}-{name}",
            marks=[pytest.mark.gate] if (_name(facts), name) in GATE else [],
        )
        for facts in Golden.read().writes
        for name, fault in FAULTS.items()
    ]


def _name(facts: tuple[str, ...]) -> str:
    return next((fact for fact in facts if fact in PIVOTS), facts[0])


def rounds() -> list[object]:
    """Return as many runs as there are refusals; in each of them every write is refused once.

    Each run begins with another refusal, and each write has the next one, so that over all runs every write meets
    every refusal.
    """
    return [
        pytest.param(first, id=f"from {name} on", marks=[pytest.mark.gate] if first == 0 else [])
        for first, name in enumerate(REFUSALS)
    ]


def refusals(first: int) -> list[Rule]:
    """Return the refusals of one of these runs, in the order of the writes."""
    faults = tuple(REFUSALS.values())
    return [
        Rule(Match(fact=_name(facts)), faults[(first + number) % len(faults)])
        for number, facts in enumerate(Golden.read().writes)
    ]


@pytest.mark.gate
def test_over_all_rounds_every_write_meets_every_refusal() -> None:
    met = {(rule.match.fact, rule.fault) for first in range(len(REFUSALS)) for rule in refusals(first)}
    writes = [_name(facts) for facts in Golden.read().writes]
    assert met == {(write, fault) for write in writes for fault in REFUSALS.values()}


@pytest.mark.gate
def test_the_recorded_run_is_what_the_operator_writes(golden_run: Run) -> None:
    golden = Golden.read()
    said = frozenset[str]().union(*effective(golden_run.records))
    assert sorted(golden.always - said) == [], RECORD_ANEW
    assert sorted(said - golden.always - set(golden.sometimes)) == [], RECORD_ANEW
    assert golden.always >= PIVOTS
    assert golden_run.broken() == []


@pytest.mark.parametrize("case", derived())
def test_a_fault_at_a_write_changes_nothing(stage: Stage, golden_run: Run, case: Case) -> None:
    run = stage.run(Rule(Match(fact=case.fact), case.fault), like=golden_run.state, patient=True)
    assert run.state == golden_run.state
    assert run.broken() == []
    assert run.armed[0].fired == 1


@pytest.mark.parametrize("first", rounds())
def test_a_refusal_of_every_write_changes_nothing(stage: Stage, golden_run: Run, first: int) -> None:
    run = stage.run(*refusals(first), like=golden_run.state, patient=True)
    assert [armed.rule for armed in run.armed if armed.fired != 1] == []
    assert run.state == golden_run.state
    assert run.broken() == []


@pytest.mark.parametrize("fact", sorted(PIVOTS))
@pytest.mark.parametrize("fault", TWICE.values(), ids=TWICE)
def test_another_kill_while_it_starts_changes_nothing(stage: Stage, golden_run: Run, fact: str, fault: Fault) -> None:
    run = stage.run(Rule(Match(fact=fact), fault), like=golden_run.state, patient=True)
    assert run.state == golden_run.state
    assert run.broken() == []
    assert run.armed[0].fired == 1
