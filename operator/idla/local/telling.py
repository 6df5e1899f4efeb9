"""The lines that a person reads while a workflow runs."""

import time
from collections.abc import Iterator
from typing import TextIO

from idla.api.reasons import DecisionName, DecisionReason
from idla.api.training_workflow_status import DecisionStatus, TaskStatus, TrainingWorkflowStatus
from idla.core.planning.plan import PROFILE
from idla.core.task_state import TaskState

_SELDOM_SECONDS = 10.0
"""Between two lines of progress where they cannot be written over each other."""


class Teller:
    """Writes what changes; on a terminal the progress stays one line at the end."""

    def __init__(self, out: TextIO) -> None:
        """Bind where lines go."""
        self._out = out
        self._terminal = out.isatty()
        self._began = time.monotonic()
        self._open = False
        self._shown = ""
        self._next = 0.0

    def say(self, text: str) -> None:
        """Write a line of its own."""
        self._clear()
        seconds = time.monotonic() - self._began
        self._out.write(f"{seconds:7.1f} s  {text}\n")
        self._out.flush()

    def tell(self, old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> None:
        """Write what changed from one status to the next."""
        for line in lines_between(old, new):
            self.say(line)
        line = progress_line(new)
        if not line or line == self._shown:
            return
        if self._terminal:
            self._clear()
            self._out.write(f"{time.monotonic() - self._began:7.1f} s  {line}")
            self._out.flush()
            self._open = True
        elif time.monotonic() >= self._next:
            self.say(line)
            self._next = time.monotonic() + _SELDOM_SECONDS
        self._shown = line

    def close(self) -> None:
        """End an open line."""
        self._clear()

    def _clear(self) -> None:
        if self._open:
            self._out.write("\r\x1b[K")
            self._open = False


def lines_between(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> Iterator[str]:
    """Yield what happened, one line each, in the order of the work."""
    before = {entry.name: entry for entry in old.tasks}
    for entry in new.tasks:
        yield from _task(before.get(entry.name), entry, new)
    if new.plan is not None and old.plan is None:
        chosen = next((entry for entry in new.decisions if entry.name == DecisionName.CANDIDATES), None)
        yield f"plan {new.plan.hash}: {chosen.message if chosen else ''}"
        for other in chosen.alternatives if chosen else ():
            if other.reason == DecisionReason.TASK_NOT_SUPPORTED:
                continue
            yield f"  not {other.choice}: {other.message}"
    for name, word in ((DecisionName.MODEL_SELECTION, "chosen"), (DecisionName.COMPRESSION, "shipped")):
        now, was = _decision(new, name), _decision(old, name)
        if now is not None and was is None:
            yield f"{word}: {now.choice}, {now.message}"
            for other in now.alternatives:
                yield f"  not {other.choice}: {other.message}"
    if new.artifact is not None and old.artifact is None:
        yield f"published: {new.artifact.digest}, {new.artifact.size_bytes} bytes"


def _task(old: TaskStatus | None, new: TaskStatus, status: TrainingWorkflowStatus) -> Iterator[str]:
    was = None if old is None or old.content_hash != new.content_hash else old.state
    if new.state == TaskState.RUNNING and was != TaskState.RUNNING:
        yield f"{new.name}: begun" if new.attempts <= 1 else f"{new.name}: restarted, attempt {new.attempts}"
    elif new.state == TaskState.SUCCEEDED and was != TaskState.SUCCEEDED:
        found = " (found in the store)" if new.cached else ""
        yield f"{new.name}: done{found}{_data(status) if new.name == PROFILE else ''}"
    elif new.state == TaskState.FAILED and was != TaskState.FAILED:
        yield f"{new.name}: failed: {new.reason}, {new.message}"
    elif (
        new.state == TaskState.PENDING
        and new.message.startswith("a pod failed")
        and (old or new).message != new.message
    ):
        yield f"{new.name}: {new.message}"


def _data(status: TrainingWorkflowStatus) -> str:
    data = status.data
    if data is None:
        return ""
    warnings = "".join(f"; note: {warning}" for warning in data.warnings)
    parts = f"{data.train_examples} to train, {data.validation_examples} to validate, {data.test_examples} to test"
    return f": {data.examples} examples ({parts}); the baseline scores {data.baseline_score}{warnings}"


def progress_line(status: TrainingWorkflowStatus) -> str:
    """Return how far the work is, with the figures of the running trainings; empty where nothing runs."""
    progress = status.progress
    if progress is None or not progress.current_task or status.completion_time is not None:
        return ""
    left = (
        "" if progress.estimated_remaining_seconds is None else f", about {progress.estimated_remaining_seconds} s left"
    )
    shown = {
        "validationScore": "validation score",
        "validationLoss": "validation loss",
        "examplesPerSecond": "examples/s",
    }
    figures = [
        f"{shown[entry.name.rpartition('/')[2]]} {_short(entry.value)}"
        for entry in progress.metrics
        if entry.name.rpartition("/")[2] in shown
    ]
    return f"{progress.percent:3d} %  {progress.current_task}{left}{''.join(f', {figure}' for figure in figures)}"


def _short(text: str) -> str:
    value = float(text)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.4f}"  # noqa: PLR2004  # three digits tell enough


def _decision(status: TrainingWorkflowStatus, name: DecisionName) -> DecisionStatus | None:
    return next((entry for entry in status.decisions if entry.name == name), None)
