import pytest
from idla.core.planning.content import content_hash
from idla_contract.problem import Metric, Problem
from idla_contract.task import DataSource, ModelSpec, ProfileStep, Training, TrainStep

PROBLEM = Problem()
DATA = DataSource(uri="sample://digits")


def train(**changes: int) -> TrainStep:
    return TrainStep(model=ModelSpec(template="resnet-small", builder="resnet"), training=Training(**changes))


def test_equal_work_has_an_equal_hash() -> None:
    assert content_hash(PROBLEM, DATA, [train()], image="a") == content_hash(PROBLEM, DATA, [train()], image="a")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((DATA, [train(seed=2)], "a"), id="seed"),
        pytest.param((DATA, [train(max_epochs=3)], "a"), id="hyperparameter"),
        pytest.param((DATA, [train(), ProfileStep()], "a"), id="steps"),
        pytest.param((DataSource(uri="sample://letters"), [train()], "a"), id="data"),
        pytest.param((DATA, [train()], "b"), id="image"),
    ],
)
def test_what_could_change_the_result_changes_the_hash(other: tuple[DataSource, list[TrainStep], str]) -> None:
    data, steps, image = other
    assert content_hash(PROBLEM, data, steps, image=image) != content_hash(PROBLEM, DATA, [train()], image="a")


def test_another_metric_is_another_content() -> None:
    other = Problem(metric=Metric.F1)
    assert content_hash(other, DATA, [train()], image="a") != content_hash(PROBLEM, DATA, [train()], image="a")
