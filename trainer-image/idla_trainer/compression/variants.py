"""The files that are measured against each other: each network of the search by each method."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from idla_artifact.runtime import Runtime
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
from idla_trainer.compression.quantization.convert import convert_compressed, convert_float
from idla_trainer.compression.stages import Stages
from idla_trainer.task_store import write_atomically


@dataclass(frozen=True, slots=True)
class Files:
    """The variants of a network."""

    paths: Mapping[str, Path]
    """By name, the float one first."""
    makings: Mapping[str, Making]
    """Of the networks that they hold, by name."""
    unpruned: tuple[str, ...]
    """Layers whose channels could not be followed, and why."""


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
    makings = {FLOAT: found.found[0].making}
    for network in found.found:
        for method in methods:
            stages.preemption.check()
            stages.begin(Part.CONVERSION)
            name = f"{network.name}{method.value}"
            paths[name] = write_variant(folder, name, convert_compressed(network.model, method, inputs))
            makings[name] = network.making
    return Files(paths, makings, found.kept)


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
    paths, makings = dict(files.paths), dict(files.makings)
    for network in _find_failing_int8(files, found, task):
        task.stages.preemption.check()
        task.stages.begin(Part.AWARE)
        aware = quantization_aware_train(network, found.found[0].model, task, epochs=epochs)
        name = f"{aware.name}{CompressionMethod.INT8.value}"
        content = convert_compressed(aware.model, CompressionMethod.INT8, inputs)
        paths[name] = write_variant(files.paths[FLOAT].parent, name, content)
        makings[name] = aware.making
    return replace(files, paths=paths, makings=makings)


def _find_failing_int8(files: Files, found: CandidateNetworks, task: CompressionTask) -> Iterator[CandidateNetwork]:
    validation = task.distillation.data.validation_inputs
    reference = Runtime(files.paths[FLOAT]).predict(validation)
    for network in found.found:
        path = files.paths.get(f"{network.name}{CompressionMethod.INT8.value}")
        if path is None or not task.clock.allows(0.0):
            continue
        if task.drop(reference, Runtime(path).predict(validation)) > task.tolerance:
            yield network


def write_variant(folder: Path, name: str, content: bytes) -> Path:
    """Write the file of a variant, whole or not at all, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.tflite"
    write_atomically(path, content)
    return path
