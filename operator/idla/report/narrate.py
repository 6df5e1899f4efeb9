"""The lines that a person reads while a workflow runs: what changed from one status to the next."""

from collections.abc import Iterator, Mapping

from idla.api.reasons import DecisionName, DecisionReason
from idla.api.training_workflow_status import DataStatus, DecisionStatus, TaskStatus, TrainingWorkflowStatus
from idla.core.task_state import TaskState
from idla.report.columns import column_lines
from idla.report.terminal import Console


def narrate(console: Console, metric: str, old: TrainingWorkflowStatus, new: TrainingWorkflowStatus) -> None:
    """Write what changed from one status to the next, and how far the work is.

    Args:
        console: where.
        metric: by which quality is counted, e.g. `accuracy`.
        old: what was written before; a status without content at first.
        new: what is written now.
    """
    for line in lines_between(old, new, metric=metric):
        console.line(line)
    console.progress(progress_line(new, metric=metric))


def lines_between(old: TrainingWorkflowStatus, new: TrainingWorkflowStatus, *, metric: str) -> Iterator[str]:
    """Yield what happened, one line each, in the order of the work; how the workflow ended is not among it."""
    before = {(entry.name, entry.content_hash): entry for entry in old.tasks}
    for entry in new.tasks:
        change = _task_change(before.get((entry.name, entry.content_hash)), entry)
        if change:
            yield f"{entry.name}: {change}"
    if new.data is not None and new.data != old.data:
        yield from _data_lines(new.data, metric)
    if new.plan is not None and (old.plan is None or old.plan.hash != new.plan.hash):
        candidates = new.decision(DecisionName.CANDIDATES)
        yield f"plan {new.plan.hash}: {candidates.message if candidates else ''}"
        yield from _rejected_lines(candidates)
    for name, word in ((DecisionName.MODEL_SELECTION, "chosen"), (DecisionName.COMPRESSION, "shipped")):
        made = new.decision(name)
        if made is not None and made != old.decision(name):
            yield f"{word}: {made.choice}, {made.message}"
            yield from _rejected_lines(made)
    if new.artifact is not None and (old.artifact is None or old.artifact.digest != new.artifact.digest):
        yield f"published: {new.artifact.digest}, {new.artifact.size_bytes} bytes"


def progress_line(status: TrainingWorkflowStatus, *, metric: str) -> str:
    """Return how far the work is, with the figures of the running trainings; empty where nothing runs."""
    progress = status.progress
    if progress is None or not progress.current_task or status.completion_time is not None:
        return ""
    remaining = progress.estimated_remaining_seconds
    left = f", about {_duration(remaining)} left" if remaining else ""  # 0: the estimate is used up
    measured = {entry.name: float(entry.value) for entry in progress.metrics}
    tasks = (_running_task(name, measured, metric) for name in progress.current_task.split(", "))
    return f"{progress.percent:3d} %{left}: {', '.join(tasks)}"


def _task_change(old: TaskStatus | None, new: TaskStatus) -> str:
    """Return what became of a task; empty where nothing did that a person would want to know."""
    if old is None or old.state != new.state:
        match new.state:
            case TaskState.RUNNING:
                return "started" if new.attempts <= 1 else f"started again, attempt {new.attempts}"
            case TaskState.SUCCEEDED:
                return f"done; {new.message}" if new.message else "done"
            case TaskState.FAILED:
                return f"failed: {new.reason}, {new.message}"
            case _:
                pass
    # A task without a Job waits for other tasks, which have lines of their own.
    noted = new.job_name is not None and (old is None or old.message != new.message)
    return new.message if noted else ""


def _data_lines(data: DataStatus, metric: str) -> Iterator[str]:
    classes = f" in {data.classes} classes" if data.classes else ""
    parts = ("train", "validation", "gate", "test")
    counts = (data.train_examples, data.validation_examples, data.gate_examples, data.test_examples)
    sizes = ", ".join(f"{count} {part}" for count, part in zip(counts, parts, strict=True) if count)
    yield f"data: {data.examples} examples of {data.shape}{classes}: {sizes}; baseline {metric} {data.baseline_score}"
    yield from column_lines(data)
    for warning in data.warnings:
        yield f"  note: {warning}"


def _rejected_lines(decision: DecisionStatus | None) -> Iterator[str]:
    for other in () if decision is None else decision.alternatives:
        if other.reason != DecisionReason.TASK_NOT_SUPPORTED:
            yield f"  not {other.choice}: {other.message}"


def _running_task(name: str, measured: Mapping[str, float], metric: str) -> str:
    texts = {
        "validationScore": f"validation {metric} {{}}",
        "validationLoss": "validation loss {}",
        "examplesPerSecond": "{} examples/s",
    }
    figures = [
        text.format(_rounded(measured[f"{name}/{figure}"]))
        for figure, text in texts.items()
        if f"{name}/{figure}" in measured
    ]
    return f"{name} ({', '.join(figures)})" if figures else name


def _rounded(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.4f}"  # noqa: PLR2004  # three digits say enough


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
