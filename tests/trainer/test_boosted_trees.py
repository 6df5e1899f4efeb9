"""Boosted trees: the network, and its files, take the very way that XGBoost's trees take."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xgboost
from idla_contract.problem import Metric
from idla_preprocess.tabular import TabularSpec
from idla_trainer.compression.keras_graph import read_graph, rebuild
from idla_trainer.data.dataset import Examples
from idla_trainer.failures import TaskError
from idla_trainer.models.entry import LOGITS, Learning
from idla_trainer.models.hyperparameters import validated
from idla_trainer.models.prediction import cut_at_logits, predict
from idla_trainer.models.tabular.boosted_trees import HYPERPARAMETERS, build_boosted_trees, fit_boosted_trees
from idla_trainer.models.tabular.boosting import Growth, Part, grow
from idla_trainer.models.tabular.forest import Forest, weights_of
from idla_trainer.models.tabular.trees import read_trees
from idla_trainer.objective import Objective
from idla_trainer.problems.classification import Classification
from idla_trainer.problems.regression import Regression

from tests.trainer.served import answers, files_of

pytestmark = pytest.mark.trainer

ROWS, LEARNED = 600, 400
TWO = Classification(metric=Metric.LOG_LOSS, classes=2)
THREE = Classification(metric=Metric.LOG_LOSS, classes=3)
SQUARED = Regression(metric=Metric.RMSE, center=100.0, scale=5.0)
ABSOLUTE = Regression(metric=Metric.MAE, center=100.0, scale=5.0)


def records() -> dict[str, npt.NDArray[Any]]:
    generator = np.random.default_rng(0)
    age = generator.normal(50, 10, ROWS).astype(np.float32)
    age[::7] = np.nan
    ward = generator.choice(["east", "north", "south", "west", ""], ROWS).astype(object)
    return {"age": age, "ward": ward, "stage": generator.integers(1, 5, ROWS).astype(np.float32)}


def targets_of(objective: Objective, raw: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return what every column says something of; what the age says depends on the ward."""
    eastern = np.isin(raw["ward"], ["east", "west"])
    told = np.nan_to_num(raw["age"], nan=50.0) * (1 + eastern / 3) + 5 * raw["stage"]
    if isinstance(objective, Regression):
        return np.asarray(100 + told / 10, np.float32)
    edges = np.quantile(told, np.arange(1, objective.shape[0]) / objective.shape[0])
    return np.asarray(np.searchsorted(edges, told), np.int64)


def learning(objective: Objective, spec: TabularSpec, raw: dict[str, npt.NDArray[Any]], **changed: Any) -> Learning:
    targets = targets_of(objective, raw)

    def part(rows: slice) -> Examples:
        some = {name: values[rows] for name, values in raw.items()}
        return Examples(spec.to_tensors(some), targets[rows], some)

    first = Learning(
        train=part(slice(0, LEARNED)),
        validation=part(slice(LEARNED, ROWS)),
        rate=0.3, seed=1, threads=1, maximum_bytes=None, seconds=math.inf, check=lambda: None,
    )  # fmt: skip
    return replace(first, **changed)


VALUES = validated("boosted-trees", HYPERPARAMETERS, {"trees": 40})


@pytest.mark.parametrize(
    ("objective", "chosen"),
    [
        pytest.param(TWO, ("age", "ward", "stage"), id="two classes"),
        pytest.param(THREE, ("age", "ward", "stage"), id="three classes"),
        pytest.param(SQUARED, ("age", "stage"), id="squared error, numbers alone"),
        pytest.param(ABSOLUTE, ("ward",), id="absolute error, categories alone"),
    ],
)
def test_what_is_served_learned_from_numbers_and_categories(objective: Objective, chosen: tuple[str, ...]) -> None:
    raw = records()
    spec, _ = TabularSpec.fitted({name: raw[name] for name in chosen})
    given = learning(objective, spec, raw)
    fitted = fit_boosted_trees(spec, objective, VALUES, given)
    model = build_boosted_trees(spec, objective, {**VALUES, **fitted.found})
    model.set_weights(fitted.weights)
    served = predict(model, given.validation.inputs)
    score = objective.score(given.validation.targets, served, {})
    naive = objective.naive(given.train.targets, given.validation.raw)
    assert score < 0.9 * objective.score(given.validation.targets, naive, {})
    plain, compressed = files_of(model)
    np.testing.assert_allclose(answers(plain, given.validation.inputs), served, rtol=1e-5, atol=1e-6)
    near = 0.02 if isinstance(objective, Classification) else 0.1
    np.testing.assert_allclose(answers(compressed, given.validation.inputs), served, atol=near)
    copy = rebuild(read_graph(model), {})
    np.testing.assert_array_equal(predict(copy, given.validation.inputs), served)
    assert model.trainable_weights == []


