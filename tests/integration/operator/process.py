"""The operator as a process of its own, with the account and the permissions that the manifests give it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import ControlPlane
from tests.cluster.places import Places
from tests.complaints import complaints
from tests.puppet import Rest

ROOT = Path(__file__).parents[3]
NAMESPACE = "idla-system"
CANARY = "canary-of-the-environment"
"""Stands in the operator's environment, as a secret of an administrator might, and must come out nowhere."""
USER = f"system:serviceaccount:{NAMESPACE}:idla-operator"
GROUPS = ("system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated")
_WRITES = {"create", "update", "patch", "delete", "deletecollection"}
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
    """Apply the CRDs and, from `manifests/base`, namespace, account and permissions."""
    base = ROOT / "manifests/base"
    crds = sorted((ROOT / "crds").glob("*.yaml"))
    parts = [base / name for name in ("namespace.yaml", "service-account.yaml", "permissions.yaml")]
    for document in documents(*crds, *parts):
        rest.apply(_PLURALS[document["kind"]], _place(document), document)


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
    """Return the shipped ModelTemplates."""
    return list(documents(*sorted((ROOT / "manifests/library").glob("*.yaml"))))


def install_with_library(rest: Rest) -> None:
    """Apply what `install` applies, and the shipped ModelTemplates."""
    install(rest)
    for template in library():
        rest.apply("modeltemplates", None, template)


class Operator:
    """Starts, kills and stops the operator; its log goes on over restarts. A kubeconfig goes before a user."""

    def __init__(self, plane: ControlPlane, log: Path, *, user: str = USER, kubeconfig: Path | None = None) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._forgiven = 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
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
        """Kill it (SIGKILL) at once."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self.alive:
            self._process.send_signal(number)
        return self._process.wait(timeout=60)

    def probe(self, path: str) -> tuple[int, str]:
        """Return status and text of a probe, status 0 where nobody answers."""
        try:
            with contextlib.closing(
                urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5)
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def forgive(self, noted: int) -> None:
        """Forget complaints after the first `noted`: a test disturbed the world on purpose."""
        assert noted == 0, self.complaints()[:noted]
        self._forgiven = self.log.stat().st_size

    def complaints(self) -> list[str]:
        """Return what `complaints` finds in the log."""
        if not self.log.exists():
            return []
        return complaints(self.log.read_bytes()[self._forgiven :].decode().splitlines())


class Audit:
    """The writes of the operator's account, from the API server's audit log, and what it was refused since now."""

    def __init__(self, plane: ControlPlane | Places, *, user: str = USER) -> None:
        self._path = plane.audit_log
        self._user = user
        # A restarted API server refuses everybody for a moment, and other tests restart it.
        self._began = self._path.stat().st_size

    def writes(self, namespace: str | None = None) -> list[tuple[str, str, str]]:
        """Return verb, resource (with subresource) and name of every write, in order; Leases aside."""
        found = []
        with self._path.open() as lines:
            for line in lines:
                if self._user not in line or not line.endswith("\n"):
                    continue
                entry = json.loads(line)
                target = entry.get("objectRef", {})
                if entry["user"]["username"] != self._user or entry["verb"] not in _WRITES:
                    continue
                if target.get("resource") == "leases" or namespace not in {None, target.get("namespace")}:
                    continue
                resource = "/".join(part for part in (target["resource"], target.get("subresource")) if part)
                found.append((entry["verb"], resource, target.get("name", "")))
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return every request of the account since this object was made, whatever became of it."""
        with self._path.open("rb") as log:
            log.seek(self._began)
            found = [json.loads(line) for line in log if self._user.encode() in line and line.endswith(b"\n")]
        return [entry for entry in found if entry["user"]["username"] == self._user]

    @contextlib.contextmanager
    def followed(self) -> Iterator[Callable[[str], bool]]:
        """Return a function that says whether the account has written to a namespace since it was last asked."""
        with self._path.open() as log:
            log.seek(0, os.SEEK_END)

            def written(namespace: str) -> bool:
                return any(
                    self._user in line and f'"namespace":"{namespace}"' in line and json.loads(line)["verb"] in _WRITES
                    for line in log.readlines()
                )

            yield written

    def refusals(self) -> list[str]:
        """Return every request of the operator's account that RBAC has refused since this object was made."""
        found = []
        with self._path.open("rb") as log:
            log.seek(self._began)
            lines = log.read().decode().splitlines()
        for line in lines:
            if self._user in line and '"authorization.k8s.io/decision":"forbid"' in line:
                entry = json.loads(line)
                found.append(f"{entry['verb']} {entry['requestURI']}")
        return found
