"""The texts' half of the border: normal forms, n-grams, their weights, and files that nobody vouches for."""

import unicodedata
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_preprocess import InputError
from idla_preprocess.text import TextSpec
from idla_preprocess.text_grams import character_grams, normalised, word_grams

from tests.columns import objects

TRAINING = ["the card is lost", "the card came", "where is my card", "top up failed", "top up by card"]

texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=30)


def fitted(**settings: Any) -> TextSpec:
    return TextSpec.fitted(objects(TRAINING), **({"fewest_texts": 1} | settings))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  a \t\n b  ", "a b"),
        ("STR Straße", "str strasse"),
        ("\ufb01ne \uff26\uff35\uff2c \u2460", "fine ful 1"),
        ("e\u0301\u00c9", "\u00e9\u00e9"),
        ("\u0130", "i\u0307"),
        ("twelve characters", "twelve chara"),
        ("\u3000\u6771\u4eac", "\u6771\u4eac"),
    ],
)
def test_many_forms_of_a_text_become_one(text: str, expected: str) -> None:
    assert normalised(text, 12) == expected


@given(texts)
def test_composed_and_decomposed_texts_are_one(text: str) -> None:
    forms = {normalised(unicodedata.normalize(form, text), 1000) for form in ("NFC", "NFD")}
    assert len(forms) == 1


def test_the_hashes_of_some_n_grams_are_what_they_were() -> None:
    owners, hashes = word_grams(["a b", "b"], 2)
    assert owners.tolist() == [0, 0, 1, 0]
    assert hashes.tolist() == [2333515655, 1603547858, 1603547858, 2582959417]
    owners, hashes = character_grams(["\u00e9", "ab"], 2, 3)
    assert owners.tolist() == [0, 0, 1, 1, 1, 0, 1, 1]
    assert hashes.tolist() == [
        3974359062,
        64197077,
        1571395226,
        2563593406,
        3777273895,
        3423180720,
        2113745577,
        3954730688,
    ]


@given(st.lists(st.text(alphabet="ab c", max_size=12).map(lambda text: " ".join(text.split())), max_size=5))
def test_n_grams_are_those_that_python_would_cut(cut: list[str]) -> None:
    owners, hashes = character_grams(cut, 1, 4)
    expected = [
        (number, piece)
        for number, text in enumerate(cut)
        for size in range(1, 5)
        for piece in (f" {text} "[first : first + size] for first in range(len(text) + 3 - size))
        if piece.strip() and " " not in piece[1:-1] and (size > 1 or piece != " ")
    ]
    assert Counter(owners.tolist()) == Counter(number for number, _ in expected)
    assert len(set(hashes.tolist())) == len({piece for _, piece in expected})
    owners, hashes = word_grams(cut, 2)
    words: list[tuple[int, tuple[str, ...]]] = []
    for number, text in enumerate(cut):
        single = text.split()
        words += [(number, (word,)) for word in single]
        words += [(number, pair) for pair in pairwise(single)]
    assert Counter(owners.tolist()) == Counter(number for number, _ in words)
    assert len(set(hashes.tolist())) == len({word for _, word in words})


def test_weights_are_tf_idf_of_length_one() -> None:
    spec = fitted(words=1, characters=(1, 0))
    tensors = spec.to_tensors({"text": objects(["Card card  TOP unknown"])})
    card = (1 + np.log(2)) * (np.log(6 / 5) + 1)
    top = np.log(6 / 3) + 1
    expected = np.array([[card, top]]) / np.hypot(card, top)
    assert tensors["ids"].dtype == np.int32
    np.testing.assert_allclose(tensors["weights"][:, :2], expected, rtol=1e-6)
    assert (tensors["ids"][0, :2] > 0).all()
    assert not tensors["ids"][:, 2:].any()
    assert not tensors["weights"][:, 2:].any()


@pytest.mark.parametrize("text", ["", " \t", "zzzz", "\x00", "\u4eac"])
def test_a_text_without_a_known_n_gram_is_all_padding(text: str) -> None:
    tensors = fitted().to_tensors({"text": objects([text])})
    assert not tensors["ids"].any()
    assert not tensors["weights"].any()


def test_a_lone_surrogate_is_a_character_like_others() -> None:
    assert fitted().to_tensors({"text": objects(["\ud800 card"])})["ids"].any()


@given(st.lists(st.sampled_from([*TRAINING, "", "card", "my my my card"]), min_size=1, max_size=6))
def test_an_example_does_not_depend_on_its_company(batch: list[str]) -> None:
    spec = fitted()
    whole = spec.to_tensors({"text": objects(batch)})
    for number, text in enumerate(batch):
        alone = spec.to_tensors({"text": objects([text])})
        for name in ("ids", "weights"):
            np.testing.assert_array_equal(alone[name][0], whole[name][number])


def test_the_heaviest_n_grams_stay_where_the_list_is_short() -> None:
    whole = fitted(longest_list=512).to_tensors({"text": objects(TRAINING)})
    cut = fitted(longest_list=4).to_tensors({"text": objects(TRAINING)})
    np.testing.assert_array_equal(cut["ids"], whole["ids"][:, :4])
    assert (np.diff(whole["weights"], axis=1) <= 0).all()


