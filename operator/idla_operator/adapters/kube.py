"""The API server by the official client, with raw dicts: its typed models drop unknown fields and refuse nulls.

The verbs used here and by the watches are all that the operator's role needs; `README.md` of this package lists them.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote, urlencode

import aiohttp
from idla.core.conditions import timestamp
from idla.core.reconciliation import Event, Manifest
from kubernetes.aio.client import ApiClient

from idla_operator.adapters.credentials import load_configuration
from idla_operator.ports import (
    ClusterError,
    ConflictError,
    ExistsError,
    ForbiddenError,
    Identity,
    InvalidError,
    Listing,
    NotFoundError,
    Reference,
    Resource,
    UnavailableError,
    reference_of,
)

FIELD_MANAGER = "idla-operator"
TIMEOUT_SECONDS = 30.0
"""Of one call, from the first byte to the last."""
CONNECT_SECONDS = 5.0
_APPLY = "application/apply-patch+yaml; charset=utf-8"
"""With its charset the client library sends the text as it is, instead of writing JSON once more."""
_PAIR = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})")
"""How JSON in ASCII writes one character beyond U+FFFF, e.g. an emoji."""
_JSON = "application/json"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_MESSAGE_LIMIT = 500
_EVENT_LIMIT = 1024
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TIMEOUT, _CONFLICT = 400, 401, 403, 404, 408, 409
_UNPROCESSABLE, _TOO_MANY, _SERVER_ERRORS = 422, 429, 500
_TYPES: dict[int, type[ClusterError]] = {
    _BAD_REQUEST: InvalidError,
    _FORBIDDEN: ForbiddenError,
    _NOT_FOUND: NotFoundError,
    _UNPROCESSABLE: InvalidError,
}


class KubeCluster:
    """The `Cluster` port. Use as an async context manager: it holds connections."""

    def __init__(self, client: ApiClient, *, may_write_for: Callable[[], float] | None = None) -> None:
        """Bind the client.

        Args:
            client: of the API server.
            may_write_for: returns for how many seconds more this process may write. A write that is not answered
                until then counts as failed, and none begins after it. Default: for ever.
        """
        self._client = client
        self._may_write_for = may_write_for

    @classmethod
    async def connect(cls, *, may_write_for: Callable[[], float] | None = None) -> "KubeCluster":
        """Return a cluster for the service account of the pod, else for the kubeconfig.

        Raises:
            CredentialsError: there is neither.
        """
        return cls(ApiClient(await load_configuration()), may_write_for=may_write_for)

    async def __aenter__(self) -> Self:
        """Return itself; the first call connects."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._client.close()

    async def get(self, reference: Reference) -> dict[str, Any]:
        """Return the live object."""
        return await self._call("GET", _path_of(reference))

    async def apply(self, manifest: Manifest) -> dict[str, Any]:
        """Apply on the server with force: children are ours, and nobody else's opinion on our fields counts."""
        path, query = _path_of(reference_of(manifest)), {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self._call("PATCH", path, query=query, body=_yaml(manifest), content_type=_APPLY)

    async def create(self, document: Manifest) -> dict[str, Any]:
        """Create an object; ExistsError where one of its name exists."""
        reference = reference_of(document)
        path = _path(reference.resource, reference.namespace, None)
        return await self._call("POST", path, query={"fieldManager": FIELD_MANAGER}, body=document)

    async def replace(self, document: Manifest) -> dict[str, Any]:
        """Replace an object if its resourceVersion is still the newest; ConflictError where it is not."""
        path = _path_of(reference_of(document))
        return await self._call("PUT", path, query={"fieldManager": FIELD_MANAGER}, body=document)

    async def delete(self, reference: Reference, *, uid: str) -> None:
        """Delete in the background, only the object of this uid."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        await self._call("DELETE", _path_of(reference), body=options)

    async def replace_status(self, document: Manifest) -> dict[str, Any]:
        """Replace the status; the resourceVersion inside decides whether it is still the same object."""
        path = _path_of(reference_of(document)) + "/status"
        return await self._call("PUT", path, query={"fieldManager": FIELD_MANAGER}, body=document)

    async def create_event(self, about: Manifest, event: Event, *, name: str, now: datetime) -> None:
        """Create a core/v1 Event beside the object."""
        metadata = about["metadata"]
        moment = timestamp(now)
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "type": event.type.value,
            "reason": event.reason,
            "message": event.message[:_EVENT_LIMIT],
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
        await self._call("POST", f"/api/v1/namespaces/{quote(metadata['namespace'])}/events", body=body)

    async def identities(
        self, resource: Resource, *, namespace: str | None = None, limit: int | None = None, selector: str | None = None
    ) -> Listing:
        """List metadata only."""
        selectors = [entry for entry in (resource.selector, selector) if entry is not None]
        query = {"labelSelector": ",".join(selectors)} if selectors else {}
        query |= {} if limit is None else {"limit": str(limit)}
        document = await self._call("GET", _path(resource, namespace, None), query=query, accept=_METADATA)
        return Listing(
            version=document["metadata"]["resourceVersion"],
            identities=tuple(_identity(resource, item["metadata"]) for item in document.get("items") or ()),
        )

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | str | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> dict[str, Any]:
        what = f"{method} {path}"
        url = path if not query else f"{path}?{urlencode(query)}"
        try:
            verb, address, headers, _, _ = await self._client.param_serialize(
                method,
                url,
                header_params={"Accept": accept, "Content-Type": content_type},
                auth_settings=["BearerToken"],
            )
            # As late as possible: the process may have been asleep anywhere above.
            timeout = aiohttp.ClientTimeout(total=self._seconds_for(method, what), sock_connect=CONNECT_SECONDS)
            response = await self._client.call_api(verb, address, headers, body=body, _request_timeout=timeout)
            content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            raise UnavailableError(f"{what}: {type(error).__name__}: {error}") from error
        if response.status >= _BAD_REQUEST:
            raise _error(what, response.status, content)
        try:
            document = json.loads(content)
        except ValueError as error:
            raise UnavailableError(f"{what}: the answer is no JSON") from error
        if not isinstance(document, dict):
            raise UnavailableError(f"{what}: the answer is no object")
        return document

    def _seconds_for(self, method: str, what: str) -> float:
        if method == "GET" or self._may_write_for is None:
            return TIMEOUT_SECONDS
        left = self._may_write_for()
        if left <= 0:
            raise UnavailableError(f"{what}: not sent, because this replica does not lead")
        return min(TIMEOUT_SECONDS, left)


def _path_of(reference: Reference) -> str:
    return _path(reference.resource, reference.namespace, reference.name)


def _path(resource: Resource, namespace: str | None, name: str | None) -> str:
    root = "/api" if "/" not in resource.api_version else "/apis"
    place = "" if namespace is None else f"/namespaces/{quote(namespace, safe='')}"
    last = "" if name is None else f"/{quote(name, safe='')}"
    return f"{root}/{resource.api_version}{place}/{resource.plural}{last}"


def _identity(resource: Resource, metadata: Mapping[str, Any]) -> Identity:
    return Identity(
        reference=Reference(resource, metadata.get("namespace"), metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
    )


def _yaml(manifest: Manifest) -> str:
    """Return the manifest as the API server reads what is applied: YAML, which has no escapes of surrogate pairs."""
    return _PAIR.sub(
        lambda found: f"\\U{0x10000 + ((int(found[1], 16) - 0xD800) << 10) + int(found[2], 16) - 0xDC00:08x}",
        json.dumps(manifest),
    )


def _error(what: str, status: int, content: bytes) -> ClusterError:
    """Return the typed error of an answer, with the API server's own words."""
    reason, message = _read_refusal(content)
    text = f"{what}: {status} {reason}: {message}"
    return _error_type(status, reason)(text, said=message)


def _error_type(status: int, reason: str) -> type[ClusterError]:
    if status == _CONFLICT:
        return ExistsError if reason == "AlreadyExists" else ConflictError
    if status in {_UNAUTHORIZED, _TIMEOUT, _TOO_MANY} or status >= _SERVER_ERRORS:
        return UnavailableError
    return _TYPES.get(status, ClusterError)


def _read_refusal(content: bytes) -> tuple[str, str]:
    try:
        document = json.loads(content)
        reason, message = str(document["reason"]), str(document["message"])
    except (ValueError, KeyError, TypeError):
        reason, message = "", content.decode("utf-8", "replace")
    return reason, message[:_MESSAGE_LIMIT]
