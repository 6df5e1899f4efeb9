"""How far a training is, and what that means for it: plain decisions about a few numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from idla_contract.task import Schedule, Training

from idla_trainer.models.fine_tuning import Phase

_NEWEST = 0.3
"""What the newest epoch counts in the time that one usually takes."""
PhaseOf = Callable[[int], Phase]
"""What an epoch, counted from 0, trains."""


@dataclass(slots=True)
class Course:
    """How far the training is; all of it is in every checkpoint."""

    epoch: int = 0
    """Counted from 0."""
    batch: int = 0
    """Batches done in this epoch."""
    loss_sum: float = 0.0
    epoch_seconds: float = 0.0
    train_seconds: float = 0.0
    """Spent on steps, over all epochs."""
    seconds: float = 0.0
    """Wall time of all attempts."""
    begun_seconds: float = 0.0
    """Of them those before this epoch."""
    longest_seconds: float = 0.0
    """Wall time of the longest epoch."""
    usual_seconds: float = 0.0
    """Wall time of an epoch as the latest ones took it; 0: none has ended but the first one, which compiles."""
    resumed: int = 0
    best_epoch: int = 0
    """Counted from 1; 0: none yet, or the network as it came."""
    first_loss: float = math.inf
    """Validation loss of the network as it came, where that may be the best one."""
    curve: list[dict[str, float]] = field(default_factory=list)
    """Of each epoch the fields of an `Epoch`."""
    rate_scale: float = 1.0
    """What a plateau has left of the learning rate."""
    eased_epoch: int = 0
    """The epoch after which the rate was halved last."""
    thawed_epoch: int = 0
    """The epoch after which all layers began to learn."""

    @property
    def best_loss(self) -> float:
        """Return the lowest validation loss so far."""
        return self.curve[self.best_epoch - 1]["validation_loss"] if self.best_epoch else self.first_loss

    def end_epoch(self, point: dict[str, float], phase: PhaseOf, *, min_delta: float) -> bool:
        """Note what an epoch came to; return whether its weights are the best so far.

        Args:
            point: fields of its `Epoch`.
            phase: what the epochs train.
            min_delta: by how much a lower loss is a better one.
        """
        better = point["validation_loss"] < self.best_loss - min_delta
        self.curve.append(point)
        self.epoch += 1
        if phase(self.epoch - 1).frozen and not phase(self.epoch).frozen:
            self.thawed_epoch = self.epoch
        if better:
            self.best_epoch = self.epoch
        self.train_seconds += self.epoch_seconds
        taken = self.seconds - self.begun_seconds
        self.longest_seconds = max(self.longest_seconds, taken)
        if self.epoch > 1:
            known = self.usual_seconds or taken
            self.usual_seconds = known + _NEWEST * (taken - known)
        self.begun_seconds = self.seconds
        self.batch, self.loss_sum, self.epoch_seconds = 0, 0.0, 0.0
        return better

    def ease(self, training: Training) -> None:
        """Halve the rate of a plateau."""
        waited = self.epoch - max(self.best_epoch, self.eased_epoch, self.thawed_epoch)
        if training.schedule is Schedule.PLATEAU and waited >= max(1, training.early_stopping.patience_epochs // 2):
            self.rate_scale /= 2
            self.eased_epoch = self.epoch


def end_of(course: Course, training: Training, phase: PhaseOf, max_seconds: float) -> str | None:
    """Return why a training ends after the epoch that has just ended, or None.

    Args:
        course: how far it is.
        training: how long it may go on.
        phase: what the epochs train; while layers are frozen that learn later, no patience is counted.
        max_seconds: an epoch that would end later, going by the longest one so far, is not begun.
    """
    waited = course.epoch - max(course.best_epoch, course.thawed_epoch)
    thaws_later = phase(course.epoch).frozen and not phase(training.max_epochs - 1).frozen
    if waited >= training.early_stopping.patience_epochs and not thaws_later:
        return "EarlyStopping"
    if course.epoch >= training.max_epochs:
        return "MaxEpochs"
    if course.seconds + course.longest_seconds > max_seconds:
        return "Budget"
    return None


def epochs_left(course: Course, training: Training, phase: PhaseOf) -> float:
    """Return how many epochs, the one that goes on among them, are to be expected.

    They are at least those that the patience still grants, and at most all.

    Args:
        course: how far it is.
        training: how long it may go on.
        phase: what the epochs train.
    """
    most = training.max_epochs - course.epoch
    waited = course.epoch - max(course.best_epoch, course.thawed_epoch)
    if phase(course.epoch).frozen and not phase(training.max_epochs - 1).frozen:
        waited = 0
    least = min(most, max(1, training.early_stopping.patience_epochs - waited))
    return expected_between(least, most)


def expected_between(least: float, most: float) -> float:
    """Return the mean of the logarithms of two bounds: it is no further from either one than from the other."""
    return math.sqrt(least * most) if most > 0 else 0.0
