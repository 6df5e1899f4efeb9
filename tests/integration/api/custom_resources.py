"""The custom resources on a real API server of tests: the CRDs applied, and a client that checks nothing itself."""

import http.client
import json
import ssl
import subprocess
import uuid
from pathlib import Path
from typing import Any

from idla.api.meta import API_VERSION
from idla.api.schema.crds import DEFINITIONS

from tools.cluster import ControlPlane
from tools.waiting import PATIENCE, until

ROOT = Path(__file__).parents[3]
PLURALS = {definition.kind: definition.plural for definition in DEFINITIONS}
NAMESPACED = {definition.kind for definition in DEFINITIONS if definition.namespaced}


class Api:
    """The API server as an administrator sees it, without a client that would check anything itself."""

    def __init__(self, plane: ControlPlane, namespace: str = "default") -> None:
        self._namespace = namespace
        self._endpoints = plane.setting.endpoints
        self._context = ssl.create_default_context(cafile=str(plane.setting.authority.certificate))
        self._context.load_cert_chain(*plane.setting.authority.client("admin", ("system:masters",)))

    def send(self, method: str, kind: str, path: str = "", body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Return the HTTP status and the answer; unknown fields are refused, as `kubectl` asks for."""
        scope = f"namespaces/{self._namespace}/" if kind in NAMESPACED else ""
        address = f"/apis/{API_VERSION}/{scope}{PLURALS[kind]}{path}"
        kept = f"{address}{'&' if '?' in address else '?'}fieldValidation=Strict"
        content = "application/merge-patch+json" if method == "PATCH" else "application/json"
        connection = http.client.HTTPSConnection(
            self._endpoints.address, self._endpoints.port, context=self._context, timeout=PATIENCE
        )
        try:
            connection.request(method, kept, json.dumps(body) if body else None, {"Content-Type": content})
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if text.startswith("{") else {"message": text}
        finally:
            connection.close()


def kubectl(plane: ControlPlane, *words: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run kubectl as an administrator; failures are answers."""
    command = [str(plane.kubectl), "--kubeconfig", str(plane.kubeconfig), *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def with_crds(plane: ControlPlane) -> None:
    """Apply the committed CRDs and wait until every kind is served."""
    done = kubectl(plane, "apply", "--server-side", "--validate=strict", "-k", str(ROOT / "crds"))
    assert (done.returncode, done.stderr) == (0, "")
    api = Api(plane)

    def unserved() -> list[str]:
        return [kind for kind in PLURALS if api.send("GET", kind)[0] != http.client.OK]

    until(lambda: not unserved(), unserved)


def made_namespace(plane: ControlPlane, **labels: str) -> str:
    """Make a namespace that nobody else has and return its name; pods can be made in it."""
    name = f"t-{uuid.uuid4().hex[:10]}"
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    done = kubectl(plane, "create", "-f", "-", text=json.dumps(manifest))
    assert done.returncode == 0, done.stderr
    account = ("get", "serviceaccount/default", "-n", name)
    until(lambda: kubectl(plane, *account).returncode == 0, lambda: kubectl(plane, *account).stderr)
    return name
