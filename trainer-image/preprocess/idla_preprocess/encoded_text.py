"""Texts for a network with a pretrained encoder: the numbers of their word pieces beside their weighted n-grams."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Arrays, InputError, Tensor
from idla_preprocess.checks import check_array, check_whole, raw_texts
from idla_preprocess.stored import Stored
from idla_preprocess.text import TextSpec
from idla_preprocess.word_pieces import WordPieces

LONGEST_TOKENS = 512
"""Positions that encoders of this kind know."""
_SHORTEST = 2
"""Those of the tokens that begin and end a text."""
_MOST_BYTES = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTextSpec(Stored):
    """One text to `tokens` [N, tokens], and to the `ids` and `weights` of its n-grams as `TextSpec` has them.

    Token 0 pads. Of a longer text the beginning is read, up to as many characters as the n-grams read.
    """

    kind: ClassVar[str] = "encoded-text"
    array_names: ClassVar[tuple[str, ...]] = ("vocabulary",)
    parts: ClassVar[Mapping[str, Any]] = {"ngrams": TextSpec}

    ngrams: TextSpec
    tokens: int
    """Tokens of a text that are read, those at its beginning and end among them."""
    vocabulary: npt.NDArray[np.uint8]
    """The word pieces in the order of their numbers: UTF-8, a line feed between two."""
    _pieces: WordPieces = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what describes no such lists.

        Raises:
            InputError: no n-grams, a number that is out of its range, or a vocabulary that is none.
        """
        ngrams: object = self.ngrams
        if not isinstance(ngrams, TextSpec):
            raise InputError("ngrams", type(ngrams).__name__, "a JSON object")
        check_whole("tokens", self.tokens, _SHORTEST, LONGEST_TOKENS)
        check_array("vocabulary", self.vocabulary, np.uint8)
        if len(self.vocabulary) > _MOST_BYTES:
            raise InputError("vocabulary", f"{len(self.vocabulary)} bytes", f"up to {_MOST_BYTES}")
        try:
            pieces = WordPieces(self.vocabulary.tobytes().decode().split("\n"))
        except ValueError as error:
            allowed = "UTF-8 of different tokens, [PAD] first, and [UNK], [CLS], [SEP]"
            raise InputError("vocabulary", str(error), allowed) from error
        object.__setattr__(self, "_pieces", pieces)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Return the raw input: one text an example."""
        return self.ngrams.inputs

    def to_tensors(self, raw: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Return `tokens` [N, tokens] of int32, and the n-grams' `ids` and `weights`.

        Args:
            raw: `text` [N], objects of `str`.

        Raises:
            InputError: no `text`, no example, another shape, or something that is no `str`.
        """
        lists = self.ngrams.to_tensors(raw)
        texts = raw_texts(raw, "text")
        tokens = np.zeros((len(texts), self.tokens), np.int32)
        for row, text in zip(tokens, texts, strict=True):
            found = self._pieces.encode(text[: self.ngrams.maximum_characters], self.tokens)
            row[: len(found)] = found
        return {"tokens": tokens, **lists}
