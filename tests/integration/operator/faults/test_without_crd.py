"""A CRD is deleted under the running operator, and all objects of its kind with it; it is made again later.

The last file of the folder by name: the garbage collector takes a while to know the kind again, and others wait for it.
"""

from __future__ import annotations

import pytest

from tests.integration.operator.process import install
from tests.integration.operator.scene import Scene
from tests.waiting import until

pytestmark = [pytest.mark.api, pytest.mark.timeout(1200)]  # the first use on a machine builds Kubernetes

CRD = "trainingworkflows.idla.dev"
UNKNOWN = "trainingworkflows are unknown to the API server; apply the CRDs of crds/"
TOLD = ("404 page not found", UNKNOWN)


def test_a_crd_that_is_deleted_and_made_again_is_worked_on_by_the_same_operator(watched: Scene) -> None:
    watched.submit()
    watched.reaches("Succeeded", "True")
    served = watched.serves()
    before, noted = watched.operator.pid, len(watched.operator.complaints())
    old = {job["metadata"]["uid"] for job in watched.jobs()}
    watched.rest.delete("customresourcedefinitions", None, CRD)
    try:
        until(lambda: any(UNKNOWN in entry for entry in watched.operator.complaints()), watched.operator.log.read_text)
    finally:
        install(watched.rest)
    until(lambda: established(watched), watched.operator.log.read_text)
    watched.submit()
    done = watched.reaches("Succeeded", "True")
    assert watched.serves()["metadata"]["uid"] == served["metadata"]["uid"]
    owned = [job for job in watched.jobs() if job["metadata"]["ownerReferences"][0]["uid"] == done["metadata"]["uid"]]
    assert len(owned) == 4
    assert not old & {job["metadata"]["uid"] for job in owned}
    assert watched.operator.pid == before
    assert watched.operator.probe("/healthz") == (200, "ok")
    complaints = watched.operator.complaints()
    assert [entry for entry in complaints if not any(words in entry for words in TOLD)] == []
    watched.operator.forgive(noted)


def established(scene: Scene) -> bool:
    found = scene.rest.get("customresourcedefinitions", None, CRD) or {}
    conditions = found.get("status", {}).get("conditions") or ()
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)
