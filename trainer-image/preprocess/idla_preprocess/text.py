"""Texts: hashed n-grams of words and characters, weighted by tf-idf and padded to lists of ids."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Arrays, InputError, Tensor
from idla_preprocess.checks import check_array, check_column, check_whole, checked_texts, raw_texts
from idla_preprocess.stored import Stored
from idla_preprocess.text_frequencies import Frequencies
from idla_preprocess.text_grams import character_grams, normalised, word_grams

SCHEMA_VERSION = 1
LONGEST_READ = 2048
"""Characters of a text that are read, unless a spec says otherwise."""
LONGEST_ORDER = 8
LONGEST_TEXT = 1 << 16
LONGEST_LIST = 1 << 13
MOST_FEATURES = 1 << 22
_AT_ONCE = 1 << 17
"""Characters that are worked on in one go; bounds the memory."""
_COVERED = 0.99
"""The share of the training texts whose lists need not be cut."""
_BLOCKS = 2


@dataclass(frozen=True, slots=True, eq=False)
class TextSpec(Stored):
    """One text to the list of its n-grams that training knew: ids [N, length] and weights [N, length].

    Id 0 pads; n-gram i of the vocabulary has the id i + 1. A weight is (1 + ln count) * idf, with
    idf = ln((1 + texts) / (1 + texts that have it)) + 1 on the training split, divided by the Euclidean length of the
    text's weights of the same kind (Salton and Buckley 1988). A text without a known n-gram, such as the empty one, is
    all padding: the network then answers from its bias alone. Of a text with more than `length` known n-grams the
    heaviest are kept.
    """

    kind: ClassVar[str] = "text"
    array_names: ClassVar[tuple[str, ...]] = ("hashes", "idf")

    words: int
    """The longest n-gram of words; 0 for none."""
    characters: tuple[int, int]
    """The shortest and the longest n-gram of characters; (1, 0) for none."""
    length: int
    maximum_characters: int
    """Of a longer text the beginning is read."""
    hashes: npt.NDArray[np.uint32]
    """The vocabulary [V]: hashes of n-grams, ascending."""
    idf: npt.NDArray[np.float32]
    """The weight of each [V]."""
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        """Refuse what describes no such list.

        Raises:
            InputError: a number is out of its range, or the vocabulary is not ascending.
        """
        check_whole("schemaVersion", self.schema_version, SCHEMA_VERSION, SCHEMA_VERSION)
        check_whole("words", self.words, 0, LONGEST_ORDER)
        characters: object = self.characters
        if not isinstance(characters, tuple) or len(characters) != 2:  # noqa: PLR2004 - shortest and longest
            raise InputError("characters", repr(characters), "the shortest and the longest n-gram")
        check_whole("characters[0]", self.characters[0], 1, LONGEST_ORDER)
        check_whole("characters[1]", self.characters[1], 0, LONGEST_ORDER)
        check_whole("length", self.length, 1, LONGEST_LIST)
        check_whole("maximumCharacters", self.maximum_characters, 1, LONGEST_TEXT)
        check_array("hashes", self.hashes, np.uint32)
        if len(self.hashes) > MOST_FEATURES:
            raise InputError("hashes", f"{len(self.hashes)} n-grams", f"up to {MOST_FEATURES}")
        if not (self.hashes[1:] > self.hashes[:-1]).all():
            raise InputError("hashes", "numbers that do not ascend", "ascending ones")
        check_array("idf", self.idf, np.float32, len(self.hashes))
        if not (np.isfinite(self.idf) & (self.idf > 0)).all():
            raise InputError("idf", "a weight that is not above 0 and finite", "finite numbers above 0")

    @classmethod
    def fitted(  # noqa: PLR0913 - the settings of one spec
        cls,
        texts: npt.NDArray[Any],
        *,
        words: int = 2,
        characters: tuple[int, int] = (2, 5),
        fewest_texts: int = 2,
        most_features: int = 1 << 16,
        longest_list: int = 256,
        maximum_characters: int = LONGEST_READ,
    ) -> Self:
        """Return the spec that the training split asks for.

        Args:
            texts: the raw texts of the training split [N], objects of `str`, or what is read like them one by one.
            words: the longest n-gram of words.
            characters: the shortest and longest n-gram of characters.
            fewest_texts: n-grams in fewer texts are left out.
            most_features: of more n-grams those in the most texts are kept.
            longest_list: the list is as long as 99 in 100 texts need, of more than 20,000 so many at equal
                distances, and no longer than this.
            maximum_characters: of a longer text the beginning is read.

        Raises:
            InputError: the texts are not what `to_tensors` takes, or a setting is out of its range.
        """
        none = np.zeros(0, np.uint32)
        bare = cls(words, characters, 1, maximum_characters, none, none.astype(np.float32))
        frequencies = _frequencies(bare, texts)
        hashes, counts = frequencies.all()
        kept = _most_frequent(counts, fewest_texts, most_features)
        idf = np.log((1 + len(texts)) / (1 + counts[kept])) + 1
        hashes = hashes[kept]
        covered = math.ceil(float(np.quantile(frequencies.sizes(hashes), _COVERED)))
        return replace(bare, length=max(1, min(longest_list, covered)), hashes=hashes, idf=idf.astype(np.float32))

    @property
    def features(self) -> int:
        """Return how many ids there are, the padding's among them."""
        return len(self.hashes) + 1

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Return the raw input: one text an example."""
        return (Tensor("text", "BYTES", (-1,)),)

    def to_tensors(self, raw: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Return `ids` [N, length] of int32 and `weights` [N, length] of float32, the heaviest first.

        Args:
            raw: `text` [N], objects of `str`.

        Raises:
            InputError: no `text`, no example, another shape, or something that is no `str`.
        """
        texts = raw_texts(raw, "text")
        ids = np.zeros((len(texts), self.length), np.int32)
        weights = np.zeros((len(texts), self.length), np.float32)
        start = 0
        for part in _in_parts(texts, self.maximum_characters):
            end = start + len(part)
            self._fill(part, ids[start:end], weights[start:end])
            start = end
        return {"ids": ids, "weights": weights}

    def _fill(self, texts: Sequence[str], ids: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]) -> None:
        """Write the lists of some normalised texts."""
        if not len(self.hashes):
            return
        owners, kinds, hashes, counts = _counted_grams(self, texts)
        places = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        known = self.hashes[places] == hashes
        owners, kinds, places = owners[known], kinds[known], places[known]
        values = (1 + np.log(counts[known])) * self.idf[places]
        slots = owners * _BLOCKS + kinds
        norms = np.sqrt(np.bincount(slots, values * values, minlength=len(texts) * _BLOCKS))
        values = values / norms[slots]
        order = np.lexsort((places, -values, owners))
        owners, places, values = owners[order], places[order], values[order]
        column = np.arange(len(owners)) - np.searchsorted(owners, owners)
        within = column < self.length
        ids[owners[within], column[within]] = places[within] + 1
        weights[owners[within], column[within]] = values[within]


