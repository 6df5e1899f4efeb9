"""A search trains little of much and much of little; killed, it repeats no rung and ends as if nothing had happened."""

import json
from pathlib import Path
from typing import Any

import pytest
from idla_contract.exit_codes import ExitCode
from idla_contract.result import TaskResult, TrialReport
from idla_contract.task import ModelSpec, Rung, SearchStep, Training, Trial

from tools.waiting import until

pytestmark = pytest.mark.trainer

TRAINING = Training(max_epochs=9, batch_size=64, learning_rate=0.004)


def trial(**changes: Any) -> Trial:
    model = ModelSpec(template="vgg-small", builder="vgg", hyperparameters={"width": 8, "dense": 16, "blocks": 2})
    return Trial(model=model, training=TRAINING.model_copy(update=changes))


TRIALS = (
    trial(learning_rate=1e-6), trial(), trial(learning_rate=0.008), trial(learning_rate=1e30),
    trial().model_copy(update={"maximum_parameters": 100}),
)  # fmt: skip
RUNGS = (Rung(percent=11, kept=2), Rung(percent=33, kept=1), Rung(percent=100, kept=1))
STEP = SearchStep(trials=TRIALS, rungs=RUNGS)


def without_times(reports: tuple[TrialReport, ...]) -> list[TrialReport]:
    return [report.model_copy(update={"seconds": 0.0}) for report in reports]


def weights_digest(folder: Path) -> str:
    digest: str = json.loads((folder / "candidate" / "candidate.json").read_bytes())["weightsDigest"]
    return digest


@pytest.fixture(scope="module")
def undisturbed(pods: Any) -> TaskResult:
    pods.succeeds("search", STEP)
    kept: TaskResult = pods.result("search")
    return kept


def test_the_better_trials_are_trained_further_and_one_to_its_end(pods: Any, undisturbed: TaskResult) -> None:
    search, train = undisturbed.search, undisturbed.train
    assert search is not None
    assert train is not None
    assert [report.epochs for report in search.trials if report.rung == 1] == [1], "the hopeless one"
    assert sorted(report.epochs for report in search.trials) == [0, 0, 1, 3, 9]
    assert [report.failure for report in search.trials] == ["", "", "", "Diverged", "ConstraintUnmet"]
    winner = search.trials[search.winner]
    assert (winner.epochs, winner.stopped, winner.rung) == (9, "MaxEpochs", 3)
    assert (train.template, train.epochs) == ("vgg-small", 9)
    assert train.validation_score == pytest.approx(winner.validation_score, abs=1e-6)
    assert not (pods.folder("search") / "trials").exists(), "what a finished search needed is removed"


def test_a_trial_that_is_gone_on_with_equals_one_that_never_stopped(pods: Any, undisturbed: TaskResult) -> None:
    assert undisturbed.search is not None
    alone = SearchStep(trials=(TRIALS[undisturbed.search.winner],), rungs=(Rung(percent=100, kept=1),))
    pods.succeeds("alone", alone)
    assert weights_digest(pods.folder("alone")) == weights_digest(pods.folder("search"))


def test_a_killed_search_goes_on_with_the_rung_it_was_in(pods: Any, undisturbed: TaskResult) -> None:
    spec = pods.spec("killed", STEP)
    with pods.running(spec) as process:
        until(lambda: "rung 2: trial" in pods.log("killed") or process.poll() is not None, lambda: pods.log("killed"))
        assert process.poll() is None, pods.log("killed")
        process.kill()
        process.wait()
    ended = pods.succeeds("killed", STEP)
    assert "rung 1: trial 0" not in ended.log
    assert "rung 1: trial 1" not in ended.log
    found = pods.result("killed").search
    assert found is not None
    assert undisturbed.search is not None
    assert found.winner == undisturbed.search.winner
    assert without_times(found.trials) == without_times(undisturbed.search.trials)
    assert weights_digest(pods.folder("killed")) == weights_digest(pods.folder("search"))


def test_a_search_of_no_trial_that_can_be_trained_ends_with_its_reason(pods: Any) -> None:
    step = SearchStep(trials=(trial(learning_rate=1e30), trial(learning_rate=1e31)), rungs=RUNGS)
    ended = pods.run("diverging", step)
    assert ended.code == ExitCode.DIVERGED
    assert ended.answer.failure.reason == "Diverged"


def test_a_second_is_kept(pods: Any) -> None:
    step = SearchStep(trials=(trial(max_epochs=2000), trial(max_epochs=1000)), rungs=RUNGS, max_seconds=3)
    ended = pods.succeeds("short", step)
    found = ended.answer.search
    assert ended.answer.train.stopped == "Budget"
    assert found.trials[found.winner].stopped == "Budget"
    assert found.trials[found.winner].epochs < 1000
