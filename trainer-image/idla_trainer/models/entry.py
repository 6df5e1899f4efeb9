"""What is known of a network: how it is built, from which inputs, with which settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from idla_preprocess import Arrays, Preprocess

from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.objective import Objective

Builder = Callable[[Any, Objective, Values], Any]
Augment = Callable[..., Any]
Begin = Callable[..., None]
Prior = Callable[[Any, Values, int], None]
Augmentation = Callable[..., Arrays]
"""`augmentation(inputs, epoch=, step=)` returns a batch's inputs as training sees them."""
LOGITS = "logits"
"""Name of the layer that the loss is made of."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A network: from the inputs of one kind of preprocessing to the layer `logits` and what the objective makes of it.

    `build(preprocess, objective, values)` returns a Keras model. Its inputs are named and shaped as the preprocessing's
    tensors, its layer `logits` has the objective's shape, and its output is `objective.finish` of that layer. It is
    made of Keras' own layers, which the converter to LiteRT knows, and of no random number but Keras' own, so that
    equal seeds build equal networks.
    """

    build: Builder
    hyperparameters: tuple[Hyperparameter, ...]
    preprocess: type[Preprocess]
    augment: Augment | None = None
    """`augment(inputs, values, seed=, epoch=, step=)` returns a batch's inputs, changed at random by these alone."""
    begin: Begin | None = None
    """`begin(model, objective, examples, values, seed=)` gives a new network the weights of a closed form."""
    prior: Prior | None = None
    """`prior(model, values, examples)` gives layers the penalties of what is thought of their weights before any
    example is seen, shared by so many examples; None: nothing is thought of them."""
    begins_with_weights: bool = False
    """Whether it can begin with given weights; `fine_tuning.HYPERPARAMETERS` are settings of it then."""
    needs_weights: bool = False
    """Whether it is of no use without."""
