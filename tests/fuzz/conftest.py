"""Says at the end how many objects of each kind went through, in all workers together."""

from typing import Any

import pytest

from tests.fuzz.counts import OBJECTS, SEED, seen


def pytest_sessionfinish(session: pytest.Session) -> None:
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["seen"] = dict(seen)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    seen.update(getattr(node, "workeroutput", {}).get("seen", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if seen:
        terminalreporter.section(f"{seen.total()} objects went through ({OBJECTS} asked for; seed {SEED or 'fixed'})")
        for name, count in sorted(seen.items()):
            terminalreporter.write_line(f"{count:7} {name}")
