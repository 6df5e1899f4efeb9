"""What the loss says of each weight, for the importance of channels."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from idla_trainer.compression.distill import TrainingExamples
from idla_trainer.compression.keras_graph import KerasGraph
from idla_trainer.models.prediction import cut_at_logits, feed
from idla_trainer.training.network import Loss

_BATCHES, _BATCH = 16, 64


def weight_times_gradient(
    keras_graph: KerasGraph,
    data: TrainingExamples,
    loss: Loss,
    *,
    seed: int,
) -> Iterator[dict[str, dict[str, npt.NDArray[Any]]]]:
    """Yield for up to 16 batches of train data every trainable weight times the gradient of the mean loss.

    Args:
        keras_graph: the network; it is not changed.
        data: of which the examples to learn from are taken, in an order that the seed gives.
        loss: of the targets.
        seed: of the order.
    """
    trained = [
        (name, weight)
        for name, layer in keras_graph.layers()
        for weight in getattr(layer, "trainable_weights", ())
    ]  # fmt: skip
    products = _products(keras_graph.model, [weight.value for _, weight in trained], loss)
    order = np.random.default_rng(seed).permutation(len(data.targets))
    for start in range(0, min(len(order), _BATCHES * _BATCH), _BATCH):
        chosen = order[start : start + _BATCH]
        inputs = {name: array[chosen] for name, array in data.inputs.items()}
        found: dict[str, dict[str, npt.NDArray[Any]]] = {}
        for (layer, weight), product in zip(trained, products(inputs, data.targets[chosen]), strict=True):
            found.setdefault(layer, {})[weight.name] = product.numpy()
        yield found


def _products(model: Any, values: list[Any], loss: Loss) -> Any:
    """Return a traced function of inputs and targets that gives each value times its gradient."""
    model = cut_at_logits(model)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def products(inputs: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            losses = tf.reduce_mean(loss(targets, model(feed(model, inputs), training=False)))
        found = tape.gradient(losses, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) * value for gradient, value in zip(found, values, strict=True)]

    return products
