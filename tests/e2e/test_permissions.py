"""What the operator did during all end-to-end tests, with the account of its pod, is what it may do."""

import pytest

from tests.e2e.deeds import Deeds
from tests.integration.operator.permissions import Right, compare, granted
from tests.integration.operator.process import ROOT, documents

pytestmark = [pytest.mark.e2e]
ROLES = {"ClusterRole", "Role"}
NOT_ALWAYS_USED = {
    Right("create", "coordination.k8s.io", "leases"): "only the first operator of a cluster finds no Lease",
}
"""Rights that the end-to-end tests need not make the operator use, and why. All of them are used in
tests/integration/operator/test_least_privilege.py, which fails where one is not."""


def test_the_whole_run_used_what_is_granted_and_nothing_else(*, deeds: Deeds, whole_slice: bool) -> None:
    if not whole_slice:
        pytest.skip("only a part of the end-to-end tests runs, and the rest may use what this part does not")
    permissions = documents(ROOT / "manifests/base/permissions.yaml")
    rights = granted([document for document in permissions if document["kind"] in ROLES])
    events = deeds.events()
    assert len(events) > 100
    found = compare(rights, events)
    assert (found.denied, found.borrowed) == (frozenset(), frozenset())
    assert found.unused <= NOT_ALWAYS_USED.keys()
