"""Names of the networks and what each needs to be built."""

import functools

from idla_contract.task import ModelSpec
from idla_preprocess import Array, Arrays, ImageSpec, Preprocess
from idla_preprocess.image import IMAGE
from idla_preprocess.interactions import InteractionsSpec
from idla_preprocess.series import SeriesSpec
from idla_preprocess.tabular import TabularSpec
from idla_preprocess.text import TextSpec

from idla_trainer.failures import spec_invalid
from idla_trainer.models import fine_tuning
from idla_trainer.models.entry import Augmentation, Builder, Entry
from idla_trainer.models.hyperparameters import Hyperparameter, Values, validated
from idla_trainer.models.image import augmentation, efficient, pretrained_vgg, resnet, vgg
from idla_trainer.models.own import offered, own_entry
from idla_trainer.models.recommendation import collaborative_filtering
from idla_trainer.models.series import graph_forecaster, series_linear
from idla_trainer.models.tabular import boosted_trees, tabular_linear, tabular_network
from idla_trainer.models.text import ngram_linear, sentence_encoder, text_network

_DROPOUT = Hyperparameter("dropout", 0.4, 0, 0.9, "share of the last features that training leaves out", whole=False)


def _augmented(inputs: Arrays, values: Values, *, seed: int, epoch: int, step: int) -> dict[str, Array]:
    return {IMAGE: augmentation.augmented(inputs[IMAGE], values, seed=seed, epoch=epoch, step=step)}


def _of_images(build: Builder, *own: Hyperparameter, needs_weights: bool = False) -> Entry:
    return Entry(
        build, (*own, _DROPOUT, *augmentation.HYPERPARAMETERS), ImageSpec, _augmented, begins_with_weights=True,
        needs_weights=needs_weights,
    )  # fmt: skip


REGISTRY = {
    "resnet": _of_images(
        resnet.build_resnet,
        Hyperparameter("blocks", 1, 1, 18, "residual blocks of each of the three stages"),
        Hyperparameter("width", 32, 4, 256, "channels of the first stage; each stage doubles them"),
    ),
    "vgg": _of_images(
        vgg.build_vgg,
        Hyperparameter("blocks", 3, 1, 5, "pairs of convolutions, each halving the image"),
        Hyperparameter("width", 32, 4, 256, "channels of the first pair; each pair doubles them"),
        Hyperparameter("dense", 128, 8, 4096, "units of the dense layer"),
    ),
    "efficient": _of_images(
        efficient.build_efficient,
        Hyperparameter("width", 16, 4, 256, "channels of the first stage; each stage doubles them"),
        Hyperparameter("stages", 3, 1, 6, "blocks, each but the first halving the image"),
        Hyperparameter("expansion", 2, 1, 8, "times by which a block widens its features", whole=False),
    ),
    "pretrained-vgg": _of_images(
        pretrained_vgg.build_pretrained_vgg, *pretrained_vgg.HYPERPARAMETERS, needs_weights=True
    ),
    "ngram-linear": Entry(ngram_linear.build_ngram_linear, ngram_linear.HYPERPARAMETERS, TextSpec),
    "text-network": Entry(text_network.build_text_network, text_network.HYPERPARAMETERS, TextSpec),
    "sentence-encoder": Entry(
        sentence_encoder.build_sentence_encoder,
        sentence_encoder.HYPERPARAMETERS,
        TextSpec,
        begin=sentence_encoder.begin_sentence_encoder,
        view=sentence_encoder.view_texts,
        front=sentence_encoder.FRONT,
    ),
    "tabular-linear": Entry(
        tabular_linear.build_tabular_linear,
        tabular_linear.HYPERPARAMETERS,
        TabularSpec,
        begin=tabular_linear.begin_tabular_linear,
        prior=tabular_linear.penalise,
    ),
    "tabular-network": Entry(
        tabular_network.build_tabular_network,
        tabular_network.HYPERPARAMETERS,
        TabularSpec,
        prior=tabular_network.calm_noise,
    ),
    "boosted-trees": Entry(
        boosted_trees.build_boosted_trees,
        boosted_trees.HYPERPARAMETERS,
        TabularSpec,
        fit=boosted_trees.fit_boosted_trees,
    ),
    "collaborative-filtering": Entry(
        collaborative_filtering.build_collaborative_filtering,
        collaborative_filtering.HYPERPARAMETERS,
        InteractionsSpec,
        begin=collaborative_filtering.begin_collaborative_filtering,
    ),
    "series-linear": Entry(series_linear.build_series_linear, series_linear.HYPERPARAMETERS, SeriesSpec),
    "graph-forecaster": Entry(graph_forecaster.build_graph_forecaster, graph_forecaster.HYPERPARAMETERS, SeriesSpec),
}


def entry_of(model: ModelSpec) -> tuple[Entry, Values]:
    """Return the entry of a model, of this registry or else of another package, and its complete hyperparameters.

    Raises:
        TaskError: no such builder, a wrong hyperparameter, weights for a network that cannot begin with given ones, or
            none for one that must.
    """
    entry = REGISTRY.get(model.builder) or own_entry(model.builder)
    if entry is None:
        known = ", ".join(sorted({*REGISTRY, *offered()}))
        raise spec_invalid(f"model.builder: found {model.builder!r}; this image knows {known}")
    if model.weights is None:
        if entry.needs_weights:
            raise spec_invalid(
                f"model.weights: the network {model.builder!r} begins with given weights; name their uri and sha256"
            )
        return entry, validated(model.builder, entry.hyperparameters, model.hyperparameters)
    if not entry.begins_with_weights:
        able = ", ".join(sorted(name for name, known in REGISTRY.items() if known.begins_with_weights))
        raise spec_invalid(
            f"model.weights: the network {model.builder!r} does not begin with given weights; {able} do. Leave it out"
        )
    parameters = (*entry.hyperparameters, *fine_tuning.HYPERPARAMETERS)
    return entry, validated(model.builder, parameters, model.hyperparameters)


def check_known(model: ModelSpec) -> None:
    """Refuse a model as early as can be: one of another package is only looked for, since it is not imported yet.

    Raises:
        TaskError: as `entry_of` says.
    """
    if model.builder in REGISTRY or model.builder not in offered():
        entry_of(model)


def augmentation_of(model: ModelSpec, *, seed: int) -> Augmentation | None:
    """Return what changes a model's training inputs at random, by epoch and step alone; None: nothing does."""
    entry, values = entry_of(model)
    return None if entry.augment is None else functools.partial(entry.augment, values=values, seed=seed)


def check_takes(model: ModelSpec, preprocess: Preprocess) -> None:
    """Make sure that a network takes what the preprocessing gives.

    Raises:
        TaskError: it is made for other data.
    """
    entry, _ = entry_of(model)
    if not isinstance(preprocess, entry.preprocess):
        raise spec_invalid(
            f"model.builder: {model.builder!r} takes data of the kind {entry.preprocess.kind!r}, these are of the kind "
            f"{preprocess.kind!r}"
        )
