"""What weights of one task are worth to the next: digits 0 to 4, then 5 to 9 with 20 examples each.

Run `python benchmarks/models/transfer.py [--plain] [--batch-size N] [--seeds N ...]`.

For every seed the trainer's own Train step learns 0 to 4, which leaves `candidate/weights.npz`. Then it learns 20
examples of each of 5 to 9, with 5 more of each to validate on, from these weights and from nothing, by equal settings
and equally many steps; all other examples of 5 to 9 are the test, and choose nothing. Printed: both accuracies, their
spread, and the paired difference with its 95 % interval (Student's t).

`--plain` changes no image at random in the trainings of 5 to 9; otherwise they are moved by up to 6 % of a side, which
is the network's default. The batch of 64 is the default of the library's networks: 100 examples are then one step an
epoch, by 20 they are five. What is printed for one setting does not hold for the others, and all are to be told.

The settings of both sides were chosen on the seeds 101 to 104, other draws of the same digits; the figures of the seeds
1 to 10 tell what weights are worth on these images, and not what they will be worth on others.
"""

import argparse
import gzip
import hashlib
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from idla_contract.artifact import digest_of
from idla_contract.problem import Problem
from idla_contract.task import DataSource, EarlyStopping, ModelSpec, Split, TaskSpec, Training, TrainStep, Weights
from idla_preprocess.arrays import unpack
from idla_trainer.data.source import Origin
from idla_trainer.preemption import Preemption
from idla_trainer.problems.registry import load_dataset
from idla_trainer.steps.context import Context, Places
from idla_trainer.steps.train import train
from idla_trainer.task_store import TaskStore
from idla_trainer.training.agenda import Agenda
from idla_trainer.training.network import build_model, set_weights
from idla_trainer.training.progress import ProgressMetrics

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.models.peers import interval

DATA = Path(__file__).resolve().parents[3] / "shared/data/ml/cv/mnist_5k.csv.gz"
SHOWN, VALIDATED, FIRST_LATE, DIGITS = 20, 5, 5, 10
SETTINGS = {"width": 16, "stages": 3, "expansion": 2, "dropout": 0.2}
EARLY_SHIFT, EARLY_EPOCHS, LATE_SHIFT, LATE_EPOCHS = 12, 30, 6, 60
RATE, BATCH = 0.002, 64
NEVER = EarlyStopping(patience_epochs=1000)


def accuracy(folder: Path, task: str, source: DataSource, model: ModelSpec, training: Training) -> tuple[float, Path]:
    """Return the accuracy on the test split and the weights of one Train step.

    Args:
        folder: of the files `pvc://data/...`.
        task: its name.
        source: what it learns from, is validated on and is tested on.
        model: the network.
        training: how it learns.
    """
    problem, step = Problem(), TrainStep(model=model, training=training)
    hashed = hashlib.sha256(source.to_json().encode() + step.to_json().encode()).hexdigest()[:12]
    spec = TaskSpec(
        workflow="transfer", task=task, content_hash=hashed, problem=problem, data=source, artifact_uri="pvc://store",
        steps=(step,),
    )  # fmt: skip
    places = Places(store=folder, data=folder, samples=folder, work=folder / "work")
    origin = Origin(data_mount=folder, samples=folder, downloads=folder / "work")
    dataset = load_dataset(problem, source, origin)
    kept = TaskStore.of(folder, task, hashed)
    kept.make()
    context = Context(
        spec=spec, places=places, folder=kept, dataset=dataset, whole=lambda: dataset, preemption=Preemption(),
        progress=ProgressMetrics(), agenda=Agenda(ProgressMetrics()),
    )  # fmt: skip
    train(context, step)
    weights = kept.path / "candidate" / "weights.npz"
    network = build_model(model, dataset.preprocess, dataset.objective, seed=1)
    set_weights(network, unpack(weights.read_bytes()))
    tested = dataset.examples(dataset.parts.test)
    answers = network.predict(tested.inputs, batch_size=500, verbose=0)
    return float((answers.argmax(1) == tested.targets).mean()), weights


def model(shift: float, weights: Weights | None = None) -> ModelSpec:
    """Return the network, from given weights or from nothing."""
    return ModelSpec(
        template="efficient", builder="efficient", hyperparameters=SETTINGS | {"shift": shift}, weights=weights
    )


def pair(images: Any, labels: Any, seed: int, *, shift: float, batch: int) -> tuple[float, float]:
    """Return the accuracy on digits 5 to 9 with given weights and from nothing."""
    random = np.random.default_rng(seed)
    orders = [random.permutation(np.flatnonzero(labels == digit)) for digit in range(FIRST_LATE, DIGITS)]
    parts = {
        "early": np.flatnonzero(labels < FIRST_LATE),
        "late": np.concatenate([order[: SHOWN + VALIDATED] for order in orders]),
        "test": np.concatenate([order[SHOWN + VALIDATED :] for order in orders]),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, chosen in parts.items():
            np.savez(folder / f"{file}.npz", x=images[chosen], y=labels[chosen])
        training = Training(
            max_epochs=EARLY_EPOCHS, batch_size=BATCH, learning_rate=RATE, early_stopping=NEVER, seed=seed
        )
        split = Split(train_percent=85, validation_percent=10, test_percent=5)
        early = DataSource(uri="pvc://data/early.npz", split=split)
        _, weights = accuracy(folder, "early", early, model(EARLY_SHIFT), training)
        (folder / "given.npz").write_bytes(weights.read_bytes())
        digest = digest_of(weights.read_bytes()).removeprefix("sha256:")
        given = Weights(uri="pvc://data/given.npz", sha256=digest)
        late = DataSource(
            uri="pvc://data/late.npz", test_uri="pvc://data/test.npz",
            split=Split(train_percent=80, validation_percent=20, test_percent=0),
        )  # fmt: skip
        training = training.model_copy(update={"max_epochs": LATE_EPOCHS, "batch_size": batch})
        with_weights, _ = accuracy(folder, "given", late, model(shift, given), training)
        from_nothing, _ = accuracy(folder, "nothing", late, model(shift), training)
    return with_weights, from_nothing


def main(seeds: Iterable[int], *, shift: float, batch: int) -> None:
    """Print a line for each seed, and what they tell together."""
    with gzip.open(DATA, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    images, labels = table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype(np.int64)
    print(f"moved by up to {shift:g} % of a side, batches of {batch}, {LATE_EPOCHS} epochs")
    pairs = []
    for seed in seeds:
        pairs.append(pair(images, labels, seed, shift=shift, batch=batch))
        print(f"seed {seed}: given weights {pairs[-1][0]:.4f}, from nothing {pairs[-1][1]:.4f}", flush=True)
    both = np.array(pairs)
    for name, column in (("given weights", both[:, 0]), ("from nothing", both[:, 1])):
        print(f"{name}: mean {column.mean():.4f}, standard deviation {column.std(ddof=1):.4f}")
    mean, low, high = interval(list(both[:, 0] - both[:, 1]))
    print(f"difference: {mean:.4f}, 95 % interval {low:.4f} to {high:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)))
    parser.add_argument("--plain", action="store_true", help="move no image of 5 to 9")
    parser.add_argument("--batch-size", type=int, default=BATCH, help="of the trainings of 5 to 9")
    asked = parser.parse_args()
    main(asked.seeds, shift=0 if asked.plain else LATE_SHIFT, batch=asked.batch_size)
