"""What weights of one task are worth to the next: digits 0 to 4, then 5 to 9 with 20 examples each.

Run `python benchmarks/models/transfer.py [--plain]`; `--plain` changes no image at random.

For every seed a network learns 0 to 4 and is kept as `weights.npz`. Then 20 examples of each of 5 to 9 are learned from
these weights, and from nothing by the same settings; all other examples of 5 to 9 are the test. Settings were chosen
beforehand and not by these figures. Printed: both accuracies, their spread, and the paired difference with its 95 %
interval (t-distribution).
"""

import argparse
import gzip
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from idla_contract.problem import Metric
from idla_preprocess import ImageSpec
from idla_trainer.models.augmentation import augmented
from idla_trainer.models.efficient import build_efficient
from idla_trainer.problems.classification import Classification
from idla_trainer.training.fine_tuning import freeze, phase_of
from idla_trainer.training.weights import read_weights, set_pretrained

DATA = Path(__file__).resolve().parents[3] / "shared/data/ml/cv/mnist_5k.csv.gz"
SPEC = ImageSpec(height=28, width=28, channels=1, maximum=255.0)
SHOWN, FIRST_LATE, CLASSES, RATE = 20, 5, 5, 0.004
BATCH, FEW, BATCH_OF_FEW = 64, 1000, 20
VALUES = {
    "width": 16, "stages": 3, "expansion": 2, "dropout": 0.2, "shift": 7, "rotation": 12, "scale": 12, "shear": 10,
    "elastic": 3, "frozen_epochs": 10, "fine_tune_rate": 0.5,
}  # fmt: skip
WARPS = ("shift", "rotation", "scale", "shear", "elastic")
T_OF_9 = 2.262


def learned(images: Any, labels: Any, *, seed: int, epochs: int, weights: bytes | None = None) -> Any:
    """Return a trained Keras model, from given weights or from nothing."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    model = build_efficient(SPEC, Classification(metric=Metric.ACCURACY, classes=CLASSES), VALUES)
    if weights is not None:
        set_pretrained(model, read_weights(weights, "digits 0 to 4"))
    logits = keras.Model(model.input, model.get_layer("logits").output)
    optimizer = keras.optimizers.AdamW(RATE, weight_decay=1e-4)
    optimizer.build(model.trainable_variables)

    def step(inputs: Any, targets: Any) -> None:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits(inputs, training=True))
            loss = tf.reduce_mean(losses)
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    steps = {frozen: tf.function(step) for frozen in (False, True)}
    batch = BATCH_OF_FEW if len(labels) < FEW else BATCH
    for epoch in range(epochs):
        phase = phase_of(VALUES, epoch, pretrained=weights is not None)
        freeze(model, frozen=phase.frozen)
        optimizer.learning_rate.assign(RATE * phase.rate * (1 + np.cos(np.pi * epoch / epochs)) / 2)
        order = np.random.default_rng([seed, epoch]).permutation(len(labels))
        for number in range(len(order) // batch):
            chosen = order[number * batch : (number + 1) * batch]
            changed = augmented(images[chosen], VALUES, seed=seed, epoch=epoch, step=number)
            steps[phase.frozen](tf.constant(changed), tf.constant(labels[chosen]))
    return model


def kept(model: Any) -> bytes:
    """Return the model's weights as a training keeps them."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{f"{n:04d}": np.array(weight) for n, weight in enumerate(model.weights)})
    return file.getvalue()


def accuracies(images: Any, labels: Any, seed: int) -> tuple[float, float]:
    """Return the accuracy on digits 5 to 9 with given weights and from nothing."""
    early, late = labels < FIRST_LATE, labels >= FIRST_LATE
    random = np.random.default_rng(seed)
    shown = np.concatenate(
        [
            random.permutation(np.flatnonzero(labels == digit))[:SHOWN]
            for digit in range(FIRST_LATE, FIRST_LATE + CLASSES)
        ]
    )
    late[shown] = False
    weights = kept(learned(images[early], labels[early], seed=seed, epochs=10))
    found = []
    for given in (weights, None):
        model = learned(images[shown], labels[shown] - FIRST_LATE, seed=seed, epochs=60, weights=given)
        values = model.predict(images[late], batch_size=500, verbose=0)
        found.append(float((values.argmax(1) == labels[late] - FIRST_LATE).mean()))
    return found[0], found[1]


def main(seeds: Iterable[int]) -> None:
    """Print a line for each seed, and what they tell together."""
    with gzip.open(DATA, "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    images, labels = table[:, :-1].reshape(-1, *SPEC.shape).astype(np.float32), table[:, -1].astype(np.int64)
    pairs = []
    for seed in seeds:
        pairs.append(accuracies(images, labels, seed))
        print(f"seed {seed}: given weights {pairs[-1][0]:.4f}, from nothing {pairs[-1][1]:.4f}", flush=True)
    both = np.array(pairs)
    gain = both[:, 0] - both[:, 1]
    half = T_OF_9 * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
    for name, column in (("given weights", both[:, 0]), ("from nothing", both[:, 1])):
        print(f"{name}: mean {column.mean():.4f}, standard deviation {column.std(ddof=1):.4f}")
    print(f"difference: {gain.mean():.4f}, 95 % interval {gain.mean() - half:.4f} to {gain.mean() + half:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)))
    parser.add_argument("--plain", action="store_true", help="no random change of images, in any of the trainings")
    given = parser.parse_args()
    if given.plain:
        VALUES.update(dict.fromkeys(WARPS, 0))
    main(given.seeds)
