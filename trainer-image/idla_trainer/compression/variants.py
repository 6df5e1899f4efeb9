"""The files that are measured against each other: each network of the search by each method."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from idla_artifact.runtime import BATCH_SIZES, ModelFileError, Runtime
from idla_contract.result import FLOAT, Making
from idla_contract.task import CompressionMethod
from idla_contract.work import Part
from idla_preprocess import Arrays

from idla_trainer.compression.candidates import (
    CandidateNetwork,
    CandidateNetworks,
    CompressionTask,
    quantization_aware_train,
)
from idla_trainer.compression.quantization.convert import (
    UnconvertibleError,
    convert_compressed,
    convert_float,
)
from idla_trainer.compression.stages import Stages
from idla_trainer.task_store import write_atomically

_TRIED = sum(BATCH_SIZES)
"""Examples that a file is tried by: one batch of each size that is kept an interpreter for."""


@dataclass(frozen=True, slots=True)
class Files:
    """The variants of a network."""

    paths: Mapping[str, Path]
    """By name, the float one first."""
    makings: Mapping[str, Making]
    """Of the networks that they hold, by name."""
    unpruned: tuple[str, ...]
    """Layers whose channels could not be followed, and why."""
    unusable: Mapping[str, str]
    """Why no server could answer with a variant that has no path, by its name."""


class UnusableError(Exception):
    """A variant cannot be made, or no server could answer with it."""


def write_variants(
    folder: Path,
    found: CandidateNetworks,
    methods: Sequence[CompressionMethod],
    inputs: Arrays,
    stages: Stages,
) -> Files:
    """Convert every network by every method.

    Args:
        folder: of the files; made where it is missing.
        found: the networks.
        methods: how they are converted.
        inputs: the networks' inputs for the train split, by which ranges are found.
        stages: told of each conversion, before which it is asked whether to end the work.
    """
    stages.begin(Part.CONVERSION)
    paths = {FLOAT: write_variant(folder, FLOAT, convert_float(found.found[0].model))}
    makings, unusable = {FLOAT: found.found[0].making}, dict[str, str]()
    for network in found.found:
        for method in methods:
            stages.preemption.check()
            stages.begin(Part.CONVERSION)
            name = f"{network.name}{method.value}"
            makings[name] = network.making
            try:
                paths[name] = write_compressed(folder, name, network.model, method, inputs)
            except UnusableError as error:
                unusable[name] = str(error)
    return Files(paths, makings, found.kept, unusable)


def write_qat_variants(
    files: Files, found: CandidateNetworks, task: CompressionTask, inputs: Arrays, *, epochs: int
) -> Files:
    """Train those networks quantization-aware that lose too much by rounding; return their variants as well.

    A network loses too much where its `Int8` file is not good enough by the validation part.

    Args:
        files: what `write_variants` returned.
        found: the networks.
        task: how they are trained, and by what they are compared.
        inputs: as for `write_variants`.
        epochs: of the training.
    """
    paths, makings, unusable = dict(files.paths), dict(files.makings), dict(files.unusable)
    for network in _find_failing_int8(files, found, task):
        task.stages.preemption.check()
        task.stages.begin(Part.AWARE)
        aware = quantization_aware_train(network, found.found[0].model, task, epochs=epochs)
        name = f"{aware.name}{CompressionMethod.INT8.value}"
        makings[name] = aware.making
        try:
            paths[name] = write_compressed(files.paths[FLOAT].parent, name, aware.model, CompressionMethod.INT8, inputs)
        except UnusableError as error:
            unusable[name] = str(error)
    return replace(files, paths=paths, makings=makings, unusable=unusable)


def _find_failing_int8(files: Files, found: CandidateNetworks, task: CompressionTask) -> Iterator[CandidateNetwork]:
    validation = task.distillation.data.validation_inputs
    reference = Runtime(files.paths[FLOAT]).predict(validation)
    for network in found.found:
        path = files.paths.get(f"{network.name}{CompressionMethod.INT8.value}")
        if path is None or not task.clock.allows(0.0):
            continue
        if task.drop(reference, Runtime(path).predict(validation)) > task.tolerance:
            yield network


def write_compressed(folder: Path, name: str, model: Any, method: CompressionMethod, inputs: Arrays) -> Path:
    """Convert a network by a method, write the file and return its path.

    Args:
        folder: of the file.
        name: of the variant.
        model: the network.
        method: how it is converted.
        inputs: the network's inputs for the train split, by some of which the file is tried.

    Raises:
        UnusableError: it cannot be converted or loaded, or does not answer with numbers.
    """
    try:
        path = write_variant(folder, name, convert_compressed(model, method, inputs))
        answers = Runtime(path).predict({key: array[:_TRIED] for key, array in inputs.items()})
    except (UnconvertibleError, ModelFileError) as error:
        raise UnusableError(str(error)) from error
    if not np.isfinite(answers).all():
        raise UnusableError(f"{path.name}: it answers with numbers that are not finite")
    return path


def write_variant(folder: Path, name: str, content: bytes) -> Path:
    """Write the file of a variant, whole or not at all, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.tflite"
    write_atomically(path, content)
    return path
