"""What a search tries, how it is narrowed down, and how a workflow tells of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla.api.search_space import Dimension
from idla.api.training_workflow_status import SearchStatus
from idla.core.planning.candidates import Choice, nominate_candidates
from idla.core.planning.search import rungs_for
from idla.core.planning.search_space import draw_points
from idla_contract.result import FailureReason, SearchReport, TrialReport
from idla_contract.task import SearchStep

from tests.unit.core.world import World, requirements, spec_of, template, trained, workflow

SPACE = [
    {"name": "width", "type": "Integer", "minimum": "8", "maximum": "64", "scale": "Log"},
    {"name": "learningRate", "type": "Float", "minimum": "0.0005", "maximum": "0.008", "scale": "Log"},
]
WIDTH = [{"name": "width", "value": "16"}]
SEARCHED = (
    template("resnet-small", "resnet", 80_000, hyperparameters=WIDTH, searchSpace=SPACE),
    template("vgg-small", "vgg", 120_000),
)


def dimension(**values: Any) -> Dimension:
    return Dimension.model_validate({"name": "width", **values})


WHOLE = dimension(type="Integer", minimum="8", maximum="64", scale="Log")
LINEAR = dimension(type="Float", minimum="0", maximum="0.5")
LOG = dimension(type="Float", minimum="0.0001", maximum="0.1", scale="Log")
WORDS = dimension(type="Categorical", values=["relu", "gelu", "selu"])


@given(st.integers(2, 16), st.text(max_size=5))
def test_every_equal_part_of_a_range_is_met_once(count: int, key: str) -> None:
    values = [f"v{number}" for number in range(count)]
    points = draw_points([dimension(type="Categorical", values=values)], count, key=key)
    assert sorted(str(point["width"]) for point in points) == sorted(values)


@given(st.sampled_from([WHOLE, LINEAR, LOG]), st.integers(1, 16), st.text(max_size=5))
def test_no_number_is_out_of_its_bounds(space: Dimension, count: int, key: str) -> None:
    assert space.minimum is not None
    assert space.maximum is not None
    for point in draw_points([space], count, key=key):
        assert float(space.minimum) <= float(point["width"]) <= float(space.maximum)
        assert isinstance(point["width"], int) == (space is WHOLE)


def test_equal_keys_draw_equal_points_and_others_draw_others() -> None:
    dimensions = [LOG, WORDS.model_copy(update={"name": "activation"})]
    once, again = list(draw_points(dimensions, 6, key="1/vgg")), list(draw_points(dimensions, 6, key="1/vgg"))
    assert once == again
    assert once != list(draw_points(dimensions, 6, key="2/vgg"))
    assert {point["activation"] for point in once} == {"relu", "gelu", "selu"}


@pytest.mark.parametrize(
    ("trials", "kept"), [(2, (1, 1, 1)), (4, (2, 1, 1)), (9, (3, 1, 1)), (10, (4, 2, 1)), (16, (6, 2, 1))]
)
def test_how_trials_are_narrowed_down(trials: int, kept: tuple[int, int, int]) -> None:
    assert tuple((rung.percent, rung.kept) for rung in rungs_for(trials)) == tuple(
        zip((11, 33, 100), kept, strict=True)
    )


def chosen(**changes: Any) -> Choice:
    found = nominate_candidates(requirements(**changes), SEARCHED, None)
    assert isinstance(found, Choice)
    return found


def searched(**changes: Any) -> SearchStatus:
    search = chosen(**changes).search
    assert search is not None
    return search


FOUR = {"search": {"trials": 4}}


def test_every_candidate_competes_as_it_stands_and_the_rest_is_drawn() -> None:
    trials = searched(model=FOUR).trials
    assert [(trial.template, sorted(json.loads(trial.settings))) for trial in trials] == [
        ("resnet-small", []),
        ("vgg-small", []),
        ("resnet-small", ["learningRate", "width"]),
        ("resnet-small", ["learningRate", "width"]),
    ]


@pytest.mark.parametrize(
    ("changes", "trials"),
    [
        pytest.param({}, None, id="Balanced trains every candidate to its end"),
        pytest.param({"preset": "Fast"}, None, id="so does Fast"),
        pytest.param({"preset": "Best"}, 9, id="Best searches"),
        pytest.param({"preset": "Best", "model": {"search": {"trials": 1}}}, None, id="unless it is told not to"),
        pytest.param({"preset": "Fast", "model": FOUR}, 4, id="and every preset where it is told to"),
        pytest.param({"preset": "Best", "budget": {"seconds": 300}}, 4, id="no more than the budget pays for"),
        pytest.param({"preset": "Best", "budget": {"seconds": 60}}, None, id="it pays for one"),
        pytest.param(
            {"model": {"selection": "Pinned", "templateRefs": [{"name": "vgg-small"}], "search": {"trials": 9}}},
            None,
            id="one candidate without a search space",
        ),
    ],
)
def test_whether_there_is_a_search(changes: dict[str, Any], trials: int | None) -> None:
    search = chosen(**changes).search
    assert (None if search is None else len(search.trials)) == trials


def test_what_the_workflow_says_of_its_trainings_is_not_varied() -> None:
    trials = searched(model=FOUR, training={"learningRate": "0.001"}).trials
    assert {name for trial in trials for name in json.loads(trial.settings)} == {"width"}


def test_another_seed_searches_elsewhere() -> None:
    assert searched(model=FOUR) == searched(model=FOUR)
    assert searched(model=FOUR) != searched(model=FOUR, training={"seed": 2})


def test_a_budget_is_the_time_of_all_trials_together() -> None:
    search = searched(preset="Best", budget={"seconds": 300})
    assert search.max_seconds == 136, (
        "300 s less 10 s for each of three pods, less a quarter for the compression, less a third to make it again"
    )
    assert searched(preset="Best", budget={"seconds": 300}, training={"refit": False}).max_seconds == 203


@pytest.mark.parametrize(
    ("seconds", "how"),
    [
        (3600, "are compared in a search of 9 trials"),
        (300, "are compared in a search of 4 trials (9 without `spec.budget`, which pays for 136 s of them)"),
        (60, "are trained"),
    ],
)
def test_the_choice_says_what_the_budget_left_of_the_search(seconds: int, how: str) -> None:
    choice = chosen(preset="Best", budget={"seconds": seconds})
    assert choice.message.partition(" templates ")[2].partition(": ")[0] == how


@pytest.mark.parametrize("budget", [None, {"seconds": 86400}])
def test_a_budget_that_pays_for_more_begins_no_more_candidates_than_allowed(budget: dict[str, int] | None) -> None:
    choice = chosen(model={"maxCandidates": 1, **FOUR}, budget=budget)
    assert [entry.template for entry in choice.candidates] == ["resnet-small"]
    assert [(entry.choice, entry.reason) for entry in choice.rejected] == [("vgg-small", "CandidateLimit")]


def world() -> World:
    return World(workflow=workflow(model=FOUR), templates=SEARCHED).profiled()


def search_report(*trials: TrialReport, winner: int) -> SearchReport:
    return SearchReport(winner=winner, trials=trials, seconds=60.0)


def came(score: float, rung: int, *, epochs: int = 4, failure: str = "") -> TrialReport:
    return TrialReport(
        rung=rung, epochs=epochs, parameters=80_000, validation_score=score, validation_score_error=0.01,
        validation_loss=0.1, seconds=10.0, failure=failure,
    )  # fmt: skip


REPORT = search_report(
    came(0.95, 2, epochs=13), came(0.90, 1), came(0.99, 3, epochs=40), came(0.0, 0, failure="Diverged"), winner=2
)


def test_the_search_is_one_task_of_the_plan() -> None:
    there = world()
    assert there.tasks() == {"profile": "Succeeded", "search": "Pending", "publish": "Pending"}
    (step,) = spec_of(there, "search").steps
    assert isinstance(step, SearchStep)
    own = json.loads(there.status["plan"]["search"]["trials"][2]["settings"])
    assert step.trials[2].model.hyperparameters == {"width": own["width"]}
    assert step.trials[2].training.learning_rate == own["learningRate"]
    assert step.trials[0].model.hyperparameters == {"width": 16}
    assert step.trials[0].training.learning_rate == 0.002
    assert there.message("Planned").partition(": ")[2] == (
        "search among 4 trials of resnet-small, vgg-small, then publish the best"
    )


@pytest.mark.parametrize(
    ("compression", "most"),
    [
        pytest.param({}, 500_000, id="a byte a weight where it is quantized"),
        pytest.param({"compression": {"mode": "Off"}}, 125_000, id="else four"),
    ],
)
def test_no_trial_may_outgrow_the_size_that_is_asked_for(compression: dict[str, Any], most: int) -> None:
    size: dict[str, Any] = {"constraints": [{"metric": "modelSizeMebibytes", "maximum": "0.476837"}]}
    there = World(workflow=workflow(model=FOUR, **size, **compression), templates=SEARCHED).profiled()
    (step,) = spec_of(there, "search").steps
    assert isinstance(step, SearchStep)
    assert {trial.maximum_parameters for trial in step.trials} == {most}


def test_the_winner_is_published_and_the_others_are_explained() -> None:
    there = world().wait(5).run("search").settle().wait(20).measure("search", 500, 1000).settle()
    assert there.status["progress"]["percent"] == 45
    there.finish("search", train=trained("resnet-small", 0.99), search=REPORT).settle()
    settings = [trial["settings"] for trial in there.status["plan"]["search"]["trials"]]
    shown = [", ".join(f"{name} {value}" for name, value in json.loads(text).items()) for text in settings]
    (decision,) = (entry for entry in there.status["decisions"] if entry["name"] == "ModelSelection")
    del decision["time"]
    assert decision == {
        "name": "ModelSelection",
        "choice": "resnet-small",
        "reason": "BestOfSearch",
        "message": f"validation accuracy 0.9900 ± 0.0100, 80000 weights, with {shown[2]}; the best of 4 trials",
        "alternatives": [
            {
                "choice": "resnet-small", "reason": "Halted",
                "message": "validation accuracy 0.9500 ± 0.0100 after 13 epochs, at rung 2 of 3, 80000 weights",
            },
            {
                "choice": "vgg-small", "reason": "Halted",
                "message": "validation accuracy 0.9000 ± 0.0100 after 4 epochs, at rung 1 of 3, 80000 weights",
            },
            {"choice": f"resnet-small ({shown[3]})", "reason": "Diverged", "message": "it could not be trained"},
        ],
    }  # fmt: skip
    compress = spec_of(there, "publish").steps[0]
    search = spec_of(there, "search")
    assert compress.kind == "Compress"
    assert (compress.candidate.task, compress.candidate.content_hash) == ("search", search.content_hash)
    assert isinstance(search.steps[0], SearchStep)
    assert compress.candidate.model == search.steps[0].trials[2].model
    there.publish()
    assert there.conditions()["Succeeded"] == "True Completed"


def test_a_search_that_its_job_cannot_hold_is_refused_with_what_to_do() -> None:
    many = [*WIDTH, *({"name": f"h{number}", "value": "\U0001f642" * 250} for number in range(31))]
    templates = (template("resnet-small", "resnet", 80_000, hyperparameters=many, searchSpace=SPACE),)
    there = World(workflow=workflow(model={"search": {"trials": 16}}), templates=templates).profiled()
    assert there.conditions()["Trained"] == "False TaskTooLarge"
    assert there.task("search")["message"] == (
        "its task spec has 506786 bytes, and a Job holds 131072; make the values of `hyperparameters` in"
        " the ModelTemplates or `spec.model.search.trials` smaller"
    )
    assert "search" not in {job["metadata"]["labels"]["idla.dev/task"] for job in there.jobs.values()}
    assert there.conditions()["Stalled"].startswith("True")


def test_a_search_that_fails_ends_the_work_with_its_reason() -> None:
    there = world().run("search").settle().fail("search", FailureReason.DIVERGED, "the loss is nan", code=11).settle()
    assert there.conditions()["Trained"] == "False Diverged"


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(search_report(*REPORT.trials, winner=7), id="a winner that does not exist"),
        pytest.param(search_report(*REPORT.trials[:2], winner=1), id="another number of trials"),
        pytest.param(None, id="no report"),
    ],
)
def test_an_answer_that_is_none_of_this_search_publishes_nothing(found: SearchReport | None) -> None:
    there = world().run("search").settle()
    there.finish("search", train=trained("resnet-small", 0.99), search=found).settle()
    assert there.conditions()["Trained"].startswith("False")
    assert there.tasks()["publish"] == "Pending"