GROWTH = Growth(
    loss="reg:squarederror", outputs=1, trees=30, rate=0.3, leaf_weight=1, ridge=1, example_share=0.7,
    column_share=0.6, seed=1, threads=1,
)  # fmt: skip


@pytest.mark.parametrize("depth", [1, 4, 9])
@pytest.mark.parametrize(("loss", "outputs"), [("reg:squarederror", 1), ("binary:logistic", 1), ("multi:softprob", 5)])
def test_every_example_takes_the_way_of_xgboost(loss: str, outputs: int, depth: int) -> None:
    generator = np.random.default_rng(2)
    # Few different numbers: most of them stand exactly on a threshold.
    numbers = generator.integers(-6, 7, (500, 4)).astype(np.float32) / 2
    labels = generator.normal(size=500) if loss.startswith("reg") else generator.integers(0, max(2, outputs), 500)
    part = Part(numbers, labels, np.zeros((500, outputs), np.float32))
    growth = replace(GROWTH, loss=loss, outputs=outputs)
    grown = grow(part, None, growth, (depth,))
    assert (len(grown.trees.roots), grown.depth) == (30, grown.trees.depth)
    layer = Forest(30, len(grown.trees.left), grown.trees.depth, outputs)
    layer.build((None, 4))
    layer.set_weights(weights_of(grown.trees))
    settings = {
        "objective": loss, "max_depth": depth, "tree_method": "hist", "eta": 0.3, "min_child_weight": 1, "lambda": 1,
        "subsample": 0.7, "colsample_bynode": 0.6, "seed": 1, "nthread": 1,
        "base_score": 0.5 if loss == "binary:logistic" else 0.0,
    }  # fmt: skip
    if outputs > 1:
        settings |= {"num_class": outputs, "multi_strategy": "multi_output_tree"}
    matrix = xgboost.QuantileDMatrix(numbers, labels, base_margin=np.zeros((500, outputs)).squeeze(), nthread=1)
    booster = xgboost.train(settings, matrix, 30)
    expected = booster.predict(matrix, output_margin=True).reshape(500, outputs)
    np.testing.assert_allclose(layer(numbers).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_tree_of_one_leaf_says_the_same_to_all() -> None:
    constant = Part(np.zeros((20, 1), np.float32), np.ones(20), np.zeros((20, 1), np.float32))
    grown = grow(constant, None, replace(GROWTH, trees=2, example_share=1.0, rate=1.0), (3,))
    assert (grown.trees.depth, grown.trees.left.tolist(), grown.trees.roots.tolist()) == (0, [0, 1], [0, 1])
    layer = Forest(2, 2, 0, 1)
    layer.build((None, 1))
    layer.set_weights(weights_of(grown.trees))
    np.testing.assert_allclose(layer(np.zeros((3, 1), np.float32)).numpy(), np.full((3, 1), 1 - 1 / 21**2), rtol=1e-3)


def test_as_many_trees_are_grown_as_help() -> None:
    raw = records()
    spec, _ = TabularSpec.fitted(raw)
    given = learning(SQUARED, spec, raw, rate=0.9)
    fitted = fit_boosted_trees(spec, SQUARED, {**VALUES, "trees": 500}, given)
    found = {name: fitted.found[name] for name in ("trees", "depth")}
    assert 1 <= found["trees"] < 500
    assert 1 <= found["depth"] <= 9
    again = fit_boosted_trees(
        spec,
        SQUARED,
        {**VALUES, **fitted.found},
        replace(given, validation=Examples({}, given.validation.targets[:0], {})),
    )
    assert {name: again.found[name] for name in found} == found
    np.testing.assert_array_equal(again.weights[0], fitted.weights[0])


def test_the_time_ends_the_growth_and_whoever_asks_can_end_it() -> None:
    raw = records()
    spec, _ = TabularSpec.fitted(raw)
    short = fit_boosted_trees(spec, SQUARED, VALUES, learning(SQUARED, spec, raw, seconds=0.0))
    assert short.found["trees"] == 1

    def end() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_boosted_trees(spec, SQUARED, VALUES, learning(SQUARED, spec, raw, check=end))


@pytest.mark.parametrize(("outputs", "objective"), [(1, SQUARED), (3, THREE)])
def test_what_is_served_keeps_a_limit(objective: Objective, outputs: int) -> None:
    raw = records()
    spec, _ = TabularSpec.fitted(raw)
    small = learning(objective, spec, raw, maximum_bytes=24_000)
    fitted = fit_boosted_trees(spec, objective, VALUES, small)
    assert 0 < fitted.found["nodes"] <= (24_000 - 16_384) / (12 + 4 * outputs)
    model = build_boosted_trees(spec, objective, {**VALUES, **fitted.found})
    model.set_weights(fitted.weights)
    assert len(files_of(model)[0]) <= 24_000


def test_a_limit_that_holds_no_tree_is_told_of() -> None:
    raw = records()
    spec, _ = TabularSpec.fitted(raw)
    with pytest.raises(TaskError) as refused:
        fit_boosted_trees(spec, SQUARED, VALUES, learning(SQUARED, spec, raw, maximum_bytes=16_400))
    assert str(refused.value) == "not even one tree has at most 1 splits and leaves; lower hyperparameters.depth"


def test_smoothed_labels_are_refused() -> None:
    raw = records()
    spec, _ = TabularSpec.fitted(raw)
    smoothed = replace(TWO, smoothing=0.1)
    with pytest.raises(TaskError) as refused:
        fit_boosted_trees(spec, smoothed, VALUES, learning(smoothed, spec, raw))
    assert str(refused.value) == "training.labelSmoothing: boosted trees do not smooth labels; leave it out"


def test_calibration_divides_what_the_trees_say() -> None:
    from idla_trainer.training.calibration import soften

    raw = records()
    spec, _ = TabularSpec.fitted(raw)
    given = learning(THREE, spec, raw)
    fitted = fit_boosted_trees(spec, THREE, VALUES, given)
    model = build_boosted_trees(spec, THREE, {**VALUES, **fitted.found})
    model.set_weights(fitted.weights)
    before = predict(cut_at_logits(model), given.validation.inputs)
    soften(model, 2.0)
    assert model.get_layer(LOGITS).name == "logits"
    np.testing.assert_allclose(predict(cut_at_logits(model), given.validation.inputs), before / 2, rtol=1e-5)


def test_read_trees_orders_the_nodes_level_by_level() -> None:
    matrix = xgboost.DMatrix(np.arange(8, dtype=np.float32)[:, None], np.array([0, 0, 1, 1, 5, 5, 9, 9]))
    settings = {
        "max_depth": 2,
        "eta": 1.0,
        "lambda": 0,
        "base_score": 0.0,
        "min_child_weight": 0,
        "tree_method": "exact",
    }
    trees = read_trees(xgboost.train(settings, matrix, 1).save_raw("json"), 1)
    assert trees.left.tolist() == [1, 3, 5, 3, 4, 5, 6]
    assert trees.thresholds.tolist() == [3.5, 1.5, 5.5, *[math.inf] * 4]
    assert trees.values[:, 0].tolist() == [0, 0, 0, 0, 1, 5, 9]
