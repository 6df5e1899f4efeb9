"""Targets one after the other, past red ones, and the table at the end: tried on a stand-in for make."""

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
    assert describe(ran).splitlines() == [
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
        "in 12.6 minutes",
        "2338 passed, 4 failed, 2 skipped",
    ]


MAKE = """#!/bin/sh
echo "$2 with flags ${MAKEFLAGS-none}"
test "$2" != red || exit 2
"""


def test_what_comes_after_a_red_target_is_run_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    make = tmp_path / "make"
    make.write_text(MAKE)
    make.chmod(0o755)
    monkeypatch.setenv("MAKE", str(make))
    monkeypatch.setenv("MAKEFLAGS", "-j8")
    (tmp_path / "good.xml").write_text(REPORT)  # of a run before
    (tmp_path / "red").mkdir()
    assert slices.main(["red", "good", "--reports", str(tmp_path)]) == 1
    printed = capfd.readouterr().out
    assert "good with flags none" in printed
    assert printed.splitlines()[-3:] == ["red: make red", "in 0.0 minutes", "0 passed, 1 failed, 0 skipped"]
    assert (tmp_path / "slices.txt").read_text().endswith("0 passed, 1 failed, 0 skipped\n")
    assert not (tmp_path / "red").exists()
    assert slices.main(["good", "--reports", str(tmp_path)]) == 0
