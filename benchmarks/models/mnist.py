"""Accuracy on 5,000 digits of MNIST over stratified folds, beside an RBF support vector machine and a plain network.

`make .tools/peers/.stamp`, then `.venv/bin/python benchmarks/models/mnist.py [--folds 5] [--only 0 1]`; prints a line
for each fold and JSON in the end. Every fold is tested once, after IDLA (Balanced) has chosen, compressed and published
by a tenth of the other four. The peers' settings stand here and were fixed before any fold was tested: the machine has
C = 10 and gamma = 1 / (features x variance); the network has two convolutions, 12 epochs of Adam, no augmentation.
"""

import argparse
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.models.folds import folds
from benchmarks.models.peers import answered, bootstrap, interval
from benchmarks.models.product import DATA, run

SPEC = {
    "task": {"type": "ImageClassification"},
    "objectives": [{"metric": "accuracy"}],
    "preset": "Balanced",
    "data": {
        "storageUri": "train.csv",
        "testStorageUri": "test.csv",
        "split": {"trainPercent": 90, "validationPercent": 10},
    },
}
SIDE = 28
_SVM = """
from sklearn.svm import SVC
model = SVC(C=10.0, gamma="scale").fit(given["train"], given["labels"])
answers(labels=model.predict(given["test"]))
"""

Labels = npt.NDArray[np.int64]


def main() -> int:
    """Run the folds and print their accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="+", help="these folds, counted from 0; default: all")
    options = parser.parse_args()
    lines = gzip.decompress((DATA / "cv/mnist_5k.csv.gz").read_bytes()).split()
    table = np.loadtxt([line.decode() for line in lines], delimiter=",")
    pixels, labels = table[:, :-1].astype(np.float32), table[:, -1].astype(np.int64)
    hits: dict[str, list[npt.NDArray[np.bool_]]] = {}
    scores = []
    for number, (learned, tested) in enumerate(folds(labels.tolist(), lines, options.folds, seed=0)):
        if options.only and number not in options.only:
            continue
        images = pixels[tested].reshape(-1, SIDE, SIDE, 1)
        files = {
            name: b"\n".join(lines[place] for place in places) + b"\n"
            for name, places in (("train.csv", learned), ("test.csv", tested))
        }
        found = run(files, SPEC, {"image": images})
        given = (pixels[learned] / 255, labels[learned], pixels[tested] / 255)
        guesses = {
            "idla": labels_of(found.answers),
            "float": labels_of(found.float_answers),
            "svm": answered(_SVM, dict(zip(("train", "labels", "test"), given, strict=True)))["labels"],
            "cnn": plain_network(*given, seed=number),
        }
        for name, guess in guesses.items():
            hits.setdefault(name, []).append(guess == labels[tested])
        score = {name: float(found[-1].mean()) for name, found in hits.items()}
        scores.append(score)
        print(json.dumps({"fold": number, **score, **found.told}), flush=True)
    print(json.dumps(summary(hits, scores)))
    return 0


def labels_of(answers: Any) -> Labels:
    """Return the digits that a model answers."""
    return np.array([int(float(label)) for label in answers["label"]])


def plain_network(
    train: npt.NDArray[np.floating[Any]], labels: Labels, test: npt.NDArray[np.floating[Any]], *, seed: int
) -> Labels:
    """Return the digits that a network of two convolutions gives the test images [N, 784] of 0 to 1."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Reshape((SIDE, SIDE, 1)),
            layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(),
            layers.Flatten(), layers.Dropout(0.5), layers.Dense(10),
        ]
    )  # fmt: skip
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(train, labels, batch_size=32, epochs=12, verbose=0)
    guesses: Labels = model.predict(test, batch_size=500, verbose=0).argmax(axis=1)
    return guesses


def summary(hits: dict[str, list[npt.NDArray[np.bool_]]], scores: list[dict[str, float]]) -> dict[str, Any]:
    """Return the means over the folds, their spread, and the paired differences: over the folds and over the images."""
    whole: dict[str, Any] = {name: float(np.mean([score[name] for score in scores])) for name in hits}
    whole["spread"] = float(np.std([score["idla"] for score in scores]))
    ours = np.concatenate(hits["idla"])
    for name in ("svm", "cnn"):
        whole[f"less{name.upper()}ByImages"] = bootstrap(ours, np.concatenate(hits[name]))
        if len(scores) > 1:
            whole[f"less{name.upper()}ByFolds"] = interval([score["idla"] - score[name] for score in scores])
    return whole


if __name__ == "__main__":
    sys.exit(main())
