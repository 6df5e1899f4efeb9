"""The weights of the least penalised loss over all examples together, for models whose loss has one valley.

Steps of batches come near to it after many epochs only, more than a few hundred examples are worth.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from idla_trainer.data.dataset import Examples
from idla_trainer.models.lbfgs import Vector, minimize
from idla_trainer.models.prediction import cut_at_logits, feed
from idla_trainer.objective import Objective

_AT_ONCE = 4096
_STEPS = 200
_MOST = 50_000
"""Examples; more hardly move the valley, while every step would look at all of them."""


def fit(model: Any, objective: Objective, examples: Examples, *, seed: int) -> None:
    """Give a model the trainable weights with the least mean loss plus penalties of its layers.

    Args:
        model: a functional Keras model with a layer `logits`; its random layers do nothing here.
        objective: its loss.
        examples: to learn from; of more than 50,000 a random part.
        seed: of that part.
    """
    some = examples.drawn(_MOST, seed=seed)
    variables, outputs = [variable.value for variable in model.trainable_variables], cut_at_logits(model)
    shapes = [tuple(variable.shape) for variable in variables]
    borders = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def of_examples(inputs: Any, targets: Any, weights: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            answers = outputs(feed(outputs, inputs), training=False)
            loss = tf.reduce_sum(objective.loss(targets, answers) * weights) / len(some)
        return loss, tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def of_weights() -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            penalty = tf.add_n([tf.zeros(()), *model.losses])
        return penalty, tape.gradient(penalty, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    traced = tf.function(of_examples, reduce_retracing=True), tf.function(of_weights)

    def slope(place: Vector) -> tuple[float, Vector]:
        _assign(variables, np.split(place, borders))
        found = [traced[1](), *(traced[0](*part) for part in _parts(some))]
        gradients = [np.concatenate([_flat(entry) for entry in own]) for _, own in found]
        return float(sum(float(loss) for loss, _ in found)), np.sum(gradients, axis=0)

    start = np.concatenate([_flat(variable) for variable in variables])
    _assign(variables, np.split(minimize(slope, start, steps=_STEPS), borders))


def _parts(examples: Examples) -> Any:
    weights = np.ones(len(examples), np.float32) if examples.weights is None else examples.weights
    for start in range(0, len(examples), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        inputs = {name: tf.constant(array[part]) for name, array in examples.inputs.items()}
        yield inputs, tf.constant(examples.targets[part]), tf.constant(weights[part])


def _flat(tensor: Any) -> npt.NDArray[np.float64]:
    return np.asarray(tf.convert_to_tensor(tensor)).astype(np.float64).ravel()


def _assign(variables: Any, parts: Any) -> None:
    for variable, values in zip(variables, parts, strict=True):
        variable.assign(values.reshape(variable.shape))
