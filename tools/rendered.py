"""Manifests as clusters get them: what users apply, and what the operator makes in the namespace of a user."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from idla.builders.claim import build_artifact_claim
from idla.builders.identity import Owner
from idla.builders.serving import ServedModel, build_deployment, build_service
from idla.builders.task_job import TaskPod, build_task_job
from idla_contract.task import DataSource, ProfileStep, TaskSpec

from tools.cluster import builds
from tools.cluster.progress import silent

MANIFESTS = Path(__file__).parents[1] / "manifests"
_FOR_A_NAMESPACE = (MANIFESTS / "network-policies", MANIFESTS / "overlays/namespaced/watched")
_NAMESPACE = "vision"
_CLAIM = "digits-artifacts"


def write(into: Path) -> None:
    """Write a file for each overlay, and one for a user's namespace with all that is applied to it."""
    builds.ensure(builds.KUBERNETES, silent)
    overlays = MANIFESTS / "overlays"
    for overlay in sorted({path.parent for path in overlays.rglob("kustomization.yaml")} - {*_FOR_A_NAMESPACE}):
        name = "-".join(overlay.relative_to(overlays).parts)
        (into / f"{name}.yaml").write_text(_kustomized(overlay))
    applied = [each for folder in _FOR_A_NAMESPACE for each in yaml.safe_load_all(_kustomized(folder))]
    for each in applied:
        each["metadata"]["namespace"] = _NAMESPACE  # as `kubectl apply -n` does
    (into / "namespace-of-a-user.yaml").write_text(yaml.safe_dump_all([*applied, *made()]))


def made() -> Iterable[Mapping[str, Any]]:
    """Return what the operator makes for a workflow and a deployment whose `resources` limit memory and processors."""
    workflow = Owner(kind="TrainingWorkflow", name="digits", namespace=_NAMESPACE, uid="u-1")
    deployment = Owner(kind="ModelDeployment", name="digits", namespace=_NAMESPACE, uid="u-2")
    requests, limits = {"cpu": "500m", "memory": "1Gi"}, {"cpu": "1", "memory": "2Gi"}
    spec = TaskSpec(
        workflow="digits",
        task="profile",
        content_hash="0123456789abcdef",
        data=DataSource(uri="pvc://faces/all.npz"),
        artifact_uri=f"pvc://{_CLAIM}",
        steps=(ProfileStep(),),
    )
    pod = TaskPod(
        image="idla/trainer:0.1.0",
        pull_policy="IfNotPresent",
        store_claim=_CLAIM,
        data_claim="faces",
        data_secret="s3-read",
        requests=requests,
        limits=limits,
    )
    model = ServedModel(
        uri=f"pvc://{_CLAIM}/models/x",
        digest="sha256:" + "0a" * 32,
        claim=_CLAIM,
        image="idla/server:0.1.0",
        pull_policy="IfNotPresent",
        replicas=2,
        requests=requests,
        limits=limits,
    )
    yield build_artifact_claim(workflow, _CLAIM, mebibytes=2048, storage_class=None)
    yield build_task_job(workflow, spec, pod, attempt=1, generation=1, suspend=False)
    yield build_deployment(deployment, model)
    yield build_service(deployment)


def _kustomized(folder: Path) -> str:
    words = [str(builds.component("kubectl")), "kustomize", str(folder)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
