"""A network as it is served: converted by the trainer, run by the server."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.task import CompressionMethod


def files_of(model: Any) -> tuple[bytes, bytes]:
    """Return the float file of a Keras model and the one with small weights."""
    from idla_trainer.compression.quantization.convert import convert_compressed, convert_float

    return convert_float(model), convert_compressed(model, CompressionMethod.DYNAMIC_RANGE, {})


def answers(file: bytes, tensors: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
    """Return what the server's runtime, which has LiteRT's built-in operations alone, makes of each example."""
    from idla_artifact.runtime import Runtime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tflite")
        path.write_bytes(file)
        return Runtime(path).predict(tensors)
