"""Security contexts with which every pod of ours passes the Pod Security level `restricted`."""

from typing import Any

USER = 10001
"""The user of the images; also the group of the volumes."""


def pod_security_context() -> dict[str, Any]:
    """Return the pod's context: a fixed user that is not root, and the runtime's seccomp profile."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security_context() -> dict[str, Any]:
    """Return the container's context: no new privileges, no capabilities, no writes to its root."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
