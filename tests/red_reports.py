"""How a red test explains itself: what its fixtures tell, the ends of logs, none of them long, and never an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

_LONGEST_NAME = 150
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


@runtime_checkable
class Explains(Protocol):
    """A fixture's value that can tell what is going on in it."""

    def explain(self) -> Mapping[str, str]:
        """Return texts by title, e.g. the end of a log; what cannot be had says why, and nothing is raised."""
        ...


def sections(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return what the values tell, by name of fixture; two names of one value tell it once."""
    found: list[tuple[str, str]] = []
    asked: list[Explains] = []
    for name, value in values.items():
        if not isinstance(value, Explains) or any(value is one for one in asked):
            continue
        asked.append(value)
        try:
            found += [(f"{name}: {title}", text) for title, text in value.explain().items()]
        except Exception as error:  # noqa: BLE001  # the failure that is told of must not be hidden by another one
            found.append((name, f"cannot be explained: {error!r}"))
    return found


def write_report(folder: Path, test: str, failure: str, told: list[tuple[str, str]]) -> Path:
    """Write what failed and what was told into one file, named after the test; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', test)[-_LONGEST_NAME:]}.txt"
    parts = [f"{test}\n\n{failure}", *(f"----- {title} -----\n{text}" for title, text in told)]
    path.write_text("\n\n".join(parts) + "\n")
    return path
