"""Names of the networks and what each needs to be built."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from idla_contract.result import FailureReason
from idla_contract.task import ModelSpec
from idla_preprocess import ImageSpec

from idla_trainer.failures import TaskError
from idla_trainer.models.hyperparameters import Hyperparameter, Values, validated
from idla_trainer.models.resnet import build_resnet
from idla_trainer.models.vgg import build_vgg

Builder = Callable[[ImageSpec, int, Values], Any]

_DROPOUT = Hyperparameter("dropout", 0.4, 0, 0.9, "share of the last features that training leaves out", whole=False)
_SHIFT = Hyperparameter("shift", 1, 0, 16, "pixels by which training moves images at random")


@dataclass(frozen=True, slots=True)
class Entry:
    """A network: raw pixels [N, H, W, C] in, probabilities [N, classes] out, its last layer a softmax."""

    build: Builder
    hyperparameters: tuple[Hyperparameter, ...]


REGISTRY = {
    "resnet": Entry(
        build_resnet,
        (
            Hyperparameter("blocks", 1, 1, 18, "residual blocks of each of the three stages"),
            Hyperparameter("width", 32, 4, 256, "channels of the first stage; each stage doubles them"),
            _DROPOUT,
            _SHIFT,
        ),
    ),
    "vgg": Entry(
        build_vgg,
        (
            Hyperparameter("blocks", 3, 1, 5, "pairs of convolutions, each halving the image"),
            Hyperparameter("width", 32, 4, 256, "channels of the first pair; each pair doubles them"),
            Hyperparameter("dense", 128, 8, 4096, "units of the dense layer"),
            _DROPOUT,
            _SHIFT,
        ),
    ),
}


def entry_of(model: ModelSpec) -> tuple[Entry, Values]:
    """Return the registry's entry of a model and its complete hyperparameters.

    Raises:
        TaskError: no such builder, or a wrong hyperparameter.
    """
    entry = REGISTRY.get(model.builder)
    if entry is None:
        message = f"model.builder: found {model.builder!r}; this image knows {', '.join(sorted(REGISTRY))}"
        raise TaskError(FailureReason.SPEC_INVALID, message)
    return entry, validated(model.builder, entry.hyperparameters, model.hyperparameters)
