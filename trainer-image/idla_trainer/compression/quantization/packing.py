"""LiteRT files without what costs bytes and says nothing: equal vectors written twice, names that nobody asks for.

The converter writes a vector of zero points as long as the channels for each weight, the shape and the name of every
inner tensor, and notes on the conversion: of a small network up to a quarter of the file.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow.lite.python import schema_py_generated as schema
from typing_extensions import override

from idla_trainer.compression.quantization.one_scale import share_scales

_IDENTIFIER = b"TFL3"
_ALIGNED = 16
"""Bytes at whose multiples the runtime wants the constants to begin."""
_LARGEST = 1 << 30
"""Bytes of a file beyond which it stays as it is: a flatbuffer ends at 2 GiB, and it is held in memory thrice."""
_NEEDED = frozenset({b"min_runtime_version"})
"""Notes that a runtime reads."""


def pack_file(content: bytes) -> bytes:
    """Return a file that answers the same in fewer bytes, or the given one.

    Weights of one layer share one scale where that changes them very little (`share_scales`); all else is exact.

    Args:
        content: a LiteRT file.
    """
    if len(content) > _LARGEST:
        return content
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for graph in model.subgraphs:
        share_scales(graph, model.buffers, [operator.builtinCode for operator in model.operatorCodes])
        _forget_names(graph)
    _forget_notes(model)
    builder = _Sharing(len(content))
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    smaller = bytes(builder.Output())
    return smaller if len(smaller) < len(content) else content


class _Sharing(schema.flatbuffers.Builder):  # type: ignore[misc] # TensorFlow's modules are untyped
    """Writes equal vectors and strings once."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    @override
    def CreateString(self, s: Any, encoding: str = "utf-8", errors: str = "strict") -> int:
        content = s.encode(encoding, errors) if isinstance(s, str) else bytes(s)
        key = ("string", content)
        if key not in self._written:
            self._written[key] = super().CreateString(content)
        return self._written[key]

    @override
    def CreateNumpyVector(self, x: npt.NDArray[Any]) -> int:
        key = (x.dtype.str, hashlib.sha256(x.tobytes()).digest())
        if key not in self._written:
            self._written[key] = self._constant(x) if x.dtype == np.uint8 else super().CreateNumpyVector(x)
        return self._written[key]

    def _constant(self, data: npt.NDArray[np.uint8]) -> int:
        self.StartVector(1, len(data), _ALIGNED)
        self.head = self.Head() - len(data)
        self.Bytes[self.head : self.head + len(data)] = data.tobytes()
        return int(self.EndVector())


def _forget_names(graph: Any) -> None:
    """Leave a graph only the names of its inputs and outputs, and no quantization that says nothing."""
    asked = {*map(int, graph.inputs), *map(int, graph.outputs)}
    for place, tensor in enumerate(graph.tensors):
        if place not in asked:
            tensor.name = None
        if tensor.quantization is not None and tensor.quantization.scale is None:
            tensor.quantization = None


def _forget_notes(model: Any) -> None:
    kept = [note for note in model.metadata or () if note.name in _NEEDED]
    for note in model.metadata or ():
        if note.name not in _NEEDED:
            model.buffers[note.buffer].data = None
    model.metadata = kept or None
    model.description = None
