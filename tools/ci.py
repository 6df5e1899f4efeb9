"""What CI will do with HEAD, done here: a fresh clone in a temporary folder, and `.ci/run` in it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PASSED = "ci-passed"
"""File in the repository's git folder with the hash of the commit that passed last."""
_OF_A_CALLER = ("MAKE", "MFLAGS", "PYTEST_", "VIRTUAL_ENV", "IDLA_", "GIT_")
"""What CI's environment does not have: variables that begin so are of the make or the shell that calls us."""
_KEPT = {"IDLA_CACHE", "IDLA_CLUSTER", "GIT_SSL_CAINFO"}
"""Where this machine keeps what is built once, which cluster it has, and whom it trusts."""
_SECONDS = 90 * 60
"""CI's own limit."""


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout.strip()


@contextlib.contextmanager
def fresh_clone(commit: str) -> Iterator[Path]:
    """Clone this repository at a commit into a temporary folder, with `shared` beside it where there is one here."""
    with tempfile.TemporaryDirectory(prefix="idla-ci-") as folder:
        clone = Path(folder) / "main"
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(ROOT), str(clone)], check=True)
        subprocess.run(["git", "-C", str(clone), "checkout", "--quiet", "--detach", commit], check=True)
        shared = ROOT.parent / "shared"
        if shared.is_dir():
            (Path(folder) / "shared").symlink_to(shared.resolve(), target_is_directory=True)
        yield clone


def environment() -> dict[str, str]:
    """Return this process's environment as CI has it."""
    found = {key: value for key, value in os.environ.items() if key in _KEPT or not key.startswith(_OF_A_CALLER)}
    return found | {"CI": "true"}


def run(clone: Path, log: Path) -> int:
    """Run `.ci/run` without input and terminal; print and log what it prints; return its exit status."""
    with subprocess.Popen(
        ["bash", ".ci/run"],
        cwd=clone,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        limit = threading.Timer(_SECONDS, _kill, [process])
        limit.start()
        try:
            with log.open("wb") as copy:
                for line in process.stdout:
                    copy.write(line)
                    sys.stdout.buffer.write(line)
                    sys.stdout.buffer.flush()
            return process.wait()
        finally:
            limit.cancel()
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with its session: what a red test has left running would go on writing into the clone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def cluster(command: str) -> bool:
    """Run a command of the local cluster; return whether it exited with 0."""
    words = [sys.executable, "-m", "tools.cluster", command]
    return subprocess.run(words, cwd=ROOT, capture_output=True, check=False).returncode == 0


def main() -> int:
    """Run CI on HEAD; return its exit status."""
    commit = _git("rev-parse", "HEAD")
    marker = Path(_git("rev-parse", "--absolute-git-dir")) / PASSED
    if _git("status", "--porcelain"):
        print("uncommitted changes are not in what is tested", flush=True)
    log = ROOT / "dist" / "reports" / "ci.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    was_up, began = cluster("status"), time.monotonic()
    try:
        with fresh_clone(commit) as clone:
            status = run(clone, log)
    finally:
        if not was_up:
            cluster("down")
    minutes = (time.monotonic() - began) / 60
    if status == 0:
        marker.write_text(f"{commit}\n")
    print(f"CI {'passed' if status == 0 else 'FAILED'} on {commit[:12]} after {minutes:.1f} minutes: {log}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
