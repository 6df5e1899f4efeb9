"""Bodies of the Open Inference Protocol v2: a request's JSON to an array, an answer's arrays to JSON."""

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from idla_contract.inference import Document, tensor_document
from idla_preprocess import Array, Arrays, InputError, Signature, Tensor

from idla_server.missing import check_missing, with_left_out

Numbers = npt.NDArray[np.generic]

DATATYPES: Mapping[str, npt.DTypeLike] = {
    "FP32": np.float32,
    "FP64": np.float64,
    "UINT8": np.uint8,
    "INT32": np.int32,
    "INT64": np.int64,
}
"""Accepted datatypes of an input of numbers; an input of texts is BYTES, and so are picture files."""
TEXT = "BYTES"

_REQUEST_KEYS = ("id", "inputs", "model_name", "model_version", "outputs", "parameters")
_INPUT_KEYS = ("data", "datatype", "name", "parameters", "shape")
_OUTPUT_KEYS = ("name", "parameters")
_NUMBER_OR_NULL = (int, float, type(None))
_MOST_RANKS = 4
_SHOWN_NAMES = 8


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A request whose form is right; whether it holds inputs of this model is yet to be seen."""

    id: str | None
    inputs: Arrays
    """By name, in the shapes that the request gives; texts as objects; NaN or an empty text where one is missing."""
    outputs: tuple[str, ...]
    """Wanted outputs in the wanted order, without repetition."""
    parameters: Mapping[str, Any]


def decode(body: bytes, signature: Signature, maximum_batch: int) -> InferRequest:
    """Return what a request's body asks.

    Args:
        body: the JSON text.
        signature: of the model.
        maximum_batch: the most examples of one request.

    Raises:
        InputError: the field, what was found, and what is allowed.
    """
    content = _object("the body", _parse(body), _REQUEST_KEYS)
    identifier = content.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise InputError("id", shown(identifier), "a text")
    parameters = _parameters("parameters", content)
    inputs = _inputs(content.get("inputs"), signature.inputs, maximum_batch)
    wanted = _outputs(content.get("outputs"), tuple(tensor.name for tensor in signature.outputs))
    return InferRequest(identifier, inputs, wanted, parameters)


def encode(request: InferRequest, name: str, version: str, answers: Arrays) -> bytes:
    """Return an answer's body: the wanted ones of the answers by name."""
    content: dict[str, Any] = {"model_name": name, "model_version": version}
    if request.id is not None:
        content["id"] = request.id
    outputs = [encode_tensor(output, answers[output]) for output in request.outputs]
    return dump(content | {"outputs": outputs})


def dump(content: Document) -> bytes:
    """Return a body; numbers that are not finite become null."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def shown(value: object) -> str:
    """Return a value as an error shows it: short, however large it is."""
    return "nothing" if value is None else _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 2


def encode_tensor(name: str, array: Array) -> Document:
    """Return a tensor for `dump`: numbers as FP32 or INT64, texts as BYTES."""
    data: object
    if array.dtype.kind == "f":
        datatype, data = "FP32", np.ascontiguousarray(array, np.float32).ravel()
    elif array.dtype.kind in "iu":
        datatype, data = "INT64", np.ascontiguousarray(array, np.int64).ravel()
    else:
        datatype, data = TEXT, [str(text) for text in array.ravel()]
    return tensor_document(name, datatype, array.shape, data)


def _parse(body: bytes) -> object:
    try:
        content: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(
            "the body",
            f"no JSON ({error})",
            "a JSON object; JSON has neither NaN nor Infinity, a missing number is null",
        ) from error
    return content


def _object(field: str, value: object, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(field, shown(value), f"a JSON object with the keys {', '.join(keys)}")
    unknown = sorted(value.keys() - set(keys))
    if unknown:
        raise InputError(field, f"the key {shown(unknown[0])}", f"the keys {', '.join(keys)}")
    return value


def _parameters(field: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return parameters as the protocol demands, save those that would change how the bytes are read."""
    parameters = content.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise InputError(field, shown(parameters), "a JSON object")
    for name in ("binary_data", "binary_data_output", "binary_data_size"):
        if parameters.get(name):
            raise InputError(
                f"{field}.{name}", shown(parameters[name]), "tensors as JSON; there is no binary extension"
            )
    return parameters


def _inputs(value: object, tensors: tuple[Tensor, ...], maximum_batch: int) -> Arrays:
    names = ", ".join(f"`{tensor.name}`" for tensor in tensors[:_SHOWN_NAMES]) + (
        ", ..." if len(tensors) > _SHOWN_NAMES else ""
    )
    allowed = f"a list with the {'one tensor' if len(tensors) == 1 else f'{len(tensors)} tensors'} {names}"
    if not isinstance(value, list) or not 1 <= len(value) <= len(tensors):
        found = f"{len(value)} tensors" if isinstance(value, list) else shown(value)
        raise InputError("inputs", found, allowed)
    known = {tensor.name: tensor for tensor in tensors}
    found_inputs: dict[str, Array] = {}
    for index, entry in enumerate(value):
        field = f"inputs[{index}]"
        content = _object(field, entry, _INPUT_KEYS)
        tensor = known.pop(str(content.get("name")), None) if isinstance(content.get("name"), str) else None
        if tensor is None:
            raise InputError(f"{field}.name", shown(content.get("name")), names if known else "each tensor once")
        found_inputs[tensor.name] = _input(field, content, tensor, maximum_batch)
    lengths = {name: len(array) for name, array in found_inputs.items()}
    if len(set(lengths.values())) > 1:
        first, other = sorted(lengths.items(), key=lambda item: item[1])[:: len(lengths) - 1][:2]
        raise InputError("inputs", f"{first[1]} of `{first[0]}` and {other[1]} of `{other[0]}`", "as many of each")
    return with_left_out(found_inputs, tensors)


