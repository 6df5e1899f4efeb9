"""A scene tells why a test failed, whatever of it cannot be asked any more."""

from collections.abc import Sequence
from typing import Any, cast

from tests.integration.operator.scene import Scene
from tools.fake_kubelet import FakeKubelet, Rest
from tools.operator_processes.process import Audit, Operator

LONG = "x" * 20_000


class Away:
    """An API server, and its log, that are away."""

    def items(self, *_: object) -> list[dict[str, Any]]:
        raise ConnectionRefusedError("nobody listens")

    def shown(self, *_: object) -> list[str]:
        raise FileNotFoundError("audit.log")


class Said:
    """An operator that has said a lot, and a simulated node that did wrong."""

    faults = ("a pod was lost",)

    def lines(self) -> Sequence[str]:
        return [LONG, "the last line"]

    def complaints(self) -> Sequence[str]:
        return []


def test_what_cannot_be_had_says_why_and_what_can_is_short() -> None:
    scene = Scene(
        rest=cast("Rest", Away()),
        kubelet=cast("FakeKubelet", Said()),
        operator=cast("Operator", Said()),
        audit=cast("Audit", Away()),
        namespace="vision-1",
    )
    told = scene.explain()
    assert "nobody listens" in told["vision-1: pods"]
    assert "audit.log" in told["vision-1: last writes"]
    assert told["vision-1: faults of the simulated node"] == "a pod was lost"
    assert told["vision-1: operator"].endswith("the last line")
    assert max(map(len, told.values())) < len(LONG) / 2
