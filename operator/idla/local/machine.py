"""This machine in the place of the cluster: it keeps Jobs and pods as the API server would show them.

The decisions of `core` read the same objects here as there; what a Job controller and a kubelet do with them is done by
`Machine`: start, watch, repeat after failures that a repetition can fix, and report how each process ended.
"""

import time
from collections.abc import Iterator, Mapping
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
from idla.local.task_process import Places, TaskProcess
from idla.local.trainer import Trainer

GRACE_SECONDS = 60.0
"""From SIGTERM to SIGKILL, as in the cluster."""
_LONGEST_PAUSE = 8.0


@dataclass(slots=True)
class _Work:
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

    def __init__(self, places: Places, trainer: Trainer, *, at_once: int) -> None:
        """Bind where and with what tasks run.

        Args:
            places: the folders of the run.
            trainer: what carries out tasks.
            at_once: how many processes run at the same time; the others wait.
        """
        self._places = places
        self._trainer = trainer
        self._at_once = at_once
        self._works: dict[str, _Work] = {}

    @property
    def jobs(self) -> tuple[Manifest, ...]:
        """Return every Job as it stands."""
        return tuple(work.job for work in self._works.values())

    @property
    def pods(self) -> tuple[Manifest, ...]:
        """Return every pod as it stands; a Job without room has one that is pending."""
        return tuple(pod for work in self._works.values() for pod in work.pods or [_pending(work)])

    @property
    def progress(self) -> Mapping[str, TaskProgress]:
        """Return what was last measured, by the name of the Job."""
        return {name: work.progress for name, work in self._works.items() if work.progress is not None}

    def apply(self, manifest: Manifest) -> None:
        """Take in a Job, new or with another `suspend`; what else a cluster would keep is not needed here."""
        if manifest["kind"] != "Job":
            return
        name = manifest["metadata"]["name"]
        known = self._works.get(name)
        if known is None:
            metadata = {**manifest["metadata"], "uid": f"local-{name}", "creationTimestamp": timestamp(now())}
            self._works[name] = _Work(job={**manifest, "metadata": metadata, "status": {}})
        else:
            known.job["spec"] = {**known.job["spec"], "suspend": manifest["spec"].get("suspend", False)}

    def delete(self, deletion: Deletion) -> None:
        """End a Job and forget it."""
        work = self._works.pop(deletion.name, None)
        if work is not None and work.process is not None:
            self._end([work.process], GRACE_SECONDS)

    def advance(self) -> bool:
        """Notice what has ended and start what there is room for; return whether anything changed."""
        changed = False
        for work in self._works.values():
            code = None if work.process is None else work.process.ended()
            if code is not None:
                self._note_end(work, code)
                changed = True
        for work in self._works.values():
            running = sum(1 for other in self._works.values() if other.process is not None)
            if running < self._at_once and work.waits:
                self._start(work)
                changed = True
        return changed

    def measure(self) -> None:
        """Ask every running task for its progress."""
        for work in self._works.values():
            if work.process is not None:
                work.progress = read_progress(work.process.port) or work.progress

    def stop(self, seconds: float = GRACE_SECONDS) -> None:
        """Ask every task to end, and kill what has not ended in time.

        Args:
            seconds: time to write a checkpoint; 0 kills at once.
        """
        self._end([work.process for work in self._works.values() if work.process is not None], seconds)

    def logs(self) -> Iterator[str]:
        """Yield the log of each task that ran, each once."""
        yield from dict.fromkeys(f"{_task(work.job)}.log" for work in self._works.values() if work.pods)

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

    def _start(self, work: _Work) -> None:
        template = work.job["spec"]["template"]
        number = len(work.pods) + 1
        name = f"{work.name}-{number}"
        spec = str(template["metadata"]["annotations"][TASK_SPEC_ANNOTATION])
        work.process = TaskProcess(_task(work.job), name, spec, self._places, self._trainer)
        moment = timestamp(now())
        work.job["status"].setdefault("startTime", moment)
        work.job["status"]["active"] = 1
        work.pods.append(_pod(work, name, {"running": {"startedAt": moment}}, "Running"))

    def _note_end(self, work: _Work, code: int) -> None:
        assert work.process is not None  # it has ended, so it was there
        moment, message, log = now(), work.process.answer(), work.process.log
        work.process.end()
        work.process, work.progress = None, None
        reason = "Completed" if code == ExitCode.SUCCEEDED else "Error"
        ended = {"exitCode": code, "reason": reason, "message": message, "finishedAt": timestamp(moment)}
        phase = "Succeeded" if code == ExitCode.SUCCEEDED else "Failed"
        name = work.pods[-1]["metadata"]["name"]
        work.pods[-1] = _pod(work, name, {"terminated": ended}, phase)
        work.job["status"]["active"] = 0
        if code == ExitCode.SUCCEEDED:
            work.job["status"] |= {"succeeded": 1, "completionTime": timestamp(moment)}
            _conclude(work, moment, "Complete", "", "")
        elif code != ExitCode.PREEMPTED:
            self._note_failure(work, code, moment, f"it ended with {code}; see {log}")

    def _note_failure(self, work: _Work, code: int, moment: datetime, message: str) -> None:
        work.failures += 1
        work.job["status"]["failed"] = work.failures
        if code in set(NOT_RETRIED):
            _conclude(work, moment, "Failed", "PodFailurePolicy", message)
        elif work.failures > int(work.job["spec"].get("backoffLimit", 0)):
            _conclude(work, moment, "Failed", "BackoffLimitExceeded", f"{message}, after {work.failures} attempts")
        else:
            work.not_before = time.monotonic() + min(_LONGEST_PAUSE, 2.0 ** (work.failures - 1))


def _conclude(work: _Work, moment: datetime, kind: str, reason: str, message: str) -> None:
    work.job["status"]["conditions"] = [
        {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": timestamp(moment),
        }
    ]


def _task(job: Manifest) -> str:
    return str(job["metadata"]["labels"][TASK])


def _pending(work: _Work) -> dict[str, Any]:
    return _pod(work, f"{work.name}-1", {}, "Pending")


def _pod(work: _Work, name: str, state: Mapping[str, Any], phase: str) -> dict[str, Any]:
    template, metadata = work.job["spec"]["template"], work.job["metadata"]
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
