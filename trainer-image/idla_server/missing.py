"""Values that a request does not have: null, NaN, and columns that are left out."""

from collections.abc import Sequence

import numpy as np
from idla_preprocess import Array, Arrays, InputError, Tensor

MOST_LEFT_OUT = 1 << 23
"""Values that a request may leave out; about as many as its bytes could say."""


def check_missing(field: str, values: Array, tensor: Tensor) -> None:
    """Make sure that no value is missing where the model has not learned what that means.

    Args:
        field: of the request.
        values: numbers, NaN where missing, or objects of which a missing one is None; any shape.
        tensor: the input that they are for.

    Raises:
        InputError: the input and the place of the first missing value.
    """
    if tensor.missing or values.dtype.kind not in "fO":
        return
    gaps = np.isnan(values) if values.dtype.kind == "f" else np.array([value is None for value in values.flat])
    if gaps.any():
        found = f"null or NaN as value {int(np.argmax(gaps))} of `{tensor.name}`, counted from 0"
        kind = "numbers" if values.dtype.kind == "f" else "texts"
        raise InputError(field, found, f"{kind} only; the model has not learned from missing ones")


def with_left_out(inputs: Arrays, tensors: Sequence[Tensor]) -> Arrays:
    """Return the inputs, and those that a request may leave out as missing in every example.

    Args:
        inputs: what a request holds, one input or more, [N, ...] each.
        tensors: of the model.

    Raises:
        InputError: more than `MOST_LEFT_OUT` values are left out.
    """
    left_out = [tensor for tensor in tensors if tensor.optional and tensor.name not in inputs]
    examples = len(next(iter(inputs.values())))
    if examples * len(left_out) > MOST_LEFT_OUT:
        allowed = f"at most {MOST_LEFT_OUT} values that are left out; send several requests"
        raise InputError("inputs", f"{examples} examples without {len(left_out)} of the inputs", allowed)
    missing = {"FP32": np.full(examples, np.nan, np.float32), "BYTES": np.full(examples, "", object)}
    return {**inputs, **{tensor.name: missing[tensor.datatype] for tensor in left_out}}
