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


def weight_times_gradient(
    keras_graph: KerasGraph,
    data: TrainingExamples,
    loss: Loss,
    *,
    batches: int = 16,
    batch_size: int = 64,
    seed: int = 0,
) -> Iterator[dict[str, dict[str, npt.NDArray[Any]]]]:
    """Yield for batches of train data every trainable weight times the gradient of the mean loss.

    Args:
        keras_graph: the network; it is not changed.
        data: of which the examples to learn from are taken, in an order that the seed gives.
        loss: of the targets.
        batches: at most so many.
        batch_size: examples of each.
        seed: of the order.
    """
    model = cut_at_logits(keras_graph.model)
    trained = [
        (name, weight)
        for name, layer in keras_graph.layers()
        for weight in getattr(layer, "trainable_weights", ())
    ]  # fmt: skip
    values = [weight.value for _, weight in trained]

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def gradients(inputs: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            losses = tf.reduce_mean(loss(targets, model(feed(model, inputs), training=False)))
        found = tape.gradient(losses, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) * value for gradient, value in zip(found, values, strict=True)]

    order = np.random.default_rng(seed).permutation(len(data.targets))
    for start in range(0, min(len(order), batches * batch_size), batch_size):
        chosen = order[start : start + batch_size]
        inputs = {name: array[chosen] for name, array in data.inputs.items()}
        found: dict[str, dict[str, npt.NDArray[Any]]] = {}
        for (layer, weight), product in zip(trained, gradients(inputs, data.targets[chosen]), strict=True):
            found.setdefault(layer, {})[weight.name] = product.numpy()
        yield found
