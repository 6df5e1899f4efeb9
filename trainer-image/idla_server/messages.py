"""Bodies of the Open Inference Protocol v2: a request's JSON to an array, an answer's arrays to JSON."""

from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from idla_contract.inference import Document, tensor_document
from idla_preprocess import Array, Arrays, InputError, Signature, Tensor

from idla_server.binary import BINARY_DATATYPES, SIZE, BinaryData, read_binary, write
from idla_server.json_data import DATATYPES, TEXT, read_json, shown
from idla_server.missing import with_left_out

_REQUEST_KEYS = ("id", "inputs", "model_name", "model_version", "outputs", "parameters")
_INPUT_KEYS = ("data", "datatype", "name", "parameters", "shape")
_OUTPUT_KEYS = ("name", "parameters")
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
    binary: frozenset[str] = frozenset()
    """Outputs that are wanted as bytes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of an answer."""

    content: bytes
    json_bytes: int | None = None
    """Bytes of its JSON, where tensors come behind it; None: all of it is JSON."""


def decode(body: bytes, signature: Signature, maximum_batch: int, json_bytes: int | None = None) -> InferRequest:
    """Return what a request's body asks.

    Args:
        body: the JSON text, and behind it tensors as bytes.
        signature: of the model.
        maximum_batch: the most examples of one request.
        json_bytes: of the JSON text, where tensors come behind it; None: all of the body.

    Raises:
        InputError: the field, what was found, and what is allowed.
    """
    binary = BinaryData(body, json_bytes)
    content = _object("the body", _parse(binary.json), _REQUEST_KEYS)
    identifier = content.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise InputError("id", shown(identifier), "a text")
    parameters = _parameters("parameters", content)
    inputs = _inputs(content.get("inputs"), signature.inputs, maximum_batch, binary)
    binary.check_end()
    usual = _flag("parameters.binary_data_output", parameters.get("binary_data_output", False))
    wanted = _outputs(content.get("outputs"), tuple(tensor.name for tensor in signature.outputs), binary=usual)
    return InferRequest(
        identifier,
        with_left_out(inputs, signature.inputs),
        tuple(wanted),
        parameters,
        frozenset(output for output, binary in wanted.items() if binary),
    )


def encode(request: InferRequest, name: str, version: str, answers: Arrays) -> Reply:
    """Return an answer: the wanted ones of the answers by name, as JSON or as bytes."""
    content: dict[str, Any] = {"model_name": name, "model_version": version}
    if request.id is not None:
        content["id"] = request.id
    outputs, parts = [], []
    for output in request.outputs:
        if output in request.binary:
            datatype, array = _answered(answers[output])
            parts.append(write(array))
            parameters = {SIZE: len(parts[-1])}
            outputs.append({"name": output, "datatype": datatype, "shape": array.shape, "parameters": parameters})
        else:
            outputs.append(tensor_of(output, answers[output]))
    text = dump(content | {"outputs": outputs})
    return Reply(b"".join([text, *parts]), len(text)) if parts else Reply(text)


