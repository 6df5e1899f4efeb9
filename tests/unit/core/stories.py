"""Every state that a resource can be seen in, by name, reached the way it is reached in life.

Tests hold docs/reference/conditions.md, the Argo CD health script and kstatus to these states.
"""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

from idla_contract.result import FailureReason

from tests.unit.core.endpoint import Endpoint
from tests.unit.core.world import OTHER_DIGEST, Object, World, workflow

DEPLOY = {"mode": "CreateOrUpdate"}
GPUS = {"limits": {"nvidia.com/gpu": "64"}}


def new() -> Object:
    return workflow()


def profiling() -> Object:
    return World().settle().wait(5).run("profile").settle().workflow


def waiting_for_resources() -> Object:
    return World().settle().pend("profile", "0/1 nodes are available: 1 Insufficient memory.").settle().workflow


def waiting_for_approval() -> Object:
    return World(workflow=workflow(approval="Manual")).profiled().workflow


def approval_stale() -> Object:
    world = World(workflow=workflow(approval="Manual"))
    world.workflow["metadata"]["annotations"] = {"idla.dev/approved-plan": "0123"}
    return world.profiled().workflow


def plan_only() -> Object:
    return World(workflow=workflow(approval="PlanOnly")).profiled().workflow


def training() -> Object:
    return World().profiled().wait(5).run("train-resnet-small", "train-vgg-small").settle().workflow


def suspended() -> Object:
    world = World().profiled().wait(5).run("train-resnet-small", "train-vgg-small").settle()
    return world.edit(suspend=True).settle().hold("train-resnet-small", "train-vgg-small").settle().workflow


def queued_generation() -> Object:
    world = World().profiled().wait(5).run("train-resnet-small", "train-vgg-small").settle()
    return world.edit(training={"maxEpochs": 5}).settle().workflow


def publishing() -> Object:
    return World().profiled().train().run("publish").settle().workflow


def deploying() -> Object:
    return World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().workflow


def succeeded() -> Object:
    return World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish().serve().settle().workflow


def target_missed() -> Object:
    objective = {"metric": "accuracy", "target": "0.999", "minimum": "0.95"}
    return World(workflow=workflow(objectives=[objective])).profiled().train().publish().workflow


def target_missed_on_test() -> Object:
    return World().profiled().train().publish(right=340).workflow


def minimum_missed() -> Object:
    return World().profiled().train({"resnet-small": 0.91, "vgg-small": 0.88}).workflow


def data_not_found() -> Object:
    message = "sample://digit is unknown; samples are: digits"
    return (
        World()
        .settle()
        .run("profile")
        .settle()
        .fail("profile", FailureReason.DATA_NOT_FOUND, message)
        .settle()
        .workflow
    )


def claim_not_found() -> Object:
    return World(workflow=workflow(data={"storageUri": "pvc://faces/all.npz"})).settle().workflow


def template_not_found() -> Object:
    model = {"selection": "Pinned", "templateRefs": [{"name": "resnet-smal"}]}
    return World(workflow=workflow(model=model)).settle().workflow


def no_feasible_model() -> Object:
    constraint = {"metric": "modelSizeMebibytes", "maximum": "0.01"}
    return World(workflow=workflow(constraints=[constraint])).settle().workflow


def no_feasible_resources() -> Object:
    return World(workflow=workflow(resources=GPUS)).settle().workflow


def deadline_exceeded() -> Object:
    world = World(workflow=workflow(activeDeadlineSeconds=60)).profiled()
    return world.run("train-resnet-small", "train-vgg-small").settle().wait(120).settle().workflow


def task_failed() -> Object:
    world = World().profiled().train().run("publish").settle()
    return world.crash("publish", code=137, reason="OOMKilled").settle().workflow


def all_candidates_failed() -> Object:
    world = World().profiled().run("train-resnet-small", "train-vgg-small").settle()
    for name in ("resnet-small", "vgg-small"):
        world.fail(f"train-{name}", FailureReason.DIVERGED, "the loss became NaN in epoch 3", code=11)
    return world.settle().workflow


def invalid_spec() -> Object:
    return World(workflow=workflow(data={"storageUri": "ftp://somewhere/x"})).settle().workflow


def name_taken() -> Object:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train()
    world.deployments["digits"] = {"metadata": {"name": "digits", "generation": 1}, "spec": {}}
    return world.publish().workflow


def endpoint_stalled() -> Object:
    world = World(workflow=workflow(deployment=DEPLOY)).profiled().train().publish()
    return world.stall_deployment().settle().workflow


def deployment_waiting_for_model() -> Object:
    return Endpoint().settle().resource


def deployment_loading() -> Object:
    return Endpoint().publish().settle().replicas(updated=1, ready=0).settle().resource


def deployment_serving() -> Object:
    return _serving().resource


def deployment_rolling() -> Object:
    return _serving().publish(OTHER_DIGEST).settle().replicas(updated=1, ready=1, total=2).settle().resource


def deployment_load_failed() -> Object:
    endpoint = Endpoint().publish().settle().replicas(updated=1, ready=0)
    return endpoint.load_fails(FailureReason.ARTIFACT_DIGEST_MISMATCH, "model.tflite has other bytes").settle().resource


def deployment_bad_update() -> Object:
    endpoint = _serving().publish(OTHER_DIGEST).settle().replicas(updated=1, ready=1, total=2)
    message = "golden input 3 is answered otherwise than promised"
    return endpoint.load_fails(FailureReason.ARTIFACT_INVALID, message, OTHER_DIGEST).settle().resource


def deployment_late() -> Object:
    return Endpoint().publish().settle().replicas(updated=1, ready=0, late=True).settle().resource


def deployment_no_ready_replicas() -> Object:
    return _serving().replicas(updated=1, ready=0).settle().resource


def deployment_name_taken() -> Object:
    endpoint = Endpoint(service={"kind": "Service", "metadata": {"name": "digits"}, "spec": {}})
    return endpoint.publish().settle().resource


def _serving() -> Endpoint:
    return Endpoint().publish().settle().replicas(updated=1, ready=1).settle()


_STORIES: tuple[Callable[[], Object], ...] = (
    new,
    profiling,
    waiting_for_resources,
    waiting_for_approval,
    approval_stale,
    plan_only,
    training,
    suspended,
    queued_generation,
    publishing,
    deploying,
    succeeded,
    target_missed,
    target_missed_on_test,
    minimum_missed,
    data_not_found,
    claim_not_found,
    template_not_found,
    no_feasible_model,
    no_feasible_resources,
    deadline_exceeded,
    task_failed,
    all_candidates_failed,
    invalid_spec,
    name_taken,
    endpoint_stalled,
    deployment_waiting_for_model,
    deployment_loading,
    deployment_serving,
    deployment_rolling,
    deployment_load_failed,
    deployment_bad_update,
    deployment_late,
    deployment_no_ready_replicas,
    deployment_name_taken,
)


def _told_once(story: Callable[[], Object]) -> Callable[[], Object]:
    told = cache(story)
    return lambda: copy.deepcopy(told())


STATES: dict[str, Callable[[], dict[str, Any]]] = {
    story.__name__.replace("_", " "): _told_once(story) for story in _STORIES
}
"""Name of a state -> a function that returns the resource in it, with its status; the names of ModelDeployments begin
with `deployment`."""
