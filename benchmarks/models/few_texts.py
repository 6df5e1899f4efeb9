"""Accuracy on few labelled texts, the sentence encoder beside TF-IDF with logistic regression and with an SVM.

`make .tools/peers/.stamp`, then `.venv/bin/python benchmarks/models/few_texts.py [--sets reviews intents messages]
[--splits 5] [--model sentence-encoder]`; prints a line for each split and JSON in the end. Each split has 800 texts to
learn from. Reviews: 200 of the other texts are the test; intents: 800 of banking77's training file, as even over the
classes as can be, and 1,000 of its test file; messages: of the SMS collection without copies, and 1,000 to test.
`--model any` leaves the choice to IDLA. Nothing of a test split is seen before its model is published.
"""

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.models.peers import answered, interval
from benchmarks.models.product import DATA
from benchmarks.models.texts import Example, peer, run
from tools.encoders import encoders_folder

LEARNED = 800
ASKED = 1000
_REVIEWS_ASKED = 200
_LOGISTIC = """
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\\w+|[^\\w\\s]")
characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
model = make_pipeline(make_union(words, characters), LogisticRegression(C=10.0, max_iter=1000))
answers(labels=model.fit(given["texts"], given["labels"]).predict(given["asked"]).astype(str))
"""

Split = tuple[list[Example], list[Example]]


def main() -> int:
    """Run the splits of every set and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--model", default="sentence-encoder")
    options = parser.parse_args()
    os.environ["IDLA_ENCODERS"] = str(encoders_folder())
    summaries = {name: _measure(name, options.splits, options.model) for name in options.sets}
    print(json.dumps(summaries))
    return 0


def _measure(name: str, splits: int, model: str) -> dict[str, Any]:
    scores = []
    for seed in range(splits):
        learned, asked = SETS[name](seed)
        truth = np.array([example.label for example in asked])
        found = run(learned, asked, _spec(model))
        score = {
            "set": name,
            "split": seed,
            "idla": _accuracy(truth, found.answers["label"]),
            "float": _accuracy(truth, found.float_answers["label"]),
            "logistic": _accuracy(truth, _logistic(learned, asked)),
            "svm": _accuracy(truth, peer(learned, asked)),
            "bytes": found.served_bytes,
            **found.told,
        }
        scores.append(score)
        print(json.dumps(score), flush=True)
    summary: dict[str, Any] = {
        each: float(np.mean([score[each] for score in scores]))
        for each in ("idla", "float", "logistic", "svm", "bytes")
    }
    if len(scores) > 1:
        for other in ("logistic", "svm"):
            summary[f"beyond {other}"] = interval([score["idla"] - score[other] for score in scores])
    return summary


def _spec(model: str) -> Mapping[str, Any]:
    spec: dict[str, Any] = {"task": {"type": "TextClassification"}, "objectives": [{"metric": "accuracy"}]}
    if model != "any":
        spec["model"] = {"selection": "Pinned", "templateRefs": [{"name": model}]}
    return spec


def reviews(seed: int) -> Split:
    """Return 800 and 200 sentences of film reviews."""
    lines = (DATA / "nlp/reviews_imdb.tsv").read_text(encoding="utf-8").rstrip("\n").split("\n")
    examples = [Example(text.strip(), label) for text, label in (line.rsplit("\t", 1) for line in lines)]
    order = np.random.default_rng(seed).permutation(len(examples))
    return _at(examples, order[:LEARNED]), _at(examples, order[LEARNED : LEARNED + _REVIEWS_ASKED])


def intents(seed: int) -> Split:
    """Return 800 of banking77's training sentences, class by class in turn, and 1,000 of its test sentences."""
    train, test = (_rows(part) for part in ("train", "test"))
    random = np.random.default_rng(seed)
    turns: list[tuple[int, int]] = []
    seen: dict[str, int] = {}
    for place in random.permutation(len(train)).tolist():
        label = train[place].label
        turns.append((seen.get(label, 0), place))
        seen[label] = seen.get(label, 0) + 1
    chosen = np.array([place for _, place in sorted(turns, key=lambda turn: turn[0])[:LEARNED]])
    return _at(train, chosen), _at(test, random.permutation(len(test))[:ASKED])


def messages(seed: int) -> Split:
    """Return 800 and 1,000 messages, of those that are equal but for case and spaces one each."""
    lines = (DATA / "nlp/sms_spam.tsv").read_text(encoding="utf-8").rstrip("\n").split("\n")
    once: dict[str, Example] = {}
    for label, text in (line.split("\t", 1) for line in lines):
        once.setdefault(" ".join(text.casefold().split()), Example(text, label))
    examples = list(once.values())
    order = np.random.default_rng(seed).permutation(len(examples))
    return _at(examples, order[:LEARNED]), _at(examples, order[LEARNED : LEARNED + ASKED])


SETS: Mapping[str, Callable[[int], Split]] = {"reviews": reviews, "intents": intents, "messages": messages}


def _rows(part: str) -> list[Example]:
    with (DATA / f"dialog/banking77_{part}.csv").open(encoding="utf-8", newline="") as file:
        return [Example(row["text"], row["category"]) for row in csv.DictReader(file)]


def _at(examples: list[Example], places: npt.NDArray[np.int64]) -> list[Example]:
    return [examples[place] for place in places.tolist()]


def _logistic(train: list[Example], test: list[Example]) -> npt.NDArray[np.str_]:
    given = {
        "texts": np.array([example.text for example in train]),
        "labels": np.array([example.label for example in train]),
        "asked": np.array([example.text for example in test]),
    }
    return answered(_LOGISTIC, given)["labels"]


def _accuracy(truth: npt.NDArray[np.str_], found: Any) -> float:
    return float((np.array(found, dtype=str) == truth).mean())


if __name__ == "__main__":
    sys.exit(main())
