"""Raw inputs to tensors by a versioned spec; the trainer and the server run this same code."""

from idla_preprocess.image import ImageSpec, InputError, to_tensor

__all__ = ["ImageSpec", "InputError", "to_tensor"]
