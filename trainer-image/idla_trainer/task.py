"""A task from its spec to its result: validated, answered from the store where it can be, else carried out."""

import functools
import logging
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from idla_contract.choice import SelectStep
from idla_contract.paths import artifact_folder
from idla_contract.result import StepResult, TaskResult
from idla_contract.task import (
    Access,
    CompressStep,
    EvaluateStep,
    ProfileStep,
    PublishStep,
    RefitStep,
    SearchStep,
    Step,
    TaskSpec,
    TrainStep,
    VerifyStep,
)
from idla_contract.uri import claim_of
from idla_store import FetchEnvironment, StoreError
from idla_store import verify as verify_artifact
from pydantic import ValidationError

from idla_trainer.data.profile import profile
from idla_trainer.data.source import Origin
from idla_trainer.failures import TaskError, spec_invalid
from idla_trainer.models.registry import check_known
from idla_trainer.preemption import Preemption
from idla_trainer.problems.registry import kind_of, load_dataset
from idla_trainer.runtime_limits import prepare_tensorflow
from idla_trainer.steps.context import Context, Outcome, Places
from idla_trainer.steps.parts import agenda_of
from idla_trainer.steps.select import select
from idla_trainer.task_store import Progress, TaskStore
from idla_trainer.training.agenda import Agenda
from idla_trainer.training.candidate import check_fits, load_candidate
from idla_trainer.training.checkpoints import FOLDER as CHECKPOINTS
from idla_trainer.training.progress import ProgressMetrics
from idla_trainer.training.trial_results import FOLDER as TRIALS

_log = logging.getLogger(__name__)
_NEEDS = {"Refit": "Compress", "Evaluate": "Compress", "Verify": "Evaluate", "Publish": "Evaluate"}
_MAKES = {
    "Compress": "a Compress step before it, which makes the artifact",
    "Evaluate": "an Evaluate step before it, which seals the artifact with its figures",
}


def read_spec(path: Path) -> TaskSpec:
    """Return the task's spec.

    Raises:
        TaskError: unreadable, or not of the contract.
    """
    try:
        spec = TaskSpec.model_validate_json(path.read_bytes())
    except OSError as error:
        raise spec_invalid(f"the task spec cannot be read ({error})") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        more = f" ({error.error_count()} problems in all)" if error.error_count() > 1 else ""
        raise spec_invalid(f"task spec: {place}: {first['msg']}; found {str(first['input'])[:200]!r}{more}") from error
    return spec


def check_spec(spec: TaskSpec) -> None:
    """Refuse what cannot be carried out before anything is fetched.

    Raises:
        TaskError: an unknown kind of task or network, or steps in an order that cannot work.
    """
    _check_order(spec.steps)
    kind_of(spec.problem)
    for step in spec.steps:
        if isinstance(step, TrainStep):
            check_known(step.model)
        elif isinstance(step, CompressStep):
            check_known(step.candidate.model)
        elif isinstance(step, SearchStep):
            _check_trials(step)


def _check_trials(step: SearchStep) -> None:
    """Refuse a search none of whose trials names a known network with known settings; the others fail alone.

    Raises:
        TaskError: the first trial's.
    """
    errors: list[TaskError] = []
    for trial in step.trials:
        try:
            check_known(trial.model)
        except TaskError as error:
            errors.append(error)
    if len(errors) == len(step.trials):
        raise errors[0]


def _check_order(steps: Sequence[Step]) -> None:
    kinds = [step.kind for step in steps]
    twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
    if twice:
        message = f"task spec: steps: {twice[0]} stands {kinds.count(twice[0])} times; each kind may stand once"
        raise spec_invalid(message)
    for position, kind in enumerate(kinds):
        if kind == "Refit" and "Evaluate" in kinds[:position]:
            raise spec_invalid("task spec: steps: Refit stands after Evaluate; what is measured on test is made before")
        needed = _NEEDS.get(kind)
        if needed is not None and needed not in kinds[:position]:
            raise spec_invalid(f"task spec: steps: {kind} needs {_MAKES[needed]}")


