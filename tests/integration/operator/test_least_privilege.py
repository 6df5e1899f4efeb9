"""The operator may do exactly what it does, as the audit log tells of a life that needs every right once."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.operator.permissions import Comparison, Right, compare, granted
from tests.integration.operator.scene import Scene
from tools.cluster import ControlPlane
from tools.operator_processes.process import NAMESPACE, ROOT, Audit, documents
from tools.operator_processes.replica import Replica
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes
NOTHING: frozenset[Right] = frozenset()
ROLES = {"ClusterRole", "Role"}


@pytest.mark.gate
def test_every_right_that_is_granted_is_used_and_none_is_missing_or_borrowed(
    scene: Scene, plane: ControlPlane, tmp_path: Path
) -> None:
    scene.operator.kill()
    scene.rest.delete("leases", NAMESPACE, "idla-operator-leader")
    replica = Replica(plane, tmp_path / "replica.log")
    try:
        whole_life(replace(scene, operator=replica))
    finally:
        replica.clear()
    permissions = documents(ROOT / "manifests/base/permissions.yaml")
    rights = granted([document for document in permissions if document["kind"] in ROLES])
    assert len(rights) > 20
    assert used(rights, scene.audit) == Comparison(unused=NOTHING, denied=NOTHING, borrowed=NOTHING)


def used(rights: frozenset[Right], audit: Audit) -> Comparison:
    """Compare as soon as the audit log has the use of every right: what a request does is seen before its line."""
    until(lambda: not compare(rights, audit.events()).unused, lambda: compare(rights, audit.events()))
    return compare(rights, audit.events())


def whole_life(scene: Scene) -> None:
    """From the operator's start over the first apply to the expiry, with an edit that makes old Jobs superfluous."""
    scene.restart()
    scene.submit()
    scene.reaches("Succeeded", "True")
    scene.serves()
    before = {job["metadata"]["name"] for job in scene.jobs()}
    scene.change({"spec": {"training": {"seed": 7}}})
    scene.reaches("Succeeded", "True")
    until(lambda: before - {job["metadata"]["name"] for job in scene.jobs()}, scene.jobs)
    scene.change({"spec": {"ttlSecondsAfterFinished": 1}})
    until(lambda: scene.workflow() is None, scene.told)
