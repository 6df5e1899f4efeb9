"""The operator's Deployment and permissions, as far as files can show it; a real API server judges the rest."""

import re
from pathlib import Path
from typing import Any

import yaml
from idla_operator.config import OperatorConfig

from tools.cluster.places import Addresses

ROOT = Path(__file__).parents[3]
BASE = ROOT / "manifests/base"
LOCAL = ROOT / "manifests/overlays/local/kustomization.yaml"
PRODUCTION = ROOT / "manifests/overlays/production/kustomization.yaml"


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def pairs(lines: list[str]) -> dict[str, str]:
    found = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in found}


def granted() -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for document in documents(BASE / "permissions.yaml"):
        for rule in document.get("rules", ()):
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def test_leases_are_touched_in_the_operators_own_namespace_alone() -> None:
    kinds = {
        document["kind"]
        for document in documents(BASE / "permissions.yaml")
        for rule in document.get("rules", ())
        if "leases" in rule["resources"]
    }
    assert kinds == {"Role"}


def test_the_role_grants_what_the_operator_says_that_it_asks_for() -> None:
    table = (ROOT / "operator/idla_operator/README.md").read_text().split("## Permissions")[1]
    asked: dict[tuple[str, str], set[str]] = {}
    for group, resources, verbs in re.findall(r"^\| (\S+) \| (.+?) \| ([^|]+?) \|$", table, re.MULTILINE):
        for resource in re.findall(r"`([a-z/]+)`", resources):
            words = re.findall(r"\b(get|list|watch|create|update|patch|delete)\b", verbs.split("(")[0])
            asked["" if group == "core" else group.strip("`"), resource] = set(words)
    assert len(asked) == 13
    assert granted() == asked


def test_nothing_dangerous_is_granted() -> None:
    for (group, resource), verbs in granted().items():
        assert "*" not in {group, resource, *verbs}
        assert resource not in {"secrets", "pods/exec", "pods/proxy", "serviceaccounts/token"}
        assert verbs.isdisjoint({"escalate", "bind", "impersonate", "deletecollection"})


def test_the_configuration_is_one_that_the_operator_accepts() -> None:
    base = pairs((BASE / "operator.env").read_text().splitlines())
    [container] = documents(BASE / "deployment.yaml")[0]["spec"]["template"]["spec"]["containers"]
    fixed = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
    merged = [{}, *(pairs(documents(path)[0]["configMapGenerator"][0]["literals"]) for path in (LOCAL, PRODUCTION))]
    for overlay in merged:
        config = OperatorConfig.from_environment(base | fixed | overlay)
        assert config.health_port == container["ports"][0]["containerPort"]
    known = set(re.findall(r"`(IDLA_[A-Z_]+)`", (ROOT / "operator/idla_operator/README.md").read_text()))
    assert {*base, *fixed, *merged[1], *merged[2]} == known - {"IDLA_LEADER_ELECTION"}, "which is on by itself in a pod"


def test_the_local_overlay_reads_the_prometheus_of_the_local_cluster() -> None:
    [literal] = documents(LOCAL)[0]["configMapGenerator"][0]["literals"]
    assert literal == f"IDLA_PROMETHEUS_URL=http://{Addresses(index=0).node}:9090"


def test_the_operator_is_not_starved_by_the_pods_that_it_makes() -> None:
    pod = documents(BASE / "deployment.yaml")[0]["spec"]["template"]["spec"]
    [priority] = documents(BASE / "priority.yaml")
    assert pod["priorityClassName"] == priority["metadata"]["name"]
    assert (priority["value"] > 0, priority["globalDefault"]) == (True, False)
    assert "priority.yaml" in documents(BASE / "kustomization.yaml")[0]["resources"]


def test_the_replicas_know_where_their_lease_is() -> None:
    deployment = documents(BASE / "deployment.yaml")[0]["spec"]
    [container] = deployment["template"]["spec"]["containers"]
    by_name = {entry["name"]: entry for entry in container["env"]}
    assert by_name["POD_NAMESPACE"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert by_name["POD_UID"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.uid"}}
    assert deployment["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_the_pod_is_hardened() -> None:
    pod = documents(BASE / "deployment.yaml")[0]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["args"] == ["-I", "-m", "idla_operator"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]["requests"]) == set(container["resources"]["limits"]) == {"cpu", "memory"}
