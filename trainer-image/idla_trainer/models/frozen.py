"""Networks with a frozen front: it looks at each example once, and stands before the trained part when that is done."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from idla_contract.task import ModelSpec
from idla_preprocess import Array, Arrays

from idla_trainer.data.dataset import Dataset
from idla_trainer.models.entry import Front
from idla_trainer.models.registry import entry_of

_log = logging.getLogger(__name__)
_AT_ONCE = 64
"""Examples that a front looks at together."""
_TOLD_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Features:
    """What fronts have made of examples, so that none looks at one twice in a task."""

    _known: dict[tuple[str, bytes], npt.NDArray[np.float32]] = field(default_factory=dict)

    def of(self, front: Front, encoders: Path, tensors: Arrays) -> Arrays:
        """Return the tensors with the front's feature in the place of what it takes.

        Args:
            front: which one.
            encoders: folder of the pretrained encoders.
            tensors: of the examples, [N, ...] each.

        Raises:
            TaskError: the encoder is not there.
        """
        rows = tensors[front.takes]
        keys = [(front.name, hashlib.blake2b(row.tobytes(), digest_size=16).digest()) for row in rows]
        new = {key: place for place, key in enumerate(keys) if key not in self._known}
        if new:
            places = np.array(list(new.values()))
            made = _look(front, _compiled(front.build(encoders), rows), rows[places])
            self._known.update(zip(new, made, strict=True))
        others = {name: array for name, array in tensors.items() if name != front.takes}
        return {**others, front.gives: np.stack([self._known[key] for key in keys])}


def behind_front(model: ModelSpec, dataset: Dataset, encoders: Path, features: Features) -> Dataset:
    """Return a data set whose examples are what the trained part of a model sees.

    Args:
        model: which one.
        dataset: as the model looks at it.
        encoders: folder of the pretrained encoders.
        features: what is known already.
    """
    front = entry_of(model)[0].front
    return dataset if front is None else replace(dataset, front=partial(features.of, front, encoders))


def whole_network(model: ModelSpec, trained: Any, dataset: Dataset, encoders: Path) -> Any:
    """Return the one network that is served: the front with the trained part behind it; needs TensorFlow.

    Args:
        model: which one.
        trained: the Keras model of its trained part.
        dataset: as the model looks at it.
        encoders: folder of the pretrained encoders.

    Raises:
        TaskError: the encoder is not there.
    """
    front = entry_of(model)[0].front
    if front is None:
        return trained
    import keras

    from idla_trainer.models.prediction import feed

    one = dataset.examples(dataset.parts.train[:1]).inputs
    inputs = {name: keras.Input(each.shape[1:], dtype=each.dtype.name, name=name) for name, each in one.items()}
    seen = {name: tensor for name, tensor in inputs.items() if name != front.takes}
    seen[front.gives] = front.build(encoders)(inputs[front.takes])
    return keras.Model(list(inputs.values()), trained(feed(trained, seen)), name=f"{trained.name}_whole")


def _compiled(model: Any, rows: Array) -> Callable[[Array], Array]:
    """Return a front as a function of batches of any size and length."""
    import tensorflow as tf

    signature = tf.TensorSpec([None] * rows.ndim, rows.dtype)
    run = tf.function(lambda batch: model(batch, training=False), input_signature=[signature])
    return lambda batch: np.asarray(run(batch).numpy())


def _look(front: Front, run: Callable[[Array], Array], rows: Array) -> list[Array]:
    """Return the feature of each row, in their order; rows of a like length are looked at together."""
    lengths = _lengths(rows) if front.padded else np.full(len(rows), rows.shape[1])
    order, told = np.argsort(lengths, kind="stable"), time.monotonic()
    found: list[Any] = [None] * len(rows)
    for start in range(0, len(rows), _AT_ONCE):
        part = order[start : start + _AT_ONCE]
        for place, made in zip(part, run(rows[part][:, : max(1, lengths[part].max())]), strict=True):
            found[place] = made
        if time.monotonic() - told > _TOLD_SECONDS:
            told = time.monotonic()
            _log.info("%s has looked at %d of %d examples", front.name, start + len(part), len(rows))
    return found


def _lengths(rows: Array) -> npt.NDArray[np.int64]:
    """Return how long each row is without the zeros at its end."""
    there = rows.astype(bool)
    return np.where(there.any(axis=1), rows.shape[1] - there[:, ::-1].argmax(axis=1), 0)
