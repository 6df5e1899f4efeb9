"""A scene that is watched while something goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.operator.faults.laws import Witness
from tests.integration.operator.scene import Scene
from tools.waiting import until


@pytest.fixture
def watched(scene: Scene) -> Iterator[Scene]:
    """The scene under a witness: what must never be seen is not seen while the test runs."""
    with Witness(scene.rest, scene.namespace) as witness:
        until(lambda: witness.looks, lambda: witness.looks)
        yield scene
    assert witness.broken == []