def test_rare_n_grams_are_left_out_and_the_most_frequent_kept() -> None:
    settings = {"words": 1, "characters": (1, 0)}
    assert len(fitted(**settings).hashes) == 11
    assert len(fitted(**settings, fewest_texts=2).hashes) == 5
    only = fitted(**settings, most_features=1)
    assert only.hashes.tolist() == word_grams(["card"], 1)[1].tolist()


def test_a_training_split_of_empty_texts_knows_nothing() -> None:
    spec = TextSpec.fitted(objects(["", ""]))
    assert (spec.features, spec.length) == (1, 1)
    assert spec.to_tensors({"text": objects(["a"])})["ids"].tolist() == [[0]]


@given(st.lists(texts, min_size=1, max_size=6))
def test_a_spec_survives_its_files(batch: list[str]) -> None:
    spec = TextSpec.fitted(objects(batch), fewest_texts=1)
    restored = TextSpec.restored(spec.content(), spec.arrays())
    assert restored.content() == spec.content()
    for raw in (batch, TRAINING):
        one, other = (each.to_tensors({"text": objects(raw)}) for each in (spec, restored))
        for name in ("ids", "weights"):
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize(
    ("raw", "field", "found"),
    [
        ({}, "text", "the inputs []"),
        ({"text": objects([])}, "text", "the shape [0]"),
        ({"text": np.array([["a"]], dtype=object)}, "text", "the shape [1, 1]"),
        ({"text": objects(["a", 3])}, "text", "a int in example 1"),
        ({"text": objects([b"a"])}, "text", "a bytes in example 0"),
        ({"text": np.array([1.0])}, "text", "a float in example 0"),
    ],
)
def test_what_is_no_text_is_refused(raw: dict[str, npt.NDArray[Any]], field: str, found: str) -> None:
    with pytest.raises(InputError) as caught:
        fitted().to_tensors(raw)
    assert (caught.value.field, caught.value.found) == (field, found)


@pytest.mark.parametrize(
    ("content", "arrays", "field"),
    [
        ({"words": True}, {}, "words"),
        ({"words": 9}, {}, "words"),
        ({"characters": 3}, {}, "characters"),
        ({"characters": [1, 2, 3]}, {}, "characters"),
        ({"characters": [0, 2]}, {}, "characters[0]"),
        ({"characters": [1, 99]}, {}, "characters[1]"),
        ({"length": 1 << 20}, {}, "length"),
        ({"length": "4"}, {}, "length"),
        ({"maximumCharacters": 0}, {}, "maximumCharacters"),
        ({"schemaVersion": 2}, {}, "schemaVersion"),
        ({"more": 1}, {}, "text"),
        ({}, {"more": np.zeros(1)}, "arrays"),
        ({}, {"hashes": np.array([2, 1], np.uint32)}, "hashes"),
        ({}, {"hashes": np.array([1, 1], np.uint32)}, "hashes"),
        ({}, {"hashes": np.array([1, 2])}, "hashes"),
        ({}, {"hashes": np.array([[1, 2]], np.uint32)}, "hashes"),
        ({}, {"idf": np.array([1.0], np.float32)}, "idf"),
        ({}, {"idf": np.array([1.0, 1.0])}, "idf"),
        ({}, {"idf": np.array([1.0, np.nan], np.float32)}, "idf"),
        ({}, {"idf": np.array([1.0, 0.0], np.float32)}, "idf"),
    ],
)
def test_damaged_files_are_refused(content: dict[str, Any], arrays: dict[str, npt.NDArray[Any]], field: str) -> None:
    good = {"schemaVersion": 1, "words": 1, "characters": [1, 0], "length": 4, "maximumCharacters": 9}
    parts = {"hashes": np.array([1, 2], np.uint32), "idf": np.array([1.0, 1.0], np.float32)}
    TextSpec.restored(good, parts)
    with pytest.raises(InputError) as caught:
        TextSpec.restored(good | content, parts | arrays)
    assert caught.value.field == field


def test_a_vocabulary_counted_in_bounded_memory_is_that_of_all_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = objects([f"card {number % 7} of {number % 3} cards, {number}" for number in range(500)])
    whole = TextSpec.fitted(texts)
    monkeypatch.setattr("idla_preprocess.text_frequencies._MERGED_AT", 100)
    monkeypatch.setattr("idla_preprocess.text._AT_ONCE", 64)
    merged = TextSpec.fitted(texts)
    np.testing.assert_array_equal(merged.hashes, whole.hashes)
    np.testing.assert_array_equal(merged.idf, whole.idf)
    assert merged.length == whole.length
    monkeypatch.setattr("idla_preprocess.text_frequencies._MEASURED", 50)
    monkeypatch.setattr("idla_preprocess.text_frequencies._MOST", 60)
    bounded = TextSpec.fitted(texts)
    assert set(bounded.hashes.tolist()) <= set(whole.hashes.tolist())
    assert abs(bounded.length - whole.length) <= whole.length // 2
    common = np.isin(whole.hashes, bounded.hashes)
    assert common[whole.idf < 1.5].all()  # what is in most texts is never forgotten
