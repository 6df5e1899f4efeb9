"""What is secret stays so: canary values are in no log line, no event and no status."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.operator.scene import Scene
from tools.fake_kubelet.rest import RestError, path_of
from tools.operator_processes.process import CANARY, ROOT, documents
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes
WITH_PASSWORD = {"storageUri": "https://user:canary-of-the-address@data.example/x.npz"}
WITH_SIGNATURE = {"storageUri": "https://data.example/x.npz?signature=canary-of-the-signature"}


def told(scene: Scene) -> str:
    """Return all that is said of a namespace: log, events and statuses."""
    documents = [
        *scene.rest.items("events", scene.namespace),
        *(entry.get("status") for entry in scene.rest.items("trainingworkflows", scene.namespace)),
        *(entry.get("status") for entry in scene.rest.items("modeldeployments", scene.namespace)),
    ]
    return scene.operator.log.read_text() + json.dumps(documents)


def completed(scene: Scene) -> bool:
    """Return whether the last event of a workflow is told, which follows its last status."""
    return any(entry["reason"] == "Completed" for entry in scene.rest.items("events", scene.namespace))


@pytest.mark.gate
def test_secrets_of_a_namespace_and_of_the_environment_and_signatures_are_not_repeated(scene: Scene) -> None:
    named = {"metadata": {"name": "keys"}}
    secret: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "stringData": {"key": "canary-of-the-secret"}}
    settings: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "canary-of-the-settings"}}
    scene.rest.apply("secrets", scene.namespace, secret | named)
    scene.rest.apply("configmaps", scene.namespace, settings | named)
    scene.submit(data=WITH_SIGNATURE)
    scene.reaches("Succeeded", "True")
    scene.serves()
    until(lambda: completed(scene), scene.told)
    scene.rests()
    said = told(scene)
    assert scene.namespace in said
    assert CANARY.startswith("canary-of-")
    assert "canary" not in said


def test_a_password_that_an_older_crd_let_in_is_refused_in_a_status_that_does_not_repeat_it(scene: Scene) -> None:
    with without_rules_on_addresses(scene):
        scene.submit(data=WITH_PASSWORD)
        refused = scene.reaches("Accepted", "False")
        message = next(c["message"] for c in refused["status"]["conditions"] if c["type"] == "Accepted")
        assert "https://***@data.example/x.npz" in message
        assert "canary" not in told(scene)
        assert scene.jobs() == []


def accepted(scene: Scene) -> bool:
    """Return whether the API server would take the address now; a changed CRD is served after a moment."""
    document = {
        "apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": "tried"},
        "spec": {"task": {"type": "ImageClassification"}, "data": WITH_PASSWORD},
    }  # fmt: skip
    try:
        scene.rest.request("POST", f"{path_of('trainingworkflows', scene.namespace)}?dryRun=All", document)
    except RestError:
        return False
    return True


@contextmanager
def without_rules_on_addresses(scene: Scene) -> Iterator[None]:
    """Let the API server take every address, as that of an older CRD did, and as soon as it does go on."""
    [crd] = documents(ROOT / "crds/trainingworkflows.idla.dev.yaml")
    older = copy.deepcopy(crd)
    [version] = older["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del spec["data"]["properties"]["storageUri"]["x-kubernetes-validations"]
    try:
        scene.rest.apply("customresourcedefinitions", None, older)
        until(lambda: accepted(scene), scene.told)
        yield
    finally:
        scene.rest.apply("customresourcedefinitions", None, crd)
        until(lambda: not accepted(scene), scene.told)
