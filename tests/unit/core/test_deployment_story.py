"""The life of a ModelDeployment."""

import dataclasses
from typing import Any

import pytest
from idla.builders.egress import Egress
from idla.core.conditions import timestamp
from idla_contract.result import FailureReason

from tests.unit.core.endpoint import Endpoint
from tests.unit.core.world import ARTIFACT_DIGEST, NODE, OTHER_DIGEST, SETTINGS, Object, model_deployment


def serving() -> Endpoint:
    return Endpoint().publish().settle().replicas(updated=1, ready=1).settle()


def pod_spec(endpoint: Endpoint) -> Object:
    assert endpoint.deployment is not None
    spec: Object = endpoint.deployment["spec"]["template"]["spec"]
    return spec


def test_the_pods_get_the_whole_address_and_the_status_shows_no_signature() -> None:
    address = "https://models.example/digits?X-Signature=secret"
    endpoint = Endpoint(resource=model_deployment(model={"storageUri": address, "digest": OTHER_DIGEST})).settle()
    assert address in str(pod_spec(endpoint))
    assert endpoint.resource["status"]["model"] == {
        "uri": "https://models.example/digits?***", "digest": OTHER_DIGEST,
    }  # fmt: skip


def test_it_waits_for_a_model_and_makes_nothing_meanwhile() -> None:
    endpoint = Endpoint().settle()
    assert (endpoint.deployment, endpoint.service) == (None, None)
    assert endpoint.conditions()["Ready"] == "False WaitingForModel"
    endpoint.workflow = {"metadata": {"name": "digits"}, "status": {}}
    assert endpoint.settle().conditions()["Ready"] == "False WaitingForModel"
    messages = [entry["message"] for entry in endpoint.resource["status"]["conditions"]]
    assert set(messages) == {"TrainingWorkflow digits has published no artifact yet"}


def test_a_published_artifact_is_served() -> None:
    endpoint = Endpoint().publish().settle()
    assert pod_spec(endpoint)["volumes"][-1] == {
        "name": "store", "persistentVolumeClaim": {"claimName": "digits-artifacts", "readOnly": True},
    }  # fmt: skip
    endpoint.replicas(updated=1, ready=1).settle()
    model = {"uri": "pvc://digits-artifacts/models/a1a1a1a1", "digest": ARTIFACT_DIGEST, "workflow": "digits"}
    since = timestamp(endpoint.now)
    shape = {"observedGeneration": 1, "lastTransitionTime": since, "status": "True"}
    assert endpoint.resource["status"] == {
        "observedGeneration": 1, "url": "http://digits.vision.svc", "model": model, "serving": model,
        "replicas": 1, "readyReplicas": 1, "selector": "idla.dev/deployment=digits",
        "conditions": [
            {"type": "Ready", "reason": "Serving", "message": "1 of 1 pods answer", **shape},
            {"type": "ModelLoaded", "reason": "Loaded", "message": f"every pod has loaded {ARTIFACT_DIGEST}", **shape},
            {
                "type": "RolloutSucceeded", "reason": "Complete", "message": f"every pod serves {ARTIFACT_DIGEST}",
                **shape,
            },
        ],
    }  # fmt: skip
    assert [event.reason for event in endpoint.events] == ["RolloutStarted", "RolloutComplete", "Serving"]
    decision = endpoint.reconcile()
    assert (decision.apply, decision.status) == ((), None)


def test_an_artifact_by_its_address_needs_no_workflow() -> None:
    model = {"storageUri": "https://models.example/digits", "digest": OTHER_DIGEST}
    endpoint = Endpoint(resource=model_deployment(model=model, replicas=3)).settle()
    assert endpoint.deployment is not None
    assert endpoint.deployment["spec"]["replicas"] == 3
    assert [volume["name"] for volume in pod_spec(endpoint)["volumes"]] == ["model", "tmp"]


def test_only_a_pod_that_fetches_from_outside_is_given_the_way_out() -> None:
    settings = dataclasses.replace(SETTINGS, egress=Egress(proxy="http://proxy.example:3128"))
    model = {"storageUri": "https://models.example/digits", "digest": OTHER_DIGEST}
    outside = Endpoint(resource=model_deployment(model=model), settings=settings).settle()
    given = [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}]
    assert pod_spec(outside)["initContainers"][0]["env"] == given
    assert "env" not in pod_spec(Endpoint(settings=settings).publish().settle())["initContainers"][0]


