"""Pretrained encoders in the image: their vocabulary and weights, checked against the digests that are pinned."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from idla_trainer.encoders import VOCABULARY, WEIGHTS, Encoder, check_digest
from idla_trainer.failures import TaskError, spec_invalid
from idla_trainer.models.safetensors import read_tensors
from idla_trainer.wheel_files import WheelError


def read_vocabulary(encoders: Path, encoder: Encoder) -> npt.NDArray[np.uint8]:
    """Return an encoder's word pieces: UTF-8, a line feed between two.

    Args:
        encoders: the folder of the encoders.
        encoder: which one.

    Raises:
        TaskError: the image does not have it, or another file in its place.
    """
    return np.frombuffer(_read(encoders, encoder, VOCABULARY).removesuffix(b"\n"), np.uint8)


def read_weights(encoders: Path, encoder: Encoder) -> dict[str, npt.NDArray[Any]]:
    """Return an encoder's weights by the names of their file.

    Args:
        encoders: the folder of the encoders.
        encoder: which one.

    Raises:
        TaskError: the image does not have it, or another file in its place.
    """
    return read_tensors(_read(encoders, encoder, WEIGHTS))


def _read(encoders: Path, encoder: Encoder, name: str) -> bytes:
    path = encoders / encoder.name / name
    try:
        content = path.read_bytes()
        check_digest(str(path), content, encoder.members[name].sha256)
    except (OSError, WheelError) as error:
        raise _missing(encoder, str(error)) from error
    return content


def _missing(encoder: Encoder, problem: str) -> TaskError:
    return spec_invalid(
        f"model.builder: this image lacks the pretrained encoder {encoder.name} ({problem}); take the product's "
        f"trainer image, put {encoder.origin} into your own one as its Dockerfile does, or choose another model"
    )
