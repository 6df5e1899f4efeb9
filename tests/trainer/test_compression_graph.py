"""Networks that the code has never seen: what surgery on their graphs leaves of their answers."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from idla_trainer.compression.keras_graph import Edit, KerasGraph, read_graph, rebuild
from idla_trainer.compression.pruning.batch_norm import recalibrate_batch_norm
from idla_trainer.compression.pruning.channels import Analysis, analyse_channels
from idla_trainer.compression.pruning.embeddings import drop_embedding_rows, rotate_embeddings
from idla_trainer.compression.pruning.layer_rules import RULES
from idla_trainer.compression.pruning.prune import remove_channels
from idla_trainer.compression.quantization.convert import convert_float
from idla_trainer.compression.quantization.folding import fold_batch_norm
from idla_trainer.compression.quantization.served_form import rewrite_for_serving
from idla_trainer.models.prediction import feed
from idla_trainer.models.series.layers import SensorMixing

from tests.trainer.served import answers as file_answers

pytestmark = pytest.mark.trainer
layers = keras.layers


def zeroed(reading: KerasGraph, analysis: Analysis, channels: npt.NDArray[np.int64]) -> Any:
    """Return the model with channels that are exactly 0: every weight that makes them is."""
    arrays = reading.weights()
    for entry in analysis.weight_axes:
        if entry.produces:
            place = [slice(None)] * arrays[entry.layer][entry.weight].ndim
            place[entry.axis] = np.isin(entry.channels, channels)  # type: ignore[call-overload]
            arrays[entry.layer][entry.weight][tuple(place)] = 0.0
    return rebuild(reading, {name: Edit(weights=own) for name, own in arrays.items()})


def randomized(model: Any, seed: int) -> Any:
    """Give every weight a random value, statistics too."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.dtype == "float32":
            drawn = rng.normal(scale=0.3, size=weight.shape)
            weight.assign(np.abs(drawn) + 0.5 if weight.name == "moving_variance" else drawn)
    return model


def seen_by_nobody() -> Any:
    """Return a network with residuals, concatenations, depthwise convolutions, an excitation and a model within."""
    image = keras.Input((12, 12, 3), name="image")
    stem = layers.Rescaling(1 / 255.0)(image)
    stem = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(12, 3, padding="same", use_bias=False)(stem)))
    inner = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(stem)
    inner = layers.BatchNormalization()(layers.Conv2D(12, 1)(inner))
    gate = layers.Conv2D(4, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(inner))
    inner = layers.Multiply()([inner, layers.Conv2D(12, 1, activation="sigmoid")(gate)])
    joined = layers.Add()([stem, inner])
    side = layers.SeparableConv2D(8, 3, padding="same", activation="relu")(joined)
    joined = layers.MaxPooling2D()(layers.Concatenate()([joined, side]))
    within = keras.Sequential(
        [keras.Input((6, 6, 20)), layers.Conv2D(10, 3, activation="relu"), layers.BatchNormalization()], name="within"
    )
    rows = layers.Reshape((16, 10))(within(joined))
    read_twice = layers.Conv1D(10, 3, padding="same", activation="relu")
    rows = read_twice(read_twice(rows))
    flat = layers.Dropout(0.3)(layers.Dense(16, activation="relu")(layers.Flatten()(rows)))
    other = keras.Input((5,), name="word", dtype="int32")
    words = layers.GRU(6)(layers.Embedding(11, 8)(other))
    logits = layers.Dense(4, name="logits")(layers.Concatenate()([flat, words]))
    return keras.Model({"word": other, "image": image}, layers.Softmax()(logits), name="unseen")


def drawn_network(seed: int) -> Any:
    """Return a network of random layers."""
    rng = np.random.default_rng(seed)
    image = keras.Input((8, 8, 2), name="image")
    tensors = [layers.Conv2D(int(rng.integers(2, 7)), 3, padding="same")(image)]
    for _ in range(int(rng.integers(4, 10))):
        taken = tensors[int(rng.integers(len(tensors)))]
        width = taken.shape[-1]
        match int(rng.integers(8)):
            case 0:
                made = layers.Conv2D(int(rng.integers(2, 7)), 3, padding="same", activation="relu")(taken)
            case 1:
                made = layers.BatchNormalization()(taken)
            case 2:
                made = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=int(rng.integers(1, 3)))(taken)
            case 3:
                other = layers.Conv2D(width, 1)(tensors[int(rng.integers(len(tensors)))])
                made = layers.Add()([taken, other])
            case 4:
                made = layers.Concatenate()([taken, tensors[int(rng.integers(len(tensors)))]])
            case 5:
                same = [tensor for tensor in tensors if tensor.shape[-1] == width]
                made = layers.Multiply()([taken, same[int(rng.integers(len(same)))]])
            case 6:
                pooled = layers.GlobalAveragePooling2D()(taken)
                made = layers.Multiply()([taken, layers.Reshape((1, 1, width))(layers.Dense(width)(pooled))])
            case _:
                made = layers.LayerNormalization()(taken) if rng.random() < 0.3 else layers.LeakyReLU()(taken)
        tensors.append(made)
    ends = [layers.Flatten()(layers.MaxPooling2D()(tensors[-1])), layers.GlobalAveragePooling2D()(tensors[-2])]
    logits = layers.Dense(3, name="logits")(layers.Concatenate()(ends))
    return keras.Model(image, logits)


