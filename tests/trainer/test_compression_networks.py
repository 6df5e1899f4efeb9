"""The whole way of a compression: a baseline that learned on, smaller networks, and their files."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from idla_artifact.runtime import Runtime
from idla_contract.result import Making, Retraining
from idla_contract.task import CompressionMethod
from idla_trainer.compression.bisection import TimeBudget
from idla_trainer.compression.candidates import (
    CandidateNetwork,
    CandidateNetworks,
    CompressionTask,
    quantization_aware_train,
    train_candidates,
)
from idla_trainer.compression.distill import DistillationTask, Settings, TrainingExamples, distill
from idla_trainer.compression.remake import remake
from idla_trainer.compression.stages import Stages
from idla_trainer.compression.variants import write_qat_variants, write_variants
from idla_trainer.models.prediction import predict

pytestmark = [pytest.mark.trainer, pytest.mark.filterwarnings("ignore")]
layers = keras.layers
METHODS = (CompressionMethod.DYNAMIC_RANGE, CompressionMethod.INT8)


def loss(targets: Any, outputs: Any) -> Any:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)


@pytest.fixture(scope="module")
def data() -> TrainingExamples:
    """Return lists of numbers with weights: the class is the third of the vocabulary that weighs most."""
    rng = np.random.default_rng(0)
    often = 1 / np.arange(1, 61) ** 1.5
    ids = rng.choice(np.arange(1, 61), (900, 8), p=often / often.sum()).astype(np.int32)
    weights = rng.random((900, 8), np.float32)
    sums = np.stack([((ids % 3 == kind) * weights).sum(axis=1) for kind in range(3)], axis=1)
    inputs = {"ids": ids, "weights": weights}
    halves = [{name: values[part] for name, values in inputs.items()} for part in (slice(600), slice(600, None))]
    targets: npt.NDArray[Any] = sums.argmax(axis=1)
    return TrainingExamples(halves[0], targets[:600], halves[1], targets[600:])


@pytest.fixture(scope="module")
def model(data: TrainingExamples) -> Any:
    keras.utils.set_random_seed(1)
    weights, ids = keras.Input((8,), name="weights"), keras.Input((8,), name="ids", dtype="int32")
    sums = layers.Dot(axes=1)([weights, layers.Embedding(64, 32)(ids)])
    hidden = layers.ReLU()(layers.BatchNormalization()(layers.Dense(32)(sums)))
    logits = layers.Dense(3, name="logits")(layers.Concatenate()([sums, hidden]))
    made = keras.Model([weights, ids], layers.Softmax()(logits))
    distill(made, DistillationTask(data, loss), Settings(epochs=20, learning_rate=0.01, batch_size=32))
    return made


def task(data: TrainingExamples, *, seconds: float = 600.0, tolerance: float = 0.2) -> CompressionTask:
    def drop(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> float:
        hits = [float((values.argmax(axis=1) == data.validation_targets).mean()) for values in (before, after)]
        return hits[0] - hits[1]

    settings = Settings(epochs=8, learning_rate=0.01, batch_size=32)
    return CompressionTask(DistillationTask(data, loss), settings, drop, tolerance, TimeBudget(seconds))


@pytest.fixture(scope="module")
def found(data: TrainingExamples, model: Any) -> CandidateNetworks:
    return train_candidates(model, task(data), (0.75, 0.5, 0.25))


def test_the_baseline_comes_first_and_smaller_networks_are_nearly_as_good(found: CandidateNetworks, model: Any) -> None:
    names = [network.name for network in found.found]
    assert names[:2] == ["", "Keep50"]
    assert found.found[0].model.count_params() == model.count_params()
    assert found.found[1].model.count_params() < 0.6 * model.count_params()
    assert found.found[1].drop <= 0.1
    assert found.kept == ()


def test_every_network_is_converted_by_every_method_and_answers(
    found: CandidateNetworks, data: TrainingExamples, tmp_path: Path
) -> None:
    files = write_variants(tmp_path, found, METHODS, data.inputs, Stages())
    methods = [method.value for method in METHODS]
    assert list(files.paths) == ["Float32", *(network.name + method for network in found.found for method in methods)]
    for name, path in files.paths.items():
        served = Runtime(path).predict(data.validation_inputs)
        hits = float((served.argmax(axis=1) == data.validation_targets).mean())
        assert hits > 0.8, name
    sizes = {name: path.stat().st_size for name, path in files.paths.items()}
    assert sizes["Keep50Int8"] < sizes["Int8"] < sizes["Float32"]
    assert write_qat_variants(files, found, task(data), data.inputs, epochs=1) == files


def test_a_network_that_is_spoiled_by_rounding_learns_it(data: TrainingExamples, model: Any, tmp_path: Path) -> None:
    lone = CandidateNetworks((CandidateNetwork("", model, 0.0),), ())
    files = write_variants(tmp_path, lone, METHODS, data.inputs, Stages())
    made = write_qat_variants(files, lone, task(data, tolerance=-1.0), data.inputs, epochs=1)
    assert list(made.paths) == [*files.paths, "AwareInt8"]
    making = made.makings["AwareInt8"].rounded
    assert making is not None
    assert making.epochs == 1
    served = Runtime(made.paths["AwareInt8"]).predict(data.validation_inputs)
    hits = float((served.argmax(axis=1) == data.validation_targets).mean())
    assert hits > 0.8


def without_validation(data: TrainingExamples) -> TrainingExamples:
    inputs = {name: values[:0] for name, values in data.validation_inputs.items()}
    return TrainingExamples(data.inputs, data.targets, inputs, data.validation_targets[:0])


def test_the_same_examples_make_the_same_networks_again(
    found: CandidateNetworks, data: TrainingExamples, model: Any
) -> None:
    narrow = found.found[1]
    aware = quantization_aware_train(narrow, found.found[0].model, task(data), epochs=2)
    assert aware.making.keep_percent == 50
    made = remake(model, task(without_validation(data)), aware.making)
    assert made is not None
    for new, old in zip(made, (found.found[0].model, aware.model), strict=True):
        assert np.allclose(predict(new, data.validation_inputs), predict(old, data.validation_inputs), atol=1e-5)


def test_what_does_not_come_as_far_in_its_time_is_not_made_again(data: TrainingExamples, model: Any) -> None:
    late = task(without_validation(data), seconds=0.0)
    longer = Retraining(epochs=8, best_epoch=8)
    assert remake(model, late, Making(further=longer)) is None
    assert remake(model, late, Making(rounded=longer)) is None


@pytest.mark.parametrize(("shares", "seconds"), [((), 600.0), ((0.5,), 0.0), ((1.0,), 600.0)])
def test_a_network_stays_what_it_is_where_nothing_is_to_be_won(
    data: TrainingExamples, model: Any, shares: tuple[float, ...], seconds: float
) -> None:
    found = train_candidates(model, task(data, seconds=seconds), shares)
    assert [(network.name, network.model is model) for network in found.found] == [("", True)]
    assert predict(found.found[0].model, data.validation_inputs).shape == (300, 3)


def test_a_network_with_a_dictionary_of_inputs_is_converted(tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    inputs = {"series": keras.Input((4, 3), name="series"), "calendar": keras.Input((2,), name="calendar")}
    seen = layers.Concatenate()([layers.Flatten()(inputs["series"]), inputs["calendar"]])
    made = keras.Model(inputs, layers.Dense(2, name="logits")(seen))
    rng = np.random.default_rng(4)
    given = {"series": rng.random((5, 4, 3), np.float32), "calendar": rng.random((5, 2), np.float32)}
    lone = CandidateNetworks((CandidateNetwork("", made, 0.0),), ())
    files = write_variants(tmp_path, lone, METHODS, given, Stages())
    for path, error in zip(files.paths.values(), (1e-5, 0.1, 0.1), strict=True):
        assert np.allclose(Runtime(path).predict(given), predict(made, given), atol=error)


def test_a_variant_that_no_server_can_load_is_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    keras.utils.set_random_seed(5)
    numbers = keras.Input((8,), name="numbers")
    far = layers.Dense(4, kernel_initializer=keras.initializers.RandomNormal(stddev=1e6))(layers.Dense(4)(numbers))
    made = keras.Model(numbers, layers.Dense(1, name="logits")(layers.Concatenate()([numbers, far])))
    given = {"numbers": np.random.default_rng(6).normal(size=(300, 8)).astype(np.float32)}
    lone = CandidateNetworks((CandidateNetwork("", made, 0.0),), ())
    files = write_variants(tmp_path, lone, METHODS, given, Stages())
    assert list(files.paths) == ["Float32", "DynamicRange"]
    assert list(files.unusable) == ["Int8"]
    assert files.unusable["Int8"].startswith("Int8.tflite: LiteRT cannot load it (")
