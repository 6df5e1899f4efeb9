"""The Job that carries out one task."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idla_contract.exit_codes import NOT_RETRIED, ExitCode
from idla_contract.metrics import METRICS_PORT
from idla_contract.paths import (
    DATA_MOUNT,
    DATA_SECRET_KEYS,
    DATA_SECRET_MOUNT,
    STORE_MOUNT,
    TASK_SPEC_ANNOTATION,
    TASK_SPEC_FILE,
    TERMINATION_LOG,
)
from idla_contract.sidecars import QUIT_URL
from idla_contract.task import TaskSpec

from idla.api.pod_template import TaskPodTemplate
from idla.builders.egress import Egress
from idla.builders.identity import Owner, child_metadata, child_name, labels, short_hash
from idla.builders.pod_security import (
    SECRET_MODE,
    TMP_MOUNT,
    TMP_VOLUME,
    container_security_context,
    pod_defaults,
    scrape_annotations,
)
from idla.builders.pod_template import build_pod_template, describe_template

CONTENT_HASH, ATTEMPT, GENERATION = "idla.dev/content-hash", "idla.dev/attempt", "idla.dev/generation"
"""Annotations by which a Job is distinguished from those that the same task had before."""
CONTAINER = "task"
GRACE_SECONDS = 60
"""Time to write a checkpoint after SIGTERM."""
SPEC_LIMIT = 128 * 1024
"""Bytes of a task spec; all annotations of an object together may have 256 KiB."""


class SpecTooLargeError(ValueError):
    """The spec of a task is larger than an annotation may be."""

    def __init__(self, task: str, size: int) -> None:
        super().__init__(f"the spec of task {task} has {size} bytes; at most {SPEC_LIMIT} fit")
        self.size = size


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPod:
    """What a task's pod needs beside its spec."""

    image: str
    pull_policy: str
    store_claim: str
    data_claim: str | None = None
    """Claim of `pvc://` data, mounted read-only."""
    data_secret: str | None = None
    """Secret with the keys of remote data."""
    egress: Egress = field(default_factory=Egress)
    """How it reaches what is outside."""
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    backoff_limit: int = 3
    """Repetitions after failures that a repetition can fix."""
    template: TaskPodTemplate | None = None
    """What the user says of the pods."""


def job_name(owner: Owner, spec: TaskSpec, pod: TaskPod, attempt: int) -> str:
    """Return the Job's name: another for another owner, content, image, resources, attempt or words of the user.

    A Job's template cannot be changed, so whatever changes the template changes the name.
    """
    resources = repr((sorted(pod.requests.items()), sorted(pod.limits.items())))
    # What is absent is no part, so that a Job of an earlier version keeps its name.
    secret = () if pod.data_secret is None else (pod.data_secret,)
    said = describe_template(pod.template)
    template = (json.dumps(said, sort_keys=True),) if said else ()
    identity = short_hash(
        *(owner.uid, spec.content_hash, pod.image, pod.store_claim, str(pod.data_claim), resources, str(attempt)),
        *(*secret, *pod.egress.identity(), *template),
    )
    return child_name(owner.name, spec.task, identity)


def build_task_job(
    owner: Owner, spec: TaskSpec, pod: TaskPod, *, attempt: int, generation: int, suspend: bool
) -> dict[str, Any]:
    """Return the Job of a task.

    Args:
        owner: the workflow; it owns the Job.
        spec: what to do; travels as an annotation of the pod template, so that Job and spec are one write.
        pod: image, volumes and resources.
        attempt: 1 for the first; a lost result is fetched by the next one.
        generation: of the workflow's spec; the status does not say it where the operator was killed between the two.
        suspend: whether it starts no pods (and asks those that run to checkpoint and end).

    Raises:
        SpecTooLargeError: the spec is larger than an annotation may be.
    """
    document = spec.to_json()
    size = len(document.encode())
    if size > SPEC_LIMIT:
        raise SpecTooLargeError(spec.task, size)
    child_labels = labels(owner, task=spec.task)
    annotations = {CONTENT_HASH: spec.content_hash, ATTEMPT: str(attempt), GENERATION: str(generation)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": child_metadata(
            owner, job_name(owner, spec, pod, attempt), labels=child_labels, annotations=annotations
        ),
        "spec": {
            "suspend": suspend,
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": pod.backoff_limit,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": build_pod_template(
                pod.template,
                metadata={
                    "labels": child_labels,
                    "annotations": {TASK_SPEC_ANNOTATION: document, **scrape_annotations(METRICS_PORT)},
                },
                spec=_pod_spec(pod),
                resources=(*pod.requests, *pod.limits),
                without_sidecars=True,
            ),
        },
    }


def _failure_rules() -> list[dict[str, Any]]:
    def on_exit_codes(action: str, *codes: ExitCode) -> dict[str, Any]:
        values = sorted(int(code) for code in codes)
        return {
            "action": action,
            "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": values},
        }

    return [
        on_exit_codes("FailJob", *NOT_RETRIED),
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        on_exit_codes("Ignore", ExitCode.PREEMPTED),
    ]


def _pod_spec(pod: TaskPod) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [
        {"name": "artifacts", "persistentVolumeClaim": {"claimName": pod.store_claim}},
        {
            "name": "spec",
            "downwardAPI": {
                "items": [
                    {
                        "path": TASK_SPEC_FILE.rpartition("/")[2],
                        "fieldRef": {"fieldPath": f"metadata.annotations['{TASK_SPEC_ANNOTATION}']"},
                    }
                ]
            },
        },
        TMP_VOLUME,
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "artifacts", "mountPath": STORE_MOUNT},
        {"name": "spec", "mountPath": TASK_SPEC_FILE.rpartition("/")[0], "readOnly": True},
        TMP_MOUNT,
    ]
    if pod.data_claim is not None:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": pod.data_claim}})
        mounts.append({"name": "data", "mountPath": DATA_MOUNT, "readOnly": True})
    if pod.data_secret is not None:
        volumes.append({"name": "data-secret", "secret": _secret(pod.data_secret)})
        mounts.append({"name": "data-secret", "mountPath": DATA_SECRET_MOUNT, "readOnly": True})
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": pod.image,
        "imagePullPolicy": pod.pull_policy,
        "args": ["-I", "-m", "idla_trainer"],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
        "resources": {"requests": dict(pod.requests), "limits": dict(pod.limits)},
        "securityContext": container_security_context(),
        "terminationMessagePath": TERMINATION_LOG,
        "volumeMounts": mounts,
    }
    pod.egress.apply(container, volumes)
    if pod.template is not None and pod.template.sidecar_quit_url is not None:
        quit_url = {"name": QUIT_URL, "value": pod.template.sidecar_quit_url}
        container["env"] = [*container.get("env", ()), quit_url]
    return {
        "restartPolicy": "Never",
        **pod_defaults(grace_seconds=GRACE_SECONDS),
        "volumes": volumes,
        "containers": [container],
    }


def _secret(name: str) -> dict[str, Any]:
    """Return the volume: optional, since the trainer reports a missing key, and a pod that waits reports nothing."""
    keys = [{"key": key, "path": key} for key in DATA_SECRET_KEYS]
    return {"secretName": name, "optional": True, "defaultMode": SECRET_MODE, "items": keys}