def test_pods_ask_for_little_unless_told_otherwise() -> None:
    endpoint = Endpoint().publish().settle()
    assert pod_spec(endpoint)["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"},
    }  # fmt: skip


def test_what_is_no_longer_asked_for_is_taken_away() -> None:
    asked = {"limits": {"nvidia.com/gpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}}
    endpoint = Endpoint(resource=model_deployment(resources=asked)).publish().settle()
    assert pod_spec(endpoint)["containers"][0]["resources"] == asked
    del endpoint.resource["spec"]["resources"]
    endpoint.settle()
    assert pod_spec(endpoint)["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"},
    }  # fmt: skip


def test_what_a_workflow_published_is_served_on_when_the_workflow_is_gone() -> None:
    endpoint = serving()
    endpoint.workflow = None
    before = endpoint.resource["status"]
    decision = endpoint.reconcile()
    assert (decision.apply, decision.status) == ((), None)
    endpoint.deployment = None
    endpoint.settle()
    assert endpoint.deployment is not None
    assert endpoint.resource["status"]["model"] == before["model"]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param({"workflowRef": {"name": "digits"}}, id="another workflow"),
        pytest.param({"storageUri": "https://models.example/digits", "digest": OTHER_DIGEST}, id="an address"),
    ],
)
def test_what_was_asked_for_before_is_not_taken_for_the_artifact_of_a_workflow_without_one(before: Object) -> None:
    endpoint = (
        Endpoint(resource=model_deployment(model=before)).publish().settle().replicas(updated=1, ready=1).settle()
    )
    served = endpoint.resource["status"]["serving"]
    endpoint.resource["spec"]["model"] = {"workflowRef": {"name": "faces"}}
    endpoint.workflow = None
    endpoint.settle()
    assert endpoint.conditions()["Reconciling"] == "True WaitingForModel"
    found = next(entry for entry in endpoint.resource["status"]["conditions"] if entry["type"] == "Reconciling")
    assert found["message"].startswith("TrainingWorkflow faces does not exist")
    assert endpoint.resource["status"]["serving"] == served
    assert endpoint.deployment is not None


def test_a_new_artifact_rolls_while_the_old_one_serves() -> None:
    endpoint = serving().publish(OTHER_DIGEST).settle().replicas(updated=1, ready=1, total=2).settle()
    assert endpoint.conditions() == {
        "Ready": "True Serving", "ModelLoaded": "Unknown Loading", "RolloutSucceeded": "Unknown Progressing",
        "Reconciling": "True Progressing",
    }  # fmt: skip
    assert endpoint.resource["status"]["serving"]["digest"] == ARTIFACT_DIGEST
    endpoint.replicas(updated=1, ready=1).settle()
    assert endpoint.resource["status"]["serving"]["digest"] == OTHER_DIGEST
    assert "Reconciling" not in endpoint.conditions()


def test_a_bad_artifact_leaves_the_old_one_serving_and_a_good_one_mends_it() -> None:
    endpoint = serving().publish(OTHER_DIGEST).settle().replicas(updated=1, ready=1, total=2)
    endpoint.load_fails(FailureReason.ARTIFACT_DIGEST_MISMATCH, "model.tflite has other bytes", OTHER_DIGEST).settle()
    assert endpoint.conditions() == {
        "Ready": "True Serving", "ModelLoaded": "False DigestMismatch", "RolloutSucceeded": "False DigestMismatch",
        "Stalled": "True DigestMismatch",
    }  # fmt: skip
    endpoint.publish(ARTIFACT_DIGEST).settle().replicas(updated=1, ready=1).settle()
    assert endpoint.conditions()["RolloutSucceeded"] == "True Complete"
    assert [event.reason for event in endpoint.events][-3:] == ["DigestMismatch", "RolloutStarted", "Recovered"]


@pytest.mark.parametrize(
    ("reason", "loaded", "permanent"),
    [
        pytest.param(FailureReason.ARTIFACT_DIGEST_MISMATCH, "DigestMismatch", True, id="other bytes"),
        pytest.param(FailureReason.ARTIFACT_NOT_FOUND, "ArtifactNotFound", True, id="nothing there"),
        pytest.param(FailureReason.ARTIFACT_INVALID, "ArtifactInvalid", True, id="unreadable"),
        pytest.param(FailureReason.VERIFICATION_FAILED, "ArtifactInvalid", True, id="other answers"),
        pytest.param(FailureReason.ARTIFACT_UNREACHABLE, "ArtifactUnreachable", False, id="not reached"),
        pytest.param(FailureReason.INTERNAL, "LoadFailed", False, id="an error of ours"),
    ],
)
def test_why_an_artifact_was_not_loaded(reason: FailureReason, loaded: str, permanent: bool) -> None:  # noqa: FBT001  # a table's column
    endpoint = Endpoint().publish().settle().replicas(updated=1, ready=0).load_fails(reason, "so it is").settle()
    conditions = endpoint.conditions()
    assert (conditions["ModelLoaded"], conditions["Ready"]) == (f"False {loaded}", f"False {loaded}")
    assert ("Stalled" in conditions, "Reconciling" in conditions) == (permanent, not permanent)


@pytest.mark.parametrize(
    ("ended", "reason", "message"),
    [
        pytest.param({"exitCode": 137, "reason": "OOMKilled"}, "OOMKilled", "memory limit", id="memory"),
        pytest.param(
            {"exitCode": 1, "reason": "Error", "message": "boom"}, "LoadFailed", "exit code 1: boom", id="text"
        ),
    ],
)
def test_a_server_that_ends_without_an_answer(ended: dict[str, Any], reason: str, message: str) -> None:
    endpoint = Endpoint().publish().settle().replicas(updated=1, ready=0)
    statuses = [{"name": "server", "state": {"terminated": ended}}]
    endpoint.pods = [
        {
            "metadata": {"name": "p", "annotations": {"idla.dev/model-digest": ARTIFACT_DIGEST}},
            "status": {"phase": "Running", "containerStatuses": statuses},
        }
    ]
    endpoint.settle()
    assert endpoint.conditions()["ModelLoaded"] == f"False {reason}"
    found = next(entry for entry in endpoint.resource["status"]["conditions"] if entry["type"] == "ModelLoaded")
    assert message in found["message"]


def test_why_a_pod_waits_is_told() -> None:
    endpoint = Endpoint().publish().settle().replicas(updated=1, ready=0)
    unscheduled = {"type": "PodScheduled", "status": "False", "message": 'persistentvolumeclaim "x" not found'}
    endpoint.pods = [
        {
            "metadata": {"name": "p", "annotations": {"idla.dev/model-digest": ARTIFACT_DIGEST}},
            "status": {"phase": "Pending", "conditions": [unscheduled]},
        }
    ]
    assert endpoint.settle().conditions()["Ready"] == "False ClaimNotFound"


LATER = ". Where an autoscaler adds nodes, one may still come"
WHERE = "; its TrainingWorkflow says this under `spec.deployment`"
LARGE = {"resources": {"requests": {"cpu": "64"}}}
TOO_LARGE = "`spec.resources`: no node has 64 cpu; the largest has 4. Lower it or add such a node"
NO_LABEL = "`spec.podTemplate.spec.nodeSelector`: no node has the labels pool=ml. Correct them or label a node"
SCHEDULER = "0/1 nodes are available: 1 Insufficient cpu."


def pending(message: str | None = SCHEDULER) -> Object:
    """Return a pod of the artifact that waits for a node, or that no scheduler has looked at."""
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {
        "metadata": {"name": "p", "annotations": {"idla.dev/model-digest": ARTIFACT_DIGEST}},
        "status": {"phase": "Pending", "conditions": [] if message is None else [unscheduled]},
    }


