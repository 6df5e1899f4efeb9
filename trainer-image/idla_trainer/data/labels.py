"""Labels of any kind become class numbers in a fixed order."""

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from idla_contract.result import FailureReason

from idla_trainer.data.findings.names import listed
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.failures import TaskError

LARGEST_CLASSES = 1000
LONGEST_NAME = 128
_FEWEST_DIFFERENT = 20
"""Labels from which on those of more than half of the examples being different is no accident."""


def encode_labels(labels: Sequence[str]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return class numbers [N] and the class names, sorted as numbers where all are whole numbers, else as texts.

    Labels that look the same are one class: outer spaces, characters without a width and the way in which an accent is
    composed do not count. It has the name that stands most often, of equal ones the plainest.

    Args:
        labels: one text an example.

    Raises:
        TaskError: a label is missing, too long or a fraction, there is one class only, or there are too many.
    """
    spellings = _spellings(labels)
    names = [spellings[label] for label in labels]
    different = set(names)
    numeric = all(map(_is_number, different))
    fraction = next((name for name in names if numeric and not float(name).is_integer()), None)
    if fraction is not None:
        raise invalid(
            f"the label {fraction!r} is a fraction, as measured numbers are; to predict numbers use TabularRegression. "
            "Labels are whole numbers or texts, one for each class: where these are classes, write texts, such as "
            f"'level {fraction}'"
        )
    order = sorted(different, key=lambda name: (float(name) if numeric else 0, name))
    _check_names(names, order)
    number = {name: index for index, name in enumerate(order)}
    return np.array([number[name] for name in names], dtype=np.int64), tuple(order)


def _spellings(labels: Sequence[str]) -> dict[str, str]:
    """Return for each label the name of its class."""
    counts = Counter(labels)
    looks = {label: "".join(filter(_is_seen, unicodedata.normalize("NFC", label))).strip() for label in counts}
    chosen: dict[str, str] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], label != looks[label], label)):
        chosen.setdefault(looks[label], label.strip())
    return {label: chosen[look] for label, look in looks.items()}


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) != "Cf"


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False


def _check_names(names: Sequence[str], order: Sequence[str]) -> None:
    missing = [position for position, name in enumerate(names) if not name]
    if len(missing) == len(names):
        raise invalid(
            f"the column of the labels is empty in all {len(names)} examples; name another one in data.columns.label"
        )
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
    if len(order) >= _FEWEST_DIFFERENT and 2 * len(order) > len(names):
        raise invalid(
            f"there are {len(order)} different labels in {len(names)} examples, such as {listed(names, 2)}; that looks "
            "like texts or identifiers, no classes. Name the column of the labels in data.columns.label"
        )
