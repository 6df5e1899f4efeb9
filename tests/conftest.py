"""A red test explains itself: in the report of the failure, and in `dist/reports/red`."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.golden import Golden, golden_of
from tests.red_reports import sections, write_report

_standing = pytest.StashKey[dict[Any, tuple[str, object]]]()
"""Name and value of every fixture that is set up, by its definition, while it is."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_standing] = {}


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    value = yield
    request.config.stash[_standing][fixturedef] = (fixturedef.argname, value)
    return value


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    request.config.stash[_standing].pop(fixturedef, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        wanted = set(getattr(item, "fixturenames", ()))
        values = {name: value for name, value in item.config.stash[_standing].values() if name in wanted}
        told = sections(values)
        report.sections += told
        folder = Path(item.config.rootpath) / "dist" / "reports" / "red"
        path = write_report(folder, f"{item.nodeid} ({report.when})", report.longreprtext, told)
        report.sections.append(("all this is kept in", str(path.relative_to(item.config.rootpath))))
    return report


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    case = getattr(request.node, "callspec", None)
    return golden_of(request.path, request.function.__name__, case.id if case else "")
