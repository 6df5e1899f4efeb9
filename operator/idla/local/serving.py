"""The published artifact behind the product's own server, on a free port of this machine."""

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from idla_contract.artifact import MANIFEST, ArtifactManifest, TensorSpec

from idla.builders.identity import address_name
from idla.local.errors import ServerError
from idla.local.parent import end_with_parent
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
        self._port = free_port()
        self._name = address_name(name)
        self.log = output / "logs" / "server.log"
        """What it says."""
        options = {
            "model-dir": folder,
            "name": self._name,
            "digest": digest,
            "host": "127.0.0.1",
            "port": self._port,
            "drain-seconds": 0,
            "termination-message": output / "logs" / "server-ended.json",
        }
        words = [trainer.python, "-I", "-m", "idla_server", "serve", *(f"--{k}={v}" for k, v in options.items())]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # the interpreter that was checked
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509  # this command has one thread
            )

    @property
    def url(self) -> str:
        """Return the address of the model."""
        return f"http://127.0.0.1:{self._port}/v2/models/{self._name}"

    def wait_until_ready(self) -> None:
        """Return when it answers.

        Raises:
            ServerError: it has ended, or does not answer in a minute.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            if _answers(self._port):
                return
            time.sleep(0.05)
        raise ServerError(f"the server does not answer; see {self.log}")

    def curl(self) -> str:
        """Return a command that asks for one answer; a long example is written beside the results."""
        manifest = ArtifactManifest.model_validate_json((self._folder / MANIFEST).read_bytes())
        request = json.dumps({"inputs": [_example(entry) for entry in manifest.inputs]})
        body = f"'{request}'"
        if len(request) > _INLINE:
            path = self._output / "request.json"
            path.write_text(request + "\n", encoding="utf-8")
            body = f"@{path}"
        return f"curl -s {self.url}/infer -H 'Content-Type: application/json' -d {body}"

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
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _example(entry: TensorSpec) -> dict[str, Any]:
    """Return one made-up input of the right shape."""
    shape = [1 if side < 0 else side for side in entry.shape]
    count = 1
    for side in shape:
        count *= side
    return {"name": entry.name, "datatype": entry.datatype, "shape": shape, "data": [_EXAMPLES[entry.datatype]] * count}