def examples(model: Any, count: int = 5) -> dict[str, npt.NDArray[Any]]:
    rng = np.random.default_rng(3)
    return {
        tensor.name: rng.integers(0, 11, (count, *tensor.shape[1:])).astype(np.int32)
        if tensor.dtype == "int32"
        else rng.random((count, *tensor.shape[1:]), np.float32)
        for tensor in model.inputs
    }


def answers(model: Any) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = model(feed(model, examples(model)), training=False).numpy()
    return found


def assert_zero_channels_leave_unnoticed(model: Any, seed: int) -> int:
    """Make half of the channels 0, remove them, and compare; return how many left."""
    reading = read_graph(model)
    analysis = analyse_channels(reading.graph, RULES)
    rng = np.random.default_rng(seed)
    gone = [rng.permutation(group.channels)[: len(group.channels) // 2] for group in analysis.groups]
    removed = np.sort(np.concatenate([np.zeros(0, np.int64), *gone]))
    silent = zeroed(reading, analysis, removed)
    smaller = remove_channels(read_graph(silent), analysis, removed)
    assert np.allclose(answers(smaller), answers(silent), atol=1e-5, rtol=1e-5)
    assert smaller.count_params() < model.count_params() or not len(removed)
    return len(removed)


def test_channels_that_are_zero_leave_a_network_unnoticed() -> None:
    model = randomized(seen_by_nobody(), 1)
    assert assert_zero_channels_leave_unnoticed(model, 2) == 6 + 2 + 4 + 5 + 8 + 4 + 3


def test_channels_of_sensors_that_are_zero_leave_unnoticed() -> None:
    waves, series = keras.Input((4,), name="waves"), keras.Input((6, 5), name="series")
    calendar = layers.Reshape((5, 4))(layers.Dense(20)(waves))
    features = layers.Dense(8)(layers.Concatenate()([layers.Permute((2, 1))(series), calendar]))
    inner = layers.Dense(6, activation="relu")(layers.Concatenate()([SensorMixing(3)(features), features]))
    features = layers.Add()([features, layers.Dense(8)(inner)])
    logits = layers.Reshape((5, 2, 3), name="logits")(layers.Dense(6)(features))
    model = randomized(keras.Model([waves, series], logits), 12)
    assert assert_zero_channels_leave_unnoticed(model, 13) == 2 + 4 + 3


@pytest.mark.parametrize("seed", range(25))
def test_channels_that_are_zero_leave_drawn_networks_unnoticed(seed: int) -> None:
    keras.utils.clear_session()
    assert_zero_channels_leave_unnoticed(randomized(drawn_network(seed), seed), seed)


def test_a_copy_answers_the_same_and_shares_nothing() -> None:
    model = randomized(seen_by_nobody(), 4)
    before = answers(model)
    copy = rebuild(read_graph(model), {})
    assert np.array_equal(answers(copy), before)
    assert [tensor.name for tensor in copy.inputs] == [tensor.name for tensor in model.inputs]
    randomized(copy, 5)
    assert np.array_equal(answers(model), before)


def test_a_folded_network_answers_the_same_without_its_normalizations() -> None:
    model = randomized(seen_by_nobody(), 6)
    smaller = fold_batch_norm(model)
    kinds = [call.kind for call in read_graph(smaller).graph.calls]
    assert kinds.count("BatchNormalization") == 1, "the one behind an activation stays"
    assert np.allclose(answers(smaller), answers(model), atol=1e-5)


def rows_of_numbers(axes: tuple[int | None, ...]) -> Any:
    """Return a network whose dense layers read tensors [N, *axes, 5], one of them twice."""
    rows = keras.Input((*axes, 5), name="rows")
    twice = layers.Dense(7, activation="relu", name="twice")
    hidden = twice(layers.Dense(5)(twice(rows)))
    return keras.Model(rows, layers.Dense(3, use_bias=False, name="logits")(hidden))


@pytest.mark.parametrize("axes", [(4,), (2, 3)], ids=str)
def test_dense_layers_over_more_axes_answer_the_same_as_one_product(axes: tuple[int, ...]) -> None:
    model = randomized(rows_of_numbers(axes), 11)
    flat = rewrite_for_serving(model)
    assert {type(layer).__name__ for layer in flat.layers if layer.weights} == {"FlatDense"}
    assert np.allclose(answers(flat), answers(model), atol=1e-5)
    served = file_answers(convert_float(model), examples(model))
    assert np.allclose(served, answers(model), atol=1e-5)


def test_a_flat_product_saves_the_arithmetic_of_shapes() -> None:
    model = randomized(rows_of_numbers((4,)), 12)
    direct = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    assert len(convert_float(model)) < 0.6 * len(direct)


def test_a_product_of_unknown_axes_stays_as_it_is() -> None:
    model = randomized(rows_of_numbers((None,)), 13)
    rows = np.random.default_rng(14).random((2, 6, 5), np.float32)
    assert np.array_equal(rewrite_for_serving(model)(rows), model(rows))


def test_a_network_without_such_layers_is_converted_as_it_is() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        pass

    for model in (keras.Sequential([keras.Input((5,)), layers.Dense(3, name="logits")]), Own()):
        assert rewrite_for_serving(model) is model


@pytest.mark.filterwarnings("ignore")
def test_an_embedding_of_an_input_is_served_by_one_operation() -> None:
    ids = keras.Input((6,), name="ids", dtype="int32")
    model = randomized(
        keras.Model(ids, layers.Dense(3, name="logits")(layers.Flatten()(layers.Embedding(11, 4)(ids)))), 15
    )
    content = convert_float(model)
    assert np.allclose(file_answers(content, examples(model)), answers(model), atol=1e-5)
    interpreter = tf.lite.Interpreter(model_content=content)
    names = [detail["op_name"] for detail in interpreter._get_ops_details()]
    assert names.count("GATHER") == 1
    assert not {"LESS", "SELECT_V2"} & set(names)


def test_statistics_are_those_of_the_data_afterwards() -> None:
    inputs = keras.Input((3,), name="x")
    hidden = layers.Dropout(0.5)(layers.Dense(4, name="dense")(inputs))
    normalized = layers.BatchNormalization(name="normalization", momentum=0.9)
    model = randomized(keras.Model(inputs, normalized(hidden)), 7)
    data = np.random.default_rng(8).normal(2.0, 3.0, (512, 3)).astype(np.float32)
    recalibrate_batch_norm(model, {"x": data}, seed=0)
    hidden_values = model.get_layer("dense")(data).numpy()
    assert np.allclose(normalized.moving_mean, hidden_values.mean(axis=0), atol=1e-3)
    assert np.allclose(normalized.moving_variance, hidden_values.var(axis=0), rtol=0.05)
    assert (normalized.momentum, model.layers[2].rate) == (0.9, 0.5)


def test_a_model_without_a_graph_is_refused() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        pass

    with pytest.raises(TypeError, match="has no graph to read"):
        read_graph(Own())


def reader_of_lists(*, curved: bool = False, width: int = 8) -> Any:
    """Return a network in the manner of those for texts: lists of numbers with weights."""
    ids, weights = keras.Input((6,), name="ids", dtype="int32"), keras.Input((6,), name="weights")
    sums = layers.Dot(axes=1)([weights, layers.Embedding(11, width)(ids)])
    return keras.Model([ids, weights], layers.Dense(3, name="logits")(layers.ReLU()(sums) if curved else sums))


def test_columns_are_concentrated_unnoticed() -> None:
    model = randomized(reader_of_lists(), 9)
    smaller = rotate_embeddings(model)
    assert [weight.shape for weight in smaller.weights] == [(11, 3), (3, 3), (3,)]
    assert np.allclose(answers(smaller), answers(model), atol=1e-4)
    untouched = rotate_embeddings(randomized(reader_of_lists(curved=True), 9))
    assert [weight.shape for weight in untouched.weights] == [(11, 8), (8, 3), (3,)]


def test_rows_that_never_occur_leave_unnoticed_and_unknown_ones_are_zero() -> None:
    model = randomized(reader_of_lists(curved=True, width=32), 10)
    inputs = examples(model)
    inputs["ids"] = np.where(inputs["ids"] > 5, 2, inputs["ids"])
    smaller = drop_embedding_rows(model, inputs, keep=1.0)
    rows = {weight.name: weight.shape for weight in smaller.weights}
    assert rows["numbers"] == (11,)
    assert rows["embeddings"][0] <= 7
    expected = model(feed(model, inputs)).numpy()
    assert np.allclose(smaller(feed(smaller, inputs)).numpy(), expected, atol=1e-6)
    narrow = reader_of_lists(curved=True)
    assert next(weight.name for weight in drop_embedding_rows(narrow, inputs, keep=1.0).weights) == "embeddings"
    nothing = {"ids": np.full((1, 6), 9, np.int32), "weights": np.ones((1, 6), np.float32)}
    silent = {"ids": np.full((1, 6), 2, np.int32), "weights": np.zeros((1, 6), np.float32)}
    assert np.allclose(smaller(feed(smaller, nothing)).numpy(), model(feed(model, silent)).numpy(), atol=1e-6)
