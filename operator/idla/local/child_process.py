"""The processes that this command starts: none outlives it, and what they say goes into a log."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def start_process(
    words: Sequence[str], options: Mapping[str, object], log: Path, **variables: str
) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own: Ctrl-C reaches this command alone, which asks every process to end well.

    Args:
        words: the command, of an interpreter that was checked.
        options: without their dashes.
        log: what it says is added to this file.
        variables: of its environment, beside those of this command.

    Raises:
        OSError: no process can be started or the log cannot be written.
    """
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603  # as above
            [*words, *(f"--{name}={value}" for name, value in options.items())],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  # this command has one thread
        )


def kill_process(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process with everything that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_with_parent() -> None:
    """Let SIGTERM come to this process when its parent is killed: the next run would do the same work beside it.

    Called between fork and exec. On systems other than Linux nobody sends it.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
