"""The artifact folder of a task: the chosen file and all that a server needs beside it.

The manifest seals a folder, so it is written once, by the last step that has something to say. Compress makes the files
that are served and a draft of the manifest beside the folder, and Refit may make them once more; Evaluate, which alone
knows the figures of the test split, adds the model card and writes the manifest of both. Were it rewritten instead, a
task that goes on after a kill would find another manifest than Compress noted, and compress again.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from idla_artifact.golden import golden_arrays
from idla_artifact.model import tensor_specs
from idla_artifact.runtime import Runtime
from idla_contract.artifact import (
    CARD,
    FLOAT_MODEL,
    GOLDEN,
    MANIFEST,
    MODEL,
    PREPROCESS,
    PREPROCESS_ARRAYS,
    ArtifactManifest,
    FileEntry,
    MadeWith,
    canonical_bytes,
    digest_of,
)
from idla_contract.lineage import Lineage
from idla_contract.result import FLOAT

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.split import Indices
from idla_trainer.environment import UNKNOWN
from idla_trainer.models.registry import entry_of
from idla_trainer.task_store import write_atomically
from idla_trainer.training.candidate import TrainedCandidate
from idla_trainer.training.checkpoints import Arrays, pack

FOLDER = "artifact"
DRAFT = "draft.json"
"""The manifest without the model card, in the task's folder."""
_PARTS = (MODEL, FLOAT_MODEL, PREPROCESS, PREPROCESS_ARRAYS, GOLDEN)
ASSEMBLED = (*(f"{FOLDER}/{name}" for name in _PARTS), DRAFT)
"""What `assemble` writes, in the task's folder."""
SEALED = tuple(f"{FOLDER}/{name}" for name in (CARD, MANIFEST))
"""And `seal`."""
GOLDEN_INPUTS = 16


def assemble(
    task: Path, candidate: TrainedCandidate, dataset: Dataset, variant: str, paths: Mapping[str, Path]
) -> None:
    """Write the files that are served, and the draft of their manifest.

    Args:
        task: the task's folder; files of an earlier attempt are replaced.
        candidate: what was trained.
        dataset: what it was trained on, with the signature that is served; examples of its `Parts.for_gate`, or where
            that is empty of its training part, become the golden inputs.
        variant: name of the chosen file.
        paths: the files by name, the float one and the chosen one among them.
    """
    folder = task / FOLDER
    folder.mkdir(exist_ok=True)
    write_atomically(folder / MODEL, paths[variant].read_bytes())
    write_atomically(folder / FLOAT_MODEL, paths[FLOAT].read_bytes())
    signature = dataset.signature
    write_atomically(folder / PREPROCESS, signature.to_json().encode())
    write_atomically(folder / PREPROCESS_ARRAYS, pack(signature.arrays()))
    write_atomically(folder / GOLDEN, pack(_golden(folder / MODEL, dataset)))
    write_atomically(task / DRAFT, canonical_bytes(_manifest(folder, candidate, dataset, variant)))


def read_draft(task: Path) -> ArtifactManifest:
    """Return the manifest that `assemble` drafted."""
    return ArtifactManifest.model_validate_json((task / DRAFT).read_bytes())


def seal(task: Path, card: str) -> None:
    """Write the model card and the manifest of everything."""
    folder, draft = task / FOLDER, read_draft(task)
    write_atomically(folder / CARD, card.encode())
    whole = draft.model_copy(update={"files": (*draft.files, _entry(folder / CARD))})
    write_atomically(folder / MANIFEST, canonical_bytes(whole))


def _golden(model: Path, dataset: Dataset) -> Arrays:
    """Return raw inputs with what the model answers."""
    examples = dataset.examples(_golden_positions(dataset))
    return golden_arrays(dict(examples.raw), Runtime(model).predict(examples.inputs))


def _golden_positions(dataset: Dataset) -> Indices:
    """Return positions of the examples that become golden inputs, one of each class first."""
    part = dataset.parts.for_gate if len(dataset.parts.for_gate) else dataset.parts.train
    if not dataset.classes:
        return part[:GOLDEN_INPUTS]
    _, first = np.unique(dataset.targets[part], return_index=True)
    return np.concatenate([part[first], np.delete(part, first)])[:GOLDEN_INPUTS]


def read_manifest(folder: Path) -> tuple[ArtifactManifest, str]:
    """Return the manifest that `seal` wrote, and its digest."""
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
        lineage=_lineage(candidate, dataset),
        made_with=MadeWith(
            builder=candidate.built.builder,
            hyperparameters=dict(entry_of(candidate.built)[1]),
            training=json.loads(candidate.training.to_json()),
        ),
    )


def _lineage(candidate: TrainedCandidate, dataset: Dataset) -> Lineage:
    rest = dict(candidate.environment)
    return Lineage(
        data_digest=candidate.data_digest,
        test_digest=dataset.test_digest,
        template=candidate.model.template,
        image=os.environ.get("IDLA_IMAGE") or UNKNOWN,
        seed=candidate.seed,
        code_version=rest.pop("idla-trainer", UNKNOWN),
        tensorflow_version=rest.pop("tensorflow", UNKNOWN),
        environment=rest,
    )


def _entry(path: Path) -> FileEntry:
    content = path.read_bytes()
    return FileEntry(name=path.name, digest=digest_of(content), size_bytes=len(content))
