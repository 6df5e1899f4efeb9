"""One control plane with simulated node, proxy and operator for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.allowed import ALLOWED
from tests.faults.stage import Run, Stage, staged
from tools.log_allowlist import unexpected


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("faults")) as running:
        yield running
        assert running.writes_at_rest() == []


@pytest.fixture(scope="session")
def golden_run(stage: Stage) -> Run:
    return stage.run(patient=True)


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check after each test that the operator neither ended by itself nor said what nobody expects."""
    if "stage" not in request.fixturenames:
        yield
        return
    stage: Stage = request.getfixturevalue("stage")
    stage.operator.begin()
    exits = stage.exits
    yield
    assert list(unexpected(stage.operator.warnings(), ALLOWED)) == []
    assert stage.proxy.take_faults() + stage.kubelet.take_faults() == []
    assert (stage.operator.alive, stage.exits - exits) == (True, 0)
