"""What is learned, and how good it is: the part of a task's kind that training, compression and evaluation share."""

from typing import Any, Protocol, runtime_checkable

from idla_contract.problem import Metric
from idla_preprocess import Array, Arrays


class Objective(Protocol):
    """The end of a network, its loss and its scores."""

    @property
    def metric(self) -> Metric:
        """Return the measure by which candidates and variants are compared."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the layer `logits` for one example."""
        ...

    def loss(self, targets: Any, outputs: Any) -> Any:
        """Return the loss of each example, a TensorFlow tensor [N].

        Args:
            targets: tensor [N, ...].
            outputs: tensor [N, *shape] of the layer `logits`.
        """
        ...

    def finish(self, outputs: Any) -> Any:
        """Return what is served, as a Keras tensor made of the layer `logits`."""
        ...

    def scores(self, targets: Array, values: Array, raw: Arrays) -> dict[str, float]:
        """Return every metric of the task by name, `metric` among them.

        Args:
            targets: [N, ...].
            values: what the network serves for them, [N, ...].
            raw: the raw inputs, [N, ...] each.
        """
        ...

    def score(self, targets: Array, values: Array, raw: Arrays) -> float:
        """Return `metric` alone, without the work of the others; the arguments are those of `scores`."""
        ...

    def naive(self, targets: Array, raw: Arrays) -> Array:
        """Return the baseline in the shape of what is served, [M, ...].

        Args:
            targets: of the training examples, [N, ...].
            raw: the raw inputs of the M examples that are asked for.
        """
        ...


@runtime_checkable
class ClassObjective(Objective, Protocol):
    """An objective whose answers are right or wrong."""

    def predicted(self, values: Array) -> Array:
        """Return the class number of each answer [N]; none of them where a client receives no class.

        Args:
            values: what the network serves, [N, classes].
        """
        ...


@runtime_checkable
class MeanObjective(Objective, Protocol):
    """An objective whose metric is a mean over the examples, so that samples of them need no new measuring."""

    def each(self, targets: Array, values: Array, raw: Arrays) -> Array:
        """Return what each example adds to the mean [N]; the arguments are those of `scores`."""
        ...
