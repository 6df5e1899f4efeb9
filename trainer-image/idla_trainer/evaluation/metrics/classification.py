"""Metrics of classes: of the chosen ones, of their order and of their probabilities."""

import numpy as np
import numpy.typing as npt

Classes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]

SPECIFICITY = 0.95
_SMALLEST = 1e-15
_BINS = 15
_PAIR = 2
"""Of two classes either says what the other does: one figure stands for both."""


def accuracy(targets: Classes, predicted: Classes) -> float:
    """Return the share of examples whose class is right.

    Args:
        targets: class numbers [N], N at least 1; so in every function here.
        predicted: class numbers [N].
    """
    return float(np.mean(targets == predicted))


def balanced_accuracy(targets: Classes, predicted: Classes) -> float:
    """Return the mean of the classes' recalls, over the classes that occur in `targets`."""
    return float(np.mean([np.mean(predicted[targets == label] == label) for label in np.unique(targets)]))


def f1(targets: Classes, predicted: Classes, *, positive: int | None = None) -> float:
    """Return the F1 of the positive class, or the mean over all classes that occur in either array.

    Args:
        targets: class numbers [N].
        predicted: class numbers [N]; one below 0 stands for no class.
        positive: number of the class that is looked for; default: none, every class counts alike (macro).

    Returns:
        2 hits / (2 hits + false alarms + misses); 0 where the class occurs in neither array.
    """
    if positive is not None:
        return _f1_of(targets == positive, predicted == positive)
    labels = np.union1d(targets, predicted)
    return float(np.mean([_f1_of(targets == label, predicted == label) for label in labels if label >= 0]))


def auc(targets: Classes, probabilities: Floats, *, positive: int | None = None) -> float:
    """Return the area under the ROC curve: how often a positive example is put before a negative one, ties as half.

    Args:
        targets: class numbers [N].
        probabilities: of every class [N, classes].
        positive: number of the class that is looked for; default: none. With two classes that is the second; with
            more it is the mean over each class against the rest, over those that have examples on both sides.

    Returns:
        From 0 to 1; NaN where no class has examples on both sides.
    """
    classes = probabilities.shape[1]
    if positive is None and classes == _PAIR:
        positive = 1
    wanted = range(classes) if positive is None else (positive,)
    areas = [_area(targets == label, probabilities[:, label]) for label in wanted]
    known = [area for area in areas if not np.isnan(area)]
    return float(np.mean(known)) if known else float("nan")


def log_loss(targets: Classes, probabilities: Floats) -> float:
    """Return the mean negative logarithm of the true class's probability, in nats; the rows are scaled to a sum of 1.

    Args:
        targets: class numbers [N].
        probabilities: of every class [N, classes]; what is below 1e-15 counts as 1e-15.
    """
    shares = _shares(probabilities)
    true = shares[np.arange(len(targets)), targets]
    return float(-np.mean(np.log(np.clip(true, _SMALLEST, 1.0))))


def brier(targets: Classes, probabilities: Floats) -> float:
    """Return the mean squared error of the probabilities (Brier, 1950).

    With two classes it is that of the one class, from 0 to 1; with more it is the sum over the classes, from 0 to 2.

    Args:
        targets: class numbers [N].
        probabilities: of every class [N, classes].
    """
    shares = _shares(probabilities)
    truth = np.zeros_like(shares)
    truth[np.arange(len(targets)), targets] = 1.0
    total = float(np.mean(np.sum((shares - truth) ** 2, axis=1)))
    return total / 2 if shares.shape[1] == _PAIR else total


def sensitivity_at_specificity(
    targets: npt.NDArray[np.bool_], scores: Floats, specificity: float = SPECIFICITY
) -> float:
    """Return the largest share of positives found by a threshold that leaves enough of the negatives alone.

    Args:
        targets: for each example whether it is positive [N].
        scores: [N], the more the likelier; "found" is at or above the threshold.
        specificity: smallest share of the negatives that must stay below it, above 0; default: 0.95.

    Returns:
        From 0 to 1; NaN where there is no positive or no negative example.
    """
    threshold = threshold_at_specificity(targets, scores, specificity)
    if np.isnan(threshold) or not targets.any():
        return float("nan")
    return float(np.mean(scores[targets] >= threshold))


def threshold_at_specificity(targets: npt.NDArray[np.bool_], scores: Floats, specificity: float = SPECIFICITY) -> float:
    """Return the lowest threshold at or above which at most 1 - `specificity` of the negatives are; NaN without any."""
    negatives = np.sort(scores[~targets].astype(np.float64))
    if not len(negatives):
        return float("nan")
    allowed = int(np.floor((1 - specificity) * len(negatives) + 1e-9))
    return float(np.nextafter(negatives[len(negatives) - 1 - allowed], np.inf))


def calibration_error(targets: Classes, probabilities: Floats) -> float:
    """Return the expected calibration error of the chosen class (Naeini et al., 2015; Guo et al., 2017).

    Args:
        targets: class numbers [N].
        probabilities: of every class [N, classes].

    Returns:
        Mean distance of confidence and accuracy over 15 equally wide bins, each weighted by its examples; 0 to 1.
    """
    shares = _shares(probabilities)
    confidence = shares.max(axis=1)
    right = shares.argmax(axis=1) == targets
    places = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(places, weights=right - confidence, minlength=_BINS)
    return float(np.sum(np.abs(gaps)) / len(targets))


def _shares(probabilities: Floats) -> npt.NDArray[np.float64]:
    wide = probabilities.astype(np.float64)
    shares: npt.NDArray[np.float64] = wide / wide.sum(axis=1, keepdims=True)
    return shares


def _f1_of(truth: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> float:
    hits, marked = int(np.count_nonzero(truth & found)), int(np.count_nonzero(truth) + np.count_nonzero(found))
    return 2 * hits / marked if marked else 0.0


def _area(truth: npt.NDArray[np.bool_], scores: Floats) -> float:
    """Return the area by the rank sum of the positives (Mann and Whitney, 1947); NaN where one side is empty."""
    positives = int(np.count_nonzero(truth))
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    above = float(ranks[places][truth].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)
