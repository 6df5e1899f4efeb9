"""One control plane with simulated node, proxy and operator for all tests of this folder."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.faults.stage import Run, Stage, staged

ALLOWED = (
    r".*: the session ended: .*",
    r".*: an event was not told: .*",
    r".* could not be listed: .*",
    r"idla_operator\.controllers\.sweep: .* is gone and no watch said so .*",
    # kopf, on its way out of a session.
    r"kopf\._core\.reactor\.\w+: (Watcher for|Multidimensional multitasker) .* ?has failed: .*",
    r"kopf\._cogs\.clients\.\w+: .*; TCP closed; will re-authenticate: .*",
    r"asyncio: Exception in callback stream\.<locals>\.request_cancel_callback.*",
    r"asyncio: Task exception was never retrieved\nfuture: <Task finished name='watcher for .*",
)
"""What the operator may complain of under faults, besides what `Operator.complaints` leaves out."""


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("faults")) as running:
        yield running
        assert running.writes_at_rest() == []
        assert running.proxy.faults == []
        assert running.puppet.faults == []


@pytest.fixture(scope="session")
def golden_run(stage: Stage) -> Run:
    return stage.run()


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check after each test that the operator neither ended by itself nor said what nobody expects."""
    if "stage" not in request.fixturenames:
        yield
        return
    stage: Stage = request.getfixturevalue("stage")
    noted, exits = len(stage.operator.complaints()), stage.exits
    yield
    complaints = stage.operator.complaints()[noted:]
    assert [text for text in complaints if not any(re.fullmatch(one, text, re.DOTALL) for one in ALLOWED)] == []
    assert (stage.operator.alive, stage.exits - exits) == (True, 0)
