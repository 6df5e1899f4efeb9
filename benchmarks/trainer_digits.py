"""Quality, size and latency on the real digits, over seeds: `python benchmarks/trainer_digits.py --seeds 1 2 3`.

Every figure comes from the trainer's own pods, run as processes with the default settings of the library entries.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from idla_contract.result import TaskResult
from idla_contract.task import (
    Candidate,
    CompressStep,
    DataSource,
    EvaluateStep,
    ModelSpec,
    PublishStep,
    Step,
    TaskSpec,
    Training,
    TrainStep,
    VerifyStep,
)

from tools.samples import samples_folder

HASH = "0123456789ab"
ENTRIES = ("resnet", "vgg")


def apply_decision(store: Path, task: str, *steps: Step) -> tuple[TaskResult, float]:
    """Run one pod; return its answer and its wall time in seconds."""
    spec = TaskSpec(
        workflow="benchmark", task=task, content_hash=HASH, data=DataSource(uri="sample://digits"),
        artifact_uri="pvc://claim", steps=steps,
    )  # fmt: skip
    (store / "task.json").write_text(spec.to_json())
    options: dict[str, Path | int] = {
        "spec": store / "task.json", "store": store, "samples": samples_folder(), "termination-log": store / "answer",
        "metrics-port": 0, "work": store / "work",
    }  # fmt: skip
    started = time.monotonic()
    command = [sys.executable, "-I", "-m", "idla_trainer", *(f"--{name}={value}" for name, value in options.items())]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise SystemExit(f"{task} ended with {ended.returncode}:\n{ended.stderr}")
    return TaskResult.model_validate_json((store / "answer").read_bytes()), time.monotonic() - started


def main() -> None:
    """Print one line for each entry and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    seeds = parser.parse_args().seeds
    print(
        "| entry | seed | parameters | epochs | train s (pod s) | validation | test float | test served | kept |",
        end="",
    )
    print(" float kB | served kB | smaller | p50 float ms | p50 served ms | faster |")
    print("|" + "---|" * 15)
    for entry in ENTRIES:
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                print(line(Path(folder), entry, seed), flush=True)


def line(store: Path, entry: str, seed: int) -> str:
    """Train, compress and evaluate one entry with one seed."""
    model = ModelSpec(template=f"{entry}-small", builder=entry)
    trained, pod_seconds = apply_decision(store, "train", TrainStep(model=model, training=Training(seed=seed)))
    candidate = Candidate(task="train", content_hash=HASH, model=model)
    shipped, _ = apply_decision(
        store, "ship", CompressStep(candidate=candidate), EvaluateStep(), VerifyStep(), PublishStep()
    )
    assert trained.train is not None
    assert shipped.compress is not None
    assert shipped.evaluate is not None
    variants = {variant.name: variant for variant in shipped.compress.variants}
    plain, kept = variants["Float32"], variants[shipped.compress.choice]
    cells = (
        entry, seed, trained.train.parameters, trained.train.epochs,
        f"{trained.train.seconds:.1f} ({pod_seconds:.1f})", f"{trained.train.validation_score:.4f}",
        f"{shipped.evaluate.float_score:.4f}", f"{shipped.evaluate.served_score:.4f}", kept.name,
        round(plain.size_bytes / 1000), round(kept.size_bytes / 1000), f"{plain.size_bytes / kept.size_bytes:.2f}x",
        f"{plain.latency_p50_milliseconds:.4f}", f"{kept.latency_p50_milliseconds:.4f}",
        f"{plain.latency_p50_milliseconds / kept.latency_p50_milliseconds:.2f}x",
    )  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
