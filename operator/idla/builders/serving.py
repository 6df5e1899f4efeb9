"""The Deployment and the Service that answer with a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idla_contract.inference import LIVE, READY
from idla_contract.paths import DATA_MOUNT, MODEL_MOUNT

from idla.api.pod_template import PodTemplate
from idla.builders.egress import Egress
from idla.builders.identity import (
    DEPLOYMENT,
    Owner,
    address_name,
    child_metadata,
    label_value,
    labels,
    spec_annotation,
)
from idla.builders.pod_security import (
    TMP_MOUNT,
    TMP_VOLUME,
    container_security_context,
    pod_defaults,
    scrape_annotations,
)
from idla.builders.pod_template import build_pod_template

DIGEST_ANNOTATION = "idla.dev/model-digest"
"""On a pod: the artifact that it is to serve."""
PORT = 8080
DRAIN_SECONDS = 5
"""How long a pod goes on answering after SIGTERM, until every proxy has forgotten it."""
GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """What is served, and with what."""

    uri: str
    digest: str
    claim: str | None
    """Claim of a `pvc://` URI, mounted read-only for the fetch."""
    egress: Egress = field(default_factory=Egress)
    """How the fetch reaches what is outside."""
    image: str
    pull_policy: str
    replicas: int
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    template: PodTemplate | None = None
    """What the user says of the pods."""


def selector(owner: Owner) -> dict[str, str]:
    """Return the labels by which the Service finds the pods; they never change, since a selector is immutable."""
    return {DEPLOYMENT: label_value(owner.name)}


def build_service(owner: Owner) -> dict[str, Any]:
    """Return the one Service address of a ModelDeployment, named like it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(owner, address_name(owner.name)),
        "spec": {
            "selector": selector(owner),
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
        },
    }


def build_deployment(owner: Owner, model: ServedModel) -> dict[str, Any]:
    """Return the Deployment that serves one model.

    A changed model rolls without a failed request: a new pod is ready only after its golden inputs and a warm-up
    request, and an old one goes on answering while it is forgotten.
    """
    spec = _deployment_spec(owner, model)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": child_metadata(owner, address_name(owner.name), annotations=spec_annotation(spec)),
        "spec": spec,
    }


def _deployment_spec(owner: Owner, model: ServedModel) -> dict[str, Any]:
    return {
        "replicas": model.replicas,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "selector": {"matchLabels": selector(owner)},
        "template": build_pod_template(
            model.template,
            metadata={
                "labels": labels(owner),
                "annotations": {DIGEST_ANNOTATION: model.digest, **scrape_annotations(PORT)},
            },
            spec=_pod_spec(owner, model),
            resources=(*model.requests, *model.limits),
        ),
    }


def _pod_spec(owner: Owner, model: ServedModel) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [{"name": "model", "emptyDir": {}}, TMP_VOLUME]
    fetch_mounts: list[dict[str, Any]] = [{"name": "model", "mountPath": MODEL_MOUNT}]
    if model.claim is not None:
        volumes.append({"name": "store", "persistentVolumeClaim": {"claimName": model.claim, "readOnly": True}})
        fetch_mounts.append({"name": "store", "mountPath": DATA_MOUNT, "readOnly": True})
    resources = {"requests": dict(model.requests), "limits": dict(model.limits)}
    common = {
        "image": model.image,
        "imagePullPolicy": model.pull_policy,
        "resources": resources,
        "securityContext": container_security_context(),
    }
    fetch: dict[str, Any] = common | {
        "name": "fetch",
        "args": _arguments("fetch", uri=_literal(model.uri), digest=model.digest, into=MODEL_MOUNT),
        "volumeMounts": fetch_mounts,
    }
    model.egress.apply(fetch, volumes)
    serve = common | {
        "name": "server",
        "args": _arguments(
            "serve",
            model_dir=MODEL_MOUNT,
            name=address_name(owner.name),
            digest=model.digest,
            port=str(PORT),
            drain_seconds=str(DRAIN_SECONDS),
        ),
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": READY, "port": "http"}, "periodSeconds": 2},
        "livenessProbe": {"httpGet": {"path": LIVE, "port": "http"}, "periodSeconds": 10},
        "startupProbe": {
            "httpGet": {"path": LIVE, "port": "http"},
            "periodSeconds": 2,
            "failureThreshold": 90,
        },
        "volumeMounts": [
            {"name": "model", "mountPath": MODEL_MOUNT, "readOnly": True},
            TMP_MOUNT,
        ],
    }
    return {
        **pod_defaults(grace_seconds=GRACE_SECONDS),
        "volumes": volumes,
        "initContainers": [fetch],
        "containers": [serve],
    }


def _arguments(command: str, **options: str) -> list[str]:
    """Return the words of a command of the server image, its options in the order given."""
    words = ["-I", "-m", "idla_server", command]
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", value]
    return words


def _literal(text: str) -> str:
    """Return `text` with every `$` doubled: Kubernetes would expand `$(VAR)` in arguments."""
    return text.replace("$", "$$")
