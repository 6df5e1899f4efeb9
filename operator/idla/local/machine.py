"""This machine in the place of the cluster: it keeps Jobs and pods as the API server would show them.

The decisions of `core` read the same objects here as there; what a Job controller and a kubelet do with them is done by
`Machine`: start, watch, repeat after failures that a repetition can fix, and report how each process ended.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from idla_contract.exit_codes import NOT_RETRIED, ExitCode
from idla_contract.paths import TASK_SPEC_ANNOTATION

from idla.builders.identity import TASK
from idla.builders.task_job import CONTAINER
from idla.core.conditions import timestamp
from idla.core.reconciliation import Deletion, Manifest
from idla.core.snapshot import TaskProgress
from idla.local.clock import now
from idla.local.progress import read_progress
from idla.local.task_process import RunPaths, TaskProcess
from idla.local.trainer import Trainer

GRACE_SECONDS = 60.0
"""From SIGTERM to SIGKILL, as in the cluster."""
_LONGEST_PAUSE = 8.0


@dataclass(slots=True)
class _JobRun:
    """A Job with its attempts."""

    job: dict[str, Any]
    pods: list[dict[str, Any]] = field(default_factory=list)
    process: TaskProcess | None = None
    failures: int = 0
    not_before: float = 0.0
    """Of the monotonic clock."""
    progress: TaskProgress | None = None

    @property
    def name(self) -> str:
        return str(self.job["metadata"]["name"])

    @property
    def finished(self) -> bool:
        return bool(self.job["status"].get("conditions"))

    @property
    def waits(self) -> bool:
        """Whether it may start as soon as there is room."""
        suspended = bool(self.job["spec"].get("suspend"))
        return not (suspended or self.finished or self.process) and time.monotonic() >= self.not_before


class Machine:
    """Runs the Jobs of one workflow."""

    def __init__(self, paths: RunPaths, trainer: Trainer, *, parallelism: int) -> None:
        """Bind where and with what tasks run.

        Args:
            paths: the folders of the run.
            trainer: what carries out tasks.
            parallelism: how many processes run at the same time; the others wait.
        """
        self._paths = paths
        self._trainer = trainer
        self._parallelism = parallelism
        self._runs: dict[str, _JobRun] = {}

    @property
    def jobs(self) -> tuple[Manifest, ...]:
        """Return every Job as it stands."""
        return tuple(run.job for run in self._runs.values())

    @property
    def pods(self) -> tuple[Manifest, ...]:
        """Return every pod as it stands; a Job without room has one that is pending."""
        return tuple(
            pod for run in self._runs.values() for pod in run.pods or [_pod(run, f"{run.name}-1", {}, "Pending")]
        )

    @property
    def progress(self) -> Mapping[str, TaskProgress]:
        """Return what was last measured, by the name of the Job."""
        return {name: run.progress for name, run in self._runs.items() if run.progress is not None}

    def apply(self, manifest: Manifest) -> None:
        """Take in a Job, new or with another `suspend`; what else a cluster would keep is not needed here."""
        if manifest["kind"] != "Job":
            return
        name = manifest["metadata"]["name"]
        known = self._runs.get(name)
        if known is None:
            metadata = {**manifest["metadata"], "uid": f"local-{name}", "creationTimestamp": timestamp(now())}
            self._runs[name] = _JobRun(job={**manifest, "metadata": metadata, "status": {}})
        else:
            known.job["spec"] = {**known.job["spec"], "suspend": manifest["spec"].get("suspend", False)}

    def delete(self, deletion: Deletion) -> None:
        """End a Job and forget it."""
        run = self._runs.pop(deletion.name, None)
        if run is not None and run.process is not None:
            self._end([run.process], GRACE_SECONDS)

    def advance(self) -> bool:
        """Notice what has ended and start what there is room for; return whether anything changed."""
        changed = False
        for run in self._runs.values():
            code = None if run.process is None else run.process.ended()
            if code is not None:
                self._note_end(run, code)
                changed = True
        for run in self._runs.values():
            running = sum(1 for other in self._runs.values() if other.process is not None)
            if running < self._parallelism and run.waits:
                self._start(run)
                changed = True
        return changed

    def measure(self) -> None:
        """Ask every running task for its progress."""
        for run in self._runs.values():
            if run.process is not None:
                run.progress = read_progress(run.process.port) or run.progress

    def stop(self, seconds: float = GRACE_SECONDS) -> None:
        """Ask every task to end, and kill what has not ended in time.

        Args:
            seconds: time to write a checkpoint; 0 kills at once.
        """
        self._end([run.process for run in self._runs.values() if run.process is not None], seconds)

    def _end(self, processes: list[TaskProcess], seconds: float) -> None:
        until = time.monotonic() + seconds
        try:
            for process in processes:
                process.ask_to_end()
            while time.monotonic() < until and any(process.ended() is None for process in processes):
                time.sleep(0.02)
        finally:  # a second Ctrl-C waits no longer
            for process in processes:
                process.end()

    def _start(self, run: _JobRun) -> None:
        template = run.job["spec"]["template"]
        number = len(run.pods) + 1
        name = f"{run.name}-{number}"
        spec = str(template["metadata"]["annotations"][TASK_SPEC_ANNOTATION])
        task = str(run.job["metadata"]["labels"][TASK])
        run.process = TaskProcess(task, name, spec, self._paths, self._trainer)
        moment = timestamp(now())
        run.job["status"].setdefault("startTime", moment)
        run.job["status"]["active"] = 1
        run.pods.append(_pod(run, name, {"running": {"startedAt": moment}}, "Running"))

    def _note_end(self, run: _JobRun, code: int) -> None:
        assert run.process is not None  # it has ended, so it was there
        moment, message, log = now(), run.process.answer(), run.process.log
        run.process.end()
        run.process, run.progress = None, None
        reason = "Completed" if code == ExitCode.SUCCEEDED else "Error"
        ended = {"exitCode": code, "reason": reason, "message": message, "finishedAt": timestamp(moment)}
        phase = "Succeeded" if code == ExitCode.SUCCEEDED else "Failed"
        name = run.pods[-1]["metadata"]["name"]
        run.pods[-1] = _pod(run, name, {"terminated": ended}, phase)
        run.job["status"]["active"] = 0
        if code == ExitCode.SUCCEEDED:
            run.job["status"] |= {"succeeded": 1, "completionTime": timestamp(moment)}
            _conclude(run, moment, "Complete", "", "")
        elif code != ExitCode.PREEMPTED:
            self._note_failure(run, code, moment, f"it ended with {code}; see {log}")

    def _note_failure(self, run: _JobRun, code: int, moment: datetime, message: str) -> None:
        run.failures += 1
        run.job["status"]["failed"] = run.failures
        if code in set(NOT_RETRIED):
            _conclude(run, moment, "Failed", "PodFailurePolicy", message)
        elif run.failures > int(run.job["spec"].get("backoffLimit", 0)):
            _conclude(run, moment, "Failed", "BackoffLimitExceeded", f"{message}, after {run.failures} attempts")
        else:
            run.not_before = time.monotonic() + min(_LONGEST_PAUSE, 2.0 ** (run.failures - 1))


def _conclude(run: _JobRun, moment: datetime, kind: str, reason: str, message: str) -> None:
    condition = {"type": kind, "status": "True", "reason": reason, "message": message}
    run.job["status"]["conditions"] = [condition | {"lastTransitionTime": timestamp(moment)}]


def _pod(run: _JobRun, name: str, state: Mapping[str, Any], phase: str) -> dict[str, Any]:
    template, metadata = run.job["spec"]["template"], run.job["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "uid": f"local-{name}",
            "labels": dict(template["metadata"]["labels"]),
            "creationTimestamp": timestamp(now()),
            "ownerReferences": [{"kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}],
        },
        "spec": template["spec"],
        "status": {"phase": phase, "containerStatuses": [{"name": CONTAINER, "state": dict(state)}] if state else []},
    }
