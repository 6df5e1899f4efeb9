"""In how many texts each n-gram is, and how many known ones a text has, in bounded memory."""

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint32]
_Counts = npt.NDArray[np.int64]
_MERGED_AT = 1 << 21
"""Hashes that wait until they are counted."""
_MOST = 1 << 22
"""Different n-grams that are remembered."""
_MEASURED = 20_000
"""Texts whose n-grams are kept."""


class Frequencies:
    """Counts n-grams over texts that come in parts.

    Of more than 4 million different n-grams those that were seen once so far are forgotten again and again (lossy
    counting, Manku and Motwani 2002): what is in many texts is counted to within a few.
    """

    def __init__(self, texts: int) -> None:
        """Begin with none of the texts."""
        self._stride = -(-texts // _MEASURED)
        self._seen = 0
        self._waiting: list[Hashes] = []
        self._hashes: Hashes = np.zeros(0, np.uint32)
        self._counts: _Counts = np.zeros(0, np.int64)
        self._lists: list[tuple[npt.NDArray[np.int64], Hashes]] = []

    def add(self, texts: int, owners: npt.NDArray[np.int64], hashes: Hashes) -> None:
        """Count the different n-grams of some more texts.

        Args:
            texts: how many there are.
            owners: number of the text that each n-gram is of, from 0.
            hashes: of the n-grams.
        """
        chosen = (self._seen + owners) % self._stride == 0
        self._lists.append((owners[chosen], hashes[chosen]) if self._stride > 1 else (owners, hashes))
        self._seen += texts
        self._waiting.append(hashes)
        if sum(map(len, self._waiting)) >= _MERGED_AT:
            self._merge()
            if len(self._hashes) > _MOST:
                often = self._counts > 1
                self._hashes, self._counts = self._hashes[often], self._counts[often]

    def all(self) -> tuple[Hashes, _Counts]:
        """Return the n-grams, ascending, and in how many texts each is."""
        self._merge()
        return self._hashes, self._counts

    def sizes(self, known: Hashes) -> _Counts:
        """Return how many known n-grams a text has; of more than 20,000 texts for so many at equal distances."""
        found = [np.bincount(owners[np.isin(hashes, known)], minlength=1) for owners, hashes in self._lists]
        return np.concatenate(found if self._stride == 1 else [sizes[sizes > 0] for sizes in found])

    def _merge(self) -> None:
        hashes, counts = np.unique(np.concatenate([np.zeros(0, np.uint32), *self._waiting]), return_counts=True)
        self._waiting.clear()
        both, place = np.unique(np.concatenate([self._hashes, hashes]), return_inverse=True)
        totals = np.bincount(place, np.concatenate([self._counts, counts]), minlength=len(both))
        self._hashes, self._counts = both, totals.astype(np.int64)
