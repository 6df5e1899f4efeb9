"""A linear classifier of a frozen sentence encoder's embedding and of weighted n-grams, side by side."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from idla_preprocess.encoded_text import LONGEST_TOKENS, EncodedTextSpec
from idla_preprocess.text import TextSpec

from idla_trainer.data.dataset import Examples
from idla_trainer.data.split import Indices
from idla_trainer.encoders import MINILM, WEIGHTS
from idla_trainer.models.entry import LOGITS, Front
from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.models.pretrained import read_vocabulary, read_weights
from idla_trainer.models.text.ngram_linear import NGRAM_DROPOUT, weighted_sum
from idla_trainer.objective import Objective

_log = logging.getLogger(__name__)
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
"""Of the embeddings that are learned from: shorter ones are learned from slowly. The scale is in their prior."""
_SCALES, _PRIORS = (1.0, 3.0), (2.5, 6.0)
"""What is chosen from: two classes want the first ones, many classes the last."""
_JUDGED, _MOST_JUDGED = 0.2, 2500
"""Share of the training texts that is held out for that, and how many texts take part in it at most."""
_MOST_WEIGHTS = 10_000_000
"""Beyond them the n-grams begin at 0: what finds their weights keeps many times as many numbers."""
_AT_ONCE = 1 << 25
"""Numbers of n-grams' vectors that are in memory together."""


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


def penalise(model: Any, values: Values, examples: int) -> None:
    """Give the weights of n-grams and embedding a normal prior around 0, of which each text's loss bears its share.

    Args:
        model: what `build_sentence_encoder` returned.
        values: `prior` and `scale`; the first choice where they are 0.
        examples: from which it learns, 1 or more.
    """
    import keras

    prior, scale = values["prior"] or _PRIORS[0], values["scale"] or _SCALES[0]
    ngrams, meaning = model.get_layer("ngrams"), model.get_layer("meaning")
    # A layer's own setting counts where it is copied, the weight's where it is trained.
    penalty = keras.regularizers.L2(1 / (2 * prior**2 * examples))
    ngrams.embeddings_regularizer = ngrams.embeddings.regularizer = penalty
    penalty = keras.regularizers.L2(1 / (2 * (prior * scale / _LENGTH) ** 2 * examples))
    meaning.kernel_regularizer = meaning.kernel.regularizer = penalty


def begin_sentence_encoder(model: Any, objective: Objective, examples: Examples, values: Values, *, seed: int) -> None:
    """Give the network the mode of the likelihood and the prior on the training texts.

    Epochs of small steps come near to it late: on embeddings that costs points of accuracy. Which prior is right,
    depends on the classes and on what tells them apart; a part of the training texts is held out to choose it.

    Args:
        model: a new one, with its penalties.
        objective: of the model.
        examples: to learn from.
        values: `prior` and `scale`.
        seed: of the part that is held out, and of the one that is looked at where there are very many.
    """
    priors = (values["prior"],) if values["prior"] else _PRIORS
    scales = (values["scale"],) if values["scale"] else _SCALES
    choices = [{**values, "prior": prior, "scale": scale} for prior in priors for scale in scales]
    if len(choices) > 1:
        judged = _judge(model, objective, examples, choices, seed=seed)
        choices = [choices[judged.index(min(judged))]]
        told = {name: choices[0][name] for name in ("prior", "scale")}
        _log.info("of %d priors the best on held-out training texts is %s", len(judged), told)
    _fit(model, objective, examples, choices[0], seed=seed)


def _judge(
    model: Any, objective: Objective, examples: Examples, choices: Sequence[Values], *, seed: int
) -> list[float]:
    """Return the mean loss of held-out training texts for each choice of the prior."""
    from idla_trainer.models.prediction import cut_at_logits, predict

    some = np.random.default_rng(seed).permutation(len(examples))[:_MOST_JUDGED]
    asked, learned = (_chosen(examples, part) for part in np.split(some, [max(1, round(len(some) * _JUDGED))]))
    fresh, losses = model.get_weights(), []
    for choice in choices:
        _fit(model, objective, learned, choice, seed=seed)
        outputs = predict(cut_at_logits(model), asked.inputs)
        losses.append(float(np.mean(objective.loss(asked.targets, outputs))))
        model.set_weights(fresh)
    return losses


def _fit(model: Any, objective: Objective, examples: Examples, values: Values, *, seed: int) -> None:
    from idla_trainer.models.closed_form import fit

    penalise(model, values, len(examples))
    ngrams = model.get_layer("ngrams")
    ngrams.trainable = model.count_params() <= _MOST_WEIGHTS
    vectors = examples.inputs["ids"].shape[1] * ngrams.output_dim
    fit(model, objective, examples, seed=seed, at_once=max(1, _AT_ONCE // vectors))
    ngrams.trainable = True


def _chosen(examples: Examples, part: Indices) -> Examples:
    weights = None if examples.weights is None else examples.weights[part]
    inputs = {name: array[part] for name, array in examples.inputs.items()}
    return Examples(inputs, examples.targets[part], {}, weights)
