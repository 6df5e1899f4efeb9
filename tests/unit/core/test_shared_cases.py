"""Inputs of a cluster on which the product failed (`../shared/cases`): what is decided about each of them now."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from idla.builders.egress import Egress
from idla.local.errors import InvalidSpecError
from idla.local.workflow_file import read_workflow
from idla_contract.egress import ALLOWED_HOSTS, CA_FILE, HTTPS_PROXY

from tests.shared_cases import CASES
from tests.unit.core.endpoint import Endpoint
from tests.unit.core.world import NODE, SETTINGS, Object, World, template

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"the inputs are in {CASES}, which is not here")

DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")


def document(name: str) -> Object:
    found: Object = yaml.safe_load((CASES / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def workflow_of(case: str, **spec: Any) -> Object:
    """Return a case's workflow as the API server has it, with more of a spec."""
    found = document(case)
    found["metadata"] |= {"namespace": "vision", "uid": "u-1", "generation": 1}
    found["spec"] |= spec
    return found


def endpoint_of(world: World) -> Endpoint:
    """Return the endpoint that a world has asked for, with its Deployment and Service."""
    [made] = world.deployments.values()
    resource = made | {"metadata": made["metadata"] | {"namespace": "vision"}}
    return Endpoint(resource=resource).publish().settle()


def pods(world: World) -> Iterator[Object]:
    """Yield the pod templates of the tasks."""
    yield from (job["spec"]["template"] for job in world.jobs.values())


QUOTED = {
    # workflow: the field, and what is said of it
    "workflow": "`spec.task.positiveLabel`: must be text: put it in quotes; YAML reads yes, no, .* (found true)",
    "workflow-number": "`spec.task.positiveLabel`: must be text: put it in quotes (found 1)",
    "workflow-target": "`spec.objectives.0.target`: must be text: put it in quotes (found 0.8)",
    "workflow-size": "`spec.constraints.0.maximum`: must be text: put it in quotes (found 1)",
}


@pytest.mark.parametrize("workflow", QUOTED)
def test_a_value_without_its_quotes_is_refused_with_field_and_cure(workflow: str) -> None:
    path = CASES / "20-yes-without-quotes" / f"{workflow}.yaml"
    pattern = ".*".join(map(re.escape, QUOTED[workflow].split(".*")))
    with pytest.raises(InvalidSpecError, match=pattern):
        read_workflow(path.read_text(encoding="utf-8"), folder=path.parent)


def test_sidecars_are_kept_out_of_the_tasks() -> None:
    world = World(workflow=workflow_of("31-istio-injected-namespace/workflow")).profiled()
    found = [(pod["metadata"]["labels"], pod["metadata"]["annotations"]) for pod in pods(world)]
    assert [(labels["sidecar.istio.io/inject"], more["sidecar.istio.io/inject"]) for labels, more in found] == [
        ("false", "false")
    ] * len(world.jobs)


