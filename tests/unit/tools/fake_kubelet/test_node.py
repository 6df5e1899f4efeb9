"""The simulated node outlives an API server that cannot answer."""

import threading
from collections.abc import Mapping
from typing import Any, cast

from tools.fake_kubelet import FakeKubelet, Rest
from tools.fake_kubelet.rest import RestError
from tools.waiting import PATIENCE

FULL = RestError(500, "etcdserver: mvcc: database space exceeded")
REFUSED = RestError(403, "leases are forbidden")


class Failing:
    """An API server that lets a node in, fails at its next heartbeat, refuses the one after, and takes the rest."""

    def __init__(self) -> None:
        self._errors: list[RestError | None] = [REFUSED, FULL, None]
        self.outlived = threading.Event()

    def create(self, *_: Any) -> Mapping[str, Any]:
        return {}

    def merge(self, *_: Any, **__: Any) -> Mapping[str, Any]:
        return {}

    def items(self, *_: Any, **__: Any) -> list[Mapping[str, Any]]:
        self.outlived.set()
        return []

    def apply(self, *_: Any) -> Mapping[str, Any]:
        error = self._errors.pop() if self._errors else None
        if error is not None:
            raise error
        return {}


def test_a_heartbeat_that_fails_is_tried_again_and_told_only_where_it_is_no_fault_of_the_server() -> None:
    server = Failing()
    with FakeKubelet(cast("Rest", server), period=0.001) as kubelet:
        assert server.outlived.wait(PATIENCE)
    assert kubelet.faults == [str(REFUSED)]
