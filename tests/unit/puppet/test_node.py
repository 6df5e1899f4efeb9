"""The simulated node outlives an API server that cannot answer."""

import threading
from collections.abc import Mapping
from typing import Any, cast

import pytest

from tests.puppet import Puppet, Rest
from tests.puppet.rest import RestError

TURNS = 3


class Failing:
    """An API server that refuses every renewal of a lease once the node is there, and counts the attempts."""

    def __init__(self, status: int) -> None:
        self._status = status
        self.attempts = 0
        self.tried = threading.Event()

    def create(self, *_: Any) -> Mapping[str, Any]:
        return {}

    def merge(self, *_: Any, **__: Any) -> Mapping[str, Any]:
        return {}

    def items(self, *_: Any, **__: Any) -> list[Mapping[str, Any]]:
        return []

    def apply(self, *_: Any) -> Mapping[str, Any]:
        self.attempts += 1
        if self.attempts > TURNS:
            self.tried.set()
        if self.attempts > 1:
            raise RestError(self._status, "etcdserver: mvcc: database space exceeded")
        return {}


@pytest.mark.parametrize(("status", "told"), [(500, False), (403, True)])
def test_a_refused_heartbeat_is_tried_again_and_told_where_it_is_no_fault_of_the_server(
    status: int, *, told: bool
) -> None:
    server = Failing(status)
    with Puppet(cast("Rest", server), period=0.001) as puppet:
        assert server.tried.wait(10)
    assert bool(puppet.faults) is told
