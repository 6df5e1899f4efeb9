"""The local Kubernetes has devices, metrics and an audit log.

Pods, Jobs, volumes and names are what `tests/e2e` lives of.
"""

import json
import urllib.parse
import urllib.request
from typing import Any

import pytest

from tools.cluster.cluster import Cluster
from tools.cluster.places import Places
from tools.waiting import PATIENCE, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(4 * PATIENCE)]


def gpus(count: int) -> dict[str, Any]:
    return {"resources": {"limits": {"nvidia.com/gpu": str(count)}}}


def test_a_pod_gets_simulated_gpus(namespace: Any) -> None:
    assert namespace.run("gpu", "true", container=gpus(1))["status"]["phase"] == "Succeeded"


def test_more_gpus_than_there_are_stay_unscheduled_and_it_is_said_why(namespace: Any) -> None:
    def refused(pod: dict[str, Any]) -> bool:
        return any("Insufficient nvidia.com/gpu" in c.get("message", "") for c in pod["status"].get("conditions", []))

    namespace.start("gpu", "true", container=gpus(3))
    assert namespace.wait("pod", "gpu", refused)["status"]["phase"] == "Pending"


def queried(query: str) -> list[str]:
    """Return the values that Prometheus has for a query, as soon as it has any."""
    url = f"{Cluster(Places.of()).prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"

    def values() -> list[str]:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            found = [series["value"][1] for series in json.load(answer)["data"]["result"]]
        return [] if found == ["0"] else found

    return until(values, lambda: f"Prometheus has nothing for {query}", period=0.5)


def test_prometheus_scrapes_the_kubelet() -> None:
    assert queried('up{job="kubelet-resource"}') == ["1"]


def test_prometheus_scrapes_an_annotated_pod(namespace: Any) -> None:
    page = "mkdir /tmp/www && echo 'told_by_the_pod 42' > /tmp/www/metrics && httpd -f -p 9090 -h /tmp/www"
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "prometheus.io/path": "/metrics"}
    tmp = {"volumes": [{"name": "tmp", "emptyDir": {}}]}
    mount = {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}
    namespace.start("told", page, container=mount, annotations=annotations, **tmp)
    namespace.wait("pod", "told", lambda pod: pod["status"]["phase"] == "Running")
    assert queried(f'told_by_the_pod{{namespace="{namespace.name}",pod="told"}}') == ["42"]


def test_the_audit_log_names_who_wrote(namespace: Any) -> None:
    namespace.kubectl("create", "configmap", "written")

    def writes() -> list[tuple[str, str]]:
        with Places.of().audit_log.open() as log:
            lines = [line for line in log if namespace.name in line and '"configmaps"' in line and line.endswith("\n")]
        events = [json.loads(line) for line in lines]
        named = [event for event in events if event["objectRef"].get("name") == "written"]
        return [(event["user"]["username"], event["verb"]) for event in named]

    until(lambda: ("admin", "create") in writes(), writes)
