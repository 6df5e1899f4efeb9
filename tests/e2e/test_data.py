"""Data on a claim, suspension, and data that cannot be used: real pods answer."""

import json
from typing import Any

import pytest
from idla.cli.kubectl import Kubectl

from tests.e2e.scene import condition, ended, make_claim, run_python, running, stalled, summary, until, until_gone
from tests.e2e.secret_leaks import SIGNED
from tools.waiting import STORY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(STORY)]

CLAIM = "faces"
MAKE_DATA = """
import numpy as np
from pathlib import Path
random = np.random.default_rng(0)
names = np.array(["bar", "cross", "square"])
y = np.arange(300) % 3
x = random.uniform(0, 40, (300, 12, 12)).astype(np.float32)
x[y == 0, 5:7, :] += 200
x[y == 1, 5:7, :] += 200
x[y == 1, :, 5:7] += 200
x[y == 2, 2:10, 2:10] += 200
out = Path("/data")
np.savez(out / "shapes.npz", x=x, y=names[y])
bad = x.copy(); bad[7, 0, 0] = np.nan
np.savez(out / "nan.npz", x=bad, y=names[y])
np.savez(out / "one-class.npz", x=x, y=np.zeros(300, int))
np.savez(out / "empty.npz", x=x[:0], y=y[:0])
with (out / "table.csv").open("w") as file:
    file.write(",".join(f"p{i}" for i in range(144)) + ",label\\n")
    for pixels, label in zip(x.reshape(300, -1), names[y]):
        file.write(",".join(f"{value:.1f}" for value in pixels) + f",{label}\\n")
"""


def a_workflow(name: str, uri: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": name},
        "spec": {"task": {"type": "ImageClassification"}, "data": {"storageUri": uri}, "preset": "Fast"} | spec,
    }  # fmt: skip


@pytest.fixture(scope="module")
def data(kubectl: Kubectl) -> Kubectl:
    make_claim(kubectl, CLAIM)
    run_python(kubectl, "make-data", MAKE_DATA, claim=CLAIM)
    return kubectl


BAD = {
    "unknown-sample": ("sample://nothing", "DataNotFound", "nothing"),
    "unknown-file": (f"pvc://{CLAIM}/nothing.npz", "DataNotFound", "nothing.npz"),
    "unknown-claim": ("pvc://nowhere/shapes.npz", "ClaimNotFound", "nowhere"),
    "unreachable": (f"https://nowhere.invalid/shapes.npz?{SIGNED}", "DataUnreachable", "nowhere.invalid"),
    "metadata-address": ("https://169.254.169.254/shapes.npz", "DataRefused", "169.254.169.254"),
    "empty": (f"pvc://{CLAIM}/empty.npz", "DataEmpty", "example"),
    "one-class": (f"pvc://{CLAIM}/one-class.npz", "SingleClass", "class"),
    "nan": (f"pvc://{CLAIM}/nan.npz", "NotFinite", "example 7"),
}


def test_data_that_cannot_be_used_are_refused_with_a_reason(data: Kubectl) -> None:
    data.apply(*(a_workflow(name, uri, training={"backoffLimit": 0}) for name, (uri, _, _) in BAD.items()))
    found: dict[str, str] = {}
    for name, (_, _, words) in BAD.items():
        workflow = until(data, "trainingworkflow", name, stalled)
        ready = condition(workflow["status"], "DataReady")
        assert words in ready["message"], f"{name}: {ready['message']}"
        assert ready["status"] == "False", name
        found[name] = ready["reason"]
    assert found == {name: reason for name, (_, reason, _) in BAD.items()}


def test_a_table_with_a_header_is_profiled_and_only_planned(data: Kubectl) -> None:
    data.apply(a_workflow("table", f"pvc://{CLAIM}/table.csv", approval="PlanOnly"))
    workflow = until(data, "trainingworkflow", "table", ended)
    assert summary(workflow) == ("True", "PlanReady")
    seen = workflow["status"]["data"]
    assert (seen["examples"], seen["classes"], seen["shape"]) == (300, 3, "12x12x1")
    assert [
        job["metadata"]["labels"]["idla.dev/task"] for job in data.list("jobs", selector="idla.dev/workflow=table")
    ] == ["profile"]


def test_a_suspended_training_goes_on_from_its_checkpoint(data: Kubectl) -> None:
    data.apply(
        a_workflow(
            "shapes",
            f"pvc://{CLAIM}/shapes.npz",
            model={"selection": "Pinned", "templateRefs": [{"name": "resnet-small"}]},
            # Long enough that it is still at work when its progress has been seen, on a fast machine too.
            training={
                "maxEpochs": 200,
                "batchSize": 4,
                "checkpointPeriodSeconds": 1,
                "earlyStopping": {"patienceEpochs": 200},
            },
        )
    )
    until(data, "trainingworkflow", "shapes", lambda seen: running("train-")(seen)
          and seen["status"].get("progress", {}).get("metrics", []) != [])  # fmt: skip
    suspend(data, "shapes", value=True)
    until(data, "trainingworkflow", "shapes", lambda seen: summary(seen) == ("Unknown", "Suspended"))
    selector = "idla.dev/workflow=shapes,idla.dev/task=train-resnet-small"
    until_gone(data, "pods", selector)
    suspend(data, "shapes", value=False)
    workflow = until(data, "trainingworkflow", "shapes", ended)
    assert summary(workflow) == ("True", "Completed")
    (job,) = data.list("jobs", selector=selector)
    (pod,) = [pod for pod in data.list("pods", selector=selector) if pod["status"]["phase"] == "Succeeded"]
    message = json.loads(pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"])
    assert (job["status"]["succeeded"], message["train"]["resumed"]) == (1, 1)
    assert float(workflow["status"]["results"]["servedScore"]) > float(workflow["status"]["results"]["baselineScore"])


def suspend(kubectl: Kubectl, name: str, *, value: bool) -> None:
    kubectl("patch", "trainingworkflow", name, "--type=merge", f"--patch={json.dumps({'spec': {'suspend': value}})}")
