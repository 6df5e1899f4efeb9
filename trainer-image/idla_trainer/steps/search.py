"""Search: many trials trained a little, the better ones further, the best one to its end and kept."""

import logging
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from idla_contract.result import FailureReason, SearchReport, TrainReport, TrialReport
from idla_contract.task import Rung, SearchStep, TrainStep, Trial

from idla_trainer.failures import TaskError
from idla_trainer.steps.context import Context, Outcome
from idla_trainer.steps.train import Begun, begin, keep
from idla_trainer.training.candidate import FILES
from idla_trainer.training.progress import PartOfProgress
from idla_trainer.training.run import advance
from idla_trainer.training.rungs import epochs_of, ranked, seconds_left, work_shares
from idla_trainer.training.search_times import SearchTimes, work_left
from idla_trainer.training.trial_results import FOLDER, TrialResults

_MENDABLE = {FailureReason.DIVERGED, FailureReason.SPEC_INVALID, FailureReason.CONSTRAINT_UNMET}
"""Failures that belong to a trial's own settings: the others go on without it."""
_DIGITS = 6
_log = logging.getLogger(__name__)


def search(context: Context, step: SearchStep) -> Outcome:
    """Carry out, or go on with, a search.

    Raises:
        TaskError: no trial can be trained, or what belongs to no trial of its own is wrong.
        StoreError: given weights cannot be fetched, or have another digest.
        PreemptedError: SIGTERM came; a checkpoint is written.
    """
    return _Search(context, step).run()


