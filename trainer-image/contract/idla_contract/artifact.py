"""The manifest of an artifact folder: what it holds, what it eats and answers, and where it came from."""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field

from idla_contract.base import ContractModel
from idla_contract.lineage import Lineage
from idla_contract.names import Digest

MANIFEST = "manifest.json"
MODEL = "model.tflite"
FLOAT_MODEL = "model.float.tflite"
PREPROCESS = "preprocess.json"
PREPROCESS_ARRAYS = "preprocess.npz"
"""What of the preprocessing is too large for JSON, such as vocabularies; an archive of nothing where it has none."""
CARD = "card.md"
"""The model card."""
GOLDEN = "golden.npz"
"""Arrays `inputs.<name>` (raw) and `values` (of the network): what every loader checks before it answers anyone."""


class TensorSpec(ContractModel):
    """One raw input or output, in the words of the Open Inference Protocol v2."""

    name: str
    datatype: Literal["FP32", "BYTES", "INT64"]
    shape: tuple[int, ...]
    """-1 is the batch."""


class FileEntry(ContractModel):
    """A file of the folder."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)
    digest: Digest
    size_bytes: int = Field(ge=0)


class MadeWith(ContractModel):
    """Every setting that the model was built and trained with, defaults among them."""

    builder: str
    hyperparameters: dict[str, float | int | str]
    training: dict[str, Any]
    """As `Training` has them; kept as they were said, since an artifact outlives the settings of its day."""


class ArtifactManifest(ContractModel):
    """`manifest.json`; its own digest is the artifact's digest."""

    schema_version: Literal[1] = 1
    task_type: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    labels: tuple[str, ...]
    variant: str
    files: tuple[FileEntry, ...] = Field(min_length=1, max_length=64)
    lineage: Lineage
    made_with: MadeWith | None = None
    """Unknown of artifacts of older trainers."""


def canonical_bytes(manifest: ArtifactManifest) -> bytes:
    """Return the bytes of `manifest.json`: sorted keys, so that equal manifests have equal digests."""
    return json.dumps(manifest.model_dump(mode="json", by_alias=True), sort_keys=True, indent=1).encode() + b"\n"


def digest_of(content: bytes) -> str:
    """Return `sha256:<hex>` of some bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
