"""The part of the training that runs in TensorFlow: one step, one evaluation, and the state of both."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from idla_contract.task import ModelSpec, Training
from idla_preprocess import Array, Preprocess

from idla_trainer.data.dataset import Examples
from idla_trainer.models.entry import MEMBERS
from idla_trainer.models.fine_tuning import freeze
from idla_trainer.models.prediction import AT_ONCE, LOGITS
from idla_trainer.models.registry import entry_of
from idla_trainer.objective import Objective
from idla_trainer.training.averaging import WeightAverage
from idla_trainer.training.checkpoints import Arrays

Loss = Callable[[Any, Any], Any]
"""Targets and outputs of the layer `logits` -> one loss an example, as `Objective.loss`."""
StepLoss = Callable[[Mapping[str, Any], Any, Any], Any]
"""Inputs of a batch by name, targets and outputs of the layer `logits` -> one loss an example."""
Rounding = Callable[[Sequence[Any]], list[Any]]
"""Trainable values of a model -> what it computes with instead; the gradient is that of the values."""
_STATE = "state/"


def build_model(
    model: ModelSpec, preprocess: Preprocess, objective: Objective, *, seed: int, examples: int | None = None
) -> Any:
    """Return a Keras model with fresh weights that depend on the seed alone.

    Args:
        model: what is built.
        preprocess: what gives its inputs.
        objective: what makes its answers.
        seed: of the weights.
        examples: from which it will learn; None: it will not.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    entry, values = entry_of(model)
    built = entry.build(preprocess, objective, values)
    if entry.prior is not None and examples is not None:
        entry.prior(built, values, examples)
    return built


