"""Word pieces: a table of what the package `tokenizers` 0.23 makes of the same vocabulary, and the preprocessing."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_preprocess import Classes, InputError, Signature
from idla_preprocess.encoded_text import EncodedTextSpec
from idla_preprocess.text import TextSpec
from idla_preprocess.word_pieces import WordPieces

from tests.columns import objects

_WORDS = "[PAD] [UNK] [CLS] [SEP] the card is lost re ##fund ##ing ##s pay ##ment ! $ ' - [ ] sep cls e ##e cafe"
_GREEK = ("\u03c3", "##\u03c3", "\u03c3\u03bf", "##\u03c6\u03bf\u03c2", "##\u03c6\u03bf\u03c3")
_OTHERS = "東 京 i strasse straße ß 1 ##2 — 。 ab ##c \N{GRINNING FACE} x ? ##x"
VOCABULARY = (*_WORDS.split(), *_GREEK, *_OTHERS.split())


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        pytest.param("", [], id="the empty text"),
        pytest.param(" \t\n\u3000\u2028", [], id="white space alone"),
        pytest.param("The CARD Is LOST", [4, 5, 6, 7], id="case"),
        pytest.param("refunding payments", [8, 9, 10, 12, 13, 11], id="longest pieces first"),
        pytest.param("cardz", [1], id="no piece at its end"),
        pytest.param("card's-$1![x]", [5, 16, 1, 17, 15, 36, 14, 18, 43, 19], id="marks of ASCII"),
        pytest.param("Caf\u00e9 CAFE\u0301", [24, 24], id="accents"),
        pytest.param("\u0130", [32], id="a dotted capital I"),
        pytest.param("Straße", [34], id="a sharp s"),
        pytest.param("\u03a3\u039f\u03a6\u039f\u03a3", [27, 29], id="the last sigma of a word"),
        pytest.param("東京東", [30, 31, 30], id="Chinese characters"),
        pytest.param("the—card。", [4, 38, 5, 39], id="marks beyond ASCII"),
        pytest.param("ca\x00rd\x1f the\u200bcard\x85lost\ufffd", [5, 1], id="control characters"),
        pytest.param("ca\x00rd\x7f \x1fis", [5, 6], id="control characters of ASCII"),
        pytest.param("ca\u00adrd", [5], id="a soft hyphen"),
        pytest.param("the\u00a0card\u2003is\rlost", [4, 5, 6, 7], id="white space of other kinds"),
        pytest.param("\N{GRINNING FACE} the\N{GRINNING FACE}", [42, 1], id="an emoji"),
        pytest.param("12 2", [36, 37, 1], id="digits"),
        pytest.param("x" * 100, [43, *[45] * 13], id="a word of 100 characters"),
        pytest.param("x" * 101, [1], id="a word of 101"),
        pytest.param("ab\u0378", [1], id="an unassigned character"),
        pytest.param("the " * 40, [4] * 14, id="more than are read"),
    ],
)
def test_a_text_is_cut_as_the_encoder_saw_it(text: str, inner: list[int]) -> None:
    assert WordPieces(VOCABULARY).encode(text, 16) == [2, *inner, 3]


def test_the_name_of_a_special_token_means_nothing_in_a_text() -> None:
    assert WordPieces(VOCABULARY).encode("[SEP] [CLS]", 16) == [2, 18, 20, 19, 18, 21, 19, 3]


@given(st.text(max_size=40), st.integers(2, 12))
def test_every_text_fits_and_has_its_ends(text: str, length: int) -> None:
    found = WordPieces(VOCABULARY).encode(text, length)
    assert len(found) <= length
    assert (found[0], found[-1], set(found[1:-1]) & {0, 2, 3}) == (2, 3, set())


def spec(tokens: int = 6) -> EncodedTextSpec:
    ngrams = TextSpec.fitted(objects(["the card is lost", "the card"]), fewest_texts=1)
    return EncodedTextSpec(ngrams, tokens, np.frombuffer("\n".join(VOCABULARY).encode(), np.uint8))


def test_tokens_stand_beside_the_n_grams() -> None:
    texts = objects(["The card is LOST, the card", "", "lost"])
    found = spec().to_tensors({"text": texts})
    lists = spec().ngrams.to_tensors({"text": texts})
    assert found["tokens"].dtype == np.int32
    assert found["tokens"].tolist() == [[2, 4, 5, 6, 7, 3], [2, 3, 0, 0, 0, 0], [2, 7, 3, 0, 0, 0]]
    assert {name: array.tolist() for name, array in found.items() if name != "tokens"} == {
        name: array.tolist() for name, array in lists.items()
    }


def test_as_many_characters_are_read_as_the_n_grams_read() -> None:
    ngrams = TextSpec.fitted(objects(["the card"]), fewest_texts=1, maximum_characters=5)
    short = EncodedTextSpec(ngrams, 6, spec().vocabulary)
    assert short.to_tensors({"text": objects(["the card"])})["tokens"].tolist() == [[2, 4, 1, 3, 0, 0]]


def test_a_spec_survives_its_files() -> None:
    before = Signature(spec(), Classes(("no", "yes")))
    after = Signature.restored(before.to_json(), before.arrays())
    assert (after.to_json(), after.digest()) == (before.to_json(), before.digest())
    texts = {"text": objects(["refunding, the card"])}
    one, other = (each.preprocess.to_tensors(texts) for each in (before, after))
    assert {name: array.tolist() for name, array in one.items()} == {
        name: array.tolist() for name, array in other.items()
    }


@pytest.mark.parametrize(
    ("content", "arrays", "field", "found"),
    [
        ({"tokens": 1}, {}, "tokens", "1"),
        ({"tokens": 513}, {}, "tokens", "513"),
        ({"tokens": 8.0}, {}, "tokens", "8.0"),
        ({"ngrams": None}, {}, "arrays", "the keys ['hashes', 'idf', 'vocabulary']"),
        ({"ngrams": {}}, {}, "text", "the keys []"),
        ({"more": 1}, {}, "encoded-text", "the keys ['more', 'ngrams', 'tokens']"),
        ({}, {"more": np.zeros(1)}, "arrays", "the keys ['hashes', 'idf', 'more']"),
        ({}, {"vocabulary": np.zeros((1, 1), np.uint8)}, "vocabulary", "uint8 [1, 1]"),
        ({}, {"vocabulary": np.zeros(1)}, "vocabulary", "float64 [1]"),
        ({}, {"vocabulary": np.zeros((1 << 22) + 1, np.uint8)}, "vocabulary", "4194305 bytes"),
        ({}, {"vocabulary": b"[PAD]\n[UNK]\n[CLS]"}, "vocabulary", "no token [SEP]"),
        ({}, {"vocabulary": b"[UNK]\n[PAD]\n[CLS]\n[SEP]"}, "vocabulary", "'[UNK]' as its first token, which pads"),
        ({}, {"vocabulary": b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\na"}, "vocabulary", "a token twice"),
        (
            {}, {"vocabulary": b"\xff"}, "vocabulary",
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
    ],
)  # fmt: skip
def test_damaged_files_are_refused(
    content: dict[str, Any], arrays: dict[str, npt.NDArray[Any] | bytes], field: str, found: str
) -> None:
    given = {name: np.frombuffer(each, np.uint8) if isinstance(each, bytes) else each for name, each in arrays.items()}
    with pytest.raises(InputError) as caught:
        EncodedTextSpec.restored({**spec().content(), **content}, {**spec().arrays(), **given})
    assert (caught.value.field, caught.value.found) == (field, found)


def test_a_spec_without_n_grams_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        EncodedTextSpec.restored({"ngrams": None, "tokens": 6}, {"vocabulary": spec().vocabulary})
    assert (caught.value.field, caught.value.found) == ("ngrams", "NoneType")
