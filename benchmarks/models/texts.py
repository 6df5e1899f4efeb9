"""What the benchmarks of texts share: examples, one run of IDLA on them, and the peer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.models import product
from benchmarks.models.peers import answered
from benchmarks.models.product import Outcome

Labels = npt.NDArray[np.str_]
_PEER = """
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC
words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\\w+|[^\\w\\s]")
characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
model = make_pipeline(make_union(words, characters), LinearSVC(C=1.0)).fit(given["texts"], given["labels"])
answers(labels=model.predict(given["asked"]).astype(str))
"""


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its label."""

    text: str
    label: str


def run(train: Sequence[Example], test: Sequence[Example], spec: Mapping[str, Any]) -> Outcome:
    """Return what `idla run --local` makes of examples, and the artifact's answers to the raw test texts.

    Args:
        train: all that the run may choose and learn by.
        test: measured by the run once, after every choice, and by the caller again from the artifact's answers.
        spec: of the TrainingWorkflow; `data` is added.
    """
    files = {f"{part}.jsonl": _lines(examples) for part, examples in (("train", train), ("test", test))}
    data = {
        "storageUri": "train.jsonl",
        "testStorageUri": "test.jsonl",
        "split": {"trainPercent": 90, "validationPercent": 10},
    }
    texts = np.array([example.text for example in test], dtype=object)
    return product.run(files, {**spec, "data": {**data, **spec.get("data", {})}}, {"text": texts})


def peer(train: Sequence[Example], test: Sequence[Example]) -> Labels:
    """Return the labels that a linear support vector machine on words and characters gives the test texts."""
    given = {
        "texts": np.array([example.text for example in train]),
        "labels": np.array([example.label for example in train]),
        "asked": np.array([example.text for example in test]),
    }
    return answered(_PEER, given)["labels"]


def _lines(examples: Sequence[Example]) -> bytes:
    lines = [json.dumps({"text": example.text, "label": example.label}) for example in examples]
    return ("\n".join(lines) + "\n").encode()
