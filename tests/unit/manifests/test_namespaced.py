"""The overlay for rights in single namespaces, as far as files can show it; a real API server judges the rest."""

from pathlib import Path
from typing import Any

import yaml
from idla_operator.config import OperatorConfig

MANIFESTS = Path(__file__).parents[3] / "manifests"
OVERLAY = MANIFESTS / "overlays/namespaced"
OF_THE_CLUSTER = {("idla.dev", "modeltemplates"), ("", "nodes")}


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def kustomization(folder: Path) -> dict[str, Any]:
    [document] = documents(folder / "kustomization.yaml")
    return document


def one(path: Path, kind: str) -> dict[str, Any]:
    [found] = [document for document in documents(path) if document["kind"] == kind]
    return found


def test_in_a_watched_namespace_the_operator_may_what_it_may_elsewhere_but_for_what_belongs_to_the_cluster() -> None:
    everywhere = one(MANIFESTS / "base/permissions.yaml", "ClusterRole")["rules"]
    assert one(OVERLAY / "watched/role.yaml", "Role")["rules"] == [
        rule
        for rule in everywhere
        if {(group, name) for group in rule["apiGroups"] for name in rule["resources"]}.isdisjoint(OF_THE_CLUSTER)
    ]


def test_the_operator_accepts_its_configuration() -> None:
    lines = (MANIFESTS / "base/operator.env").read_text().splitlines()
    [generator] = kustomization(OVERLAY)["configMapGenerator"]
    pairs = (line.partition("=") for line in [*lines, *generator["literals"]] if not line.startswith("#"))
    config = OperatorConfig.from_environment({name: value for name, _, value in pairs})
    assert config.watch_namespaces == ("team-a", "team-b")


def test_what_is_handed_on_is_what_the_role_admin_lacks_and_no_more() -> None:
    role = one(OVERLAY / "cluster/hand-on.yaml", "ClusterRole")
    assert role["metadata"]["labels"] == {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}
    assert role["rules"] == [
        {
            "apiGroups": ["idla.dev"],
            "resources": ["trainingworkflows/status", "modeldeployments/status"],
            "verbs": ["update"],
        }
    ]