def _frequencies(spec: TextSpec, texts: npt.NDArray[Any]) -> Frequencies:
    """Return in how many of the texts each n-gram is."""
    check_column("text", texts)
    frequencies = Frequencies(len(texts))
    for part in _in_parts(checked_texts("text", texts), spec.maximum_characters):
        owners, _, grams, _ = _counted_grams(spec, part)
        frequencies.add(len(part), owners, grams)
    return frequencies


def _in_parts(texts: Iterable[str], maximum: int) -> Iterator[list[str]]:
    """Yield the normalised texts in order, some at a time."""
    part: list[str] = []
    size = 0
    for text in texts:
        part.append(normalised(text, maximum))
        size += len(part[-1]) + 1
        if size >= _AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part


def _counted_grams(
    spec: TextSpec, texts: Sequence[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Return the different n-grams of each text: its number, their kind, hash and count."""
    words, word_hashes = word_grams(texts, spec.words)
    pieces, piece_hashes = character_grams(texts, *spec.characters)
    slots = np.concatenate([words * _BLOCKS, pieces * _BLOCKS + 1])
    keys = (slots.astype(np.uint64) << np.uint64(32)) | np.concatenate([word_hashes, piece_hashes])
    keys, counts = np.unique(keys, return_counts=True)
    slots = (keys >> np.uint64(32)).astype(np.int64)
    return slots // _BLOCKS, slots % _BLOCKS, keys.astype(np.uint32), counts


def _most_frequent(counts: npt.NDArray[np.int64], fewest: int, most: int) -> npt.NDArray[np.int64]:
    """Return the positions, ascending, of what is in at least `fewest` texts; of more than `most` the most frequent."""
    order = np.argsort(-counts, kind="stable")[:most]
    return np.sort(order[counts[order] >= fewest])
