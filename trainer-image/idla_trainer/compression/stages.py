"""The trainings of a compression: where a task was killed, those that had ended are not repeated, and one goes on."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idla_trainer.preemption import Preemption
from idla_trainer.training.agenda import Agenda
from idla_trainer.training.checkpoints import Checkpoints, pack
from idla_trainer.training.loop import Loop
from idla_trainer.training.network import weights_of
from idla_trainer.training.run import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What watches the trainings of a compression, and where each one is kept."""

    preemption: Preemption = field(default_factory=Preemption)
    """Asked while they go on."""
    folder: Path | None = None
    """Of a folder for each; None: nothing is kept."""
    fingerprint: str = ""
    """Of all that they depend on, but for the networks and settings of each."""
    agenda: Agenda | None = None
    """Who is told what is begun, and how far it is."""

    def begin(self, part: str) -> None:
        """Tell that a part is begun."""
        if self.agenda is not None:
            self.agenda.begin(part)

    def observe(self, loop: Loop, *, epochs: int | None = None) -> None:
        """Tell how far a training is that ends with the last of `epochs`; None: of all."""
        if self.agenda is not None:
            self.agenda.tell_training(loop.seconds_left(epochs), epoch=loop.epoch_seconds or 0.0)

    def kept(self, name: str, settings: str, *models: Any) -> Kept | None:
        """Return where a training is kept.

        Args:
            name: its own among the trainings of the step.
            settings: how it learns.
            models: the networks that it depends on, as they are when it begins.
        """
        if self.folder is None:
            return None
        digest = hashlib.sha256(f"{self.fingerprint}\n{name}\n{settings}".encode())
        for model in models:
            digest.update(pack(weights_of(model)))
        return Kept(checkpoints=Checkpoints(self.folder / name), fingerprint=digest.hexdigest())
