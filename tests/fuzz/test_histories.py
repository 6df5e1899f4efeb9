"""A state is the same whichever way led there: through other valid specs, through wrong ones, or straight."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.counts import LARGE, drawn, seen
from tests.fuzz.generators import Spec, specs
from tests.fuzz.lifecycle import ROUNDS, WorkflowLife, endpoint_life, workflow_life
from tests.fuzz.mutations import bent
from tests.fuzz.outcomes import Outcome, beside, endpoint_outcome, summary, workflow_outcome

pytestmark = [pytest.mark.timeout(3600), LARGE]
TWF, MDEP = "TrainingWorkflow", "ModelDeployment"
Step = tuple[Any, int]
"""A spec, and how many rounds of its life pass before the next edit."""
_TIMED = ("activeDeadlineSeconds", "ttlSecondsAfterFinished")
_HELD = "suspend"


def untimed(spec: Any) -> Any:
    """Return a spec whose life depends on no clock and that is not held back: either keeps what was before."""
    return {name: part for name, part in spec.items() if name not in {*_TIMED, _HELD}}


def through(steps: list[Step], last: Spec) -> WorkflowLife:
    """Return the life of a workflow that was edited."""
    life = workflow_life(steps[0][0])
    for number, (spec, rounds) in enumerate([*steps, (last, ROUNDS)]):
        life.workflow["spec"] = spec
        life.workflow["metadata"]["generation"] = number + 1
        life.workflow["metadata"].pop("annotations", None)
        life.live(rounds)
    return life


def outcomes(steps: list[Step], last: Spec) -> tuple[Outcome, Outcome]:
    """Return what a workflow comes to straight and through a history."""
    straight = workflow_outcome(workflow_life(last).live())
    found = beside(workflow_outcome(through(steps, last)), straight)
    if summary(straight)["status"] == "False" and "plan" not in straight["status"]:
        # It waits before its plan; what an earlier spec has found out of the same data is kept.
        return {"summary": summary(straight)}, {"summary": summary(found)}
    return straight, found


ROUND = st.integers(0, ROUNDS - 1)
VALID = st.tuples(specs(TWF).map(untimed), ROUND)
WRONG = st.tuples(bent(TWF).map(untimed), ROUND)


@drawn(0.02)
@given(st.lists(VALID, min_size=1, max_size=2), specs(TWF).map(untimed))
def test_a_workflow_that_was_edited_comes_to_the_same_as_a_new_one(steps: list[Step], last: Spec) -> None:
    straight, found = outcomes(steps, last)
    assert found == straight
    seen[f"{TWF}, edited"] += 1 + len(steps)


@drawn(0.01)
@given(VALID, WRONG, specs(TWF).map(untimed))
def test_a_workflow_recovers_from_a_wrong_value(before: Step, wrong: Step, last: Spec) -> None:
    straight, found = outcomes([before, wrong], last)
    assert found == straight
    seen[f"{TWF}, mended"] += 3


@drawn(0.02)
@given(st.lists(st.one_of(specs(MDEP), bent(MDEP)), min_size=1, max_size=2), specs(MDEP))
def test_a_deployment_that_was_edited_or_mended_comes_to_the_same_as_a_new_one(steps: list[Spec], last: Spec) -> None:
    life = endpoint_life(steps[0]).live()
    for spec in [*steps[1:], last]:
        life.edit(spec).live()
    straight = endpoint_outcome(endpoint_life(last).live())
    assert beside(endpoint_outcome(life), straight) == straight
    seen[f"{MDEP}, edited"] += 1 + len(steps)
