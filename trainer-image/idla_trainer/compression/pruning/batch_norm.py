"""Statistics of batch normalizations, estimated anew: surgery changes what flows through a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from idla_preprocess import Arrays

from idla_trainer.models.prediction import feed

_BATCHES, _BATCH = 16, 256


def recalibrate_batch_norm(model: Any, inputs: Arrays, *, seed: int) -> None:
    """Set the moving means and variances to their averages over up to 16 batches of train data.

    Without it a pruned network may be right by chance only (a ResNet with half of its channels: 10 % of 10 classes).

    Args:
        model: changed in place.
        inputs: train data by input name [N, ...].
        seed: of the choice of the examples.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    count = len(next(iter(inputs.values())))
    if not layers or count == 0:
        return
    order = np.random.default_rng(seed).permutation(count)
    size = min(_BATCH, count)
    with _as_in_use(model):
        for turn in range(min(_BATCHES, count // size)):
            for layer in layers:
                layer.momentum = turn / (turn + 1)
            chosen = np.sort(order[turn * size : (turn + 1) * size])
            model(feed(model, {name: values[chosen] for name, values in inputs.items()}), training=True)


@contextmanager
def _as_in_use(model: Any) -> Iterator[None]:
    """Leave out nothing at random for a while, and give every momentum back."""
    rates = [(layer, "rate", layer.rate) for layer in model.layers if getattr(layer, "rate", None)]
    momenta = [(layer, "momentum", layer.momentum) for layer in model.layers if getattr(layer, "momentum", None)]
    for layer, _, _ in rates:
        layer.rate = 0.0
    try:
        yield
    finally:
        for layer, name, value in (*rates, *momenta):
            setattr(layer, name, value)
