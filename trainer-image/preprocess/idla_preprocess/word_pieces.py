"""Texts to the word pieces that a BERT encoder without case was trained on (Wu et al. 2016; Devlin et al. 2019).

A text loses control characters, accents and case; words end at white space, punctuation and Chinese characters, and
each is cut into the longest pieces of the vocabulary, from its front. The names of special tokens mean nothing in a
text: whoever writes `[SEP]` into one gets the pieces of its letters. What a letter is, `unicodedata` of the running
Python says.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

PADDING, UNKNOWN, BEGIN, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
"""Tokens that every vocabulary has; the padding is its first one."""
_INNER = "##"
"""Begins a piece that is not at the front of its word."""
_LONGEST_WORD = 100
"""Characters of a word beyond which it is unknown as a whole."""
_CACHED = 1 << 14
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
"""Of ASCII; some of it is no punctuation to Unicode."""
_CONTROL = frozenset({"Cc", "Cf", "Cs", "Co"})
"""Categories of characters that are left out."""
_CHINESE = re.compile(
    "([\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f\U0002b920-\U0002ceaf"
    "\uf900-\ufaff\U0002f800-\U0002fa1f])"
)
"""The characters that the encoder took for words of their own; the gap in the sixth range is in its original too."""
_ASCII_WORDS = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class WordPieces:
    """Cuts texts into numbers of a vocabulary.

    Args:
        vocabulary: the pieces, each once, in the order of their numbers; with the four special tokens, `[PAD]` first.

    Raises:
        ValueError: a special token is missing, the padding is not the first one, or a piece stands twice.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        missing = [token for token in (PADDING, UNKNOWN, BEGIN, END) if token not in self._numbers]
        if missing:
            raise ValueError(f"no token {missing[0]}")
        if vocabulary[0] != PADDING:
            raise ValueError(f"{vocabulary[0]!r} as its first token, which pads")
        if len(self._numbers) != len(vocabulary):
            raise ValueError("a token twice")
        self._unknown, self._begin, self._end = (self._numbers[token] for token in (UNKNOWN, BEGIN, END))
        self._pieces = lru_cache(maxsize=_CACHED)(self._cut)

    def encode(self, text: str, length: int) -> list[int]:
        """Return the numbers of a text's pieces between those of `[CLS]` and `[SEP]`.

        Args:
            text: any text; of the empty one the two are all.
            length: numbers at most, 2 or more; pieces at the end are left out.
        """
        found = [self._begin]
        for word in words(text):
            found.extend(self._pieces(word))
            if len(found) >= length:
                break
        return [*found[: length - 1], self._end]

    def _cut(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return (self._unknown,)
        found, start = [], 0
        while start < len(word):
            front = _INNER if start else ""
            ends = range(len(word), start, -1)
            end = next((end for end in ends if front + word[start:end] in self._numbers), None)
            if end is None:
                return (self._unknown,)
            found.append(self._numbers[front + word[start:end]])
            start = end
        return tuple(found)


def words(text: str) -> Iterator[str]:
    """Yield the words of a text, without accents and case; every punctuation mark is one for itself."""
    if text.isascii():
        for match in _ASCII_WORDS.finditer(_ASCII_CONTROL.sub("", text).lower()):
            yield match[0]
        return
    spaced = _CHINESE.sub(r" \1 ", "".join(_cleaned(character) for character in text))
    plain = (character for character in unicodedata.normalize("NFD", spaced) if unicodedata.category(character) != "Mn")
    # Letter by letter, as the encoder saw them: only of a whole word the last sigma would be another letter.
    for word in "".join(character.lower() for character in plain).split():
        yield from _parted(word)


def _cleaned(character: str) -> str:
    if character in "\t\n\r":
        return " "
    category = unicodedata.category(character)
    if category in _CONTROL or character == "\ufffd":
        return ""
    return " " if category[0] == "Z" else character


def _parted(word: str) -> Iterator[str]:
    start = 0
    for place, character in enumerate(word):
        if character in _PUNCTUATION or unicodedata.category(character)[0] == "P":
            if start < place:
                yield word[start:place]
            yield character
            start = place + 1
    if start < len(word):
        yield word[start:]
