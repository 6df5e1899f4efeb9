"""What a pod says, on standard error and in its task's folder, where it outlives the pod."""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from idla_store.errors import shown
from typing_extensions import override

LOG = "log.txt"
BYTES = 512 * 1024
"""Of the file and of the one before it, `log.txt.1`: a task keeps no more than the last mebibyte of all attempts."""
LONGEST = 32 * 1024
"""Characters of one line with its traceback; of a longer one the beginning and the end are kept."""
_LINES = "%(asctime)s %(levelname)s %(message)s"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,15}://\S+")  # bounded: a long word must not cost its length squared


class Redacted(logging.Formatter):
    """Writes bounded lines, with addresses without user, password and query, in tracebacks of other libraries too."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        text = _ADDRESS.sub(lambda found: shown(found[0]), super().format(record))
        return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


class _Kept(RotatingFileHandler):
    @override
    def handleError(self, record: logging.LogRecord) -> None:
        """Go on: a store that is full or away ends a task by its own errors, and standard error has the line too."""


def start_logging() -> None:
    """Send everything from INFO on to standard error; TensorFlow only speaks of what is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacted(_LINES))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    logging.getLogger("absl").setLevel(logging.WARNING)


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Keep what is said inside this block in a folder too, below what earlier attempts said.

    Args:
        folder: what is said before it is there is not kept.
    """
    handler = _Kept(folder / LOG, maxBytes=BYTES, backupCount=1, encoding="utf-8", errors="replace", delay=True)
    handler.setFormatter(Redacted(_LINES))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