def dump(content: Document) -> bytes:
    """Return a body; numbers that are not finite become null."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def tensor_of(name: str, array: Array) -> Document:
    """Return a tensor for `dump`: numbers as FP32 or INT64, texts as BYTES."""
    datatype, values = _answered(array)
    data = [str(text) for text in values.ravel()] if datatype == TEXT else values.ravel()
    return tensor_document(name, datatype, values.shape, data)


def _answered(array: Array) -> tuple[str, Array]:
    """Return the datatype of an answer, and its values in it."""
    if array.dtype.kind == "f":
        return "FP32", np.ascontiguousarray(array, np.float32)
    if array.dtype.kind in "iu":
        return "INT64", np.ascontiguousarray(array, np.int64)
    return TEXT, array


def _parse(body: memoryview) -> object:
    text = body[len(BOM_UTF8) :] if bytes(body[: len(BOM_UTF8)]) == BOM_UTF8 else body
    try:
        content: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(
            "the body",
            f"no JSON ({error})",
            "a JSON object in UTF-8; JSON has neither NaN nor Infinity, a missing number is null",
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
    """Return parameters as the protocol demands."""
    parameters = content.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise InputError(field, shown(parameters), "a JSON object")
    return parameters


def _flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InputError(field, shown(value), "true or false")
    return value


def _inputs(value: object, tensors: tuple[Tensor, ...], maximum_batch: int, binary: BinaryData) -> Arrays:
    names = ", ".join(f"`{tensor.name}`" for tensor in tensors[:_SHOWN_NAMES]) + (
        ", ..." if len(tensors) > _SHOWN_NAMES else ""
    )
    allowed = f"a list with the {'one tensor' if len(tensors) == 1 else f'{len(tensors)} tensors'} {names}"
    if not isinstance(value, list) or not value:
        raise InputError("inputs", shown(value), allowed)
    known = {tensor.name: tensor for tensor in tensors}
    found_inputs: dict[str, Array] = {}
    for index, entry in enumerate(value):
        field = f"inputs[{index}]"
        content = _object(field, entry, _INPUT_KEYS)
        tensor = known.pop(str(content.get("name")), None) if isinstance(content.get("name"), str) else None
        if tensor is None:
            raise InputError(f"{field}.name", shown(content.get("name")), f"{names}, each once")
        found_inputs[tensor.name] = _input(field, content, tensor, maximum_batch, binary)
    lengths = {name: len(array) for name, array in found_inputs.items()}
    if len(set(lengths.values())) > 1:
        first, other = sorted(lengths.items(), key=lambda item: item[1])[:: len(lengths) - 1][:2]
        raise InputError("inputs", f"{first[1]} of `{first[0]}` and {other[1]} of `{other[0]}`", "as many of each")
    return found_inputs


def _input(field: str, content: Mapping[str, Any], tensor: Tensor, maximum_batch: int, binary: BinaryData) -> Array:
    datatype, parameters = content.get("datatype"), _parameters(f"{field}.parameters", content)
    numbers = BINARY_DATATYPES if SIZE in parameters else DATATYPES
    datatypes = (TEXT,) if tensor.datatype == TEXT else (*numbers, *((TEXT,) if tensor.pictures else ()))
    if not isinstance(datatype, str) or datatype not in datatypes:
        raise InputError(f"{field}.datatype", shown(datatype), ", ".join(datatypes))
    shape, data = _shape(field, content.get("shape"), maximum_batch), content.get("data")
    if SIZE not in parameters:
        return read_json(f"{field}.data", data, datatype, shape, tensor)
    if data is not None:
        raise InputError(f"{field}.data", shown(data), f"either `data` or the parameter {SIZE}")
    field = f"{field}.parameters.{SIZE}"
    return read_binary(field, binary.take(field, parameters[SIZE], tensor), datatype, shape, tensor)


def _shape(field: str, value: object, maximum_batch: int) -> tuple[int, ...]:
    allowed = f"a list of 1 to {_MOST_RANKS} whole numbers, the batch first"
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_RANKS:
        raise InputError(f"{field}.shape", shown(value), allowed)
    if any(type(length) is not int or length < 0 for length in value):
        raise InputError(f"{field}.shape", shown(value), allowed)
    if value[0] > maximum_batch:
        raise InputError(f"{field}.shape", f"a batch of {value[0]}", f"at most {maximum_batch}; send several requests")
    return tuple(value)


def _outputs(value: object, known: tuple[str, ...], *, binary: bool) -> dict[str, bool]:
    """Return the wanted outputs in the wanted order, and whether each is wanted as bytes."""
    if value is None or value == []:
        return dict.fromkeys(known, binary)
    if not isinstance(value, list):
        raise InputError("outputs", shown(value), "a list of objects with a name")
    wanted: dict[str, bool] = {}
    for index, entry in enumerate(value):
        field = f"outputs[{index}]"
        output = _object(field, entry, _OUTPUT_KEYS)
        if output.get("name") not in known:
            raise InputError(f"{field}.name", shown(output.get("name")), " or ".join(f"`{name}`" for name in known))
        parameters = _parameters(f"{field}.parameters", output)
        if parameters.get("classification"):
            allowed = "nothing; this server has no classification extension"
            raise InputError(f"{field}.parameters.classification", shown(parameters["classification"]), allowed)
        wanted[output["name"]] = _flag(f"{field}.parameters.binary_data", parameters.get("binary_data", binary))
    return wanted
