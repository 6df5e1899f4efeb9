import os
from collections.abc import Iterator

import pytest

from tests.integration.api.custom_resources import with_crds
from tools.cluster import ControlPlane


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """A control plane with the CRDs for all tests of this process; what a test leaves there has names of its own."""
    with ControlPlane(f"api-test-{os.getpid()}") as running:
        with_crds(running)
        yield running
