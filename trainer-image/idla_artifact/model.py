"""An artifact folder that is ready to answer: verified, loaded and checked against its golden inputs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.artifact import GOLDEN, MODEL, PREPROCESS, PREPROCESS_ARRAYS, ArtifactManifest, TensorSpec
from idla_contract.problem import TaskType
from idla_preprocess import Arrays, Classes, InputError, Signature, Tensor
from idla_preprocess.arrays import ArraysError, unpack
from idla_store import StoreError, verify

from idla_artifact.errors import ModelError, invalid, reason_of
from idla_artifact.files import ALLOWED, READ
from idla_artifact.golden import read_golden
from idla_artifact.runtime import ModelFileError, Runtime, Values

TASK_TYPES = tuple(kind.value for kind in TaskType)
GOLDEN_TOLERANCE = 0.02
"""Largest difference of an answer between where the artifact was made and here: of a probability, or relative to the
largest of the promised values.

The bytes are the same (their digests are verified), so this is about processors: float32 kernels differ by 1e-6,
quantized ones by a few steps of 1/256 where an intermediate value lies on the border of two steps. A wrong input
scale, order of pixels or order of labels differs by much more.
"""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded model. Not thread-safe: each thread calls `replicate` for its own."""

    folder: Path
    digest: str
    manifest: ArtifactManifest
    signature: Signature
    runtime: Runtime
    example: Arrays
    """The first golden input, as a raw batch of one."""

    def predict(self, raw: Arrays) -> Values:
        """Return what the network says of raw inputs, [N, ...].

        Raises:
            InputError: not inputs of this model.
        """
        return self.runtime.predict(self.signature.preprocess.to_tensors(raw))

    def replicate(self, *, threads: int = 1) -> "ServedModel":
        """Return the same model with a runtime of its own."""
        return replace(self, runtime=Runtime(self.folder / MODEL, threads=threads))


def load_model(folder: Path, digest: str, *, threads: int = 1) -> ServedModel:
    """Load an artifact folder and find its golden inputs answered as promised, within `GOLDEN_TOLERANCE`.

    Args:
        folder: the artifact folder.
        digest: the artifact's digest, `sha256:<hex>`.
        threads: threads of one inference.

    Raises:
        ModelError: a missing, unreadable or changed file, or other answers than promised.
    """
    try:
        manifest = verify(folder, digest, names=ALLOWED)
    except StoreError as error:
        raise ModelError(reason_of(error), str(error)) from error
    listed = {entry.name for entry in manifest.files}
    missing = [name for name in READ if name not in listed]
    if missing:
        raise invalid(f"manifest.json does not list {', '.join(missing)}")
    try:
        arrays = unpack((folder / PREPROCESS_ARRAYS).read_bytes())
        signature = Signature.restored((folder / PREPROCESS).read_bytes(), arrays)
        runtime = Runtime(folder / MODEL, threads=threads)
    except ArraysError as error:
        raise invalid(f"{PREPROCESS_ARRAYS} cannot be read ({error})") from error
    except (InputError, ModelFileError) as error:
        raise invalid(str(error)) from error
    _check_signature(manifest, signature)
    inputs, promised = read_golden(folder / GOLDEN)
    example = {name: array[:1] for name, array in inputs.items()}
    model = ServedModel(folder, digest, manifest, signature, runtime, example)
    _check_golden(model, inputs, promised)
    return model


def tensor_specs(tensors: Sequence[Tensor]) -> tuple[TensorSpec, ...]:
    """Return tensors as a manifest lists them."""
    return tuple(TensorSpec(name=each.name, datatype=each.datatype, shape=each.shape) for each in tensors)


def tensor_metadata(tensor: Tensor) -> dict[str, Any]:
    """Return a tensor as the server's metadata list it: as a manifest, and what a client has to know beyond it.

    That is whether values may be missing, how a text is written, and the names of the places along the last axis.
    """
    (spec,) = tensor_specs([tensor])
    parameters: dict[str, Any] = {"may_be_missing": True} if tensor.missing else {}
    parameters |= {"example": tensor.example} if tensor.example else {}
    parameters |= {"names": tensor.names} if tensor.names else {}
    return spec.model_dump() | ({"parameters": parameters} if parameters else {})


def _check_signature(manifest: ArtifactManifest, signature: Signature) -> None:
    if manifest.task_type not in TASK_TYPES:
        raise invalid(f"manifest.json has the task type {manifest.task_type!r}, allowed are {', '.join(TASK_TYPES)}")
    if isinstance(signature.answers, Classes) and manifest.labels != signature.answers.labels:
        raise invalid(f"manifest.json has {len(manifest.labels)} labels, {PREPROCESS} names other ones")
    served = {"inputs": tensor_specs(signature.inputs), "outputs": tensor_specs(signature.outputs)}
    for field, expected in served.items():
        found = getattr(manifest, field)
        if found != expected:
            shown = [
                ", ".join(f"{each.name} {each.datatype} {list(each.shape)}" for each in s) for s in (found, expected)
            ]
            raise invalid(f"manifest.json has the {field} ({shown[0]}), the server has ({shown[1]})")


def _check_golden(model: ServedModel, inputs: Arrays, promised: npt.NDArray[np.float64]) -> None:
    try:
        answered = model.predict(inputs)
    except (InputError, ValueError) as error:
        raise invalid(f"{GOLDEN}: {error}") from error
    if answered.shape != promised.shape:
        raise invalid(f"{GOLDEN} promises values {list(promised.shape)}, answered {list(answered.shape)}")
    difference = np.abs(answered - promised).reshape(len(answered), -1).max(axis=1)
    worst, scale = int(np.argmax(difference)), max(1.0, float(np.abs(promised).max(initial=0)))
    found, allowed = float(difference[worst]), GOLDEN_TOLERANCE * scale
    if not found <= allowed:  # NaN is refused too
        raise invalid(
            f"golden input {worst} is answered {found:.3g} away from its promised values, allowed {allowed:.3g}"
        )
    _check_answers(model, answered, inputs)


def _check_answers(model: ServedModel, values: Values, inputs: Arrays) -> None:
    """Make sure that the network's output is what the answers are made of."""
    signature = model.signature
    try:
        answers = signature.answers.of(values, inputs, {})
    except (InputError, ValueError, IndexError) as error:
        raise invalid(f"{MODEL} answers {list(values.shape)}, of which no answers can be made ({error})") from error
    for tensor in signature.outputs:
        found = answers[tensor.name].shape
        fits = len(found) == len(tensor.shape) and all(
            wanted in {-1, length} for wanted, length in zip(tensor.shape, found, strict=True)
        )
        if not fits:
            raise invalid(f"{tensor.name} has the shape {list(found)}, {PREPROCESS} promises {list(tensor.shape)}")
