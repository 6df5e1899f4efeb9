"""`idla run --local` as users start it: the command and its tasks as processes, its one JSON line as the answer."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.waiting import PATIENCE


@dataclass(frozen=True)
class LocalEnd:
    """How a run ended."""

    code: int
    document: dict[str, Any]
    said: str
    """What people read meanwhile."""

    @property
    def reason(self) -> str:
        return str(self.document["reason"])

    @property
    def message(self) -> str:
        return str(self.document["message"])


@dataclass(frozen=True)
class LocalPlace:
    """A folder with data, and the output of every run in it."""

    root: Path
    samples: Path

    @property
    def output(self) -> Path:
        return self.root / "out"

    @property
    def model(self) -> Path:
        return self.output / "model"

    def run(self, uri: str, *, memory: int | None = None, **spec: Any) -> LocalEnd:
        """Run a workflow on a file of this folder or another URI.

        Args:
            uri: `storageUri`.
            memory: bytes of address space that the command and its tasks may have; None: no limit.
            spec: more of the spec; `data` adds to the data settings.
        """
        settings = {"storageUri": uri} | spec.pop("data", {})
        workflow = {
            "apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": "bad"},
            "spec": {"training": {"backoffLimit": 0}, "data": settings} | spec,
        }  # fmt: skip
        (self.root / "workflow.yaml").write_text(yaml.safe_dump(workflow))
        command = [sys.executable, "-m", "idla.cli", "run", "--local", "--json", "--output", str(self.output)]

        def limit() -> None:
            if memory is not None:
                resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

        ended = subprocess.run(
            [*command, "-f", str(self.root / "workflow.yaml")],
            env={**os.environ, "IDLA_SAMPLES": str(self.samples), "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True, text=True, timeout=PATIENCE, check=False, preexec_fn=limit,
        )  # fmt: skip
        assert ended.stdout, ended.stderr
        return LocalEnd(ended.returncode, json.loads(ended.stdout.splitlines()[-1]), ended.stderr)
