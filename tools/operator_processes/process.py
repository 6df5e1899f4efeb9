"""The operator as a process of its own, with the account and the permissions that the manifests give it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from tools.cluster import ControlPlane
from tools.cluster.places import Places
from tools.fake_kubelet import Rest
from tools.fake_kubelet.rest import RestError
from tools.log_allowlist import warnings
from tools.ports import held_port
from tools.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
NAMESPACE = "idla-system"
CANARY = "canary-of-the-environment"
"""Stands in the operator's environment, as a secret of an administrator might, and must come out nowhere."""
USER = f"system:serviceaccount:{NAMESPACE}:idla-operator"
GROUPS = ("system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated")
_WRITES = {"create", "update", "patch", "delete", "deletecollection"}
_CUSTOM = ("trainingworkflows", "modeldeployments", "modeltemplates")
_PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "CustomResourceDefinition": "customresourcedefinitions",
    "ModelTemplate": "modeltemplates",
    "Namespace": "namespaces",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ServiceAccount": "serviceaccounts",
}


def documents(*paths: Path) -> Iterator[dict[str, Any]]:
    """Return the documents of YAML files, without kustomizations."""
    for path in paths:
        for document in yaml.safe_load_all(path.read_text()):
            if document and document["kind"] != "Kustomization":
                yield document


def install(rest: Rest) -> None:
    """Apply the CRDs and, from `manifests/base`, namespace, account and permissions; wait until CRDs are served."""
    base = ROOT / "manifests/base"
    crds = sorted((ROOT / "crds").glob("*.yaml"))
    parts = [base / name for name in ("namespace.yaml", "service-account.yaml", "permissions.yaml")]
    for document in documents(*crds, *parts):
        rest.apply(_PLURALS[document["kind"]], _place(document), document)
    for plural in _CUSTOM:
        until(partial(_serves, rest, plural), lambda: _CUSTOM)


def _serves(rest: Rest, plural: str) -> bool:
    """Return whether a kind of our CRDs can be asked for; the API server takes a CRD up after a moment."""
    try:
        rest.items(plural)
    except RestError:
        return False
    return True


def permit(rest: Rest, account: str) -> None:
    """Give another account of the operator's namespace all that the operator may do."""
    for document in documents(ROOT / "manifests/base/permissions.yaml"):
        if document["kind"].endswith("Binding"):
            subjects = [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
            bound = document | {"metadata": {"name": account}, "subjects": subjects}
            rest.apply(_PLURALS[document["kind"]], _place(document), bound)


def _place(document: dict[str, Any]) -> str | None:
    return NAMESPACE if document["kind"] in {"Role", "RoleBinding", "ServiceAccount"} else None


def library() -> list[dict[str, Any]]:
    """Return the shipped ModelTemplates but one: two networks for images show what more of them would."""
    files = [path for path in (ROOT / "manifests/library").glob("*.yaml") if path.stem != "efficient-small"]
    return list(documents(*sorted(files)))


def install_with_library(rest: Rest) -> None:
    """Apply what `install` applies, and the shipped ModelTemplates."""
    install(rest)
    for template in library():
        rest.apply("modeltemplates", None, template)


class Operator:
    """Starts, kills and stops the operator; its log goes on over restarts. A kubeconfig goes before a user.

    The health port is held for its whole life, so that no other process takes it while the operator is down.
    """

    def __init__(self, plane: ControlPlane, log: Path, *, user: str = USER, kubeconfig: Path | None = None) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0
        self._excused: tuple[str, ...] = ()
        self._port = held_port()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("IDLA_", "KUBE", "POD_"))}
        self._environment = inherited | {
            "KUBECONFIG": str(kubeconfig or plane.kubeconfig_for(user, GROUPS)),
            "IDLA_TRAINER_IMAGE": "idla/trainer:test",
            "IDLA_SERVER_IMAGE": "idla/server:test",
            "IDLA_HEALTH_PORT": str(self._port),
            "HTTPS_PROXY_PASSWORD": CANARY,
        }

    @property
    def command(self) -> list[str]:
        """What is started."""
        return [sys.executable, "-I", "-m", "idla_operator"]

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Return the process's number while it runs."""
        return self._process.pid if self._process is not None and self.alive else None

    def start(self) -> None:
        """Start it if it does not run."""
        if not self.alive:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self.command,
                    env=self._environment,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                )

    def kill(self) -> None:
        """Kill it (SIGKILL) at once; a line of its log that this cut is taken away."""
        self._end(signal.SIGKILL)
        whole = self.log.read_bytes().rpartition(b"\n")
        if whole[2]:
            os.truncate(self.log, len(whole[0]) + len(whole[1]))

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self.alive:
            self._process.send_signal(number)
        return self._process.wait(timeout=PATIENCE)

    def probe(self, path: str) -> tuple[int, str]:
        """Return status and text of a probe, status 0 where nobody answers."""
        try:
            with contextlib.closing(
                urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=PATIENCE)
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""

    def begin(self) -> None:
        """Begin another test: warnings from before are not its own, and nothing is excused any more."""
        self._began = self.log.read_bytes().rfind(b"\n") + 1 if self.log.exists() else 0
        self._excused = ()

    def excuse(self, *words: str) -> None:
        """Let warnings with some of these words be none until the next test begins; `""` is in every one."""
        self._excused += words

    def warnings(self) -> list[str]:
        """Return what `warnings` finds in whole lines of the log since the test began, besides what is excused."""
        lines = self.lines(self._began)
        return [entry for entry in warnings(lines) if not any(words in entry for words in self._excused)]

    def lines(self, since: int = 0) -> list[str]:
        """Return the whole lines of its log from a byte on; the last one may still be being written."""
        if not self.log.exists():
            return []
        whole = self.log.read_bytes()[since:].rpartition(b"\n")[0]
        return whole.decode(errors="replace").splitlines()


