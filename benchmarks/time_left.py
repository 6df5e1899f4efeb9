"""How true the time is that a run says it still takes: `python benchmarks/time_left.py [--presets Fast] [--json]`.

Workflows of every kind of task run as `idla run --local` carries them out, one after the other, on small generated data
and (`--real`, where `../shared` is there) on real ones. Whatever `status.progress` shows is noted with its moment. In
the end each estimate that stood at 10, 25, 50, 75 and 90 % of a run's seconds is compared with what was then really
left: a line for each run, and over all runs the median, the 10th and 90th percentile of actual / estimated, the share
within a factor of two, and in how many runs there was an estimate at all.
"""

import argparse
import gzip
import json
import os
import runpy
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.core.settings import Settings
from idla.core.snapshot import Template
from idla.library import built_in_library
from idla.local.machine import Machine
from idla.local.run import MEASURE_SECONDS, Run
from idla.local.task_process import RunPaths
from idla.local.trainer import find_trainer, samples_folder
from idla.local.workflow_file import read_workflow
from idla_contract.paths import SAMPLES_ROOT

from benchmarks.models.product import DATA, ROOT

SHARES = (0.10, 0.25, 0.50, 0.75, 0.90)
"""Of a run's seconds, at which its estimate is judged."""
_FACTOR = 2.0
_FILMS = {"user": "userId", "item": "movieId", "timestamp": "timestamp"}
_TRAFFIC = {"type": "Forecasting", "history": 12, "horizon": 6, "periodSeconds": 300}
Spec = dict[str, Any]
SMALL: dict[str, Spec] = {
    "digits": {"task": {"type": "ImageClassification"}, "data": {"storageUri": "sample://digits"}},
    "messages": {
        "task": {"type": "TextClassification", "positiveLabel": "spam"},
        "data": {"storageUri": "messages.tsv", "columns": {"label": "0", "text": "1"}},
    },
    "intents": {
        "task": {"type": "IntentDetection"},
        "data": {"storageUri": "intents/train.csv", "columns": {"text": "text", "label": "category"}},
    },
    "tumours": {
        "task": {"type": "TabularClassification", "positiveLabel": "4"},
        "data": {"storageUri": "tumours.csv", "columns": {"label": "9"}},
    },
    "houses": {
        "task": {"type": "TabularRegression"},
        "data": {"storageUri": "houses.csv", "columns": {"target": "price"}},
    },
    "films": {
        "task": {"type": "Recommendation"},
        "data": {"storageUri": "ratings.csv", "columns": {**_FILMS, "rating": "rating"}},
    },
    "next-films": {
        "task": {"type": "Recommendation"}, "data": {"storageUri": "ratings.csv", "columns": _FILMS},
        "objectives": [{"metric": "ndcgAt10"}],
    },
    "traffic": {"task": _TRAFFIC, "data": {"storageUri": "speeds.csv", "header": True}},
    "digits-search": {
        "task": {"type": "ImageClassification"}, "data": {"storageUri": "sample://digits"},
        "model": {"search": {"trials": 4}},
    },
}  # fmt: skip
REAL: dict[str, Spec] = {
    "spam": {
        "task": {"type": "TextClassification", "positiveLabel": "spam"},
        "data": {"storageUri": "nlp/sms_spam.tsv", "columns": {"label": "0", "text": "1"}},
    },
    "banking": {
        "task": {"type": "IntentDetection"},
        "data": {"storageUri": "dialog/banking77_train.csv", "columns": {"text": "text", "label": "category"}},
    },
    "cancer": {
        "task": {"type": "TabularClassification", "positiveLabel": "4"},
        "data": {"storageUri": "medical/breast-cancer-wisconsin.csv", "columns": {"label": "9"}},
    },
    "abalone": {
        "task": {"type": "TabularRegression"},
        "data": {"storageUri": "tabular/abalone.csv", "columns": {"target": "8"}},
    },
    "wine": {
        "task": {"type": "TabularRegression"},
        "data": {"storageUri": "tabular/winequality-white.csv", "columns": {"target": "11"}},
    },
    "movielens": {
        "task": {"type": "Recommendation"},
        "data": {
            "storageUri": "recommendation/ratings_users_1_400.csv", "columns": {**_FILMS, "rating": "rating"},
        },
    },
    "los-loop": {"task": _TRAFFIC, "data": {"storageUri": "traffic/los_speed.csv", "header": True}},
    "mnist": {
        "task": {"type": "ImageClassification"},
        "data": {"storageUri": "mnist.npz"},
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """What a status showed from a moment on."""

    seconds: float
    """Since the run began."""
    percent: int
    remaining: int | None
    """Seconds that it says are left."""
    tasks: str
    """What ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A run, from its first status to its last."""

    name: str
    preset: str
    seconds: float
    shown: tuple[Shown, ...]
    steps: Mapping[str, Any]
    """By task, when it began, and the seconds of each of its steps."""

    def at(self, share: float) -> Shown | None:
        """Return what stood there at a share of the run's time."""
        before = [entry for entry in self.shown if entry.seconds <= share * self.seconds]
        return before[-1] if before else None

    def ratio(self, share: float) -> float | None:
        """Return what was really left at a share of the time, by what was said; None: nothing was said."""
        shown = self.at(share)
        if shown is None or shown.remaining is None:
            return None
        said = shown.remaining - (share * self.seconds - shown.seconds)
        return (1 - share) * self.seconds / max(0.5, said)  # whole seconds are shown: less than a half one is none


def main() -> int:
    """Run the workflows and print how true their estimates were."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["Fast", "Balanced"], help="default: Fast Balanced")
    parser.add_argument("--only", nargs="+", default=[], help="names of workflows; default: all")
    parser.add_argument("--real", action="store_true", help="real data in place of the generated ones")
    parser.add_argument("--repeat", type=int, default=1, help="how often each; default: 1")
    parser.add_argument("--json", action="store_true", help="every run with all that was shown, a line each")
    options = parser.parse_args()
    if not options.json:
        print(f"load before: {os.getloadavg()[0]:.1f}; actual / estimated at " + ", ".join(f"{s:.0%}" for s in SHARES))
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        specs = lay_out(data, real=options.real)
        for number in range(options.repeat):
            for preset in options.presets:
                for name in options.only or specs:
                    output = Path(folder, f"{name}-{preset}-{number}".lower())
                    runs.append(watch(name, {**specs[name], "preset": preset}, data, output))
                    print(_json_of(runs[-1]) if options.json else _line_of(runs[-1]), flush=True)
    if not options.json:
        print("\n".join(_table(runs)))
    return 0


def lay_out(folder: Path, *, real: bool) -> dict[str, Spec]:
    """Write the data into a folder, or links to them; return the workflows by name."""
    folder.mkdir()
    if not real:
        runpy.run_path(str(ROOT / "tests/generated.py"))["write"](folder)
        return SMALL
    for place in DATA.iterdir():
        (folder / place.name).symlink_to(place)
    with gzip.open(DATA / "cv/mnist_5k.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    np.savez(folder / "mnist.npz", x=table[:, :-1].reshape(-1, 28, 28, 1), y=table[:, -1].astype(int))
    return REAL


def watch(name: str, spec: Spec, data: Path, output: Path) -> Watched:
    """Carry out a workflow, and return what it showed."""
    head = {"apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": name}}
    document = json.dumps(head | {"spec": spec})
    workflow = read_workflow(document, folder=data, data=None, name=None)
    trainer = find_trainer()
    paths = RunPaths(output=output, data=workflow.data, samples=samples_folder(SAMPLES_ROOT))
    paths.make()
    machine = Machine(paths, trainer, parallelism=1)
    began, shown = time.monotonic(), list[Shown]()

    def note(_: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> None:
        said = new.progress
        if said is not None:
            seconds = time.monotonic() - began
            shown.append(Shown(seconds, said.percent, said.estimated_remaining_seconds, said.current_task))

    run = Run(
        workflow=workflow.manifest,
        library=[Template(name=entry.name, spec=entry.spec) for entry in built_in_library()],
        worker=machine,
        settings=Settings(
            trainer_image=trainer.image,
            server_image=trainer.image,
            progress_period_seconds=MEASURE_SECONDS,
            has_nodes=False,
        ),
        on_change=note,
        stopped=lambda: False,
    )
    try:
        status = run.go()
    finally:
        machine.stop()
    return Watched(
        name=name,
        preset=spec["preset"],
        seconds=time.monotonic() - began,
        shown=tuple(shown),
        steps={
            task.name: {
                "began": task.start_time,
                "ended": task.completion_time,
                **{step["kind"]: step["seconds"] for step in json.loads(task.result or "{}").get("steps", ())},
            }
            for task in status.tasks
        },
    )


def _line_of(run: Watched) -> str:
    ratios = [run.ratio(share) for share in SHARES]
    figures = " ".join("  none" if ratio is None else f"{ratio:6.2f}" for ratio in ratios)
    return f"{run.name:14} {run.preset:9} {run.seconds:6.1f} s {figures}"


def _json_of(run: Watched) -> str:
    return json.dumps(
        {
            "name": run.name,
            "preset": run.preset,
            "seconds": round(run.seconds, 2),
            "ratios": {str(share): run.ratio(share) for share in SHARES},
            "shown": [[round(e.seconds, 2), e.percent, e.remaining, e.tasks] for e in run.shown],
            "steps": run.steps,
        }
    )


def _table(runs: Sequence[Watched]) -> Iterator[str]:
    yield ""
    yield "| at | runs with an estimate | actual / estimated: median (10th to 90th percentile) | within a factor of 2 |"
    yield "|---:|---:|---|---:|"
    for share in SHARES:
        found = [ratio for run in runs if (ratio := run.ratio(share)) is not None]
        if not found:
            yield f"| {share:.0%} | 0 of {len(runs)} | | |"
            continue
        low, high = np.percentile(found, [10, 90])
        near = sum(1 / _FACTOR <= ratio <= _FACTOR for ratio in found)
        yield (
            f"| {share:.0%} | {len(found)} of {len(runs)} | {statistics.median(found):.2f} ({low:.2f} to {high:.2f}) "
            f"| {near} of {len(found)} |"
        )


if __name__ == "__main__":
    sys.exit(main())
