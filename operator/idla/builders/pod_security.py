"""What every pod of ours has in common, so that it passes the Pod Security level `restricted`."""

from typing import Any

USER = 10001
"""The user of the images; also the group of the volumes."""
SECRET_MODE = 0o440
"""Files of a Secret are root's; the pod's user is in their group."""
TMP = "/tmp"  # noqa: S108  # a path inside the pod, on its own volume
"""The only place of a container's own where it may write, since its root is read-only."""
TMP_VOLUME = {"name": "tmp", "emptyDir": {}}
TMP_MOUNT = {"name": "tmp", "mountPath": TMP}


def pod_defaults(*, grace_seconds: int) -> dict[str, Any]:
    """Return the start of a pod's spec: no token, no service variables, a fixed user, the runtime's seccomp profile.

    Args:
        grace_seconds: from SIGTERM to SIGKILL.
    """
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def scrape_annotations(port: int) -> dict[str, str]:
    """Return the annotations by which Prometheus finds a pod's `/metrics`."""
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": "/metrics"}


def container_security_context() -> dict[str, Any]:
    """Return the container's context: no new privileges, no capabilities, no writes to its root."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