def test_a_quota_on_limits_is_met_by_tasks_and_endpoint_or_told_with_the_field() -> None:
    case = "32-quota-that-asks-for-limits/workflow"
    world = World(workflow=workflow_of(case)).profiled().train().publish()
    assert [pod["spec"]["containers"][0]["resources"]["limits"]["cpu"] for pod in pods(world)] == ["1"] * len(
        world.jobs
    )
    endpoint = endpoint_of(world).replicas(updated=0, ready=0)
    assert endpoint.deployment is not None
    refusal = 'pods "quota-x" is forbidden: failed quota: team: must specify limits.cpu for: fetch,server'
    endpoint.deployment["status"]["conditions"].append({"type": "ReplicaFailure", "status": "True", "message": refusal})
    told = next(entry for entry in endpoint.settle().resource["status"]["conditions"] if entry["type"] == "Ready")
    assert "`spec.deployment.resources.limits.cpu`" in told["message"]
    given = document(case)["spec"]["deployment"] | {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
    world = World(workflow=workflow_of(case, deployment=given)).profiled().train().publish()
    limited = endpoint_of(world).deployment
    assert limited is not None
    spec = limited["spec"]["template"]["spec"]
    limits = [each["resources"]["limits"]["cpu"] for each in (*spec["initContainers"], *spec["containers"])]
    assert limits == ["1"] * len(limits)


@pytest.mark.parametrize("workflow", ["workflow", "workflow-digit-first"])
def test_long_names_and_dots_give_names_that_kubernetes_takes(workflow: str) -> None:
    world = World(workflow=workflow_of(f"33-long-names-and-dots/{workflow}")).profiled().train().publish()
    endpoint = endpoint_of(world)
    assert endpoint.service is not None
    assert endpoint.deployment is not None
    names = [endpoint.service["metadata"]["name"], endpoint.deployment["metadata"]["name"]]
    assert [name for name in names if not DNS_LABEL.fullmatch(name)] == []
    assert [name for name in (*world.jobs, *world.claims) if len(name) > 63] == []
    labels = {value for pod in pods(world) for value in pod["metadata"]["labels"].values()}
    assert [value for value in labels if not LABEL.fullmatch(value)] == []
    assert endpoint.resource["status"]["url"].startswith(f"http://{names[0]}.vision.svc")


def test_an_image_behind_a_password_is_told_with_its_cure_and_can_be_pulled() -> None:
    case = "34-private-registry/workflow"
    world = World(workflow=workflow_of(case)).settle().pull_fails("profile").settle()
    told = world.task("profile")["message"]
    assert [part for part in ("idla/trainer:1", "asks for a password", "imagePullSecrets") if part not in told] == []
    template = {"spec": {"imagePullSecrets": [{"name": "regcred"}]}}
    world = World(workflow=workflow_of(case, podTemplate=template)).profiled().train().publish()
    endpoint = endpoint_of(world).deployment
    assert endpoint is not None
    secrets = [pod["spec"]["imagePullSecrets"] for pod in (*pods(world), endpoint["spec"]["template"])]
    assert secrets == [[{"name": "regcred"}]] * len(secrets)


def test_the_taint_of_a_device_is_tolerated_by_who_asks_for_it_and_told_of_the_others() -> None:
    case = "35-tainted-gpu-node"
    node = NODE | document(f"{case}/node") | {"status": NODE["status"]}
    alone = World(workflow=workflow_of(f"{case}/workflow"), nodes=(node,)).settle()
    assert alone.message("Planned").startswith("`spec.podTemplate.spec.tolerations`: every node that could hold a pod")
    beside = World(workflow=workflow_of(f"{case}/workflow"), nodes=(node, NODE)).profiled()
    device = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    trained = [pod["spec"]["tolerations"] for pod in pods(beside) if "tolerations" in pod["spec"]]
    assert trained == [device] * (len(beside.jobs) - 1)


def test_data_inside_are_reached_by_the_operators_settings() -> None:
    egress = Egress(proxy="http://proxy.corp:3128", allowed_hosts="data.corp.example, 10.0.0.0/8", ca_config_map="corp")
    settings = dataclasses.replace(SETTINGS, egress=egress)
    tables = (template("tabular-linear", "tabular-linear", 2_000, tasks=["TabularClassification"]),)
    case = "36-private-ca-and-proxy/workflow"
    world = World(workflow=workflow_of(case), settings=settings, templates=tables).settle()
    assert world.jobs, world.status
    [pod] = pods(world)
    told = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}
    assert (told[HTTPS_PROXY], told[ALLOWED_HOSTS], CA_FILE in told) == (egress.proxy, egress.allowed_hosts, True)


def test_work_that_a_ttl_took_away_is_found_again_under_the_same_names_and_the_page_says_so() -> None:
    case = "37-argo-cd-and-ttl/workflow"
    first = World(workflow=workflow_of(case)).profiled().train().publish()
    again = World(workflow=workflow_of(case) | {}, claims=first.claims)
    again.workflow["metadata"]["uid"] = "u-9"
    again.profiled().train().publish()
    contents = [
        {pod["metadata"]["annotations"]["idla.dev/task-spec"] for pod in pods(world)} for world in (first, again)
    ]
    assert contents[0] == contents[1]
    page = (Path(__file__).parents[3] / "docs/how-to/clusters.md").read_text(encoding="utf-8")
    assert "leave `ttlSecondsAfterFinished` out of workflows that are synced" in " ".join(page.split())
