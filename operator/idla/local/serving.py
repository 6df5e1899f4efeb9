"""The published artifact behind the product's own server, on a free port of this machine."""

import json
import math
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from idla_contract.artifact import MANIFEST, ArtifactManifest, TensorSpec
from idla_contract.inference import Document, infer_request, tensor_document

from idla.builders.identity import address_name
from idla.endpoint import Endpoint, EndpointError
from idla.local.child_process import kill_process, start_process
from idla.local.errors import ServerError
from idla.local.task_process import free_port
from idla.local.trainer import Trainer

_PATIENCE_SECONDS = 60.0
_INLINE = 400
"""Characters of a request that still read well in a command line."""
_EXAMPLES: Mapping[str, Any] = {"BYTES": "an example", "INT64": 0, "FP32": 0.0}


class Server:
    """A server process until its context ends."""

    def __init__(self, name: str, folder: Path, digest: str, output: Path, trainer: Trainer) -> None:
        """Start it.

        Args:
            name: of the workflow, and so of the model.
            folder: of the artifact.
            digest: of the artifact.
            output: of the run; log and example go there.
            trainer: the Python that has idla_server.
        """
        self._folder = folder
        self._output = output
        port = free_port()
        self._endpoint = Endpoint(f"http://127.0.0.1:{port}", address_name(name), timeout_seconds=1.0)
        self.log = output / "logs" / "server.log"
        """What it says."""
        options = {
            "model-dir": folder,
            "name": self._endpoint.model,
            "digest": digest,
            "host": "127.0.0.1",
            "port": port,
            "drain-seconds": 0,
            "termination-message": output / "logs" / "server-ended.json",
        }
        words = (trainer.python, "-I", "-m", "idla_server", "serve")
        self._process = start_process(words, options, self.log)

    @property
    def url(self) -> str:
        """Return the address of the model."""
        return self._endpoint.model_url

    def wait_until_ready(self) -> None:
        """Return when it answers.

        Raises:
            ServerError: it has ended, or does not answer in a minute.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            if self._endpoint.is_ready():
                return
            time.sleep(0.05)
        raise ServerError(f"the server does not answer; see {self.log}")

    def curl(self) -> str:
        """Return a command that asks for one answer; a long example is written beside the results."""
        manifest = ArtifactManifest.model_validate_json((self._folder / MANIFEST).read_bytes())
        known: Mapping[str, Document] = {}
        with suppress(EndpointError):  # then an example is made up
            known = self._endpoint.inputs()
        request = json.dumps(infer_request([_example(entry, known.get(entry.name, {})) for entry in manifest.inputs]))
        if len(request) <= _INLINE:
            return self._endpoint.curl(request)
        path = self._output / "request.json"
        path.write_text(request + "\n", encoding="utf-8")
        return self._endpoint.curl(f"@{path}")

    def runs(self) -> bool:
        """Return whether it has not ended."""
        return self._process.poll() is None

    def end(self) -> None:
        """End it."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        finally:  # a second Ctrl-C waits no longer
            kill_process(self._process)


def _example(entry: TensorSpec, known: Document) -> Document:
    """Return one input of the right shape: the example of the model's metadata, else a made-up one."""
    shape = [1 if side < 0 else side for side in entry.shape]
    value = known.get("parameters", {}).get("example", _EXAMPLES[entry.datatype])
    return tensor_document(entry.name, entry.datatype, shape, [value] * math.prod(shape))
