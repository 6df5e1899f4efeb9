"""Processes that outlive the command that started them, each bound to a record on disk.

A record names the process by pid, start time and boot, so that a pid which the kernel gave to somebody else is never
mistaken for ours: nothing here signals a process that it cannot prove to have started.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.cluster.commands import ClusterError, environment, tail, wait_until


@dataclass(frozen=True)
class Recipe:
    """How a process is started; a change of any part of it is a reason to start it anew."""

    name: str
    command: tuple[str, ...]
    files: tuple[Path, ...] = ()  # configuration files that it reads once, at its start
    extra: Mapping[str, str] = field(default_factory=dict)  # environment variables

    def fingerprint(self) -> str:
        """Return a digest of the command, the environment variables and the contents of the files."""
        digest = hashlib.sha256(json.dumps([self.command, sorted(self.extra.items())]).encode())
        for path in self.files:
            digest.update(path.read_bytes())
        return digest.hexdigest()


def recipe(
    name: str, command: Sequence[str | Path], files: Sequence[Path] = (), extra: Mapping[str, str] | None = None
) -> Recipe:
    """Return a recipe from a command whose words may be paths."""
    return Recipe(name, tuple(str(word) for word in command), tuple(files), dict(extra or {}))


class Processes:
    """The processes of one cluster, by their records in `pids`, with one log each in `logs`."""

    def __init__(self, pids: Path, logs: Path) -> None:
        self._pids = pids
        self._logs = logs

    def log(self, name: str) -> Path:
        """Return the path of the process's log."""
        return self._logs / f"{name}.log"

    def names(self) -> list[str]:
        """Return the names of all recorded processes, dead or alive."""
        return sorted(path.stem for path in self._pids.glob("*.json"))

    def pid(self, name: str) -> int | None:
        """Return the pid of the recorded process if it is alive and the one that was started."""
        record = self._record(name)
        if record is None or record["boot"] != _boot() or _start_time(int(record["pid"])) != record["started"]:
            return None
        return int(record["pid"])

    def ensure(self, wanted: Recipe) -> bool:
        """Start the process unless it already runs from the same recipe; return whether it was started."""
        record = self._record(wanted.name)
        fingerprint = wanted.fingerprint()
        if record is not None and record["fingerprint"] == fingerprint and self.pid(wanted.name) is not None:
            return False
        self.stop(wanted.name)
        self._start(wanted, fingerprint)
        return True

    def stop(self, name: str, seconds: float = 15.0) -> None:
        """Ask the process to end, wait, kill it if it does not, and forget it. No effect on one that is gone."""
        self.signal(name, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.pid(name) is not None and time.monotonic() < deadline:
            _reap(self.pid(name))
            time.sleep(0.02)
        self.kill(name)
        (self._pids / f"{name}.json").unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """Kill the process (SIGKILL) and wait until it is gone; its record stays, so that it shows as dead."""
        self.signal(name, signal.SIGKILL)
        while (pid := self.pid(name)) is not None:
            _reap(pid)
            time.sleep(0.02)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the process if it is alive."""
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def require(self, name: str) -> None:
        """Check that the process is alive.

        Raises:
            ClusterError: it is not; the message has the end of its log.
        """
        if self.pid(name) is None:
            raise ClusterError(self._told(name, "is not running"))

    def wait(
        self, ready: Callable[[], bool], name: str, *, alive: Sequence[str], seconds: float, beat: Callable[[], None]
    ) -> None:
        """Wait until `ready()` holds for the process `name`, while every process of `alive` stays alive.

        Raises:
            ClusterError: one of them ended, or it took longer than `seconds`; the message has the end of a log.
        """

        def check() -> bool:
            beat()
            for running in alive:
                self.require(running)
            return ready()

        wait_until(check, seconds, lambda: self._told(name, "is not ready"))

    def _told(self, name: str, problem: str) -> str:
        return f"{name} {problem}\n{tail(self.log(name))}\n    log: {self.log(name)}"

    def _start(self, wanted: Recipe, fingerprint: str) -> None:
        self._pids.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        with self.log(wanted.name).open("a") as log:
            process = subprocess.Popen(
                wanted.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment(wanted.extra),
                cwd="/",
            )
        process.returncode = 0  # it is meant to outlive this one: no warning about it at interpreter exit
        record = {
            "pid": process.pid,
            "started": _start_time(process.pid),
            "boot": _boot(),
            "fingerprint": fingerprint,
            "command": wanted.command,
        }
        (self._pids / f"{wanted.name}.json").write_text(json.dumps(record))

    def _record(self, name: str) -> dict[str, str] | None:
        try:
            loaded: dict[str, str] = json.loads((self._pids / f"{name}.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return loaded


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_time(pid: int) -> str | None:
    """Return the process's start in clock ticks since boot; None if it is gone or a zombie.

    A zombie with threads is none yet: they hold its ports until the last of them has ended.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, threads, started = fields[0], int(fields[17]), fields[19]
    return None if state in {"Z", "X"} and threads <= 1 else started


def _reap(pid: int | None) -> None:
    if pid is not None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
