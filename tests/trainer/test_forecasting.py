"""The forecasters as they are served: built-in operations alone, small, and learning what persistence cannot know."""

from typing import Any

import numpy as np
import pytest
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.task import Columns, DataSource
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.table import Table
from idla_trainer.models.series import graph_forecaster, series_linear
from idla_trainer.models.series.graph_forecaster import build_graph_forecaster
from idla_trainer.models.series.series_linear import build_series_linear
from idla_trainer.problems.series.examples import prepare

from tests.trainer.served import answers, files_of

pytestmark = pytest.mark.trainer

NETWORKS = [
    pytest.param(build_graph_forecaster, graph_forecaster.HYPERPARAMETERS, id="graph"),
    pytest.param(build_series_linear, series_linear.HYPERPARAMETERS, id="linear"),
]


def dataset(*, rows: int = 400, sensors: int = 6, gaps: float = 0.0, period: int = 3600) -> Dataset:
    """Return sensors that repeat each day, each what its neighbour was two steps before, with noise."""
    random = np.random.default_rng(0)
    day = 50 + 10 * np.sin(2 * np.pi * np.arange(rows + 2 * sensors) / 24) + random.normal(0, 3, rows + 2 * sensors)
    columns = {f"s{number}": day[2 * number :][:rows] + random.normal(0, 0.3, rows) for number in range(sensors)}
    if gaps:
        for column in columns.values():
            column[random.random(rows) < gaps] = np.nan
    problem = Problem(
        type=TaskType.FORECASTING, metric=Metric.RMSE, history=8, horizon=4, period_seconds=period, quantiles=(0.1, 0.9)
    )
    return prepare(Table(columns), DataSource(uri="sample://x"), problem, digest="sha256:" + "0" * 64)


def promoted(*, known: tuple[str, ...] = ("promo", "day"), rows: int = 400, shops: int = 0) -> Dataset:
    """Return noise, which rises by 10 times the sensor's number at promotions and falls by 5 on holidays.

    Args:
        known: what is known ahead.
        rows: of each sensor.
        shops: rows of a long table, each shop with promotions of its own. Default: four sensors of a wide one.
    """
    random = np.random.default_rng(0)
    sensors = shops or 4
    promo = (random.random((rows, sensors if shops else 1)) < 0.2).astype(float)
    day = np.where(random.random(rows) < 0.1, "holiday", "").astype(object)
    values = random.normal(0, 1, (rows, sensors)) + 10 * promo * np.arange(1, sensors + 1)
    values -= 5 * (day == "holiday")[:, np.newaxis]
    columns = {"timestamp": 60 * np.arange(rows), **{f"s{place}": values[:, place] for place in range(sensors)}}
    table = columns | {"promo": promo[:, 0], "day": day}
    roles = Columns(known_covariates=known, features=tuple(list(columns)[1:]))
    if shops:
        names = np.array([f"s{place}" for place in range(sensors)], object)
        table = {
            "shop": np.tile(names, rows), "timestamp": np.repeat(60 * np.arange(rows), sensors),
            "sold": values.ravel(), "promo": promo.ravel(), "day": np.repeat(day, sensors),
        }  # fmt: skip
        roles = Columns(known_covariates=known, series=("shop",), target="sold")
    problem = Problem(type=TaskType.FORECASTING, metric=Metric.RMSE, history=6, horizon=3)
    return prepare(Table(table), DataSource(uri="sample://x", columns=roles), problem, digest="sha256:" + "0" * 64)


def built(build: Any, known: Any, data: Dataset) -> Any:
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    return build(data.preprocess, data.objective, {parameter.name: parameter.default for parameter in known})


