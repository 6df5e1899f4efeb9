"""How long a workflow still takes, by what its own tasks have measured so far; nothing is said where they have not."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from idla_contract.task import Recipe, Training
from idla_contract.work import DISTILLATION_EPOCH, Measures, Trained, publication

from idla.api.training_workflow_status import CandidateStatus, ProgressStatus
from idla.core.conditions import parse_timestamp
from idla.core.planning.graph import StepKind
from idla.core.planning.plan import (
    PUBLISH_SHARE,
    TRAIN_SHARE,
    name_training_task,
    recipe_of,
    refit_step,
    selects,
)
from idla.core.snapshot import TaskProgress
from idla.core.task_state import TaskState
from idla.core.workflow import stages
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.tasks import TaskDecision

TRAININGS = (StepKind.TRAIN, StepKind.SEARCH)
_PUBLISHING = PUBLISH_SHARE / TRAIN_SHARE
"""Expected time of the publication as a share of a training's whose epochs nobody has timed."""
_OVERDUE = 0.25
"""What takes longer than expected is taken to go on for as much of the time that it has taken."""
_START = 9.0
"""Loading TensorFlow and compiling a network by the start of a process without them, before one has been timed."""
_STEP = 0.01
"""A step of a training by the start of a process, likewise."""
_SHORT = 2.0
"""Starts that a training may take of which nothing is measured; the length of longer ones is not guessed."""
_LONGEST_PROCESS = 6.0
"""Seconds that the start of a process is taken to last at most: what is beyond is the pull of an image."""
_SETTLES = 0.05
"""Share of what is left in which an estimate goes most of the way to a new one."""


def estimate_remaining(state: GenerationState) -> int | None:
    """Return the expected seconds to the end, or None where too little is measured."""
    if not isinstance(state.stage, stages.Planned):
        return None
    seconds = _Forecast(state, state.stage).left()
    return None if seconds is None else round(_settled(state.previous.progress, seconds, state.inputs.now))


def fraction_of(state: GenerationState, decision: TaskDecision) -> float | None:
    """Return the share of a running task's time that has passed, or None where its pod does not tell of time."""
    told = told_by(state, decision)
    if told is None or told.remaining_seconds is None or decision.entry.start_time is None:
        return None
    since = _seconds_between(decision.entry.start_time, told.updated)
    return since / max(1e-9, since + told.remaining_seconds)


def told_by(state: GenerationState, decision: TaskDecision) -> TaskProgress | None:
    """Return what the pod of an unfinished task last said of itself."""
    name = decision.entry.job_name
    return None if name is None or decision.finished else state.inputs.snapshot.progress.get(name)


