"""Targets one after the other, past red ones, and the table at the end: tried on a stand-in for make."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools import slices
from tools.reports import Counts, read_counts
from tools.slices import Ran, describe

REPORT = """<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="tests.unit.test_a" name="test_good"/>
<testcase classname="tests.unit.test_a" name="test_red[x y]"><failure message="1"/></testcase>
<testcase classname="tests.unit.test_a" name="test_after"/>
<testcase classname="tests.unit.test_a" name="test_after"><error message="its fixture"/></testcase>
<testcase classname="tests.unit.test_a" name="test_left_out"><skipped/></testcase>
</testsuite></testsuites>"""


def test_a_report_is_counted_by_test(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    red = ("tests/unit/test_a::test_red[x y]", "tests/unit/test_a::test_after")
    assert read_counts(report) == Counts(passed=1, skipped=1, red=red)


@pytest.mark.parametrize("text", [None, "", REPORT[:200]], ids=["missing", "empty", "cut off"])
def test_a_report_that_is_none_counts_as_none(tmp_path: Path, text: str | None) -> None:
    report = tmp_path / "report.xml"
    if text is not None:
        report.write_text(text)
    assert read_counts(report) is None


def test_the_table_names_what_is_red_and_ends_with_the_sum() -> None:
    ran = [
        Ran("lint", 0, 0.75),
        Ran("test-unit", 0, 1.25, Counts(passed=2330, skipped=2)),
        Ran("test-api", 2, 10.0, Counts(passed=5, red=("tests/x::test_a", "tests/x::test_b"))),
        Ran("verify", 2, 0.1),
        Ran("test-server", 2, 0.5, Counts(passed=3)),
    ]
    assert describe(ran, 10.95).splitlines() == [
        "slice        passed  failed  skipped  minutes",
        "lint                                      0.8",
        "test-unit      2330       0        2      1.2",
        "test-api          5       2        0     10.0  RED",
        "verify                    1               0.1  RED",
        "test-server       3       1        0      0.5  RED",
        "red: tests/x::test_a",
        "red: tests/x::test_b",
        "red: make verify",
        "red: make test-server",
        "in 10.9 minutes",
        "2338 passed, 4 failed, 2 skipped",
    ]


MAKE = """#!/bin/sh
echo "$2 with flags ${MAKEFLAGS-none}"
case $2 in
  red) exit 2 ;;
  one) touch one; until test -e other; do sleep 0.01; done; echo "one saw other" >&2 ;;
  other) touch other; until test -e one; do sleep 0.01; done; echo "other saw one"; exit 2 ;;
  waits) exec sleep 600 ;;
  hangs) trap '' TERM; sleep 600; sleep 600 ;;
esac
"""


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a stand-in for make that says what it is asked for."""
    path = tmp_path / "make"
    path.write_text(MAKE)
    path.chmod(0o755)
    monkeypatch.setenv("MAKE", str(path))
    monkeypatch.setenv("MAKEFLAGS", "-j8")
    return path


@pytest.mark.usefixtures("make")
def test_what_comes_after_a_red_target_is_run_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.xml").write_text(REPORT)  # of a run before
    (tmp_path / "red").mkdir()
    assert slices.main(["red", "good", "--reports", str(tmp_path)]) == 1
    printed = capfd.readouterr().out
    assert "good with flags none" in printed
    assert printed.splitlines()[-3:] == ["red: make red", "in 0.0 minutes", "0 passed, 1 failed, 0 skipped"]
    assert (tmp_path / "slices.txt").read_text().endswith("0 passed, 1 failed, 0 skipped\n")
    assert not (tmp_path / "red").exists()
    assert slices.main(["good", "--reports", str(tmp_path)]) == 0


@pytest.mark.usefixtures("make")
def test_what_runs_side_by_side_is_shown_one_after_the_other_and_counted_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(slices, "ROOT", tmp_path)  # where they wait for each other
    assert slices.main(["one+other", "good", "--reports", str(tmp_path)]) == 1
    printed = [line for line in capfd.readouterr().out.splitlines() if line]
    [at] = [place for place, line in enumerate(printed) if line == "one saw other"]
    assert printed[0] == "=== side by side: make one, make other"
    assert printed[at - 2 : at] == ["=== make one", "one with flags none"]
    assert [line.split() for line in printed if line.startswith(("one ", "other ", "good ")) and "." in line] == [
        ["one", "0.0"],
        ["other", "1", "0.0", "RED"],
        ["good", "0.0"],
    ]
    assert (tmp_path / "other.log").read_text() == "other with flags none\nother saw one\n"
    assert printed[-3] == "red: make other"


@pytest.mark.usefixtures("make")
def test_a_target_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "_GRACE_SECONDS", 0.2)
    ran = slices.run("hangs", lambda: False, reports=tmp_path, limit_minutes=0.005)
    assert (ran.green, ran.failed) == (False, 1)


def test_ctrl_c_ends_what_runs_and_shows_what_has_run(make: Path) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-u", "-m", "tools.slices", "red", "waits", "good", f"--reports={make.parent}"]
    with subprocess.Popen(command, cwd=root, env={"MAKE": str(make)}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("waits with"):
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert (process.returncode, "good with" in rest) == (130, False)
    assert [line for line in rest.splitlines() if "red: " in line] == ["red: make red", "red: make waits"]
