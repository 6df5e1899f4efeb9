"""Everything in `manifests` on a real API server: it is accepted, hardened, and grants what it should."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from idla_operator.adapters.lease import NAME

from tests.integration.api.custom_resources import ROOT, kubectl, made_namespace
from tools.cluster import ControlPlane
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

APPLY = ("apply", "--server-side", "--validate=strict")
OPERATOR = "system:serviceaccount:idla-system:idla-operator"


@pytest.fixture(scope="module")
def installed(plane: ControlPlane) -> ControlPlane:
    """The control plane with the operator's manifests; what they grant holds from now on."""
    done = kubectl(plane, *APPLY, "-k", str(ROOT / "manifests/overlays/kind"))
    assert (done.returncode, done.stderr) == (0, "")
    until(lambda: allowed(plane, OPERATOR, "watch", "trainingworkflows.idla.dev"), lambda: "no ClusterRole holds")
    until(lambda: may_use_the_lease(plane, "update"), lambda: "no Role holds")
    return plane


@pytest.mark.parametrize("overlay", ["local", "production", "ha", "argocd", "namespaced", "namespaced/cluster"])
def test_an_overlay_is_accepted_without_a_warning(installed: ControlPlane, overlay: str) -> None:
    folder = str(ROOT / "manifests/overlays" / overlay)
    done = kubectl(installed, *APPLY, "--dry-run=server", "--force-conflicts", "-k", folder)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("file", sorted((ROOT / "manifests/samples").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_sample_is_accepted_without_a_warning(plane: ControlPlane, file: Path) -> None:
    done = kubectl(plane, *APPLY, "--dry-run=server", "-f", str(file))
    assert (done.returncode, done.stderr) == (0, "")


def operators_pod(plane: ControlPlane) -> dict[str, Any]:
    """Return the pod that the operator's Deployment makes."""
    deployment = json.loads(kubectl(plane, "get", "-n", "idla-system", "deployment/idla-operator", "-o", "json").stdout)
    metadata = {"name": "tried", "namespace": "idla-system"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": deployment["spec"]["template"]["spec"]}


def test_the_operators_pod_passes_pod_security_restricted(installed: ControlPlane) -> None:
    pod = operators_pod(installed)
    done = kubectl(installed, "create", "--dry-run=server", "-f", "-", text=json.dumps(pod))
    assert (done.returncode, done.stderr) == (0, "")
    [container] = pod["spec"]["containers"]
    configuration = container["envFrom"][0]["configMapRef"]["name"]
    assert kubectl(installed, "get", "-n", "idla-system", f"configmap/{configuration}").returncode == 0


def test_without_its_priority_class_the_operators_pod_is_refused_until_that_is_applied(installed: ControlPlane) -> None:
    pod = json.dumps(operators_pod(installed))

    def refusal() -> str:  # the API server looks priorities up in a cache
        return kubectl(installed, "create", "--dry-run=server", "-f", "-", text=pod).stderr

    with without_priority_class(installed):
        assert "no PriorityClass with name idla-operator was found" in until(refusal, lambda: "it is not refused")
    until(lambda: not refusal(), refusal)


@contextmanager
def without_priority_class(plane: ControlPlane) -> Iterator[None]:
    assert kubectl(plane, "delete", "priorityclass/idla-operator").returncode == 0
    try:
        yield
    finally:
        assert kubectl(plane, *APPLY, "-f", str(ROOT / "manifests/base/priority.yaml")).returncode == 0


def test_the_network_policies_are_kept_as_they_are_written_in_a_namespace_of_a_user(plane: ControlPlane) -> None:
    folder, namespace = ROOT / "manifests/network-policies", made_namespace(plane)
    for each in (folder, folder / "way-out"):
        done = kubectl(plane, *APPLY, "-n", namespace, "-k", str(each))
        assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(kubectl(plane, "get", "networkpolicies", "-n", namespace, "-o", "json").stdout)["items"]
    written = [
        document
        for name in ("deny-by-default.yaml", "egress.yaml", "ingress.yaml", "way-out/way-out.yaml")
        for document in yaml.safe_load_all((folder / name).read_text())
    ]
    assert {entry["metadata"]["name"]: entry["spec"] for entry in found} == {
        entry["metadata"]["name"]: entry["spec"] for entry in written
    }


def test_the_rights_in_a_watched_namespace_are_accepted_in_any(plane: ControlPlane) -> None:
    folder = ROOT / "manifests/overlays/namespaced/watched"
    done = kubectl(plane, *APPLY, "--dry-run=server", "-n", "default", "-k", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{kind}.rbac.authorization.k8s.io/idla-operator-work serverside-applied (server dry run)"
        for kind in ("role", "rolebinding")
    ]


def test_the_overlay_of_single_namespaces_lives_in_whichever_it_is_given(plane: ControlPlane, tmp_path: Path) -> None:
    for folder in ("manifests", "crds"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    file = tmp_path / "manifests/overlays/namespaced/kustomization.yaml"
    file.write_text(file.read_text().replace("\nnamespace: idla-system\n", "\nnamespace: lab\n"))
    rendered = [*yaml.safe_load_all(kubectl(plane, "kustomize", str(file.parent)).stdout)]
    kinds = ["ConfigMap", "Deployment", "Role", "RoleBinding", "ServiceAccount"]
    assert sorted(document["kind"] for document in rendered) == kinds
    assert {document["metadata"]["namespace"] for document in rendered} == {"lab"}
    subjects = [subject for document in rendered for subject in document.get("subjects", ())]
    assert subjects == [{"kind": "ServiceAccount", "name": "idla-operator", "namespace": "lab"}]


def allowed(plane: ControlPlane, user: str, verb: str, resource: str, *, namespace: str = "default") -> bool:
    """Return whether RBAC lets a user do something in a namespace."""
    name, _, subresource = resource.partition("/")
    words = ("auth", "can-i", verb, name, f"--subresource={subresource}", f"--as={user}", "-n", namespace)
    answer = kubectl(plane, *words)
    return answer.stdout.strip().startswith("yes")


@pytest.mark.parametrize(
    ("verb", "resource", "expected"),
    [
        ("watch", "trainingworkflows.idla.dev", True),
        ("update", "trainingworkflows.idla.dev/status", True),
        ("update", "trainingworkflows.idla.dev", False),
        ("patch", "trainingworkflows.idla.dev", False),
        ("patch", "modeldeployments.idla.dev", True),
        ("delete", "modeldeployments.idla.dev", False),
        ("delete", "jobs.batch", True),
        ("delete", "persistentvolumeclaims", False),
        ("get", "secrets", False),
        ("create", "pods", False),
        ("get", "leases.coordination.k8s.io", False),
    ],
)
def test_what_the_operator_may_do(installed: ControlPlane, verb: str, resource: str, expected: bool) -> None:  # noqa: FBT001  # a column
    assert allowed(installed, OPERATOR, verb, resource) is expected


def test_the_role_names_the_lease_as_the_operator_does_after_kustomize_has_rendered_it(installed: ControlPlane) -> None:
    assert [verb for verb in ("get", "update") if not may_use_the_lease(installed, verb)] == []


def may_use_the_lease(plane: ControlPlane, verb: str) -> bool:
    words = ("auth", "can-i", verb, f"leases.coordination.k8s.io/{NAME}", f"--as={OPERATOR}", "-n", "idla-system")
    return kubectl(plane, *words).stdout.strip() == "yes"


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (
            "view",
            [("get", "trainingworkflows.idla.dev"), ("list", "modeldeployments.idla.dev")],
            [("create", "trainingworkflows.idla.dev"), ("update", "trainingworkflows.idla.dev/status")],
        ),
        (
            "edit",
            [("create", "trainingworkflows.idla.dev"), ("patch", "modeldeployments.idla.dev/scale")],
            [("update", "trainingworkflows.idla.dev/status"), ("create", "modeltemplates.idla.dev")],
        ),
    ],
)
def test_the_roles_of_every_cluster_reach_the_kinds(
    installed: ControlPlane, role: str, may: list[tuple[str, str]], may_not: list[tuple[str, str]]
) -> None:
    user, namespace = f"{role}er", made_namespace(installed)
    done = kubectl(
        installed, "create", "rolebinding", "tried", f"--clusterrole={role}", f"--user={user}", "-n", namespace
    )
    assert done.returncode == 0, done.stderr

    def missing() -> list[tuple[str, str]]:  # a controller brings the roles together
        return [entry for entry in may if not allowed(installed, user, *entry, namespace=namespace)]

    until(lambda: not missing(), missing)
    assert [entry for entry in may_not if allowed(installed, user, *entry, namespace=namespace)] == []


def test_argo_cd_gets_crds_first_and_never_prunes_them(plane: ControlPlane) -> None:
    text = kubectl(plane, "kustomize", str(ROOT / "manifests/overlays/argocd")).stdout
    waves: dict[str, set[int]] = {}
    for document in yaml.safe_load_all(text):
        annotations = document["metadata"]["annotations"]
        waves.setdefault(document["kind"], set()).add(int(annotations["argocd.argoproj.io/sync-wave"]))
        options = annotations.get("argocd.argoproj.io/sync-options")
        expected = {
            "CustomResourceDefinition": "Prune=false", "ModelTemplate": "SkipDryRunOnMissingResource=true"
        }.get(document["kind"])  # fmt: skip
        assert options == expected
    early, operator = {-20}, {-10}
    assert waves == {
        "CustomResourceDefinition": early,
        "Namespace": early,
        "PriorityClass": operator,
        "ServiceAccount": operator,
        "ClusterRole": operator,
        "ClusterRoleBinding": operator,
        "Role": operator,
        "RoleBinding": operator,
        "ConfigMap": operator,
        "Deployment": operator,
        "ModelTemplate": {0},
    }
