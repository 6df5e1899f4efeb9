"""Images: what one example looks like, and how raw arrays become a batch of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from idla_preprocess.base import Array, Arrays, InputError, Tensor
from idla_preprocess.checks import check_whole, raw_input
from idla_preprocess.decode import CHANNELS, WHITE, pictures
from idla_preprocess.stored import Stored

IMAGE = "image"
_LARGEST_SIDE = 16384


@dataclass(frozen=True, slots=True)
class ImageSpec(Stored):
    """One example's size and the largest pixel value; the scaling by `maximum` is part of the graph."""

    kind: ClassVar[str] = "image"
    added: ClassVar[Mapping[str, Any]] = {"reduced": False}

    height: int
    width: int
    channels: int
    maximum: float
    reduced: bool = False
    """Whether JPEG files are unpacked at a part of their size, as `pixels_of` says: not by models of before."""

    def __post_init__(self) -> None:
        """Refuse a spec that describes no image.

        Raises:
            InputError: a size or the maximum is out of its range.
        """
        for field in ("height", "width", "channels"):
            check_whole(field, getattr(self, field), 1, _LARGEST_SIDE)
        if isinstance(self.maximum, bool) or not isinstance(self.maximum, int | float):
            raise InputError("maximum", repr(self.maximum), "a number above 0")
        if not isinstance(self.reduced, bool):
            raise InputError("reduced", repr(self.reduced), "true or false")
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
        array = raw_input(raw, IMAGE, "an array of images")
        if array.dtype.kind in "OU" and self.channels in CHANNELS:
            array = pictures(array, self.shape, field=IMAGE, reduced=self.reduced).astype(np.float32) * np.float32(
                self.maximum / WHITE
            )
        return {IMAGE: to_tensor(self, array, field=IMAGE)}


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
