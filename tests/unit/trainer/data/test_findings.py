"""What is said of copies, labels and columns that give the answer away."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_trainer.data.findings.copies import about_copies, about_test_file
from idla_trainer.data.findings.identifiers import about_identifiers
from idla_trainer.data.findings.labels import about_labels, about_names
from idla_trainer.data.findings.leakage import about_leakage
from idla_trainer.data.findings.names import listed, quoted
from idla_trainer.data.findings.sentinels import about_sentinels
from idla_trainer.data.findings.texts import about_encoding
from idla_trainer.data.split import Parts

from tests.columns import objects

ROWS = 200
RANDOM = np.random.default_rng(5)
CLASSES = np.arange(ROWS) % 2
NOISE = RANDOM.normal(size=ROWS)


def numbers(*values: int) -> npt.NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", "'plain'"),
        ("two\nlines\x1b[31m\u202e", r"'two\nlines\x1b[31m\u202e'"),
        ("x" * 50, "'" + "x" * 37 + "...'"),
    ],
)
def test_a_name_out_of_a_file_is_escaped_and_bounded(name: str, expected: str) -> None:
    assert quoted(name) == expected


def test_of_many_names_the_first_are_listed() -> None:
    assert listed(list("abcdefg")) == "'a', 'b', 'c', 'd', 'e', ..."


@pytest.mark.parametrize(
    ("equal", "labels", "expected"),
    [
        pytest.param(numbers(0, 1, 2), numbers(0, 0, 1), (), id="none"),
        pytest.param(numbers(0, 0, 2), numbers(0, 0, 1),
                     ("1 texts are copies of an earlier one; copies stay in the same split",), id="a copy"),
        pytest.param(numbers(0, 0, 2), None,
                     ("1 texts are copies of an earlier one; copies stay in the same split",), id="no labels"),
        pytest.param(numbers(0, 0, 0), numbers(0, 0, 1),
                     ("2 texts are copies of an earlier one; copies stay in the same split",
                      ("1 copies have another label than the first, such as examples 0 ('ham') and 2 ('spam'), counted "
                      "from 0")),
                     id="another label"),
    ],
)  # fmt: skip
def test_copies_are_counted(
    equal: npt.NDArray[np.int64], labels: npt.NDArray[np.int64] | None, expected: tuple[str, ...]
) -> None:
    assert about_copies("texts", equal, labels, ("ham", "spam")) == expected


def test_what_the_test_file_has_too_is_counted() -> None:
    groups, held_out = numbers(0, 1, 0, 1, 0), numbers(3, 4)
    assert about_test_file("images", groups, held_out) == (
        "3 images equal one of the test file; they are left out of the training",
    )
    assert about_test_file("images", groups, None) == ()
    assert about_test_file("records", numbers(0, 1), numbers(1), by="group") == ()


def parts(train: Sequence[int], validation: Sequence[int], test: Sequence[int]) -> Parts:
    return Parts(numbers(*train), numbers(*validation), numbers(), numbers(*test))


ALIKE = "labels that differ by case, spaces, alphabet or the way to write a number alone count as different classes:"


@pytest.mark.parametrize(
    ("labels", "classes", "cut", "expected"),
    [
        pytest.param((0, 1) * 3, ("a", "b"), parts((0, 1), (2, 3), (4, 5)), (), id="nothing"),
        pytest.param((0, 1, 2) * 3, ("Spam", "ham", "spam"), parts((0, 1, 2), (3, 4, 5), (6, 7, 8)),
                     (f"{ALIKE} 'Spam' (3 examples) and 'spam' (3 examples); write them alike",), id="case"),
        pytest.param((0, 1) * 3, ("a b", "a  b"), parts((0, 1), (2, 3), (4, 5)),
                     (f"{ALIKE} 'a b' (3 examples) and 'a  b' (3 examples); write them alike",), id="spaces"),
        pytest.param((0, 1) * 3, ("1", "01"), parts((0, 1), (2, 3), (4, 5)),
                     (f"{ALIKE} '1' (3 examples) and '01' (3 examples); write them alike",), id="zeros"),
        pytest.param((0, 1) * 3, ("9007199254740992", "9007199254740993"), parts((0, 1), (2, 3), (4, 5)), (),
                     id="numbers of more digits than a double holds"),
        pytest.param((0, 1) * 3, ("NA", "b"), parts((0, 1), (2, 3), (4, 5)),
                     ("the label 'NA' is a class of 3 examples; where it stands for a missing label, leave them out",),
                     id="what reads like missing"),
        pytest.param((0,) * 10 + (1,), ("a", "b"), parts((0, 10), (1,), (2,)),
                     (("the classes are unbalanced: 10 examples of 'a', 1 of 'b'; accuracy says little about the rare "
                      "ones"),
                      "1 of 2 classes have no example in the validation part; no choice minds them: 'b'",
                      "1 of 2 classes have no example in the test part; nothing is measured of them: 'b'"),
                     id="a class with fewer examples than parts"),
    ],
)  # fmt: skip
def test_labels_are_looked_at(
    labels: tuple[int, ...], classes: tuple[str, ...], cut: Parts, expected: tuple[str, ...]
) -> None:
    assert about_labels(numbers(*labels), classes, cut) == expected


@pytest.mark.parametrize(
    ("column", "told"),
    [
        pytest.param(CLASSES.astype(float), True, id="the answer itself"),
        pytest.param(CLASSES + NOISE / 20, True, id="with some noise"),
        pytest.param(np.abs(CLASSES - 0.5 + NOISE / 40) * (1 - 2 * CLASSES), True, id="by its sign"),
        pytest.param(np.where(CLASSES == 1, np.nan, NOISE), True, id="by being missing"),
        pytest.param(objects([f"code {number}" for number in CLASSES]), True, id="by another name"),
        pytest.param(CLASSES + NOISE, False, id="a good column"),
        pytest.param(NOISE, False, id="noise"),
        pytest.param(objects([f"person {number}" for number in range(ROWS)]), False, id="different names"),
    ],
)
def test_a_column_that_tells_the_class_alone_is_named(column: npt.NDArray[np.generic], *, told: bool) -> None:
    found = about_leakage({"other": NOISE[::-1], "it": column}, CLASSES, classes=2)
    assert len(found) == told
    assert all(
        "the target is predicted by one column alone (right answers by its nearest values): 'it' (" in text
        for text in found
    )


@pytest.mark.parametrize(
    ("column", "told"),
    [
        pytest.param(3 * NOISE - 1, True, id="in another unit"),
        pytest.param(np.exp(-NOISE), True, id="by a curve that falls"),
        pytest.param(objects([f"group {rank // 5}" for rank in NOISE.argsort().argsort()]), True, id="by groups"),
        pytest.param(NOISE + RANDOM.normal(size=ROWS) / 3, False, id="a good column"),
    ],
)
def test_a_column_that_tells_the_number_alone_is_named(column: npt.NDArray[np.generic], *, told: bool) -> None:
    found = about_leakage({"it": column, "other": np.sin(np.arange(ROWS))}, NOISE, classes=0)
    assert len(found) == told
    assert all(
        "the target is predicted by one column alone (of the target's order explained): 'it' (" in text
        for text in found
    )


@pytest.mark.parametrize(
    ("name", "column", "found"),
    [
        pytest.param("n", RANDOM.permutation(ROWS) + 5.0, True, id="a shuffled index"),
        pytest.param("customer_id", 1000.0 * np.arange(ROWS), True, id="by its name"),
        pytest.param("salary", 1000.0 * np.arange(ROWS), False, id="numbers far apart"),
        pytest.param("paid", np.arange(ROWS) / 2, False, id="fractions"),
        pytest.param("id", np.arange(ROWS) // 2 + 0.0, False, id="each twice"),
        pytest.param("id", np.where(np.arange(ROWS) == 3, np.nan, np.arange(ROWS)), False, id="one is missing"),
        pytest.param("id", objects([f"a{number}" for number in range(ROWS)]), False, id="texts"),
    ],
)
def test_an_identifier_is_named(name: str, column: npt.NDArray[np.generic], *, found: bool) -> None:
    said = about_identifiers({"other": NOISE, name: column})
    assert [text.partition(":")[0] for text in said] == [repr(name)] * found


@pytest.mark.parametrize(
    ("names", "told"),
    [
        pytest.param(["Red", "red", "red"], "'Red' (1 examples) and 'red' (2 examples)", id="case"),
        pytest.param(
            ["caf\u00e9", "cafe\u0301"], "'cafe\u0301' (1 examples) and 'caf\u00e9' (1 examples)", id="accents"
        ),
        pytest.param(["a b", "a\u00a0b"], "'a b' (1 examples) and 'a\\xa0b' (1 examples)", id="spaces within"),
        pytest.param(["red", "red "], "", id="outer spaces, which do not count"),
        pytest.param(["1", "1.0"], "", id="numbers, which may be codes"),
        pytest.param(["red", "r\u0435d"], "'red' (1 examples) and 'r\u0435d' (1 examples)", id="a Cyrillic letter"),
        pytest.param(["red", "blue"], "", id="others"),
    ],
)
def test_names_of_a_column_that_look_alike_are_told(names: list[str], told: str) -> None:
    said = "'it' has names that differ by case, spaces or alphabet alone and count as different ones: "
    expected = (f"{said}{told}; write them alike",) if told else ()
    assert about_names({"it": objects(names), "other": NOISE}) == expected


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        pytest.param(
            ["caf\u00e9", "\u00c3\u00a9 alone", "fine"], "1 texts hold what a wrong encoding leaves", id="UTF-8"
        ),
        pytest.param(["don\u00e2\u20ac\u2122t", "a \ufffd"], "2 texts hold what a wrong encoding leaves", id="quotes"),
        pytest.param(["S\u00c3O PAULO", "\u00c2ge", "\u00e2ge 5 \u20ac"], "", id="capitals of Portuguese and French"),
    ],
)
def test_texts_of_a_wrong_encoding_are_told(texts: list[str], told: str) -> None:
    found = about_encoding(texts)
    assert [text[: len(told)] for text in found] == [told] * bool(told)


USUAL = np.arange(ROWS) / 10


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param(np.where(np.arange(ROWS) % 9 == 0, -999.0, USUAL), "'it' has -999 in ", id="below all others"),
        pytest.param(np.where(np.arange(ROWS) % 9 == 0, 9999.0, USUAL), "'it' has 9999 in ", id="above all others"),
        pytest.param(np.where(np.arange(ROWS) == 5, -999.0, USUAL), "", id="once"),
        pytest.param(np.where(np.arange(ROWS) % 9 == 0, -998.0, USUAL), "", id="another number"),
        pytest.param(np.where(np.arange(ROWS) % 9 == 0, -9.0, USUAL), "", id="near the others"),
        pytest.param(np.where(np.arange(ROWS) % 2 == 0, 9.0, 0.0), "", id="two numbers"),
        pytest.param(np.full(ROWS, np.nan), "", id="nothing"),
        pytest.param(objects(["-999", "1"]), "", id="names"),
    ],
)
def test_a_number_that_stands_for_a_missing_one_is_named(values: npt.NDArray[np.generic], told: str) -> None:
    found = about_sentinels({"other": USUAL, "it": values}, cure="set {} right")
    assert len(found) == bool(told)
    assert all(text.startswith(told) and text.endswith("if it stands for a missing number, set "
               f"{told.split()[2]} right") for text in found)  # fmt: skip


def test_copies_of_a_record_do_not_tell_its_answer() -> None:
    doubled = np.concatenate([NOISE, NOISE])
    assert about_leakage({"it": doubled}, np.concatenate([CLASSES, CLASSES]), classes=2) == ()


def test_few_records_tell_nothing() -> None:
    assert about_leakage({"it": np.arange(29) % 2 + 0.0}, np.arange(29) % 2, classes=2) == ()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=30, max_size=80), st.permutations(range(6)))
def test_other_names_of_the_same_values_tell_as_much(rows: list[tuple[int, int]], other: list[int]) -> None:
    values, labels = (np.array(column) for column in zip(*rows, strict=True))
    row = np.arange(len(rows)) + 0.0  # makes every record different, and tells nothing by itself
    named = objects([f"v{value}" for value in values])
    renamed = objects([f"v{other[value]}" for value in values])
    one = about_leakage({"it": named, "row": row}, labels, classes=3)
    assert about_leakage({"it": renamed, "row": row}, labels, classes=3) == one
