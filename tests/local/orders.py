"""What a stand-in of the trainer is told to do, and what it notes of its life."""

import json
import os
import signal
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tools.waiting import PATIENCE

PROBE, SERVER = "probe", "server"
"""Who gets orders beside the tasks."""
_ORDERS, _NOTES = "orders.json", "notes"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is done instead of answering well at once."""

    once: bool = False
    """Only at the first start."""
    holds: bool = False
    """Waits for SIGUSR1 first; ends at SIGTERM as the trainer does."""
    deaf: bool = False
    """Waits on when SIGTERM comes."""
    killed: bool = False
    """Ends by SIGKILL."""
    text: str | None = None
    """Its answer, whatever it is; none if empty."""
    reason: str = ""
    """Why it fails."""
    poor: bool = False
    """Its model is no better on the test split than the baseline."""
    code: int = 0
    """How it ends, with an answer of its own or a reason."""


@dataclass(frozen=True)
class Note:
    """Something that happened."""

    word: str
    name: str
    process: int


@dataclass(frozen=True)
class Desk:
    """The folder of orders and notes."""

    folder: Path

    def give(self, **orders: Order) -> None:
        """Replace all orders; `_` stands for the `-` of a task's name."""
        told = {name.replace("_", "-"): asdict(order) for name, order in orders.items()}
        (self.folder / _ORDERS).write_text(json.dumps(told))

    def order(self, name: str) -> Order:
        """Return what somebody has to do now."""
        found = Order(**json.loads((self.folder / _ORDERS).read_text()).get(name, {}))
        begun = sum(1 for note in self.notes() if (note.word, note.name) == ("begins", name))
        return Order() if found.once and begun > 1 else replace(found, once=False)

    def note(self, word: str, name: str) -> None:
        """Write down what happens, in one piece."""
        file = os.open(self.folder / _NOTES, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{word} {name} {os.getpid()}\n".encode())
        os.close(file)

    def notes(self) -> list[Note]:
        """Return what happened so far."""
        path = self.folder / _NOTES
        lines = path.read_text().splitlines() if path.exists() else []
        return [Note(word, name, int(process)) for word, name, process in map(str.split, lines)]

    def hold(self, name: str, order: Order) -> bool:
        """Wait; return whether to go on."""
        awaited = {signal.SIGUSR1, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
        self.note("holds", name)
        while came := signal.sigtimedwait(awaited, PATIENCE):
            if came.si_signo == signal.SIGUSR1:
                return True
            self.note("asked", name)
            if not order.deaf:
                return False
        raise SystemExit(f"nobody let {name} go in {PATIENCE} s")