class Network:
    """A model with its optimizer and, where it is asked for, the moving average of its weights.

    Args:
        model: a Keras model with a layer `logits`.
        training: how it is trained.
        step_loss: the loss of the steps; of a model with members that of each one.
        evaluation_loss: that of the evaluations.
        rounding: for the model that is trained, what it computes with (quantization-aware training); None: its weights.
        frozen_parameters: weights of what stands before the model and never learns.
    """

    def __init__(
        self,
        model: Any,
        training: Training,
        *,
        step_loss: StepLoss,
        evaluation_loss: Loss,
        rounding: Callable[[Any], Rounding] | None = None,
        frozen_parameters: int = 0,
    ) -> None:
        tf.config.experimental.enable_op_determinism()
        self.model = model
        learned = MEMBERS if any(layer.name == MEMBERS for layer in model.layers) else LOGITS
        self._step_loss = for_each_member(step_loss) if learned == MEMBERS else step_loss
        self._evaluation_loss, self._frozen_parameters = evaluation_loss, frozen_parameters
        inputs = {tensor.name: tensor for tensor in model.inputs}
        outputs = [model.get_layer(name).output for name in (learned, LOGITS)]
        self._outputs = keras.Model(inputs, [*outputs, model.output])
        self._rounded: Rounding = list if rounding is None else rounding(self._outputs)
        self._optimizer = keras.optimizers.AdamW(training.learning_rate, weight_decay=training.weight_decay)
        self._optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self._optimizer.build(self._outputs.trainable_variables)
        self._average = WeightAverage(model.weights, training.average_decay) if training.average_decay else None
        self._jit_compile = training.jit_compile
        self._traced: dict[bool, Any] = {}
        """The compiled steps: of the last layer alone, and of all."""
        self._frozen = False
        self._evaluate = tf.function(self._trace_evaluate, reduce_retracing=True)

    @property
    def parameters(self) -> int:
        """Return the number of weights, trained or not, with those before the model."""
        return int(self.model.count_params()) + self._frozen_parameters

    @property
    def learns(self) -> bool:
        """Return whether it has weights that steps change."""
        return bool(self._outputs.trainable_variables)

    def learn(self, batches: Any, rates: Sequence[float], *, frozen: bool = False) -> list[float]:
        """Take an optimizer step on each of the next batches, of the last layer alone where the others are frozen.

        Args:
            batches: what `stream` returned.
            rates: the learning rate of each step.
            frozen: whether the other layers are.

        Returns:
            The mean loss of each batch before its step.
        """
        if frozen is not self._frozen:
            freeze(self.model, frozen=frozen)
            self._frozen = frozen
        if frozen not in self._traced:
            # For any number of steps at once: traced for each number, small trainings take half as long again.
            signature = batches, tf.TensorSpec([None], tf.float32)
            self._traced[frozen] = tf.function(self._trace_learn).get_concrete_function(*signature)
        losses: list[float] = self._traced[frozen](batches, tf.constant(rates, tf.float32)).numpy().tolist()
        return losses

    def evaluate(self, examples: Examples) -> tuple[float, Array]:
        """Return mean loss and answers without a change of the model; of the averaged weights where there are some."""
        if self._average is None:
            return self.evaluate_plain(examples)
        with self._average.in_place(self.model.weights):
            return self.evaluate_plain(examples)

    def evaluate_plain(self, examples: Examples) -> tuple[float, Array]:
        """Return mean loss and answers of the weights as they are."""
        loss, values = 0.0, []
        for start in range(0, len(examples), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            inputs = {name: tf.constant(array[part]) for name, array in examples.inputs.items()}
            losses, answers = self._evaluate(inputs, tf.constant(examples.targets[part]))
            loss += float(losses)
            values.append(np.array(answers))
        return loss / len(examples), np.concatenate(values)

    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the weights that `evaluate` uses, by their place."""
        return _numbered(self.model.weights if self._average is None else self._average.variables)

    def set_weights(self, weights: Arrays) -> None:
        """Set the model's weights."""
        set_weights(self.model, weights)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all that a step depends on: weights, random states, moments and averages."""
        return {f"{_STATE}{name}": array for name, array in _numbered(self._variables()).items()}

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

    def _trace_learn(self, batches: Any, rates: Any) -> Any:
        learned = tf.function(self._trace_step, jit_compile=True) if self._jit_compile else self._trace_step

        def step(rate: Any) -> Any:
            self._optimizer.learning_rate.assign(rate)
            return learned(*next(batches))

        # One after another: a step begins with the weights that the one before it has written.
        return tf.map_fn(step, rates, parallel_iterations=1)

    def _trace_step(self, inputs: Any, targets: Any, weights: Any) -> Any:
        model = self._outputs
        with tf.GradientTape() as tape:
            values = [variable.value for variable in model.trainable_variables]
            tape.watch(values)
            state = [variable.value for variable in model.non_trainable_variables]
            (outputs, _, _), after, penalties = model.stateless_call(
                self._rounded(values), state, self._fed(inputs), training=True, return_losses=True
            )
            loss = tf.reduce_mean(self._step_loss(inputs, targets, outputs) * weights)
            total = tf.add_n([loss, *penalties])
        gradients = tape.gradient(total, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        for variable, before, new in zip(model.non_trainable_variables, state, after, strict=True):
            if new is not before:
                variable.assign(new)
        self._optimizer.apply(gradients, model.trainable_variables)
        if self._average is not None:
            self._average.take(self.model.weights)
        return loss

    def _trace_evaluate(self, inputs: Any, targets: Any) -> Any:
        model = self._outputs
        values = self._rounded([variable.value for variable in model.trainable_variables])
        state = [variable.value for variable in model.non_trainable_variables]
        (_, outputs, answers), _ = model.stateless_call(values, state, self._fed(inputs), training=False)
        return tf.reduce_sum(self._evaluation_loss(targets, outputs)), answers

    def _fed(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {tensor.name: inputs[tensor.name] for tensor in self.model.inputs}


def for_each_member(loss: StepLoss) -> StepLoss:
    """Return the mean loss [N] of members, whose outputs are [N, members, ...]."""

    def mean(inputs: Mapping[str, Any], targets: Any, outputs: Any) -> Any:
        return (
            tf.add_n([loss(inputs, targets, outputs[:, place]) for place in range(outputs.shape[1])]) / outputs.shape[1]
        )

    return mean


def weights_of(model: Any) -> dict[str, npt.NDArray[Any]]:
    """Return copies of a Keras model's weights by their place."""
    return _numbered(model.weights)


def set_weights(model: Any, weights: Arrays) -> None:
    """Set the weights of a Keras model that `Network.weights` returned."""
    for place, variable in enumerate(model.weights):
        variable.assign(weights[f"{place:04d}"])


def _numbered(variables: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
    """Return copies of variables by their place."""
    return {f"{place:04d}": np.array(tf.convert_to_tensor(each).numpy()) for place, each in enumerate(variables)}
