"""A linear classifier of a frozen sentence encoder's embedding and of weighted n-grams, side by side."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from idla_preprocess.encoded_text import LONGEST_TOKENS, EncodedTextSpec
from idla_preprocess.text import TextSpec

from idla_trainer.data.dataset import Examples
from idla_trainer.encoders import MINILM, WEIGHTS
from idla_trainer.models.entry import LOGITS, Front
from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.models.pretrained import read_vocabulary, read_weights
from idla_trainer.models.text.ngram_linear import NGRAM_DROPOUT, weighted_sum
from idla_trainer.objective import Objective

EMBEDDING = "embedding"
HYPERPARAMETERS = (
    Hyperparameter("tokens", 64, 8, LONGEST_TOKENS, "word pieces of a text that the encoder reads"),
    Hyperparameter(
        "scale", 0, 0, 30, "length of an embedding, where a text's n-grams have 1.4; 0: held-out training texts choose",
        whole=False,
    ),
    Hyperparameter(
        "prior", 0, 0, 100, "deviation of the weights before any text is seen; 0: held-out training texts choose",
        whole=False,
    ),
    NGRAM_DROPOUT,
)  # fmt: skip
_WIDTH = 384
_LENGTH = 3.0
"""Of the embeddings that are learned from: shorter ones are learned from slowly. The scale is in the weights' prior."""
_SCALES, _PRIORS = (1.0, 3.0), (2.5, 6.0)
"""What is chosen from: two classes often want the first ones, many classes the last."""


def _build_front(encoders: Path) -> Any:
    import keras

    from idla_trainer.models.text.minilm import MiniLM

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    layer = MiniLM(name="encoder")
    model = keras.Model(tokens, layer(tokens), name="front")
    layer.assign(read_weights(encoders, MINILM))
    return model


FRONT = Front(
    name=MINILM.name,
    origin={
        "encoder": f"{MINILM.name}, {MINILM.licence}, of {MINILM.origin}",
        "encoder-digest": f"sha256:{MINILM.members[WEIGHTS].sha256}",
    },
    takes="tokens",
    gives=EMBEDDING,
    build=_build_front,
    parameters=22_564_608,
    padded=True,
)


def view_texts(preprocess: TextSpec, values: Values, encoders: Path) -> EncodedTextSpec:
    """Return the n-grams of the data with the word pieces of the encoder beside them.

    Raises:
        TaskError: the image does not have the encoder.
    """
    return EncodedTextSpec(preprocess, int(values["tokens"]), read_vocabulary(encoders, MINILM))


def build_sentence_encoder(preprocess: EncodedTextSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model of embeddings and n-grams to logits; needs TensorFlow.

    Its last matrix stays the identity, so that what is learned, the two sums before it, has one valley.

    Args:
        preprocess: how many n-grams there are, and how many a text has at most.
        objective: its shape is the width of both sums.
        values: `ngram_dropout`.
    """
    import keras

    layers, (width,) = keras.layers, objective.shape
    inputs, sums = weighted_sum(preprocess.ngrams, width, values, initializer="zeros")
    embedding = keras.Input((_WIDTH,), name=EMBEDDING)
    scaled = layers.Rescaling(_LENGTH)(embedding)
    meant = layers.Dense(width, use_bias=False, kernel_initializer="zeros", name="meaning")(scaled)
    last = layers.Dense(width, kernel_initializer="identity", name=LOGITS)
    logits = last(layers.Add()([sums, meant]))
    last.kernel.trainable = False
    return keras.Model([*inputs, embedding], objective.finish(logits), name="sentence_encoder")


def begin_sentence_encoder(model: Any, objective: Objective, examples: Examples, values: Values, *, seed: int) -> None:
    """Give the network the mode of the likelihood and the prior on the training texts.

    Args:
        model: a new one.
        objective: of the model.
        examples: to learn from.
        values: `prior` and `scale`; where they are 0, the best of some is taken by held-out training texts.
        seed: of what is held out, and of what is looked at where there are very many texts.
    """
    from idla_trainer.models.text.joined_start import Deviations, find_weights

    priors = (values["prior"],) if values["prior"] else _PRIORS
    scales = (values["scale"],) if values["scale"] else _SCALES
    choices = [Deviations(prior, prior * scale / _LENGTH) for prior in priors for scale in scales]
    scaled = {**examples.inputs, EMBEDDING: examples.inputs[EMBEDDING] * np.float32(_LENGTH)}
    ngrams = model.get_layer("ngrams")
    bias, embedding, vectors = find_weights(
        replace(examples, inputs=scaled), objective, ngrams.input_dim, choices, seed=seed
    )
    ngrams.set_weights([vectors])
    model.get_layer("meaning").set_weights([embedding])
    last = model.get_layer(LOGITS)
    last.set_weights([last.get_weights()[0], bias])
