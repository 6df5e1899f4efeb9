"""Sales of shops that know their promotions, prices and holidays ahead, forecast with that knowledge and without it.

`.venv/bin/python benchmarks/models/known_covariates.py [--seeds 3] [--preset Fast] [--epochs 30]`; prints a line for
each run and the means in the end. The data are drawn: a seed is that of the data and of the training. Each shop's sales
drift, repeat each week, are up to three times as high at its promotions, fall with the price, and are less than half on
holidays; the noise is 5 %. The errors over two weeks ahead are computed here from the artifact's files and the drawn
numbers. `naive` is the week before; `floor` knows how sales come about, but for the level, which it takes from the
window.
"""

import argparse
import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.models.product import run

SHOPS, DAYS = 12, 900
HISTORY, HORIZON = 28, 14
KNOWN = ("promo", "price", "holiday")
TEST_FROM = DAYS - DAYS // 5
_HOLIDAYS = {(1, 1): "new year", (5, 1): "may day", (12, 25): "christmas"}
_NOISE, _DRIFT = 0.05, 0.01

Drawn = dict[str, npt.NDArray[Any]]
"""By name [days, shops]; `date` and `holiday` [days]; `factor` is what of `sold` is no level and no noise."""


def main() -> int:
    """Run the seeds and print their errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", default="Fast")
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    found: dict[str, list[float]] = {"with": [], "without": [], "naive": [], "floor": []}
    for seed in range(1, options.seeds + 1):
        data = drawn(seed)
        first = np.arange(TEST_FROM, DAYS - HORIZON + 1)
        targets = windows(data["sold"], first, HORIZON)
        week = np.concatenate([windows(data["sold"], first - 7, 7)] * (HORIZON // 7), axis=1)
        level = windows(data["sold"] / data["factor"], first - HISTORY, HISTORY).mean(axis=1, keepdims=True)
        found["naive"].append(rmse(targets, week))
        found["floor"].append(rmse(targets, level * windows(data["factor"], first, HORIZON)))
        for name, known in (("with", KNOWN), ("without", ())):
            answers, told = forecast(data, first, known, seed=seed, preset=options.preset, epochs=options.epochs)
            found[name].append(rmse(targets, answers))
            print(json.dumps({"seed": seed, "name": name, "rmse": found[name][-1], **told}), flush=True)
    for name, errors in found.items():
        print(
            json.dumps(
                {"name": name, "mean": round(float(np.mean(errors)), 2), "spread": round(float(np.std(errors)), 2)}
            )
        )
    return 0


def drawn(seed: int) -> Drawn:
    """Return the sales of all shops."""
    random = np.random.default_rng(seed)
    dates = np.datetime64("2022-01-01") + np.arange(DAYS)
    days = [date.astype(object) for date in dates]
    holiday = np.array([_HOLIDAYS.get((day.month, day.day), "") for day in days], object)
    promo = (random.random((DAYS, SHOPS)) < 0.15).astype(float)  # noqa: PLR2004 - a seventh of all days
    price = np.round(5 + np.cumsum(random.normal(0, 0.05, (DAYS, SHOPS)), axis=0) - promo, 2)
    lift = 1 + promo * np.linspace(0.25, 2, SHOPS)
    week = 1 + 0.3 * np.sin(2 * np.pi * (np.arange(DAYS)[:, np.newaxis] + np.arange(SHOPS)) / 7)
    factor = lift * week * (price / 5) ** -0.5 * np.where(holiday == "", 1, 0.4)[:, np.newaxis]
    level = np.linspace(20, 200, SHOPS) * np.exp(np.cumsum(random.normal(0, _DRIFT, (DAYS, SHOPS)), axis=0))
    sold = np.round(level * factor * (1 + random.normal(0, _NOISE, (DAYS, SHOPS))), 2)
    return {"date": dates, "holiday": holiday, "promo": promo, "price": price, "sold": sold, "factor": factor}


def forecast(
    data: Drawn, first: npt.NDArray[np.int64], known: tuple[str, ...], *, seed: int, preset: str, epochs: int
) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    """Return what `idla run --local` makes of a long table answers, [N, horizon, shops], and what it tells."""
    columns: dict[str, Any] = {"series": ["shop"], "timestamp": "date", "target": "sold"}
    spec = {
        "task": {"type": "Forecasting", "history": HISTORY, "horizon": HORIZON},
        "data": {"storageUri": "sales.csv", "columns": columns | ({"knownCovariates": list(known)} if known else {})},
        "objectives": [{"metric": "rmse"}],
        "preset": preset,
        "training": {"seed": seed, "maxEpochs": epochs},
        "compression": {"mode": "Off"},
    }
    everyone = {
        name: values if values.ndim > 1 else np.repeat(values[:, np.newaxis], SHOPS, 1) for name, values in data.items()
    }
    raw: Drawn = {name: windows(everyone[name], first - HISTORY, HISTORY + HORIZON) for name in known}
    raw["series"] = windows(data["sold"], first - HISTORY, HISTORY).astype(np.float32)
    raw["time"] = data["date"][first - 1].astype("datetime64[s]").astype(np.int64)
    outcome = run({"sales.csv": long_table(everyone)}, spec, raw)
    return outcome.answers["forecast"], outcome.told


def long_table(everyone: Drawn) -> bytes:
    """Return the file: a row for each shop and day, with what is known ahead."""
    text = io.StringIO()
    writer = csv.writer(text)
    names = ("date", "sold", *KNOWN)
    writer.writerow(["shop", *names])
    for shop in range(SHOPS):
        writer.writerows(
            [f"shop{shop}", *row] for row in zip(*(everyone[name][:, shop] for name in names), strict=True)
        )
    return text.getvalue().encode()


def windows(values: npt.NDArray[Any], first: npt.NDArray[np.int64], length: int) -> npt.NDArray[Any]:
    """Return rows [N, length, ...] from each first one on."""
    return np.stack([values[row : row + length] for row in first])


def rmse(targets: npt.NDArray[Any], answers: npt.NDArray[Any]) -> float:
    """Return the root mean squared error over all steps and shops."""
    return round(float(np.sqrt(np.mean((targets - answers) ** 2))), 3)


if __name__ == "__main__":
    sys.exit(main())
