"""A linear classifier of a frozen sentence encoder's embedding and of weighted n-grams, side by side."""

from pathlib import Path
from typing import Any

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
    Hyperparameter("scale", 3, 0.1, 30, "length of an embedding; a text's n-grams have the length 1.4", whole=False),
    Hyperparameter(
        "prior", 3, 0.01, 100, "deviation of the weights before any text is seen; a smaller one holds them nearer to 0",
        whole=False,
    ),
    NGRAM_DROPOUT,
)  # fmt: skip
_WIDTH = 384
_MOST_WEIGHTS = 10_000_000
"""Beyond them the n-grams begin at 0: what finds their weights keeps twenty times as many numbers."""


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
        values: `scale` and `ngram_dropout`.
    """
    import keras

    layers, (width,) = keras.layers, objective.shape
    inputs, sums = weighted_sum(preprocess.ngrams, width, values, initializer="zeros")
    embedding = keras.Input((_WIDTH,), name=EMBEDDING)
    scaled = layers.Rescaling(values["scale"])(embedding)
    meant = layers.Dense(width, use_bias=False, kernel_initializer="zeros", name="meaning")(scaled)
    last = layers.Dense(width, kernel_initializer="identity", name=LOGITS)
    logits = last(layers.Add()([sums, meant]))
    last.kernel.trainable = False
    return keras.Model([*inputs, embedding], objective.finish(logits), name="sentence_encoder")


def penalise(model: Any, values: Values, examples: int) -> None:
    """Give the weights of n-grams and embedding a normal prior around 0, of which each text's loss bears its share.

    Args:
        model: what `build_sentence_encoder` returned.
        values: `prior`.
        examples: from which it learns, 1 or more.
    """
    import keras

    penalty = keras.regularizers.L2(1 / (2 * values["prior"] ** 2 * examples))
    ngrams, meaning = model.get_layer("ngrams"), model.get_layer("meaning")
    # A layer's own setting counts where it is copied, the weight's where it is trained.
    ngrams.embeddings_regularizer = ngrams.embeddings.regularizer = penalty
    meaning.kernel_regularizer = meaning.kernel.regularizer = penalty


def begin_sentence_encoder(model: Any, objective: Objective, examples: Examples, values: Values, *, seed: int) -> None:
    """Give the network the mode of the likelihood and the prior on the training texts.

    Epochs of small steps come near to it late: on embeddings that costs points of accuracy.

    Args:
        model: a new one, with its penalties.
        objective: of the model.
        examples: to learn from.
        values: the hyperparameters; none is needed any more.
        seed: of the part that is looked at where there are very many.
    """
    from idla_trainer.models.closed_form import fit

    del values
    ngrams = model.get_layer("ngrams")
    ngrams.trainable = model.count_params() <= _MOST_WEIGHTS
    fit(model, objective, examples, seed=seed)
    ngrams.trainable = True
