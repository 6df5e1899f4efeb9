"""What the cluster's own rules refuse or change: told in `status`, and mended as soon as they allow it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.integration.operator.moments import while_training
from tests.integration.operator.scene import ONCE, Scene, condition
from tools.fake_kubelet.rest import RestError, path_of
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes


def message_of(document: dict[str, Any], kind: str) -> str:
    return next(str(entry["message"]) for entry in document["status"]["conditions"] if entry["type"] == kind)


@contextmanager
def no_pods(scene: Scene) -> Iterator[None]:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}

    def enforced() -> bool:
        found = scene.rest.get("resourcequotas", scene.namespace, "none") or {}
        return bool(found.get("status", {}).get("hard"))

    scene.rest.apply("resourcequotas", scene.namespace, quota)
    try:
        until(enforced, scene.told)
        yield
    finally:
        scene.rest.delete("resourcequotas", scene.namespace, "none")


@contextmanager
def small_pods(scene: Scene) -> Iterator[None]:
    limits = {"type": "Container", "max": {"memory": "16Mi"}}
    document = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}, "spec": {"limits": [limits]}}
    scene.rest.apply("limitranges", scene.namespace, document)
    try:
        yield
    finally:
        scene.rest.delete("limitranges", scene.namespace, "small")


def test_pods_that_rules_of_the_namespace_refuse_are_told_and_made_when_the_rules_are_gone(watched: Scene) -> None:
    with small_pods(watched), no_pods(watched):
        watched.submit(deployment=None)
        waiting = watched.reaches("ResourcesReady", "False", "PodNotCreated")
        assert f"kubectl describe -n {watched.namespace} job digits-profile-" in message_of(waiting, "ResourcesReady")
        assert condition(waiting, "Succeeded") == ("Unknown", "WaitingForResources")
    watched.reaches("Succeeded", "True")
    assert watched.jobs_by_kind() == ONCE
    assert watched.operator.warnings() == []


@contextmanager
def demanded_limits(scene: Scene) -> Iterator[None]:
    """Let a quota demand that every container has a limit of processors and of memory."""
    hard = {"limits.cpu": "100", "limits.memory": "100Gi"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": hard}}
    scene.rest.apply("resourcequotas", scene.namespace, quota)
    try:
        until(lambda: (scene.rest.get("resourcequotas", scene.namespace, "team") or {}).get("status", {}), scene.told)
        yield
    finally:
        scene.rest.delete("resourcequotas", scene.namespace, "team")


def test_a_quota_that_demands_limits_is_told_with_the_field_to_set_for_the_endpoint_too(watched: Scene) -> None:
    limits = {"cpu": "1", "memory": "2Gi"}
    with demanded_limits(watched):
        watched.submit(resources={"limits": limits})

        def told() -> str:
            found = watched.model() or {}
            return message_of(found, "Ready") if condition(found, "Ready")[1] == "PodNotCreated" else ""

        until(told, watched.told)
        assert "Set `spec.resources.limits.cpu`" in told()
        assert "made this ModelDeployment `spec.deployment.resources.limits.cpu`" in told()
        deployment = {"mode": "CreateOrUpdate", "resources": {"limits": limits}}
        watched.change({"spec": {"deployment": deployment}})
        watched.ends_well()
    assert watched.operator.warnings() == []


ADMISSION = {"apiVersion": "admissionregistration.k8s.io/v1"}
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
"""Of policies and of their bindings, up to where the two differ."""
NO_JOBS = {
    "failurePolicy": "Fail",
    "matchConstraints": {
        "resourceRules": [
            {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
        ]
    },
    "validations": [{"expression": "false", "message": "ask the platform team for a budget"}],
}


@contextmanager
def no_jobs(scene: Scene) -> Iterator[None]:
    """Let a policy refuse every Job of the namespace."""
    name = f"no-jobs-{scene.namespace}"
    selector = {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}}
    bound = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": selector},
    }
    documents = {
        "ies": {"kind": "ValidatingAdmissionPolicy", "spec": NO_JOBS},
        "ybindings": {"kind": "ValidatingAdmissionPolicyBinding", "spec": bound},
    }
    with ExitStack() as made:
        for ending, document in documents.items():
            scene.rest.request("POST", POLICIES + ending, ADMISSION | {"metadata": {"name": name}} | document)
            made.callback(scene.rest.request, "DELETE", f"{POLICIES}{ending}/{name}")
        until(lambda: refused(scene), scene.told)
        yield


def refused(scene: Scene) -> bool:
    """Return whether the policy is at work; the API server takes it up after a moment."""
    container = {"name": "c", "image": "none"}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "tried"}, "spec": {"template": pod}}
    try:
        scene.rest.request("POST", f"{path_of('jobs', scene.namespace)}?dryRun=All", job)
    except RestError as error:
        return "ask the platform team" in error.message
    return False


@pytest.mark.gate
def test_what_a_policy_refuses_is_told_in_its_words_and_made_when_it_allows_it(watched: Scene) -> None:
    with no_jobs(watched):
        watched.submit(deployment=None)
        told = watched.reaches("ResourcesReady", "False", "ApplyRefused")
        assert "ask the platform team for a budget" in message_of(told, "Succeeded")
        assert watched.jobs() == []
    watched.reaches("Succeeded", "True")
    assert watched.jobs_by_kind() == ONCE
    assert watched.operator.warnings() == []


def test_a_namespace_that_ends_takes_a_running_training_with_it(watched: Scene) -> None:
    while_training(watched)
    # What changes while the namespace ends is still looked at; to tell of it is refused.
    watched.operator.excuse("because it is being terminated")
    watched.rest.delete("namespaces", None, watched.namespace)
    until(lambda: watched.rest.get("namespaces", None, watched.namespace) is None, watched.told)
    assert watched.operator.warnings() == []
