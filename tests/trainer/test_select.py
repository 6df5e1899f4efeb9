"""Two candidates trained in pods of their own are compared example by example before one of them is published."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla.report.exit_status import ExitCode

from tests.trainer.local_runs import LocalPlace

pytestmark = pytest.mark.trainer

NAMES = ("tabular-linear", "tabular-network")
SPEC: dict[str, Any] = {
    "task": {"type": "TabularClassification"},
    "objectives": [{"metric": "accuracy"}],
    "preset": "Fast",
    "model": {"selection": "Shortlist", "templateRefs": [{"name": name} for name in NAMES]},
    "training": {"backoffLimit": 0, "maxEpochs": 3},
    "compression": {"mode": "Off"},
}


def records(rows: int) -> str:
    numbers = np.random.default_rng(0).normal(size=(rows, 2)).round(3)
    lines = (f"{p},{q},{'ab'[int(p + q > 0)]}" for p, q in numbers)
    return "\n".join(["p,q,label", *lines, ""])


def test_what_was_trained_is_compared_on_the_same_examples(tmp_path: Path, samples: Path) -> None:
    place = LocalPlace(tmp_path, samples)
    (tmp_path / "d.csv").write_text(records(400))
    done = place.run("d.csv", **SPEC)
    assert (done.reason, done.code) == ("Completed", ExitCode.DONE), done.said
    states = {task["name"]: task["state"] for task in done.document["tasks"]}
    tasks = ["profile", *(f"train-{name}" for name in NAMES), "select", "publish"]
    assert states == dict.fromkeys(tasks, "Succeeded")
    found = {entry["template"]: entry for entry in done.document["candidates"]}
    assert set(found) == set(NAMES)
    assert [0.0, 0.0] in [entry["dropInterval"] for entry in found.values()], "one of them is the best"
    [chosen] = [entry for entry in done.document["decisions"] if entry["name"] == "ModelSelection"]
    assert chosen["choice"] in NAMES
    assert f"validation accuracy {found[chosen['choice']]['score']:.4f}" in chosen["message"]
    [other] = chosen["alternatives"]
    assert "(95 % interval " in chosen["message"] + other["message"] or other["reason"] == "LargerWithinTolerance"
    [kept] = place.output.glob("**/tasks/select-*/result.json")
    report = json.loads(kept.read_bytes())["select"]
    validation = done.document["data"]["validationExamples"]
    assert (report["examples"], len(report["compared"])) == (validation, 2)
    assert [entry["drop"] for entry in report["compared"]] == [found[name]["drop"] for name in NAMES]
