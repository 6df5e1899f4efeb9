"""The networks for records: what they are made of, and that LiteRT answers as Keras does, by built-in operations."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from idla_contract.problem import Metric
from idla_contract.task import Training
from idla_preprocess.dates import DateForm
from idla_preprocess.tabular import TabularSpec
from idla_trainer.compression.keras_graph import read_graph, rebuild
from idla_trainer.data.dataset import Examples
from idla_trainer.models.entry import MEMBERS
from idla_trainer.models.prediction import LOGITS, cut_at_logits, feed
from idla_trainer.models.tabular import closed_form
from idla_trainer.models.tabular.features import piece_weights
from idla_trainer.models.tabular.tabular_linear import begin_tabular_linear, build_tabular_linear, penalise
from idla_trainer.models.tabular.tabular_network import build_tabular_network, calm_noise
from idla_trainer.objective import Objective
from idla_trainer.problems.classification import Classification
from idla_trainer.problems.regression import Regression
from idla_trainer.training.feed import Material, stream
from idla_trainer.training.network import Network

from tests.trainer.served import answers, files_of

pytestmark = pytest.mark.trainer

ROWS = 64
LINEAR = {"noise": 0.1, "embedding": 4}
NEURAL = {
    "members": 3, "layers": 2, "width": 8, "dropout": 0.1, "noise": 0.0, "embedding": 4,
}  # fmt: skip
NETWORKS = [
    pytest.param(build_tabular_linear, LINEAR, id="linear"),
    pytest.param(build_tabular_network, NEURAL, id="neural"),
]
CLASSES = Classification(metric=Metric.LOG_LOSS, classes=3)
VALUES = Regression(metric=Metric.RMSE, center=100.0, scale=5.0)


def texts(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.astype(object)


def records() -> dict[str, npt.NDArray[Any]]:
    generator = np.random.default_rng(0)
    age = generator.normal(50, 10, ROWS).astype(np.float32)
    age[::7] = np.nan
    return {
        "age": age,
        "ward": texts(generator.choice(["east", "west", ""], ROWS)),
        "stage": generator.integers(1, 5, ROWS).astype(np.float32),
        "sex": texts(generator.choice(["f", "m"], ROWS)),
        "seen": texts(np.array([f"{1 + day % 28}.{1 + day % 12}.2024 {day % 3}:00" for day in range(ROWS)])),
    }


FORMS = {"seen": DateForm.DAY_FIRST}


def randomized(model: Any) -> Any:
    """Give every trained weight a value that training could give it."""
    generator = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(generator.normal(0.0, 0.3, weight.shape))
    return model


@pytest.mark.parametrize(("build", "values"), NETWORKS)
@pytest.mark.parametrize("objective", [pytest.param(CLASSES, id="classes"), pytest.param(VALUES, id="value")])
@pytest.mark.parametrize("chosen", [("age", "ward", "stage", "sex", "seen"), ("age", "stage"), ("sex",)])
def test_the_served_file_answers_as_the_network_does(
    build: Any, values: Mapping[str, float], objective: Objective, chosen: tuple[str, ...]
) -> None:
    raw = {name: values for name, values in records().items() if name in chosen}
    spec, _ = TabularSpec.fitted(raw, dates=FORMS)
    model = randomized(build(spec, objective, values))
    tensors = spec.to_tensors(raw)
    expected = model(tensors, training=False).numpy()
    assert expected.shape == (ROWS, *objective.shape)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(answers(files_of(model)[0], tensors), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("build", "values"), NETWORKS)
def test_a_compressed_file_answers_much_the_same(build: Any, values: Mapping[str, float]) -> None:
    raw = records()
    spec, _ = TabularSpec.fitted(raw, dates=FORMS)
    model = randomized(build(spec, CLASSES, values))
    tensors = spec.to_tensors(raw)
    expected = model(tensors, training=False).numpy()
    np.testing.assert_allclose(answers(files_of(model)[1], tensors), expected, atol=0.05)


def test_the_pieces_tell_how_far_a_number_has_come_through_each_bin() -> None:
    spec, _ = TabularSpec.fitted({"stage": np.arange(5.0), "other": np.arange(5.0) ** 2})
    kernel, bias = piece_weights(spec)
    model = build_tabular_linear(spec, CLASSES, {"noise": 0.0, "embedding": 4})
    numbers = spec.to_tensors({"stage": np.array([2.0]), "other": np.array([100.0])})["numbers"]
    pieces = np.clip(numbers @ kernel + bias, 0, 1)[0]
    np.testing.assert_allclose(pieces, [1, 1, 0, 0, 1, 1, 1, 1], atol=1e-5)
    weights = model.get_layer("pieces").get_weights()
    np.testing.assert_array_equal(weights[0], kernel)
    np.testing.assert_array_equal(weights[1], bias)
    assert [weight.path for weight in model.trainable_weights] == ["logits/kernel", "logits/bias"]


@pytest.mark.parametrize(("examples", "noise"), [(1, 0.2), (500, 0.2), (1000, 0.1), (100_000, 0.001)])
def test_the_noise_falls_with_the_number_of_examples(examples: int, noise: float) -> None:
    spec, _ = TabularSpec.fitted({"stage": np.arange(5.0)})
    values = NEURAL | {"noise": 0.2}
    model = build_tabular_network(spec, VALUES, values)
    calm_noise(model, values, examples)
    for network in (model, rebuild(read_graph(model), {})):
        found = [layer.stddev for layer in network.layers if isinstance(layer, keras.layers.GaussianNoise)]
        assert found == [pytest.approx(noise)]


def test_each_member_learns_by_a_loss_of_its_own_and_serving_takes_their_mean() -> None:
    raw = records()
    spec, _ = TabularSpec.fitted(raw, dates=FORMS)
    model = randomized(build_tabular_network(spec, CLASSES, NEURAL | {"dropout": 0.0}))
    tensors, targets = spec.to_tensors(raw), np.arange(ROWS) % 3
    ends = keras.Model(model.inputs, [model.get_layer(MEMBERS).output, model.get_layer(LOGITS).output])
    members, logits = (np.array(end) for end in ends(tensors, training=False))
    assert members.shape == (ROWS, 3, 3)
    np.testing.assert_allclose(logits, members.mean(axis=1), rtol=1e-4, atol=1e-5)
    each = [float(tf.reduce_mean(CLASSES.loss(targets, members[:, place]))) for place in range(3)]
    training = Training(batch_size=ROWS, weight_decay=0.0)
    network = Network(
        model, training, step_loss=lambda _, targets, outputs: CLASSES.loss(targets, outputs),
        evaluation_loss=CLASSES.loss,
    )  # fmt: skip
    batches = stream(Material(train=Examples(tensors, targets, raw), validation=None, change=None), training, first=0)
    assert network.learn(batches, [0.001]) == pytest.approx([np.mean(each)], rel=1e-4)


def test_calibration_divides_the_logits_and_keeps_the_chosen_classes() -> None:
    from idla_trainer.data.dataset import Examples
    from idla_trainer.training.calibration import calibrate

    raw = records()
    spec, _ = TabularSpec.fitted(raw, dates=FORMS)
    model = randomized(build_tabular_linear(spec, CLASSES, LINEAR))
    tensors = spec.to_tensors(raw)
    before = model(tensors, training=False).numpy()
    right = Examples(tensors, before.argmax(axis=1).astype(np.int64), raw)
    divisor = calibrate(model, right)
    after = model(tensors, training=False).numpy()
    assert divisor < 1
    powers = before.astype(np.float64) ** (1 / divisor)
    np.testing.assert_allclose(after, powers / powers.sum(axis=1, keepdims=True), atol=1e-5)


def learned(spec: TabularSpec, objective: Objective) -> Examples:
    found = records()
    targets = (np.nan_to_num(found["age"], nan=50.0) > 50).astype(np.int64) + (found["sex"] == "f")
    numbers = (100 + 5 * targets).astype(np.float32)
    return Examples(spec.to_tensors(found), targets if objective is CLASSES else numbers, {})


@pytest.mark.parametrize("objective", [pytest.param(CLASSES, id="classes"), pytest.param(VALUES, id="value")])
@pytest.mark.parametrize("seed", [0, 10])
def test_a_linear_network_begins_where_likelihood_and_prior_are_in_balance(objective: Objective, seed: int) -> None:
    keras.utils.set_random_seed(seed)
    spec, _ = TabularSpec.fitted(records(), dates=FORMS)
    values = LINEAR | {"prior": 0.5}
    model, examples = build_tabular_linear(spec, objective, values), learned(spec, objective)
    penalise(model, values, ROWS)
    begin_tabular_linear(model, objective, examples, values, seed=1)
    kernel = model.get_layer(LOGITS).kernel
    with tf.GradientTape() as tape:
        outputs = cut_at_logits(model)(feed(model, examples.inputs), training=False)
        loss = tf.reduce_mean(objective.loss(tf.constant(examples.targets), outputs))
    pull = np.asarray(kernel) / (values["prior"] ** 2 * ROWS)
    assert np.abs(pull).max() > 1e-3
    assert np.allclose(tape.gradient(loss, kernel.value), -pull, atol=5e-4)


def test_the_prior_weighs_the_less_the_more_examples_there_are() -> None:
    spec, _ = TabularSpec.fitted(records(), dates=FORMS)
    model = randomized(build_tabular_linear(spec, CLASSES, LINEAR))
    squares = sum(float((np.asarray(weight) ** 2).sum()) for weight in model.trainable_weights if len(weight.shape) > 1)
    for examples in (10, 1000):
        penalise(model, {"prior": 0.5}, examples)
        assert float(sum(model.losses)) == pytest.approx(squares / (2 * 0.25 * examples), rel=1e-4)
    copy = rebuild(read_graph(model), {})
    assert float(sum(copy.losses)) == pytest.approx(float(sum(model.losses)), rel=1e-4)


def test_of_very_many_examples_a_part_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, _ = TabularSpec.fitted(records(), dates=FORMS)
    monkeypatch.setattr(closed_form, "_MOST", 40)
    ways = []
    for seed in (1, 1, 2):
        model = build_tabular_linear(spec, CLASSES, LINEAR)
        keras.utils.set_random_seed(0)
        randomized(model)
        penalise(model, {"prior": 0.5}, ROWS)
        closed_form.fit(model, CLASSES, learned(spec, CLASSES), seed=seed)
        ways.append(model.get_layer(LOGITS).kernel.numpy())
    assert np.array_equal(ways[0], ways[1])
    assert not np.allclose(ways[0], ways[2], atol=1e-3)
