"""Pods of the trainer as processes: the same command, folders and environment, with the real digits as sample."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from idla_contract.exit_codes import ExitCode
from idla_contract.result import TaskResult
from idla_contract.task import DataSource, Step, TaskSpec

from tests import red_reports
from tools.samples import samples_folder
from tools.waiting import PATIENCE, until

HASH = "0123456789ab"
WHOLE_TASK = 3 * PATIENCE
"""Seconds for a task to its end."""


@pytest.fixture(scope="session")
def samples() -> Path:
    return samples_folder()


@dataclass(frozen=True)
class Ended:
    """How a pod ended."""

    code: int
    answer: TaskResult
    log: str


class Pods:
    """A store with the data beside it, and the pods that work on them."""

    def __init__(self, root: Path, samples: Path) -> None:
        self.root = root
        self.store = root / "store"
        self.data = root / "data"
        self._samples = samples
        for folder in (self.store, self.data):
            folder.mkdir(parents=True)

    def spec(self, task: str, *steps: Step, uri: str = "sample://digits") -> TaskSpec:
        return TaskSpec(
            workflow="w", task=task, content_hash=HASH, data=DataSource(uri=uri), artifact_uri="pvc://claim",
            steps=tuple(steps),
        )  # fmt: skip

    def folder(self, task: str) -> Path:
        return self.store / "tasks" / f"{task}-{HASH}"

    def run(self, task: str, *steps: Step, uri: str = "sample://digits", threads: int | None = None) -> Ended:
        with self.running(self.spec(task, *steps, uri=uri), threads=threads) as process:
            self.wait(task, process)
        return self.ended(task, process)

    def succeeds(self, task: str, *steps: Step, uri: str = "sample://digits", threads: int | None = None) -> Ended:
        ended = self.run(task, *steps, uri=uri, threads=threads)
        assert ended.code == ExitCode.SUCCEEDED, ended.log
        return ended

    def result(self, task: str) -> TaskResult:
        """Return what a task keeps in the store: all that its answer leaves out as well."""
        return TaskResult.model_validate_json((self.folder(task) / "result.json").read_bytes())

    def wait(self, task: str, process: subprocess.Popen[bytes]) -> int:
        """Wait for the end of a pod and return its exit code."""
        until(lambda: process.poll() is not None, lambda: red_reports.end_of(self.log(task)), patience=WHOLE_TASK)
        return process.wait()

    @contextmanager
    def running(
        self, spec: TaskSpec, *, metrics_port: int = 0, threads: int | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a pod, as on a node of so many processors; whatever is left of it at the end of the block is killed."""
        (self.root / f"{spec.task}.json").write_text(spec.to_json())
        (self.root / "answer").unlink(missing_ok=True)
        work = self.root / "work"
        work.mkdir(exist_ok=True)
        options: dict[str, Path | int] = {
            "spec": self.root / f"{spec.task}.json", "store": self.store, "data": self.data,
            "samples": self._samples, "termination-log": self.root / "answer", "metrics-port": metrics_port,
            "work": work,
        }  # fmt: skip
        command = [sys.executable, "-I", "-m", "idla_trainer", *(f"--{key}={value}" for key, value in options.items())]
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": str(work), "IDLA_IMAGE": "idla/trainer:test",
        }  # fmt: skip
        if threads is not None:
            environment["TF_NUM_INTRAOP_THREADS"] = str(threads)
        with (self.root / f"{spec.task}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd="/", env=environment, stdout=log, stderr=subprocess.STDOUT)
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()

    def ended(self, task: str, process: subprocess.Popen[bytes]) -> Ended:
        log = (self.root / f"{task}.log").read_text(errors="replace")
        text = (self.root / "answer").read_bytes()
        assert len(text) <= 4096
        return Ended(process.returncode, TaskResult.model_validate_json(text), log)

    def log(self, task: str) -> str:
        return (self.root / f"{task}.log").read_text(errors="replace")

    def checkpoints(self, task: str, stage: str = "") -> Sequence[Path]:
        return sorted((self.folder(task) / "checkpoints" / stage).glob("*.checkpoint"))

    def wait_for_checkpoint(
        self, task: str, process: subprocess.Popen[bytes], *, beyond: int = 0, stage: str = ""
    ) -> int:
        """Return the step of the first checkpoint after `beyond`, of a compression's training where one is named."""

        def newest() -> int:
            steps = [int(path.stem) for path in self.checkpoints(task, stage)]
            if steps and steps[-1] > beyond:
                return steps[-1]
            assert process.poll() is None, f"ended before a checkpoint: {self.log(task)[-2000:]}"
            return 0

        return until(newest, lambda: red_reports.end_of(self.log(task)), period=0.005)

    @staticmethod
    def ask_to_end(process: subprocess.Popen[bytes]) -> int:
        """Send SIGTERM, wait for the end and return the exit code."""
        process.send_signal(signal.SIGTERM)
        until(lambda: process.poll() is not None, lambda: f"process {process.pid} has not ended")
        return process.wait()

    def explain(self) -> dict[str, str]:
        """Return the ends of every task's log, the kept results and the last answer."""
        logs = {path.name: path for path in sorted(self.root.glob("*.log"))}
        results = {str(path.relative_to(self.store)): path for path in sorted(self.store.glob("tasks/*/result.json"))}
        return red_reports.files(logs | results | {"answer": self.root / "answer"})


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Pods:
    return Pods(tmp_path_factory.mktemp("pods"), samples)
