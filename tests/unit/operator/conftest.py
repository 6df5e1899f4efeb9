"""No test leaves a server behind: one that turns in circles makes all tests after it slow, and is seen nowhere else."""

import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def no_server_is_left() -> Iterator[None]:
    """Compare the threads that serve before and after the tests of a module."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    assert [name for name in left if "serve_forever" in name] == []
