"""Collaborative filtering: users and items as vectors of one space; a product says what a user thinks of an item."""

from typing import Any

import numpy as np
from idla_preprocess.interactions import ITEM, USER, InteractionsSpec

from idla_trainer.data.dataset import Examples
from idla_trainer.models.entry import LOGITS
from idla_trainer.models.hyperparameters import Hyperparameter, Values
from idla_trainer.models.recommendation.incidence import Incidence
from idla_trainer.models.recommendation.ranking_start import ranked
from idla_trainer.models.recommendation.rating_start import rated
from idla_trainer.objective import Objective
from idla_trainer.problems.recommendation.ranking import Ranking

_USERS, _ITEMS = "users", "items"
_USER_BIASES, _ITEM_BIASES = "user_biases", "item_biases"
HYPERPARAMETERS = (
    Hyperparameter("width", 64, 2, 1024, "numbers that describe a user, and an item"),
    Hyperparameter("damping", 5, 0.1, 1000, "ratings that a bias of its own needs to count half", whole=False),
    Hyperparameter("caution", 300, 1, 100000, "ratings that a taste of one's own needs to count half", whole=False),
    Hyperparameter(
        "ridge", 300, 1, 100000, "meetings by which what one item says for another is drawn to 0", whole=False
    ),
    Hyperparameter("half_life", 10, 1, 10000, "later items after which one that was met counts half", whole=False),
)


def build_collaborative_filtering(preprocess: InteractionsSpec, objective: Objective, values: Values) -> Any:
    """Return a Keras model that factorises what users think of items (Koren, Bell, Volinsky 2009); needs TensorFlow.

    The first row of each embedding is the one of whoever is unknown; it is zero, so that the answer for unknown users
    is what all think of the item, and for unknown items what the user thinks of all.

    Args:
        preprocess: users and items.
        objective: of one value for a user and an item, or of one for each item.
        values: `width`.
    """
    import keras

    width = int(values["width"])
    user = keras.Input((), dtype="int32", name=USER)
    known = _embedding(len(preprocess.users) + 1, width, _USERS)(user)
    if preprocess.rates:
        item = keras.Input((), dtype="int32", name=ITEM)
        inputs, logits = [user, item], _rating(preprocess, user, known, item, width)
    else:
        inputs, logits = [user], keras.layers.Dense(*objective.shape, name=LOGITS)(known)
    return keras.Model(inputs, objective.finish(logits), name="collaborative_filtering")


def _rating(preprocess: InteractionsSpec, user: Any, known: Any, item: Any, width: int) -> Any:
    import keras

    users, items = len(preprocess.users) + 1, len(preprocess.items) + 1
    product = keras.layers.Dot(-1, name="products")([known, _embedding(items, width, _ITEMS)(item)])
    biases = [_embedding(users, 1, _USER_BIASES)(user), _embedding(items, 1, _ITEM_BIASES)(item)]
    total = keras.layers.Add(name="sums")([product, *biases])
    return keras.layers.Dense(1, kernel_initializer="ones", name=LOGITS)(total)


def begin_collaborative_filtering(
    model: Any, objective: Objective, examples: Examples, values: Values, *, seed: int
) -> None:
    """Give the network the closed form of `rated` or `ranked` on the training examples.

    Args:
        model: a new one.
        objective: of the model.
        examples: numbers of users and items with ratings, or of users with the items that they met.
        values: the hyperparameters.
        seed: of the random numbers that the factors begin with.
    """
    users = model.get_layer(_USERS).input_dim - 1
    if isinstance(objective, Ranking):
        _begin_ranking(model, objective, examples, values, seed)
        return
    ratings = examples.targets.astype(np.float64)
    factors = rated(
        Incidence.of(
            examples.inputs[USER] - 1,
            examples.inputs[ITEM] - 1,
            (ratings - ratings.mean()) / (ratings.std() or 1.0),
            (users, model.get_layer(_ITEMS).input_dim - 1),
        ),
        width=int(values["width"]),
        damping=values["damping"],
        caution=values["caution"],
        seed=seed,
    )
    for name, rows in (
        (_USERS, factors.users),
        (_ITEMS, factors.items),
        (_USER_BIASES, factors.user_biases[:, None]),
        (_ITEM_BIASES, factors.item_biases[:, None]),
    ):
        model.get_layer(name).set_weights([rows])


def _begin_ranking(model: Any, objective: Ranking, examples: Examples, values: Values, seed: int) -> None:
    rows, places = np.nonzero(examples.targets > 0)
    users = model.get_layer(_USERS).input_dim - 1
    met = Incidence.of(
        examples.inputs[USER][rows] - 1, examples.targets[rows, places] - 1, 1.0, (users, objective.items)
    )
    scores = ranked(
        met,
        width=int(values["width"]),
        ridge=values["ridge"],
        half_life=values["half_life"] if objective.ordered else np.inf,
        seed=seed,
    )
    model.get_layer(_USERS).set_weights([scores.users])
    model.get_layer(LOGITS).set_weights([scores.items, scores.biases])


def _embedding(rows: int, width: int, name: str) -> Any:
    import keras

    return keras.layers.Embedding(rows, width, embeddings_initializer="zeros", name=name)
