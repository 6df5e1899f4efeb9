"""A CRD is deleted under the running operator, and all objects of its kind with it; it is made again later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.operator.scene import Scene
from tools.operator_processes.process import install
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

CRD = "trainingworkflows.idla.dev"
UNKNOWN = "trainingworkflows are unknown to the API server; apply the CRDs of crds/"
TOLD = ("404 page not found", UNKNOWN)
DROPPED = (
    "Unprocessed streams left for", "coroutine 'worker' was never awaited", "token = var.set(val)",
    "Enable tracemalloc to get the object allocation traceback",
)  # fmt: skip
"""What kopf and asyncio say of an event that the session got as it ended; the next session lists everything anew."""


@contextmanager
def without_crd(scene: Scene) -> Iterator[None]:
    """Delete the CRD; make it again at the end, and wait until it is served and objects of its kind are collected."""
    scene.rest.delete("customresourcedefinitions", None, CRD)
    try:
        until(lambda: scene.rest.get("customresourcedefinitions", None, CRD) is None, scene.operator.lines)
        yield
    finally:
        install(scene.rest)
        collected(scene)


def collected(scene: Scene) -> None:
    """Wait until the garbage collector knows the kind again: what a workflow owns goes with it."""
    scene.submit("owner", suspend=True)
    owner = {"apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "name": "owner"}
    metadata = {
        "name": "owned",
        "ownerReferences": [owner | {"uid": (scene.workflow("owner") or {})["metadata"]["uid"]}],
    }
    scene.rest.create("configmaps", scene.namespace, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    scene.rest.delete("trainingworkflows", scene.namespace, "owner")
    until(lambda: scene.rest.get("configmaps", scene.namespace, "owned") is None, scene.operator.lines)


def test_a_crd_that_is_deleted_and_made_again_is_worked_on_by_the_same_operator(watched: Scene) -> None:
    watched.submit()
    watched.reaches("Succeeded", "True")
    served = watched.serves()
    before = watched.operator.pid
    old = {job["metadata"]["uid"] for job in watched.jobs()}
    with without_crd(watched):
        until(lambda: any(UNKNOWN in entry for entry in watched.operator.warnings()), watched.operator.lines)
        watched.operator.excuse(*TOLD, *DROPPED)
    watched.submit()
    done = watched.reaches("Succeeded", "True")
    assert watched.serves()["metadata"]["uid"] == served["metadata"]["uid"]
    owned = [job for job in watched.jobs() if job["metadata"]["ownerReferences"][0]["uid"] == done["metadata"]["uid"]]
    assert len(owned) == 5
    assert not old & {job["metadata"]["uid"] for job in owned}
    assert watched.operator.pid == before
    assert watched.operator.probe("/healthz") == (200, "ok")
    assert watched.operator.warnings() == []
