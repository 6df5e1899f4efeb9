"""The operator as a process without its rights, and what they are."""

from pathlib import Path

import pytest

from tools.cluster import ControlPlane
from tools.fake_kubelet import Rest
from tools.operator_processes.process import Operator, documents
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes


def ready(operator: Operator) -> bool:
    return operator.probe("/readyz") == (200, "ok")


def test_without_permission_it_says_so_and_works_as_soon_as_it_has_it(
    plane: ControlPlane, rest: Rest, tmp_path: Path
) -> None:
    user = "system:serviceaccount:idla-system:other"
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "other"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "idla-operator"},
        "subjects": [{"kind": "ServiceAccount", "name": "other", "namespace": "idla-system"}],
    }
    other = Operator(plane, tmp_path / "other.log", user=user)
    other.start()
    try:
        until(other.warnings, other.log.read_text)
        assert "the role of manifests/base is missing or incomplete" in other.warnings()[0]
        assert other.probe("/healthz") == (200, "ok")
        assert other.probe("/readyz") == (503, "no session with the cluster")
        pid = other.pid
        rest.apply("clusterrolebindings", None, binding)
        until(lambda: ready(other), other.log.read_text)
        assert other.pid == pid
        assert other.stop() == 0
    finally:
        other.kill()
        rest.delete("clusterrolebindings", None, "other")


def test_the_permissions_are_those_that_the_package_documents() -> None:
    root = Path(__file__).parents[3]
    granted: dict[tuple[str, str], set[str]] = {}
    for document in documents(root / "manifests/base/permissions.yaml"):
        for rule in document.get("rules", ()):
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    granted.setdefault((group, resource), set()).update(rule["verbs"])
    readme = (root / "operator/idla_operator/README.md").read_text()
    table = readme.partition("## Permissions")[2]
    told: dict[tuple[str, str], set[str]] = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and "`" in cells[1]:
            group = "" if cells[0] == "core" else cells[0].strip("`")
            verbs = {verb.strip() for verb in cells[2].partition("(")[0].split(",")}
            for resource in cells[1].split(","):
                told[group, resource.strip().strip("`")] = verbs
    assert told == granted
