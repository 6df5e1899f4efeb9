"""How long a search still takes, by what its trials have taken so far."""

import statistics
import time
from collections.abc import Callable, Sequence

from idla_contract.task import Rung, Training

from idla_trainer.training.course import expected_between
from idla_trainer.training.rungs import epochs_of


def work_left(
    rungs: Sequence[Rung], training: Training, *, rung: int, waiting: int, epoch_steps: int
) -> tuple[int, float]:
    """Return how many trials are still to be set up, and for how many epochs all of them are still trained.

    The last rung may end early, by patience.

    Args:
        rungs: of the search.
        training: of a trial; the others have similar ones.
        rung: that goes on, counted from 1.
        waiting: its trials that are not begun there.
        epoch_steps: of a trial.
    """
    ends = [0, *(epochs_of(entry, training.max_epochs, epoch_steps) for entry in rungs)]
    epochs = float(waiting * (ends[rung] - ends[rung - 1]))
    for number in range(rung + 1, len(rungs) + 1):
        width = ends[number] - ends[number - 1]
        least = min(width, training.early_stopping.patience_epochs)
        epochs += rungs[number - 2].kept * (expected_between(least, width) if number == len(rungs) else width)
    return waiting if rung == 1 else 0, epochs


class SearchTimes:
    """What trials of a search took, and what the others will.

    Args:
        now: the monotonic clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._setups: list[float] = []
        self._epochs: list[float] = []
        self._began: float | None = None

    def begin(self) -> None:
        """Note that a trial is being set up."""
        self._began = self._now()

    def left(self, of_trial: float | None, ahead: tuple[int, float], *, epoch: float) -> float | None:
        """Return the seconds to the end of the search, or None where nothing is known of an epoch.

        Args:
            of_trial: seconds to the end of the trial's rung; None: not known.
            ahead: what `work_left` returned.
            epoch: seconds of the trial's; 0: not known.
        """
        if self._began is not None:
            self._setups.append(self._now() - self._began)
            self._began = None
        known = [*self._epochs, *([epoch] if epoch else [])]
        if of_trial is None or not known:
            return None
        setups, epochs = ahead
        return of_trial + setups * statistics.fmean(self._setups or [0.0]) + epochs * statistics.fmean(known)

    def end(self, epoch: float) -> None:
        """Note the seconds of an epoch of a trial that has reached its rung; 0: they are not known."""
        if epoch:
            self._epochs.append(epoch)
