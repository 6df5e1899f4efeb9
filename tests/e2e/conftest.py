import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.kubectl import Kubectl
from tests.cluster import existing
from tests.cluster.places import REPOSITORY, Places
from tests.e2e.scene import OPERATOR_NAMESPACE

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def kubectl_in(namespace: str) -> Kubectl:
    if existing.wanted():
        return Kubectl(Path("kubectl"), Path(existing.check()), namespace)
    places = Places.of()
    return Kubectl(places.shown / "bin" / "kubectl", places.kubeconfig, namespace)


@pytest.fixture(scope="session")
def operator() -> Kubectl:
    """The operator of this checkout, installed as README says; kubectl in its namespace."""
    kubectl = kubectl_in(OPERATOR_NAMESPACE)
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(REPOSITORY / "crds"))
    kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/modeltemplates.idla.dev")
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(REPOSITORY / "manifests" / "overlays" / "kind"))
    kubectl("rollout", "restart", "deployment/idla-operator")
    kubectl("rollout", "status", "deployment/idla-operator", "--timeout=300s", seconds=330)
    return kubectl


@pytest.fixture(scope="module")
def kubectl(operator: Kubectl) -> Iterator[Kubectl]:
    """Kubectl in a namespace of one module that enforces Pod Security `restricted`."""
    assert operator.namespace == OPERATOR_NAMESPACE
    name = f"e2e-{uuid.uuid4().hex[:10]}"
    here = kubectl_in(name)
    here.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
    # Pods are refused until it is there.
    here("wait", "--for=create", "serviceaccount/default", "--timeout=110s")
    yield here
    here("delete", "namespace", name, "--wait=false")
