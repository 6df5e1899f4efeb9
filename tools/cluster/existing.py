"""A cluster that somebody else made (`IDLA_CLUSTER=existing`): used as it is, never changed or taken away."""

from __future__ import annotations

import os

from tools.cluster.commands import ClusterError, output


def wanted() -> bool:
    """Return whether the user asks for an existing cluster."""
    return os.environ.get("IDLA_CLUSTER") == "existing"


def check() -> str:
    """Return the path in KUBECONFIG after reaching the cluster with it.

    Raises:
        ClusterError: it is not set, or the cluster does not answer.
    """
    path = os.environ.get("KUBECONFIG", "")
    if not path:
        raise ClusterError("IDLA_CLUSTER=existing needs KUBECONFIG: the path of a kubeconfig")
    output(["kubectl", f"--kubeconfig={path}", "--request-timeout=10s", "version"])
    return path
