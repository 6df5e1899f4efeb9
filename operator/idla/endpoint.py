"""A client of a served model: the Open Inference Protocol v2 over HTTP, by the standard library alone."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from idla_contract.inference import READY, Document, infer_path, model_path


class EndpointError(Exception):
    """The endpoint did not answer, or refused; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model behind one address; every call has a connection of its own and goes through no proxy."""

    url: str
    """Address of the server, e.g. `http://127.0.0.1:8080`."""
    model: str
    timeout_seconds: float = 60.0
    """After which a server that says nothing is given up."""

    @property
    def model_url(self) -> str:
        """Return where the model describes itself."""
        return self.url + model_path(self.model)

    def is_ready(self) -> bool:
        """Return whether the server takes requests; False also where nobody answers."""
        try:
            status, _ = self._send("GET", READY)
        except EndpointError:
            return False
        return status == http.HTTPStatus.OK

    def infer(self, request: Document) -> Mapping[str, Document]:
        """Return the tensors of an answer by their names.

        Args:
            request: made by `idla_contract.inference.infer_request`.

        Raises:
            EndpointError: no answer, one with another status than 200, or one that is not of the protocol.
        """
        return self._tensors("POST", infer_path(self.model), "outputs", json.dumps(request))

    def inputs(self) -> Mapping[str, Document]:
        """Return what the model's metadata say of its inputs, by their names.

        Raises:
            EndpointError: as `infer`.
        """
        return self._tensors("GET", model_path(self.model), "inputs")

    def curl(self, body: str) -> str:
        """Return the command by which a person sends a body: JSON without apostrophes, or `@` and a file with it."""
        return f"curl -s {self.url}{infer_path(self.model)} -H 'Content-Type: application/json' -d '{body}'"

    def _tensors(self, method: str, path: str, key: str, body: str | None = None) -> Mapping[str, Document]:
        status, content = self._send(method, path, body)
        if status != http.HTTPStatus.OK:
            raise EndpointError(f"{self.model_url} answers {status}: {content.decode('utf-8', 'replace').strip()}")
        try:
            return {tensor["name"]: tensor for tensor in json.loads(content)[key]}
        except (ValueError, LookupError, TypeError) as error:
            raise EndpointError(f"{self.model_url} does not speak the protocol: {error!r}") from error

    def _send(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=self.timeout_seconds)
        try:
            connection.request(method, parts.path + path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EndpointError(f"{self.url} does not answer: {error!r}") from error
        finally:
            connection.close()
