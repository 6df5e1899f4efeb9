"""Nodes that are large enough and still hold no pod: a taint or a node selector keeps it away."""

from typing import Any

import pytest
from idla.api.pod_template import PodTemplate
from idla.core.cluster.capacity import find_impossible_pod
from idla.core.kube.resources import PodResources

Node = dict[str, Any]
GPU = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
TEAM = {"key": "team", "value": "vision", "effect": "NoExecute"}
MASTER = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def node(name: str, *taints: dict[str, str], gpus: str = "0", **labels: str) -> Node:
    allocatable = {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": gpus}
    metadata, spec = {"name": name, "labels": labels}, {"taints": list(taints)}
    return {"metadata": metadata, "spec": spec, "status": {"allocatable": allocatable}}


def taint(key: str, effect: str = "NoSchedule") -> dict[str, str]:
    return {"key": key, "effect": effect}


TOLERATIONS = "`spec.podTemplate.spec.tolerations`: every node that could hold a pod with {} has a taint"
SELECTOR = "`spec.podTemplate.spec.nodeSelector`: no node "
ADVICE = "Add a toleration, or take the taint from a node"
SMALL, ONE_GPU = {"cpu": "1"}, {"nvidia.com/gpu": "1"}


@pytest.mark.parametrize(
    ("nodes", "asked", "said", "told"),
    [
        pytest.param([node("a", TEAM), node("b")], SMALL, {}, None, id="another node"),
        pytest.param([node("gpu-1", GPU, gpus="1")], ONE_GPU, {}, None, id="the taint of its device"),
        pytest.param(
            [node("gpu-1", GPU, gpus="1")],
            SMALL,
            {},
            f"{TOLERATIONS.format('1 cpu')} that it does not tolerate: gpu-1 (nvidia.com/gpu=present:NoSchedule)."
            f" {ADVICE}",
            id="a device's node for a pod without one",
        ),
        pytest.param(
            [node("gpu-1", TEAM, gpus="1"), node("b"), node("gpu-2", GPU, MASTER, gpus="2")],
            ONE_GPU,
            {},
            f"{TOLERATIONS.format('1 nvidia.com/gpu')} that it does not tolerate: gpu-1 (team=vision:NoExecute),"
            f" gpu-2 (node-role.kubernetes.io/control-plane:NoSchedule). {ADVICE}",
            id="every large one is tainted",
        ),
        pytest.param(
            [node(f"n{number}", TEAM) for number in range(5)],
            SMALL,
            {},
            f"{TOLERATIONS.format('1 cpu')} that it does not tolerate: n0 (team=vision:NoExecute),"
            f" n1 (team=vision:NoExecute), n2 (team=vision:NoExecute) and 2 more. {ADVICE}",
            id="many nodes",
        ),
        pytest.param(
            [node("a", TEAM)], SMALL, {"tolerations": [{"key": "team", "value": "vision"}]}, None, id="its value"
        ),
        pytest.param(
            [node("a", TEAM)], SMALL, {"tolerations": [{"key": "team", "operator": "Exists"}]}, None, id="every value"
        ),
        pytest.param(
            [node("a", TEAM, MASTER)], SMALL, {"tolerations": [{"operator": "Exists"}]}, None, id="every taint"
        ),
        pytest.param(
            [node("a", TEAM)],
            SMALL,
            {"tolerations": [{"key": "team", "value": "sound"}, {**TEAM, "effect": "NoSchedule"}]},
            f"{TOLERATIONS.format('1 cpu')} that it does not tolerate: a (team=vision:NoExecute). {ADVICE}",
            id="another value and another effect",
        ),
        pytest.param(
            [node("a", TEAM)], SMALL, {"runtimeClassName": "nvidia"}, None, id="whatever a RuntimeClass tolerates"
        ),
        pytest.param([node("a", taint("x", "PreferNoSchedule"))], SMALL, {}, None, id="a wish"),
        pytest.param(
            [
                node(
                    "a",
                    taint("node.kubernetes.io/not-ready", "NoExecute"),
                    taint("node.kubernetes.io/unschedulable"),
                    taint("node.cloudprovider.kubernetes.io/uninitialized"),
                    taint("ToBeDeletedByClusterAutoscaler"),
                )
            ],
            SMALL,
            {},
            None,
            id="what goes by itself",
        ),
        pytest.param(
            [node("a", pool="cpu"), node("b", TEAM, pool="gpu")],
            SMALL,
            {"nodeSelector": {"pool": "gpu"}},
            f"{TOLERATIONS.format('1 cpu')} that it does not tolerate: b (team=vision:NoExecute). {ADVICE}",
            id="those that are selected are tainted",
        ),
        pytest.param(
            [node("a", pool="cpu")],
            SMALL,
            {"nodeSelector": {"pool": "gpu", "zone": "a"}},
            f"{SELECTOR}has the labels pool=gpu, zone=a. Correct them or label a node",
            id="none is selected",
        ),
        pytest.param(
            [node("a", pool="cpu"), node("b", gpus="1")],
            {**ONE_GPU, "cpu": "1"},
            {"nodeSelector": {"pool": "cpu"}},
            f"{SELECTOR}with the labels pool=cpu has 1 cpu and 1 nvidia.com/gpu. Ask for less or for other nodes",
            id="those that are selected are too small",
        ),
        pytest.param(
            [node("a", TEAM, pool="cpu")],
            {"cpu": "64"},
            {"nodeSelector": {"pool": "gpu"}},
            "`spec.resources`: no node has 64 cpu; the largest has 4. Lower it or add such a node",
            id="too large for all goes first",
        ),
    ],
)
def test_what_keeps_pods_away_from_nodes_is_named_with_its_field(
    nodes: list[Node], asked: dict[str, str], said: dict[str, Any], told: str | None
) -> None:
    template = PodTemplate.model_validate({"spec": said})
    found = find_impossible_pod(PodResources(requests={}, limits=asked), nodes, template)
    assert (None if found is None else (found.condition, found.reason, found.message)) == (
        None if told is None else ("Planned", "NoFeasibleResources", told)
    )
