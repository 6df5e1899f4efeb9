"""What the keys of a map may be: structural schemas say nothing of keys, so CEL and Python do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from idla.api.meta import Rule

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class KeysAre:
    """Marks a map each of whose keys is fine; a refusal names the first one that is not."""

    fine: str
    """What CEL says of a fine `name`."""
    accepts: Callable[[str], bool]
    """The same in Python."""
    advice: str
    """What is allowed and what to do, without `'` and `\\`."""

    def to_rule(self) -> Rule:
        """Return what the API server checks."""
        shown = f"""'`' + self.filter(name, !({self.fine}))[0] + '`: {self.advice}'"""
        return Rule(rule=f"self.all(name, {self.fine})", message=self.advice, shown=shown)

    def check(self, entries: dict[str, Value]) -> dict[str, Value]:
        """Refuse, in the words of the API server, a map with another key."""
        wrong = next((name for name in entries if not self.accepts(name)), None)
        if wrong is not None:
            raise ValueError(f"`{wrong}`: {self.advice}")
        return entries
