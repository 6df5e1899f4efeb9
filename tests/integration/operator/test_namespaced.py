"""The operator with rights in single namespaces only, installed by somebody who has no others."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.operator.permissions import Comparison, granted
from tests.integration.operator.scene import Scene
from tests.integration.operator.test_least_privilege import NOTHING, used, whole_life
from tools.cluster import ControlPlane
from tools.fake_kubelet import FakeKubelet, Rest
from tools.operator_processes.process import ROOT, Audit, Operator
from tools.operator_processes.replica import Replica
from tools.waiting import WHOLE, until

pytestmark = [pytest.mark.api, pytest.mark.timeout(WHOLE)]  # the first use on a machine builds Kubernetes

HOME, TEAMS, OTHER = "idla-of-teams", ("team-a", "team-b"), "team-c"
USER = f"system:serviceaccount:{HOME}:idla-operator"
GROUPS = ("system:serviceaccounts", f"system:serviceaccounts:{HOME}", "system:authenticated")
LEAD, BINDING = "lead-of-teams", "idla-operator-work"
UNSEEN = -1
"""What `status.observedGeneration` is before any operator has seen an object."""
ALONE = {"IDLA_LEADER_ELECTION": "false"}
"""Spares a test the 15 seconds for which a Lease of nobody is respected."""
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
EDITS = {
    "manifests/overlays/namespaced/kustomization.yaml": ("\nnamespace: idla-system\n", f"\nnamespace: {HOME}\n"),
    "manifests/overlays/namespaced/watched/role.yaml": ("  namespace: idla-system\n", f"  namespace: {HOME}\n"),
}
"""What `manifests/README.md` asks for where the operator does not live in idla-system."""


@dataclass(frozen=True)
class Installation:
    """The overlay as its reader has edited it, and who applies it."""

    plane: ControlPlane
    folder: Path

    def apply(self, *words: str, folder: str = "", administrator: bool = False) -> None:
        """Apply a folder of the overlay as the lead of the teams, or as an administrator of the cluster."""
        place = ("-k", str(self.folder / "manifests/overlays/namespaced" / folder))
        done = self.kubectl("apply", "--server-side", *words, *place, administrator=administrator)
        assert (done.returncode, done.stderr) == (0, "")

    def open(self, namespace: str) -> None:
        """Give the operator its rights in a namespace as the documents and its log say."""
        self.apply("-n", namespace, folder="watched")

    def rendered(self, folder: str = "") -> list[dict[str, Any]]:
        """Return the objects of a folder of the overlay."""
        place = str(self.folder / "manifests/overlays/namespaced" / folder)
        return list(yaml.safe_load_all(self.kubectl("kustomize", place).stdout))

    def kubectl(self, *words: str, administrator: bool = False) -> subprocess.CompletedProcess[str]:
        """Run kubectl; failures are answers."""
        user = self.plane.kubeconfig if administrator else self.plane.kubeconfig_for(LEAD, ("system:authenticated",))
        command = [str(self.plane.kubectl), "--kubeconfig", str(user), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)


class Confined(Replica):
    """The operator with the account and the configuration that the overlay gives it."""

    def __init__(self, installation: Installation, log: Path, **environment: str) -> None:
        plane = installation.plane
        super().__init__(plane, log, user=USER, kubeconfig=plane.kubeconfig_for(USER, GROUPS))
        [configuration] = [entry["data"] for entry in installation.rendered() if entry["kind"] == "ConfigMap"]
        self._environment |= {**configuration, "POD_NAMESPACE": HOME, **environment}


@pytest.fixture(scope="module")
def installation(
    plane: ControlPlane, rest: Rest, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    operator.kill()  # the one of the other tests works everywhere
    folder = tmp_path_factory.mktemp("edited")
    for name in ("manifests", "crds"):
        shutil.copytree(ROOT / name, folder / name)
    for name, (before, after) in EDITS.items():
        text = (folder / name).read_text()
        assert text.count(before) == 1
        (folder / name).write_text(text.replace(before, after))
    made = Installation(plane, folder)
    made.apply(folder="cluster", administrator=True)
    for namespace in (HOME, *TEAMS, OTHER):
        make_namespace(rest, namespace)
    for namespace in (HOME, *TEAMS):
        lead(made, namespace)
    made.apply()
    for namespace in TEAMS:
        made.open(namespace)
    return made


def make_namespace(rest: Rest, name: str) -> None:
    metadata = {"name": name, "labels": RESTRICTED}
    rest.apply("namespaces", None, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def lead(installation: Installation, namespace: str) -> None:
    """Make the lead an administrator of a namespace, and wait until the role admin has what is handed on."""
    words = ("create", "rolebinding", "lead", "--clusterrole=admin", f"--user={LEAD}", "-n", namespace)
    assert installation.kubectl(*words, administrator=True).returncode == 0
    status = ("auth", "can-i", "update", "trainingworkflows.idla.dev", "--subresource=status", "-n", namespace)
    until(lambda: installation.kubectl(*status).stdout.startswith("yes"), lambda: installation.kubectl(*status))


@dataclass(frozen=True)
class Teams:
    """The namespaces of the teams with the operator at work in them, and one that is none of its business."""

    one: Scene
    two: Scene
    stranger: Scene
    operator: Confined


@pytest.fixture
def start(
    installation: Installation, rest: Rest, kubelet: FakeKubelet, operator: Operator, tmp_path: Path
) -> Iterator[Callable[..., Teams]]:
    """Return a function that starts the operator; its arguments are variables of its environment."""
    begun: list[Teams] = []

    def starting(**environment: str) -> Teams:
        operator.kill()  # the one of the other tests works everywhere
        confined = Confined(installation, tmp_path / "operator.log", **environment)
        audit = Audit(installation.plane, user=USER)
        one, two, stranger = (Scene(rest, kubelet, confined, audit, namespace) for namespace in (*TEAMS, OTHER))
        begun.append(Teams(one=one, two=two, stranger=stranger, operator=confined))
        confined.start()
        return begun[-1]

    yield starting
    for teams in begun:
        teams.operator.clear()
        for scene in (teams.one, teams.two, teams.stranger):
            scene.clear()
    rest.delete("leases", HOME, "idla-operator-leader")
    for namespace in TEAMS:
        installation.open(namespace)
    assert kubelet.take_faults() == []


def ready(operator: Operator) -> bool:
    return operator.probe("/readyz") == (200, "ok")


def test_the_lead_has_applied_it_and_has_no_right_beyond_the_namespaces(installation: Installation) -> None:
    kinds = {entry["kind"] for folder in ("", "watched") for entry in installation.rendered(folder)}
    assert kinds == {"ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Deployment"}
    asked = ("clusterroles", "priorityclasses", "namespaces", "modeltemplates.idla.dev", "roles")
    assert [installation.kubectl("auth", "can-i", "create", entry).stdout.strip() for entry in asked] == ["no"] * 5


def test_its_roles_are_all_that_it_needs_and_nothing_that_it_does_not(
    installation: Installation, start: Callable[..., Teams]
) -> None:
    teams = start()
    whole_life(teams.one)
    teams.two.submit()
    done = teams.two.reaches("Succeeded", "True")
    teams.two.serves()
    assert teams.operator.warnings() == []
    roles = [entry for folder in ("", "watched") for entry in installation.rendered(folder) if entry["kind"] == "Role"]
    rights = granted(roles)
    assert len(rights) > 20
    assert used(rights, teams.one.audit) == Comparison(unused=NOTHING, denied=NOTHING, borrowed=NOTHING)
    asked = [entry["objectRef"] for entry in teams.one.audit.events() if "objectRef" in entry]
    assert {target.get("namespace") for target in asked} == {HOME, *TEAMS}
    [planned] = [entry for entry in done["status"]["conditions"] if entry["type"] == "Planned"]
    assert planned["message"].endswith("was not checked: the operator may not list nodes")
    [candidates] = [entry for entry in done["status"]["decisions"] if entry["name"] == "Candidates"]
    assert candidates["message"].startswith("3 of 10 built-in templates are trained: ")


def test_what_is_asked_for_in_another_namespace_is_not_touched(start: Callable[..., Teams]) -> None:
    teams = start(**ALONE)
    teams.stranger.submit()
    untouched = teams.stranger.workflow()
    assert untouched is not None
    assert untouched["status"]["observedGeneration"] == UNSEEN
    teams.one.submit()
    teams.one.reaches("Succeeded", "True")
    assert (teams.stranger.workflow(), teams.stranger.audit.writes(OTHER)) == (untouched, [])


def test_a_right_that_is_taken_away_stops_one_namespace_alone_until_it_is_back(
    installation: Installation, rest: Rest, start: Callable[..., Teams]
) -> None:
    teams = start(**ALONE)
    until(lambda: ready(teams.operator), teams.operator.log.read_text)
    rest.delete("rolebindings", TEAMS[1], BINDING)
    asked = ("auth", "can-i", "create", "jobs.batch", "-n", TEAMS[1], "--as", USER)
    until(lambda: installation.kubectl(*asked, administrator=True).stdout.startswith("no"), teams.two.told)
    teams.two.submit()
    until(lambda: teams.operator.says(f'in the namespace \\"{TEAMS[1]}\\"'), teams.operator.log.read_text)
    teams.one.submit()
    teams.one.reaches("Succeeded", "True")
    teams.one.serves()
    assert teams.two.jobs() == []
    installation.open(TEAMS[1])
    teams.two.reaches("Succeeded", "True")
    teams.two.serves()


@pytest.mark.parametrize("exists", [True, False], ids=["no role", "no such namespace"])
def test_a_namespace_that_it_cannot_work_in_is_told_and_taken_up_later_and_holds_up_no_other(
    installation: Installation,
    rest: Rest,
    start: Callable[..., Teams],
    exists: bool,  # noqa: FBT001  # a column
) -> None:
    name = f"late-{str(exists).lower()}"
    if exists:
        make_namespace(rest, name)
    teams = start(IDLA_WATCH_NAMESPACES=f"{TEAMS[0]},{name}", **ALONE)
    told = f"namespace {name} of IDLA_WATCH_NAMESPACES does not exist, or the operator's role there is missing or"
    command = f"kubectl apply -n {name} -k manifests/overlays/namespaced/watched"
    teams.one.submit()
    teams.one.reaches("Succeeded", "True")
    status, text = teams.operator.probe("/readyz")
    assert (status, text.startswith(told), text.endswith(command)) == (503, True, True), text
    assert teams.operator.probe("/healthz") == (200, "ok")
    [complaint] = teams.operator.warnings()
    assert text in complaint
    before = teams.operator.pid
    make_namespace(rest, name)
    lead(installation, name)
    installation.open(name)
    late = replace(teams.two, namespace=name)
    try:
        late.submit()
        late.reaches("Succeeded", "True")
        until(lambda: ready(teams.operator), teams.operator.log.read_text)
        assert (teams.operator.pid, teams.operator.stop()) == (before, 0)
    finally:
        late.clear()
