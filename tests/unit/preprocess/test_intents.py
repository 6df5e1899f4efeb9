"""The answer of a dialog: the refusal under the threshold, and how the threshold is set."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_preprocess import InputError
from idla_preprocess.intents import Intents

INTENTS = Intents(("book", "cancel"), threshold=0.7, recall=0.95)
GOOD = {"labels": ["book", "cancel"], "threshold": 0.7, "recall": 0.95}


def test_the_label_is_out_of_scope_under_the_threshold() -> None:
    values = np.array([[0.9, 0.1], [0.3, 0.7], [0.65, 0.35]], np.float32)
    answers = INTENTS.of(values, {}, {})
    assert answers["label"].tolist() == ["book", "cancel", "out_of_scope"]
    np.testing.assert_array_equal(answers["probabilities"], values)
    np.testing.assert_array_equal(answers["confidence"], values.max(axis=1))
    assert [(output.name, output.datatype, output.shape) for output in INTENTS.outputs] == [
        ("probabilities", "FP32", (-1, 2)),
        ("label", "BYTES", (-1,)),
        ("confidence", "FP32", (-1,)),
    ]


@given(st.lists(st.floats(0.5, 1, width=32), min_size=1, max_size=50), st.floats(0.01, 1))
def test_the_wanted_share_of_the_examples_in_scope_passes(confidences: list[float], recall: float) -> None:
    values = np.array([[value, 1 - value] for value in confidences], np.float32)
    calibrated = Intents(("book", "cancel"), threshold=0.0, recall=recall).calibrated(values)
    passed = np.mean([label != "out_of_scope" for label in calibrated.of(values, {}, {})["label"]])
    assert passed >= recall - 1e-9
    assert calibrated.labels == ("book", "cancel")


@given(st.floats(0, 1), st.floats(0, 1))
def test_intents_survive_their_files(threshold: float, recall: float) -> None:
    intents = Intents(("a", "b", "c"), threshold, recall)
    assert Intents.restored(intents.content(), intents.arrays()) == intents


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"threshold": 1.5}, "answers.threshold"),
        ({"threshold": float("nan")}, "answers.threshold"),
        ({"threshold": True}, "answers.threshold"),
        ({"recall": "0.9"}, "answers.recall"),
        ({"recall": -0.1}, "answers.recall"),
        ({"labels": ["book"]}, "answers.labels"),
        ({"labels": ["book", 3]}, "answers.labels"),
        ({"more": 1}, "intents"),
    ],
)
def test_a_damaged_file_is_refused(change: dict[str, Any], field: str) -> None:
    assert Intents.restored(GOOD, {}) == INTENTS
    with pytest.raises(InputError) as caught:
        Intents.restored(GOOD | change, {})
    assert caught.value.field == field
