"""IDLA on tables beside linear models, forests and boosted trees: repeated 5-fold, every peer on the same rows.

`make .tools/peers/.stamp`, then `.venv/bin/python benchmarks/models/tables.py abalone white-wine [--repeats 1]`; the
sets are abalone and white-wine (of ../shared/data), breast-cancer, and diabetes and wine (of scikit-learn). Prints a
line for each fold, and for each set the means with the paired differences of the folds. Equal records are tested in
one fold. IDLA (Balanced) learns, chooses, compresses and publishes by the training rows of a fold and is asked once;
the peers choose their settings by five inner folds of the same rows, from the grids that stand here. RMSE for values,
log loss for classes: less is better.
"""

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.models.folds import folds
from benchmarks.models.peers import answered, interval
from benchmarks.models.product import DATA, Outcome, run

_LOADED = """
from sklearn import datasets
found = getattr(datasets, "load_" + str(given["name"]))()
answers(data=found.data, target=found.target)
"""
_GRIDS = """
import warnings
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
warnings.simplefilter("ignore")
classes, names = bool(given["classes"]), given["categories"].tolist()
numbers = [place for place in range(given["train"].shape[1]) if place not in names]
def seen(scaled):
    steps = (SimpleImputer(strategy="median"), StandardScaler()) if scaled else (SimpleImputer(strategy="median"),)
    return make_column_transformer(
        (make_pipeline(*steps), numbers), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), names))
linear = LogisticRegression(max_iter=2000) if classes else Ridge()
strengths = {"logisticregression__C": [0.01, 0.1, 1.0, 10.0]} if classes else {"ridge__alpha": [0.1, 1.0, 10.0, 100.0]}
forest = (RandomForestClassifier if classes else RandomForestRegressor)(300, random_state=0, n_jobs=-1)
kind = "randomforestclassifier" if classes else "randomforestregressor"
boosted = (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(random_state=0)
step = "histgradientboostingclassifier" if classes else "histgradientboostingregressor"
grids = {
    "linear": (make_pipeline(seen(True), linear), strengths),
    "forest": (make_pipeline(seen(False), forest), {kind + "__min_samples_leaf": [1, 3, 10]}),
    "boosting": (make_pipeline(seen(False), boosted), {
        step + "__learning_rate": [0.03, 0.1], step + "__max_iter": [100, 300], step + "__max_leaf_nodes": [7, 31]}),
}
scoring = "neg_log_loss" if classes else "neg_root_mean_squared_error"
found = {}
for name, (model, grid) in grids.items():
    search = GridSearchCV(model, grid, scoring=scoring, cv=GroupKFold(5, shuffle=True, random_state=0))
    search.fit(given["train"], given["truth"], groups=given["groups"])
    found[name] = search.predict_proba(given["test"]) if classes else search.predict(given["test"])
answers(**found)
"""
_PEERS = ("linear", "forest", "boosting")
_LEAST = 1e-15

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A set of records."""

    columns: Floats
    """[N, F]; NaN is missing, a category is its number."""
    truth: npt.NDArray[Any]
    """Values, or numbers of classes from 0."""
    names: Mapping[int, Sequence[str]]
    """Of the categories of some columns."""
    classes: int
    """0 where values are predicted."""


def main() -> int:
    """Run the folds of some sets and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", choices=sorted(_SETS))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--preset", default="Balanced")
    parser.add_argument("--template", action="append", help="try these alone")
    options = parser.parse_args()
    for name in options.sets:
        table = _SETS[name]()
        groups = _equal(table.columns)
        strata = table.truth.tolist() if table.classes else _fifths(table.truth).tolist()
        found: dict[str, list[float]] = {}
        for repeat in range(options.repeats):
            for learned, tested in folds(strata, groups.tolist(), options.folds, repeat):
                outcome = run(*_given(table, learned, tested, options))
                scores = _scores(table, groups, learned, tested, outcome)
                for who, score in scores.items():
                    found.setdefault(who, []).append(score)
                print(json.dumps({"set": name, "scores": scores, **outcome.told}), flush=True)
        better = {peer: interval(np.subtract(found[peer], found["idla"]).tolist()) for peer in _PEERS}
        means = {who: float(np.mean(scores)) for who, scores in found.items()}
        print(json.dumps({"set": name, "means": means, "better by": better}), flush=True)
    return 0


