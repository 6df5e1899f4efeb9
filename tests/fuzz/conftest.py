"""Says at the end how many objects of each kind went through."""

import pytest

from tests.fuzz.counts import OBJECTS, SEED, seen


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if seen:
        terminalreporter.section(f"{seen.total()} objects went through ({OBJECTS} asked for; seed {SEED or 'fixed'})")
        for name, count in sorted(seen.items()):
            terminalreporter.write_line(f"{count:7} {name}")
