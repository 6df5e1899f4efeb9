"""Ratings and rankings of films by 400 users of MovieLens, beside the usual recommenders.

`.venv/bin/python benchmarks/models/movielens.py ratings|ranking [--seeds 3] [--preset Balanced]`; prints a line of JSON
for each peer and run. Ratings: a random fifth is the test, drawn by the seed; root mean squared error. Ranking: the
latest fifth of each user's films is the test, the same for all seeds; NDCG and recall of the first ten over all films
that somebody met before, those that the user met left out. What a peer can set is chosen on a part of what is known,
cut as the test was, and it learns then from all that is known; IDLA validates on a twentieth of what is known, and
learns from that too once everything is chosen. Its figures are computed here from the files of the artifact alone.
"""

import argparse
import csv
import io
import itertools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from idla_preprocess.items import best
from idla_trainer.evaluation.metrics.ranking import ndcg, recall

from benchmarks.models.peers import bootstrap
from benchmarks.models.product import DATA, run
from benchmarks.models.recommenders import (
    Floats,
    Met,
    Numbers,
    by_bias,
    by_least_squares,
    by_neighbours,
    ease,
    neighbours,
    popularity,
)

FILE = DATA / "recommendation/ratings_users_1_400.csv"
TEST_PERCENT = 20
SPLIT = {"trainPercent": 95, "validationPercent": 5}
FIRST = 10
RATERS: Mapping[str, tuple[Callable[..., Floats], Mapping[str, Sequence[float]]]] = {
    "bias": (by_bias, {}),
    "ItemKNN": (by_neighbours, {"most": (20, 40, 80), "shrink": (10, 30, 100)}),
    "ALS": (by_least_squares, {"width": (8, 16, 32), "ridge": (0.1, 0.2, 0.4)}),
}
RANKERS: Mapping[str, tuple[Callable[..., Floats], Mapping[str, Sequence[float]]]] = {
    "popularity": (popularity, {}),
    "ItemKNN": (neighbours, {"most": (50, 200, 800), "shrink": (10, 50, 200)}),
    "EASE": (ease, {"ridge": (100, 200, 400, 800)}),
}


