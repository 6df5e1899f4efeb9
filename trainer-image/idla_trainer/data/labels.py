"""Labels of any kind become class numbers in a fixed order."""

import math
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from idla_contract.result import FailureReason

from idla_trainer.data.formats.refusals import invalid
from idla_trainer.failures import TaskError

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
LARGEST_CLASSES = 1000
LONGEST_NAME = 128


def encode_labels(labels: Sequence[str]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return class numbers [N] and the class names, sorted as numbers where all are whole numbers, else as texts.

    Args:
        labels: one text an example; `3`, `3.0` and `+3` are the same class.

    Raises:
        TaskError: a label is missing, too long or a fraction, there is one class only, or there are too many.
    """
    names = _as_integers(labels)
    if names is None:
        names = [label.strip() for label in labels]
        order = sorted(set(names))
    else:
        order = sorted(set(names), key=int)
    _check_names(names, order)
    number = {name: index for index, name in enumerate(order)}
    return np.array([number[name] for name in names], dtype=np.int64), tuple(order)


def _as_integers(labels: Sequence[str]) -> list[str] | None:
    """Return the canonical texts of whole numbers, or None if a label is none."""
    known: dict[str, str] = {}
    for label in set(labels):
        value = _number(label)
        if value is None:
            return None
        known[label] = value
    fraction = next((label for label in labels if known[label] == ""), None)
    if fraction is not None:
        raise invalid(
            f"the label {fraction.strip()!r} is a fraction; labels are whole numbers or texts, one for each class"
        )
    return [known[label] for label in labels]


def _number(label: str) -> str | None:
    """Return the whole number's canonical text, an empty text for another number, None for no number."""
    text = label.strip()
    if _INTEGER.fullmatch(text):
        return str(int(text))
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return str(int(value)) if value.is_integer() else ""


def _check_names(names: Sequence[str], order: Sequence[str]) -> None:
    missing = [position for position, name in enumerate(names) if not name or name.lower() == "nan"]
    if missing:
        raise invalid(
            f"{len(missing)} of {len(names)} examples have no label; the first is example {missing[0]} (counted from "
            "0). Give every example one, or leave those without one out"
        )
    for position, name in enumerate(names):
        if len(name) > LONGEST_NAME:
            raise invalid(
                f"the label of example {position} has {len(name)} characters; at most {LONGEST_NAME} are allowed"
            )
    if len(order) == 1:
        message = f"all {len(names)} examples have the label {order[0]!r}; a classifier needs two classes or more"
        raise TaskError(FailureReason.SINGLE_CLASS, message)
    if len(order) > LARGEST_CLASSES:
        raise invalid(
            f"there are {len(order)} different labels; at most {LARGEST_CLASSES} classes are allowed. "
            "Check that the label column is the right one"
        )
