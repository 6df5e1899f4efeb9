"""Sentences that people read, whole and in one list a module: `IDLA_GOLDEN=write pytest …` writes them down anew."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

Golden = Callable[[str | list[str]], None]
"""Compares what a test was told, a sentence or lines, with what is kept for it."""
_WRITES = os.environ.get("IDLA_GOLDEN") == "write"
"""Not with several workers: the list is one file. What is of no test any more goes with the file."""


def golden_of(module: Path, test: str, case: str) -> Golden:
    """Return what compares with the list of a module, `messages.json` beside it, by test and case."""
    path = module.with_suffix(".messages.json")

    def compare(said: str | list[str]) -> None:
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if _WRITES:
            kept.setdefault(test, {})[case] = said
            path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        assert said == kept.get(test, {}).get(case), f"{path.name} says otherwise; see tests/golden.py"

    return compare
