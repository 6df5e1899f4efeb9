"""N-grams of texts as stable 32-bit hashes: the same on every machine, without a seed.

A text is normalised (NFKC, case folded, NFKC again; runs of white space become one space) and cut into words: runs of
word characters, and every other visible character for itself. N-grams of characters stay within what stands between
two spaces, which belong to it. An n-gram's hash is a polynomial over mixed code points modulo 2**64, so that the hash
of any piece of a text is the difference of two running sums; its kind and order are mixed in, and the upper 32 bits
are kept. What a letter is, `unicodedata` of the running Python says.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

WORDS, CHARACTERS = range(2)
"""The kinds of n-grams."""

Positions = npt.NDArray[np.int64]
_Hashes = npt.NDArray[np.uint64]
_MULTIPLIER = 0x9E3779B97F4A7C15
_INVERSE = pow(_MULTIPLIER, -1, 2**64)
_WORD = re.compile(r"\w+|[^\w\s]")
_SPACE = ord(" ")


def normalised(text: str, maximum: int) -> str:
    """Return a text of at most `maximum` characters without case, compatible forms and double spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text[:maximum]).casefold())
    return " ".join(folded.split())[:maximum]


def word_grams(texts: Sequence[str], longest: int) -> tuple[Positions, npt.NDArray[np.uint32]]:
    """Return every n-gram of words, 1 to `longest` of them: the number of its text, and its hash."""
    words, owners = _words(texts)
    parts = [(owners[:0], np.zeros(0, np.uint32))]
    sums = _running(words)
    for order in range(1, longest + 1):
        first = np.arange(max(0, len(words) - order + 1))
        first = first[owners[first] == owners[first + order - 1]] if len(first) else first
        parts.append((owners[first], _finished(_pieces(sums, first, first + order), WORDS, order)))
    return _joined(parts)


def character_grams(texts: Sequence[str], shortest: int, longest: int) -> tuple[Positions, npt.NDArray[np.uint32]]:
    """Return every n-gram of characters, `shortest` to `longest` long: the number of its text, and its hash.

    Args:
        texts: normalised ones.
        shortest: its length, at least 1.
        longest: its length; below `shortest` there are none.
    """
    points, owners = _points([f" {text} " for text in texts])
    spaces = np.concatenate([[0], np.cumsum(points == _SPACE)])
    sums = _running(_mixed(points.astype(np.uint64)))
    parts = [(owners[:0], np.zeros(0, np.uint32))]
    for order in range(shortest, longest + 1):
        first = np.arange(max(0, len(points) - order + 1))
        last = first + order - 1
        inner = spaces[np.maximum(last, first + 1)] - spaces[np.minimum(first + 1, last + 1)]
        edges = spaces[first + order] - spaces[first] - inner
        whole = (owners[first] == owners[last]) & (inner == 0) & (edges < order)
        first = first[whole]
        parts.append((owners[first], _finished(_pieces(sums, first, first + order), CHARACTERS, order)))
    return _joined(parts)


def _words(texts: Sequence[str]) -> tuple[_Hashes, Positions]:
    """Return the hash of each word of all texts in order, and the number of its text."""
    points, _ = _points(texts)
    spans: list[tuple[int, int]] = []
    owners: list[int] = []
    offset = 0
    for number, text in enumerate(texts):
        found = [match.span() for match in _WORD.finditer(text)]
        spans.extend((offset + first, offset + end) for first, end in found)
        owners.extend([number] * len(found))
        offset += len(text)
    borders = np.array(spans, dtype=np.int64).reshape(-1, 2)
    sums = _running(_mixed(points.astype(np.uint64)))
    lengths = (borders[:, 1] - borders[:, 0]).astype(np.uint64)
    return _mixed(_pieces(sums, borders[:, 0], borders[:, 1]) + lengths), np.array(owners, dtype=np.int64)


def _points(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint32], Positions]:
    """Return the code points of all texts in order, and the number of the text of each."""
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts))
    return points, np.repeat(np.arange(len(texts)), lengths)


def _running(values: _Hashes) -> _Hashes:
    """Return the sums of values[i] * M**i before each position, [len + 1]."""
    sums = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values * _powers(_MULTIPLIER, len(values))[: len(values)], out=sums[1:])
    return sums


def _pieces(sums: _Hashes, first: Positions, end: Positions) -> _Hashes:
    """Return the hash of each piece [first, end); it does not depend on where the piece stands."""
    return (sums[end] - sums[first]) * _powers(_INVERSE, len(sums))[first]


def _powers(base: int, count: int) -> _Hashes:
    """Return at least `count` powers of the base modulo 2**64, from the power 0 on."""
    return _table(base, max(4096, 1 << (count - 1).bit_length()) if count else 0)


@lru_cache(maxsize=8)
def _table(base: int, count: int) -> _Hashes:
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    powers: _Hashes = np.multiply.accumulate(factors)
    powers.flags.writeable = False
    return powers


def _mixed(values: _Hashes) -> _Hashes:
    """Return the finaliser of SplitMix64 (Steele, Lea and Flood 2014) of each value."""
    mixed = values + np.uint64(_MULTIPLIER)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _finished(hashes: _Hashes, kind: int, order: int) -> npt.NDArray[np.uint32]:
    return (_mixed(hashes ^ np.uint64((kind * 64 + order) << 32)) >> np.uint64(32)).astype(np.uint32)


def _joined(
    parts: Iterable[tuple[Positions, npt.NDArray[np.uint32]]],
) -> tuple[Positions, npt.NDArray[np.uint32]]:
    owners, hashes = zip(*parts, strict=True)
    return np.concatenate(owners), np.concatenate(hashes)
