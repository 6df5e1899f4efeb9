"""What the benchmarks share of IDLA: one run on given files, and its answers from the published artifact alone."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/ml"
Arrays = Mapping[str, npt.NDArray[Any]]
_FILES = ("model.tflite", "model.float.tflite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    answers: Mapping[str, Any]
    """Every output by name, for the test examples."""
    float_answers: Mapping[str, Any]
    """The same of the float model."""
    document: Mapping[str, Any]
    """The last line of `idla run --local --json`."""
    served_bytes: int
    float_bytes: int

    @property
    def told(self) -> dict[str, Any]:
        """Return what is printed of every run beside its score."""
        return {
            "told": self.document["test"],
            "template": self.document["template"],
            "ratio": self.float_bytes / self.served_bytes,
            "seconds": self.document["seconds"],
        }


def run(files: Mapping[str, bytes], spec: Mapping[str, Any], raw: Arrays) -> Outcome:
    """Return what `idla run --local` makes of files, and the artifact's answers to the raw test examples.

    Args:
        files: laid beside the workflow, by name. What is `data.testStorageUri` is measured by the run once, after
            every choice, and by the caller again from the answers.
        spec: of the TrainingWorkflow.
        raw: the inputs of the test examples by name, as a client sends them.

    Raises:
        SystemExit: the run left no artifact.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        workflow = {
            "apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": "benchmark"},
            "spec": spec,
        }  # fmt: skip
        (folder / "workflow.yaml").write_text(json.dumps(workflow))
        command = [Path(sys.executable).parent / "idla", "run", "--local", "-f", folder / "workflow.yaml"]
        ended = subprocess.run(
            [*map(str, command), "--output", str(folder / "out"), "--json"],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        document = json.loads(ended.stdout.strip().splitlines()[-1])
        if not document.get("artifact"):
            raise SystemExit(f"no artifact: {document.get('reason')}: {document.get('message')}")
        artifact = Path(document["artifact"]["path"])
        served, plain = (answers(artifact, file, raw) for file in _FILES)
        served_bytes, float_bytes = ((artifact / file).stat().st_size for file in _FILES)
    return Outcome(
        answers=served, float_answers=plain, document=document, served_bytes=served_bytes, float_bytes=float_bytes
    )


def answers(artifact: Path, file: str, raw: Arrays) -> Mapping[str, Any]:
    """Return a model's answers to raw examples, with nothing but the artifact's files."""
    from ai_edge_litert.interpreter import Interpreter
    from idla_preprocess import Signature
    from idla_preprocess.arrays import read_arrays

    with (artifact / "preprocess.npz").open("rb") as arrays:
        signature = Signature.restored((artifact / "preprocess.json").read_bytes(), read_arrays(arrays, 1 << 30))
    tensors = signature.preprocess.to_tensors(raw)
    runner = Interpreter(model_path=str(artifact / file), num_threads=1).get_signature_runner()
    count = len(next(iter(raw.values())))
    found = [runner(**{name: array[row : row + 1] for name, array in tensors.items()}) for row in range(count)]
    return signature.answers.of(np.concatenate([next(iter(answer.values())) for answer in found]), raw, {})
