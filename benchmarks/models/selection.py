"""The choice of the search beside that of training every trial to its end, and beside a random choice.

`.venv/bin/python benchmarks/models/selection.py digits breast-cancer [--seeds 1 2 3] [--preset Balanced] [--trials 9]`
prints a line for each data set and seed, and one for each data set in the end. The trials are those that the operator
plans: the library's candidates for the profiled data as they stand, and others of their search spaces by the seed. The
seed is also that of every training. The search sees the training and the validation split alone; here, afterwards, the
test split judges its choice:

- `search`, `full`: the score on test of the trial that the search chose, and of the one with the best validation score
  where every trial is trained to its end;
- `random`: the mean over all trials, which is what a random choice can expect, and `worst` of them;
- `regret`: what the search lost against `full`, in points of 100; of an error in percent of it. Negative is a gain;
- `time`: seconds of the search by those of all trainings, each with the building of its networks;
- `pods`: the same where the search is one pod and each training another, as they are without a search: with the start
  of a process, its import of TensorFlow and the reading of the data, which are measured once.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from idla.api.training_workflow import TrainingWorkflowSpec
from idla.core.planning.candidates import Choice, nominate_candidates
from idla.core.planning.requirements import Requirements, resolve_requirements
from idla.core.workflow.planned_tasks import rungs_of, trials_of
from idla.library import built_in_library
from idla_contract.task import SearchStep, TaskSpec, TrainStep, Trial
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.profile import profile
from idla_trainer.data.source import Origin
from idla_trainer.preemption import Preemption
from idla_trainer.problems.registry import load_dataset
from idla_trainer.steps.context import Context, Places
from idla_trainer.task_store import TaskStore
from idla_trainer.training.agenda import Agenda
from idla_trainer.training.progress import ProgressMetrics

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.models.product import DATA
from tools.samples import samples_folder

SETS: Mapping[str, Mapping[str, Any]] = {
    "digits": {"task": {"type": "ImageClassification"}, "data": {"storageUri": "sample://digits"}},
    "mnist": {"task": {"type": "ImageClassification"}, "data": {"storageUri": "pvc://data/cv/mnist_5k.csv.gz"}},
    "sms-spam": {
        "task": {"type": "TextClassification", "positiveLabel": "spam"},
        "objectives": [{"metric": "f1"}],
        "data": {
            "storageUri": "pvc://data/nlp/sms_spam.tsv", "format": "CSV", "delimiter": "\t", "header": False,
            "columns": {"label": "0", "text": "1"},
        },
    },
    "banking77": {
        "task": {"type": "IntentDetection"},
        "data": {
            "storageUri": "pvc://data/dialog/banking77_train.csv", "columns": {"label": "category", "text": "text"},
        },
    },
    "breast-cancer": {
        "task": {"type": "TabularClassification", "positiveLabel": "4"},
        "objectives": [{"metric": "logLoss"}],
        "data": {
            "storageUri": "pvc://data/medical/breast-cancer-wisconsin.csv", "header": False, "columns": {"label": "9"},
        },
    },
    "movielens": {
        "task": {"type": "Recommendation"},
        "data": {
            "storageUri": "pvc://data/recommendation/ratings_users_1_400.csv",
            "columns": {"user": "userId", "item": "movieId", "rating": "rating", "timestamp": "timestamp"},
        },
    },
    "los-loop": {
        "task": {"type": "Forecasting", "history": 12, "horizon": 12},
        "data": {"storageUri": "pvc://data/traffic/los_speed.csv", "format": "CSV", "header": True},
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A trial that was trained to its end."""

    name: str
    quality: float
    """Of the validation split; more is better."""
    loss: float
    score: float
    """Of the test split."""
    seconds: float