def _given(
    table: Table, learned: npt.NDArray[np.int64], tested: npt.NDArray[np.int64], options: argparse.Namespace
) -> tuple[Mapping[str, bytes], Mapping[str, Any], Mapping[str, npt.NDArray[Any]]]:
    """Return the files of a run, its spec, and the test rows as a client sends them."""
    spec: dict[str, Any] = {
        "task": {"type": "TabularClassification" if table.classes else "TabularRegression"},
        "objectives": [{"metric": "logLoss" if table.classes else "rmse"}],
        "preset": options.preset,
        "data": {
            "storageUri": "train.csv",
            "testStorageUri": "test.csv",
            "columns": {"label" if table.classes else "target": "answer"},
            "split": {"trainPercent": 80, "validationPercent": 20},
        },
    }
    if options.template:
        spec["model"] = {"selection": "Shortlist", "templateRefs": [{"name": name} for name in options.template]}
    files = {"train.csv": _written(table, learned), "test.csv": _written(table, tested)}
    return files, spec, {f"c{place}": _sent(table, place, tested) for place in range(table.columns.shape[1])}


def _sent(table: Table, place: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    values = table.columns[rows, place]
    if place not in table.names:
        return np.asarray(values, np.float32)
    found: npt.NDArray[Any] = np.array([table.names[place][int(value)] for value in values], dtype=object)
    return found


def _written(table: Table, rows: npt.NDArray[np.int64]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    width = table.columns.shape[1]
    writer.writerow([*(f"c{place}" for place in range(width)), "answer"])
    columns = [_sent(table, place, rows).tolist() for place in range(width)]
    truth = [f"class {value}" if table.classes else value for value in table.truth[rows].tolist()]
    for row in zip(*columns, truth, strict=True):
        writer.writerow(["" if value != value else value for value in row])  # noqa: PLR0124 - NaN alone differs from itself
    return text.getvalue().encode()


def _equal(columns: Floats) -> npt.NDArray[np.int64]:
    """Return for each record a number that equal ones share [N]."""
    filled = np.nan_to_num(columns, nan=np.inf)
    return np.asarray(np.unique(filled, axis=0, return_inverse=True)[1], np.int64).ravel()


def _scores(
    table: Table,
    groups: npt.NDArray[np.int64],
    learned: npt.NDArray[np.int64],
    tested: npt.NDArray[np.int64],
    outcome: Outcome,
) -> dict[str, float]:
    peers = answered(
        _GRIDS,
        {
            "train": table.columns[learned],
            "truth": table.truth[learned],
            "test": table.columns[tested],
            "groups": groups[learned],
            "classes": np.array(table.classes),
            "categories": np.array(sorted(table.names), np.int64),
        },
    )
    answer = "probabilities" if table.classes else "value"
    found = {"idla": outcome.answers[answer], "float": outcome.float_answers[answer], **peers}
    return {name: _score(table, tested, np.asarray(values, np.float64)) for name, values in found.items()}


def _score(table: Table, tested: npt.NDArray[np.int64], answers: Floats) -> float:
    truth = table.truth[tested]
    if not table.classes:
        return float(np.sqrt(np.mean((answers.ravel() - truth) ** 2)))
    given = answers[np.arange(len(truth)), truth]
    return float(-np.log(np.clip(given, _LEAST, 1)).mean())


def _fifths(values: Floats) -> npt.NDArray[np.int64]:
    return np.asarray(np.searchsorted(np.quantile(values, [0.2, 0.4, 0.6, 0.8]), values), np.int64)


def _abalone() -> Table:
    rows = [line.split(",") for line in (DATA / "tabular/abalone.csv").read_text().split()]
    sexes = sorted({row[0] for row in rows})
    columns = np.array([[sexes.index(row[0]), *map(float, row[1:-1])] for row in rows])
    return Table(columns, np.array([float(row[-1]) for row in rows]), {0: sexes}, 0)


def _white_wine() -> Table:
    rows = np.array([line.split(",") for line in (DATA / "tabular/winequality-white.csv").read_text().split()], float)
    return Table(rows[:, :-1], rows[:, -1], {}, 0)


def _breast_cancer() -> Table:
    rows = [line.split(",") for line in (DATA / "medical/breast-cancer-wisconsin.csv").read_text().split()]
    columns = np.array([[np.nan if cell == "?" else float(cell) for cell in row[:-1]] for row in rows])
    return Table(columns, np.array([int(row[-1] == "4") for row in rows]), {}, 2)


def _of_scikit_learn(name: str, classes: int) -> Table:
    found = answered(_LOADED, {"name": np.array(name)})
    return Table(found["data"].astype(np.float64), found["target"], {}, classes)


_SETS: Mapping[str, Callable[[], Table]] = {
    "abalone": _abalone,
    "white-wine": _white_wine,
    "breast-cancer": _breast_cancer,
    "diabetes": lambda: _of_scikit_learn("diabetes", 0),
    "wine": lambda: _of_scikit_learn("wine", 3),
}


if __name__ == "__main__":
    sys.exit(main())