def _settled(before: ProgressStatus | None, seconds: float, now: datetime) -> float:
    """Return an estimate on the way from the last one to a new one, so that one odd epoch does not make it jump."""
    if before is None or not before.estimated_remaining_seconds:
        return seconds
    since = (now - parse_timestamp(before.last_updated_time)).total_seconds()
    old = before.estimated_remaining_seconds - since
    if since < 0 or min(old, seconds) <= 0:
        return seconds
    kept = math.exp(-since / (_SETTLES * seconds))
    return float(old**kept * seconds ** (1 - kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timing:
    """How long a training takes in all, measured as far as it has come."""

    total: float
    start: float
    """Seconds of it before its first step."""
    epoch: float | None
    """None: its pod does not tell."""
    epochs: float
    """As far as the best one."""


@dataclass(frozen=True)
class _Forecast:
    """What is known of a workflow's tasks, and what follows from it for the others."""

    state: GenerationState
    stage: stages.Planned

    def left(self) -> float | None:
        """Return the seconds to the end."""
        after = self._publication()
        publishing = [entry for entry in self.state.tasks_with(StepKind.PUBLISH) if entry.state is TaskState.RUNNING]
        if publishing:
            return self._rest(publishing[0], after)
        selecting = [entry for entry in self.state.tasks_with(StepKind.SELECT) if entry.state is TaskState.RUNNING]
        if selecting:
            rest = self._rest(selecting[0], self._process)
            return None if after is None or rest is None else rest + after
        waiting = [decision for decision in self._trainings if not decision.finished]
        width = sum(decision.state is TaskState.RUNNING for decision in waiting)
        rests = [self._rest(decision, self._expected(decision)) for decision in waiting]
        known = [rest for rest in rests if rest is not None]
        if not width or after is None or len(known) < len(rests):
            return None
        return _makespan(known, width) + (self._process if selects(self.stage.plan) else 0.0) + after

    @property
    def _trainings(self) -> Sequence[TaskDecision]:
        return self.state.tasks_with(*TRAININGS)

    def _rest(self, decision: TaskDecision, expected: float | None) -> float | None:
        """Return the seconds to the end of a task that has not ended."""
        told, began = told_by(self.state, decision), decision.entry.start_time
        if decision.state is not TaskState.RUNNING or began is None:
            return expected
        if told is not None and told.remaining_seconds is not None:
            return _overdue(told.remaining_seconds, (self.state.inputs.now - told.updated).total_seconds())
        since = _seconds_between(began, self.state.inputs.now)
        linear = None if told is None else _linear(told, began)
        if linear is not None:
            return max(0.0, linear - since)
        return None if expected is None else _overdue(expected, since)

    def _expected(self, decision: TaskDecision) -> float | None:
        """Return the seconds of a training of which nothing is measured: it is like the others."""
        timing = self._guessed(decision)
        if self._timings:
            start = statistics.fmean(entry.start for entry in self._timings)
            return start + statistics.fmean(entry.total - entry.start for entry in self._timings)
        return None if timing is None else timing.total

    @cached_property
    def _timings(self) -> Sequence[_Timing]:
        found = (self._timed(decision) for decision in self._trainings)
        return [timing for timing in found if timing is not None]

    def _timed(self, decision: TaskDecision) -> _Timing | None:
        entry, report = decision.entry, None if decision.result is None else decision.result.train
        if entry.start_time is None:
            return None
        if decision.finished:
            if report is None or entry.completion_time is None:
                return None
            total = _seconds_between(entry.start_time, parse_timestamp(entry.completion_time))
            start = max(0.0, total - report.epochs * report.epoch_seconds)
            if self.stage.plan.search is not None:  # the start of every trial is in it
                start = min(start, self._guessed_start)
            epoch = report.epoch_seconds or None
            return _Timing(total=total, start=start, epoch=epoch, epochs=report.best_epoch)
        told = told_by(self.state, decision)
        if told is None:
            return None
        if told.remaining_seconds is None:
            linear = _linear(told, entry.start_time)
            return None if linear is None else _Timing(total=linear, start=0.0, epoch=None, epochs=0)
        total = _seconds_between(entry.start_time, told.updated) + told.remaining_seconds
        start = min(total, self._process + (told.start_seconds or 0.0))
        epochs = (total - start) / told.epoch_seconds if told.epoch_seconds else 0.0
        return _Timing(total=total, start=start, epoch=told.epoch_seconds, epochs=min(epochs, self._most_epochs))

    def _guessed(self, decision: TaskDecision) -> _Timing | None:
        """Return what a training takes of which starting is most, as far as can be told; None: it is longer."""
        named = {name_training_task(self.stage.plan, entry.template): entry for entry in self.stage.plan.candidates}
        data, process = self.state.data, self._bare_process
        if self.stage.plan.search is not None or data is None or process is None:
            return None
        training = _training_of(named[decision.entry.name])
        most = training.max_epochs
        epochs = math.sqrt(min(most, training.early_stopping.patience_epochs) * most)
        epoch = _STEP * process * max(1.0, data.train_examples / training.batch_size)
        start = self._guessed_start
        if epochs * epoch > _SHORT * start:
            return None
        return _Timing(total=start + epochs * epoch, start=start, epoch=epoch, epochs=epochs)

    def _publication(self) -> float | None:
        """Return the seconds that the publication takes in all."""
        timings = self._timings or [timing for timing in map(self._guessed, self._trainings) if timing is not None]
        if isinstance(self.stage, stages.Trained):
            timings = [timing for timing in [self._timed(self.state.decisions[self.stage.training.name])] if timing]
        known = [timing for timing in timings if timing.epoch is not None]
        if known:
            return statistics.fmean(map(self._publication_after, known))
        longest = max((timing.total for timing in timings), default=0.0)
        return _PUBLISHING * longest or None

    def _publication_after(self, timing: _Timing) -> float:
        plan, spec = self.stage.plan, self.state.inputs.spec
        candidate = plan.candidates[0]
        recipe = recipe_of(spec, plan) if candidate.methods else Recipe()
        trained = Trained(parameters=candidate.parameters, best_epoch=timing.epochs)
        parts = publication(candidate.methods, recipe, trained, refit=refit_step(spec, plan) is not None)
        epoch = timing.epoch or 0.0
        measures = Measures(
            start=max(0.0, timing.start - self._process), epoch=epoch, distillation_epoch=DISTILLATION_EPOCH * epoch
        )
        return self._process + math.fsum(measures.seconds_of(work) or 0.0 for _, work in parts)

    @property
    def _most_epochs(self) -> int:
        return max(_training_of(entry).max_epochs for entry in self.stage.plan.candidates)

    @cached_property
    def _process(self) -> float:
        """Return the seconds in which a process starts and reads the data, as the one did that looked at them."""
        return self._profile[0] + self._profile[1]

    @property
    def _guessed_start(self) -> float:
        return self._process + _START * (self._bare_process or 0.0)

    @property
    def _bare_process(self) -> float | None:
        return self._profile[0] or None

    @cached_property
    def _profile(self) -> tuple[float, float]:
        """Return the seconds in which the look at the data started, and those in which it looked."""
        for decision in self.state.tasks_with(StepKind.PROFILE):
            entry, result = decision.entry, decision.result
            if entry.start_time is not None and entry.completion_time is not None and result is not None:
                looked = math.fsum(step.seconds for step in result.steps)
                whole = _seconds_between(entry.start_time, parse_timestamp(entry.completion_time))
                return min(_LONGEST_PROCESS, max(0.0, whole - looked)), looked
        return 0.0, 0.0


def _training_of(candidate: CandidateStatus) -> Training:
    return Training.model_validate_json(candidate.training)


def _linear(told: TaskProgress, began: str) -> float | None:
    """Return how long a training takes in all that tells of nothing but its steps."""
    if told.step <= 0 or told.total_steps <= 0:
        return None
    return _seconds_between(began, told.updated) * told.total_steps / told.step


def _overdue(left: float, since: float) -> float:
    """Return what is left of `left` seconds after `since` of them: never nothing, since it has not ended."""
    return max(left - since, _OVERDUE * since)


def _makespan(rests: Sequence[float], width: int) -> float:
    """Return in how many seconds tasks end of which so many run at a time, the first ones first."""
    free = [0.0] * width
    for rest in rests:
        place = free.index(min(free))
        free[place] += rest
    return max(free)


def _seconds_between(began: str, moment: datetime) -> float:
    return max(0.0, (moment - parse_timestamp(began)).total_seconds())
