"""The parts of a data set: sizes, balance, repeatability, and no equal images on two sides."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idla_contract.problem import Problem
from idla_contract.result import DataProfile
from idla_contract.task import DataSource, Split
from idla_preprocess import ImageSpec
from idla_trainer.data.profile import profile
from idla_trainer.data.split import Parts, equal_groups, split
from idla_trainer.problems.image.examples import prepare
from idla_trainer.problems.image.reading import Images

from tests.golden import Golden
from tests.unit.trainer.refusals import refused

DIGEST = "sha256:" + "0a" * 32


@dataclass(frozen=True)
class Drawn:
    """Images [N, 2, 2, 1] with class numbers."""

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]


def dataset(counts: list[int], *, different: int | None = None) -> Drawn:
    """Return images that are all different, or `different` kinds of them."""
    labels = np.repeat(np.arange(len(counts)), counts)
    kinds = np.arange(len(labels)) % (different or len(labels)) + 1
    images = np.zeros((len(labels), 2, 2, 1), dtype=np.float32)
    images[:, 0, 0, 0] = kinds
    return Drawn(images, labels, tuple(f"c{number}" for number in range(len(counts))))


def parts_of(data: Drawn, shares: Split) -> Parts:
    return split(data.labels, equal_groups(data.images), data.classes, shares)


def profiled(data: Drawn) -> DataProfile:
    images = Images(data.images, tuple(data.classes[number] for number in data.labels))
    return profile(prepare(images, DataSource(uri="pvc://c/d.npz"), Problem(), digest=DIGEST))


def sizes(parts: Parts) -> tuple[int, int, int, int]:
    return len(parts.train), len(parts.validation), len(parts.gate), len(parts.test)


def test_the_digits_are_cut_as_promised() -> None:
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    data = dataset(counts)
    parts = parts_of(data, Split())
    assert sizes(parts) == (1149, 144, 144, 360)
    for part, share in ((parts.test, 0.2), (parts.validation, 0.08), (parts.gate, 0.08)):
        assert np.abs(np.bincount(data.labels[part]) - np.array(counts) * share).max() < 1


@pytest.mark.parametrize(
    ("counts", "shares", "expected"),
    [
        pytest.param([50, 50], Split(), (64, 16, 0, 20), id="a small validation split has no gate"),
        pytest.param([300, 325], Split(), (400, 50, 50, 125), id="at 100 it is halved"),
        pytest.param([5, 5], Split(), (6, 2, 0, 2), id="the least"),
        pytest.param([5, 995], Split(), (640, 80, 80, 200), id="a rare class"),
        pytest.param([10] * 10, Split(train_percent=98, validation_percent=1, test_percent=1), (80, 10, 0, 10),
                     id="one of each class, whatever the share"),
    ],
)  # fmt: skip
def test_sizes(counts: list[int], shares: Split, expected: tuple[int, int, int, int]) -> None:
    assert sizes(parts_of(dataset(counts), shares)) == expected


@st.composite
def some_shares(draw: st.DrawFn) -> Split:
    test = draw(st.integers(1, 60))
    validation = draw(st.integers(1, 38))
    return Split(
        train_percent=100 - test - validation, validation_percent=validation, test_percent=test,
        seed=draw(st.integers(0, 1000)),
    )  # fmt: skip


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(5, 80), min_size=2, max_size=8),
    shares=some_shares(),
    copies=st.booleans(),
)
def test_laws_of_the_split(counts: list[int], shares: Split, *, copies: bool) -> None:
    data = dataset(counts, different=sum(counts) * 4 // 5 if copies else None)
    parts = parts_of(data, shares)
    whole = np.concatenate([parts.train, parts.validation, parts.gate, parts.test])
    assert sorted(whole.tolist()) == list(range(sum(counts)))
    again = parts_of(data, shares)
    assert all(np.array_equal(getattr(parts, name), getattr(again, name)) for name in Parts.__slots__)
    groups = equal_groups(data.images)
    side = np.empty(len(whole), dtype=int)
    for number, name in enumerate(Parts.__slots__):
        side[getattr(parts, name)] = number
    for number in range(len(counts)):
        of_class = np.flatnonzero(data.labels == number)
        for group in set(groups[of_class].tolist()):
            assert len(set(side[of_class[groups[of_class] == group]].tolist())) == 1
    if not copies:
        for part in (parts.train, np.concatenate([parts.validation, parts.gate]), parts.test):
            assert np.bincount(data.labels[part], minlength=len(counts)).min() >= 1


def test_another_seed_gives_another_split() -> None:
    data = dataset([50, 50])
    first, second = parts_of(data, Split(seed=1)), parts_of(data, Split(seed=2))
    assert sizes(first) == sizes(second)
    assert not np.array_equal(first.test, second.test)


@pytest.mark.parametrize(
    ("data", "shares", "reason"),
    [
        pytest.param(dataset([4, 20, 1]), Split(), "TooFewExamples", id="rare classes"),
        pytest.param(dataset([20, 20], different=1), Split(), "TooFewExamples", id="one image again and again"),
        pytest.param(dataset([20, 20]), Split(train_percent=50), "DataInvalid", id="no whole"),
    ],
)  # fmt: skip
def test_what_cannot_be_split(data: Drawn, shares: Split, reason: str, golden: Golden) -> None:
    found, said = refused(lambda: parts_of(data, shares))
    golden(said)
    assert found == reason


def test_a_profile_tells_sizes_and_shares() -> None:
    data = dataset([300, 325])
    assert profiled(data) == DataProfile(
        digest=DIGEST, examples=625, shape=(2, 2, 1), facts={"classes": 2, "maximum": 625.0},
        classes=("c0", "c1"), class_counts=(300, 325),
        train_examples=400, validation_examples=50, gate_examples=50, test_examples=125, baseline_score=0.52,
    )  # fmt: skip


def test_the_scale_of_pixels_is_that_of_the_training_part_and_a_test_file_is_the_test_split() -> None:
    data, bright = dataset([50, 50]), dataset([5, 5])
    images = Images(data.images, tuple(data.classes[number] for number in data.labels))
    test = Images(bright.images + 1000, tuple(bright.classes[number] for number in bright.labels))
    found = prepare(images, DataSource(uri="pvc://c/d.npz"), Problem(), digest=DIGEST, test=test)
    assert found.parts.test.tolist() == list(range(100, 110))
    assert sizes(found.parts) == (80, 20, 0, 10)
    largest = float(data.images[found.parts.train].max())
    assert found.facts == {"maximum": largest}
    assert found.preprocess == ImageSpec(height=2, width=2, channels=1, maximum=largest)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        pytest.param(Split(), (400, 100), id="the default shares without test's: a fifth"),
        pytest.param(Split(train_percent=90, validation_percent=10, test_percent=0), (450, 50), id="none for test"),
    ],
)
def test_beside_a_test_file_the_rest_is_shared(shares: Split, expected: tuple[int, int]) -> None:
    data = dataset([250, 300])
    held_out = np.arange(500, 550)
    parts = split(data.labels, equal_groups(data.images), data.classes, shares, held_out=held_out)
    assert (len(parts.train), len(parts.validation) + len(parts.gate)) == expected
    assert parts.test.tolist() == held_out.tolist()


def test_a_profile_warns_of_what_harms() -> None:
    data = dataset([10, 100], different=40)
    images = data.images.copy()
    images[0] = 7
    images[1, 1, 1, 0] = -3
    data = Drawn(images, data.labels, data.classes)
    assert profiled(data).warnings == (
        "the classes are unbalanced: 100 examples of 'c1', 10 of 'c0'; accuracy says little about the rare ones",
        "68 images are copies of an earlier one; copies stay in the same split",
        "16 copies have another label than the first, such as examples 2 ('c0') and 42 ('c1'), counted from 0",
        "pixels go down to -3; they are expected from 0 to a maximum",
        "1 images have the same value in every pixel and tell nothing",
        "the test split has 21 examples: its accuracy is a rough figure",
    )
