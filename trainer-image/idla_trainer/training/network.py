"""The part of the training that runs in TensorFlow: one step, one evaluation, and the state of both."""

from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from idla_contract.task import ModelSpec, Training
from idla_preprocess import ImageSpec

from idla_trainer.models.registry import entry_of
from idla_trainer.training.checkpoints import Arrays

_EVALUATED_AT_ONCE = 512
_STATE = "state/"


class Score(NamedTuple):
    """Mean loss and accuracy on some examples."""

    loss: float
    accuracy: float


def build_model(model: ModelSpec, image: ImageSpec, classes: int, *, seed: int) -> Any:
    """Return a Keras model with fresh weights that depend on the seed alone."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    entry, values = entry_of(model)
    return entry.build(image, classes, values)


class Network:
    """A model with its optimizer."""

    def __init__(self, model: ModelSpec, training: Training, image: ImageSpec, classes: int) -> None:
        tf.config.experimental.enable_op_determinism()
        self.model = build_model(model, image, classes, seed=training.seed)
        self._logits = keras.Model(self.model.input, self.model.get_layer("logits").output)
        self._optimizer = keras.optimizers.AdamW(training.learning_rate, weight_decay=training.weight_decay)
        self._optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self._optimizer.build(self.model.trainable_variables)
        self._step = tf.function(self._trace_step, reduce_retracing=True)
        self._score = tf.function(self._trace_score, reduce_retracing=True)

    @property
    def parameters(self) -> int:
        """Return the number of weights, trained or not."""
        return int(self.model.count_params())

    def step(self, images: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], rate: float) -> Score:
        """Take one optimizer step on a batch; return loss and accuracy of the batch before it."""
        self._optimizer.learning_rate.assign(rate)
        loss, hits = self._step(tf.constant(images), tf.constant(labels))
        return Score(float(loss), int(hits) / len(labels))

    def score(self, images: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> Score:
        """Return loss and accuracy without a change of the model."""
        loss, correct = 0.0, 0
        for start in range(0, len(labels), _EVALUATED_AT_ONCE):
            part = slice(start, start + _EVALUATED_AT_ONCE)
            losses, hits = self._score(tf.constant(images[part]), tf.constant(labels[part]))
            loss, correct = loss + float(losses), correct + int(hits)
        return Score(loss / len(labels), correct / len(labels))

    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the model's weights by their place."""
        return {f"{place:04d}": np.array(weight) for place, weight in enumerate(self.model.weights)}

    def set_weights(self, weights: Arrays) -> None:
        """Set the model's weights."""
        set_weights(self.model, weights)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all that a step depends on: weights, random states and moments."""
        return {f"{_STATE}{place:04d}": np.array(variable) for place, variable in enumerate(self._variables())}

    def accepts(self, state: Arrays) -> bool:
        """Tell whether a state has exactly this network's variables."""
        own = {name: array.shape for name, array in self.state().items()}
        return own == {name: array.shape for name, array in state.items() if name.startswith(_STATE)}

    def set_state(self, state: Arrays) -> None:
        """Set what `state` returned."""
        for place, variable in enumerate(self._variables()):
            variable.assign(state[f"{_STATE}{place:04d}"])

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self._optimizer.variables]

    def _trace_step(self, images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = self._logits(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self._optimizer.apply(gradients, self.model.trainable_variables)
        return loss, _hits(labels, logits)

    def _trace_score(self, images: Any, labels: Any) -> Any:
        logits = self._logits(images, training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.reduce_sum(losses), _hits(labels, logits)


def _hits(labels: Any, logits: Any) -> Any:
    return tf.reduce_sum(tf.cast(tf.equal(tf.argmax(logits, axis=1), labels), tf.int64))


def set_weights(model: Any, weights: Arrays) -> None:
    """Set the weights of a Keras model that `Network.weights` returned."""
    for place, variable in enumerate(model.weights):
        variable.assign(weights[f"{place:04d}"])