def main() -> int:
    """Run the peers and the product and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("ratings", "ranking"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", default="Balanced")
    options = parser.parse_args()
    for seed in range(1, options.seeds + 1):
        (ratings if options.what == "ratings" else ranking)(seed, options.preset)
    return 0


def ratings(seed: int, preset: str) -> None:
    """Print the errors of one random split."""
    rows, met = interactions()
    known, asked = cut_at_random(met, seed)
    inner = cut_at_random(met.at(known), seed)
    errors = {}
    for name, (rate, grid) in RATERS.items():

        def loss(settings: Mapping[str, float], rate: Callable[..., Floats] = rate) -> float:
            first, second = (met.at(known[part]) for part in inner)
            return float(np.mean((rate(first, second, **settings) - second.ratings) ** 2))

        settings = min(settings_of(grid), key=loss)
        found = rate(met.at(known), met.at(asked), **settings)
        errors[name] = (found - met.ratings[asked]) ** 2
        tell(seed, name, settings, rmse=np.sqrt(errors[name].mean()))
    columns = {"user": "userId", "item": "movieId", "rating": "rating"}
    raw = {"user": names(rows, "userId", asked), "item": names(rows, "movieId", asked)}
    outcome = run(files(rows, known, asked), spec("rmse", columns, seed, preset), raw)
    found = outcome.answers["rating"].astype(float)
    errors["idla"] = (found - met.ratings[asked]) ** 2
    less = {name: rounded(bootstrap(errors[name], errors["idla"])) for name in RATERS}
    plain = np.sqrt(np.mean((outcome.float_answers["rating"].astype(float) - met.ratings[asked]) ** 2))
    tell(seed, "idla", {}, rmse=np.sqrt(errors["idla"].mean()), float=plain, squaresLessThan=less, **outcome.told)


def ranking(seed: int, preset: str) -> None:
    """Print how the latest films of each user are ranked."""
    rows, met = interactions()
    times = np.array([float(row["timestamp"]) for row in rows])
    known, asked = cut_by_time(met, times)
    inner = cut_by_time(met.at(known), times[known])
    gains = {}
    for name, (score, grid) in RANKERS.items():

        def loss(settings: Mapping[str, float], score: Callable[..., Floats] = score) -> float:
            first, second = (met.at(known[part]) for part in inner)
            return -float(np.mean(ranked(score(first, **settings), first, second)[0]))

        settings = min(settings_of(grid), key=loss)
        gains[name], shares = ranked(score(met.at(known), **settings), met.at(known), met.at(asked))
        tell(seed, name, settings, ndcgAt10=gains[name].mean(), recallAt10=shares.mean())
    users = np.unique(met.users[asked])
    who = np.array([np.flatnonzero(met.users == user)[0] for user in users])
    columns = {"user": "userId", "item": "movieId", "timestamp": "timestamp"}
    outcome = run(
        files(rows, known, asked), spec("ndcgAt10", columns, seed, preset), {"user": names(rows, "userId", who)}
    )
    number = {row["movieId"]: item for row, item in zip(rows, met.items.tolist(), strict=True)}
    wanted = [met.items[asked[met.users[asked] == user]] for user in users]
    for name, answers in (("float", outcome.float_answers), ("idla", outcome.answers)):
        places = np.array([[number[item] for item in row] for row in answers["items"].tolist()])
        gains[name], shares = ndcg(places, wanted), recall(places, wanted)
        tell(seed, name, {}, ndcgAt10=gains[name].mean(), recallAt10=shares.mean())
    more = {name: rounded(bootstrap(gains["idla"], gains[name])) for name in RANKERS}
    tell(seed, "idla", {}, more=more, **outcome.told)


def interactions() -> tuple[list[dict[str, str]], Met]:
    """Return the rows of the file, and the same as numbers."""
    with FILE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    users, items = (np.unique([row[name] for row in rows], return_inverse=True)[1] for name in ("userId", "movieId"))
    rating = np.array([float(row["rating"]) for row in rows])
    return rows, Met(users, items, rating, (int(users.max()) + 1, int(items.max()) + 1))


def cut_at_random(met: Met, seed: int) -> tuple[Numbers, Numbers]:
    """Return the positions to learn from and those of the test."""
    order = np.random.default_rng(seed).permutation(len(met.users))
    count = len(order) * TEST_PERCENT // 100
    return np.sort(order[count:]), np.sort(order[:count])


def cut_by_time(met: Met, times: Floats) -> tuple[Numbers, Numbers]:
    """Return the same with each user's latest ones, a whole number rounded down, as the test."""
    order = np.lexsort((times, met.users))
    counts = np.bincount(met.users)
    left = (np.cumsum(counts) - 1)[met.users[order]] - np.arange(len(order))
    test = left < (counts * TEST_PERCENT // 100)[met.users[order]]
    return np.sort(order[~test]), np.sort(order[test])


def ranked(scores: Floats, known: Met, asked: Met) -> tuple[Floats, Floats]:
    """Return NDCG and recall of every user who is asked for, over the films that somebody met before."""
    users = np.unique(asked.users)
    nobody = np.setdiff1d(np.arange(known.shape[1]), known.items)
    out = [np.union1d(known.items[known.users == user], nobody) for user in users]
    places = best(scores[users], out, FIRST)
    wanted = [asked.items[asked.users == user] for user in users]
    return ndcg(places, wanted), recall(places, wanted)


def settings_of(grid: Mapping[str, Sequence[float]]) -> list[dict[str, float]]:
    """Return every combination of a grid."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def files(rows: Sequence[Mapping[str, str]], known: Numbers, asked: Numbers) -> dict[str, bytes]:
    """Return what is learned from and the test as CSV files."""
    found = {}
    for name, chosen in (("known.csv", known), ("test.csv", asked)):
        text = io.StringIO()
        table = csv.DictWriter(text, list(rows[0]))
        table.writeheader()
        table.writerows(rows[row] for row in chosen)
        found[name] = text.getvalue().encode()
    return found


def names(rows: Sequence[Mapping[str, str]], column: str, chosen: Numbers) -> Any:
    """Return the names of a column as a client sends them."""
    return np.array([rows[row][column] for row in chosen], dtype=object)


def spec(metric: str, columns: Mapping[str, str], seed: int, preset: str) -> dict[str, Any]:
    """Return the workflow."""
    return {
        "task": {"type": "Recommendation"},
        "data": {
            "storageUri": "known.csv", "testStorageUri": "test.csv", "columns": columns, "split": SPLIT,
        },
        "objectives": [{"metric": metric}],
        "preset": preset,
        "training": {"seed": seed},
    }  # fmt: skip


def tell(seed: int, name: str, settings: Mapping[str, float], **figures: Any) -> None:
    """Print a line."""
    rest = {
        key: round(float(value), 4) if isinstance(value, int | float | np.number) else value
        for key, value in figures.items()
    }
    print(json.dumps({"seed": seed, "name": name, "settings": dict(settings), **rest}), flush=True)


def rounded(numbers: Sequence[float]) -> list[float]:
    """Return the numbers with four decimals."""
    return [round(number, 4) for number in numbers]


if __name__ == "__main__":
    sys.exit(main())