def trained(model: Any, data: Dataset, epochs: int) -> Any:
    """Train by plain steps."""
    import keras
    import tensorflow as tf

    logits = keras.Model({tensor.name: tensor for tensor in model.inputs}, model.get_layer("logits").output)
    optimizer = keras.optimizers.Adam(0.005)
    optimizer.build(model.trainable_variables)
    examples = data.examples(data.parts.train)

    @tf.function  # type: ignore[untyped-decorator]
    def step(inputs: Any, targets: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(data.objective.loss(targets, logits(inputs, training=True)))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(examples))[: len(examples) // 32 * 32]
        for chosen in order.reshape(-1, 32):
            inputs = {name: tf.constant(array[chosen]) for name, array in examples.inputs.items()}
            step(inputs, tf.constant(examples.targets[chosen]))
    return model


@pytest.mark.parametrize("gaps", [0.0, 0.1], ids=["whole", "gaps"])
@pytest.mark.parametrize(("build", "known"), NETWORKS)
def test_an_untrained_network_answers_the_last_known_value(build: Any, known: Any, gaps: float) -> None:
    data = dataset(gaps=gaps)
    test = data.examples(data.parts.test)
    assert sorted(test.inputs) == sorted(["series", "calendar", *(["known"] if gaps else [])])
    values = built(build, known, data)(test.inputs, training=False).numpy()
    naive = data.objective.naive(data.targets[data.parts.train], test.raw)
    np.testing.assert_allclose(values[..., 0], naive[..., 0], rtol=1e-4)


@pytest.mark.parametrize(("build", "known"), NETWORKS)
def test_a_trained_network_is_better_than_persistence_and_its_quantiles_hold_what_they_should(
    build: Any, known: Any
) -> None:
    data = dataset(gaps=0.1)
    test = data.examples(data.parts.test)
    model = trained(built(build, known, data), data, 30)
    scores = data.objective.scores(test.targets, model(test.inputs, training=False).numpy(), test.raw)
    naive = data.objective.naive(data.targets[data.parts.train], test.raw)
    before = data.objective.scores(test.targets, naive, test.raw)
    assert scores["rmse"] < 0.8 * before["rmse"]
    assert scores["pinball"] < before["pinball"]
    assert 0.6 < scores["coverage"] < 0.95


@pytest.mark.parametrize("period", [3600, 1], ids=["calendar", "none"])
@pytest.mark.parametrize(("build", "known"), NETWORKS)
def test_a_network_is_served_by_built_in_operations_with_the_same_answers(build: Any, known: Any, period: int) -> None:
    data = dataset(sensors=40, gaps=0.1, period=period)
    model = trained(built(build, known, data), data, 1)
    tensors = data.examples(data.parts.test[:5]).inputs
    assert ("calendar" in tensors) == (period > 1)
    expected = model(tensors, training=False).numpy()
    files = files_of(model)
    whole, small = (answers(file, tensors) for file in files)
    np.testing.assert_allclose(whole, expected, rtol=1e-3)
    np.testing.assert_allclose(small, expected, rtol=0.05)
    assert len(files[1]) <= len(files[0])


@pytest.mark.parametrize("shops", [0, 5], ids=["wide", "long"])
@pytest.mark.parametrize(("build", "known"), NETWORKS)
def test_what_is_known_ahead_is_learned_for_each_sensor_and_served(build: Any, known: Any, shops: int) -> None:
    def error(data: Dataset, model: Any) -> float:
        test = data.examples(data.parts.test)
        return data.objective.score(test.targets, model(test.inputs, training=False).numpy(), test.raw)

    data, without = promoted(shops=shops), promoted(shops=shops, known=())
    untrained = built(build, known, data)
    test = data.examples(data.parts.test)
    naive = data.objective.naive(data.targets[data.parts.train], test.raw)
    np.testing.assert_allclose(
        untrained(test.inputs, training=False).numpy()[..., 0], naive[..., 0], rtol=1e-4, atol=1e-4
    )
    model = trained(untrained, data, 15)
    assert error(data, model) < 0.5 * error(without, trained(built(build, known, without), without, 5))
    tensors = data.examples(data.parts.test[:5]).inputs
    expected = model(tensors, training=False).numpy()
    whole, small = (answers(file, tensors) for file in files_of(model))
    np.testing.assert_allclose(whole, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(small, expected, atol=0.05 * np.abs(expected).max())


def test_unknown_targets_teach_nothing() -> None:
    import tensorflow as tf

    data = dataset(gaps=0.0)
    outputs = tf.Variable(np.random.default_rng(0).normal(0, 1, (3, *data.objective.shape)).astype(np.float32))
    targets = data.targets[:3].copy()
    targets[0] = np.nan
    targets[1, 2:] = np.nan
    with tf.GradientTape() as tape:
        losses = data.objective.loss(tf.constant(targets), outputs)
    gradient = tape.gradient(losses, outputs).numpy()
    assert losses.numpy()[0] == 0
    assert np.isfinite(losses.numpy()).all()
    assert not gradient[0].any()
    assert not gradient[1, 2:].any()
    assert gradient[1, :2].all()
