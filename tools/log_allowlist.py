"""What the operator's log must not hold, and the entries of lists of what it may hold all the same."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Allowed:
    """A complaint that is no fault of the operator."""

    pattern: str
    """A regular expression that the whole complaint matches; as narrow as it can be."""
    reason: str
    """Why it is none."""


def warnings(lines: Iterable[str]) -> list[str]:
    """Return what the log of an undisturbed run does not have: warnings, errors, and lines that are no JSON.

    Repetitions aside: a watch that the API server ends is begun again, and so is what it refuses for a while.
    """
    found: list[str] = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            found.append(line)
            continue
        if entry["level"] not in {"DEBUG", "INFO"} and not _is_repetition(entry["message"]):
            found.append(f"{entry['logger']}: {entry['message']} {entry.get('exception', '')}")
    return found


def _is_repetition(message: str) -> bool:
    return "will retry" in message or message.startswith("a reconciliation is repeated: ")


def unexpected(found: Iterable[str], allowed: Sequence[Allowed]) -> Iterator[str]:
    """Yield the warnings that nothing allows."""
    for complaint in found:
        if not any(re.fullmatch(entry.pattern, complaint, re.DOTALL) for entry in allowed):
            yield complaint
