"""Suspend, approve, edit, delete, expire: some also with an operator that is killed in between."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.operator.moments import when_ended, while_profiling, while_publishing, while_training
from tests.integration.operator.scene import MODELS, WORKFLOWS, Scene, condition
from tools.fake_kubelet.node import Ended
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

KILLED = pytest.mark.parametrize("killed", [False, True], ids=["", "killed in between"])
"""Where the process knew what no object says: what it was waiting for, and what it had been told of last.

Where it stands in `status` alone, the laws of `tests/unit/core/test_workflow_laws.py` kill it in between.
"""
SUSPEND = {"spec": {"suspend": True}}
RESUME = {"spec": {"suspend": False}}


def disturb(scene: Scene, *, killed: bool) -> None:
    if killed:
        scene.restart()


def no_running_pod(scene: Scene) -> bool:
    return not any(pod["status"]["phase"] in {"Pending", "Running"} for pod in scene.task_pods())


@pytest.mark.gate
@KILLED
def test_a_suspended_workflow_ends_its_pods_and_goes_on_in_the_same_jobs(scene: Scene, *, killed: bool) -> None:
    while_training(scene)
    scene.change(SUSPEND)
    disturb(scene, killed=killed)
    scene.reaches("Suspended", "True")
    until(lambda: no_running_pod(scene), scene.told)
    disturb(scene, killed=killed)
    scene.change(RESUME)
    scene.kubelet.release(scene.namespace, "Train")
    scene.ends_well()


def test_a_workflow_that_starts_suspended_begins_nothing(scene: Scene) -> None:
    scene.submit(suspend=True)
    scene.reaches("Suspended", "True")
    scene.works()
    scene.rests()
    assert scene.jobs() == []
    scene.change(RESUME)
    scene.reaches("Succeeded", "True")


@pytest.mark.gate
def test_a_plan_waits_for_its_approval(scene: Scene) -> None:
    scene.submit(approval="Manual")
    waiting = scene.reaches("Approved", "Unknown", "WaitingForApproval")
    assert scene.jobs_by_kind() == {"Profile": 1, "Train": 0, "Select": 0, "Compress": 0}
    scene.change({"metadata": {"annotations": {"idla.dev/approved-plan": "another"}}})
    scene.reaches("Approved", "Unknown", "Stale")
    scene.change({"metadata": {"annotations": {"idla.dev/approved-plan": waiting["status"]["plan"]["hash"]}}})
    scene.reaches("Succeeded", "True")


def test_a_plan_alone_ends_with_the_plan(scene: Scene) -> None:
    scene.submit(approval="PlanOnly")
    planned = scene.reaches("Succeeded", "True", "PlanReady")
    names = [task["name"] for task in planned["status"]["plan"]["tasks"]]
    assert sorted(names) == ["profile", "publish", "select", "train-resnet-small", "train-vgg-small"]
    assert (scene.jobs_by_kind(), scene.model()) == ({"Profile": 1, "Train": 0, "Select": 0, "Compress": 0}, None)


@pytest.mark.gate
@KILLED
def test_an_edit_queues_the_new_generation_and_reuses_what_it_does_not_change(scene: Scene, *, killed: bool) -> None:
    while_training(scene)
    profiled = scene.kubelet.jobs_run(scene.namespace, "Profile")
    scene.change({"spec": {"training": {"seed": 7}}})
    disturb(scene, killed=killed)
    scene.queues(2)  # or the trainings may end first, and their model is published as well
    scene.kubelet.release(scene.namespace, "Train")
    done = scene.reaches("Succeeded", "True")
    scene.serves()
    assert done["status"]["observedGeneration"] == 2
    assert scene.kubelet.jobs_run(scene.namespace, "Profile") == profiled
    assert scene.jobs_by_kind() == {"Profile": 1, "Train": 4, "Select": 1, "Compress": 1}
    assert next(task for task in done["status"]["tasks"] if task["name"] == "profile")["cached"] is True


def test_an_edit_of_an_ended_workflow_rolls_the_endpoint_to_the_new_artifact(scene: Scene) -> None:
    scene.submit()
    first = scene.reaches("Succeeded", "True")["status"]["artifact"]["digest"]
    scene.serves()
    scene.change({"spec": {"training": {"seed": 7}}})
    second = scene.reaches("Succeeded", "True")["status"]["artifact"]["digest"]
    assert first != second

    def serves_it() -> bool:
        found = scene.model() or {}
        return bool(found["status"].get("serving", {}).get("digest") == second)

    until(serves_it, scene.model)


def deletions() -> list[object]:
    """Return every moment with and without an operator; those while it trains are at the gate."""
    return [
        pytest.param(
            moment,
            runs,
            id=f"{moment.__name__}{'' if runs else ', without an operator'}",
            marks=[pytest.mark.gate] if moment == while_training else [],
        )
        for runs in (True, False)
        for moment in (while_profiling, while_training, while_publishing, when_ended)
    ]


@pytest.mark.parametrize(("moment", "operator_runs"), deletions())
def test_deletion_leaves_no_job_and_no_pod_and_keeps_the_artifacts(
    scene: Scene, moment: Callable[[Scene], None], *, operator_runs: bool
) -> None:
    moment(scene)
    deployed = scene.model() is not None
    if not operator_runs:
        scene.operator.kill()
    scene.rest.delete("trainingworkflows", scene.namespace, "digits")
    assert scene.workflow() is None  # nothing waits for a finalizer
    until(lambda: not scene.jobs() and not scene.task_pods(), lambda: (scene.jobs(), scene.task_pods()))
    scene.operator.start()
    scene.works()
    assert (scene.jobs(), scene.task_pods()) == ([], [])
    claims = [claim["metadata"]["name"] for claim in scene.rest.items("persistentvolumeclaims", scene.namespace)]
    assert claims == ["digits-artifacts"]
    if deployed:
        assert condition(scene.serves(), "Ready") == ("True", "Serving")
        assert len(scene.rest.items("deployments", scene.namespace)) == 1


def test_a_foreground_deletion_is_not_worked_against(scene: Scene) -> None:
    while_training(scene)
    scene.rest.delete("trainingworkflows", scene.namespace, "digits", propagationPolicy="Foreground")
    until(lambda: scene.workflow() is None and not scene.jobs(), lambda: (scene.workflow(), scene.jobs()))


@KILLED
def test_an_expired_workflow_is_deleted_and_its_endpoint_stays(scene: Scene, *, killed: bool) -> None:
    scene.submit(ttlSecondsAfterFinished=3)
    until(lambda: scene.model() is not None, scene.told)
    disturb(scene, killed=killed)
    until(lambda: scene.workflow() is None, scene.told)
    until(lambda: not scene.jobs(), scene.jobs)
    assert condition(scene.serves(), "Ready") == ("True", "Serving")


def test_what_a_model_deployment_asks_for_no_longer_is_taken_away(scene: Scene) -> None:
    when_ended(scene)
    least = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}

    def asks(resources: dict[str, Any] | None, expected: dict[str, Any]) -> None:
        scene.rest.merge(MODELS, scene.namespace, "digits", {"spec": {"resources": resources}})

        def asked() -> bool:
            (deployment,) = scene.rest.items("deployments", scene.namespace)
            return bool(deployment["spec"]["template"]["spec"]["containers"][0]["resources"] == expected)

        until(asked, lambda: scene.rest.items("deployments", scene.namespace))

    more = {**least, "limits": {"cpu": "1", "memory": "512Mi"}}
    asks(more, more)
    asks(None, least)


def test_a_column_may_be_named_in_any_script(scene: Scene) -> None:
    """Written as JSON writes it, an emoji in a child would be refused by whoever reads what is applied as YAML."""
    data = {
        "storageUri": "sample://digits",
        "columns": {"label": "\U0001f642 \\ud83d\\ude42 \\\U0001f642 \u05d0\x00\x7f\uffff"},
    }
    workflow = {
        "apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": "digits"},
        "spec": {"task": {"type": "ImageClassification"}, "data": data},
    }  # fmt: skip
    scene.rest.create(WORKFLOWS, scene.namespace, workflow)
    scene.runs("Profile")


def test_conditions_that_somebody_overwrites_are_put_right(scene: Scene) -> None:
    scene.submit(suspend=True)
    scene.reaches("Suspended", "True")
    wrong = {"type": "Suspended", "status": "False", "reason": "Forged", "message": ""} | {
        "lastTransitionTime": "2026-01-01T00:00:00Z"
    }
    patch = {"status": {"conditions": [wrong]}}
    scene.rest.merge("trainingworkflows", scene.namespace, "digits", patch, sub="status")
    scene.reaches("Suspended", "True", "SuspendedBySpec")


def test_a_service_of_somebody_else_is_left_alone_until_it_is_gone(scene: Scene) -> None:
    foreign: dict[str, Any] = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "digits"}, "spec": {"ports": [{"port": 1}]},
    }  # fmt: skip
    scene.rest.apply("services", scene.namespace, foreign)
    scene.submit()
    until(lambda: condition(scene.model(), "Stalled")[0] == "True", scene.model)
    service = scene.rest.get("services", scene.namespace, "digits")
    assert service is not None
    assert service["spec"]["ports"][0]["port"] == 1
    scene.rest.delete("services", scene.namespace, "digits")
    scene.serves()


def test_a_failed_workflow_is_tried_again_after_an_edit(scene: Scene) -> None:
    scene.kubelet.end(scene.namespace, "Train", *[Ended(10)] * 2)
    scene.submit(deployment=None)
    scene.reaches("Succeeded", "False")
    scene.change({"spec": {"training": {"seed": 7}}})
    scene.reaches("Succeeded", "True")
