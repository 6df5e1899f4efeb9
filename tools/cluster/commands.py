"""Commands that are run to their end, and what is said when one fails."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_TAIL_LINES = 15
Command = Sequence[str | Path]


class ClusterError(RuntimeError):
    """Something of the cluster cannot be had; the message says what, why, and how to mend it."""


def tail(path: Path, lines: int = _TAIL_LINES) -> str:
    """Return the last lines of a log, indented, or an empty string when there is none."""
    if not path.exists():
        return ""
    text = path.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in text)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with the folders of system programs on PATH, and `extra`."""
    path = os.environ.get("PATH", "")
    return {**os.environ, "PATH": f"{path}:/usr/local/sbin:/usr/sbin:/sbin", **(extra or {})}


def output(command: Command, *, stdin: str | None = None, extra: Mapping[str, str] | None = None) -> str:
    """Run a short command and return what it wrote to stdout.

    Raises:
        ClusterError: it failed; the message has the end of its stderr.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, env=environment(extra))
    except FileNotFoundError as missing:
        raise ClusterError(f"{words[0]} is not installed") from missing
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise ClusterError(f"`{' '.join(words)[:300]}` exited {done.returncode}: {said}")
    return done.stdout


def succeeds(command: Command) -> bool:
    """Run a short command and return whether it exited 0; a missing program counts as failure."""
    try:
        output(command)
    except ClusterError:
        return False
    return True


def logged(
    command: Command,
    log: Path,
    *,
    beat: Callable[[], None],
    cwd: Path | None = None,
    extra: Mapping[str, str] | None = None,
) -> None:
    """Run a long command with its output in `log`, calling `beat` once a second while it runs.

    Raises:
        ClusterError: it failed; the message has the end of the log and its path.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in command]
    with log.open("w") as sink:
        try:
            running = subprocess.Popen(words, stdout=sink, stderr=subprocess.STDOUT, cwd=cwd, env=environment(extra))
        except FileNotFoundError as missing:
            raise ClusterError(f"{words[0]} is not installed") from missing
        try:
            while running.poll() is None:
                time.sleep(0.2)
                beat()
        finally:
            if running.poll() is None:
                running.terminate()
                running.wait()
    if running.returncode != 0:
        raise ClusterError(f"`{' '.join(words)[:200]}` exited {running.returncode}\n{tail(log)}\n    log: {log}")


def wait_until(ready: Callable[[], bool], seconds: float, failure: Callable[[], str]) -> None:
    """Wait until `ready()` holds, asking five times a second.

    Raises:
        ClusterError: it did not hold in time; `failure()` is the message.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise ClusterError(failure())
        time.sleep(0.2)
