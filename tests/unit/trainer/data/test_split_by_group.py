"""Groups that are never torn apart: every class in every part, in its share, as today where groups have one class."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idla_contract.task import Split
from idla_trainer.data.split import Parts, split
from idla_trainer.data.split_by_group import split_tied

from tests.golden import Golden
from tests.unit.trainer.refusals import refused

Numbers = npt.NDArray[np.int64]


def first_ones(numbers: Numbers) -> Numbers:
    """Return for each example the position of the first of its group."""
    _, first, own = np.unique(numbers, return_index=True, return_inverse=True)
    return first[own]


def names_of(labels: Numbers) -> tuple[str, ...]:
    return tuple(f"c{number}" for number in range(int(labels.max()) + 1))


def evaluated(parts: Parts) -> tuple[Numbers, Numbers, Numbers]:
    """Return training, validation with the gate, and test."""
    return parts.train, np.concatenate([parts.validation, parts.gate]), parts.test


def sides(parts: Parts, examples: int) -> Numbers:
    side = np.full(examples, -1)
    for number, name in enumerate(Parts.__slots__):
        side[getattr(parts, name)] = number
    return side


def lists(parts: Parts) -> list[list[int]]:
    return [getattr(parts, name).tolist() for name in Parts.__slots__]


@st.composite
def grouped(draw: st.DrawFn) -> tuple[Numbers, Numbers]:
    """Return the classes of examples and their groups of up to 7, mixed at random."""
    count, classes, largest = draw(st.integers(20, 80)), draw(st.integers(2, 4)), draw(st.integers(1, 7))
    random = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    numbers = np.repeat(np.arange(count), random.integers(1, largest + 1, count))
    labels = random.choice(classes, len(numbers), p=random.dirichlet(np.ones(classes)))
    labels[: 5 * classes] = np.arange(5 * classes) % classes
    shuffled = random.permutation(len(labels))
    return labels[shuffled], first_ones(numbers[shuffled])


@settings(deadline=None)
@given(data=grouped(), seed=st.integers(0, 99))
def test_laws_of_a_split_by_groups(data: tuple[Numbers, Numbers], seed: int) -> None:
    labels, groups = data
    classes = names_of(labels)
    holders = [np.unique(groups[labels == number]) for number in range(len(classes))]
    if min(map(len, holders)) < 3:
        return
    parts = split_tied(labels, groups, classes, Split(seed=seed))
    assert lists(parts) == lists(split_tied(labels, groups, classes, Split(seed=seed)))
    side = sides(parts, len(labels))
    assert (side >= 0).all()
    assert (side == side[groups]).all()
    of_one = [np.setdiff1d(own, np.concatenate([*holders[:number], *holders[number + 1 :]]))
              for number, own in enumerate(holders)]  # fmt: skip
    largest = int(np.bincount(groups).max())
    for part, share in zip(evaluated(parts), (0.64, 0.16, 0.2), strict=True):
        assert abs(len(part) - share * len(labels)) <= 2 * largest + len(classes)
        found = np.bincount(labels[part], minlength=len(classes))
        assert all(found[number] for number in range(len(classes)) if len(classes) == 2 or len(of_one[number]) >= 3)


@given(examples=st.integers(10, 300), seed=st.integers(0, 99), tested=st.booleans())
def test_without_groups_the_parts_are_those_of_a_split_by_class(examples: int, seed: int, *, tested: bool) -> None:
    labels = np.random.default_rng(seed).integers(0, 2, examples)
    labels[:10] = np.arange(10) % 2
    held_out = np.arange(10, examples, 3) if tested and examples > 50 else None
    given_ones = (labels, np.arange(examples), ("a", "b"), Split(seed=seed))
    assert lists(split_tied(*given_ones, held_out=held_out)) == lists(split(*given_ones, held_out=held_out))


def test_groups_of_one_class_stay_where_a_split_by_class_puts_them() -> None:
    labels, groups = np.arange(200) % 2, np.arange(200) // 4 * 4 + np.arange(200) % 2
    assert lists(split_tied(labels, groups, ("a", "b"), Split())) == lists(split(labels, groups, ("a", "b"), Split()))


def test_few_large_groups_are_shared_out_though_a_split_by_class_leaves_a_part_empty() -> None:
    labels, groups = np.repeat([0, 1], 300), np.arange(600) // 100 * 100
    parts = split_tied(labels, groups, ("a", "b"), Split())
    assert [np.bincount(labels[part]).tolist() for part in evaluated(parts)] == [[100, 100]] * 3


def test_groups_that_begin_alike_are_seen_whole() -> None:
    """60 patients of 4 visits, all well at first, half of them ill later."""
    labels = np.array([int(patient < 30 and visit > 0) for patient in range(60) for visit in range(4)])
    parts = split_tied(labels, np.arange(240) // 4 * 4, ("well", "ill"), Split())
    found = [np.bincount(labels[part]).tolist() for part in evaluated(parts)]
    assert np.sum(found, axis=0).tolist() == [150, 90]
    assert [abs(ill - share * 90) <= 3 for (_, ill), share in zip(found, (0.64, 0.16, 0.2), strict=True)] == [True] * 3


def test_of_a_group_in_a_given_test_nothing_is_learned() -> None:
    labels, groups = np.arange(300) // 2 % 2, np.arange(300) // 3 * 3
    held_out = np.arange(0, 300, 10)
    parts = split_tied(labels, groups, ("a", "b"), Split(), held_out=held_out)
    learned = np.concatenate(evaluated(parts)[:2])
    assert parts.test.tolist() == held_out.tolist()
    assert not np.isin(groups[learned], groups[held_out]).any()
    assert len(learned) == 300 - 3 * len(held_out)
    merged = split_tied(labels, groups, ("a", "b"), Split(), held_out=held_out, whole=True)
    assert merged.train.tolist() == sorted(learned.tolist())


@pytest.mark.parametrize(
    ("labels", "groups"),
    [
        pytest.param(np.arange(60) % 2, np.zeros(60, int), id="one group"),
        pytest.param(np.r_[np.zeros(50, int), np.ones(10, int)], np.arange(60) // 6 * 6, id="a class in two groups"),
    ],
)
def test_what_groups_do_not_allow_is_told_by_groups(labels: Numbers, groups: Numbers, golden: Golden) -> None:
    reason, said = refused(lambda: split_tied(labels, groups, ("well", "ill"), Split()))
    golden(said)
    assert reason == "TooFewExamples"
