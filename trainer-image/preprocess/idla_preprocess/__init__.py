"""Raw inputs to tensors by a versioned spec; the trainer and the server run this same code."""

from idla_preprocess.base import Answers, Array, Arrays, InputError, Preprocess, Tensor
from idla_preprocess.classes import Classes
from idla_preprocess.image import ImageSpec
from idla_preprocess.signature import Signature

__all__ = [
    "Answers", "Array", "Arrays", "Classes", "ImageSpec", "InputError", "Preprocess", "Signature", "Tensor",
]  # fmt: skip
