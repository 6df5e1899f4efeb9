import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.serving import (
    Artifact,
    Client,
    Server,
    Servers,
    make_artifact,
    serving,
    without_tensorflow_chatter,
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny model and what Keras answers; TensorFlow stays out of the tests' own process."""
    folder = tmp_path_factory.mktemp("tiny")
    program = Path(__file__).with_name("tiny_model.py")
    run = subprocess.run(
        [sys.executable, str(program), str(folder)],
        env=without_tensorflow_chatter(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return folder


@pytest.fixture(scope="session")
def artifact(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_artifact(tiny, tmp_path_factory.mktemp("artifact") / "model")


@pytest.fixture(scope="module")
def server(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A ready server that the tests of a module share."""
    with serving(artifact, tmp_path_factory.mktemp("server"), "--drain-seconds", "0") as running:
        running.wait_ready()
        yield running
        running.terminate()
        assert running.wait() == 0, running.log.read_text()


@pytest.fixture
def port(server: Server) -> int:
    return server.port()


@pytest.fixture
def serve(tmp_path: Path) -> Servers:
    """Starts a server of the test's own, with an artifact and options; a context manager."""
    return Servers(tmp_path)


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    client = Client(port)
    yield client
    client.close()
