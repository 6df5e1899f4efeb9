"""TFRecord files as TensorFlow writes them, and damaged ones."""

import struct
from typing import Any

import google_crc32c
import tensorflow as tf


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
    content: bytes = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    return content


def feature(values: list[Any]) -> Any:
    if not values:
        return tf.train.Feature()
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def masked(content: bytes) -> int:
    value: int = google_crc32c.value(content)
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF
