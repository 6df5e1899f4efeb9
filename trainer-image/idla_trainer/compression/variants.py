"""The files that are measured against each other: each network of the search by each method."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from idla_contract.task import CompressionMethod
from idla_preprocess import Arrays
from idla_server.runtime import Runtime

from idla_trainer.compression.convert import compressed_model, float_model
from idla_trainer.compression.judge import FLOAT
from idla_trainer.compression.networks import Network, Networks, Task, learned_to_be_rounded
from idla_trainer.folder import write_atomically


def write_variants(
    folder: Path, found: Networks, methods: Sequence[CompressionMethod], inputs: Arrays, check: Callable[[], None]
) -> dict[str, Path]:
    """Convert every network by every method; return the files by the names of the variants, the float one first.

    Args:
        folder: of the files; made where it is missing.
        found: the networks.
        methods: how they are converted.
        inputs: the networks' inputs for the train split, by which ranges are found.
        check: called before each conversion; may raise to end the work.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {FLOAT: _written(folder, FLOAT, float_model(found.found[0].model))}
    for network in found.found:
        for method in methods:
            check()
            name = f"{network.name}{method.value}"
            files[name] = _written(folder, name, compressed_model(network.model, method, inputs))
    return files


def write_rounded(
    files: Mapping[str, Path], found: Networks, task: Task, inputs: Arrays, *, epochs: int
) -> dict[str, Path]:
    """Let those networks learn to be rounded that lose too much by it; return the files of the full integer variants.

    A network does so where its `Int8` file is not good enough by the validation part.

    Args:
        files: what `write_variants` returned.
        found: the networks.
        task: what they learn and are judged by.
        inputs: as for `write_variants`.
        epochs: of the training.
    """
    made = {}
    for network in _spoiled(files, found, task):
        task.check()
        aware = learned_to_be_rounded(network, found.found[0].model, task, epochs=epochs)
        name = f"{aware.name}{CompressionMethod.INT8.value}"
        content = compressed_model(aware.model, CompressionMethod.INT8, inputs)
        made[name] = _written(files[FLOAT].parent, name, content)
    return made


def _spoiled(files: Mapping[str, Path], found: Networks, task: Task) -> Iterator[Network]:
    validation = task.lesson.data.validation_inputs
    reference = Runtime(files[FLOAT]).predict(validation)
    for network in found.found:
        path = files.get(f"{network.name}{CompressionMethod.INT8.value}")
        if path is None or not task.clock.allows(0.0):
            continue
        if task.drop(reference, Runtime(path).predict(validation)) > task.tolerance:
            yield network


def _written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / f"{name}.tflite"
    write_atomically(path, content)
    return path
