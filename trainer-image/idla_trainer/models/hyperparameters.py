"""Typed, bounded settings of a network."""

from collections.abc import Mapping
from dataclasses import dataclass

from idla_trainer.failures import spec_invalid

Value = float | int | str
Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """A number that an entry understands."""

    name: str
    default: float
    minimum: float
    maximum: float
    meaning: str
    whole: bool = True
    """Whether it is a whole number."""


def validated(entry: str, known: tuple[Hyperparameter, ...], given: Mapping[str, Value]) -> dict[str, float]:
    """Return the value of every known hyperparameter: the given one, else its default.

    Raises:
        TaskError: an unknown name, another type, or a value out of its range.
    """
    names = [parameter.name for parameter in known]
    for name in given:
        if name not in names:
            message = f"hyperparameters.{name}: the network {entry!r} does not know it; it knows {', '.join(names)}"
            raise spec_invalid(message)
    return {parameter.name: _value(entry, parameter, given.get(parameter.name)) for parameter in known}


def _value(entry: str, parameter: Hyperparameter, given: Value | None) -> float:
    if given is None:
        return parameter.default
    number = _number(given)
    kind = "a whole number" if parameter.whole else "a number"
    within = number is not None and parameter.minimum <= number <= parameter.maximum
    if number is None or not within or (parameter.whole and not number.is_integer()):
        raise spec_invalid(
            f"hyperparameters.{parameter.name} of the network {entry!r}: found {given!r}; allowed: {kind} from "
            f"{parameter.minimum:g} to {parameter.maximum:g} ({parameter.meaning})"
        )
    return int(number) if parameter.whole else number


def _number(given: Value) -> float | None:
    """Return the number, which may be written as a text as Kubernetes resources do, or None."""
    try:
        return float(given)
    except ValueError:
        return None
