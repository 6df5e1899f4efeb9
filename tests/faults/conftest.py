"""One control plane with simulated node, proxy and operator for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.complaints import unexpected
from tests.faults.allowed import ALLOWED
from tests.faults.stage import Run, Stage, staged


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
    assert list(unexpected(complaints, ALLOWED)) == []
    assert (stage.operator.alive, stage.exits - exits) == (True, 0)
