"""Log loss, Brier score and AUC on Wisconsin's breast cancer records, repeated grouped 10-fold, beside two peers.

`make .tools/peers/.stamp`, then `.venv/bin/python benchmarks/models/breast_cancer.py [--repeats 1] [--folds 10]`;
prints a line for each fold and JSON in the end. Records that are equal in all nine findings are tested in one fold.
Every fold is tested once, after IDLA (Balanced, judged by log loss) has chosen, compressed and published by a tenth of
the others. The peers, a logistic regression and a histogram gradient boosting, choose their settings by log loss over
five inner folds, grouped alike; the grids stand here. The scores are those of all answers of a repeat together, as a
fold of 70 is too small for an AUC; the intervals are paired bootstraps over the groups.
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
from benchmarks.models.folds import folds
from benchmarks.models.peers import answered
from benchmarks.models.product import DATA, run

POSITIVE = "4"
SPEC = {
    "task": {"type": "TabularClassification", "positiveLabel": POSITIVE},
    "objectives": [{"metric": "logLoss"}],
    "preset": "Balanced",
    "data": {
        "storageUri": "train.csv",
        "testStorageUri": "test.csv",
        "header": False,
        "columns": {"label": "9"},
        "split": {"trainPercent": 80, "validationPercent": 20},
    },
}
_PEERS = """
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
linear = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000))
boosted = HistGradientBoostingClassifier(random_state=0)
grids = {
    "logistic": (linear, {"logisticregression__C": [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]}),
    "boosting": (boosted, {"max_iter": [40, 80, 160], "learning_rate": [0.03, 0.1], "max_leaf_nodes": [4, 15]}),
}
inner = StratifiedGroupKFold(5, shuffle=True, random_state=0)
found = {}
for name, (model, grid) in grids.items():
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=inner)
    search.fit(given["train"], given["truth"], groups=given["groups"])
    found[name] = search.predict_proba(given["test"])[:, 1]
answers(**found)
"""
_ROUNDS = 2000
_LEAST = 1e-15

Floats = npt.NDArray[np.float64]
Truth = npt.NDArray[np.int64]


def main() -> int:
    """Run the folds and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--folds", type=int, default=10)
    options = parser.parse_args()
    lines = (DATA / "medical/breast-cancer-wisconsin.csv").read_text().split()
    rows = [line.split(",") for line in lines]
    findings = np.array([[float(cell) if cell != "?" else np.nan for cell in row[:-1]] for row in rows])
    truth = np.array([row[-1] == POSITIVE for row in rows]).astype(np.int64)
    names = {line: place for place, line in enumerate(dict.fromkeys(line.rsplit(",", 1)[0] for line in lines))}
    groups = np.array([names[line.rsplit(",", 1)[0]] for line in lines])
    for repeat in range(options.repeats):
        given: dict[str, Floats] = {}
        for number, (learned, tested) in enumerate(folds(truth.tolist(), groups.tolist(), options.folds, repeat)):
            files = {
                name: "".join(lines[place] + "\n" for place in places).encode()
                for name, places in (("train.csv", learned), ("test.csv", tested))
            }
            raw = {str(column): findings[tested, column] for column in range(findings.shape[1])}
            outcome = run(files, SPEC, raw)
            arrays = {"train": findings[learned], "truth": truth[learned], "groups": groups[learned]}
            found = {
                "idla": np.array(outcome.answers["probabilities"])[:, 1],
                "float": np.array(outcome.float_answers["probabilities"])[:, 1],
                **answered(_PEERS, arrays | {"test": findings[tested]}),
            }
            for name, probabilities in found.items():
                given.setdefault(name, np.zeros(len(truth)))[tested] = probabilities
            losses = {name: scores(truth[tested], own)["logLoss"] for name, own in found.items()}
            print(json.dumps({"repeat": repeat, "fold": number, "logLoss": losses, **outcome.told}), flush=True)
        whole = {name: scores(truth, probabilities) for name, probabilities in given.items()}
        print(json.dumps({"repeat": repeat, "scores": whole, "better": differences(truth, groups, given)}), flush=True)
    return 0


def scores(truth: Truth, probabilities: Floats) -> dict[str, float]:
    """Return log loss and Brier score, and AUC where both classes are there, of probabilities of the positive class."""
    clipped = np.clip(probabilities.astype(np.float64), _LEAST, 1 - _LEAST)
    found = {
        "logLoss": float(-np.log(np.where(truth == 1, clipped, 1 - clipped)).mean()),
        "brier": float(((probabilities - truth) ** 2).mean()),
    }
    positive, negative = probabilities[truth == 1], np.sort(probabilities[truth == 0])
    if len(positive) and len(negative):
        below = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
        found["auc"] = float(below.mean() / 2 / len(negative))
    return found


def differences(truth: Truth, groups: Truth, given: Mapping[str, Floats]) -> dict[str, Any]:
    """Return by how much IDLA is better than each peer in each score, with 95 % bootstrap intervals over groups."""
    random = np.random.default_rng(0)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    drawn = [
        np.concatenate([members[place] for place in random.integers(0, len(members), len(members))])
        for _ in range(_ROUNDS)
    ]
    found: dict[str, Any] = {}
    for peer in ("logistic", "boosting"):
        samples = [
            better(scores(truth[chosen], given["idla"][chosen]), scores(truth[chosen], given[peer][chosen]))
            for chosen in drawn
        ]
        whole = better(scores(truth, given["idla"]), scores(truth, given[peer]))
        found[peer] = {
            name: [value, *np.quantile([sample[name] for sample in samples], [0.025, 0.975]).tolist()]
            for name, value in whole.items()
        }
    return found


def better(ours: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, float]:
    """Return how much better the first scores are, as positive numbers."""
    return {name: ours[name] - theirs[name] if name == "auc" else theirs[name] - ours[name] for name in ours}


if __name__ == "__main__":
    sys.exit(main())
