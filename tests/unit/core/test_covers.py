import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla.builders.identity import Owner
from idla.builders.serving import ServedModel, build_deployment, build_service
from idla.core.kube.covers import is_up_to_date

OWNER = Owner(kind="ModelDeployment", name="digits", namespace="vision", uid="u-1")
DEPLOYMENT = build_deployment(
    OWNER,
    ServedModel(
        uri="pvc://c/models/x", digest="sha256:" + "0a" * 32, claim="c", image="i", pull_policy="IfNotPresent",
        replicas=2, requests={"cpu": "1000m", "memory": "1Gi"}, limits={"memory": "1024Mi"},
    ),
)  # fmt: skip


def test_what_the_api_server_and_others_add_is_no_drift() -> None:
    live = copy.deepcopy(DEPLOYMENT)
    live["metadata"] |= {"uid": "x", "resourceVersion": "7"}
    live["metadata"]["annotations"] |= {"deployment.kubernetes.io/revision": "1"}
    live["status"] = {"replicas": 2}
    pod = live["spec"]["template"]["spec"]
    pod |= {"schedulerName": "default-scheduler", "dnsPolicy": "ClusterFirst"}
    pod["containers"][0] |= {"terminationMessagePath": "/dev/termination-log"}
    pod["containers"][0]["readinessProbe"] |= {"timeoutSeconds": 1}
    pod["containers"][0]["resources"] = {"requests": {"cpu": "1", "memory": "1024Mi"}, "limits": {"memory": "1Gi"}}
    pod["volumes"].reverse()
    assert is_up_to_date(DEPLOYMENT, live)


def test_a_service_gets_its_addresses() -> None:
    service = build_service(OWNER)
    live = copy.deepcopy(service)
    live["spec"] |= {"clusterIP": "10.0.0.1", "type": "ClusterIP"}
    assert is_up_to_date(service, live)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param({"a": 1}, None, id="no object"),
        pytest.param({"a": 1}, {}, id="a field is missing"),
        pytest.param({"a": "1"}, {"a": 1}, id="another kind of value"),
        pytest.param({"a": True}, {"a": False}, id="a flag"),
        pytest.param({"suspend": False}, {"suspend": True}, id="a flag to be taken away"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, id="another order"),
        pytest.param({"a": [1]}, {"a": [1, 2]}, id="an entry too many"),
        pytest.param({"a": [{"name": "x", "b": 1}]}, {"a": [{"name": "x", "b": 2}]}, id="a field of a named entry"),
        pytest.param({"a": [{"name": "x"}]}, {"a": [{"name": "y"}]}, id="another named entry"),
        pytest.param({"requests": {"cpu": "1"}}, {"requests": {"cpu": "1100m"}}, id="another amount"),
        pytest.param({"requests": {"cpu": "1"}}, {"requests": {"cpu": "?"}}, id="no amount"),
        pytest.param({"labels": {"a": "1"}}, {"labels": {"a": "1000m"}}, id="a text that is no amount"),
        pytest.param({"a": {"b": 1}}, {"a": "b"}, id="no map"),
        pytest.param({"selector": {"a": "1"}}, {"selector": {"a": "1", "b": "2"}}, id="a selector of fewer pods"),
        pytest.param({"a": ["b"]}, {"a": "b"}, id="no list"),
    ],
)
def test_drift(wanted: dict[str, Any], found: dict[str, Any] | None) -> None:
    assert not is_up_to_date(wanted, found)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param({"suspend": False}, {}, id="a default that was dropped"),
        pytest.param({"emptyDir": {}}, {"emptyDir": {}}, id="an empty map"),
        pytest.param({"limits": {}}, {}, id="an empty map that was dropped"),
        pytest.param({"a": [{"name": "x"}, {"name": "y"}]}, {"a": [{"name": "y"}, {"name": "x"}]}, id="named entries"),
        pytest.param({"requests": {"cpu": 1}}, {"requests": {"cpu": "1"}}, id="a number as an amount"),
        pytest.param({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "1024Mi"}}, id="equal amounts"),
        pytest.param({"limits": {"cpu": "0.000070"}}, {"limits": {"cpu": "1m"}}, id="an amount that is rounded up"),
        pytest.param({"limits": {"cpu": "1.5m"}}, {"limits": {"cpu": "2m"}}, id="half a thousandth that is rounded up"),
    ],
)
def test_no_drift(wanted: dict[str, Any], found: dict[str, Any]) -> None:
    assert is_up_to_date(wanted, found)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_every_object_satisfies_itself(document: dict[str, Any]) -> None:
    assert is_up_to_date(document, copy.deepcopy(document))
