"""What compression costs and gains: `python benchmarks/models/compression.py mnist:resnet mnist:vgg sms:text-network`.

Each network is trained, trained on as long as the smaller ones are (the baseline), pruned, distilled, converted, and
all variants are measured as served against the float LiteRT file of the baseline, interleaved, on one thread. The
choice is made on the gate split; the test split is measured afterwards, once.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
from idla_artifact.runtime import Runtime
from idla_contract.problem import Metric, Problem, TaskType
from idla_contract.result import FLOAT
from idla_contract.task import Candidate, CompressionMethod, CompressStep, DataSource, ModelSpec, Split
from idla_trainer.compression.bisection import TimeBudget
from idla_trainer.compression.candidates import CompressionTask, train_candidates
from idla_trainer.compression.distill import DistillationTask, Settings, TrainingExamples, distill
from idla_trainer.compression.gate.measure import measure
from idla_trainer.compression.gate.pareto import Point, pareto_front
from idla_trainer.compression.gate.verdict import choose_variant
from idla_trainer.compression.stages import Stages
from idla_trainer.compression.variants import write_qat_variants, write_variants
from idla_trainer.data.dataset import Dataset
from idla_trainer.evaluation.paired import PairedEvaluation
from idla_trainer.models.entry import Augmentation
from idla_trainer.models.prediction import predict
from idla_trainer.models.registry import augmentation_of, entry_of
from idla_trainer.problems.registry import KINDS

DATA = Path(__file__).parents[3] / "shared/data/ml"
MEMORY = 8 << 30
METHODS = tuple(CompressionMethod)


@dataclass(frozen=True)
class Case:
    """Data, and what is to be learned of them."""

    path: str
    problem: Problem
    source: Mapping[str, Any] = field(default_factory=dict)


CASES = {
    "mnist": Case("cv/mnist_5k.csv.gz", Problem(type=TaskType.IMAGE_CLASSIFICATION)),
    "sms": Case(
        "nlp/sms_spam.tsv",
        Problem(type=TaskType.TEXT_CLASSIFICATION),
        {"header": False, "columns": {"label": "0", "text": "1"}},
    ),
    "banking": Case("dialog/banking77_train.csv", Problem(type=TaskType.TEXT_CLASSIFICATION)),
    "cancer": Case(
        "medical/breast-cancer-wisconsin.csv",
        Problem(type=TaskType.TABULAR_CLASSIFICATION, metric=Metric.LOG_LOSS),
        {"header": False, "columns": {"target": "9"}},
    ),
    "traffic": Case(
        "traffic/los_speed.csv",
        Problem(type=TaskType.FORECASTING, metric=Metric.RMSE, horizon=12, history=12, period_seconds=300),
    ),
}


def dataset_of(case: Case, seed: int) -> Dataset:
    """Return the data, split by the seed."""
    source = DataSource(uri="pvc://data/x", split=Split(seed=seed), **case.source)
    kind = KINDS[case.problem.type]
    found = kind.read(DATA / case.path, source, MEMORY)
    return kind.prepare(found, source, case.problem, digest="sha256:" + "0" * 64, test=None)


def built(name: str, dataset: Dataset, width: int) -> tuple[Any, Augmentation | None]:
    """Return a network and what changes its examples at random."""
    spec = ModelSpec(template=name, builder=name, hyperparameters={"width": width} if width else {})
    entry, values = entry_of(spec)
    return entry.build(dataset.preprocess, dataset.objective, values), augmentation_of(spec, seed=1)


def run(name: str, network: str, options: argparse.Namespace, seed: int) -> None:
    """Train, compress, measure and print one network on one split."""
    dataset = dataset_of(CASES[name], seed)
    train, validation = dataset.examples(dataset.parts.train), dataset.examples(dataset.parts.validation)
    gate, test = dataset.examples(dataset.parts.for_gate), dataset.examples(dataset.parts.test)
    keras.utils.set_random_seed(seed)
    model, augment = built(network, dataset, options.width)
    data = TrainingExamples(train.inputs, train.targets, validation.inputs, validation.targets, train.weights)
    distillation = DistillationTask(data, dataset.objective.loss, augment=augment)
    classes = bool(dataset.classes)
    kept = {"weight_decay": options.weight_decay, "average_decay": options.average_decay, "classes": classes}
    settings = Settings(epochs=options.epochs, learning_rate=0.002, seed=seed, **kept)
    learned = distill(model, distillation, settings)
    judged = PairedEvaluation(dataset.objective, validation.targets, validation.raw)
    settings = Settings(epochs=options.distill, learning_rate=options.rate, seed=seed, **kept)
    clock = TimeBudget(options.budget)
    task = CompressionTask(distillation, settings, judged.drop, options.tolerance, clock)
    started = time.monotonic()
    found = train_candidates(model, task, tuple(options.keep))
    with tempfile.TemporaryDirectory() as folder:
        plain_files = write_variants(Path(folder), found, METHODS, train.inputs, Stages())
        epochs = max(1, options.distill // 3)
        files = write_qat_variants(plain_files, found, task, train.inputs, epochs=epochs).paths
        spent = time.monotonic() - started
        measured = measure(files, FLOAT, gate, dataset.objective)
        candidate = Candidate(task="t", content_hash="0" * 10, model=ModelSpec(template="t", builder=network))
        report = choose_variant(
            CompressStep(candidate=candidate), measured[FLOAT], [measured[one] for one in measured if one != FLOAT]
        )
        points = {
            one: Point(value.drop, value.size_bytes, value.latency_p50_milliseconds) for one, value in measured.items()
        }
        tests = PairedEvaluation(dataset.objective, test.targets, test.raw)
        plain = Runtime(files[FLOAT]).predict(test.inputs)
        before = tests.score(predict(model, test.inputs))
        print(f"\n{name} {network} seed {seed}: {model.count_params()} weights, {learned.seconds:.0f} s of training, ")
        print(f"{spent:.0f} s of compression; test before the extra training {before:.4f}")
        print("| variant | kB | smaller | p50 ms | faster | gate | test | test drop (95 %) | |\n" + "|---" * 9 + "|")
        for variant, value in measured.items():
            served = Runtime(files[variant]).predict(test.inputs)
            low, high = tests.drop_interval(plain, served)
            smaller = measured[FLOAT].size_bytes / value.size_bytes
            faster = measured[FLOAT].latency_p50_milliseconds / value.latency_p50_milliseconds
            marks = ("front " if variant in pareto_front(points) else "") + (
                "chosen" if variant == report.choice else ""
            )
            print(
                f"| {variant} | {value.size_bytes / 1000:.1f} | {smaller:.2f} | {value.latency_p50_milliseconds:.4f} | "
                f"{faster:.2f} | {value.score:.4f} | {tests.score(served):.4f} | "
                f"{tests.drop(plain, served):+.4f} ({low:+.4f} to {high:+.4f}) | {marks} |",
                flush=True,
            )
    for reason in found.kept:
        print(f"kept: {reason}")


def main() -> None:
    """Run every case and seed that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="+", metavar="DATA:NETWORK")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--distill", type=int, default=20)
    parser.add_argument("--rate", type=float, default=0.002)
    parser.add_argument("--weight-decay", type=float, default=1e-4)
    parser.add_argument("--average-decay", type=float, default=0.0)
    parser.add_argument("--budget", type=float, default=900.0)
    parser.add_argument("--tolerance", type=float, default=0.01)
    parser.add_argument("--width", type=int, default=0)
    parser.add_argument("--keep", type=float, nargs="*", default=[0.85, 0.7, 0.6, 0.5, 0.35, 0.25, 0.15])
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("idla_trainer.compression").setLevel(logging.INFO)
    for case in options.cases:
        for seed in options.seeds:
            name, network = case.split(":")
            run(name, network, options, seed)


if __name__ == "__main__":
    main()
