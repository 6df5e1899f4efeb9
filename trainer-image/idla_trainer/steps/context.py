"""What every step is given and what it gives back."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from idla_contract.paths import ENCODERS_ROOT
from idla_contract.result import StepResult, TaskResult
from idla_contract.task import ModelSpec, Step, TaskSpec

from idla_trainer.data.dataset import Dataset
from idla_trainer.models.frozen import Features
from idla_trainer.models.view import view_of
from idla_trainer.preemption import Preemption
from idla_trainer.task_store import TaskStore
from idla_trainer.training.agenda import Agenda
from idla_trainer.training.progress import ProgressMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the pod's parts are."""

    store: Path
    data: Path
    samples: Path
    work: Path
    """For what need not outlive the process."""
    secret: Path | None = None
    """Keys and certificates of remote data, in files."""
    encoders: Path = Path(ENCODERS_ROOT)
    """Folder of the pretrained encoders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a step is given."""

    spec: TaskSpec
    places: Places
    folder: TaskStore
    dataset: Dataset
    whole: Callable[[], Dataset]
    """Gives the same data with all but the test learned from; nothing can be chosen by them."""
    preemption: Preemption
    progress: ProgressMetrics
    agenda: Agenda
    """Who is told of the steps, and of what is begun."""
    features: Features = field(default_factory=Features)
    """What frozen parts of networks have made of the examples so far."""

    def view(self, model: ModelSpec, dataset: Dataset) -> Dataset:
        """Return the data as a model looks at them.

        Raises:
            TaskError: it is made for other data, or needs an encoder that this image lacks.
        """
        return view_of(model, dataset, self.places.encoders)

    def fingerprint(self, dataset: Dataset, step: Step) -> str:
        """Return a digest of all that the checkpoints of a step depend on: what it learns from, and how."""
        parts = (
            dataset.digest, dataset.test_digest or "", self.spec.problem.to_json(), self.spec.data.to_json(),
            step.to_json(), str(len(dataset.parts.train)),
        )  # fmt: skip
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step adds."""

    update: Mapping[str, object]
    """Fields of the `TaskResult`."""
    files: tuple[str, ...] = ()
    """Files in the task's folder that later steps need."""

    def applied_to(self, result: TaskResult, done: StepResult) -> TaskResult:
        """Return the result with this step's fields and how it ended."""
        return result.model_copy(update={**self.update, "steps": (*result.steps, done)})
