"""F1 of spam on the SMS collection, over grouped splits without copies across, beside a linear support vector machine.

`make .tools/peers/.stamp`, then `.venv/bin/python benchmarks/models/sms_spam.py [--splits 10]`; prints a line for each
split and JSON in the end. Nothing of a test split is seen before its model is chosen, compressed and published.
"""

import argparse
import json
import sys
import unicodedata
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.models.peers import interval
from benchmarks.models.product import DATA
from benchmarks.models.texts import Example, Labels, peer, run

SPEC = {"task": {"type": "TextClassification", "positiveLabel": "spam"}, "objectives": [{"metric": "f1"}]}
FOLDS = 5


def main() -> int:
    """Run the splits and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=10)
    splits = parser.parse_args().splits
    examples = read(DATA / "nlp/sms_spam.tsv")
    scores = []
    for seed in range(splits):
        test = test_positions(examples, seed)
        learned = [example for number, example in enumerate(examples) if number not in test]
        asked = [example for number, example in enumerate(examples) if number in test]
        truth = np.array([example.label for example in asked])
        found = run(learned, asked, SPEC)
        score = {
            "split": seed,
            "idla": f1(truth, np.array(found.answers["label"], dtype=str)),
            "float": f1(truth, np.array(found.float_answers["label"], dtype=str)),
            "svm": f1(truth, peer(learned, asked)),
            **found.told,
        }
        scores.append(score)
        print(json.dumps(score), flush=True)
    summary: dict[str, object] = {
        name: float(np.mean([score[name] for score in scores])) for name in ("idla", "float", "svm", "ratio")
    }
    if len(scores) > 1:
        summary["difference"] = interval([score["idla"] - score["svm"] for score in scores])
    print(json.dumps(summary))
    return 0


def read(path: Path) -> list[Example]:
    """Return the messages with their labels."""
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [Example(text, label) for label, text in (line.split("\t", 1) for line in lines)]


def test_positions(examples: list[Example], seed: int) -> set[int]:
    """Return a fifth of the messages, stratified; messages that are equal but for case and spaces stay together."""
    groups: dict[str, list[int]] = {}
    for number, example in enumerate(examples):
        groups.setdefault(" ".join(unicodedata.normalize("NFKC", example.text).casefold().split()), []).append(number)
    random = np.random.default_rng(seed)
    chosen: set[int] = set()
    for label in ("ham", "spam"):
        own = [group for group in groups.values() if examples[group[0]].label == label]
        for place in random.permutation(len(own))[: len(own) // FOLDS]:
            chosen.update(own[place])
    return chosen


def f1(truth: Labels, found: Labels) -> float:
    """Return the F1 of spam."""
    hits = np.count_nonzero((truth == "spam") & (found == "spam"))
    return float(2 * hits / (np.count_nonzero(truth == "spam") + np.count_nonzero(found == "spam")))


if __name__ == "__main__":
    sys.exit(main())
