"""A small client of the API server with raw dicts: an administrator's, independent of the product's."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import ssl
import threading
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from tools.cluster import ControlPlane
from tools.cluster.control_plane import ADMINISTRATORS
from tools.waiting import PATIENCE

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
_ROOTS = {
    "trainingworkflows": "/apis/idla.dev/v1alpha1",
    "modeldeployments": "/apis/idla.dev/v1alpha1",
    "modeltemplates": "/apis/idla.dev/v1alpha1",
    "jobs": "/apis/batch/v1",
    "deployments": "/apis/apps/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "clusterroles": "/apis/rbac.authorization.k8s.io/v1",
    "clusterrolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1",
    "serviceaccounts": "/api/v1",
}


class RestError(AssertionError):
    """The API server refused what it was asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


def path_of(plural: str, namespace: str | None = None, name: str | None = None, sub: str | None = None) -> str:
    """Return the path of a resource, an object or its subresource."""
    parts = [_ROOTS.get(plural, "/api/v1")]
    parts += [] if namespace is None else ["namespaces", namespace]
    parts += [plural, *(part for part in (name, sub) if part is not None)]
    return "/".join(parts)


class Rest:
    """Requests on one connection per thread."""

    def __init__(self, plane: ControlPlane) -> None:
        certificate, key = plane.setting.authority.client("admin", ADMINISTRATORS)
        self._context = ssl.create_default_context(cafile=str(plane.setting.authority.certificate))
        self._context.load_cert_chain(certificate, key)
        self._address = urlsplit(plane.url)
        self._local = threading.local()
        self._opened: list[http.client.HTTPSConnection] = []

    def __enter__(self) -> Self:
        """Return itself; connections open when they are needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()

    def get(self, plural: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """Return an object, or None where there is none."""
        try:
            return self.request("GET", path_of(plural, namespace, name))
        except RestError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise

    def items(self, plural: str, namespace: str | None = None, *, selector: str = "") -> list[dict[str, Any]]:
        """Return all objects of a resource, of all namespaces where none is given."""
        query = f"?{urlencode({'labelSelector': selector})}" if selector else ""
        return list(self.request("GET", path_of(plural, namespace) + query)["items"])

    def create(self, plural: str, namespace: str | None, document: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        return self.request("POST", path_of(plural, namespace), document)

    def apply(self, plural: str, namespace: str | None, document: Mapping[str, Any]) -> dict[str, Any]:
        """Apply an object on the server, as the field manager `tests`."""
        path = path_of(plural, namespace, document["metadata"]["name"])
        return self.request("PATCH", f"{path}?fieldManager=tests&force=true", document, content_type=APPLY)

    def merge(
        self, plural: str, namespace: str | None, name: str, patch: Mapping[str, Any], *, sub: str | None = None
    ) -> dict[str, Any]:
        """Change an object by a merge patch."""
        return self.request("PATCH", path_of(plural, namespace, name, sub), patch, content_type=MERGE)

    def delete(self, plural: str, namespace: str | None, name: str, **options: Any) -> None:
        """Delete an object; one that is gone already is as good."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", **options}
        try:
            self.request("DELETE", path_of(plural, namespace, name), body)
        except RestError as error:
            if error.status != http.client.NOT_FOUND:
                raise

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """Send a request and return its answer.

        Raises:
            RestError: the answer is no success.
        """
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        status, answer = self._exchange(method, path, content, headers)
        if status >= http.client.BAD_REQUEST:
            raise RestError(status, f"{method} {path}: {_message(answer)}")
        document: dict[str, Any] = json.loads(answer) if answer else {}
        return document

    def _exchange(self, method: str, path: str, content: str | None, headers: dict[str, str]) -> tuple[int, bytes]:
        for last in (method != "GET", True):
            try:
                connection = self._connection()
                connection.request(method, path, content, headers)
                response = connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException):
                self._drop()
                if last:
                    raise  # a connection that an API server left behind is worth a second try, a write is not
        raise AssertionError("unreachable")

    def _connection(self) -> http.client.HTTPSConnection:
        found: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if found is not None and _ended(found):
            # An API server ends what is idle for long, and what it had open when it is killed.
            self._drop()
            found = None
        if found is None:
            found = http.client.HTTPSConnection(
                str(self._address.hostname), self._address.port, context=self._context, timeout=PATIENCE
            )
            self._local.connection = found
            self._opened.append(found)
        return found

    def _drop(self) -> None:
        """Close this thread's connection; the next request opens another."""
        found = getattr(self._local, "connection", None)
        if found is not None:
            with contextlib.suppress(OSError):
                found.close()
            self._opened.remove(found)
            self._local.connection = None


def _ended(connection: http.client.HTTPSConnection) -> bool:
    """Return whether the other side has ended a connection: there is something to read where nothing was asked."""
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])


def _message(answer: bytes) -> str:
    """Return what the API server says; of a resource that it does not know, it says it in plain text."""
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer[:300].decode(errors="replace")
