"""A real S3 server over TLS with a certificate of an authority of its own, for tests and benchmarks."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.cluster import builds
from tools.cluster.certificates import Authority
from tools.cluster.progress import silent
from tools.ports import held_port
from tools.waiting import PATIENCE, until

IDENTITY, SECRET = "reader", "only-of-these-tests"  # of a server that lives as long as a test
REGION = "eu-test-1"


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A running server; a file of `folder / bucket` is an object."""

    folder: Path
    port: int
    authority: Path

    @property
    def endpoint(self) -> str:
        """Return its address."""
        return f"https://localhost:{self.port}"


@contextmanager
def serving_objects(folder: Path) -> Iterator[ObjectStore]:
    """Run a server with an empty bucket named `bucket` for the block.

    Args:
        folder: exists; objects, certificates and the log lie in it.
    """
    (folder / "objects" / "bucket").mkdir(parents=True)
    authority = Authority(folder / "authority")
    certificate, key = authority.server("s3", ["DNS:localhost"])
    port = held_port()
    program = builds.ensure(builds.VERSITYGW, silent)
    words = ["--port", f"127.0.0.1:{port}", "--region", REGION, "--cert", certificate, "--key", key, "--quiet"]
    environment = {"ROOT_ACCESS_KEY": IDENTITY, "ROOT_SECRET_KEY": SECRET}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *map(str, words), "posix", "--nometa", folder / "objects"],
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)} | environment,
        )
        try:
            _wait(process, port, folder / "server.log")
            yield ObjectStore(folder / "objects", port, authority.certificate)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except OSError:
            return False
        return True

    until(answers, lambda: log.read_text()[-2000:])
