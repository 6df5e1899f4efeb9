"""The batches of a training, made on a thread of their own while the network learns from those before."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from idla_contract.task import Training
from idla_preprocess import Array

from idla_trainer.data.dataset import Examples
from idla_trainer.models.entry import Augmentation
from idla_trainer.training.batches import epoch_order, steps_per_epoch

_AHEAD = 2
"""Batches that are made before they are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a training learns from."""

    train: Examples
    validation: Examples | None
    """They decide which weights are the best and when to stop; None: the latest weights are the best."""
    change: Augmentation | None = None
    """Changes a batch's inputs at random, by epoch and step alone; None: nothing does."""


def stream(material: Material, training: Training, *, first: int) -> Any:
    """Return an iterator over the batches from a step on: inputs by name, targets, and what each example counts.

    Which batch a step has depends on the seed alone, so a later stream goes on where an earlier one ended. Columns in
    files are read batch by batch: they are never in memory as a whole.

    Args:
        material: the examples.
        training: batch size, seed and number of epochs.
        first: the step of the first batch, counted from 0 over all epochs.
    """
    train = material.train
    weights = np.ones(len(train), np.float32) if train.weights is None else train.weights
    columns = (*train.inputs.values(), train.targets, weights)
    shapes = [(min(training.batch_size, len(train)), *column.shape[1:]) for column in columns]
    read = _reader(material, columns, training)

    def batch(step: Any) -> Any:
        made = tf.numpy_function(read, [step], [column.dtype for column in columns])
        *inputs, targets, counts = (tf.ensure_shape(part, shape) for part, shape in zip(made, shapes, strict=True))
        return dict(zip(train.inputs, inputs, strict=True)), targets, counts

    last = training.max_epochs * steps_per_epoch(len(train), training.batch_size)
    return iter(tf.data.Dataset.range(first, last).map(batch).prefetch(_AHEAD))


def _reader(material: Material, columns: tuple[Array, ...], training: Training) -> Callable[[int], list[Array]]:
    """Return what gives the columns of a step's batch, the inputs changed as the material says."""
    train, change = material.train, material.change

    @functools.lru_cache(maxsize=1)
    def order(epoch: int) -> Array:
        return epoch_order(len(train), training.batch_size, seed=training.seed, epoch=epoch)

    def read(step: int) -> list[Array]:
        epoch, place = divmod(int(step), steps_per_epoch(len(train), training.batch_size))
        chosen = order(epoch)[place]
        parts = [column[chosen] for column in columns]
        if change is not None:
            changed = change(dict(zip(train.inputs, parts, strict=False)), epoch=epoch, step=place)
            parts[: len(changed)] = (changed[name] for name in train.inputs)
        return parts

    return read
