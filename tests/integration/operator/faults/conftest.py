"""A scene that is watched while something goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.operator.faults.laws import Witness
from tests.integration.operator.scene import Scene


@pytest.fixture
def watched(scene: Scene) -> Iterator[Scene]:
    """The scene under a witness: what must never be seen is not seen while the test runs."""
    with Witness(scene.rest, scene.namespace) as witness:
        yield scene
    assert witness.broken == []
    assert witness.looks > 0