# name: the spec, the nodes, the pods, reason and message of what is told
MISFITS: dict[str, tuple[Object, tuple[Object, ...] | None, list[Object], str, str]] = {
    "too large, before there is a pod": (LARGE, (NODE,), [], "NoFeasibleResources", TOO_LARGE + LATER),
    "too large, and the scheduler says so too": (
        LARGE, (NODE,), [pending()], "NoFeasibleResources", f"{TOO_LARGE}{LATER}. The scheduler: {SCHEDULER}",
    ),
    "no node with the labels": (
        {"podTemplate": {"spec": {"nodeSelector": {"pool": "ml"}}}}, (NODE,), [], "NoFeasibleResources",
        NO_LABEL + LATER,
    ),
    "no node at all, as in a pool that scales from zero": (
        LARGE, (), [], "NoFeasibleResources",
        f"`spec.resources`: no node has 64 cpu; the cluster has no node. Lower it or add such a node{LATER}",
    ),
    "nodes that nobody may see": (LARGE, None, [pending()], "Unschedulable", SCHEDULER),
    "a node that is only full": ({}, (NODE,), [pending()], "Unschedulable", SCHEDULER),
    "a pod that waits for something else": (
        LARGE, (NODE,), [pending('persistentvolumeclaim "x" not found')], "ClaimNotFound",
        "there is no PersistentVolumeClaim x in the namespace; create it or name another",
    ),
    "a pod that nobody has looked at": (
        LARGE, (NODE,), [pending(None)], "Loading", "pods are started, fetch the artifact and check it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISFITS)
def test_pods_that_fit_on_no_node_are_told_and_made_all_the_same(name: str) -> None:
    spec, nodes, pods, reason, message = MISFITS[name]
    endpoint = Endpoint(resource=model_deployment(**spec), nodes=nodes).publish().settle()
    endpoint.replicas(updated=1, ready=0).pods = pods
    endpoint.settle()
    assert (endpoint.conditions()["Ready"], endpoint.message("Ready")) == (f"False {reason}", message)
    assert endpoint.deployment is not None
    assert "Stalled" not in endpoint.conditions()


def test_what_serves_serves_on_while_its_larger_pods_fit_nowhere() -> None:
    endpoint = serving()
    endpoint.resource["metadata"]["labels"] = {"idla.dev/managed": "true"}
    endpoint.resource["spec"] |= LARGE
    endpoint.settle().replicas(updated=1, ready=1, total=2).pods = [pending()]
    endpoint.settle()
    assert endpoint.conditions() == {
        "Ready": "True Serving", "ModelLoaded": "Unknown Loading", "RolloutSucceeded": "Unknown Progressing",
        "Reconciling": "True NoFeasibleResources",
    }  # fmt: skip
    assert endpoint.message("Reconciling") == f"{TOO_LARGE}{WHERE}{LATER}. The scheduler: {SCHEDULER}"


def test_pods_that_serve_are_not_said_to_fit_nowhere() -> None:
    endpoint = serving()
    endpoint.nodes = ()
    assert endpoint.settle().conditions()["Ready"] == "True Serving"


DEMANDED = 'pods "digits-x" is forbidden: failed quota: team: must specify '
ADVICE = ". Set {}; of a TrainingWorkflow that made this ModelDeployment {}"


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        pytest.param("pods is forbidden: exceeded quota: small", "", id="too much"),
        pytest.param(
            f"{DEMANDED}limits.cpu for: fetch,server",
            ADVICE.format("`spec.resources.limits.cpu`", "`spec.deployment.resources.limits.cpu`"),
            id="no limit",
        ),
        pytest.param(
            f"{DEMANDED}cpu for: server; limits.memory for: fetch,server",
            ADVICE.format(
                "`spec.resources.requests.cpu` and `spec.resources.limits.memory`",
                "`spec.deployment.resources.requests.cpu` and `spec.deployment.resources.limits.memory`",
            ),
            id="neither one",
        ),
    ],
)
def test_a_quota_that_refuses_pods_is_told_with_the_fields_that_it_demands(message: str, advice: str) -> None:
    endpoint = Endpoint().publish().settle().replicas(updated=0, ready=0)
    assert endpoint.deployment is not None
    failure = {"type": "ReplicaFailure", "status": "True", "message": message}
    endpoint.deployment["status"]["conditions"].append(failure)
    assert endpoint.settle().conditions()["Reconciling"] == "True PodNotCreated"
    found = next(entry for entry in endpoint.resource["status"]["conditions"] if entry["type"] == "Ready")
    assert found["message"] == message + advice


