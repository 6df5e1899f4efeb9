"""Writes the CRDs from the types: `python -m idla.api.schema.crds [FOLDER]`, by default into `crds`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from typing_extensions import override

from idla.api import model_deployment, model_template, training_workflow, training_workflow_status
from idla.api.meta import API_VERSION, GROUP, VERSION
from idla.api.schema.structural import structural_schema

CATEGORY = "idla"
HEADER = "# Generated from the types in operator/idla/api by `make generate`; an edit here would be lost.\n"
KUSTOMIZATION = "kustomization.yaml"
_SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What `kubectl get` prints; a wide one only with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    description: str
    wide: bool = False

    def to_manifest(self) -> dict[str, Any]:
        """Return the entry of `additionalPrinterColumns`."""
        entry = {"name": self.name, "type": self.type, "description": self.description, "jsonPath": self.path}
        return entry | ({"priority": 1} if self.wide else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One CRD."""

    kind: str
    plural: str
    short_name: str
    description: str
    spec: type[BaseModel]
    status: type[BaseModel] | None = None
    """None for a kind that is only read."""
    namespaced: bool = True
    scale: bool = False
    """Whether `kubectl scale` and autoscalers can set `spec.replicas`."""
    columns: tuple[Column, ...]


AGE = Column(name="Age", path=".metadata.creationTimestamp", type="date", description="Time since it was created.")


def _condition(name: str, column: str, field: str, description: str, *, wide: bool = False) -> Column:
    path = f'.status.conditions[?(@.type=="{name}")].{field}'
    return Column(name=column, path=path, description=description, wide=wide)


DEFINITIONS = (
    Definition(
        kind=training_workflow.KIND,
        plural=training_workflow.PLURAL,
        short_name="twf",
        description="From data and a target to a published, compressed and served model.",
        spec=training_workflow.TrainingWorkflowSpec,
        status=training_workflow_status.TrainingWorkflowStatus,
        columns=(
            Column(
                name="Model",
                path='.status.decisions[?(@.name=="ModelSelection")].choice',
                description="The chosen model.",
            ),
            _condition("Succeeded", "State", "reason", "How it stands, or how it ended."),
            Column(name="%", path=".status.progress.percent", type="integer", description="Share of the work done."),
            Column(
                name="ETA(s)",
                path=".status.progress.estimatedRemainingSeconds",
                type="integer",
                description="Seconds that the rest is expected to take.",
            ),
            Column(
                name="Accuracy",
                path=".status.results.servedScore",
                description="Of the served model, on examples that nothing was decided with.",
            ),
            AGE,
            _condition("Succeeded", "Message", "message", "The state in words.", wide=True),
            Column(name="Task", path=".status.progress.currentTask", description="What runs now.", wide=True),
            Column(
                name="Smaller",
                path=".status.results.sizeRatio",
                description="How many times smaller the served file is than the float one.",
                wide=True,
            ),
        ),
    ),
    Definition(
        kind=model_deployment.KIND,
        plural=model_deployment.PLURAL,
        short_name="mdep",
        description="An endpoint that answers with a published artifact.",
        spec=model_deployment.ModelDeploymentSpec,
        status=model_deployment.ModelDeploymentStatus,
        scale=True,
        columns=(
            _condition("Ready", "Ready", "status", "Whether the wanted model answers on every pod."),
            _condition("Ready", "State", "reason", "How it stands."),
            _condition("RolloutSucceeded", "Rollout", "reason", "How the newest artifact fares."),
            Column(name="Replicas", path=".status.readyReplicas", type="integer", description="Pods that answer."),
            Column(name="URL", path=".status.url", description="The address inside the cluster."),
            AGE,
            _condition("Ready", "Message", "message", "The state in words.", wide=True),
            Column(name="Digest", path=".status.serving.digest", description="The artifact that serves.", wide=True),
        ),
    ),
    Definition(
        kind=model_template.KIND,
        plural=model_template.PLURAL,
        short_name="mtpl",
        description="One entry of the model library.",
        spec=model_template.ModelTemplateSpec,
        namespaced=False,
        columns=(
            Column(name="Builder", path=".spec.builder", description="What the trainer builds."),
            Column(
                name="Parameters",
                path=".spec.profile.parameters",
                type="integer",
                description="Expected number of weights.",
            ),
            AGE,
            Column(name="Description", path=".spec.description", description="What it is good for.", wide=True),
        ),
    ),
)


def custom_resource_definition(definition: Definition) -> dict[str, Any]:
    """Return the CRD of one kind.

    Raises:
        SchemaError: a type holds what a CRD cannot express.
    """
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [column.to_manifest() for column in definition.columns],
        "schema": {"openAPIV3Schema": _schema(definition)},
    }
    if definition.status is not None:
        version["subresources"] = {"status": {}} | ({"scale": _SCALE} if definition.scale else {})
    names = {
        "kind": definition.kind,
        "listKind": f"{definition.kind}List",
        "plural": definition.plural,
        "singular": definition.kind.lower(),
        "shortNames": [definition.short_name],
        "categories": [CATEGORY],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if definition.namespaced else "Cluster",
            "names": names,
            "versions": [version],
        },
    }


def _schema(definition: Definition) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "apiVersion": {"description": f"`{API_VERSION}`.", "type": "string"},
        "kind": {"description": f"`{definition.kind}`.", "type": "string"},
        "metadata": {"type": "object"},
        "spec": structural_schema(definition.spec),
    }
    if definition.status is not None:
        unseen = {"observedGeneration": -1}  # kstatus would call an object without a status current
        status = structural_schema(definition.status, in_words=False)
        status["properties"]["observedGeneration"]["default"] = -1
        properties["status"] = status | {"default": unseen}
    return {"description": definition.description, "type": "object", "required": ["spec"], "properties": properties}


def render() -> dict[str, str]:
    """Return the text of every file of the folder `crds` by its name."""
    files = {f"{d.plural}.{GROUP}.yaml": _yaml(custom_resource_definition(d)) for d in DEFINITIONS}
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(files),
    }
    return files | {KUSTOMIZATION: _yaml(kustomization)}


def _yaml(document: dict[str, Any]) -> str:
    return HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=118, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out instead of referring to them."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def main(arguments: list[str]) -> None:
    """Write the files of `render` into the folder given, by default `crds`."""
    folder = Path(arguments[0] if arguments else "crds")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
