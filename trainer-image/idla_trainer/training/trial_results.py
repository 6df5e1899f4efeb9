"""What the trials of a search came to, written down after each so that a killed search repeats none."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from idla_contract.result import TrialReport
from pydantic import TypeAdapter

from idla_trainer.task_store import write_atomically

FOLDER = "trials"
"""Of a task's folder: the results, and the checkpoints of each trial."""
_FILE = "standings.json"
_RUNGS = TypeAdapter(dict[int, dict[int, TrialReport]])


@dataclass(slots=True)
class TrialResults:
    """Reports by rung, counted from 1, and place."""

    folder: Path
    fingerprint: str
    """Digest of all that they depend on; those of another one are not read."""
    rungs: dict[int, dict[int, TrialReport]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, fingerprint: str) -> "TrialResults":
        """Return what was written down for this very search, or nothing."""
        try:
            document = json.loads((folder / _FILE).read_bytes())
            rungs = _RUNGS.validate_python(document["rungs"]) if document["fingerprint"] == fingerprint else {}
        except (OSError, ValueError, KeyError, TypeError):
            rungs = {}
        return cls(folder, fingerprint, rungs)

    def add(self, rung: int, place: int, report: TrialReport) -> None:
        """Write down a trial's report after a rung.

        Raises:
            OSError: it cannot be written.
        """
        self.rungs.setdefault(rung, {})[place] = report
        rungs = _RUNGS.dump_python(self.rungs, mode="json", by_alias=True, exclude_none=True)
        document = {"fingerprint": self.fingerprint, "rungs": rungs}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / _FILE, json.dumps(document, indent=1).encode())

    def latest(self) -> dict[int, TrialReport]:
        """Return the last report of each trial that has one."""
        found: dict[int, TrialReport] = {}
        for number in sorted(self.rungs):
            found |= self.rungs[number]
        return found

    @property
    def seconds(self) -> float:
        """Return the wall time of all trials: each report has its trial's from the beginning."""
        return sum(report.seconds for report in self.latest().values())
