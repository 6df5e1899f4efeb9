"""Time for an epoch of IDLA's training loop beside a plain Keras `fit` of the same model on the same examples.

Run `python benchmarks/models/epoch_time.py [--templates resnet-small text-network ...] [--rounds 15] [--changes]
[--jit-compile]`.

Each template of the library is trained as the trainer would, by its own settings, and by `compile` and `fit` with the
same optimizer, batch size, loss and validation examples, each in a process of its own. They take turns, epoch by
epoch, and every other round the other one begins; the first two rounds (tracing, caches) are not counted. An epoch is
timed whole: batches, steps, validation. `fit` is called once for all of them. Both train on whole batches. Printed
for each template: the median seconds of both, and the median over the rounds of the ratio with its quartiles.

Without `--changes` no image is changed at random, since `fit` changes none: the ratio is then that of the loops. With
it the ratio has what the random changes cost too. Data: 5,000 digits of MNIST, SMS, records of breast cancer.
"""

import argparse
import gzip
import math
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from idla.api.training_workflow import TrainingWorkflowSpec
from idla.core.planning.candidates import training_for
from idla.library import built_in_library
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.task import Columns, DataSource, EarlyStopping, ModelSpec, Split, Training
from idla_trainer.data.dataset import Dataset, Examples
from idla_trainer.data.source import Origin
from idla_trainer.problems.registry import load_dataset

DATA = Path(__file__).resolve().parents[3] / "shared/data/ml"
TEMPLATES = ("resnet-small", "efficient-small", "text-network", "tabular-network")
SKIPPED = 2
"""Rounds that are not counted."""
SPLIT = Split(train_percent=80, validation_percent=15, test_percent=5)


def dataset_for(kind: TaskType, folder: Path) -> Dataset:
    """Return the examples of a kind of task."""
    if kind is TaskType.IMAGE_CLASSIFICATION:
        with gzip.open(DATA / "cv/mnist_5k.csv.gz", "rt") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.float32)
        np.savez(folder / "digits.npz", x=table[:, :-1].reshape(-1, 28, 28, 1), y=table[:, -1].astype(np.int64))
        return loaded(folder, Problem(), "digits.npz")
    if kind is TaskType.TEXT_CLASSIFICATION:
        columns = Columns(label="0", text="1")
        problem = Problem(type=kind, metric=Metric.ACCURACY)
        return loaded(DATA, problem, "nlp/sms_spam.tsv", columns=columns, header=False, delimiter="\t")
    problem = Problem(type=TaskType.TABULAR_CLASSIFICATION, metric=Metric.LOG_LOSS)
    return loaded(DATA, problem, "medical/breast-cancer-wisconsin.csv", columns=Columns(label="9"), header=False)


def loaded(folder: Path, problem: Problem, file: str, **more: Any) -> Dataset:
    """Return the examples of a file."""
    origin = Origin(data_mount=folder, samples=folder, downloads=folder)
    return load_dataset(problem, DataSource(uri=f"pvc://data/{file}", split=SPLIT, **more), origin)


class Turns:
    """Times the epochs of one side, each of which begins when a message comes."""

    def __init__(self, connection: Connection, rounds: int) -> None:
        """Bind whom to answer, and how many epochs there are."""
        self.rounds = rounds
        self._connection = connection
        self._started = 0.0

    def begin(self) -> None:
        """Wait for the turn."""
        self._connection.recv()
        self._started = time.perf_counter()

    def end(self) -> None:
        """Tell the seconds."""
        self._connection.send(time.perf_counter() - self._started)


def of_template(name: str, rounds: int, *, changes: bool, jit_compile: bool) -> tuple[TaskType, ModelSpec, Training]:
    """Return what a template of the library is for, its network, and its training as the operator plans it."""
    spec = next(template.spec for template in built_in_library() if template.name == name)
    kind = spec.tasks[0]
    asked = TrainingWorkflowSpec.model_validate({"task": {"type": kind}, "data": {"storageUri": "sample://digits"}})
    stopping = EarlyStopping(patience_epochs=rounds)
    changed = {"max_epochs": rounds, "early_stopping": stopping, "average_decay": 0.0, "jit_compile": jit_compile}
    training = training_for(asked, spec).model_copy(update=changed)
    values: dict[str, float | int | str] = {setting.name: setting.value for setting in spec.hyperparameters}
    if not changes and "shift" in values:
        values["shift"] = 0
    return kind, ModelSpec(template=name, builder=spec.builder, hyperparameters=values), training