class Audit:
    """The writes of the operator's account, from the API server's audit log, and what it was refused since now."""

    def __init__(self, plane: ControlPlane | Places, *, user: str = USER) -> None:
        self._path = plane.audit_log
        self._user = user
        # A restarted API server refuses everybody for a moment, and other tests restart it.
        self._began = self._path.stat().st_size
        self._made = datetime.now(UTC)

    def writes(self, namespace: str) -> list[tuple[str, str, str]]:
        """Return verb, resource (with subresource) and name of every write to a namespace, in order; Leases aside."""
        return [_told(event) for event in self._writes(namespace)]

    def rested(self, namespace: str) -> float:
        """Return the seconds since the last write to a namespace was done; since this object was made without one."""
        moments = [event["stageTimestamp"] for event in self._writes(namespace)]
        last = datetime.fromisoformat(moments[-1]) if moments else self._made
        return (datetime.now(UTC) - last).total_seconds()

    def events(self) -> list[dict[str, Any]]:
        """Return every request of the account since this object was made, whatever became of it."""
        return list(self._own())

    def refusals(self) -> list[str]:
        """Return every request of the operator's account that RBAC has refused since this object was made."""
        return [
            f"{event['verb']} {event['requestURI']}" for event in self._own('"authorization.k8s.io/decision":"forbid"')
        ]

    def shown(self, namespace: str, count: int) -> list[str]:
        """Return the last writes of all accounts to a namespace, for a reader."""
        found = [
            f"{event['stageTimestamp']} {event['user']['username']} {' '.join(_told(event))}"
            f" {event.get('responseStatus', {}).get('code', '')}"
            for event in self._events(_of(namespace))
            if event["verb"] in _WRITES
        ]
        return found[-count:]

    @contextlib.contextmanager
    def followed(self) -> Iterator[Callable[[str], bool]]:
        """Return a function that says whether the account has written to a namespace since it was last asked."""
        with self._path.open("rb") as log:
            log.seek(0, os.SEEK_END)

            def written(namespace: str) -> bool:
                found = False
                for line in _whole_lines(log):
                    if self._user.encode() in line and _of(namespace).encode() in line:
                        found |= json.loads(line)["verb"] in _WRITES
                return found

            yield written

    def _writes(self, namespace: str) -> list[dict[str, Any]]:
        return [
            event
            for event in self._own(_of(namespace))
            if event["verb"] in _WRITES and event["objectRef"]["resource"] != "leases"
        ]

    def _own(self, *words: str) -> Iterator[dict[str, Any]]:
        """Yield the events of the account since this object was made whose lines have these words."""
        return (event for event in self._events(self._user, *words) if event["user"]["username"] == self._user)

    def _events(self, *words: str) -> Iterator[dict[str, Any]]:
        """Yield the events of all accounts since this object was made whose lines have these words."""
        with self._path.open("rb") as log:
            log.seek(self._began)
            for line in _whole_lines(log):
                if all(word.encode() in line for word in words):
                    yield json.loads(line)


def _of(namespace: str) -> str:
    return f'"namespace":"{namespace}"'


def _told(event: dict[str, Any]) -> tuple[str, str, str]:
    target = event.get("objectRef", {})
    resource = "/".join(part for part in (target.get("resource"), target.get("subresource")) if part)
    return event["verb"], resource, target.get("name", "")


def _whole_lines(log: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that are whole; one that is still being written is left for the next time."""
    while line := log.readline():
        if not line.endswith(b"\n"):
            log.seek(-len(line), os.SEEK_CUR)
            return
        yield line