def test_serving_pods_are_as_the_user_wants_them_until_they_are_not() -> None:
    wanted = {"nodeSelector": {"pool": "serving"}, "serviceAccountName": "server"}
    template = {"metadata": {"labels": {"team": "vision"}}, "spec": wanted}
    endpoint, plain = Endpoint(resource=model_deployment(podTemplate=template)).publish().settle(), serving()
    assert (endpoint.deployment, plain.deployment) != (None, None)
    assert wanted.items() <= pod_spec(endpoint).items()
    del endpoint.resource["spec"]["podTemplate"]
    assert pod_spec(endpoint.settle()) == pod_spec(plain)


def test_the_operators_pull_secrets_are_for_pods_that_name_none() -> None:
    own = {"spec": {"imagePullSecrets": [{"name": "regcred"}]}}
    settings = dataclasses.replace(SETTINGS, pull_secrets=("mirror",))
    found = []
    for changes in ({}, {"podTemplate": {"metadata": {"labels": {"team": "a"}}}}, {"podTemplate": own}):
        endpoint = Endpoint(resource=model_deployment(**changes), settings=settings).publish().settle()
        found.append(pod_spec(endpoint)["imagePullSecrets"])
    assert found == [[{"name": "mirror"}], [{"name": "mirror"}], [{"name": "regcred"}]]


def test_a_child_that_is_refused_is_told_and_what_serves_serves_on() -> None:
    endpoint = serving().publish(OTHER_DIGEST)
    endpoint.refusal = "the API server refuses Deployment digits: a policy forbids it. It is tried again"
    endpoint.settle()
    assert endpoint.conditions() == {
        "Ready": "True Serving", "ModelLoaded": "Unknown Loading", "RolloutSucceeded": "False ApplyRefused",
        "Stalled": "True ApplyRefused",
    }  # fmt: skip
    assert [event.reason for event in endpoint.events][-1] == "ApplyRefused"


def test_a_rollout_that_takes_too_long_says_why() -> None:
    endpoint = Endpoint().publish().settle().replicas(updated=1, ready=0, late=True)
    endpoint.load_fails(FailureReason.ARTIFACT_UNREACHABLE, "no route to host").settle()
    assert endpoint.conditions()["Stalled"] == "True ProgressDeadlineExceeded"
    found = next(entry for entry in endpoint.resource["status"]["conditions"] if entry["type"] == "Stalled")
    assert found["message"].endswith("ArtifactUnreachable, no route to host")


def test_an_address_that_stops_answering_is_an_event() -> None:
    endpoint = serving().replicas(updated=1, ready=0).settle()
    assert endpoint.conditions()["Ready"] == "False NoReadyReplicas"
    assert [event.reason for event in endpoint.events][-1] == "NoReadyReplicas"


@pytest.mark.parametrize("kind", ["Service", "Deployment"])
def test_a_name_that_is_taken_is_left_alone(kind: str) -> None:
    foreign = {"kind": kind, "metadata": {"name": "digits"}, "spec": {}}
    endpoint = Endpoint().publish()
    setattr(endpoint, kind.lower(), foreign)
    decision = endpoint.reconcile()
    assert decision.apply == ()
    assert endpoint.conditions()["Stalled"] == "True NameTaken"
    setattr(endpoint, kind.lower(), None)
    assert [child["kind"] for child in endpoint.reconcile().apply] == ["Service", "Deployment"]


def test_an_invalid_spec_is_named_and_what_serves_goes_on() -> None:
    endpoint = serving()
    endpoint.resource["spec"] = {"model": {}}
    endpoint.resource["metadata"]["generation"] = 2
    endpoint.settle()
    assert endpoint.conditions()["Stalled"] == "True InvalidSpec"
    assert endpoint.deployment is not None
    assert endpoint.resource["status"]["serving"]["digest"] == ARTIFACT_DIGEST


def test_a_hand_at_its_children_is_corrected() -> None:
    endpoint = serving()
    assert endpoint.deployment is not None
    endpoint.deployment["spec"]["replicas"] = 7
    assert [child["kind"] for child in endpoint.reconcile().apply] == ["Deployment"]


def test_what_is_being_deleted_is_left_alone() -> None:
    endpoint = Endpoint().publish()
    endpoint.resource["metadata"]["deletionTimestamp"] = timestamp(endpoint.now)
    decision = endpoint.reconcile()
    assert (decision.apply, decision.status) == ((), None)