def learn_by_idla(dataset: Dataset, model: ModelSpec, training: Training, train: Examples, turns: Turns) -> None:
    """Train by IDLA's loop."""
    from idla_trainer.models.registry import augmentation_of
    from idla_trainer.training.feed import Material
    from idla_trainer.training.loop import Loop
    from idla_trainer.training.network import Network, build_model

    objective, validation = dataset.objective, dataset.examples(dataset.parts.validation)
    built = build_model(model, dataset.preprocess, objective, seed=1)
    network = Network(
        built,
        training,
        step_loss=lambda _, targets, outputs: objective.loss(targets, outputs),
        evaluation_loss=objective.loss,
    )
    material = Material(train=train, validation=validation, change=augmentation_of(model, seed=1))
    loop = Loop(
        network, training, material,
        score=lambda answers: objective.score(validation.targets, answers, validation.raw), max_seconds=math.inf,
    )  # fmt: skip
    for epoch in range(turns.rounds):
        turns.begin()
        while loop.course.epoch == epoch:
            loop.learn()
        turns.end()


def learn_by_keras(dataset: Dataset, model: ModelSpec, training: Training, train: Examples, turns: Turns) -> None:
    """Train by Keras' `fit`."""
    import keras
    from idla_trainer.training.network import build_model

    built = build_model(model, dataset.preprocess, dataset.objective, seed=1)
    logits = keras.Model(built.inputs, built.get_layer("logits").output)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.AdamW(training.learning_rate, weight_decay=training.weight_decay)
    logits.compile(optimizer, loss, metrics=["accuracy"])
    validation = dataset.examples(dataset.parts.validation)
    timed = keras.callbacks.LambdaCallback(lambda *_: turns.begin(), lambda *_: turns.end())
    logits.fit(
        fed(train), train.targets, batch_size=training.batch_size, epochs=turns.rounds, verbose=0, callbacks=[timed],
        validation_data=(fed(validation), validation.targets), validation_batch_size=512,
    )  # fmt: skip


def fed(examples: Examples) -> Any:
    """Return inputs as `fit` takes them: the only one itself, else all by name."""
    [*arrays] = examples.inputs.values()
    return arrays[0] if len(arrays) == 1 else dict(examples.inputs)


def work(connection: Connection, side: str, template: str, rounds: int, options: dict[str, bool]) -> None:
    """Answer every message with the seconds of one epoch."""
    kind, model, training = of_template(template, rounds, **options)
    with tempfile.TemporaryDirectory() as folder:
        dataset = dataset_for(kind, Path(folder))
    positions = dataset.parts.train
    whole = len(positions) // training.batch_size * training.batch_size
    train = dataset.examples(positions[:whole])
    connection.send(whole)
    learn = learn_by_idla if side == "idla" else learn_by_keras
    learn(dataset, model, training, train, Turns(connection, rounds))


def measured(template: str, rounds: int, **options: bool) -> list[tuple[float, float]]:
    """Return the seconds of IDLA's epoch and of Keras', round by round."""
    starting = multiprocessing.get_context("spawn")
    sides = {}
    for side in ("idla", "keras"):
        here, there = starting.Pipe()
        process = starting.Process(target=work, args=(there, side, template, rounds, options), daemon=True)
        process.start()
        sides[side] = here
    for connection in sides.values():
        connection.recv()
    found = []
    for turn in range(rounds):
        seconds = {}
        for side in sorted(sides, reverse=bool(turn % 2)):
            sides[side].send(True)
            seconds[side] = sides[side].recv()
        found.append((seconds["idla"], seconds["keras"]))
    return found[SKIPPED:]


def main() -> None:
    """Print a line for each template."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--templates", nargs="+", default=list(TEMPLATES))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--changes", action="store_true", help="change images at random, as the template says")
    parser.add_argument("--jit-compile", action="store_true", help="let XLA compile IDLA's steps, as jitCompile does")
    asked = parser.parse_args()
    for template in asked.templates:
        pairs = measured(template, asked.rounds, changes=asked.changes, jit_compile=asked.jit_compile)
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        low, middle, high = statistics.quantiles([idla / keras for idla, keras in pairs], n=4)
        print(
            f"{template}: IDLA {ours:.3f} s, Keras {theirs:.3f} s an epoch, ratio {middle:.3f} "
            f"(quartiles {low:.3f} to {high:.3f}, {len(pairs)} rounds)",
            flush=True,
        )


if __name__ == "__main__":
    main()
