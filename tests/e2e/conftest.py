import uuid
from collections.abc import Iterator

import pytest

from demo.installing import OPERATOR_NAMESPACE, commands, kubectl_in, run
from demo.kubectl import Kubectl

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="session")
def operator() -> Kubectl:
    """The operator of this checkout, installed as README says; kubectl in its namespace."""
    kubectl = kubectl_in(OPERATOR_NAMESPACE)
    for command in commands():
        run(kubectl, command)
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
