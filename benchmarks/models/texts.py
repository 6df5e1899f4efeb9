"""What the benchmarks of texts share: one run of IDLA on given files, its answers from the artifact alone, the peer."""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/ml"
PEERS = ROOT / ".tools/peers/bin/python"
Labels = npt.NDArray[np.str_]
_PEER = """
import json, sys
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC
train, test = (json.load(open(path)) for path in sys.argv[1:3])
words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\\w+|[^\\w\\s]")
characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
model = make_pipeline(make_union(words, characters), LinearSVC(C=1.0)).fit(*zip(*train))
json.dump(model.predict([text for text, _ in test]).tolist(), open(sys.argv[3], "w"))
"""


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its label."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
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


def run(train: Sequence[Example], test: Sequence[Example], spec: Mapping[str, Any]) -> Outcome:
    """Return what `idla run --local` makes of examples, and the artifact's answers to the raw test texts.

    Args:
        train: all that the run may choose and learn by.
        test: measured by the run once, after every choice, and here again from the artifact's files.
        spec: of the TrainingWorkflow; `data` is added.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, examples in (("train", train), ("test", test)):
            lines = [json.dumps({"text": example.text, "label": example.label}) for example in examples]
            (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n")
        data = {
            "storageUri": "train.jsonl",
            "testStorageUri": "test.jsonl",
            "split": {"trainPercent": 90, "validationPercent": 10},
        }
        workflow = {
            "apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": "texts"},
            "spec": {**spec, "data": {**data, **spec.get("data", {})}},
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
        texts = [example.text for example in test]
        return Outcome(
            served(artifact, "model.tflite", texts), served(artifact, "model.float.tflite", texts), document,
            *((artifact / file).stat().st_size for file in ("model.tflite", "model.float.tflite")),
        )  # fmt: skip


def served(artifact: Path, file: str, texts: Sequence[str]) -> Mapping[str, Any]:
    """Return a model's answers to raw texts, with nothing but the artifact's files."""
    from ai_edge_litert.interpreter import Interpreter
    from idla_preprocess import Signature
    from idla_preprocess.arrays import read_arrays

    with (artifact / "preprocess.npz").open("rb") as arrays:
        signature = Signature.restored((artifact / "preprocess.json").read_bytes(), read_arrays(arrays, 1 << 30))
    raw = {"text": np.array(texts, dtype=object)}
    tensors = signature.preprocess.to_tensors(raw)
    runner = Interpreter(model_path=str(artifact / file), num_threads=1).get_signature_runner()
    found = [runner(**{name: array[row : row + 1] for name, array in tensors.items()}) for row in range(len(texts))]
    values = np.concatenate([next(iter(answer.values())) for answer in found])
    return signature.answers.of(values, raw, {})


def peer(train: Sequence[Example], test: Sequence[Example]) -> Labels:
    """Return the labels that a linear support vector machine on words and characters gives the test texts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, examples in (("train", train), ("test", test)):
            (folder / part).write_text(json.dumps([(example.text, example.label) for example in examples]))
        paths = [str(folder / part) for part in ("train", "test", "labels")]
        subprocess.run([str(PEERS), "-c", _PEER, *paths], check=True)
        return np.array(json.loads((folder / "labels").read_text()))


def interval(differences: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of paired differences and its 95 % interval by Student's t."""
    values = np.array(differences)
    half = _student(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half


def bootstrap(ours: npt.NDArray[np.bool_], theirs: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the difference of two accuracies on the same examples with its paired 95 % bootstrap interval."""
    difference = ours.astype(float) - theirs.astype(float)
    random = np.random.default_rng(0)
    means = [difference[random.integers(0, len(difference), len(difference))].mean() for _ in range(2000)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)


def _student(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t by the expansion of Cornish and Fisher."""
    z = 1.959964
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
