import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla.api.training_workflow import TrainingWorkflowSpec
from idla.core.planning.budget import Shares, is_refit_wanted, pod_seconds, recipe_for, refit_for, share_budget
from idla.core.planning.candidates import Choice, nominate_candidates
from idla_contract.task import RefitStep, Training

from tests.unit.core.world import LIBRARY, requirements


def spec(**changes: Any) -> TrainingWorkflowSpec:
    return requirements(**changes).spec


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [
        pytest.param(None, None, id="none"),
        pytest.param({"seconds": 60}, 60, id="time"),
        pytest.param({"cost": "2.50", "pricePerPodHour": "0.40"}, 22_500, id="cost"),
        pytest.param({"seconds": 60, "cost": "1", "pricePerPodHour": "1"}, 60, id="the time is the lower one"),
        pytest.param({"seconds": 7200, "cost": "1", "pricePerPodHour": "1"}, 3600, id="the cost is the lower one"),
        pytest.param({"cost": "0.0001", "pricePerPodHour": "40"}, 1, id="it pays for nothing"),
        pytest.param({"cost": "9e9", "pricePerPodHour": "1e-9"}, 31_536_000, id="it pays for everything"),
    ],
)
def test_the_pod_time_of_a_budget(budget: dict[str, Any] | None, seconds: int | None) -> None:
    assert pod_seconds(spec(budget=budget)) == seconds


@pytest.mark.parametrize(
    ("seconds", "compression", "refit", "shares"),
    [
        pytest.param(3600, 600, False, (3, 980, 600, 0), id="an hour"),
        pytest.param(600, 600, False, (3, 135, 135, 0), id="ten minutes: a quarter for the compression"),
        pytest.param(600, 0, False, (3, 180, 0, 0), id="nothing to compress"),
        pytest.param(130, 600, False, (2, 30, 20, 0), id="two minutes: one model fewer"),
        pytest.param(120, 600, False, (1, 68, 22, 0), id="no time for what selects among two"),
        pytest.param(60, 600, False, (1, 23, 7, 0), id="a minute: one model"),
        pytest.param(1, 600, False, (1, 1, 0, 0), id="a second: one epoch"),
        pytest.param(
            3600, 600, True, (3, 732, 600, 732), id="an hour: to make the chosen one again is a fourth training"
        ),
        pytest.param(230, 600, True, (3, 30, 40, 30), id="just enough for four trainings"),
        pytest.param(226, 600, True, (3, 41, 41, 0), id="rather every model than one again"),
        pytest.param(120, 600, True, (1, 30, 20, 30), id="one model, and that again"),
    ],
)
def test_the_shares_of_a_budget(
    seconds: int, compression: int, *, refit: bool, shares: tuple[int, int, int, int]
) -> None:
    trainings, training, left, again = shares
    assert share_budget(seconds, candidates=3, compression_seconds=compression, refit=refit) == Shares(
        trainings=trainings, training_seconds=training, compression_seconds=left, refit_seconds=again
    )


@pytest.mark.parametrize(
    ("seconds", "refit", "shares"),
    [
        pytest.param(3600, False, (3, 983, 600, 0), id="an hour"),
        pytest.param(120, False, (2, 30, 20, 0), id="two minutes"),
        pytest.param(3600, True, (3, 735, 600, 735), id="an hour, to make the chosen one again"),
    ],
)
def test_a_plan_of_before_that_selects_in_no_pod_keeps_its_shares(
    seconds: int, *, refit: bool, shares: tuple[int, int, int, int]
) -> None:
    found = share_budget(seconds, candidates=3, compression_seconds=600, refit=refit, selects=False)
    assert dataclasses.astuple(found) == shares


SECONDS, COUNT, COMPRESSION = st.integers(1, 10**6), st.integers(1, 8), st.integers(0, 1800)
REFIT = st.booleans()


