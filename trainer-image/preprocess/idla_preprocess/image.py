"""Images: what one example looks like, and how raw arrays become a batch of it."""

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import InputError

SCHEMA_VERSION = 1
_KEYS = ("channels", "height", "maximum", "schemaVersion", "width")
_LARGEST_SIDE = 16384


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """One example's size and the largest pixel value; the scaling by `maximum` is part of the graph."""

    height: int
    width: int
    channels: int
    maximum: float
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        """Refuse a spec that describes no image.

        Raises:
            InputError: a size, the maximum or the schema version is out of its range.
        """
        if type(self.schema_version) is not int or self.schema_version != SCHEMA_VERSION:
            raise InputError("schemaVersion", repr(self.schema_version), str(SCHEMA_VERSION))
        for field in ("height", "width", "channels"):
            size = getattr(self, field)
            if type(size) is not int or not 1 <= size <= _LARGEST_SIDE:
                raise InputError(field, repr(size), f"a whole number from 1 to {_LARGEST_SIDE}")
        if isinstance(self.maximum, bool) or not isinstance(self.maximum, int | float):
            raise InputError("maximum", repr(self.maximum), "a number above 0")
        if not math.isfinite(self.maximum) or self.maximum <= 0:
            raise InputError("maximum", repr(self.maximum), "a finite number above 0")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return [height, width, channels] of one example."""
        return self.height, self.width, self.channels

    def to_json(self) -> str:
        """Return the text of `preprocess.json`; equal specs have equal texts."""
        content = {
            "schemaVersion": self.schema_version,
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
            "maximum": float(self.maximum),
        }
        return json.dumps(content, sort_keys=True, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "ImageSpec":
        """Read what `to_json` wrote; nothing may be missing or added.

        Raises:
            InputError: it is not JSON, has other keys, or a value is out of its range.
        """
        try:
            content: Any = json.loads(text)
        except ValueError as error:
            raise InputError("preprocess.json", f"no JSON ({error})", "a JSON object") from error
        if not isinstance(content, dict):
            raise InputError("preprocess.json", type(content).__name__, "a JSON object")
        if sorted(content) != list(_KEYS):
            raise InputError("preprocess.json", f"the keys {sorted(content)}", f"exactly the keys {list(_KEYS)}")
        return cls(
            height=content["height"],
            width=content["width"],
            channels=content["channels"],
            maximum=content["maximum"],
            schema_version=content["schemaVersion"],
        )


def to_tensor(spec: ImageSpec, raw: npt.ArrayLike, *, field: str = "inputs") -> npt.NDArray[np.float32]:
    """Return a batch [N, height, width, channels] of float32 with the raw values, unscaled.

    Args:
        spec: the size of one example.
        raw: numbers as [N, H, W, C], [N, H, W] where there is one channel, or [N, H * W * C].
        field: the name that an error gives to `raw`.

    Raises:
        InputError: another kind of value, another shape, no example, or a value that is not finite as float32.
    """
    array = np.asarray(raw)
    if array.dtype.kind not in "buif":
        raise InputError(field, f"values of type {array.dtype}", "integers or floating-point numbers")
    height, width, channels = spec.shape
    allowed_shapes = [(height, width, channels), (height * width * channels,)]
    if channels == 1:
        allowed_shapes.insert(1, (height, width))
    allowed = " or ".join("[N, " + ", ".join(map(str, shape)) + "]" for shape in allowed_shapes) + ", N at least 1"
    if array.ndim == 0 or array.shape[1:] not in allowed_shapes or array.shape[0] == 0:
        raise InputError(field, f"the shape {list(array.shape)}", allowed)
    with np.errstate(over="ignore"):
        batch = np.ascontiguousarray(array, dtype=np.float32).reshape((array.shape[0], height, width, channels))
    if not np.isfinite(batch).all():
        example = int(np.argmax(~np.isfinite(batch).reshape(len(batch), -1).all(axis=1)))
        raise InputError(field, f"NaN or an infinite value in example {example}", "finite 32-bit numbers")
    return batch
