"""An artifact folder that is ready to answer: verified, loaded and checked against its golden inputs."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from idla_contract.artifact import GOLDEN, MODEL, PREPROCESS, ArtifactManifest
from idla_contract.result import FailureReason
from idla_preprocess import ImageSpec, InputError, to_tensor
from idla_preprocess.arrays import ArraysError, unpack
from idla_store import StoreError, verify

from idla_server.failures import reason_of
from idla_server.files import ALLOWED, READ, TASK_TYPE
from idla_server.runtime import ModelFileError, Runtime
from idla_server.signature import input_specs, output_specs

GOLDEN_TOLERANCE = 0.02
"""Largest difference of a probability between where the artifact was made and here.

The bytes are the same (their digests are verified), so this is about processors: float32 kernels differ by 1e-6,
quantized ones by a few steps of 1/256 where an intermediate value lies on the border of two steps. A wrong input
scale, order of pixels or order of labels differs by much more.
"""


class ModelError(Exception):
    """Why an artifact cannot be served: a reason of the contract and a message that says what to do."""

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @classmethod
    def of(cls, error: StoreError) -> "ModelError":
        """Return the same problem as a reason of the contract."""
        return cls(reason_of(error), str(error))


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded model. Not thread-safe: each thread calls `twin` for its own."""

    folder: Path
    digest: str
    manifest: ArtifactManifest
    spec: ImageSpec
    runtime: Runtime
    example: npt.NDArray[np.generic]
    """The first golden input, as a batch of one raw image."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes in the order of the probabilities."""
        return self.manifest.labels

    def predict(self, raw: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return probabilities [N, classes] of raw images as `idla_preprocess.to_tensor` takes them.

        Raises:
            InputError: not images of this model.
        """
        return self.runtime.predict(to_tensor(self.spec, raw, field="image"))

    def twin(self, *, threads: int = 1) -> "ServedModel":
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
        raise ModelError.of(error) from error
    listed = {entry.name for entry in manifest.files}
    missing = [name for name in READ if name not in listed]
    if missing:
        raise _invalid(f"manifest.json does not list {', '.join(missing)}")
    if manifest.task_type != TASK_TYPE:
        raise _invalid(f"manifest.json has the task type {manifest.task_type!r}, allowed is {TASK_TYPE}")
    try:
        spec = ImageSpec.from_json((folder / PREPROCESS).read_bytes())
        runtime = Runtime(folder / MODEL, threads=threads)
    except (InputError, ModelFileError) as error:
        raise _invalid(str(error)) from error
    if runtime.input_shape != spec.shape:
        raise _invalid(f"{PREPROCESS} describes images {list(spec.shape)}, {MODEL} takes {list(runtime.input_shape)}")
    if runtime.classes != len(manifest.labels):
        raise _invalid(f"manifest.json has {len(manifest.labels)} labels, {MODEL} answers {runtime.classes} classes")
    _check_signature(manifest, spec)
    inputs, promised = _golden(folder / GOLDEN)
    model = ServedModel(folder, digest, manifest, spec, runtime, inputs[:1])
    _check_golden(model, inputs, promised)
    return model


def _check_signature(manifest: ArtifactManifest, spec: ImageSpec) -> None:
    served = {"inputs": input_specs(spec), "outputs": output_specs(manifest.labels)}
    for field, expected in served.items():
        found = getattr(manifest, field)
        if found != expected:
            shown = [
                ", ".join(f"{each.name} {each.datatype} {list(each.shape)}" for each in s) for s in (found, expected)
            ]
            raise _invalid(f"manifest.json has the {field} ({shown[0]}), the server has ({shown[1]})")


def _check_golden(model: ServedModel, inputs: npt.NDArray[np.generic], promised: npt.NDArray[np.float64]) -> None:
    try:
        answered = model.predict(inputs)
    except InputError as error:
        raise _invalid(f"{GOLDEN}: {error}") from error
    if answered.shape != promised.shape:
        raise _invalid(f"{GOLDEN} promises probabilities {list(promised.shape)}, answered {list(answered.shape)}")
    difference = np.abs(answered - promised)
    worst = int(np.argmax(difference.max(axis=1)))
    found = float(difference[worst].max())
    if not found <= GOLDEN_TOLERANCE:  # NaN is refused too
        raise _invalid(
            f"golden input {worst} is answered {found:.3g} away from its promised probabilities, "
            f"allowed {GOLDEN_TOLERANCE}"
        )


def _golden(path: Path) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.float64]]:
    try:
        arrays = unpack(path.read_bytes())
        inputs, probabilities = arrays["inputs"], arrays["probabilities"]
    except (ArraysError, KeyError, OSError) as error:
        raise _invalid(f"{GOLDEN} cannot be read ({error})") from error
    if probabilities.dtype.kind != "f":
        raise _invalid(f"{GOLDEN} holds probabilities of type {probabilities.dtype}, expected floating-point numbers")
    return inputs, probabilities.astype(np.float64)


def _invalid(problem: str) -> ModelError:
    return ModelError(FailureReason.ARTIFACT_INVALID, f"{problem}; publish the artifact again")
