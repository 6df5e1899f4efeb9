"""JSONL files: one JSON object a line, compressed by gzip or not."""

import json
from pathlib import Path
from typing import Any

from idla_trainer.data.formats.cells import Column
from idla_trainer.data.formats.files import DAMAGE, LineError, bounded_lines, opened_text
from idla_trainer.data.formats.refusals import invalid, too_large, unreadable
from idla_trainer.data.formats.values import Values

_DAMAGE = (*DAMAGE, LineError, ValueError, RecursionError)
_SHOWN = 40


def read_jsonl(path: Path, memory: int) -> dict[str, Column]:
    """Return the columns of a file by the names in its objects, in the order of their first appearance.

    Numbers and truth values make a column of numbers, texts one of texts, both together one of texts; lists of
    numbers of one shape make an array [N, ...]. `null` and an absent name are missing values.

    Args:
        path: the file.
        memory: bytes that the columns may take; reading ends where they take more.

    Raises:
        TaskError: unreadable, too large, no example, a line that is no object, or a value that no column holds.
    """
    values = Values(path)
    try:
        with opened_text(path) as text:
            for line in bounded_lines(text):
                if line.strip():
                    values.add(_record(path, line, values.rows))
                if values.size > memory:
                    raise too_large(path, values.size, memory)
    except _DAMAGE as error:
        why = "a value is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise unreadable(path, "JSONL", f"example {values.rows}: {why}") from error
    return values.columns()


def _record(path: Path, line: str, example: int) -> dict[str, Any]:
    found = json.loads(line)
    if not isinstance(found, dict):
        message = (
            f"example {example} of {path.name} is {line.strip()[:_SHOWN]!r}; every line has to be a JSON object, "
            'such as {"text": "hello", "label": "greeting"}'
        )
        raise invalid(message)
    return found
