"""VGG16 as Keras Applications builds it begins with weights in the files that its users have.

No weights of others can be had here: all are drawn by the tests, from the architecture of Keras Applications itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from idla_contract.artifact import digest_of
from idla_contract.exit_codes import ExitCode
from idla_contract.problem import Metric, Problem
from idla_contract.result import FailureReason
from idla_contract.task import (
    Candidate,
    CompressionMethod,
    CompressStep,
    DataSource,
    EarlyStopping,
    EvaluateStep,
    ModelSpec,
    Training,
    TrainStep,
    Weights,
)
from idla_preprocess import ImageSpec
from idla_preprocess.arrays import unpack
from idla_trainer.data.source import Origin
from idla_trainer.failures import TaskError
from idla_trainer.models.image.pretrained_vgg import build_pretrained_vgg
from idla_trainer.problems.classification import Classification
from idla_trainer.problems.registry import load_dataset
from idla_trainer.training.weights import read_weights, set_pretrained

pytestmark = [pytest.mark.trainer, pytest.mark.filterwarnings("ignore")]

THREE = Classification(metric=Metric.ACCURACY, classes=3)
VGG16 = {"blocks": 5, "width": 64, "dropout": 0.0}
SMALL = {"blocks": 3, "width": 4}
DATA = "pvc://claim/digits.npz"
RANDOM = np.random.default_rng(1)


def vgg(*shape: int, maximum: float = 255.0, **settings: float) -> Any:
    height, width, channels = shape
    image = ImageSpec(height=height, width=width, channels=channels, maximum=maximum)
    return build_pretrained_vgg(image, THREE, VGG16 | settings)


def body(model: Any) -> list[tuple[str, list[tuple[int, ...]]]]:
    layers = [layer for layer in model.layers if layer.weights and layer.name != "logits"]
    return [(layer.name, [tuple(weight.shape) for weight in layer.weights]) for layer in layers]


def features(model: Any, images: Any) -> Any:
    """Return the features before the last layer's dropout."""
    pooled = next(layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    return np.array(keras.Model(model.input, pooled.output)(images))


@pytest.fixture(scope="module")
def original() -> Any:
    """Return VGG16 of Keras Applications with drawn weights."""
    keras.utils.set_random_seed(1)
    model = keras.applications.VGG16(include_top=False, weights=None, pooling="avg")
    for layer in model.layers:
        if layer.weights:
            layer.bias.assign(RANDOM.normal(0, 0.1, layer.bias.shape))
    return model


@pytest.fixture(scope="module", params=["vgg16.weights.h5", "vgg16.h5"])
def file(original: Any, request: Any, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path: Path = tmp_path_factory.mktemp("weights") / request.param
    if path.name.endswith(".weights.h5"):
        original.save_weights(path)
    else:
        original.save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("shape", "maximum"), [((40, 48, 3), 255.0), ((32, 32, 1), 255.0), ((32, 32, 3), 1.0)],
    ids=["coloured", "grey", "of another scale"],
)  # fmt: skip
def test_given_weights_make_the_features_that_keras_applications_makes(
    original: Any, file: bytes, shape: tuple[int, int, int], maximum: float
) -> None:
    model = vgg(*shape, maximum=maximum)
    assert body(model) == body(original)
    assert set_pretrained(model, read_weights(file, "vgg16")) == original.count_params()
    images = RANDOM.uniform(0, maximum, (2, *shape)).astype(np.float32)
    coloured = np.repeat(images, 3 // shape[2], axis=3) * (255 / maximum)
    expected = original(keras.applications.vgg16.preprocess_input(coloured))
    np.testing.assert_allclose(features(model, images), np.array(expected), rtol=1e-3, atol=1e-4)


def test_small_images_are_enlarged_in_their_proportion() -> None:
    model = vgg(8, 16, 1, **SMALL)
    sizes = [layer.output.shape[1:3] for layer in model.layers if isinstance(layer, keras.layers.Resizing)]
    assert sizes == [(32, 64)]
    assert model(np.zeros((2, 8, 16, 1), np.float32)).shape == (2, 3)


def test_images_of_other_channels_are_refused() -> None:
    with pytest.raises(TaskError, match="images have 4 channels; allowed: 1 "):
        vgg(32, 32, 4, **SMALL)


OTHERS: dict[str, tuple[Callable[[], Any], str]] = {
    "narrower": (lambda: vgg(32, 32, 3, width=32), r"block1_conv1 has the shapes \[3, 3, 3, 64\], \[64\] there"),
    "fewer blocks": (lambda: vgg(32, 32, 3, blocks=4), "the layer block5_conv1 is there and not in this network"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_network_is_refused_by_its_first_layer_that_differs(file: bytes, name: str) -> None:
    build, found = OTHERS[name]
    model = build()
    before = [np.array(weight) for weight in model.weights]
    with pytest.raises(TaskError, match=found) as caught:
        set_pretrained(model, read_weights(file, "https://host/vgg16.h5"))
    assert caught.value.reason is FailureReason.SPEC_INVALID
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(np.array(weight), old)


@pytest.fixture(scope="module")
def given(pods: Any, samples: Path) -> Weights:
    """Return a file of a narrow VGG with drawn weights, on the claim of the data, which are digits."""
    digits = load_dataset(
        Problem(), DataSource(uri="sample://digits"), Origin(data_mount=samples, samples=samples, downloads=samples)
    )
    np.savez(pods.data / "digits.npz", x=digits.raw["image"], y=digits.targets)
    keras.utils.set_random_seed(2)
    model = vgg(32, 32, 3, **SMALL)
    path = pods.data / "vgg.weights.h5"
    model.save_weights(path)
    return Weights(uri="pvc://claim/vgg.weights.h5", sha256=digest_of(path.read_bytes()).removeprefix("sha256:"))


def step(given: Weights | None, **settings: float) -> TrainStep:
    model = ModelSpec(
        template="vgg16", builder="pretrained-vgg", hyperparameters=SMALL | settings, weights=given
    )  # fmt: skip
    stopping = EarlyStopping(patience_epochs=100)
    return TrainStep(model=model, training=Training(max_epochs=3, learning_rate=0.002, early_stopping=stopping))


def test_the_whole_way_from_an_hdf5_file_to_a_published_artifact(pods: Any, given: Weights) -> None:
    training = step(given, frozen_epochs=1, fine_tune_rate=1)
    trained = pods.succeeds("vgg", training, uri=DATA)
    assert "the training begins with" in trained.log
    kept = unpack((pods.folder("vgg") / "candidate" / "weights.npz").read_bytes())
    assert sum(array.size for array in kept.values()) == trained.answer.train.parameters
    candidate = Candidate(task="vgg", content_hash=pods.spec("vgg", training).content_hash, model=training.model)
    compress = CompressStep(candidate=candidate, methods=(CompressionMethod.DYNAMIC_RANGE, CompressionMethod.INT8))
    ended = pods.succeeds("vgg-publish", compress, EvaluateStep(), uri=DATA)
    assert {variant.name for variant in ended.answer.compress.variants} >= {"Float32", "Int8"}


REFUSED = {
    "digest": ({"sha256": "0" * 64}, {}, FailureReason.DATA_DIGEST_MISMATCH, "correct weights.sha256"),
    "width": ({}, {"width": 8}, FailureReason.SPEC_INVALID, "the layer block1_conv1 has the shapes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_task_with_wrong_weights_ends_with_the_reason(pods: Any, given: Weights, name: str) -> None:
    change, settings, reason, words = REFUSED[name]
    ended = pods.run(f"vgg-{name}", step(given.model_copy(update=change), **settings), uri=DATA)
    assert ended.answer.failure.reason is reason, ended.log
    assert words in ended.answer.failure.message


def test_without_weights_it_is_refused_before_data_are_fetched(pods: Any) -> None:
    ended = pods.run("vgg-without", step(None))
    assert (ended.code, ended.answer.failure.reason) == (ExitCode.BAD_INPUT, FailureReason.SPEC_INVALID)
    assert ended.answer.failure.message == (
        "model.weights: the network 'pretrained-vgg' begins with given weights; name their uri and sha256"
    )
