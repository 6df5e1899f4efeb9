"""What labels tell about themselves: spelling, balance, and parts that lack a class."""

import unicodedata
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import numpy as np
from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.findings.names import SHOWN, listed, quoted
from idla_trainer.data.split import Indices, Parts

_IMBALANCE = 10


def about_labels(labels: Indices, classes: Sequence[str], parts: Parts) -> tuple[str, ...]:
    """Return what harms a classifier.

    Args:
        labels: class numbers [N].
        classes: their names.
        parts: of the split.
    """
    counts = np.bincount(labels, minlength=len(classes))
    about_names = (*_about_spelling(classes, counts), *_about_missing(classes, counts))
    return (*about_names, *_about_balance(classes, counts), *_about_parts(labels, classes, parts))


def _about_spelling(classes: Sequence[str], counts: Indices) -> tuple[str, ...]:
    alike: dict[str | Decimal, list[int]] = {}
    for number, name in enumerate(classes):
        number_told = _number(name)
        key = " ".join(unicodedata.normalize("NFKC", name).casefold().split()) if number_told is None else number_told
        alike.setdefault(key, []).append(number)
    groups = [numbers for numbers in alike.values() if len(numbers) > 1]
    if not groups:
        return ()
    shown = "; ".join(
        " and ".join(f"{quoted(classes[number])} ({counts[number]} examples)" for number in numbers[:SHOWN])
        for numbers in groups[:SHOWN]
    )
    more = "; ..." if len(groups) > SHOWN else ""
    message = (
        f"labels that differ by case, spaces or the way to write a number alone count as different classes: {shown}"
        f"{more}; write them alike"
    )
    return (message,)


def _number(name: str) -> Decimal | None:
    """Return the number that a label is, however long and however written; None for a name."""
    try:
        value = Decimal(name)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _about_missing(classes: Sequence[str], counts: Indices) -> tuple[str, ...]:
    found = [number for number, name in enumerate(classes) if name in MISSING_TEXTS]
    return tuple(
        f"the label {quoted(classes[number])} is a class of {counts[number]} examples; where it stands for a missing "
        "label, leave them out"
        for number in found
    )


def _about_balance(classes: Sequence[str], counts: Indices) -> tuple[str, ...]:
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] < _IMBALANCE * counts[least]:
        return ()
    message = (
        f"the classes are unbalanced: {counts[most]} examples of {quoted(classes[most])}, "
        f"{counts[least]} of {quoted(classes[least])}; accuracy says little about the rare ones"
    )
    return (message,)


def _about_parts(labels: Indices, classes: Sequence[str], parts: Parts) -> tuple[str, ...]:
    found = []
    validation = np.concatenate([parts.validation, parts.gate])
    for name, part, then in (
        ("training", parts.train, "they are never answered"),
        ("validation", validation, "no choice minds them"),
        ("test", parts.test, "nothing is measured of them"),
    ):
        absent = np.flatnonzero(np.bincount(labels[part], minlength=len(classes)) == 0)
        if len(absent):
            names = listed([classes[number] for number in absent.tolist()])
            found.append(f"{len(absent)} of {len(classes)} classes have no example in the {name} part; {then}: {names}")
    return tuple(found)
