"""What is known of a network: how it is built, from which inputs, with which settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idla_preprocess import Array, Arrays, Preprocess

from idla_trainer.data.dataset import Examples
from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.objective import Objective

Builder = Callable[[Any, Objective, Values], Any]
Augment = Callable[..., Any]
Begin = Callable[..., None]
Prior = Callable[[Any, Values, int], None]
View = Callable[[Any, Values, Path], Preprocess]
Augmentation = Callable[..., Arrays]
"""`augmentation(inputs, epoch=, step=)` returns a batch's inputs as training sees them."""
LOGITS = "logits"
"""Name of the layer that the loss is made of."""
MEMBERS = "members"
"""Name of the layer [N, members, …] with the logits of several networks in one, where a model has one: training adds up
the losses of the members, each of which learns as if it were alone, and what is served is their mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What an entry finds its weights from, and in which limits."""

    train: Examples
    validation: Examples
    """By which it may stop and choose; may be empty, and then nothing is chosen."""
    rate: float
    """The learning rate."""
    seed: int
    threads: int
    maximum_bytes: int | None
    """That the served file may have; None: any number."""
    seconds: float
    """That it may take."""
    check: Callable[[], None]
    """To be called every second or so; what it raises ends the work."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A network whose weights were found without steps of descent."""

    found: Values
    """Hyperparameters that take the place of those that were asked for, such as how many trees there are. `build`
    builds the network with them, and a fit with them and without validation examples chooses nothing."""
    weights: tuple[Array, ...]
    """In the order of the Keras model's."""


Fit = Callable[[Any, Objective, Values, Learning], Fitted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The frozen part of a network: pretrained weights that make one feature of one tensor of the preprocessing.

    It looks at each example once, before anything is learned; what is trained stands behind it.
    """

    name: str
    """Of the weights; equal tensors have equal features in all fronts of one name."""
    origin: Mapping[str, str]
    """What the lineage of a model says of the weights: where they come from, their licence and digest, by name."""
    takes: str
    """The tensor, which the trained part does not see."""
    gives: str
    """The feature that the trained part sees in its place."""
    build: Callable[[Path], Any]
    """`build(encoders)` returns a Keras model from one to the other, for examples of any length, by the folder of the
    pretrained encoders; it raises `TaskError` where they are missing."""
    parameters: int
    """Its weights."""
    padded: bool = False
    """Whether zeros at the end of an example mean nothing, so that batches of short ones can leave them out."""


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
    fit: Fit | None = None
    """`fit(preprocess, objective, values, learning)` returns the whole network, of which nothing is left to train."""
    prior: Prior | None = None
    """`prior(model, values, examples)` gives layers the penalties, or the noise, of what is thought of the network
    before any example is seen, shared by so many examples; None: nothing is thought of it."""
    begins_with_weights: bool = False
    """Whether it can begin with given weights; `fine_tuning.HYPERPARAMETERS` are settings of it then."""
    view: View | None = None
    """`view(preprocess, values, encoders)` returns the preprocessing that the network itself looks through, made of the
    data's, which is of the kind `preprocess`; `encoders` is the folder of the pretrained encoders. None: the data's."""
    front: Front | None = None
    """What stands before the network that `build` returns; its inputs are what the front gives and the other tensors of
    the view. None: nothing does."""
    needs_weights: bool = False
    """Whether it is of no use without."""
