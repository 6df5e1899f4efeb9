"""One case for every effective write of the recorded run and each fault: the same comes out as without the fault."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.faults.golden import Golden, effective
from tests.faults.rules import Fault, KillAfter, KillBefore, LoseAnswer, Match, Rule, Stale
from tests.faults.stage import Run, Stage

pytestmark = [pytest.mark.api, pytest.mark.timeout(1200)]  # the first use on a machine builds Kubernetes

FAULTS: dict[str, Fault] = {
    "killed before": KillBefore(),
    "killed after": KillAfter(),
    "answer lost": LoseAnswer(),
    "stale view": Stale(),
}
BOUNDED = {
    "PATCH jobs profile",
    "PATCH modeldeployments digits",
    "trainingworkflows digits: task publish Succeeded",
}
"""Cases of these writes belong to the bounded part."""
ATTEMPTS = 3
"""A write that is one with another in this run has no case of its own; then another run is made."""
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
            marks=[pytest.mark.bounded] if _name(facts) in BOUNDED else [],
        )
        for facts in Golden.read().writes
        for name, fault in FAULTS.items()
    ]


def _name(facts: tuple[str, ...]) -> str:
    return next((fact for fact in facts if fact in BOUNDED), facts[0])


@pytest.mark.bounded
def test_the_recorded_run_is_what_the_operator_writes(golden_run: Run) -> None:
    golden = Golden.read()
    said = frozenset[str]().union(*effective(golden_run.records))
    assert sorted(golden.always - said) == [], RECORD_ANEW
    assert sorted(said - golden.always - set(golden.sometimes)) == [], RECORD_ANEW
    assert golden.always >= BOUNDED
    assert golden_run.broken() == []


@pytest.mark.parametrize("case", derived())
def test_a_fault_at_a_write_changes_nothing(stage: Stage, golden_run: Run, case: Case) -> None:
    for _ in range(ATTEMPTS):
        run = stage.run(Rule(Match(fact=case.fact), case.fault), like=golden_run.state)
        assert run.state == golden_run.state
        assert run.broken() == []
        if run.armed[0].fired:
            break
    assert run.armed[0].fired == 1
