"""Runs targets of the Makefile one after the other, or some side by side, past red ones, with a table at the end."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tools.reports import Counts, read_counts

ROOT = Path(__file__).parents[1]
REPORTS = ROOT / "dist" / "reports"
_LIMIT_MINUTES = 40.0
_GRACE_SECONDS = 60.0
_INTERRUPTED = 130
_LOOK_SECONDS = 0.5
_BESIDE = "+"
"""Stands between targets that run side by side."""


@dataclass(frozen=True)
class Ran:
    """One target that has been run."""

    target: str
    exit_status: int
    minutes: float
    counts: Counts = field(default_factory=Counts)

    @property
    def green(self) -> bool:
        """Whether it exited with 0 and no test of it is red."""
        return self.exit_status == 0 and not self.counts.red

    @property
    def failed(self) -> int:
        """How much is red: tests, or the target itself where it is red and no test of it is."""
        return len(self.counts.red) or int(not self.green)


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Return a function that says whether Ctrl-C came: as an exception it might come while a process starts."""
    came = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: came.set())
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def run(
    target: str,
    interrupted: Callable[[], bool],
    *,
    reports: Path = REPORTS,
    limit_minutes: float = _LIMIT_MINUTES,
    log: Path | None = None,
) -> Ran:
    """Run one target.

    Args:
        target: of the Makefile.
        interrupted: ends it as soon as it says so.
        reports: folder into which its tests write `<target>.xml`.
        limit_minutes: after which it is asked to end, and killed a minute later: one that hangs must not take
            the others' results along.
        log: takes what it prints, which goes where ours goes without one.
    """
    report = reports / f"{target}.xml"
    report.unlink(missing_ok=True)
    # MAKEFLAGS would hand `-j`, `-n` and the jobserver of the calling make on to a make that is none of its children.
    environment = {key: value for key, value in os.environ.items() if key not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    command = [os.environ.get("MAKE", "make"), "--no-print-directory", target]
    began = time.monotonic()
    with contextlib.nullcontext() if log is None else log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, process_group=0, stdout=output, stderr=output and subprocess.STDOUT
        )
    while (status := _wait(process, _LOOK_SECONDS)) is None:
        if interrupted() or time.monotonic() - began > limit_minutes * 60:
            print(
                f"{target}: {'interrupted' if interrupted() else f'ended after {limit_minutes:g} minutes'}", flush=True
            )
            status = _end(process)
            break
    return Ran(target, status, (time.monotonic() - began) / 60, read_counts(report) or Counts())


def run_side_by_side(targets: Sequence[str], interrupted: Callable[[], bool], *, reports: Path = REPORTS) -> list[Ran]:
    """Run several targets at once; what one of them prints is kept in `<target>.log` and shown as soon as it has ended.

    Args:
        targets: of the Makefile, none of which uses what another one does.
        interrupted: ends all of them as soon as it says so.
        reports: folder of the logs and of what `run` reads.
    """
    showing = threading.Lock()

    def run_and_show(target: str) -> Ran:
        log = reports / f"{target}.log"
        ran = run(target, interrupted, reports=reports, log=log)
        with showing:
            print(f"\n=== make {target}\n{log.read_text(errors='replace')}", end="", flush=True)
        return ran

    print(f"\n=== side by side: make {', make '.join(targets)}", flush=True)
    with ThreadPoolExecutor(len(targets)) as threads:
        return list(threads.map(run_and_show, targets))


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return None


def _end(process: subprocess.Popen[bytes]) -> int:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if (status := _wait(process, _GRACE_SECONDS)) is not None:
            return status or 1
    return 1


def describe(ran: Sequence[Ran], minutes: float) -> str:
    """Return the table of what ran, the names of what is red, and the sum; `minutes` is how long all of it took."""
    rows: list[tuple[str, ...]] = [("slice", "passed", "failed", "skipped", "minutes", "")]
    for one in ran:
        counted = bool(one.counts.passed or one.counts.skipped or one.counts.red)
        numbers = (one.counts.passed, one.failed, one.counts.skipped) if counted else ("", one.failed or "", "")
        rows.append((one.target, *map(str, numbers), f"{one.minutes:.1f}", "" if one.green else "RED"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if place in {0, 5} else cell.rjust(width) for place, (cell, width) in enumerate(row)
        )
        for row in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    red = [f"red: {name}" for one in ran if not one.green for name in one.counts.red or (f"make {one.target}",)]
    passed, skipped = (sum(getattr(one.counts, name) for one in ran) for name in ("passed", "skipped"))
    summary = f"{passed} passed, {sum(one.failed for one in ran)} failed, {skipped} skipped"
    return "\n".join([*(line.rstrip() for line in lines), *red, f"in {minutes:.1f} minutes", summary])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the targets; return 1 where one is red, 130 where it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tools.slices", description=__doc__)
    parser.add_argument(
        "targets", nargs="+", help=f"targets of the Makefile, run in this order; one{_BESIDE}other run side by side"
    )
    parser.add_argument("--reports", type=Path, default=REPORTS, help="where reports are (default dist/reports)")
    options = parser.parse_args(arguments)
    options.reports.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(options.reports / "red", ignore_errors=True)  # what tests of a run before have told
    ran: list[Ran] = []
    began = time.monotonic()
    with _interrupts() as interrupted:
        for word in options.targets:
            target, *others = word.split(_BESIDE)
            if interrupted():
                break
            if others:
                ran += run_side_by_side([target, *others], interrupted, reports=options.reports)
            else:
                print(f"\n=== make {target}", flush=True)
                ran.append(run(target, interrupted, reports=options.reports))
        ended = interrupted()
    table = describe(ran, (time.monotonic() - began) / 60)
    (options.reports / "slices.txt").write_text(f"{table}\n")
    print(f"\n{table}", flush=True)
    return _INTERRUPTED if ended else int(not all(one.green for one in ran))


if __name__ == "__main__":
    sys.exit(main())
