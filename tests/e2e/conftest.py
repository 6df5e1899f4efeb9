import uuid
from collections.abc import Iterator

import pytest
from idla.cli.kubectl import Kubectl

from tests.e2e.audit import Requests
from tests.e2e.explained import ExplainedKubectl
from tests.e2e.operator_log import OperatorLog
from tests.e2e.secret_leaks import hide, revealed
from tools.cluster.places import Places
from tools.installing import OPERATOR_NAMESPACE, commands, kubectl_in, run
from tools.operator_processes.process import Audit

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
LAST = "test_permissions.py"
"""Judges what those before it have done, whichever they were."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name == LAST)


@pytest.fixture(scope="session")
def requests() -> Requests:
    found = kubectl_in(OPERATOR_NAMESPACE).list("pods")
    return Requests(Audit(Places.of()), frozenset(pod["metadata"]["name"] for pod in found))


@pytest.fixture(scope="session")
def operator(requests: Requests) -> Kubectl:
    """The operator of this checkout, installed as README says; kubectl in its namespace."""
    assert requests.audit is not None  # its requests from the first one on
    kubectl = kubectl_in(OPERATOR_NAMESPACE)
    for command in commands():
        run(kubectl, command)
    return kubectl


@pytest.fixture(scope="session")
def operator_log(operator: Kubectl) -> OperatorLog:
    """The operator's log; a test that disturbs the operator tells it what to expect."""
    return OperatorLog(operator)


@pytest.fixture(scope="session")
def said(operator_log: OperatorLog) -> list[str]:
    """Every line that the operator has logged since the tests began, up to the test before."""
    assert operator_log is not None
    return []


@pytest.fixture(autouse=True)
def quiet_operator(operator_log: OperatorLog, said: list[str]) -> Iterator[None]:
    """After every test the operator's log holds no complaint that nobody has reviewed."""
    yield
    operator_log.look()
    lines, warnings = operator_log.settle()
    said.extend(lines)
    assert not warnings, "the operator logged:\n" + "\n".join(warnings)


@pytest.fixture(scope="module")
def kubectl(operator: Kubectl, said: list[str]) -> Iterator[ExplainedKubectl]:
    """Kubectl in a namespace of one module that enforces Pod Security `restricted`, and that has secrets."""
    assert operator.namespace == OPERATOR_NAMESPACE
    name = f"e2e-{uuid.uuid4().hex[:10]}"
    here = ExplainedKubectl(kubectl_in(name), operator)
    here.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
    try:
        # Pods are refused until it is there.
        here.patiently("wait", "--for=create", "serviceaccount/default")
        hide(here)
        yield here
        assert revealed(here, said) == []
    finally:
        here("delete", "namespace", name, "--wait=false")
