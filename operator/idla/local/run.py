"""The life of a workflow on this machine: decide, apply, wait, until nothing is left to do."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from idla.api.reasons import WorkflowCondition
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.core.conditions import find_condition
from idla.core.kube.references import claim_names
from idla.core.reconciliation import Deletion, Manifest, Reconciliation
from idla.core.settings import Settings
from idla.core.snapshot import TaskProgress, Template, WorkflowSnapshot
from idla.core.workflow.reconcile import reconcile_workflow
from idla.local.clock import now

TICK_SECONDS = 0.05
MEASURE_SECONDS = 1.0
_WAITS_FOR_PERSON = {"WaitingForApproval", "Suspended"}


class Worker(Protocol):
    """What Jobs run on."""

    @property
    def jobs(self) -> tuple[Manifest, ...]:
        """Return every Job."""

    @property
    def pods(self) -> tuple[Manifest, ...]:
        """Return every pod."""

    @property
    def progress(self) -> Mapping[str, TaskProgress]:
        """Return progress by the Job's name."""

    def apply(self, manifest: Manifest) -> None:
        """Take in a Job."""

    def delete(self, deletion: Deletion) -> None:
        """End a Job."""

    def advance(self) -> bool:
        """Notice ends, start what has room; return whether anything changed."""

    def measure(self) -> None:
        """Ask running tasks for their progress."""


@dataclass(slots=True)
class Run:
    """One workflow that runs."""

    workflow: Manifest
    library: Sequence[Template]
    worker: Worker
    settings: Settings
    on_change: Callable[[TrainingWorkflowStatus, TrainingWorkflowStatus], None]
    """Is called with every change of the status: the one before, and the new one."""
    stopped: Callable[[], bool]
    """Whether somebody asked to end."""
    status: Mapping[str, Any] | None = None

    def go(self) -> TrainingWorkflowStatus:
        """Work until the generation has ended, waits for a person, cannot go on, or is stopped."""
        decide_at, measure_at = 0.0, 0.0
        while not self.stopped():
            changed = self.worker.advance()
            if time.monotonic() >= measure_at:
                self.worker.measure()
                measure_at = time.monotonic() + MEASURE_SECONDS
                changed = True
            if changed or time.monotonic() >= decide_at:
                decision = self._decide()
                if self._apply(decision):
                    continue
                decide_at = time.monotonic() + (
                    MEASURE_SECONDS if decision.requeue_after is None else decision.requeue_after
                )
            status = self._read()
            if at_rest(status):
                return status
            time.sleep(TICK_SECONDS)
        return self._read()

    def _decide(self) -> Reconciliation:
        workflow = self.workflow if self.status is None else {**self.workflow, "status": self.status}
        snapshot = WorkflowSnapshot(
            jobs=self.worker.jobs,
            pods=self.worker.pods,
            claims={name: {} for name in claim_names(workflow)},  # folders stand for them
            templates=tuple(self.library),
            progress=self.worker.progress,
        )
        return reconcile_workflow(workflow, snapshot, now=now(), settings=self.settings)

    def _apply(self, decision: Reconciliation) -> bool:
        """Return whether the next decision is due at once, since this one changed the world."""
        for manifest in decision.apply:
            self.worker.apply(manifest)
        for deletion in decision.delete:
            self.worker.delete(deletion)
        if decision.status is not None:
            before, self.status = self._read(), decision.status
            self.on_change(before, self._read())
        return bool(decision.apply or decision.delete)

    def _read(self) -> TrainingWorkflowStatus:
        return TrainingWorkflowStatus.model_validate(self.status or {})


def at_rest(status: TrainingWorkflowStatus) -> bool:
    """Return whether nothing goes on by itself: on one machine nobody else supplies what is missing."""
    if status.completion_time is not None:
        return True
    summary, stalled = (
        find_condition(status.conditions, WorkflowCondition.SUCCEEDED),
        find_condition(status.conditions, WorkflowCondition.STALLED),
    )
    return stalled is not None or (summary is not None and summary.reason in _WAITS_FOR_PERSON)
