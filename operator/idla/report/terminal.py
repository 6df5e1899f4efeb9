"""Lines on a terminal or in a file, each with the time since the first; progress takes a single line."""

import os
import time
from collections.abc import Callable
from typing import TextIO

_PROGRESS_PERIOD_SECONDS = 10.0
"""Between two lines of progress where they cannot replace each other."""
_COLUMNS = 80
"""Of a terminal that does not say how wide it is."""


class Console:
    """Writes lines; on a terminal the progress is one line at the end that is replaced in place."""

    def __init__(self, out: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Bind where lines go.

        Args:
            out: a terminal, or any other text stream, which gets a line of progress every 10 seconds at most.
            clock: seconds from any beginning, never set back.
        """
        self._out = out
        self._clock = clock
        self._began = clock()
        self._terminal = out.isatty()
        self._progress = ""
        self._progress_shown = False
        self._next_progress = self._began

    def line(self, text: str) -> None:
        """Write a line that stays."""
        self.close()
        self._out.write(f"{self._stamp()}{text}\n")
        self._out.flush()

    def progress(self, text: str) -> None:
        """Show how far the work is; an empty or unchanged text shows nothing new."""
        if not text or text == self._progress:
            return
        self._progress = text
        if self._terminal:
            self.close()
            # A line that wraps could not be replaced.
            self._out.write(f"{self._stamp()}{text}"[: self._columns() - 1])
            self._out.flush()
            self._progress_shown = True
        elif self._clock() >= self._next_progress:
            self.line(text)
            self._next_progress = self._clock() + _PROGRESS_PERIOD_SECONDS

    def close(self) -> None:
        """Take the line of progress away, so that others may write."""
        if self._progress_shown:
            self._out.write("\r\x1b[K")
            self._out.flush()
            self._progress_shown = False

    def _stamp(self) -> str:
        minutes, seconds = divmod(int(self._clock() - self._began), 60)
        return f"{minutes:3d}:{seconds:02d}  "

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._out.fileno()).columns or _COLUMNS
        except OSError:
            return _COLUMNS
