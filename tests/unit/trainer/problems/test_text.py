"""Texts and intents as data sets: columns, copies, parts, and what is refused."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.result import FailureReason
from idla_contract.task import Columns, DataSource, Split
from idla_preprocess.intents import Intents
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.table import Table
from idla_trainer.failures import TaskError
from idla_trainer.problems.text import examples as text
from idla_trainer.problems.text import intents

from tests.columns import objects

PROBLEM = Problem(type=TaskType.TEXT_CLASSIFICATION)
DIGEST = "sha256:" + "0a" * 32
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")


def table(rows: list[tuple[str, str]], names: tuple[str, str] = ("text", "label")) -> Table:
    texts, labels = zip(*rows, strict=True)
    return Table({names[0]: objects(list(texts)), names[1]: objects(list(labels))})


def rows(per_class: int, classes: int = 2) -> list[tuple[str, str]]:
    return [(f"{WORDS[kind]} number {row}", f"c{kind}") for kind in range(classes) for row in range(per_class)]


def source(**columns: Any) -> DataSource:
    return DataSource(uri="sample://x", columns=Columns(**columns))


def prepared(given_rows: list[tuple[str, str]], test: list[tuple[str, str]] | None = None) -> Dataset:
    held_out = None if test is None else table(test)
    return text.prepare(table(given_rows), source(), PROBLEM, digest=DIGEST, test=held_out)


def test_a_table_of_texts_becomes_a_data_set() -> None:
    dataset = prepared(rows(50))
    parts = dataset.parts
    assert (len(parts.train), len(parts.validation), len(parts.gate), len(parts.test)) == (64, 16, 0, 20)
    assert dataset.classes == ("c0", "c1")
    examples = dataset.examples(parts.validation)
    assert sorted(examples.inputs) == ["ids", "weights"]
    assert examples.targets.tolist() == [0] * 8 + [1] * 8
    assert dataset.warnings == ()
    facts = dict(dataset.facts)
    assert (facts["medianCharacters"], facts["longestCharacters"]) == (14.0, 15)


def test_the_vocabulary_is_that_of_the_training_part() -> None:
    dataset = prepared(
        [(f"{label} {word}only{row}x{row}", label) for label, word in (("a", "p"), ("b", "q")) for row in range(30)]
    )
    whole = type(dataset.preprocess).fitted(dataset.raw["text"])  # type: ignore[attr-defined]
    learned = type(dataset.preprocess).fitted(dataset.raw["text"][dataset.parts.train])  # type: ignore[attr-defined]
    assert dataset.preprocess.content() == learned.content()
    np.testing.assert_array_equal(dataset.preprocess.arrays()["idf"], learned.arrays()["idf"])
    assert len(whole.hashes) > len(learned.hashes)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["Go now", "go  NOW", "stay", "Stay ", "wait", "win \u2460", "win 1"]),
                          st.sampled_from(["a", "b"])), max_size=40), st.integers(0, 9))  # fmt: skip
def test_copies_are_in_one_part(copies: list[tuple[str, str]], seed: int) -> None:
    given_rows = [(f"first {row}", "a") for row in range(20)] + [(f"second {row}", "b") for row in range(20)] + copies
    origin = DataSource(uri="sample://x", split=Split(seed=seed))
    dataset = text.prepare(table(given_rows), origin, PROBLEM, digest=DIGEST)
    parts = dataset.parts
    places: dict[str, set[int]] = {}
    for number, part in enumerate((parts.train, parts.validation, parts.gate, parts.test)):
        for position in part.tolist():
            key = " ".join(given_rows[position][0].casefold().replace("\u2460", "1").split())
            places.setdefault(key, set()).add(number)
    assert all(len(found) == 1 for found in places.values())
    assert sum(map(len, (parts.train, parts.validation, parts.gate, parts.test))) == len(given_rows)


def test_a_test_file_is_the_test_part_and_its_texts_are_not_learned() -> None:
    given_rows = [*rows(30), ("Seen  Twice", "c0")]
    dataset = prepared(given_rows, test=[("seen twice", "c0"), ("new", "c1")])
    assert dataset.parts.test.tolist() == [61, 62]
    assert 60 not in np.concatenate([dataset.parts.train, dataset.parts.validation])
    assert dataset.warnings == (
        "1 texts are copies of an earlier one, but for case and spaces; copies stay in the same split",
        "1 texts equal one of the test file; they are left out of the training",
    )


@pytest.mark.parametrize(
    ("columns", "roles", "expected"),
    [
        pytest.param({"text": "t", "label": "l"}, {}, ("t", "l"), id="by their names"),
        pytest.param({"label": "l", "text": "t", "more": "m"}, {}, ("t", "l"), id="in any order"),
        pytest.param({"utterance": "t", "category": "l"}, {}, ("t", "l"), id="the last is the label"),
        pytest.param({"0": "l", "1": "t"}, {"label": "0"}, ("t", "l"), id="the other is the text"),
        pytest.param({"0": "l", "1": "t"}, {"text": "1"}, ("t", "l"), id="the last that is not the text"),
        pytest.param({"a": "t", "b": "m", "c": "l"}, {}, ("t", "l"), id="the first of texts"),
        pytest.param({"a": "m", "b": "t", "c": "l"}, {"text": "b", "label": "c"}, ("t", "l"), id="told"),
    ],
)
def test_columns_play_their_roles(columns: Mapping[str, str], roles: dict[str, str], expected: tuple[str, str]) -> None:
    content = dict(zip(("t", "l"), zip(*rows(10), strict=True), strict=True)) | {"m": ["x"] * 20}
    found = Table({name: objects(list(content[kind])) for name, kind in columns.items()})
    dataset = text.prepare(found, source(**roles), PROBLEM, digest=DIGEST)
    assert dataset.raw["text"].tolist() == list(content[expected[0]])
    assert [dataset.classes[number] for number in dataset.targets] == list(content[expected[1]])


@pytest.mark.parametrize(
    ("found", "roles", "said"),
    [
        (Table({"text": objects(["a"]), "label": objects(["b"])}), {"text": "body"}, "data.columns.text: found 'body'"),
        (Table({"text": objects(["a"]), "label": objects(["b"])}), {"label": "y"}, "names are 'text', 'label'"),
        (Table({"text": objects(["a"])}), {"text": "text"}, "the only column is 'text'"),
        (Table({"a": np.array([1.0]), "label": objects(["b"])}), {}, "no column besides the label 'label' holds texts"),
        (Table({"a": np.array([1.0]), "label": objects(["b"])}), {"text": "a"}, "holds numbers (float64)"),
        (Table({"text": objects([b"a"]), "label": objects(["b"])}), {}, "encoded files or other bytes"),
        (Table({"text": objects(["a"]), "label": np.zeros((1, 2, 2))}), {}, "arrays of the shape [2, 2]"),
    ],
)
def test_wrong_columns_are_named(found: Table, roles: dict[str, str], said: str) -> None:
    with pytest.raises(TaskError) as caught:
        text.prepare(found, source(**roles), PROBLEM, digest=DIGEST)
    assert caught.value.reason == FailureReason.DATA_INVALID
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given_rows", "test", "reason"),
    [
        pytest.param([("a", "x")] * 20, None, FailureReason.SINGLE_CLASS, id="one class"),
        pytest.param([("a", ""), ("b", "x")] * 9, None, FailureReason.DATA_INVALID, id="a missing label"),
        pytest.param(rows(4), None, FailureReason.TOO_FEW_EXAMPLES, id="too few of a class"),
        pytest.param(
            [(f"t{row}", f"l{row}") for row in range(1500)], None, FailureReason.DATA_INVALID, id="no classes"
        ),
        pytest.param([("", "x")] * 10 + [(" ", "y")] * 10, None, FailureReason.TOO_FEW_EXAMPLES, id="all alike"),
        pytest.param(rows(10), [("new", "unheard")], FailureReason.TOO_FEW_EXAMPLES, id="a label unseen in training"),
        pytest.param(rows(10), rows(10), FailureReason.TOO_FEW_EXAMPLES, id="the test file is the training file"),
    ],
)
def test_data_that_teach_nothing_are_refused(
    given_rows: list[tuple[str, str]], test: list[tuple[str, str]] | None, reason: FailureReason
) -> None:
    with pytest.raises(TaskError) as caught:
        prepared(given_rows, test)
    assert caught.value.reason == reason


def test_empty_and_long_texts_and_disputed_copies_are_told() -> None:
    given_rows = [*rows(20), ("", "c0"), ("\t", "c1"), ("word " * 500, "c0")]
    assert prepared(given_rows).warnings == (
        "2 texts are empty; a model answers them by the shares of the classes alone",
        "1 texts are longer than 2048 characters; only their beginnings are read",
        "1 texts are copies of an earlier one, but for case and spaces; copies stay in the same split",
        "1 copies have another label than the first, such as examples 40 ('c0') and 41 ('c1'), counted from 0",
    )


def test_intents_get_a_threshold_from_held_out_intents() -> None:
    sentences = table(rows(40, classes=6))
    dataset = intents.prepare(sentences, source(), Problem(type=TaskType.INTENT_DETECTION), digest=DIGEST)
    assert isinstance(dataset.answers, Intents)
    assert dataset.answers.labels == dataset.classes
    facts = dict(dataset.facts)
    assert facts["outOfScopeAuroc"] > 0.95  # type: ignore[operator]
    assert facts["outOfScopeFprAtRecall95"] < 0.2  # type: ignore[operator]
    assert facts["inScopeRecall"] == dataset.answers.recall
    assert 0 < dataset.answers.threshold < 1


def test_of_few_intents_none_is_held_out() -> None:
    problem = Problem(type=TaskType.INTENT_DETECTION, metric=Metric.F1)
    dataset = intents.prepare(table(rows(20, classes=3)), source(), problem, digest=DIGEST)
    assert dataset.answers == Intents(("c0", "c1", "c2"), threshold=0.0, recall=0.95)
    assert dataset.objective.metric == Metric.F1
    assert "outOfScopeAuroc" not in dataset.facts
