"""`idla run --local --serve` as a process until it answers, for tests and benchmarks that ask what comes of a file."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idla.endpoint import Endpoint
from idla_contract.inference import Document

from tools.waiting import PATIENCE, until


@dataclass(frozen=True, slots=True)
class LocalEndpoint:
    """What a workflow's file became."""

    endpoint: Endpoint
    example: Document
    """The request that the run offers."""
    document: Mapping[str, Any]
    """The last line of `--json`."""
    said: str
    """What people read."""


@contextmanager
def serving_workflow(
    folder: Path, model: str, environment: Mapping[str, str], patience: float, *, within: Sequence[str] = ()
) -> Iterator[LocalEndpoint]:
    """Run `folder / workflow.yaml` and serve what comes of it for the block.

    Args:
        folder: also takes the output.
        model: name of the workflow, as an address has it.
        environment: variables beside those of this process.
        patience: seconds until it is to answer.
        within: words before the command, such as those of `limited_memory`.

    Raises:
        AssertionError: it ended without an endpoint, or takes too long; the message is what it said.
    """
    command = [*within, sys.executable, "-m", "idla.cli", "run", "--local", "--json", "--quiet", "--serve"]
    files = ("--output", str(folder / "out"), "--file", str(folder / "workflow.yaml"))
    said, told = folder / "stderr", folder / "stdout"
    with said.open("w") as err, told.open("w") as out, subprocess.Popen(
        [*command, *files], env=os.environ | environment, stdout=out, stderr=err
    ) as process:  # fmt: skip
        try:
            until(lambda: " -d " in said.read_text() or process.poll() is not None, said.read_text, patience=patience)
            assert process.poll() is None, said.read_text() + told.read_text()
            words = shlex.split(said.read_text().splitlines()[-1])  # curl -s URL -H … -d JSON or @FILE
            body = Path(words[-1][1:]).read_text() if words[-1].startswith("@") else words[-1]
            document = json.loads(told.read_text().splitlines()[-1])
            endpoint = Endpoint(words[2].partition("/v2/")[0], model)
            yield LocalEndpoint(endpoint, json.loads(body), document, said.read_text())
        finally:
            process.terminate()  # not SIGINT, which a shell has a job in the background ignore
            process.wait(PATIENCE)
