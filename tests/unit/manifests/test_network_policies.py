"""The opt-in NetworkPolicies select the pods that the operator makes, and allow what those do and nothing else."""

import ipaddress
from pathlib import Path
from typing import Any

import pytest
import yaml
from idla.builders.identity import Owner
from idla.builders.serving import ServedModel, build_deployment
from idla.builders.task_job import TaskPod, build_task_job
from idla_contract.task import DataSource, ProfileStep, TaskSpec
from idla_store import FetchPolicy, RefusedError
from idla_store.addresses import Resolver
from idla_store.https import download

FOLDER = Path(__file__).parents[3] / "manifests/network-policies"
FILES = ("deny-by-default.yaml", "egress.yaml", "ingress.yaml")
DNS, HTTPS = {("UDP", 53), ("TCP", 53)}, {("TCP", 443)}


def policies() -> list[dict[str, Any]]:
    return [document for name in FILES for document in yaml.safe_load_all((FOLDER / name).read_text())]


def task_pod() -> dict[str, Any]:
    spec = TaskSpec(
        workflow="digits", task="profile", content_hash="0123456789abcdef", data=DataSource(uri="sample://digits"),
        artifact_uri="pvc://digits-artifacts", steps=(ProfileStep(),),
    )  # fmt: skip
    owner = Owner(kind="TrainingWorkflow", name="digits", namespace="vision", uid="u-1")
    pod = TaskPod(image="i", pull_policy="Never", store_claim="c")
    return dict(build_task_job(owner, spec, pod, attempt=1, generation=1, suspend=False)["spec"]["template"])


def serving_pod() -> dict[str, Any]:
    model = ServedModel(
        uri="pvc://c/x", digest="sha256:" + "0a" * 32, claim="c", image="i", pull_policy="Never", replicas=1
    )
    owner = Owner(kind="ModelDeployment", name="digits", namespace="vision", uid="u-2")
    return dict(build_deployment(owner, model)["spec"]["template"])


def selected(pod: dict[str, Any]) -> list[dict[str, Any]]:
    labels: dict[str, str] = pod["metadata"]["labels"]
    found = []
    for policy in policies():
        selector = policy["spec"]["podSelector"]
        expressions = selector.get("matchExpressions", ())
        assert {entry["operator"] for entry in expressions} <= {"Exists"}
        if selector["matchLabels"].items() <= labels.items() and all(entry["key"] in labels for entry in expressions):
            found.append(policy)
    return found


def ports(pod: dict[str, Any], direction: str) -> set[tuple[str, int]]:
    return {
        (port["protocol"], port["port"])
        for policy in selected(pod)
        for rule in policy["spec"].get(direction, ())
        for port in rule["ports"]
    }


def test_the_files_are_those_of_the_kustomization() -> None:
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    assert kustomization["resources"] == list(FILES)
    assert {path.name for path in FOLDER.iterdir()} == {*FILES, "kustomization.yaml", "way-out"}


@pytest.mark.parametrize("pod", [task_pod(), serving_pod()], ids=["task", "serving"])
def test_the_way_to_a_proxy_and_to_hosts_inside_is_opened_beside_the_others(pod: dict[str, Any]) -> None:
    policy = yaml.safe_load((FOLDER / "way-out/way-out.yaml").read_text())
    assert policy["spec"]["policyTypes"] == ["Egress"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    ports = [port for rule in policy["spec"]["egress"] for port in rule["ports"]]
    assert ports == [{"protocol": "TCP", "port": 3128}, {"protocol": "TCP", "port": 443}]


@pytest.mark.parametrize("pod", [task_pod(), serving_pod()], ids=["task", "serving"])
def test_a_pod_of_ours_is_closed_but_for_names_https_and_its_own_port(pod: dict[str, Any]) -> None:
    denied = [policy for policy in selected(pod) if policy["spec"].keys() == {"podSelector", "policyTypes"}]
    assert [policy["spec"]["policyTypes"] for policy in denied] == [["Ingress", "Egress"]]
    assert ports(pod, "egress") == DNS | HTTPS
    [container] = pod["spec"]["containers"]
    assert ports(pod, "ingress") == {("TCP", port["containerPort"]) for port in container["ports"]}


def test_pods_of_others_are_left_alone() -> None:
    assert selected({"metadata": {"labels": {"app": "web"}}}) == []


def test_the_addresses_that_are_kept_out_are_ones_that_a_download_refuses(tmp_path: Path) -> None:
    [policy] = [policy for policy in policies() if policy["metadata"]["name"] == "idla-https"]
    [rule] = policy["spec"]["egress"]
    kept_out = [network for to in rule["to"] for network in to["ipBlock"]["except"]]
    assert len(kept_out) == 12
    for network in kept_out:
        within = ipaddress.ip_network(network)
        for address in (str(within[0]), str(within[-1])):
            with pytest.raises(RefusedError, match="not public"):
                download("https://data.example/x", tmp_path / "x", FetchPolicy(resolver=resolving_to(address)))


def resolving_to(address: str) -> Resolver:
    return lambda _host, _port: [address]