@given(seconds=SECONDS, count=COUNT, compression=COMPRESSION, refit=REFIT)
def test_no_budget_is_overdrawn_that_pays_for_the_shortest_training(
    seconds: int, count: int, compression: int, *, refit: bool
) -> None:
    shares = share_budget(seconds, candidates=count, compression_seconds=compression, refit=refit)
    work = shares.trainings * shares.training_seconds + shares.compression_seconds + shares.refit_seconds
    assert work <= max(1, seconds)


@given(seconds=SECONDS, count=COUNT, compression=COMPRESSION, refit=REFIT)
def test_what_was_planned_is_shared_the_same_again(seconds: int, count: int, compression: int, *, refit: bool) -> None:
    shares = share_budget(seconds, candidates=count, compression_seconds=compression, refit=refit)
    assert share_budget(seconds, candidates=shares.trainings, compression_seconds=compression, refit=refit) == shares


@given(seconds=SECONDS, count=COUNT, compression=COMPRESSION, refit=REFIT)
def test_more_time_never_trains_fewer_models(seconds: int, count: int, compression: int, *, refit: bool) -> None:
    less = share_budget(seconds, candidates=count, compression_seconds=compression, refit=refit)
    more = share_budget(seconds + 60, candidates=count, compression_seconds=compression, refit=refit)
    assert more.trainings >= less.trainings


def chosen(**changes: Any) -> Choice:
    found = nominate_candidates(requirements(**changes), LIBRARY, None)
    assert isinstance(found, Choice)
    return found


def test_a_budget_bounds_the_trainings_of_the_plan_and_names_what_it_leaves_out() -> None:
    choice = chosen(budget={"seconds": 60})
    limits = {entry.template: Training.model_validate_json(entry.training).max_seconds for entry in choice.candidates}
    assert limits == {"resnet-small": 23}
    assert [(entry.choice, entry.reason, entry.message) for entry in choice.rejected] == [
        (
            "vgg-small",
            "Budget",
            "`spec.budget` is 60 s of pod time, which trains 1 for up to 23 s; raise it to train this one too",
        )
    ]


def test_a_plan_without_a_budget_is_the_plan_it_was() -> None:
    assert [Training.model_validate_json(entry.training).max_seconds for entry in chosen().candidates] == [None, None]


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        pytest.param({}, 600, id="no budget"),
        pytest.param({"budget": {"seconds": 60}}, 7, id="a budget"),
        pytest.param({"budget": {"seconds": 60}, "preset": "Fast"}, 600, id="a preset that makes no network smaller"),
    ],
)
def test_the_recipe_keeps_to_its_share(changes: dict[str, Any], seconds: int) -> None:
    assert recipe_for(spec(**changes), 1).budget_seconds == seconds


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        pytest.param({}, True, id="Balanced"),
        pytest.param({"preset": "Best"}, True, id="Best"),
        pytest.param({"preset": "Fast"}, False, id="Fast"),
        pytest.param({"preset": "Fast", "training": {"refit": True}}, True, id="Fast that is asked to"),
        pytest.param({"training": {"refit": False}}, False, id="Balanced that is asked not to"),
        pytest.param({"training": {"maxEpochs": 3}}, True, id="a training that does not speak of it"),
    ],
)
def test_whether_the_chosen_model_is_made_again(changes: dict[str, Any], *, again: bool) -> None:
    assert is_refit_wanted(spec(**changes)) is again


@pytest.mark.parametrize(
    ("changes", "candidates", "searched", "step"),
    [
        pytest.param({}, 3, False, RefitStep(), id="no budget"),
        pytest.param({"preset": "Fast"}, 3, False, None, id="not asked for"),
        pytest.param({"budget": {"seconds": 3600}}, 3, False, RefitStep(max_seconds=732), id="a share of the budget"),
        pytest.param({"budget": {"seconds": 60}}, 3, False, None, id="no share is left"),
        pytest.param({"budget": {"seconds": 300}}, 6, True, RefitStep(max_seconds=67), id="a third of a search"),
    ],
)
def test_how_the_chosen_model_is_made_again(
    changes: dict[str, Any], candidates: int, *, searched: bool, step: RefitStep | None
) -> None:
    assert refit_for(spec(**changes), candidates, searched=searched) == step
