"""Errors and intervals of accuracies, with the small samples in mind that a split can be."""

import math

Z95 = 1.959964


def accuracy_error(correct: int, examples: int) -> float:
    """Return the standard error of an accuracy, of the Agresti-Coull estimate: above 0 even where all are right."""
    share = (correct + 2) / (examples + 4)
    return math.sqrt(share * (1 - share) / (examples + 4))


def wilson_interval(correct: int, examples: int) -> tuple[float, float]:
    """Return the Wilson 95 % interval of an accuracy."""
    share, square = correct / examples, Z95 * Z95
    middle = (share + square / (2 * examples)) / (1 + square / examples)
    half = Z95 * math.sqrt(share * (1 - share) / examples + square / (4 * examples**2)) / (1 + square / examples)
    return max(0.0, middle - half), min(1.0, middle + half)


def paired_drop_interval(lost: int, gained: int, examples: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy's drop between two models on the same examples.

    Agresti and Min's interval: half an example is added to each of the four cells, so that models which agree
    everywhere still have an interval with a width.

    Args:
        lost: examples that only the first model has right.
        gained: examples that only the second has right.
        examples: all of them.
    """
    more, less, count = lost + 0.5, gained + 0.5, examples + 2
    drop = (more - less) / count
    half = Z95 * math.sqrt(more + less - (more - less) ** 2 / count) / count
    return max(-1.0, drop - half), min(1.0, drop + half)
