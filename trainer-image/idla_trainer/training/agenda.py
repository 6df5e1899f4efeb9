"""How long a task still takes: the parts of its work that are before it, in measures that it takes on the way."""

import math
import time
from collections.abc import Callable, Iterable

from idla_contract.work import Measures, Part, Work

from idla_trainer.training.progress import TaskProgress

_THOUSAND = 1000
_OVERDUE = 0.25
"""A part that takes longer than expected is taken to go on for as much of the time that it has taken."""


class Agenda:
    """The parts of a task's work in their order, of which each one that is begun leaves those before it behind.

    Args:
        told: who is told how far the task is.
        ahead: the parts that are expected.
        measures: as far as they are known; whoever takes one writes it down here.
        now: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        told: TaskProgress,
        ahead: Iterable[tuple[Part, Work]] = (),
        *,
        measures: Measures | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._told, self._now = told, now
        self.measures = measures or Measures()
        self._ahead = list(ahead)
        self._part: Part | None = None
        """That is going on."""
        self._work = Work()
        """Of it."""
        self._began = self._part_began = now()
        self._steps: tuple[int, int] | None = None
        """Of its only training, where it is one."""
        self._done = 0
        """Thousandths of a task of many parts."""

    def begin(self, part: str) -> None:
        """Note that a part is begun; one that is not expected takes the place of nothing."""
        names = [name for name, _ in self._ahead]
        if part == Part.CONVERSION == self._part:
            self.measures.file = self._now() - self._part_began
        if part in names:
            place = names.index(Part(part))
            self._work, self._ahead = self._ahead[place][1], self._ahead[place + 1 :]
            self._part, self._part_began = Part(part), self._now()
        self.tell()

    def started(self, share: float) -> None:
        """Note that so much of a start is done since the task began, where nothing is known of a start."""
        if self.measures.start is None:
            self.measures.start = (self._now() - self._began) / share

    def step(self, done: int, total: int, left: float | None = None) -> None:
        """Tell how far the task is whose only training has come so far.

        Args:
            done: steps of it.
            total: all of its steps.
            left: seconds until it ends; None: not known.
        """
        self._steps = done, total
        self.started(1.0)
        self._told.measured(self.measures.start, None)
        self._told.step(done, total, None if left is None else self.seconds_left(left))

    def tell_training(self, left: float | None, *, epoch: float = 0.0) -> None:
        """Tell how far a training is that is a part among others.

        Args:
            left: seconds until it ends; None: not known.
            epoch: seconds of each of its epochs, where the trainings that follow have similar ones; 0: not known.
        """
        if epoch:
            self.measures.distillation_epoch = epoch
        if left is not None:
            self.tell(left)

    def tell(self, of_part: float | None = None) -> None:
        """Tell how far the task is, by the time that everything is expected to take.

        Args:
            of_part: seconds to the end of the part that is going on; None: as far as its own work tells.
        """
        left = self.seconds_left(of_part)
        if left is None:
            return
        since = self._now() - self._began
        self._done = max(self._done, round(_THOUSAND * since / max(since + left, 1e-9)))
        done, total = self._steps or (self._done, _THOUSAND)
        self._told.step(done, total, left)

    def seconds_left(self, of_part: float | None = None) -> float | None:
        """Return the seconds to the end of all parts, or None where a measure is missing."""
        current = self._rest() if of_part is None else of_part
        found = [current, *(self.measures.seconds_of(work) for _, work in self._ahead)]
        known = [seconds for seconds in found if seconds is not None]
        return math.fsum(known) if len(known) == len(found) else None

    def _rest(self) -> float | None:
        expected, since = self.measures.seconds_of(self._work), self._now() - self._part_began
        return None if expected is None else max(expected - since, _OVERDUE * since)
