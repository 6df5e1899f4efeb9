"""Images: what one example looks like, and how raw arrays become a batch of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.checks import exact_keys
from idla_preprocess.decode import CHANNELS, WHITE, pictures

IMAGE = "image"
_LARGEST_SIDE = 16384


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """One example's size and the largest pixel value; the scaling by `maximum` is part of the graph."""

    kind: ClassVar[str] = "image"

    height: int
    width: int
    channels: int
    maximum: float

    def __post_init__(self) -> None:
        """Refuse a spec that describes no image.

        Raises:
            InputError: a size or the maximum is out of its range.
        """
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

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Return the one input: raw pixels, or picture files where they could be grey or coloured."""
        return (Tensor(IMAGE, "FP32", (-1, *self.shape), pictures=self.channels in CHANNELS),)

    def to_tensors(self, raw: Arrays) -> dict[str, Array]:
        """Return the batch [N, height, width, channels] under the input's name.

        Args:
            raw: `image`, as `to_tensor` takes it; or base64 texts of picture files [N] or [N, 1], whose white is
                `maximum`.

        Raises:
            InputError: as `to_tensor` and `pictures` say.
        """
        if IMAGE not in raw:
            raise InputError(IMAGE, "nothing", "an array of images")
        array = np.asarray(raw[IMAGE])
        if array.dtype.kind in "OU" and self.channels in CHANNELS:
            array = pictures(array, self.shape, field=IMAGE).astype(np.float32) * np.float32(self.maximum / WHITE)
        return {IMAGE: to_tensor(self, array, field=IMAGE)}

    def content(self) -> dict[str, Any]:
        """Return the sizes and the maximum."""
        return {
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
            "maximum": float(self.maximum),
        }

    def arrays(self) -> dict[str, Array]:
        """Return nothing: all of it is in `content`."""
        return {}

    @classmethod
    def restored(cls, content: Mapping[str, Any], arrays: Arrays) -> Self:
        """Return the spec that `content` describes.

        Raises:
            InputError: it has other keys, or a value is out of its range.
        """
        exact_keys("inputs", content, ("height", "width", "channels", "maximum"))
        exact_keys("arrays", arrays, ())
        return cls(**content)


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
