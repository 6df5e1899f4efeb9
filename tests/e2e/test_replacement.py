"""A new artifact replaces the one that serves, and no request fails meanwhile."""

import json

import pytest
from idla.cli.kubectl import Kubectl

from tests.e2e.scene import ended, start_python, summary, until
from tools.kubectl import wait
from tools.waiting import PATIENCE, STORY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(STORY)]

SERVER_IMAGE = "docker.io/idla/server:dev"
CLIENT = f"""
import json, signal, time, urllib.request
stop = False
def end(*_):
    global stop
    stop = True
signal.signal(signal.SIGTERM, end)
image = {{"name": "image", "datatype": "FP32", "shape": [1, 64], "data": [1.0] * 64}}
body = json.dumps({{"inputs": [image]}}).encode()
versions, failures, sent = [], [], 0
while not stop:
    sent += 1
    try:
        with urllib.request.urlopen("http://rolling/v2/models/rolling/infer", body, timeout={PATIENCE:.0f}) as answer:
            version = json.load(answer)["model_version"]
            if version not in versions:
                versions.append(version)
                print(json.dumps({{"version": version}}), flush=True)
    except Exception as error:
        failures.append(repr(error))
        print(json.dumps({{"failure": repr(error)}}), flush=True)
    time.sleep(0.02)
print(json.dumps({{"sent": sent, "failures": failures, "versions": versions}}), flush=True)
"""


def test_a_replaced_model_rolls_without_a_failed_request(kubectl: Kubectl) -> None:
    kubectl.apply(
        {
            "apiVersion": "idla.dev/v1alpha1",
            "kind": "TrainingWorkflow",
            "metadata": {"name": "rolling"},
            "spec": {
                "task": {"type": "ImageClassification"},
                "data": {"storageUri": "sample://digits"},
                "preset": "Fast",
                "model": {"selection": "Pinned", "templateRefs": [{"name": "vgg-small"}]},
                "training": {"maxEpochs": 2, "seed": 1},
                "deployment": {"mode": "CreateOrUpdate"},
            },
        }
    )
    first = until(kubectl, "trainingworkflow", "rolling", ended)
    assert summary(first) == ("True", "Completed")
    start_python(kubectl, "client", CLIENT, image=SERVER_IMAGE)
    until(kubectl, "pod", "client", lambda pod: pod["status"]["phase"] == "Running")
    kubectl("patch", "trainingworkflow", "rolling", "--type=merge", '--patch={"spec":{"training":{"seed":2}}}')
    second = until(kubectl, "trainingworkflow", "rolling", ended)
    assert summary(second) == ("True", "Completed")
    digests = [found["status"]["artifact"]["digest"] for found in (first, second)]
    versions = [digest.removeprefix("sha256:")[:12] for digest in digests]
    kubectl.patiently("rollout", "status", "deployment/rolling")
    wait(lambda: versions[-1] in kubectl("logs", "client"), lambda: kubectl("logs", "client"))
    end_client(kubectl)
    pod = until(kubectl, "pod", "client", lambda found: found["status"]["phase"] != "Running")
    assert pod["status"]["phase"] == "Succeeded"
    told = json.loads(kubectl("logs", "client").splitlines()[-1])
    assert told["failures"] == []
    assert told["versions"] == versions
    profile = next(task for task in second["status"]["tasks"] if task["name"] == "profile")
    assert profile["cached"], "the profile of the same data is not made again"


def end_client(kubectl: Kubectl) -> None:
    kubectl("exec", "client", "--", "/opt/idla/python/bin/python3", "-I", "-c", "import os; os.kill(1, 15)")
