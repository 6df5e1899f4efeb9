"""Lines with their time; progress that is replaced on a terminal and seldom repeated elsewhere."""

import fcntl
import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest
from idla.report.terminal import Console


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def terminal(columns: int) -> Iterator[tuple[TextIO, int]]:
    """A terminal to write to, and the descriptor from which its screen reads."""
    screen, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(end, "w") as out:
        yield out, screen
    os.close(screen)


def test_lines_of_a_file_have_the_time_since_the_beginning() -> None:
    out, clock = io.StringIO(), Clock()
    console = Console(out, clock=clock)
    console.line("first")
    clock.seconds += 3725.9
    console.line("second")
    assert out.getvalue() == "  0:00  first\n 62:05  second\n"


def test_in_a_file_progress_is_written_every_ten_seconds_and_only_if_it_is_new() -> None:
    out, clock = io.StringIO(), Clock()
    console = Console(out, clock=clock)
    for seconds, text in ((0, " 1 %"), (5, " 2 %"), (5, " 3 %"), (20, " 3 %"), (0, ""), (1, " 4 %")):
        clock.seconds += seconds
        console.progress(text)
    assert out.getvalue() == "  0:00   1 %\n  0:10   3 %\n  0:31   4 %\n"


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        pytest.param(80, "  0:00   10 %: train-vgg-small", id="wide"),
        pytest.param(20, "  0:00   10 %: trai", id="narrower than the line, which would wrap"),
    ],
)
def test_on_a_terminal_progress_is_one_line_at_the_end(columns: int, shown: str) -> None:
    with terminal(columns) as (out, screen):
        console = Console(out, clock=Clock())
        console.progress(" 10 %: train-vgg-small")
        console.progress(" 11 %")
        console.line("done")
        console.close()
        console.progress(" 12 %")
        console.close()
        clear = "\r\x1b[K"
        expected = f"{shown}{clear}  0:00   11 %{clear}  0:00  done\r\n  0:00   12 %{clear}"
        with os.fdopen(os.dup(screen), "rb") as written:
            assert written.read(len(expected)).decode() == expected
