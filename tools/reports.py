"""What pytest has written about a slice (JUnit XML), as numbers and names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET


@dataclass(frozen=True)
class Counts:
    """Tests of one slice by what became of them, and the names of those that are red."""

    passed: int = 0
    skipped: int = 0
    red: tuple[str, ...] = ()


def read_counts(report: Path) -> Counts | None:
    """Return what a report says, None where there is none or it was cut off.

    A test that passed and whose fixtures then failed is red, and not passed as well.
    """
    try:
        cases = ET.parse(report).getroot().iter("testcase")  # pytest has just written it
    except (OSError, ET.ParseError):
        return None
    states: dict[str, str] = {}
    for case in cases:
        name = f"{case.get('classname', '').replace('.', '/')}::{case.get('name', '')}"
        found = {child.tag for child in case}
        state = "red" if found & {"failure", "error"} else "skipped" if "skipped" in found else "passed"
        if states.get(name) != "red":
            states[name] = state
    return Counts(
        passed=sum(state == "passed" for state in states.values()),
        skipped=sum(state == "skipped" for state in states.values()),
        red=tuple(name for name, state in states.items() if state == "red"),
    )
