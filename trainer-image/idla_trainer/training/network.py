"""The part of the training that runs in TensorFlow: one step, one evaluation, and the state of both."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from idla_contract.task import ModelSpec, Training
from idla_preprocess import Array, Preprocess

from idla_trainer.data.dataset import Examples
from idla_trainer.models.registry import entry_of
from idla_trainer.problems.objective import Objective
from idla_trainer.training.averaging import WeightAverage
from idla_trainer.training.checkpoints import Arrays

LOGITS = "logits"
"""Name of the layer that the loss is taken of."""
_EVALUATED_AT_ONCE = 512
_STATE = "state/"


class Evaluation(NamedTuple):
    """Mean loss on some examples, and what is served for them."""

    loss: float
    values: Array


def build_model(model: ModelSpec, preprocess: Preprocess, objective: Objective, *, seed: int) -> Any:
    """Return a Keras model with fresh weights that depend on the seed alone."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    entry, values = entry_of(model)
    return entry.build(preprocess, objective, values)


class Network:
    """A model with its optimizer and, where it is asked for, the moving average of its weights.

    Args:
        model: a Keras model with a layer `logits`.
        training: how it is trained.
        learned: the objective of the steps.
        objective: the objective of the evaluations.
    """

    def __init__(self, model: Any, training: Training, *, learned: Objective, objective: Objective) -> None:
        tf.config.experimental.enable_op_determinism()
        self.model = model
        self._learned, self._objective = learned, objective
        inputs = {tensor.name: tensor for tensor in model.inputs}
        self._outputs = keras.Model(inputs, [model.get_layer(LOGITS).output, model.output])
        self._optimizer = keras.optimizers.AdamW(training.learning_rate, weight_decay=training.weight_decay)
        self._optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self._optimizer.build(model.trainable_variables)
        self._average = WeightAverage(model.weights, training.average_decay) if training.average_decay else None
        self._step = tf.function(self._trace_step, reduce_retracing=True)
        self._evaluate = tf.function(self._trace_evaluate, reduce_retracing=True)

    @property
    def parameters(self) -> int:
        """Return the number of weights, trained or not."""
        return int(self.model.count_params())

    def step(self, batch: Examples, rate: float) -> float:
        """Take one optimizer step on a batch; return its mean loss before it."""
        self._optimizer.learning_rate.assign(rate)
        weights = np.ones(len(batch), np.float32) if batch.weights is None else batch.weights
        return float(self._step(_tensors(batch.inputs), tf.constant(batch.targets), tf.constant(weights)))

    def evaluate(self, examples: Examples) -> Evaluation:
        """Return loss and answers without a change of the model; of the averaged weights where there are some."""
        if self._average is None:
            return self.evaluate_plain(examples)
        with self._average.in_place(self.model.weights):
            return self.evaluate_plain(examples)

    def evaluate_plain(self, examples: Examples) -> Evaluation:
        """Return loss and answers of the weights as they are."""
        loss, values = 0.0, []
        for start in range(0, len(examples), _EVALUATED_AT_ONCE):
            part = slice(start, start + _EVALUATED_AT_ONCE)
            inputs = {name: array[part] for name, array in examples.inputs.items()}
            losses, answers = self._evaluate(_tensors(inputs), tf.constant(examples.targets[part]))
            loss += float(losses)
            values.append(np.array(answers))
        return Evaluation(loss / len(examples), np.concatenate(values))

    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the weights that `evaluate` judges, by their place."""
        source = self.model.weights if self._average is None else self._average.variables
        return {f"{place:04d}": np.array(weight) for place, weight in enumerate(source)}

    def set_weights(self, weights: Arrays) -> None:
        """Set the model's weights."""
        set_weights(self.model, weights)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all that a step depends on: weights, random states, moments and averages."""
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
        averages = [] if self._average is None else [*self._average.variables, self._average.count]
        return [*self.model.variables, *self._optimizer.variables, *averages]

    def _trace_step(self, inputs: Any, targets: Any, weights: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs, _ = self._outputs(inputs, training=True)
            loss = tf.reduce_mean(self._learned.loss(targets, outputs) * weights)
            total = loss + tf.add_n(self.model.losses) if self.model.losses else loss
        gradients = tape.gradient(total, self.model.trainable_variables)
        self._optimizer.apply(gradients, self.model.trainable_variables)
        if self._average is not None:
            self._average.take(self.model.weights)
        return loss

    def _trace_evaluate(self, inputs: Any, targets: Any) -> Any:
        outputs, values = self._outputs(inputs, training=False)
        return tf.reduce_sum(self._objective.loss(targets, outputs)), values


def _tensors(inputs: Mapping[str, Array]) -> dict[str, Any]:
    return {name: tf.constant(array) for name, array in inputs.items()}


def weights_of(model: Any) -> dict[str, npt.NDArray[Any]]:
    """Return copies of a Keras model's weights by their place."""
    return {f"{place:04d}": np.array(weight) for place, weight in enumerate(model.weights)}


def set_weights(model: Any, weights: Arrays) -> None:
    """Set the weights of a Keras model that `Network.weights` returned."""
    for place, variable in enumerate(model.weights):
        variable.assign(weights[f"{place:04d}"])
