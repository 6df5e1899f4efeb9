"""The network of users and items: begun in closed form, served as trained, kept where descent does not better it."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from idla_contract.problem import Metric
from idla_contract.task import Training
from idla_preprocess.interactions import InteractionsSpec
from idla_trainer.data.dataset import Examples
from idla_trainer.models.recommendation.collaborative_filtering import (
    begin_collaborative_filtering,
    build_collaborative_filtering,
)
from idla_trainer.problems.recommendation.ranking import Ranking
from idla_trainer.problems.recommendation.ratings import Ratings
from idla_trainer.training.feed import Material
from idla_trainer.training.loop import Loop
from idla_trainer.training.network import Network
from idla_trainer.training.run import reported

from tests.trainer.served import answers, files_of

pytestmark = pytest.mark.trainer

VALUES = {"width": 4, "damping": 5.0, "caution": 10.0, "ridge": 2.0, "half_life": 10.0}
SPEC = InteractionsSpec(users=np.array(["a", "b", "c", "d", "e"]), items=np.array(["x", "y", "z"]), rates=True)
RATINGS = Ratings(metric=Metric.RMSE, center=3.0, scale=1.0, lowest=1.0, highest=5.0)

VISITS = InteractionsSpec(users=SPEC.users, items=np.array(["q", "r", "s", "t", "u", "v"]), rates=False)
RANKING = Ranking(metric=Metric.NDCG_AT_10, items=6, ordered=True)


def visits() -> Examples:
    """Return users who meet two of the first three items, or two of the others besides."""
    rows = [[1, 2, 4], [4, 5, 2], [1, 2, 0], [1, 2, 4], [4, 5, 2]]
    return Examples({"user": np.arange(1, 6, dtype=np.int32)}, np.array(rows, np.int32), {})


def examples() -> Examples:
    generator = np.random.default_rng(0)
    users, items = (generator.integers(1, most, 200).astype(np.int32) for most in (6, 4))
    targets = np.clip(users + items - 2 + generator.normal(0, 0.3, 200), 1, 5).astype(np.float32)
    return Examples({"user": users, "item": items}, targets, {})


def begun() -> Any:
    model = build_collaborative_filtering(SPEC, RATINGS, VALUES)
    begin_collaborative_filtering(model, RATINGS, examples(), VALUES, seed=0)
    return model


def test_the_closed_form_answers_before_any_step() -> None:
    learned = examples()
    found = begun()(learned.inputs, training=False).numpy()[:, 0]
    assert np.sqrt(np.mean((found - learned.targets) ** 2)) < 0.6
    assert found.min() >= 1.0
    assert found.max() <= 5.0


@pytest.mark.parametrize("file", range(2), ids=("float", "small weights"))
def test_a_served_file_answers_as_the_network_does(file: int) -> None:
    model, tensors = (
        begun(),
        SPEC.to_tensors(
            {"user": np.array(["a", "e", "nobody"], object), "item": np.array(["x", "nothing", "z"], object)}
        ),
    )
    expected = model(tensors, training=False).numpy()
    np.testing.assert_allclose(answers(files_of(model)[file], tensors), expected, atol=(1e-5, 0.05)[file])


def ranking_begun() -> Any:
    model = build_collaborative_filtering(VISITS, RANKING, VALUES)
    begin_collaborative_filtering(model, RANKING, visits(), VALUES, seed=0)
    return model


def test_the_closed_form_ranks_before_any_step() -> None:
    learned = visits()
    scores = ranking_begun()(learned.inputs, training=False).numpy()
    wanted = np.array([[4, -1, -2], [2, -4, -5], [4, -1, -2]], np.int32)
    assert RANKING.each(wanted, scores[[0, 1, 2]], {}).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("file", range(2), ids=("float", "small weights"))
def test_a_served_file_ranks_as_the_network_does(file: int) -> None:
    model, tensors = ranking_begun(), VISITS.to_tensors({"user": np.array(["a", "e", "nobody"], object)})
    expected = model(tensors, training=False).numpy()
    np.testing.assert_allclose(answers(files_of(model)[file], tensors), expected, atol=(1e-5, 0.1)[file])


def test_the_loss_of_a_ranking_is_the_cross_entropy_of_what_is_not_seen() -> None:
    outputs = np.array([[1.0, -2.0, 0.5, 3.0, -1.0, 0.0], [0.3, 0.2, 0.1, 0.0, -0.1, -0.2]], np.float32)
    targets = np.array([[4, -1, 0], [2, 7, -3]], np.int32)
    found = RANKING.loss(tf.constant(targets), tf.constant(outputs)).numpy()
    wanted = np.array([[0, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0]], np.float32)
    open_ = np.array([[0, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 1]], bool)
    losses = np.logaddexp(0, outputs) - wanted * outputs
    np.testing.assert_allclose(found, [row[left].mean() for row, left in zip(losses, open_, strict=True)], rtol=1e-5)


def test_a_start_that_descent_only_spoils_is_what_is_kept() -> None:
    model, learned = begun(), examples()
    before = model(learned.inputs, training=False).numpy()
    training = Training(max_epochs=2, batch_size=64, learning_rate=3.0)
    network = Network(
        model,
        training,
        step_loss=lambda _, targets, outputs: RATINGS.loss(targets, outputs),
        evaluation_loss=RATINGS.loss,
    )
    loop = Loop(network, training, Material(train=learned, validation=learned))
    loop.validate_first()
    while loop.end() is None:
        loop.learn()
    loop.finish()
    np.testing.assert_array_equal(model(learned.inputs, training=False).numpy(), before)
    report = reported(loop, network, RATINGS, learned, "collaborative-filtering")
    assert (report.best_epoch, report.epochs) == (0, 2)
    assert report.validation_score == pytest.approx(RATINGS.score(learned.targets, before, {}))
    assert report.validation_loss < min(point.validation_loss for point in report.curve)
