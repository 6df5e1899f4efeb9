"""The recommender's half of the border: names to numbers, scores to the best items, and files nobody vouches for."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from idla_preprocess import InputError, Tensor
from idla_preprocess.interactions import InteractionsSpec, numbers_of, vocabulary
from idla_preprocess.items import NOBODY, Items, Rating, best

USERS = np.array(["ann", "bob", "eve"])
ITEMS = np.array(["1", "10", "2", "ß"])
NO_SCORE = float(np.finfo(np.float32).min)

names = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)


def objects(*listed: Any) -> npt.NDArray[Any]:
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    return array


def spec(**changed: Any) -> InteractionsSpec:
    parts: dict[str, Any] = {"users": USERS, "items": ITEMS, "rates": True}
    return InteractionsSpec(**(parts | changed))


def answers(**changed: Any) -> Items:
    seen, ends = np.array([0, 2, 3, 1, 2], dtype=np.int32), np.array([3, 3, 5], dtype=np.int64)
    return Items(**({"users": USERS, "items": ITEMS, "seen": seen, "ends": ends} | changed))


def test_names_become_numbers_and_strangers_zero() -> None:
    raw = {"user": objects("eve", " ann ", "Ann", ""), "item": objects("ß", "10", "3", "1")}
    tensors = spec().to_tensors(raw)
    assert {name: array.tolist() for name, array in tensors.items()} == {"user": [3, 1, 0, 0], "item": [4, 2, 0, 1]}
    assert {array.dtype for array in tensors.values()} == {np.dtype(np.int32)}


def test_a_ranking_takes_the_user_alone() -> None:
    assert spec(rates=False).inputs == (Tensor("user", "BYTES", (-1,)),)
    assert [tensor.name for tensor in spec().inputs] == ["user", "item"]
    assert list(spec(rates=False).to_tensors({"user": objects("bob")})) == ["user"]


@given(st.lists(names, min_size=1, max_size=20), st.lists(names, max_size=5))
def test_the_number_leads_back_to_the_name(known: list[str], others: list[str]) -> None:
    found = vocabulary(known)
    numbers = numbers_of(np.array(known + others, dtype=np.str_), found).tolist()
    for name, number in zip(known + others, numbers, strict=True):
        assert (number == 0) == (name not in known)
        assert number == 0 or found[number - 1] == name


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"item": objects("1")}, "user"),
        ({"user": objects("ann")}, "item"),
        ({"user": objects("ann"), "item": objects("1", "2")}, "item"),
        ({"user": objects("ann", 3), "item": objects("1", "2")}, "user"),
        ({"user": objects(), "item": objects()}, "user"),
        ({"user": objects("ann").reshape(1, 1), "item": objects("1")}, "user"),
        ({"user": np.array([1.0]), "item": objects("1")}, "user"),
        ({"user": np.array("ann"), "item": objects("1")}, "user"),
    ],
)
def test_raw_inputs_that_are_no_names_are_refused(raw: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        spec().to_tensors(raw)
    assert caught.value.field == field


def test_both_halves_survive_their_file() -> None:
    again = InteractionsSpec.restored(spec().content(), spec().arrays())
    assert (again.users.tolist(), again.items.tolist(), again.rates) == (USERS.tolist(), ITEMS.tolist(), True)
    items = Items.restored(answers().content(), answers().arrays())
    assert {name: array.tolist() for name, array in items.arrays().items()} == {
        "users": USERS.tolist(), "items": ITEMS.tolist(), "seen": [0, 2, 3, 1, 2], "ends": [3, 3, 5],
    }  # fmt: skip
    assert Rating.restored({}, {}) == Rating()


@pytest.mark.parametrize(
    ("content", "changed", "field"),
    [
        ({}, {}, "interactions"),
        ({"rates": 1}, {}, "rates"),
        ({"rates": True, "more": 1}, {}, "interactions"),
        ({"rates": True}, {"more": USERS}, "arrays"),
        ({"rates": True}, {"users": USERS[::-1]}, "users"),
        ({"rates": True}, {"users": np.array(["a", "a"])}, "users"),
        ({"rates": True}, {"users": np.array(["", "a"])}, "users"),
        ({"rates": True}, {"items": ITEMS[:0]}, "items"),
        ({"rates": True}, {"items": np.array([1, 2])}, "items"),
        ({"rates": True}, {"items": ITEMS.reshape(2, 2)}, "items"),
        ({"rates": True}, {"items": np.array(["a" * 257])}, "items"),
    ],
)
def test_a_vocabulary_that_is_none_is_refused(content: dict[str, Any], changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        InteractionsSpec.restored(content, spec().arrays() | changed)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"seen": np.array([0, 2, 3, 1, 4], dtype=np.int32)}, "seen"),
        ({"seen": np.array([0, 2, 3, 1, -1], dtype=np.int32)}, "seen"),
        ({"seen": np.array([0, 2, 3, 1, 2])}, "seen"),
        ({"ends": np.array([3, 2, 5])}, "ends"),
        ({"ends": np.array([-1, 3, 5])}, "ends"),
        ({"ends": np.array([3, 3, 4])}, "ends"),
        ({"ends": np.array([3, 5])}, "ends"),
        ({"ends": np.array([3, 3, 5], dtype=np.int32)}, "ends"),
        ({"users": USERS[::-1]}, "users"),
        ({"items": ITEMS[::-1]}, "items"),
    ],
)
def test_seen_items_out_of_range_are_refused(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        Items.restored({}, answers().arrays() | changed)
    assert caught.value.field == field


def test_the_best_unseen_items_are_answered_and_missing_ones_are_empty() -> None:
    values = np.array([[4, 3, 2, 1], [1, 2, 2, 1], [9, 1, 9, 2], [0, 0, 0, -1]], dtype=np.float32)
    raw = {"user": objects("ann", "bob", "eve", "stranger")}
    found = answers().of(values, raw, {"k": 3, "other": "x"})
    assert found["items"].tolist() == [["10", "", ""], ["10", "2", "1"], ["1", "ß", ""], ["1", "10", "2"]]
    assert found["scores"].tolist() == [[3, NO_SCORE, NO_SCORE], [2, 2, 1], [9, 2, NO_SCORE], [0, 0, 0]]
    assert (found["items"].dtype, found["scores"].dtype) == (np.dtype(object), np.dtype(np.float32))
    assert answers().of(values, raw, {})["items"].shape == (4, 4)


def test_what_was_seen_is_kept_once_of_whom_and_what_is_known() -> None:
    seers = objects("bob", "ann", "ann", "ann", "nobody", "ann")
    found = Items.of_seen(USERS, ITEMS, seers, objects("10", "ß", "2", "2", "1", "nothing"))
    assert [found.items[found.seen_by(number)].tolist() for number in range(1, 4)] == [["2", "ß"], ["10"], []]
    assert found.ends.tolist() == [2, 3, 3]


@pytest.mark.parametrize("k", [0, -1, 1001, True, 1.0, "3", None])
def test_another_k_is_refused(k: Any) -> None:
    with pytest.raises(InputError, match=r"parameters\.k"):
        answers().of(np.zeros((1, 4), dtype=np.float32), {"user": objects("ann")}, {"k": k})


def test_an_output_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="values"):
        answers().of(np.zeros((1, 3), dtype=np.float32), {"user": objects("ann")}, {})
    with pytest.raises(InputError, match="rating"):
        Rating().of(np.zeros((3, 2), dtype=np.float32), {}, {})
    assert Rating().of(np.array([[1.5], [2.0]], dtype=np.float32), {}, {})["rating"].tolist() == [1.5, 2.0]


@given(
    arrays(np.float32, (2, 7), elements=st.sampled_from([-2.0, 0.0, 0.5, 3.0])),
    st.lists(st.sets(st.integers(0, 6)), min_size=2, max_size=2),
    st.integers(1, 7),
)
def test_the_best_are_what_sorting_finds(scores: npt.NDArray[np.float32], out: list[set[int]], k: int) -> None:
    ranked = best(scores, [np.array(sorted(row), dtype=np.int64) for row in out], k)
    for own, excluded, row in zip(scores.tolist(), out, ranked.tolist(), strict=True):
        order = sorted((item for item in range(7) if item not in excluded), key=lambda item: (-own[item], item))[:k]
        assert row == order + [NOBODY] * (k - len(order))
