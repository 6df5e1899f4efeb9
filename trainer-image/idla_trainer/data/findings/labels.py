"""What labels tell about themselves: spelling, balance, and parts that lack a class."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

import numpy as np
from idla_preprocess import Array
from idla_preprocess.tabular_columns import MISSING_TEXTS

from idla_trainer.data.findings.names import SHOWN, listed, quoted
from idla_trainer.data.split import Indices, Parts, rows_to_look_at

_IMBALANCE = 10
_LATIN = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u03bf\u03b1\u03c1\u03bd", "aeopcyxijsoapv"
)
"""Small Cyrillic and Greek letters that look like Latin ones."""
_MOST_NAMES = 1000
"""Names of a column in which spellings are looked for."""
_MOST_ROWS = 20_000
"""Records in which they are looked for."""


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


def about_names(columns: Mapping[str, Array]) -> tuple[str, ...]:
    """Return a sentence on each column of texts [N] in which the spellings of a name count as different ones."""
    found = list[str]()
    for name, values in columns.items():
        some = values[rows_to_look_at(len(values), _MOST_ROWS)] if values.dtype.kind == "O" else values[:0]
        counts = Counter(some.tolist())
        if 1 < len(counts) <= _MOST_NAMES:
            names = sorted(counts)
            if told := _told_alike(names, [counts[each] for each in names], numbers=False):
                said = "has names that differ by case, spaces or alphabet alone and count as different ones"
                found.append(f"{quoted(name)} {said}: {told}")
    return tuple(found)


def _about_spelling(classes: Sequence[str], counts: Indices) -> tuple[str, ...]:
    told = _told_alike(classes, counts, numbers=True)
    if not told:
        return ()
    said = "labels that differ by case, spaces, alphabet or the way to write a number alone count as different classes"
    return (f"{said}: {told}",)


def _told_alike(names: Sequence[str], counts: Sequence[int] | Indices, *, numbers: bool) -> str:
    """Return which names look alike, with their examples; empty where none do. Outer spaces do not count.

    Args:
        names: all different.
        counts: examples of each.
        numbers: whether different ways to write a number are alike.
    """
    alike: dict[str | Decimal, list[int]] = {}
    for place, name in enumerate(names):
        number_told = _number(name) if numbers else None
        key = _look(name) if number_told is None else number_told
        alike.setdefault(key, []).append(place)
    groups = [places for places in alike.values() if len({names[place].strip() for place in places}) > 1]
    shown = "; ".join(
        " and ".join(f"{quoted(names[place])} ({counts[place]} examples)" for place in places[:SHOWN])
        for places in groups[:SHOWN]
    )
    more = "; ..." if len(groups) > SHOWN else ""
    return f"{shown}{more}; write them alike" if groups else ""


def _look(name: str) -> str:
    """Return what is the same for names that look alike: case, spaces, forms of Unicode, letters of other alphabets."""
    plain = unicodedata.normalize("NFKC", name).casefold().translate(_LATIN)
    return " ".join("".join(character for character in plain if unicodedata.category(character) != "Cf").split())


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
    for name, part, then in (
        ("training", parts.train, "they are never answered"),
        ("validation", parts.judging, "no choice minds them"),
        ("test", parts.test, "nothing is measured of them"),
    ):
        absent = np.flatnonzero(np.bincount(labels[part], minlength=len(classes)) == 0)
        if len(absent):
            names = listed([classes[number] for number in absent.tolist()])
            found.append(f"{len(absent)} of {len(classes)} classes have no example in the {name} part; {then}: {names}")
    return tuple(found)
