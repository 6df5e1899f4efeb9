"""What somebody changes by hand in children, claims and status: put right, or told, and never fought over for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.operator.moments import while_training
from tests.integration.operator.scene import Scene
from tools.fake_kubelet.rest import MERGE, path_of
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

WORKFLOW, DEPLOYMENT = "idla.dev/workflow", "idla.dev/deployment"


def training_job(scene: Scene) -> dict[str, Any]:
    name = scene.kubelet.jobs_run(scene.namespace, "Train")[0]
    found = scene.rest.get("jobs", scene.namespace, name)
    assert found is not None
    return found


def suspended(scene: Scene) -> None:
    job = training_job(scene)
    scene.rest.merge("jobs", scene.namespace, job["metadata"]["name"], {"spec": {"suspend": True}})
    until(lambda: not training_job(scene)["spec"]["suspend"], scene.told)


def without_labels(scene: Scene) -> None:
    job = training_job(scene)
    ours = [key for key in job["metadata"]["labels"] if key.startswith("idla.dev/")]
    labels = dict.fromkeys(ours) | {"team": "vision"}  # a Job without any label gets those of its template again
    left = scene.rest.merge("jobs", scene.namespace, job["metadata"]["name"], {"metadata": {"labels": labels}})
    assert WORKFLOW not in left["metadata"]["labels"]
    scene.kubelet.release(scene.namespace, "Train")
    until(lambda: WORKFLOW in training_job(scene)["metadata"]["labels"], scene.told)


def without_owner(scene: Scene) -> None:
    job = training_job(scene)
    scene.rest.merge("jobs", scene.namespace, job["metadata"]["name"], {"metadata": {"ownerReferences": None}})
    scene.kubelet.release(scene.namespace, "Train")
    until(lambda: training_job(scene)["metadata"].get("ownerReferences"), scene.told)


def deleted(scene: Scene) -> None:
    old = training_job(scene)["metadata"]
    scene.rest.delete("jobs", scene.namespace, old["name"])
    new = until(lambda: [job for job in scene.jobs() if is_another(job["metadata"], old)], scene.jobs)
    assert len(new) == 1


def is_another(metadata: dict[str, Any], old: dict[str, Any]) -> bool:
    return bool(metadata["name"] == old["name"] and metadata["uid"] != old["uid"])


def without_its_pod(scene: Scene) -> None:
    pod = next(pod for pod in scene.task_pods() if pod["status"].get("phase") == "Running")
    scene.rest.delete("pods", scene.namespace, pod["metadata"]["name"])
    until(lambda: scene.rest.get("pods", scene.namespace, pod["metadata"]["name"]) is None, scene.told)


def without_status(scene: Scene) -> None:
    """Empty the status, as an administrator does who wants everything to be looked at anew."""
    path = path_of("trainingworkflows", scene.namespace, "digits", "status")
    forget = {"status": dict.fromkeys((scene.workflow() or {})["status"])}
    scene.rest.request("PATCH", path, forget, content_type=MERGE)


@pytest.mark.parametrize(
    "change",
    [
        suspended,
        pytest.param(without_labels, marks=pytest.mark.gate),
        without_owner,
        deleted,
        without_its_pod,
        without_status,
    ],
)
def test_a_training_ends_all_the_same(watched: Scene, change: Callable[[Scene], None]) -> None:
    while_training(watched)
    change(watched)
    watched.kubelet.release(watched.namespace, "Train")
    watched.ends_well()
    assert watched.operator.warnings() == []


def deployment(scene: Scene) -> dict[str, Any]:
    return scene.rest.get("deployments", scene.namespace, "digits") or {}


def service(scene: Scene) -> dict[str, Any]:
    return scene.rest.get("services", scene.namespace, "digits") or {}


def test_what_is_changed_around_an_endpoint_is_put_right(watched: Scene) -> None:
    watched.submit()
    done = watched.reaches("Succeeded", "True")
    watched.serves()
    rest, place = watched.rest, watched.namespace
    was = deployment(watched)
    rest.delete("deployments", place, "digits")
    until(
        lambda: deployment(watched).get("metadata", {}).get("uid", was["metadata"]["uid"]) != was["metadata"]["uid"],
        watched.model,
    )
    watched.serves()
    labels = dict.fromkeys(was["metadata"]["labels"])
    rest.merge("deployments", place, "digits", {"metadata": {"labels": labels}})
    until(lambda: deployment(watched)["metadata"].get("labels") == was["metadata"]["labels"], watched.model)
    wanted = service(watched)["spec"]["selector"]
    rest.merge("services", place, "digits", {"spec": {"selector": {"app": "elsewhere"}}})
    until(lambda: service(watched)["spec"]["selector"] == wanted, lambda: service(watched))
    rest.merge("deployments", place, "digits", {"spec": {"replicas": 3}})
    until(lambda: deployment(watched)["spec"]["replicas"] == 1, watched.model)
    rest.delete("services", place, "digits")
    until(lambda: service(watched), watched.model)
    rest.merge("services", place, "digits", {"metadata": {"labels": labels}})
    until(lambda: service(watched)["metadata"].get("labels") == was["metadata"]["labels"], lambda: service(watched))
    model = watched.model() or {}
    rest.merge("modeldeployments", place, "digits", {"spec": {"replicas": 3}})
    until(lambda: deployment(watched)["spec"]["replicas"] == 3, watched.model)
    rest.delete("modeldeployments", place, "digits")
    until(lambda: (watched.model() or model)["metadata"]["uid"] != model["metadata"]["uid"], watched.model)
    served = watched.serves()
    assert served["status"]["serving"]["digest"] == done["status"]["artifact"]["digest"]
    assert watched.operator.warnings() == []
