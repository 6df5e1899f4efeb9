"""What a run has won stays, through `idla run --local`: a missed target, data that break, a minute of time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla.report.exit_status import ExitCode

from tests.trainer.local_runs import LocalPlace

pytestmark = pytest.mark.trainer

SPEC: dict[str, Any] = {
    "task": {"type": "TabularClassification"},
    "model": {"selection": "Pinned", "templateRefs": [{"name": "tabular-linear"}]},
    "training": {"backoffLimit": 0, "maxEpochs": 3},
    "compression": {"mode": "Off"},
}
UNREACHED: dict[str, Any] = {"objectives": [{"metric": "accuracy", "target": "1"}]}
REACHED: dict[str, Any] = {"objectives": [{"metric": "accuracy", "target": "0.1"}]}


def records(rows: int) -> str:
    noise = np.random.default_rng(0).normal(size=(rows, 2)).round(3)
    return "\n".join(["p,q,label", *(f"{p},{q},{'ab'[row % 2]}" for row, (p, q) in enumerate(noise)), ""])


def states(document: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    return {task["name"]: (task["state"], task["cached"]) for task in document["tasks"]}


def test_a_missed_target_and_broken_data_take_nothing_away(tmp_path: Path, samples: Path) -> None:
    place = LocalPlace(tmp_path, samples)
    (tmp_path / "d.csv").write_text(records(200))
    missed = place.run("d.csv", **SPEC, **UNREACHED)
    assert (missed.reason, missed.code) == ("MinimumMissed", ExitCode.TARGET_MISSED), missed.said
    assert "; at least 1.0 is asked for. " in missed.message
    assert missed.document["artifact"] is None
    assert states(missed.document)["train-tabular-linear"] == ("Succeeded", False)
    assert not place.model.exists()

    done = place.run("d.csv", **SPEC, **REACHED)
    assert (done.reason, done.code) == ("Completed", ExitCode.DONE), done.said
    assert states(done.document)["train-tabular-linear"] == ("Succeeded", True)
    manifest = (place.model / "manifest.json").read_bytes()

    (tmp_path / "d.csv").write_text(records(200).replace(",b\n", ",a\n"))
    broken = place.run("d.csv", **SPEC, **REACHED)
    assert (broken.reason, broken.code) == ("SingleClass", ExitCode.DATA), broken.said
    assert (place.model / "manifest.json").read_bytes() == manifest


def test_ten_records_and_one_minute_end_with_a_model_and_a_warning(tmp_path: Path, samples: Path) -> None:
    (tmp_path / "d.csv").write_text(records(10))
    ended = LocalPlace(tmp_path, samples).run("d.csv", **SPEC, budget={"seconds": 60})
    assert (ended.reason, ended.code) == ("Completed", ExitCode.DONE), ended.said
    assert ended.document["artifact"] is not None
    assert "the test split has 2 examples: its logLoss is a rough figure" in ended.document["data"]["warnings"]
