"""Speeds of 207 sensors on Los Angeles' roads, 15, 30 and 60 minutes ahead, beside persistence and a ridge regression.

`.venv/bin/python benchmarks/models/los_loop.py [--seeds 3] [--preset Balanced] [--template graph-forecaster]`; prints a
line for each seed and JSON in the end. The protocol is that of T-GCN (Zhao et al. 2020): the first 80 % of the 2,016
rows are there to learn from and to choose by, all targets of the last 20 % are forecast. The file has no missing value:
its authors filled what was missing by interpolation, and its lowest speed is 1. The errors are told at the step and
averaged up to it, in miles per hour; those of IDLA are computed here from the artifact's files and the raw data alone.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from idla_trainer.evaluation.metrics.forecasting import coverage, rmse_at, rmse_until

from benchmarks.models.product import DATA, run

FILE = DATA / "traffic/los_speed.csv"
HISTORY = HORIZON = 12
STEPS = (3, 6, 12)
TEST_PERCENT, VALIDATION_PERCENT = 20, 8
PENALTIES = (1e3, 3e3, 1e4, 3e4, 1e5)
LEVELS = (0.1, 0.5, 0.9)
_BLOCK = 24
"""Windows of a block of the bootstrap: twice the horizon, since windows that overlap err alike."""
_ROUNDS = 2000

Floats = npt.NDArray[np.float64]


def main() -> int:
    """Run the peers and the seeds and print their errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", default="Balanced")
    parser.add_argument("--template", help="pin this one; default: IDLA chooses")
    options = parser.parse_args()
    values = np.loadtxt(FILE, delimiter=",", skiprows=1)
    rows = len(values)
    test_from = rows - -(-rows * TEST_PERCENT // 100)
    validation_from = test_from - -(-rows * VALIDATION_PERCENT // 100)
    first = np.arange(test_from, rows - HORIZON + 1)
    targets = following(values, first)
    peers = {"persistence": persistence(values, first), "ridge": ridge(values, validation_from, test_from, first)}
    for name, forecast in peers.items():
        print(json.dumps({"name": name} | errors(targets, forecast)), flush=True)
    found = []
    for seed in range(1, options.seeds + 1):
        score = ours(values, first, targets, peers, seed=seed, preset=options.preset, template=options.template)
        found.append(score)
        print(json.dumps(score), flush=True)
    at = np.array([score["at"] for score in found])
    until = np.array([score["until"] for score in found])
    whole = {"at": rounded(at.mean(0)), "until": rounded(until.mean(0)), "spread": rounded(at.std(0))}
    print(json.dumps({"name": "idla", "seeds": options.seeds} | whole))
    return 0


def following(values: Floats, first: npt.NDArray[np.int64]) -> Floats:
    """Return the targets [N, horizon, sensors] that begin at these rows."""
    return np.stack([values[row : row + HORIZON] for row in first])


def persistence(values: Floats, first: npt.NDArray[np.int64]) -> Floats:
    """Return the last value for every step."""
    repeated: Floats = np.repeat(values[first - 1][:, np.newaxis], HORIZON, axis=1)
    return repeated


def ridge(values: Floats, validation_from: int, test_from: int, first: npt.NDArray[np.int64]) -> Floats:
    """Return the forecasts of a ridge regression from all windows to all changes, its penalty chosen on validation."""
    held_out = np.arange(validation_from, test_from - HORIZON + 1)
    truth = following(values, held_out)
    losses = [rmse_until(truth, fitted(values, validation_from, held_out, penalty), HORIZON) for penalty in PENALTIES]
    return fitted(values, test_from, first, PENALTIES[int(np.argmin(losses))])


def fitted(values: Floats, end: int, wanted: npt.NDArray[np.int64], penalty: float) -> Floats:
    """Return the forecasts of a ridge regression on the rows before `end`, solved in its dual form."""
    location, scale = values[:end].mean(axis=0), values[:end].std(axis=0)

    def features(first: npt.NDArray[np.int64]) -> Floats:
        windows = np.stack([(values[row - HISTORY : row] - location) / scale for row in first])
        return np.concatenate([windows.reshape(len(first), -1), np.ones((len(first), 1))], axis=1)

    learned = np.arange(HISTORY, end - HORIZON + 1)
    changes = (following(values, learned) - persistence(values, learned)) / scale
    known = features(learned)
    dual = np.linalg.solve(known @ known.T + penalty * np.eye(len(known)), changes.reshape(len(known), -1))
    forecast: Floats = (features(wanted) @ known.T @ dual).reshape(len(wanted), HORIZON, -1)
    forecast *= scale
    return forecast + persistence(values, wanted)


def ours(  # noqa: PLR0913 - the settings of one run
    values: Floats,
    first: npt.NDArray[np.int64],
    targets: Floats,
    peers: Mapping[str, Floats],
    *,
    seed: int,
    preset: str,
    template: str | None,
) -> dict[str, Any]:
    """Return the errors of what `idla run --local` makes of the file."""
    shares = {"validationPercent": VALIDATION_PERCENT, "testPercent": TEST_PERCENT}
    spec: dict[str, Any] = {
        "task": {"type": "Forecasting", "history": HISTORY, "horizon": HORIZON, "periodSeconds": 300},
        "data": {
            "storageUri": "speeds.csv",
            "header": True,
            "split": {"trainPercent": 100 - sum(shares.values()), **shares},
        },
        "objectives": [{"metric": "rmse"}],
        "preset": preset,
        "training": {"seed": seed},
    }
    if template is not None:
        spec["model"] = {"selection": "Pinned", "templateRefs": [{"name": template}]}
    windows = np.stack([values[row - HISTORY : row] for row in first]).astype(np.float32)
    found = run({"speeds.csv": FILE.read_bytes()}, spec, {"series": windows, "time": (first - 1) * 300})
    forecast = found.answers["forecast"].astype(np.float64)
    return {
        "name": "idla", "seed": seed, **found.told, **errors(targets, forecast),
        "float": rounded([rmse_at(targets, found.float_answers["forecast"], step) for step in STEPS]),
        "coverage": round(coverage(targets, found.answers["quantiles"], LEVELS), 3),
        "lessThanRidge": paired(targets, peers["ridge"], forecast),
        "bytes": [found.served_bytes, found.float_bytes],
    }  # fmt: skip


def errors(targets: Floats, forecast: Floats) -> dict[str, list[float]]:
    """Return the root mean squared errors after 15, 30 and 60 minutes, and averaged up to them."""
    return {
        "at": rounded([rmse_at(targets, forecast, step) for step in STEPS]),
        "until": rounded([rmse_until(targets, forecast, step) for step in STEPS]),
    }


def paired(targets: Floats, theirs: Floats, forecast: Floats) -> list[list[float]]:
    """Return how much smaller the second error is at each step, with its 95 % interval by a moving-block bootstrap."""
    random = np.random.default_rng(0)
    count = len(targets)
    starts = random.integers(0, count - _BLOCK + 1, (_ROUNDS, -(-count // _BLOCK)))
    chosen = (starts[..., np.newaxis] + np.arange(_BLOCK)).reshape(_ROUNDS, -1)[:, :count]
    found = []
    for step in STEPS:
        squares = [((answer - targets)[:, step - 1] ** 2).mean(axis=1) for answer in (theirs, forecast)]
        whole = np.sqrt(squares[0].mean()) - np.sqrt(squares[1].mean())
        drawn = np.sqrt(squares[0][chosen].mean(axis=1)) - np.sqrt(squares[1][chosen].mean(axis=1))
        found.append(rounded([whole, *np.quantile(drawn, [0.025, 0.975])]))
    return found


def rounded(numbers: Any) -> list[float]:
    """Return the numbers with three decimals."""
    return [round(float(number), 3) for number in numbers]


if __name__ == "__main__":
    sys.exit(main())