class _Search:
    """One attempt at a search."""

    def __init__(self, context: Context, step: SearchStep) -> None:
        self._context, self._step = context, step
        self._metric = context.spec.problem.metric
        self._folder = context.folder.path / FOLDER
        self._results = TrialResults.read(self._folder, context.fingerprint(context.dataset, step))
        self._failures: dict[int, TaskError] = {}
        self._live: dict[int, Begun] = {}
        """Trainings of this attempt that may go on, each with its best weights in place."""
        self._times = SearchTimes()
        self._told = 0.0
        """Share of the expected work that is behind."""

    def run(self) -> Outcome:
        rungs, left = self._step.rungs, list(range(len(self._step.trials)))
        shares = work_shares(rungs, len(left))
        for number, (rung, share) in enumerate(zip(rungs, shares, strict=True), start=1):
            left = self._climb(number, rung, left, share)
            _log.info("rung %d of %d: %s go on", number, len(rungs), ", ".join(map(self._named, left)))
        report = self._kept(left[0])
        latest = self._results.latest()
        trials = tuple(
            latest.get(place, TrialReport()).model_copy(update={"failure": self._failure(place)})
            for place in range(len(self._step.trials))
        )
        found = SearchReport(winner=left[0], trials=trials, seconds=round(self._results.seconds, _DIGITS))
        return Outcome({"train": report, "search": found}, FILES)

    def _climb(self, number: int, rung: Rung, left: Sequence[int], share: float) -> list[int]:
        """Train the trials that are left as far as a rung asks; return those that go on, the best first."""
        for waited, place in enumerate(left):
            if place not in self._results.rungs.get(number, {}) and place not in self._failures:
                self._train(place, number, rung, waiting=len(left) - waited, share=share)
            self._told += share
            trained = left[: waited + 1]
            self._clear(set(trained) - set(self._best(trained, rung.kept)))
        best = self._best(left, rung.kept)
        if best:
            return best
        # All that were left failed: one of those that had been left behind takes their place.
        others = self._best(range(len(self._step.trials)), 1)
        if not others:
            raise next(iter(self._failures.values()))
        return self._climb(number, rung, others, 0.0)

    def _best(self, places: Sequence[int], kept: int) -> list[int]:
        latest = self._results.latest()
        able = {place: latest[place] for place in places if place in latest and place not in self._failures}
        return ranked(able, self._metric)[:kept]

    def _train(self, place: int, number: int, rung: Rung, *, waiting: int, share: float) -> None:
        """Take one trial to a rung, and write down its result."""
        results = self._results
        before = results.latest().get(place, TrialReport())
        seconds = seconds_left(
            self._step.max_seconds, rung=number, rungs=len(self._step.rungs), waiting=waiting, spent=results.seconds
        )
        if seconds == 0 and results.latest():
            # Its last report stays; one that was never begun can no longer win.
            results.add(number, place, before.model_copy(update={"stopped": "Budget"}))
            return
        _log.info("rung %d: %s", number, self._named(place))
        limit = None if seconds is None else before.seconds + seconds
        try:
            if place not in self._live:
                self._times.begin()
            begun = self._live.get(place) or self._begin(place)
            _check_size(begun, self._step.trials[place])
            begun.loop.max_seconds = math.inf if limit is None else limit
            rungs, training, steps = self._step.rungs, self._step.trials[place].training, begun.loop.epoch_steps
            ahead = work_left(rungs, training, rung=number, waiting=waiting - 1, epoch_steps=steps)
            report = self._advanced(begun, place, rung, before=before, share=share, ahead=ahead)
        except TaskError as error:
            if error.reason not in _MENDABLE:
                raise
            _log.warning("%s is given up: %s", self._named(place), error)
            self._failures[place] = error
            return
        self._live[place] = begun
        results.add(number, place, _trial_report(report, number, over=begun.loop.end()))

    def _advanced(
        self, begun: Begun, place: int, rung: Rung, *, before: TrialReport, share: float, ahead: tuple[int, float]
    ) -> TrainReport:
        loop, trial, kept = begun.loop, self._step.trials[place], begun.kept(self._folder_of(place))
        whole = trial.training.max_epochs
        epochs = epochs_of(rung, whole, loop.epoch_steps)
        kept.resume(loop)
        at = loop.step_number
        part = PartOfProgress(
            self._context.agenda,
            begins=self._told,
            share=share,
            done=before.epochs / whole,
            ends=max(epochs, before.epochs + 1) / whole,
            after=lambda left: self._times.left(left, ahead, epoch=loop.epoch_seconds or 0.0),
        )
        advance(
            loop,
            kept=kept,
            preemption=self._context.preemption,
            epochs=epochs,
            observe=begun.observe(self._context.progress, part, epochs=epochs),
        )
        if loop.step_number > at:
            kept.save(loop)
        loop.finish()
        self._times.end(loop.epoch_seconds or 0.0)
        return begun.report(trial.model.template)

    def _kept(self, place: int) -> TrainReport:
        """Write down the winner for the steps that follow."""
        step = self._train_step(place)
        begun = self._live.get(place)
        if begun is None:
            begun = self._begin(place)
            begun.kept(self._folder_of(place)).resume(begun.loop)
            begun.loop.finish()
        begun.loop.max_seconds = 0.0  # the search is over: what is neither trained to its end nor stopped early ran out
        report = begun.report(step.model.template)
        keep(self._context, step, begun)
        return report

    def _begin(self, place: int) -> Begun:
        step, context = self._train_step(place), self._context
        return begin(context, context.view(step.model, context.dataset), step, max_seconds=None)

    def _train_step(self, place: int) -> TrainStep:
        trial = self._step.trials[place]
        return TrainStep(model=trial.model, training=trial.training, maximum_bytes=trial.maximum_bytes)

    def _folder_of(self, place: int) -> Path:
        return self._folder / f"{place:02d}"

    def _clear(self, places: set[int]) -> None:
        for place in places:
            self._live.pop(place, None)
            shutil.rmtree(self._folder_of(place), ignore_errors=True)

    def _failure(self, place: int) -> str:
        error = self._failures.get(place)
        return "" if error is None else error.reason

    def _named(self, place: int) -> str:
        return f"trial {place} ({self._step.trials[place].model.template})"


def _check_size(begun: Begun, trial: Trial) -> None:
    allowed, found = trial.maximum_parameters, begun.network.parameters
    if allowed is not None and found > allowed:
        message = f"the network {trial.model.template} has {found} weights; allowed: {allowed}"
        raise TaskError(FailureReason.CONSTRAINT_UNMET, message)


def _trial_report(report: TrainReport, rung: int, *, over: str | None) -> TrialReport:
    return TrialReport(
        rung=rung,
        epochs=report.epochs,
        parameters=report.parameters,
        validation_score=round(report.validation_score, _DIGITS),
        validation_score_error=round(report.validation_score_error, _DIGITS),
        validation_loss=round(report.validation_loss, _DIGITS),
        seconds=round(report.seconds, _DIGITS),
        stopped=over or "",
    )
