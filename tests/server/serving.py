"""An artifact to serve, a server process, and a client that keeps its connection."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_artifact.model import tensor_specs
from idla_contract.artifact import ArtifactManifest, FileEntry, canonical_bytes, digest_of
from idla_contract.lineage import Lineage
from idla_preprocess import Classes, ImageSpec, Signature

from tests import red_reports
from tools.waiting import PATIENCE, until

SPEC = ImageSpec(height=4, width=4, channels=1, maximum=16.0)
LABELS = ("ant", "bee", "cow")
SIGNATURE = Signature(SPEC, Classes(tuple(LABELS)))
ENDLESS = str(round(2 * PATIENCE))
"""Seconds that the longest test does not take: what lasts so long is ended by something else."""


@dataclass(frozen=True)
class Artifact:
    folder: Path
    digest: str
    inputs: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float32]

    @property
    def version(self) -> str:
        return self.digest.removeprefix("sha256:")[:12]

    @property
    def labels(self) -> list[str]:
        return [LABELS[index] for index in self.probabilities.argmax(axis=1)]


def make_artifact(tiny: Path, folder: Path, change: Callable[[Path], None] | None = None, **fields: Any) -> Artifact:
    """Return an artifact of the tiny model; `change` alters files before the manifest is written, `fields` itself."""
    folder.mkdir()
    for name in ("model.tflite", "golden.npz", "preprocess.npz"):
        shutil.copy(tiny / name, folder)
    (folder / "preprocess.json").write_text(SIGNATURE.to_json())
    if change is not None:
        change(folder)
    files = tuple(
        FileEntry(name=path.name, digest=digest_of(path.read_bytes()), size_bytes=path.stat().st_size)
        for path in sorted(folder.iterdir())
    )
    manifest = ArtifactManifest(
        task_type="ImageClassification",
        inputs=tensor_specs(SIGNATURE.inputs),
        outputs=tensor_specs(SIGNATURE.outputs),
        labels=LABELS,
        variant="Float32",
        files=files,
        lineage=Lineage(
            data_digest=digest_of(b""), template="t", image="i", seed=1, code_version="0", tensorflow_version="2"
        ),
    ).model_copy(update=fields)
    (folder / "manifest.json").write_bytes(canonical_bytes(manifest))
    with np.load(tiny / "golden.npz") as golden:
        return Artifact(folder, digest_of(canonical_bytes(manifest)), golden["inputs.image"], golden["values"])


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Client:
    """One connection, opened when it is needed and kept while the server keeps it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self._connection.request(method, path, content, headers or {})
        response = self._connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    @property
    def socket(self) -> socket.socket | None:
        return self._connection.sock  # None after an answer with `Connection: close`

    def close(self) -> None:
        self._connection.close()


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    log: Path
    termination_message: Path

    def lines(self) -> list[dict[str, Any]]:
        """Return the whole lines that are logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def port(self) -> int:
        """Wait until it listens and return its port."""

        def told() -> int | None:
            port = next((int(line["port"]) for line in self.lines() if "port" in line), None)
            assert port is not None or self.process.poll() is None, self.log.read_text()
            return port

        return until(told, self.log.read_text)

    def wait_ready(self) -> int:
        """Wait until it is ready and return its port."""
        port = self.port()

        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return ask(port, "GET", "/v2/health/ready").status == 200

        until(ready, self.log.read_text)
        return port

    def wait_not_ready(self) -> None:
        """Wait until it tells that it drains."""
        port = self.port()
        until(lambda: ask(port, "GET", "/v2/health/ready").status == 503, self.log.read_text)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        until(lambda: self.process.poll() is not None, self.log.read_text)
        return self.process.wait()

    def explain(self) -> dict[str, str]:
        """Return the ends of its log and of its termination message."""
        paths = {"log": self.log, "termination message": self.termination_message}
        return red_reports.files({title: path for title, path in paths.items() if path.exists()})


@contextmanager
def serving(
    artifact: Artifact,
    folder: Path,
    *options: str,
    digest: str | None = None,
    program: tuple[str, ...] = ("-m", "idla_server"),
) -> Iterator[Server]:
    """Run a server as a pod does."""
    log, message = folder / "log", folder / "termination-message"
    words = ["serve", "--model-dir", str(artifact.folder), "--name", "tiny", "--digest", digest or artifact.digest]
    words += ["--port", "0", "--termination-message", str(message), *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", *program, *words], stdout=output, stderr=subprocess.PIPE, cwd=folder
        )
    server = Server(process, log, message)
    try:
        yield server
    finally:
        process.kill()
        process.communicate()


class Servers:
    """The servers of one test, one after the other, with their files in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Server] = []

    @contextmanager
    def __call__(
        self, artifact: Artifact, *options: str, program: tuple[str, ...] = ("-m", "idla_server")
    ) -> Iterator[Server]:
        """Run a server as a pod does."""
        with serving(artifact, self._folder, *options, program=program) as server:
            self._started.append(server)
            yield server

    def explain(self) -> dict[str, str]:
        """Return what the last one tells."""
        return self._started[-1].explain() if self._started else {}


def ask(port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    """Return the answer to one request on a connection of its own."""
    client = Client(port)
    try:
        return client.send(method, path, body, headers)
    finally:
        client.close()


def request_of(images: npt.NDArray[Any], datatype: str = "FP32", **more: Any) -> dict[str, Any]:
    """Return an inference request with flat data."""
    tensor = {"name": "image", "datatype": datatype, "shape": list(images.shape), "data": images.ravel().tolist()}
    return {"inputs": [tensor], **more}


def without_tensorflow_chatter() -> dict[str, str]:
    return os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
