"""What a fixture tells of itself when a test is red: the ends of logs, none of them long, and never an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

LIMIT = 8_000
"""Characters of one part."""


def end_of(text: str, lines: int | None = None) -> str:
    """Return the last lines of a text, at most `LIMIT` characters of them."""
    kept = text if lines is None else "\n".join(text.splitlines()[-lines:])
    return kept if len(kept) <= LIMIT else f"[{len(kept) - LIMIT} characters before]\n{kept[-LIMIT:]}"


def part(ask: Callable[[], str]) -> str:
    """Return the end of what `ask` returns, or why that cannot be had."""
    try:
        return end_of(ask())
    except Exception as error:  # noqa: BLE001  # the failure that is told of must not be hidden by another one
        return end_of(f"cannot be had: {error!r}")


def files(paths: Mapping[str, Path]) -> dict[str, str]:
    """Return the end of each file by title."""
    return {title: part(lambda path=path: path.read_text(errors="replace")) for title, path in paths.items()}  # type: ignore[misc]
