"""Raw inputs to tensors by a versioned spec; the trainer and the server run this same code."""

from idla_preprocess.base import Answers, Arrays, InputError, Preprocess, Tensor
from idla_preprocess.image import ImageSpec, to_tensor

__all__ = ["Answers", "Arrays", "ImageSpec", "InputError", "Preprocess", "Tensor", "to_tensor"]
