"""TFRecord files as TensorFlow writes them, and damaged ones; TensorFlow's seven seconds are not paid for them."""

import struct
from functools import cache
from typing import Any

import google_crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELDS = {"bytes_list": bytes, "float_list": float}
_LISTS = {"bytes_list": ("BytesList", "TYPE_BYTES"), "float_list": ("FloatList", "TYPE_FLOAT"),
          "int64_list": ("Int64List", "TYPE_INT64")}  # fmt: skip
"""The field of a `Feature` for each type of value, in the order of their numbers: its message, and what that holds."""


def record(content: bytes, *, length: int | None = None, checksum: int | None = None) -> bytes:
    """Return a record; with another length or checksum than it has, where one is given."""
    head = struct.pack("<Q", len(content) if length is None else length)
    foot = masked(content) if checksum is None else checksum
    return head + struct.pack("<I", masked(head)) + content + struct.pack("<I", foot)


def records(*examples: dict[str, Any]) -> bytes:
    """Return a file of examples."""
    return b"".join(record(example(**values)) for values in examples)


def example(**values: Any) -> bytes:
    """Return a `tf.train.Example` of numbers, bytes, and lists of them."""
    features = {name: feature(value if isinstance(value, list) else [value]) for name, value in values.items()}
    content: bytes = _message("Example")(features=_message("Features")(feature=features)).SerializeToString()
    return content


def feature(values: list[Any]) -> Any:
    if not values:
        return _message("Feature")()
    field = next((name for name, kind in _FIELDS.items() if isinstance(values[0], kind)), "int64_list")
    return _message("Feature")(**{field: _message(_LISTS[field][0])(value=values)})


def masked(content: bytes) -> int:
    value: int = google_crc32c.value(content)
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"tensorflow.{name}"))


@cache
def _pool() -> Any:
    """Return the messages of TensorFlow's `example.proto` and `feature.proto`, in a pool of their own."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")

    def field(message: Any, name: str, number: int, kind: str, **more: Any) -> None:
        more["label"] = kinds.LABEL_REPEATED if more.pop("repeated", False) else kinds.LABEL_OPTIONAL
        message.field.add(name=name, number=number, type=getattr(kinds, kind), **more)

    def holding(message: Any, name: str, number: int, inner: str, **more: Any) -> None:
        field(message, name, number, "TYPE_MESSAGE", type_name=f".tensorflow.{inner}", **more)

    for name, kind in _LISTS.values():
        field(file.message_type.add(name=name), "value", 1, kind, repeated=True)
    one = file.message_type.add(name="Feature")
    one.oneof_decl.add(name="kind")
    for number, (name, (inner, _)) in enumerate(_LISTS.items(), start=1):
        holding(one, name, number, inner, oneof_index=0)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    field(entry, "key", 1, "TYPE_STRING")
    holding(entry, "value", 2, "Feature")
    holding(features, "feature", 1, "Features.FeatureEntry", repeated=True)
    holding(file.message_type.add(name="Example"), "features", 1, "Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool
