"""The artifact folder of a task: the chosen file and all that a server needs beside it."""

import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from idla_contract.artifact import (
    FLOAT_MODEL,
    GOLDEN,
    MANIFEST,
    MODEL,
    PREPROCESS,
    PREPROCESS_ARRAYS,
    ArtifactManifest,
    FileEntry,
    Lineage,
    canonical_bytes,
    digest_of,
)
from idla_server.runtime import Runtime
from idla_server.signature import tensor_specs

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.split import Indices
from idla_trainer.folder import write_atomically
from idla_trainer.training.candidate import TrainedCandidate
from idla_trainer.training.checkpoints import Arrays, pack

FOLDER = "artifact"
_PARTS = (MODEL, FLOAT_MODEL, PREPROCESS, PREPROCESS_ARRAYS, GOLDEN)
FILES = tuple(f"{FOLDER}/{name}" for name in (*_PARTS, MANIFEST))
GOLDEN_INPUTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The two model files."""

    variant: str
    """Name of the chosen one."""
    chosen: bytes
    plain: bytes
    """The float model."""


def assemble(folder: Path, candidate: TrainedCandidate, dataset: Dataset, contents: Contents) -> None:
    """Write the artifact folder.

    Args:
        folder: made where it is missing; files of an earlier attempt are replaced.
        candidate: what was trained.
        dataset: what it was trained on, with the signature that is served; examples of its judging part become the
            golden inputs.
        contents: the model files.
    """
    folder.mkdir(exist_ok=True)
    write_atomically(folder / MODEL, contents.chosen)
    write_atomically(folder / FLOAT_MODEL, contents.plain)
    signature = dataset.signature
    write_atomically(folder / PREPROCESS, signature.to_json().encode())
    write_atomically(folder / PREPROCESS_ARRAYS, pack(signature.arrays()))
    write_atomically(folder / GOLDEN, pack(_golden(folder / MODEL, dataset)))
    write_atomically(folder / MANIFEST, canonical_bytes(_manifest(folder, candidate, dataset, contents.variant)))


def _golden(model: Path, dataset: Dataset) -> Arrays:
    """Return raw inputs, texts as arrays of a fixed width, with what the model answers."""
    examples = dataset.examples(_golden_positions(dataset))
    raw = examples.raw.items()
    plain = {f"inputs.{name}": array.astype("U") if array.dtype.kind == "O" else array for name, array in raw}
    return {**plain, "values": Runtime(model).predict(examples.inputs)}


def _golden_positions(dataset: Dataset) -> Indices:
    """Return positions of the judging part, one of each class first."""
    part = dataset.parts.judged
    if not dataset.classes:
        return part[:GOLDEN_INPUTS]
    _, first = np.unique(dataset.targets[part], return_index=True)
    return np.concatenate([part[first], np.delete(part, first)])[:GOLDEN_INPUTS]


def read_manifest(folder: Path) -> tuple[ArtifactManifest, str]:
    """Return the manifest that `assemble` wrote, and its digest."""
    content = (folder / MANIFEST).read_bytes()
    return ArtifactManifest.model_validate_json(content), digest_of(content)


def _manifest(folder: Path, candidate: TrainedCandidate, dataset: Dataset, variant: str) -> ArtifactManifest:
    return ArtifactManifest(
        task_type=dataset.problem.type,
        inputs=tensor_specs(dataset.signature.inputs),
        outputs=tensor_specs(dataset.signature.outputs),
        labels=dataset.classes,
        variant=variant,
        files=tuple(_entry(folder / name) for name in _PARTS),
        lineage=Lineage(
            data_digest=candidate.data_digest,
            template=candidate.model.template,
            image=os.environ.get("IDLA_IMAGE") or "unknown",
            seed=candidate.seed,
            code_version=_version("idla-trainer"),
            tensorflow_version=_version("tensorflow-cpu", "tensorflow"),
        ),
    )


def _entry(path: Path) -> FileEntry:
    content = path.read_bytes()
    return FileEntry(name=path.name, digest=digest_of(content), size_bytes=len(content))


def _version(*distributions: str) -> str:
    for name in distributions:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown"
