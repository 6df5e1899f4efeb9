"""Accuracy on banking77's given split, from nothing, beside a linear support vector machine; and the refusals.

`make .tools/peers/.stamp`, then `.venv/bin/python benchmarks/models/banking77.py [--seeds 3] [--held-out 0]`; prints a
line for each seed of training and split, and JSON in the end. With `--held-out 15`, so many intents are taken out of
the training and asked as sentences out of scope: AUROC of the confidence, and the false positive rate where 95 % of the
sentences in scope pass.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.models.peers import bootstrap
from benchmarks.models.product import DATA
from benchmarks.models.texts import Example, peer, run

SPEC = {"task": {"type": "IntentDetection"}, "objectives": [{"metric": "accuracy"}]}
PASSING = 0.95


def main() -> int:
    """Run the seeds and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--held-out", type=int, default=0)
    options = parser.parse_args()
    train, test = (read(DATA / f"dialog/banking77_{part}.csv") for part in ("train", "test"))
    if options.held_out:
        print(json.dumps(refusals(train, test, options.held_out)))
        return 0
    truth = np.array([example.label for example in test])
    theirs = peer(train, test) == truth
    scores = []
    for seed in range(options.seeds):
        split = {"trainPercent": 90, "validationPercent": 10, "seed": seed}
        found = run(train, test, {**SPEC, "data": {"split": split}})
        ours, plain = (
            np.array(answers["probabilities"]).argmax(axis=1) for answers in (found.answers, found.float_answers)
        )
        names = np.array(sorted(set(truth)))
        score = {
            "seed": seed,
            "idla": float((names[ours] == truth).mean()),
            "float": float((names[plain] == truth).mean()),
            "svm": float(theirs.mean()),
            "difference": bootstrap(names[ours] == truth, theirs),
            **found.told,
        }
        scores.append(score)
        print(json.dumps(score), flush=True)
    values = [score["idla"] for score in scores]
    print(json.dumps({"idla": float(np.mean(values)), "spread": float(np.std(values)), "svm": float(theirs.mean())}))
    return 0


def refusals(train: list[Example], test: list[Example], count: int) -> dict[str, float]:
    """Return how well sentences of intents that training never saw are told from the others."""
    names = sorted({example.label for example in train})
    unknown = set(np.random.default_rng(0).permutation(names)[:count])
    learned = [example for example in train if example.label not in unknown]
    known = [example for example in test if example.label not in unknown]
    strange = [Example(example.text, known[0].label) for example in test if example.label in unknown]
    found = run(learned, known + strange, SPEC)
    confidence, label = np.array(found.answers["confidence"]), np.array(found.answers["label"], dtype=str)
    inside = np.arange(len(confidence)) < len(known)
    limit = np.quantile(confidence[inside], 1 - PASSING, method="lower")
    return {
        "auroc": auroc(confidence[inside], confidence[~inside]),
        "fprAtRecall95": float((confidence[~inside] >= limit).mean()),
        "inScopePassed": float((label[inside] != "out_of_scope").mean()),
        "outOfScopeRefused": float((label[~inside] == "out_of_scope").mean()),
    }


def auroc(inside: npt.NDArray[np.float32], outside: npt.NDArray[np.float32]) -> float:
    """Return how often a sentence in scope has more confidence than one out of scope, ties as half."""
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, "left") + np.searchsorted(ordered, inside, "right")
    return float(below.mean() / 2 / len(ordered))


def read(path: Path) -> list[Example]:
    """Return the sentences with their intents."""
    with path.open(encoding="utf-8", newline="") as lines:
        return [Example(row["text"], row["category"]) for row in csv.DictReader(lines)]


if __name__ == "__main__":
    sys.exit(main())
