"""The artifact folder of a task: the chosen file and all that a server needs beside it."""

import importlib.metadata
import io
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from idla_contract.artifact import (
    FLOAT_MODEL,
    GOLDEN,
    MANIFEST,
    MODEL,
    PREPROCESS,
    ArtifactManifest,
    FileEntry,
    Lineage,
    canonical_bytes,
    digest_of,
)
from idla_server.runtime import Runtime
from idla_server.signature import input_specs, output_specs

from idla_trainer.folder import write_atomically
from idla_trainer.training.candidate import TrainedCandidate

FOLDER = "artifact"
_PARTS = (MODEL, FLOAT_MODEL, PREPROCESS, GOLDEN)
FILES = tuple(f"{FOLDER}/{name}" for name in (*_PARTS, MANIFEST))
GOLDEN_INPUTS = 16


def assemble(
    folder: Path, candidate: TrainedCandidate, *, variant: str, chosen: bytes, plain: bytes,
    images: npt.NDArray[np.float32],
) -> None:  # fmt: skip
    """Write the artifact folder.

    Args:
        folder: made where it is missing; files of an earlier attempt are replaced.
        candidate: what was trained.
        variant: name of the chosen file's variant.
        chosen: its bytes.
        plain: bytes of the float model.
        images: raw images; the first become the golden inputs.
    """
    folder.mkdir(exist_ok=True)
    write_atomically(folder / MODEL, chosen)
    write_atomically(folder / FLOAT_MODEL, plain)
    write_atomically(folder / PREPROCESS, candidate.image.to_json().encode())
    inputs = images[:GOLDEN_INPUTS]
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, inputs=inputs, probabilities=Runtime(folder / MODEL).predict(inputs))
    write_atomically(folder / GOLDEN, buffer.getvalue())
    write_atomically(folder / MANIFEST, canonical_bytes(_manifest(folder, candidate, variant)))


def read_manifest(folder: Path) -> tuple[ArtifactManifest, str]:
    """Return the manifest that `assemble` wrote, and its digest."""
    content = (folder / MANIFEST).read_bytes()
    return ArtifactManifest.model_validate_json(content), digest_of(content)


def _manifest(folder: Path, candidate: TrainedCandidate, variant: str) -> ArtifactManifest:
    image, classes = candidate.image, candidate.classes
    return ArtifactManifest(
        task_type="ImageClassification",
        inputs=input_specs(image),
        outputs=output_specs(classes),
        labels=classes,
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
