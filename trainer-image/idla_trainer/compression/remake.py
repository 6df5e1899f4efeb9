"""A network made once more in the way that was chosen, with other examples and nothing left to choose."""

from dataclasses import replace
from typing import Any

from idla_contract.result import Making, Retraining
from idla_contract.work import Part

from idla_trainer.compression.candidates import CompressionTask, copy_network, train_rounded, train_student
from idla_trainer.compression.pruning.narrowing import Narrowing
from idla_trainer.compression.quantization.fake_quantization import strip_ranges


def remake(model: Any, task: CompressionTask, making: Making) -> tuple[Any, Any] | None:
    """Return the baseline and the network that come from another trained network in the same way.

    Each training ends with the epoch that was the best one then; nothing is evaluated. None where one does not get that
    far, because it diverges or the time of `task` is over.

    Args:
        model: the trained network; not changed.
        task: how it is trained; its validation examples are not looked at.
        making: what was done the first time.
    """
    baseline = model
    if making.further is not None:
        baseline = copy_network(model, task.distillation.data.inputs)
        task.stages.begin(Part.FURTHER_AGAIN)
        if baseline is None or not _retrain("further", baseline, model, task, making.further):
            return None
    network = baseline
    if making.keep_percent is not None and making.smaller is not None:
        task.stages.begin(Part.SMALLER_AGAIN)
        network = Narrowing.of(baseline, task.distillation, seed=task.settings.seed).narrowed(making.keep_percent / 100)
        if not _retrain("smaller", network, baseline, task, making.smaller):
            return None
    if making.rounded is not None:
        task.stages.begin(Part.AWARE_AGAIN)
        rounding, outcome = train_rounded(
            "rounded", network, baseline, task, making.rounded.epochs, stop=making.rounded.best_epoch
        )
        if outcome.epochs < making.rounded.best_epoch:
            return None
        network = strip_ranges(rounding)
    return baseline, network


def _retrain(name: str, student: Any, teacher: Any, task: CompressionTask, before: Retraining) -> bool:
    """Train as before; return whether that came as far."""
    if not before.best_epoch:
        return True
    as_before = replace(task, settings=replace(task.settings, epochs=before.epochs, stop=before.best_epoch))
    return train_student(name, student, teacher, as_before, seconds=task.clock.left()).epochs >= before.best_epoch
