"""What docs/security.md says that an object of ours cannot name, told from the schemas that the API server enforces."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CRDS = Path(__file__).parents[3] / "crds"
CODE = {
    "image", "images", "imagePullPolicy", "imagePullSecrets", "command", "args", "entrypoint", "script", "env",
    "envFrom", "lifecycle", "containers", "initContainers", "podTemplate", "template", "overrides",
    "patches", "plugins",
}  # fmt: skip
POWER = {
    "serviceAccount", "serviceAccountName", "automountServiceAccountToken", "securityContext", "capabilities",
    "privileged", "hostNetwork", "hostPID", "hostIPC", "hostPath", "volumes", "volumeMounts", "runtimeClassName",
    "nodeName", "annotations", "secret", "secretRef", "secretKeyRef", "configMap", "configMapRef",
}  # fmt: skip
TEMPLATES = ("spec.podTemplate", "spec.deployment.podTemplate")
OF_PODS = (
    "", ".metadata.annotations", ".spec.serviceAccountName", ".spec.runtimeClassName", ".spec.imagePullSecrets",
)  # fmt: skip
ALLOWED = {"spec.data.access.secretRef", *(place + inner for place in TEMPLATES for inner in OF_PODS)}
"""Of the Secret with keys for remote data a pod sees those alone (`DATA_SECRET_KEYS`), and the operator nothing.
What may be said of pods gives no container, no volume, no token and no privilege."""
ELSEWHERE = {"namespace", "namespaces", "cluster", "kubeconfig"}


def specs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the schema of `spec` of every kind and version."""
    for path in sorted(CRDS.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if document["kind"] != "CustomResourceDefinition":
                continue
            for version in document["spec"]["versions"]:
                schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
                yield f"{document['spec']['names']['kind']}/{version['name']}", schema


def fields(schema: Any, place: str = "spec") -> Iterator[tuple[str, str]]:
    """Return every field of a schema with its place, those that are taken whatever they are as `*`."""
    if not isinstance(schema, dict):
        return
    if schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-embedded-resource"):
        yield place, "*"
    for name, inner in schema.get("properties", {}).items():
        yield f"{place}.{name}", name
        yield from fields(inner, f"{place}.{name}")
    for key in ("items", "additionalProperties"):
        yield from fields(schema.get(key), place)


@pytest.mark.parametrize(("kind", "schema"), [pytest.param(*each, id=each[0]) for each in specs()])
def test_no_field_of_an_object_names_code_power_or_another_namespace(kind: str, schema: dict[str, Any]) -> None:
    found = list(fields(schema))
    assert len(found) > 5, kind
    assert {place for place, name in found if name in CODE | POWER | ELSEWHERE | {"*"}} <= ALLOWED


SAID_OF_PODS = {
    "metadata": {"labels", "annotations"},
    "spec": {
        "nodeSelector", "tolerations", "priorityClassName", "serviceAccountName", "runtimeClassName",
        "imagePullSecrets",
    },
}  # fmt: skip


def test_nothing_else_may_be_said_of_pods() -> None:
    schemas = [schema for _, schema in specs()]
    found = [
        {
            part: set(inner.get("properties", ()))
            for part, inner in holder["properties"]["podTemplate"]["properties"].items()
        }
        for schema in schemas
        for holder in (schema, schema["properties"].get("deployment", {}))
        if "podTemplate" in holder.get("properties", {})
    ]
    of_tasks = SAID_OF_PODS | {"sidecarQuitUrl": set()}
    assert sorted(found, key=len) == [SAID_OF_PODS, SAID_OF_PODS, of_tasks]


def test_every_kind_is_looked_at() -> None:
    assert {kind.partition("/")[0] for kind, _ in specs()} == {"TrainingWorkflow", "ModelDeployment", "ModelTemplate"}


def test_a_field_that_names_code_is_seen_wherever_it_is() -> None:
    inner = {"type": "object", "properties": {"env": {"type": "array"}}}
    schema = {
        "properties": {
            "list": {"items": inner},
            "map": {"additionalProperties": {"properties": {"image": {}}}},
            "any": {"x-kubernetes-preserve-unknown-fields": True},
        }
    }
    assert {name for _, name in fields(schema)} == {"list", "env", "map", "image", "any", "*"}
