"""Ctrl-C and SIGTERM: the first one asks to end well, a second one to end at once.

What the caller had ignored stays ignored, as `nohup` and the shell's `&` mean it.
"""

import signal
from types import FrameType
from typing import Self

_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Notes signals inside its context."""

    def __init__(self) -> None:
        """Note nothing yet."""
        self.came = False

    def __enter__(self) -> Self:
        """Take over the signals."""
        heard = [number for number in _CAUGHT if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True
