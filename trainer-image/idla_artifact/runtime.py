"""One LiteRT model file as a function from a batch to its outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter
from idla_preprocess import Array, Arrays

Values = npt.NDArray[np.float32]

BATCH_SIZES = (32, 8, 1)
"""Sizes that an interpreter is kept for, largest first; a batch is cut into them, so that none is ever resized.

A cut costs microseconds, a resize milliseconds; and three interpreters at most bound the memory of a thread.
"""
_DTYPES = (np.float32, np.int32, np.int64)
"""Types of inputs."""
_PREFIX, _SUFFIX = "serving_default_", ":0"
"""Around the name of an input in a file without a signature."""


class ModelFileError(ValueError):
    """The file is no LiteRT model with inputs of numbers and one float32 output, the batch first in each."""


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
        self.inputs: Mapping[str, tuple[int, ...]] = {name: source.shape[1:] for name, source in single.sources.items()}
        """Shape of one example of each input."""
        self.output_shape: tuple[int, ...] = single.output_shape[1:]
        """Of one example's answer."""
        self._dtypes = {name: source.dtype for name, source in single.sources.items()}
        self._sizes = BATCH_SIZES if single.any_batch else (1,)

    def predict(self, inputs: Arrays) -> Values:
        """Return [N, ...] for a batch of inputs by name, [N, ...] each; the answer is the caller's to keep.

        Raises:
            ValueError: the batch has other inputs, shapes or types.
        """
        batch = self._checked(inputs)
        examples = len(next(iter(batch.values())))
        if examples in self._sizes:
            return self._of_size(examples).invoke(batch)
        answer = np.empty((examples, *self.output_shape), np.float32)
        start = 0
        for size in self._sizes:
            while examples - start >= size:
                part = slice(start, start + size)
                answer[part] = self._of_size(size).invoke({name: array[part] for name, array in batch.items()})
                start += size
        return answer

    def _checked(self, inputs: Arrays) -> dict[str, Array]:
        """Return the batch as the file takes it; whole numbers may have another width."""
        if set(inputs) != set(self.inputs):
            raise ValueError(f"inputs: found {sorted(inputs)}; allowed: {sorted(self.inputs)}")
        lengths = {len(array) for array in inputs.values()}
        if len(lengths) != 1:
            raise ValueError(f"inputs: found batches of {sorted(lengths)} examples; allowed: one size")
        batch = {}
        for name, array in inputs.items():
            dtype, shape = self._dtypes[name], self.inputs[name]
            other = array.dtype != dtype if dtype.kind == "f" else array.dtype.kind != dtype.kind
            if other or array.shape[1:] != shape:
                found, allowed = f"{array.dtype} {list(array.shape)}", f"{dtype} [N, {str(list(shape))[1:]}"
                raise ValueError(f"{name}: found {found}; allowed: {allowed}")
            batch[name] = np.ascontiguousarray(array, dtype)
        return batch

    def _of_size(self, size: int) -> "_Prepared":
        if size not in self._prepared:
            self._prepared[size] = _prepare(self._path, size, self._threads)
        return self._prepared[size]


@dataclass(frozen=True, slots=True)
class _Source:
    """An input of the file."""

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An interpreter whose tensors are allocated for one batch size."""

    interpreter: Any
    sources: Mapping[str, _Source]
    output_index: int
    output_shape: tuple[int, ...]
    any_batch: bool

    def invoke(self, batch: Arrays) -> Values:
        for name, source in self.sources.items():
            self.interpreter.set_tensor(source.index, batch[name])
        self.interpreter.invoke()
        output: Values = self.interpreter.get_tensor(self.output_index)
        return output


def _prepare(path: Path, size: int, threads: int) -> _Prepared:
    try:
        return _allocated(path, Interpreter(model_path=str(path), num_threads=threads), size)
    except ModelFileError:
        raise
    except (ValueError, RuntimeError, OSError) as error:
        raise ModelFileError(f"{path.name}: LiteRT cannot load it ({error})") from error


def _allocated(path: Path, interpreter: Any, size: int) -> _Prepared:
    details, sinks = interpreter.get_input_details(), interpreter.get_output_details()
    if not details or len(sinks) != 1:
        problem = f"it has {len(details)} inputs and {len(sinks)} outputs, expected one or more and 1"
        raise ModelFileError(f"{path.name}: {problem}")
    any_batch = all(len(source["shape"]) and int(source["shape_signature"][0]) == -1 for source in details)
    if any_batch:
        for source in details:
            interpreter.resize_tensor_input(source["index"], (size, *source["shape"][1:]), strict=True)
    interpreter.allocate_tensors()
    sources = _sources(path, interpreter, size)
    for found in sources.values():
        interpreter.set_tensor(found.index, np.zeros(found.shape, found.dtype))
    interpreter.invoke()  # a reshape inside the graph gives the output its size only now
    sink = interpreter.get_output_details()[0]
    return _Prepared(interpreter, sources, sink["index"], _shape(path, "output", sink, size, (np.float32,)), any_batch)


def _sources(path: Path, interpreter: Any, size: int) -> dict[str, _Source]:
    """Return the inputs by the names of the file's signature, after each was found to be as expected."""
    found = {}
    for source in interpreter.get_input_details():
        name = str(source["name"]).removeprefix(_PREFIX).removesuffix(_SUFFIX)
        shape = _shape(path, "input", source, size, _DTYPES)
        found[name] = _Source(source["index"], shape, np.dtype(source["dtype"]))
    return found


def _shape(path: Path, kind: str, tensor: Mapping[str, Any], size: int, dtypes: tuple[type, ...]) -> tuple[int, ...]:
    """Return the shape of a tensor, after it was found to be as expected."""
    shape = tuple(int(length) for length in tensor["shape"])
    dtype = np.dtype(tensor["dtype"])
    if dtype not in dtypes or not shape or shape[0] != size:
        expected = f"{' or '.join(str(np.dtype(one)) for one in dtypes)} of batch size {size}"
        raise ModelFileError(f"{path.name}: its {kind} is {dtype} {list(shape)}, expected {expected}")
    return shape
