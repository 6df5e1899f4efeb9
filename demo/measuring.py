"""Runs `measure.py` in the cluster and reads what it found."""

import base64
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla.builders.pod_security import TMP_MOUNT, TMP_VOLUME, container_security_context, pod_defaults
from idla.cli.kubectl import Kubectl
from idla_contract.paths import DATA_MOUNT
from idla_contract.task import DataSource
from idla_contract.uri import claim_of

_POD = "measure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was found in the artifact and the data, without asking the operator."""

    float_size_bytes: int
    served_size_bytes: int
    float_correct: int
    """Right answers of the float file on the test split."""
    served_correct: int
    images: npt.NDArray[np.float32]
    """The test split [N, H, W, C], raw pixels."""
    labels: tuple[str, ...]
    """The true labels of the test split."""
    maximum: float
    """Largest pixel."""


def measure(kubectl: Kubectl, *, image: str, source: DataSource, uri: str) -> Measurement:
    """Measure an artifact in a pod that only reads, and remove the pod.

    Args:
        kubectl: in the namespace of the artifact's claim.
        image: the trainer image.
        source: the data, with the split that the workflow used.
        uri: `pvc://claim/folder`.

    Raises:
        KubectlError: the pod did not end in time, or failed.
    """
    claim = claim_of(uri) or ""
    script = (Path(__file__).parent / "measure.py").read_text()
    kubectl.patiently("delete", "pod", _POD, "--ignore-not-found", "--wait=true")
    kubectl.apply(_pod(image, claim, ["-I", "-c", script, source.to_json(), uri]))
    kubectl.patiently("wait", f"pod/{_POD}", "--for=jsonpath={.status.phase}=Succeeded")
    found = json.loads(kubectl("logs", _POD).splitlines()[-1])
    kubectl("delete", "pod", _POD, "--wait=false")
    return _read(found)


def _read(found: dict[str, Any]) -> Measurement:
    classes, content = found.pop("classes"), base64.b64decode(found.pop("test"))
    with np.load(io.BytesIO(content)) as test:
        images, labels = test["x"], tuple(classes[number] for number in test["y"])
    return Measurement(**found, images=images, labels=labels)


def _pod(image: str, claim: str, arguments: list[str]) -> dict[str, Any]:
    container = {
        "name": _POD,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [word.replace("$", "$$") for word in arguments],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": container_security_context(),
        "volumeMounts": [{"name": "store", "mountPath": DATA_MOUNT, "readOnly": True}, TMP_MOUNT],
    }
    spec = {
        **pod_defaults(grace_seconds=1),
        "restartPolicy": "Never",
        "volumes": [{"name": "store", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}, TMP_VOLUME],
        "containers": [container],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": _POD}, "spec": spec}
