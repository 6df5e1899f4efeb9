"""A model's tensors, in the words of the Open Inference Protocol v2."""

from collections.abc import Sequence

from idla_contract.artifact import TensorSpec
from idla_preprocess import Tensor


def tensor_specs(tensors: Sequence[Tensor]) -> tuple[TensorSpec, ...]:
    """Return tensors as a manifest lists them."""
    return tuple(TensorSpec(name=each.name, datatype=each.datatype, shape=each.shape) for each in tensors)