class Task:
    """One attempt at a task."""

    def __init__(self, spec: TaskSpec, places: Places, preemption: Preemption) -> None:
        self._spec = spec
        self._places = places
        self._preemption = preemption
        self._store = TaskStore.of(places.store, spec.task, spec.content_hash)
        self._reading = 0.0
        """Seconds in which the data were read: to look at them is the step's work where that is the Profile."""
        self.result = TaskResult(task=spec.task, content_hash=spec.content_hash)
        """What is known so far."""

    @property
    def folder(self) -> Path:
        """Return where its results are kept; made when there is something to do."""
        return self._store.path

    @property
    def volumes(self) -> Mapping[Path, str]:
        """What a user calls the volumes of this pod."""
        data, store = self._spec.data.uri, self._spec.artifact_uri
        return {
            self._places.store: f"PersistentVolumeClaim {claim_of(store)}, which keeps the artifacts,",
            self._places.data: f"PersistentVolumeClaim {claim_of(data)}, which has the data,",
            self._places.work: f"the pod's own volume at {self._places.work}",
        }

    def run(self, metrics_port: int, metrics_address: str) -> None:
        """Carry out every step that no earlier attempt finished.

        Args:
            metrics_port: of `/metrics`; 0 for none.
            metrics_address: where it listens.

        Raises:
            TaskError, StoreError, OSError: the task cannot go on.
            PreemptedError: SIGTERM came.
        """
        # Without a digest only a look at the data tells whether the result is still theirs.
        finished = None if self._spec.data.digest is None else self._store.finished(self._spec)
        if finished is not None and self._is_published(finished):
            _log.info("the store has the whole result")
            self.result = _marked_cached(finished)
            return
        self._store.make()
        _log.info("task %s of %s, content %s", self._spec.task, self._spec.workflow, self._spec.content_hash)
        began = time.monotonic()
        context = self._context()
        self._reading = time.monotonic() - began
        progress = self._store.read_progress(self._spec, context.dataset.digest)
        progress = self._without_lost_artifact(progress)
        self.result = _marked_cached(progress.result)
        due = self._spec.steps[len(progress.result.steps) :]
        agenda = agenda_of(self._spec, due, store=self._places.store, told=context.progress)
        context = replace(context, agenda=agenda)
        if any(isinstance(step, TrainStep | SearchStep | CompressStep | RefitStep) for step in due):
            context.progress.serve(metrics_port, metrics_address)
            prepare_tensorflow(self._places.work, self._store.path)
        for step in due:
            self._preemption.check()
            context.agenda.begin(step.kind)
            progress = self._carry_out(context, step, progress)
        self._store.write_result(progress.result)
        for folder in (CHECKPOINTS, TRIALS):
            shutil.rmtree(self._store.path / folder, ignore_errors=True)

    def _context(self) -> Context:
        places = self._places
        access = self._spec.data.access or Access()
        origin = Origin(
            data_mount=places.data,
            samples=places.samples,
            downloads=places.work / "downloads",
            policy=FetchEnvironment(places.secret, os.environ).policy(region=access.region, endpoint=access.endpoint),
        )
        progress = ProgressMetrics()
        load = functools.partial(load_dataset, self._spec.problem, self._spec.data, origin)
        return Context(
            spec=self._spec,
            places=places,
            folder=self._store,
            dataset=load(overview=any(isinstance(step, ProfileStep) for step in self._spec.steps)),
            whole=functools.cache(lambda: load(whole=True)),
            preemption=self._preemption,
            progress=progress,
            agenda=Agenda(progress),
        )

    def _carry_out(self, context: Context, step: Step, progress: Progress) -> Progress:
        """Do a step and note it in the store."""
        _log.info("step %s", step.kind)
        started = time.monotonic()
        outcome = _do(context, step, progress.result)
        reading = self._reading if isinstance(step, ProfileStep) else 0.0
        done = StepResult(kind=step.kind, seconds=round(time.monotonic() - started + reading, 3))
        result = outcome.applied_to(progress.result, done)
        files = (*progress.files, self._store.digests(outcome.files))
        noted = progress.model_copy(update={"result": result, "files": files})
        self._store.write_progress(noted)
        self.result = outcome.applied_to(self.result, done)
        return noted

    def _is_published(self, result: TaskResult) -> bool:
        """Tell whether the artifact of a result, if it has one, is in the store and intact."""
        if result.artifact is None:
            return True
        try:
            verify_artifact(self._places.store / artifact_folder(result.artifact.digest), result.artifact.digest)
        except StoreError as error:
            _log.warning("the published artifact is lost (%s)", error)
            return False
        return True

    def _without_lost_artifact(self, progress: Progress) -> Progress:
        """Forget Publish and what follows it where the artifact is no longer there."""
        if self._is_published(progress.result):
            return progress
        kinds = [step.kind for step in progress.result.steps]
        kept = kinds.index("Publish")
        result = progress.result.model_copy(update={"steps": progress.result.steps[:kept], "artifact": None})
        return progress.model_copy(update={"result": result, "files": progress.files[:kept]})


def _do(context: Context, step: Step, so_far: TaskResult) -> Outcome:  # noqa: PLR0911  # one for each kind of step
    match step:
        case ProfileStep():
            return Outcome({"profile": profile(context.dataset)})
        case TrainStep():
            from idla_trainer.steps.train import train

            return train(context, step)
        case SearchStep():
            from idla_trainer.steps.search import search

            return search(context, step)
        case SelectStep():
            return select(context, step)
        case CompressStep():
            candidate = load_candidate(context.places.store, step.candidate)
            check_fits(candidate, context.dataset)
            from idla_trainer.steps.compress import compress

            return compress(context, step, candidate)
        case RefitStep():
            from idla_trainer.steps.refit import refit

            return refit(context, step, so_far)
        case EvaluateStep():
            from idla_trainer.steps.evaluate import evaluate

            return evaluate(context, step, so_far)
        case VerifyStep():
            from idla_trainer.steps.verify import verify

            return verify(context)
        case PublishStep():
            from idla_trainer.steps.publish import publish

            return publish(context)
        case _:
            assert_never(step)


def _marked_cached(result: TaskResult) -> TaskResult:
    steps = tuple(step.model_copy(update={"cached": True}) for step in result.steps)
    return result.model_copy(update={"steps": steps})
