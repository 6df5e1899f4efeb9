"""What the operator writes in an undisturbed run, as recorded; `python -m tests.faults.golden` records it anew."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.fault_proxy.proxy import Record

PATH = Path(__file__).with_name("golden.json")
RUNS = 4
"""Recorded: writes close to each other may be one or two, so only what every run says is relied on."""


@dataclass(frozen=True)
class Golden:
    """Facts, as `rules.facts_of` tells them."""

    writes: tuple[tuple[str, ...], ...]
    """For each effective write of a run, what every run says; without writes that some runs lack."""
    sometimes: tuple[str, ...]
    """What only some runs say."""

    @classmethod
    def read(cls) -> Golden:
        """Return what is recorded."""
        document = json.loads(PATH.read_text())
        return cls(tuple(tuple(facts) for facts in document["writes"]), tuple(document["sometimes"]))

    @classmethod
    def of(cls, runs: list[list[frozenset[str]]]) -> Golden:
        """Return what runs have in common, in the order of the first."""
        said = [frozenset[str]().union(*writes) for writes in runs]
        always = frozenset.intersection(*said)
        writes = tuple(tuple(sorted(facts & always)) for facts in runs[0] if facts & always)
        return cls(writes, tuple(sorted(frozenset[str]().union(*said) - always)))

    @property
    def always(self) -> frozenset[str]:
        """Return what every run says."""
        return frozenset(fact for facts in self.writes for fact in facts)

    def write(self) -> None:
        """Write it down."""
        document = {"writes": self.writes, "sometimes": self.sometimes}
        PATH.write_text(json.dumps(document, indent=2) + "\n")


def effective(records: Iterable[Record]) -> list[frozenset[str]]:
    """Return what each write said that said something new."""
    return [record.news for record in records if record.writes and record.news]


def main() -> None:
    """Record runs and write down what they have in common."""
    # Late, because the tests that only read what is recorded need nothing of it.
    from tests.faults.stage import staged

    with tempfile.TemporaryDirectory() as folder, staged(Path(folder)) as stage:
        Golden.of([effective(stage.run(patient=True).records) for _ in range(RUNS)]).write()


if __name__ == "__main__":
    main()