def main() -> int:
    """Run the sets and seeds and print what the choices came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=sorted(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--preset", default="Balanced")
    parser.add_argument("--trials", type=int, default=9)
    options = parser.parse_args()
    for name in options.sets:
        lines = []
        for seed in options.seeds:
            spec = {
                **SETS[name], "preset": options.preset, "model": {"search": {"trials": options.trials}},
                "training": {"seed": seed},
            }  # fmt: skip
            line = compared(resolve_requirements(TrainingWorkflowSpec.model_validate(spec), name))
            lines.append(line)
            print(json.dumps({"set": name, "seed": seed, **line}), flush=True)
        print(json.dumps({"set": name, "seeds": len(lines), **summary(lines)}), flush=True)
    return 0


def compared(requirements: Requirements) -> dict[str, Any]:
    """Return what the search and the training of every trial came to, on one split and with one seed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        origin = Origin(data_mount=DATA, samples=samples_folder(), downloads=folder / "work")
        began = time.monotonic()
        dataset = load_dataset(requirements.problem, requirements.data, origin)
        subprocess.run([sys.executable, "-c", "import idla_trainer.steps.train"], check=True, stderr=subprocess.DEVNULL)
        start = time.monotonic() - began
        choice = nominate_candidates(requirements, built_in_library(), profile(dataset))
        if not isinstance(choice, Choice) or choice.search is None:
            raise SystemExit(f"there is nothing to search: {choice}")
        trials = trials_of(choice.candidates, choice.search)
        step = SearchStep(trials=trials, rungs=rungs_of(choice.search))
        first = trials[0].model_copy(update={"training": trials[0].training.model_copy(update={"max_epochs": 1})})
        trained(requirements, dataset, first, folder / "first")  # what only the first training of a process waits for
        winner, seconds = searched(requirements, dataset, step, folder / "search")
        ended = [trained(requirements, dataset, trial, folder / str(place)) for place, trial in enumerate(trials)]
    best = max(range(len(ended)), key=lambda place: (ended[place].quality, -ended[place].loss))
    scores = [entry.score for entry in ended]
    maximized = requirements.problem.metric.maximized
    worse = ended[best].score - scores[winner] if maximized else (scores[winner] / ended[best].score - 1)
    return {
        "trials": len(trials),
        "chosen": ended[winner].name,
        "search": scores[winner],
        "full": ended[best].score,
        "random": mean(scores),
        "worst": min(scores) if maximized else max(scores),
        "regret": 100 * worse,
        "time": seconds / sum(entry.seconds for entry in ended),
        "pods": (start + seconds) / sum(start + entry.seconds for entry in ended),
        "seconds": seconds,
    }


def searched(requirements: Requirements, dataset: Dataset, step: SearchStep, folder: Path) -> tuple[int, float]:
    """Return the place of the trial that the trainer's own Search step chooses, and its seconds."""
    from idla_trainer.steps.search import search

    context, began = context_of(requirements, dataset, step, folder), time.monotonic()
    found = search(context, step).update["search"]
    return int(found.winner), time.monotonic() - began  # type: ignore[attr-defined]  # a SearchReport


def trained(requirements: Requirements, dataset: Dataset, trial: Trial, folder: Path) -> Ended:
    """Return what one trial comes to by the trainer's own Train step."""
    from idla_trainer.steps.train import begin
    from idla_trainer.training.checkpoints import Checkpoints
    from idla_trainer.training.run import Kept, run

    step = TrainStep(model=trial.model, training=trial.training)
    context, began = context_of(requirements, dataset, step, folder), time.monotonic()
    begun = begin(context, dataset, step, max_seconds=None)
    kept = Kept(checkpoints=Checkpoints(folder / "checkpoints"), fingerprint=begun.fingerprint)
    run(begun.loop, kept=kept, preemption=context.preemption, observe=lambda _: None)
    report = begun.report(trial.model.template)
    seconds = time.monotonic() - began
    tested = dataset.examples(dataset.parts.test)
    _, answers = begun.network.evaluate_plain(tested)
    sign = 1 if begun.objective.metric.maximized else -1
    return Ended(
        name=trial.model.template,
        quality=sign * report.validation_score,
        loss=report.validation_loss,
        score=begun.objective.score(tested.targets, answers, tested.raw),
        seconds=seconds,
    )


def context_of(requirements: Requirements, dataset: Dataset, step: SearchStep | TrainStep, folder: Path) -> Context:
    """Return the surroundings of a step in a folder of its own."""
    task = TaskSpec(
        workflow="selection", task="trial", content_hash="0123456789", problem=requirements.problem,
        data=requirements.data, artifact_uri="pvc://store", steps=(step,),
    )  # fmt: skip
    kept = TaskStore.of(folder, task.task, task.content_hash)
    kept.make()
    return Context(
        spec=task,
        places=Places(store=folder, data=DATA, samples=samples_folder(), work=folder / "work"),
        folder=kept,
        dataset=dataset,
        whole=lambda: dataset,
        preemption=Preemption(),
        progress=ProgressMetrics(),
        agenda=Agenda(ProgressMetrics()),
    )


def summary(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return means over the seeds, and the standard deviation of the regret."""
    means = {
        name: mean(float(line[name]) for line in lines)
        for name in ("search", "full", "random", "worst", "regret", "time", "pods", "seconds")
    }
    spread = stdev(float(line["regret"]) for line in lines) if len(lines) > 1 else None
    return {**means, "regretSpread": spread}


if __name__ == "__main__":
    sys.exit(main())
