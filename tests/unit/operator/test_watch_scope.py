"""What can be watched, and where: everywhere, or in single namespaces, of which some may be closed."""

import asyncio
import logging

import pytest
from idla_operator.controllers.cache.watch_scope import NAMESPACED, NamespaceWatcher, WatchScope, find_watch_scope
from idla_operator.controllers.sessions import Renewal, SetupError
from idla_operator.ports import (
    JOBS,
    MODEL_DEPLOYMENTS,
    NODES,
    PODS,
    TEMPLATES,
    WATCHED,
    WORKFLOWS,
    NotFoundError,
    Resource,
    UnavailableError,
    Watch,
)

from tests.unit.operator.fake_cluster import FakeCluster

ADVICE = (
    "namespace {0} of IDLA_WATCH_NAMESPACES does not exist, or the operator's role there is missing or incomplete: {1}"
    " are forbidden; take it from the list, or create it and:"
    " kubectl apply -n {0} -k manifests/overlays/namespaced/watched"
)


def watch_scope(cluster: FakeCluster, *namespaces: str) -> WatchScope:
    return asyncio.run(find_watch_scope(cluster, namespaces))


def within(*namespaces: str) -> tuple[Watch, ...]:
    return tuple(Watch(resource, namespace) for namespace in namespaces for resource in NAMESPACED)


def test_everywhere_means_everything_of_the_cluster() -> None:
    found = watch_scope(FakeCluster())
    assert found == WatchScope(watches=tuple(map(Watch, WATCHED)))
    assert (found.resources, found.namespaces) == (WATCHED, ())


def test_without_nodes_everything_else_is_watched(caplog: pytest.LogCaptureFixture) -> None:
    cluster = FakeCluster()
    cluster.forbid((NODES, None))
    assert watch_scope(cluster).resources == tuple(resource for resource in WATCHED if resource != NODES)
    assert [record.getMessage() for record in caplog.records] == [
        "nodes may not be listed: work is planned without knowing what fits"
    ]


def test_a_missing_cluster_role_is_told_with_the_way_to_do_without_it() -> None:
    cluster = FakeCluster()
    cluster.forbid((JOBS, None))
    with pytest.raises(SetupError) as caught:
        watch_scope(cluster)
    assert str(caught.value) == (
        "the role of manifests/base is missing or incomplete: jobs are forbidden; where it has Roles only,"
        " IDLA_WATCH_NAMESPACES names the namespaces"
    )


@pytest.mark.parametrize("namespace", [None, "vision"])
@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (MODEL_DEPLOYMENTS, "modeldeployments are unknown to the API server; apply the CRDs of crds/"),
        (JOBS, "jobs are unknown"),
    ],
)
def test_what_the_api_server_does_not_know_is_told(namespace: str | None, resource: Resource, said: str) -> None:
    cluster = FakeCluster()
    cluster.refused_lists = {(resource, namespace): NotFoundError("no such path")}
    with pytest.raises(SetupError) as caught:
        watch_scope(cluster, *([] if namespace is None else [namespace]))
    assert str(caught.value) == said


def test_in_single_namespaces_nothing_of_the_cluster_is_asked_for() -> None:
    cluster = FakeCluster()
    found = watch_scope(cluster, "vision", "hearing")
    assert found == WatchScope(watches=within("vision", "hearing"))
    assert (found.resources, found.namespaces) == (NAMESPACED, ("vision", "hearing"))
    assert {NODES, TEMPLATES}.isdisjoint(NAMESPACED)
    assert cluster.listed == [(watch.resource, watch.namespace) for watch in found.watches]


def test_a_closed_namespace_is_told_and_the_others_are_worked_in(caplog: pytest.LogCaptureFixture) -> None:
    cluster = FakeCluster()
    cluster.forbid((PODS, "hearing"))
    advice = ADVICE.format("hearing", "pods")
    assert watch_scope(cluster, "vision", "hearing") == WatchScope(
        watches=within("vision"), unavailable={"hearing": advice}
    )
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(logging.ERROR, advice)]


def test_where_every_namespace_is_closed_nothing_begins() -> None:
    cluster = FakeCluster()
    cluster.forbid((WORKFLOWS, "vision"), (WORKFLOWS, "hearing"))
    with pytest.raises(SetupError) as caught:
        watch_scope(cluster, "vision", "hearing")
    assert str(caught.value).splitlines() == [
        ADVICE.format(namespace, "trainingworkflows") for namespace in ("vision", "hearing")
    ]


def test_an_api_server_that_does_not_answer_closes_no_namespace() -> None:
    cluster = FakeCluster()
    cluster.fail["identities"] = [UnavailableError("no answer")]
    with pytest.raises(UnavailableError):
        watch_scope(cluster, "vision")


def test_a_namespace_that_can_be_worked_in_ends_the_session_for_a_better_one() -> None:
    cluster = FakeCluster()
    cluster.forbid((JOBS, "hearing"), (PODS, "smelling"))
    lookout = NamespaceWatcher(cluster, ("hearing", "smelling"))
    asyncio.run(lookout.look())
    cluster.fail["identities"] = [UnavailableError("no answer")]
    cluster.forbid((JOBS, "hearing"))
    with pytest.raises(Renewal, match="namespace smelling can be worked in now"):
        asyncio.run(lookout.look())


def test_where_nothing_is_lacking_nobody_looks_out() -> None:
    cluster = FakeCluster()
    asyncio.run(NamespaceWatcher(cluster, ()).run())
    assert cluster.listed == []