def _input(field: str, content: Mapping[str, Any], tensor: Tensor, maximum_batch: int) -> Array:
    datatype = content.get("datatype")
    datatypes = (TEXT,) if tensor.datatype == TEXT else (*DATATYPES, *((TEXT,) if tensor.pictures else ()))
    if not isinstance(datatype, str) or datatype not in datatypes:
        raise InputError(f"{field}.datatype", shown(datatype), ", ".join(datatypes))
    _parameters(f"{field}.parameters", content)
    shape = _shape(field, content.get("shape"), maximum_batch)
    data = content.get("data")
    if datatype == TEXT:
        return _texts(field, data, shape, tensor)
    numbers = _shaped(field, _numbers(field, data, datatype, tensor), shape)
    check_missing(f"{field}.data", numbers, tensor)
    return numbers


def _texts(field: str, data: object, shape: tuple[int, ...], tensor: Tensor) -> Array:
    if not isinstance(data, list) or not all(text is None or isinstance(text, str) for text in data):
        allowed = "a flat list of texts" + (", or null where one is missing" if tensor.missing else "")
        raise InputError(f"{field}.data", shown(data), allowed)
    if not data or len(data) != math.prod(shape):
        raise InputError(f"{field}.data", f"{len(data)} texts", f"as many as the shape {list(shape)} has, one or more")
    texts = np.empty(len(data), dtype=object)
    texts[:] = data
    check_missing(f"{field}.data", texts, tensor)
    texts[:] = [text or "" for text in data]
    return texts.reshape(shape)


def _shaped(field: str, numbers: Numbers, shape: tuple[int, ...]) -> Numbers:
    if numbers.shape == shape:
        return numbers
    if numbers.ndim != 1 or numbers.size != math.prod(shape):
        nested = f"numbers nested as {list(numbers.shape)}" if numbers.ndim > 1 else f"{numbers.size} numbers"
        allowed = f"as many numbers as the shape {list(shape)} has ({math.prod(shape)}), flat or nested like it"
        raise InputError(f"{field}.data", nested, allowed)
    return numbers.reshape(shape)


def _shape(field: str, value: object, maximum_batch: int) -> tuple[int, ...]:
    allowed = f"a list of 1 to {_MOST_RANKS} whole numbers, the batch first"
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_RANKS:
        raise InputError(f"{field}.shape", shown(value), allowed)
    if any(type(length) is not int or length < 0 for length in value):
        raise InputError(f"{field}.shape", shown(value), allowed)
    if value[0] > maximum_batch:
        raise InputError(f"{field}.shape", f"a batch of {value[0]}", f"at most {maximum_batch}; send several requests")
    return tuple(value)


def _numbers(input_field: str, data: object, datatype: str, tensor: Tensor) -> Numbers:
    field = f"{input_field}.data"
    if not isinstance(data, list):
        raise InputError(field, shown(data), "a list of numbers")
    try:
        numbers = np.asarray(data)
    except ValueError as error:
        raise InputError(
            field, "lists of unequal length or depth", "a flat list, or one nested like the shape"
        ) from error
    if numbers.size == 0:
        raise InputError(field, "no number", "at least one example")
    wanted = np.dtype(DATATYPES[datatype])
    if numbers.dtype.kind == "O" and all(type(each) in _NUMBER_OR_NULL for each in numbers.flat):
        if wanted.kind != "f":
            rest = "; one that is missing is null in FP32 and FP64" if tensor.missing else " only"
            raise InputError(field, f"null among {datatype}", f"whole numbers{rest}")
        return numbers.astype(np.float64)  # null is NaN: a missing number, which JSON cannot say otherwise
    if numbers.dtype.kind not in "iuf":
        allowed = "a list of numbers" + (", or null where one is missing" if tensor.missing else "")
        raise InputError(field, "values that are not numbers", allowed)
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


def _outputs(value: object, known: tuple[str, ...]) -> tuple[str, ...]:
    if value is None or value == []:
        return known
    if not isinstance(value, list):
        raise InputError("outputs", shown(value), "a list of objects with a name")
    names = []
    for index, entry in enumerate(value):
        field = f"outputs[{index}]"
        output = _object(field, entry, _OUTPUT_KEYS)
        if output.get("name") not in known:
            raise InputError(f"{field}.name", shown(output.get("name")), " or ".join(f"`{name}`" for name in known))
        _parameters(f"{field}.parameters", output)
        names.append(output["name"])
    return tuple(dict.fromkeys(names))
