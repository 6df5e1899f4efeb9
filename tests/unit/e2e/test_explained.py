"""What goes on in a namespace is told part by part, and what cannot be had says why."""

from pathlib import Path

from idla.cli.kubectl import Kubectl, KubectlError
from typing_extensions import override

from tests.e2e.explained import ExplainedKubectl
from tests.telling import LIMIT


class Canned(Kubectl):
    """kubectl that prints what is canned, by its first words, and fails otherwise."""

    def __init__(self, printed: dict[str, str]) -> None:
        super().__init__(Path("kubectl"), Path("kubeconfig"), "here")
        self.printed = printed

    @override
    def __call__(self, *words: str, stdin: str | None = None, seconds: float | None = None) -> str:
        for prefix, text in self.printed.items():
            if " ".join(words).startswith(prefix):
                return text
        raise KubectlError(f"no answer to {words[0]}")


class Explained(ExplainedKubectl):
    """As the fixture's value, over canned answers."""

    def __init__(self, printed: dict[str, str], operator: dict[str, str]) -> None:
        super().__init__(Canned({}), Canned(operator))
        self._canned = Canned(printed)

    @override
    def __call__(self, *words: str, stdin: str | None = None, seconds: float | None = None) -> str:
        return self._canned(*words)


def test_logs_events_and_objects_are_told_and_none_of_them_is_long() -> None:
    printed = {"get pods --output=name": "pod/a\n", "get": "an object\n" * 9999, "logs pod/a": "a line\n" * 99}
    told = Explained(printed, {"get pods": "pod/op\n", "logs pod/op": "led\n" * 99}).explain()
    assert told["log of operator pod/op"] == "\n".join(["led"] * 60)
    assert told["log of pod/a"] == "\n".join(["a line"] * 30)
    assert {"events", "pods", "jobs in whole"} <= told.keys()
    assert all(len(text) < LIMIT + 100 for text in told.values())


def test_what_cannot_be_had_says_why() -> None:
    told = Explained({}, {}).explain()
    assert set(told) >= {"operator pods", "pods", "events"}
    assert all("no answer to get" in text for text in told.values())
