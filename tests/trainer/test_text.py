"""The networks for texts as they are served: built-in operations alone, a quarter of the size, the same answers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from idla_contract.problem import Metric
from idla_preprocess.text import TextSpec
from idla_trainer.models.text.ngram_linear import build_ngram_linear
from idla_trainer.models.text.text_network import build_text_network
from idla_trainer.problems.classification import Classification

from tests.trainer.served import answers, files_of

pytestmark = pytest.mark.trainer

CLASSES = 40
LINEAR = {"ngram_dropout": 0.5}
NEURAL = {"ngram_dropout": 0.5, "width": 64, "dense": 64, "dropout": 0.5}
NETWORKS = [
    pytest.param(build_ngram_linear, LINEAR, id="linear"),
    pytest.param(build_text_network, NEURAL, id="neural"),
    pytest.param(build_text_network, NEURAL | {"dense": 0}, id="shallow"),
]


@pytest.fixture(scope="module")
def spec() -> TextSpec:
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefghij"), 4)) for _ in range(2000)]
    texts = np.empty(500, dtype=object)
    texts[:] = [" ".join(random.choice(words, 12)) for _ in texts]
    return TextSpec.fitted(texts)


def randomized(model: Any) -> Any:
    """Give every weight a value that training could give it."""
    random = np.random.default_rng(1)
    for weight in model.weights:
        size = random.normal(0.0, 0.3, weight.shape)
        weight.assign(np.abs(size) + 0.5 if "variance" in weight.path else size)
    return model


@pytest.mark.parametrize(("build", "values"), NETWORKS)
def test_a_network_is_served_a_quarter_as_large_with_the_same_answers(
    spec: TextSpec, build: Any, values: Mapping[str, float]
) -> None:
    model = randomized(build(spec, Classification(metric=Metric.ACCURACY, classes=CLASSES), values))
    texts = np.array(["abcd efgh abcd", "", "unknown \u6771\u4eac", "bcda dcba jihg fedc"], dtype=object)
    tensors = spec.to_tensors({"text": texts})
    expected = model(tensors, training=False).numpy()
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-5)
    files = files_of(model)
    whole, small = (answers(file, tensors) for file in files)
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    assert (small.argmax(axis=1) == expected.argmax(axis=1)).all()
    np.testing.assert_allclose(small, expected, atol=0.05)
    assert len(files[0]) > 3.5 * len(files[1])


@pytest.mark.parametrize(("build", "values"), NETWORKS)
def test_an_empty_text_is_answered_whatever_stands_beside_it(
    spec: TextSpec, build: Any, values: Mapping[str, float]
) -> None:
    model = randomized(build(spec, Classification(metric=Metric.ACCURACY, classes=CLASSES), values))
    alone = model(spec.to_tensors({"text": np.array([""], dtype=object)}), training=False).numpy()
    beside = model(spec.to_tensors({"text": np.array(["abcd", ""], dtype=object)}), training=False).numpy()
    np.testing.assert_allclose(alone[0], beside[1], rtol=1e-4)
    assert np.isfinite(alone).all()
