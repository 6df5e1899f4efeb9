"""The networks of a compression: the float baseline trained on, and smaller ones that learned from it."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from idla_contract.result import Making, Retraining
from idla_contract.work import Part

from idla_trainer.compression.bisection import TimeBudget, bisect_shares
from idla_trainer.compression.distill import Arrays, DistillationTask, Settings, TrainingOutcome, distill
from idla_trainer.compression.keras_graph import read_graph, rebuild
from idla_trainer.compression.pruning.channels import analyse_channels
from idla_trainer.compression.pruning.layer_rules import RULES
from idla_trainer.compression.pruning.narrowing import Narrowing, size_of
from idla_trainer.compression.quantization.fake_quantization import (
    calibrate,
    insert_ranges,
    round_weights,
    strip_ranges,
)
from idla_trainer.compression.stages import Stages
from idla_trainer.models.prediction import LOGITS, predict

_log = logging.getLogger(__name__)
_WORTH = 0.95
"""A network with more of the weights than this share is not tried: it would save next to nothing."""
_COMPARED = 32
"""Examples by which a copy is compared with the network that it was made of."""
_OF_CHANNELS = 0.5
"""Part of the tolerance that a smaller network may use up; the rest is for its rounding."""
_ROUNDING = 1e-9
_BASELINE = 0.4
"""Share of the time that the baseline may learn on; each smaller network then learns as many epochs."""
_AWARE_RATE = 0.1
"""Learning rate of quantization-aware training in relation to that of the distillation: it is a last polish."""


@dataclass(frozen=True, slots=True, eq=False)
class CompressionTask:
    """How the networks are trained, and by what they are compared."""

    distillation: DistillationTask
    """Without a teacher."""
    settings: Settings
    drop: Callable[[Any, Any], float]
    """Loss of quality on the validation part of one served answer against another."""
    tolerance: float
    """Drop that is accepted."""
    clock: TimeBudget
    stages: Stages = field(default_factory=Stages)
    """Where its trainings are kept, and what is asked meanwhile."""


@dataclass(frozen=True, slots=True, eq=False)
class CandidateNetwork:
    """A network that may be served."""

    name: str
    """Begins the names of its variants; "" for the baseline."""
    model: Any
    drop: float
    """Loss of quality on the validation part against the baseline."""
    making: Making = field(default_factory=Making)


@dataclass(frozen=True, slots=True, eq=False)
class CandidateNetworks:
    """The baseline first, then smaller ones in the order in which they were tried."""

    found: tuple[CandidateNetwork, ...]
    kept: tuple[str, ...]
    """Layers whose channels could not be followed, with the reason."""


def train_candidates(model: Any, task: CompressionTask, shares: tuple[float, ...]) -> CandidateNetworks:
    """Return the baseline, trained on as long as each smaller network, and the smaller ones that are good enough.

    The baseline learns from itself as it came for as many epochs as they do, so that what these gain by longer training
    and by distillation is not taken for a gain of the compression. Each one is the best of its epochs by the
    validation part, the baseline perhaps as it came.

    Args:
        model: the float network; not changed.
        task: how it is trained, and by what it is compared.
        shares: of the channels that may stay; empty: no training happens.
    """
    baseline = copy_network(model, task.distillation.data.validation_inputs) if shares else None
    if baseline is None:
        reason = "the whole network: it cannot be built again from its graph"
        return CandidateNetworks((CandidateNetwork("", model, 0.0),), (reason,) if shares else ())
    keras_graph = read_graph(baseline)
    analysis = analyse_channels(keras_graph.graph, RULES)
    kept = tuple(f"{', '.join(held.layers)}: {held.reason}" for held in analysis.kept if held.layers != (LOGITS,))
    worth = tuple(share for share in shares if size_of(keras_graph, analysis, share) <= _WORTH)
    if not worth or not task.clock.allows(0.0):
        return CandidateNetworks((CandidateNetwork("", model, 0.0),), kept)
    task.stages.begin(Part.FURTHER)
    first = train_student("further", baseline, model, task, seconds=task.clock.left() * _BASELINE)
    further = Retraining(epochs=task.settings.epochs, best_epoch=first.best_epoch)
    task = replace(task, settings=replace(task.settings, epochs=first.epochs))
    found = CandidateNetwork("", baseline, 0.0, Making(further=further))
    return CandidateNetworks((found, *_smaller_networks(found, task, worth, seconds=first.seconds)), kept)


def _smaller_networks(
    baseline: CandidateNetwork, task: CompressionTask, shares: Sequence[float], *, seconds: float
) -> list[CandidateNetwork]:
    """Return the smaller networks that are good enough, in the order in which they were tried.

    Args:
        baseline: from which they learn.
        task: how, and by what they are compared.
        shares: of the channels that may stay.
        seconds: that the training of one takes; it is not begun where fewer are left.
    """
    narrowing = Narrowing.of(baseline.model, task.distillation, seed=task.settings.seed)
    validation = task.distillation.data.validation_inputs
    reference = predict(baseline.model, validation)
    found: list[CandidateNetwork] = []

    def attempt(share: float) -> bool | None:
        if not task.clock.allows(seconds):
            return None
        task.stages.begin(Part.SMALLER)
        student, name = narrowing.narrowed(share), f"Keep{round(100 * share)}"
        outcome = train_student(name, student, baseline.model, task, seconds=task.clock.left())
        drop = task.drop(reference, predict(student, validation))
        passes = drop <= task.tolerance * _OF_CHANNELS + _ROUNDING
        percent, word = round(100 * share), "accepted" if passes else "too much"
        _log.info("keeping %d %% of the channels loses %.4f on the validation part, %s", percent, drop, word)
        if passes:
            smaller = Retraining(epochs=task.settings.epochs, best_epoch=outcome.best_epoch)
            making = baseline.making.model_copy(update={"keep_percent": percent, "smaller": smaller})
            found.append(CandidateNetwork(name, student, drop, making))
        return passes

    bisect_shares(shares, attempt)
    return found


def quantization_aware_train(
    network: CandidateNetwork, baseline: Any, task: CompressionTask, *, epochs: int
) -> CandidateNetwork:
    """Return the network after quantization-aware training, for full integer conversion; the given one stays.

    Args:
        network: what loses too much when it is rounded.
        baseline: from which it learns.
        task: how.
        epochs: how long.
    """
    name = f"{network.name}Aware"
    rounding, outcome = train_rounded(name, network.model, baseline, task, epochs)
    retraining = Retraining(epochs=epochs, best_epoch=outcome.best_epoch)
    making = network.making.model_copy(update={"rounded": retraining})
    return CandidateNetwork(name, strip_ranges(rounding), network.drop, making)


def train_rounded(
    name: str, model: Any, baseline: Any, task: CompressionTask, epochs: int, *, stop: int | None = None
) -> tuple[Any, TrainingOutcome]:
    """Return a copy of a network after quantization-aware training, with its ranges, and what that came to.

    Args:
        name: of the training.
        model: what is rounded; not changed.
        baseline: from which it learns.
        task: how.
        epochs: over which the learning rate goes.
        stop: the epoch after which it ends all the same; None: the last one.
    """
    rounding = insert_ranges(model)
    calibrate(rounding, task.distillation.data.inputs, seed=task.settings.seed)
    rate = task.settings.learning_rate * _AWARE_RATE
    settings = replace(task.settings, epochs=epochs, learning_rate=rate, stop=stop, seconds=task.clock.left())
    distillation = replace(task.distillation, teacher=baseline, rounding=round_weights)
    return rounding, _distill(name, rounding, distillation, settings, task)


def copy_network(model: Any, inputs: Arrays) -> Any | None:
    """Return a network of the same layers that answers the same; None where it is none that can be read and rebuilt."""
    some = {name: values[:_COMPARED] for name, values in inputs.items()}
    try:
        copy = rebuild(read_graph(model), {})
        return copy if np.allclose(predict(copy, some), predict(model, some), atol=1e-4) else None
    except (TypeError, ValueError, NotImplementedError) as error:
        _log.warning("the network keeps its channels: %s", error)
        return None


def train_student(name: str, student: Any, teacher: Any, task: CompressionTask, *, seconds: float) -> TrainingOutcome:
    """Let a network learn in place from another one and the targets; epochs that would end later are not begun."""
    settings = replace(task.settings, seconds=seconds)
    outcome = _distill(name, student, replace(task.distillation, teacher=teacher), settings, task)
    _log.info("%s: %d epochs, the best is %d, in %.1f s", name, outcome.epochs, outcome.best_epoch, outcome.seconds)
    return outcome


def _distill(
    name: str, student: Any, distillation: DistillationTask, settings: Settings, task: CompressionTask
) -> TrainingOutcome:
    how = repr(replace(settings, seconds=math.inf))
    kept = task.stages.kept(name, how, student, distillation.teacher)
    outcome = distill(
        student,
        distillation,
        settings,
        kept=kept,
        preemption=task.stages.preemption,
        observe=partial(task.stages.observe, epochs=settings.stop),
    )
    task.clock.charge(outcome.earlier_seconds)
    return outcome
