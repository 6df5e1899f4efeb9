"""Bodies of the Open Inference Protocol v2: a request's JSON to an array, an answer's arrays to JSON."""

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from idla_preprocess import InputError

from idla_server.signature import IMAGE, LABEL, OUTPUTS, PROBABILITIES

Numbers = npt.NDArray[np.generic]

DATATYPES: Mapping[str, npt.DTypeLike] = {
    "FP32": np.float32,
    "FP64": np.float64,
    "UINT8": np.uint8,
    "INT32": np.int32,
    "INT64": np.int64,
}
"""Accepted datatypes of the input; each is turned into float32."""

_REQUEST_KEYS = ("id", "inputs", "model_name", "model_version", "outputs", "parameters")
_INPUT_KEYS = ("data", "datatype", "name", "parameters", "shape")
_OUTPUT_KEYS = ("name", "parameters")
_INPUT = "inputs[0]"
_RANKS = (2, 3, 4)


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A request whose form is right; whether it holds images of this model is yet to be seen."""

    id: str | None
    image: Numbers
    """In the shape that the request gives."""
    outputs: tuple[str, ...]
    """Wanted outputs in the wanted order, without repetition."""


def decode(body: bytes, maximum_batch: int) -> InferRequest:
    """Return what a request's body asks.

    Args:
        body: the JSON text.
        maximum_batch: the most examples of one request.

    Raises:
        InputError: the field, what was found, and what is allowed.
    """
    content = _object("the body", _parse(body), _REQUEST_KEYS)
    identifier = content.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise InputError("id", shown(identifier), "a text")
    _check_parameters("parameters", content)
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1:
        found = f"{len(inputs)} tensors" if isinstance(inputs, list) else shown(inputs)
        raise InputError("inputs", found, f"a list with the one tensor `{IMAGE}`")
    image = _image(_object(_INPUT, inputs[0], _INPUT_KEYS), maximum_batch)
    return InferRequest(identifier, image, _outputs(content.get("outputs")))


def encode(
    request: InferRequest, name: str, version: str, probabilities: npt.NDArray[np.float32], labels: tuple[str, ...]
) -> bytes:
    """Return an answer's body: the wanted outputs for probabilities [N, classes]."""
    outputs = []
    for output in request.outputs:
        if output == PROBABILITIES:
            outputs.append(_tensor(output, "FP32", probabilities.shape, probabilities.ravel()))
        else:
            best = [labels[index] for index in probabilities.argmax(axis=1).tolist()]
            outputs.append(_tensor(LABEL, "BYTES", (len(best),), best))
    content: dict[str, Any] = {"model_name": name, "model_version": version}
    if request.id is not None:
        content["id"] = request.id
    return orjson.dumps(content | {"outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)


def shown(value: object) -> str:
    """Return a value as an error shows it: short, however large it is."""
    return "nothing" if value is None else _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 2


def _tensor(name: str, datatype: str, shape: tuple[int, ...], data: object) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": data}


def _parse(body: bytes) -> object:
    try:
        content: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(
            "the body", f"no JSON ({error})", "a JSON object; JSON has neither NaN nor Infinity"
        ) from error
    return content


def _object(field: str, value: object, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(field, shown(value), f"a JSON object with the keys {', '.join(keys)}")
    unknown = sorted(value.keys() - set(keys))
    if unknown:
        raise InputError(field, f"the key {shown(unknown[0])}", f"the keys {', '.join(keys)}")
    return value


def _check_parameters(field: str, content: Mapping[str, Any]) -> None:
    """Accept parameters as the protocol demands, save those that would change how the bytes are read."""
    parameters = content.get("parameters")
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        raise InputError(field, shown(parameters), "a JSON object")
    for name in ("binary_data", "binary_data_output", "binary_data_size"):
        if parameters.get(name):
            raise InputError(
                f"{field}.{name}", shown(parameters[name]), "tensors as JSON; there is no binary extension"
            )


def _image(tensor: Mapping[str, Any], maximum_batch: int) -> Numbers:
    if tensor.get("name") != IMAGE:
        raise InputError(f"{_INPUT}.name", shown(tensor.get("name")), f"`{IMAGE}`")
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise InputError(f"{_INPUT}.datatype", shown(datatype), ", ".join(DATATYPES))
    _check_parameters(f"{_INPUT}.parameters", tensor)
    shape = _shape(tensor.get("shape"), maximum_batch)
    numbers = _numbers(tensor.get("data"), datatype)
    if numbers.shape == shape:
        return numbers
    if numbers.ndim != 1 or numbers.size != math.prod(shape):
        nested = f"numbers nested as {list(numbers.shape)}" if numbers.ndim > 1 else f"{numbers.size} numbers"
        allowed = f"as many numbers as the shape {list(shape)} has ({math.prod(shape)}), flat or nested like it"
        raise InputError(f"{_INPUT}.data", nested, allowed)
    return numbers.reshape(shape)


def _shape(value: object, maximum_batch: int) -> tuple[int, ...]:
    allowed = f"a list of {_RANKS[0]} to {_RANKS[-1]} whole numbers, the batch first"
    if not isinstance(value, list) or len(value) not in _RANKS:
        raise InputError(f"{_INPUT}.shape", shown(value), allowed)
    if any(type(length) is not int or length < 0 for length in value):
        raise InputError(f"{_INPUT}.shape", shown(value), allowed)
    if value[0] > maximum_batch:
        raise InputError(f"{_INPUT}.shape", f"a batch of {value[0]}", f"at most {maximum_batch}; send several requests")
    return tuple(value)


def _numbers(data: object, datatype: str) -> Numbers:
    field = f"{_INPUT}.data"
    if not isinstance(data, list):
        raise InputError(field, shown(data), "a list of numbers")
    try:
        numbers = np.asarray(data)
    except ValueError as error:
        raise InputError(
            field, "lists of unequal length or depth", "a flat list, or one nested like the shape"
        ) from error
    if numbers.size == 0:
        raise InputError(field, "no number", "at least one image")
    if numbers.dtype.kind not in "iuf":
        raise InputError(field, "values that are not numbers", "numbers only; JSON null and texts are none")
    wanted = np.dtype(DATATYPES[datatype])
    if wanted.kind != "f":
        _check_integers(field, numbers, wanted, datatype)
    return numbers


def _check_integers(field: str, numbers: Numbers, wanted: np.dtype[Any], datatype: str) -> None:
    limits = np.iinfo(wanted)
    allowed = f"whole numbers from {limits.min} to {limits.max} for {datatype}"
    if numbers.dtype.kind == "f":
        raise InputError(field, "a number with a decimal point or beyond 64 bits", allowed)
    lowest, highest = int(numbers.min()), int(numbers.max())
    if lowest < limits.min or highest > limits.max:
        raise InputError(field, str(lowest if lowest < limits.min else highest), allowed)


def _outputs(value: object) -> tuple[str, ...]:
    if value is None or value == []:
        return OUTPUTS
    if not isinstance(value, list):
        raise InputError("outputs", shown(value), "a list of objects with a name")
    names = []
    for index, entry in enumerate(value):
        field = f"outputs[{index}]"
        output = _object(field, entry, _OUTPUT_KEYS)
        if output.get("name") not in OUTPUTS:
            raise InputError(f"{field}.name", shown(output.get("name")), " or ".join(f"`{name}`" for name in OUTPUTS))
        _check_parameters(f"{field}.parameters", output)
        names.append(output["name"])
    return tuple(dict.fromkeys(names))
