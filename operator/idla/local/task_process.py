"""One attempt at a task: what is a pod in the cluster is a process here."""

import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from idla_contract.paths import TERMINATION_LIMIT

from idla.local.child_process import kill_process, start_process
from idla.local.trainer import Trainer

_KILLED = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaths:
    """The folders of a run."""

    output: Path
    data: Path | None
    """What stands for the claim of the data."""
    samples: Path

    @property
    def store(self) -> Path:
        """Return the artifact store, which stands for the claim of the artifacts."""
        return self.output / "artifacts"

    @property
    def logs(self) -> Path:
        """Return the folder of what the tasks say."""
        return self.output / "logs"

    @property
    def work(self) -> Path:
        """Return the folder of what need not outlive a task."""
        return self.output / "work"

    def make(self) -> None:
        """Make what is missing and clear away what a killed run was working with.

        Raises:
            OSError: it cannot be written.
        """
        shutil.rmtree(self.work, ignore_errors=True)
        for folder in (self.store, self.logs, self.work):
            folder.mkdir(parents=True, exist_ok=True)


class TaskProcess:
    """A running or ended attempt."""

    def __init__(self, task: str, name: str, spec: str, paths: RunPaths, trainer: Trainer) -> None:
        """Start the process.

        Args:
            task: the task's name, after which its log is named.
            name: of the attempt; unique within the run.
            spec: the TaskSpec as JSON.
            paths: the folders of the run.
            trainer: what runs it.

        Raises:
            OSError: no process can be started or a folder cannot be written.
        """
        self._folder = paths.work / name
        self._folder.mkdir(parents=True)
        (self._folder / "task.json").write_text(spec, encoding="utf-8")
        self.answer_file = self._folder / "answer.json"
        """Where its termination message goes."""
        self.port = free_port()
        """Where its progress is reported, at /metrics."""
        self.log = paths.logs / f"{task}.log"
        options = {
            "spec": self._folder / "task.json",
            "store": paths.store,
            "data": paths.data or self._folder / "no-data",
            "samples": paths.samples,
            "work": self._folder / "work",
            "termination-log": self.answer_file,
            "metrics-port": self.port,
            "metrics-address": "127.0.0.1",
        }
        (self._folder / "work").mkdir()
        self._process = start_process(trainer.words, options, self.log, IDLA_IMAGE=trainer.image)

    def ended(self) -> int | None:
        """Return the exit code as a container's, or None while it runs."""
        code = self._process.poll()
        return None if code is None else code if code >= 0 else _KILLED - code

    def answer(self) -> str:
        """Return the termination message, empty where it left none."""
        try:
            with self.answer_file.open("rb") as file:
                return file.read(TERMINATION_LIMIT).decode("utf-8", "replace")
        except OSError:
            return ""

    def ask_to_end(self) -> None:
        """Send SIGTERM: it writes a checkpoint first."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def end(self) -> None:
        """Kill it with everything that it started, and clear its folder away."""
        kill_process(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
