"""What the operator did during the end-to-end tests of this session, with the account of its pod, is what it may do."""

import pytest
from idla.cli.kubectl import Kubectl

from tests.e2e.audit import Requests
from tests.integration.operator.permissions import compare, granted
from tools.operator_processes.process import ROOT, documents
from tools.waiting import until

pytestmark = [pytest.mark.e2e]
ROLES = {"ClusterRole", "Role"}


def test_the_operator_did_nothing_but_what_is_granted(operator: Kubectl, requests: Requests) -> None:
    """That every right is used is tried in tests/integration/operator/test_least_privilege.py."""
    permissions = documents(ROOT / "manifests/base/permissions.yaml")
    rights = granted([document for document in permissions if document["kind"] in ROLES])
    found = compare(rights, until(requests.events, lambda: operator("get", "pods")))
    assert (found.denied, found.borrowed) == (frozenset(), frozenset())
