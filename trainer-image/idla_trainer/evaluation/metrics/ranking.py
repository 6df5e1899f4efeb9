"""Metrics of ranked items, over the full catalogue: sampled ones order recommenders differently (Krichene, 2020)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]


def ndcg(ranked: Positions, wanted: Sequence[npt.NDArray[np.integer]]) -> npt.NDArray[np.float64]:
    """Return the normalized discounted cumulative gain of each row (Järvelin and Kekäläinen, 2002), gains 0 or 1.

    Args:
        ranked: the chosen items [N, k], the best first; each once in a row, apart from negative numbers for none.
        wanted: for each row its relevant items, each once.

    Returns:
        From 0 to 1 [N]; 1 where the first ranks are all relevant; NaN where nothing is wanted.
    """
    hits = _hits(ranked, wanted)
    discounts = 1.0 / np.log2(np.arange(2, ranked.shape[1] + 2))
    ideal = np.concatenate([[np.nan], np.cumsum(discounts)])
    most = np.minimum([len(items) for items in wanted], ranked.shape[1])
    gains: npt.NDArray[np.float64] = hits @ discounts / ideal[most]
    return gains


def recall(ranked: Positions, wanted: Sequence[npt.NDArray[np.integer]]) -> npt.NDArray[np.float64]:
    """Return for each row the share of its relevant items that was chosen, of at most k of them; else as `ndcg`."""
    hits = _hits(ranked, wanted).sum(axis=1)
    most = np.minimum([len(items) for items in wanted], ranked.shape[1])
    return np.where(most > 0, hits / np.maximum(most, 1), np.nan)


def _hits(ranked: Positions, wanted: Sequence[npt.NDArray[np.integer]]) -> npt.NDArray[np.float64]:
    if len(ranked) != len(wanted):
        raise ValueError(f"{len(ranked)} rankings and {len(wanted)} sets of wanted items cannot be compared")
    rows = [np.isin(row, items) for row, items in zip(ranked, wanted, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(ranked.shape)
