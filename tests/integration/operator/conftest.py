"""A control plane without a scheduler, the simulated node, and the operator: once for all tests of this folder."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.integration.operator.scene import Scene, opened
from tools.cluster import ControlPlane
from tools.fake_kubelet import FakeKubelet, Rest
from tools.operator_processes.process import Audit, Operator, install_with_library

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    # Of this run alone: another run on the same machine begins by removing what has its name.
    with ControlPlane(f"operator-test-{os.getpid()}", without=("kube-scheduler",)) as running:
        yield running


@pytest.fixture(scope="session")
def rest(plane: ControlPlane) -> Iterator[Rest]:
    with Rest(plane) as client:
        install_with_library(client)
        yield client


@pytest.fixture(scope="session")
def kubelet(rest: Rest) -> Iterator[FakeKubelet]:
    with FakeKubelet(rest) as running:
        yield running


@pytest.fixture(scope="session")
def operator(plane: ControlPlane, rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    assert rest is not None  # the CRDs come first
    process = Operator(plane, tmp_path_factory.mktemp("operator") / "operator.log")
    process.start()
    try:
        yield process
    finally:
        process.kill()


@pytest.fixture(scope="session")
def new_scene(
    plane: ControlPlane, rest: Rest, kubelet: FakeKubelet, operator: Operator
) -> Callable[[], AbstractContextManager[Scene]]:
    """Return a function that opens another namespace."""

    def made() -> AbstractContextManager[Scene]:
        return opened(Scene(rest, kubelet, operator, Audit(plane), f"vision-{next(_numbers)}"), plane)

    return made


@pytest.fixture
def scene(new_scene: Callable[[], AbstractContextManager[Scene]]) -> Iterator[Scene]:
    with new_scene() as made:
        yield made
