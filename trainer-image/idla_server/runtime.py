"""One LiteRT model file as a function from a batch to its outputs."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

Batch = npt.NDArray[np.float32]

BATCH_SIZES = (32, 8, 1)
"""Sizes that an interpreter is kept for, largest first; a batch is cut into them, so that none is ever resized.

A cut costs microseconds, a resize milliseconds; and three interpreters at most bound the memory of a thread.
"""


class ModelFileError(ValueError):
    """The file is no LiteRT model with one float32 input and one float32 output [N, classes]."""


class Runtime:
    """Answers batches with one model file. Not thread-safe: give each thread its own.

    Args:
        model_path: a `.tflite` file.
        threads: threads of one inference.

    Raises:
        ModelFileError: the file cannot be read, or has other inputs or outputs.
    """

    def __init__(self, model_path: Path, *, threads: int = 1) -> None:
        self._path = model_path
        self._threads = threads
        self._prepared: dict[int, _Prepared] = {}
        single = self._of_size(1)
        self.input_shape: tuple[int, ...] = single.input_shape[1:]
        """Of one example: [height, width, channels]."""
        self.classes: int = single.output_shape[1]
        self._sizes = BATCH_SIZES if single.any_batch else (1,)

    def predict(self, batch: Batch) -> Batch:
        """Return [N, classes] for a batch [N, height, width, channels]; the answer is the caller's to keep.

        Raises:
            ValueError: the batch has another type or shape.
        """
        if batch.dtype != np.float32 or batch.shape[1:] != self.input_shape:
            found, allowed = f"{batch.dtype} {list(batch.shape)}", f"float32 [N, {str(list(self.input_shape))[1:]}"
            raise ValueError(f"batch: found {found}; allowed: {allowed}")
        answer = np.empty((len(batch), self.classes), np.float32)
        start = 0
        for size in self._sizes:
            while len(batch) - start >= size:
                answer[start : start + size] = self._of_size(size).invoke(batch[start : start + size])
                start += size
        return answer

    def _of_size(self, size: int) -> "_Prepared":
        if size not in self._prepared:
            self._prepared[size] = _prepare(self._path, size, self._threads)
        return self._prepared[size]


class _Prepared(NamedTuple):
    """An interpreter whose tensors are allocated for one batch size."""

    interpreter: Any
    input_index: int
    output_index: int
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    any_batch: bool

    def invoke(self, batch: Batch) -> Batch:
        self.interpreter.set_tensor(self.input_index, batch)
        self.interpreter.invoke()
        output: Batch = self.interpreter.get_tensor(self.output_index)
        return output


def _prepare(path: Path, size: int, threads: int) -> _Prepared:
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=threads)
        source, _ = _only(path, "input", interpreter.get_input_details())
        any_batch = int(source["shape_signature"][0]) == -1
        if any_batch:
            interpreter.resize_tensor_input(source["index"], (size, *source["shape"][1:]), strict=True)
        interpreter.allocate_tensors()
        source, input_shape = _only(path, "input", interpreter.get_input_details(), rank=4, batch=size)
        interpreter.set_tensor(source["index"], np.zeros(input_shape, np.float32))
        interpreter.invoke()  # a reshape inside the graph gives the output its size only now
        sink, output_shape = _only(path, "output", interpreter.get_output_details(), rank=2, batch=size)
    except ModelFileError:
        raise
    except (ValueError, RuntimeError, OSError) as error:
        raise ModelFileError(f"{path.name}: LiteRT cannot load it ({error})") from error
    return _Prepared(interpreter, source["index"], sink["index"], input_shape, output_shape, any_batch)


def _only(
    path: Path, kind: str, tensors: list[dict[str, Any]], *, rank: int | None = None, batch: int | None = None
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Return the one tensor of its kind and its shape, after both were found to be as expected."""
    if len(tensors) != 1:
        raise ModelFileError(f"{path.name}: it has {len(tensors)} {kind}s, expected 1")
    shape = tuple(int(length) for length in tensors[0]["shape"])
    dtype = np.dtype(tensors[0]["dtype"])
    if dtype != np.float32 or not shape or rank not in {None, len(shape)} or batch not in {None, shape[0]}:
        expected = f"float32 of rank {rank} and batch size {batch}"
        raise ModelFileError(f"{path.name}: its {kind} is {dtype} {list(shape)}, expected {expected}")
    return tensors[0], shape
