"""The comparison of granted and used rights, which the tests of the operator rest on, on events of each sort."""

from typing import Any

import pytest

from tests.integration.operator.permissions import Comparison, Right, compare, granted

ROLE = {"rules": [{"apiGroups": ["batch"], "resources": ["jobs", "jobs/status"], "verbs": ["get", "create", "patch"]}]}
RIGHTS = granted([ROLE])
REST: dict[str, Any] = {"objectRef": {"resource": "jobs", "apiGroup": "batch", "subresource": "status"}}


def event(verb: str, resource: str = "jobs", group: str = "batch", *, code: int = 200, **more: Any) -> dict[str, Any]:
    target = {"resource": resource, "apiGroup": group} if group else {"resource": resource}
    return {
        "verb": verb, "requestURI": f"/{resource}", "objectRef": target, "responseStatus": {"code": code},
        "annotations": {"authorization.k8s.io/decision": "allow"},
    } | more  # fmt: skip


def forbidden(verb: str, **more: Any) -> dict[str, Any]:
    return event(verb, code=403, annotations={"authorization.k8s.io/decision": "forbid"}, **more)


def test_every_verb_on_every_resource_is_a_right() -> None:
    both = {Right(verb, "batch", name) for verb in ("get", "create", "patch") for name in ("jobs", "jobs/status")}
    assert both == RIGHTS


ON_JOBS = {right for right in RIGHTS if right.resource == "jobs"}
ON_STATUS = RIGHTS - ON_JOBS


@pytest.mark.parametrize(
    ("events", "unused", "denied", "borrowed"),
    [
        pytest.param([], RIGHTS, set(), set(), id="nothing was done"),
        pytest.param(
            [event("get"), event("patch", code=201)], ON_STATUS, set(), set(), id="an apply that makes needs two rights"
        ),
        pytest.param(
            [event("get"), event("patch")], ON_STATUS | {Right("create", "batch", "jobs")}, set(), set(),
            id="an apply that changes needs one",
        ),
        pytest.param([event(verb, **REST) for verb in ("get", "create", "patch")], ON_JOBS, set(), set(),
                     id="a subresource is another one"),
        pytest.param([forbidden("get")], RIGHTS, {Right("get", "batch", "jobs")}, set(), id="denied"),
        pytest.param([event("patch", code=403)], RIGHTS - {Right("patch", "batch", "jobs")}, set(), set(),
                     id="refused by a quota, which is no denial"),
        pytest.param([event("list", "secrets", "")], RIGHTS, set(), {Right("list", "", "secrets")},
                     id="allowed by another role"),
        pytest.param([event("get", objectRef=None, requestURI="/apis")], RIGHTS, set(), set(), id="discovery"),
        pytest.param([forbidden("get", objectRef=None, requestURI="/metrics")], RIGHTS,
                     {Right("get", "", "/metrics")}, set(), id="a path that is denied"),
    ],
)  # fmt: skip
def test_rights_are_compared_with_deeds(
    events: list[dict[str, Any]], unused: set[Right], denied: set[Right], borrowed: set[Right]
) -> None:
    expected = Comparison(unused=frozenset(unused), denied=frozenset(denied), borrowed=frozenset(borrowed))
    assert compare(RIGHTS, events) == expected
