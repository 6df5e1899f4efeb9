"""Secrets in a namespace, and the search for them in everything that is said of it."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from idla.cli.kubectl import Kubectl, KubectlError
from idla_contract.paths import TASK_SPEC_ANNOTATION

SECRET, SETTING, SIGNATURE = (f"canary-of-the-{word}" for word in ("secret", "settings", "signature"))
SIGNED = f"signature={SIGNATURE}"
"""A query of an address: whoever may read the object, its Jobs or pods sees it there, and nobody anywhere else."""
KINDS = ("trainingworkflows", "modeldeployments", "jobs", "deployments", "services", "persistentvolumeclaims", "pods")


def hide(kubectl: Kubectl) -> None:
    """Make a Secret and a ConfigMap whose values must come out nowhere."""
    named = {"apiVersion": "v1", "metadata": {"name": "keys"}}
    kubectl.apply(
        named | {"kind": "Secret", "stringData": {"key": SECRET}},
        named | {"kind": "ConfigMap", "data": {"key": SETTING}},
    )


def revealed(kubectl: Kubectl, log: Iterable[str]) -> list[str]:
    """Return where a canary stands that must not: the operator's log, events, objects, statuses, logs of pods."""
    return sorted({f"{place}: {canary}" for place, text in _told(kubectl, log) for canary in _canaries(text)})


def _canaries(text: str) -> Iterator[str]:
    return (canary for canary in (SECRET, SETTING, SIGNATURE) if canary in text)


def _told(kubectl: Kubectl, log: Iterable[str]) -> Iterator[tuple[str, str]]:
    yield "the operator's log", "\n".join(log)
    for event in kubectl.list("events"):
        yield "an event", json.dumps(event)
    for found in kubectl.list(",".join(KINDS)):
        name = f"{found['kind']} {found['metadata']['name']}"
        yield name, json.dumps(_without_addresses(found))
        if found["kind"] == "Pod":
            yield f"the log of {name}", log_of(kubectl, found["metadata"]["name"])


def log_of(kubectl: Kubectl, pod: str) -> str:
    """Return what the containers of a pod have logged, empty where they have not begun."""
    try:
        return kubectl("logs", pod, "--all-containers")
    except KubectlError as error:
        if "is waiting to start" in str(error) or "NotFound" in str(error):
            return ""
        raise


def _without_addresses(found: dict[str, Any]) -> Any:
    """Return an object without the places where a user's address stands as it was written."""
    text = json.loads(json.dumps(found))
    text["metadata"].pop("managedFields", None)
    if found["apiVersion"].startswith("idla.dev/"):
        text.pop("spec")
        return text
    for template in (text, text["spec"].get("template", {})):
        template.get("metadata", {}).get("annotations", {}).pop(TASK_SPEC_ANNOTATION, None)
        for container in template.get("spec", {}).get("initContainers", ()):
            container["args"] = [word.replace(f"?{SIGNED}", "") for word in container.get("args", ())]
    return text
