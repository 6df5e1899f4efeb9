"""The trainer that is tried: what it is given, and how its container ends."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from idla_contract.paths import TERMINATION_LIMIT
from idla_contract.problem import Problem
from idla_contract.result import TaskResult
from idla_contract.task import DataSource, ModelSpec, Step, TaskSpec

from idla.core.objects import read_as
from idla.local.machine import GRACE_SECONDS
from idla.local.task_process import RunPaths, TaskProcess
from idla.local.trainer import Trainer

CLAIM = "pvc://conform"
_TICK_SECONDS = 0.05
_TAIL = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a container ended."""

    code: int | None
    """None: it did not end in time, and was killed."""
    seconds: float
    message: bytes
    """What it wrote as its termination message."""
    said: str
    """The end of its log."""

    @property
    def result(self) -> TaskResult | None:
        """Return its answer, or None where the message is none."""
        return read_as(TaskResult, self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A trainer with what it is tried on."""

    trainer: Trainer
    output: Path
    """Everything is written below it."""
    problem: Problem
    model: ModelSpec
    data: Path
    """The file of the examples."""
    server: Trainer | None = None
    """What has the server; None where this machine has none."""
    patience_seconds: float = 900.0
    """How long a container may work."""

    def spec(self, task: str, *steps: Step, uri: str | None = None, digest: str | None = None) -> TaskSpec:
        """Return a task on the examples.

        Args:
            task: its name, which is its own in the store.
            steps: what is done.
            uri: of other data.
            digest: that the data must have.
        """
        return TaskSpec(
            workflow="conform",
            task=task,
            content_hash=content_hash(task),
            problem=self.problem,
            data=DataSource(uri=uri or f"pvc://data/{self.data.name}", digest=digest),
            artifact_uri=CLAIM,
            steps=steps,
        )

    def paths(self, store: str = "store") -> RunPaths:
        """Return the folders of a run; `store` names one of several artifact stores."""
        return RunPaths(output=self.output / store, data=self.data.parent, samples=self.output / "no-samples")

    def run(self, task: str, document: str, *, store: str = "store") -> Ended:
        """Let a container work to its end."""
        return self.interrupted(task, document, until=lambda _: False, store=store)

    def interrupted(
        self, task: str, document: str, *, until: Callable[[TaskProcess], bool], store: str = "store"
    ) -> Ended:
        """Let a container work until something is seen of it, then ask it to end, by SIGTERM as the kubelet does.

        Args:
            task: the name of its log.
            document: what it finds as its task spec.
            until: asked many times a second; the first True asks it to end.
            store: the artifact store.
        """
        paths = self.paths(store)
        paths.make()
        process = TaskProcess(task, task, document, paths, self.trainer)
        began, asked = time.monotonic(), 0.0
        try:
            while process.ended() is None and not _is_late(began, asked, self.patience_seconds):
                if not asked and until(process):
                    process.ask_to_end()
                    asked = time.monotonic()
                time.sleep(_TICK_SECONDS)
            return Ended(
                code=process.ended(),
                seconds=time.monotonic() - (asked or began),
                message=_read(process.answer_file),
                said=_read(process.log)[-_TAIL:].decode("utf-8", "replace"),
            )
        finally:
            process.end()


def content_hash(task: str) -> str:
    """Return the key of a task's folder: its name in hexadecimal digits."""
    return task.encode().hex()[:64].ljust(10, "0")


def _is_late(began: float, asked: float, patience: float) -> bool:
    now = time.monotonic()
    return now - began > patience or (asked > 0 and now - asked > GRACE_SECONDS)


def _read(path: Path) -> bytes:
    """Return what is in a file, at most a mebibyte of it more than a termination message may have."""
    try:
        with path.open("rb") as file:
            return file.read(TERMINATION_LIMIT + (1 << 20))
    except OSError:
        return b""
