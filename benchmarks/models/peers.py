"""What the benchmarks share of their peers: a model of scikit-learn in its own environment, and paired differences."""

import math
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.models.product import ROOT

PYTHON = ROOT / ".tools/peers/bin/python"
_QUANTILES = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622)
_AROUND = """
import sys
import numpy as np
given = np.load(sys.argv[1], allow_pickle=False)
def answers(**arrays):
    np.savez(sys.argv[2], **arrays)
"""


def answered(code: str, given: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return what a script of the peers' environment (`make .tools/peers/.stamp`) answers.

    Args:
        code: finds its arrays in `given[name]` and calls `answers(name=array, ...)` once.
        given: no arrays of objects.
    """
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "given.npz", Path(name) / "answers.npz"
        np.savez(source, allow_pickle=False, **given)
        subprocess.run([str(PYTHON), "-c", _AROUND + code, str(source), str(target)], check=True)
        with np.load(target, allow_pickle=False) as found:
            return dict(found)


def interval(differences: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of paired differences and its 95 % interval by Student's t."""
    values = np.array(differences)
    half = _student(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half


def bootstrap(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> tuple[float, float, float]:
    """Return the mean difference of two scores of the same examples with its paired 95 % bootstrap interval."""
    difference = ours.astype(float) - theirs.astype(float)
    random = np.random.default_rng(0)
    means = [difference[random.integers(0, len(difference), len(difference))].mean() for _ in range(2000)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)


def _student(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t: of a table, or beyond it by the expansion of Cornish and Fisher."""
    if freedom <= len(_QUANTILES):
        return _QUANTILES[freedom - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
