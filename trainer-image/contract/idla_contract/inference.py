"""Paths and request document of the Open Inference Protocol v2 over HTTP, which client and server share."""

from collections.abc import Mapping, Sequence
from typing import Any

LIVE = "/v2/health/live"
"""200 while the process works."""
READY = "/v2/health/ready"
"""200 while requests should be sent, 503 else."""

Document = dict[str, Any]
"""A JSON object."""


def model_path(model: str) -> str:
    """Return where a model describes itself."""
    return f"/v2/models/{model}"


def infer_path(model: str) -> str:
    """Return where a model takes requests by POST."""
    return f"{model_path(model)}/infer"


def tensor_document(name: str, datatype: str, shape: Sequence[int], data: object) -> Document:
    """Return a tensor of a request or of an answer.

    Args:
        name: of the input or output.
        datatype: of the protocol: FP32, FP64, UINT8, INT32, INT64, or BYTES for texts.
        shape: the examples first.
        data: the values, flat, the last axis varying fastest.
    """
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": data}


def infer_request(
    inputs: Sequence[Document], *, outputs: Sequence[str] = (), parameters: Mapping[str, Any] | None = None
) -> Document:
    """Return a request.

    Args:
        inputs: tensors.
        outputs: names of what is wanted. Default: all outputs.
        parameters: of the model. Default: its own.
    """
    request: Document = {"inputs": list(inputs)}
    if outputs:
        request["outputs"] = [{"name": name} for name in outputs]
    if parameters:
        request["parameters"] = dict(parameters)
    return request
