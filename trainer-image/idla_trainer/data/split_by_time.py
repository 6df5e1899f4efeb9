"""A split in which every owner's latest examples are the test: what is evaluated lies after what is learned."""

import numpy as np
import numpy.typing as npt
from idla_contract.task import Split

from idla_trainer.data.split import GATE_FROM, Indices, Parts, check_parts, check_shares, free_positions

_WHOLE = 100


def split_latest(
    owners: Indices, times: npt.NDArray[np.float64], shares: Split, *, held_out: Indices | None = None
) -> Parts:
    """Return the parts of examples that owners have in time; each owner's earliest ones are learned from.

    Shares count for each owner and are rounded down, so that owners of few examples are only learned from. Where the
    validation part has 100 examples or more, every second owner's are the gate. Examples of equal time keep their
    order.

    Args:
        owners: number of each example's owner [N].
        times: of the examples [N].
        shares: of the parts.
        held_out: positions of a test split that is given; the shares of training and validation go on for the rest.

    Raises:
        TaskError: the shares are no whole, or a part is empty.
    """
    check_shares(shares)
    free = free_positions(len(owners), held_out)
    order = free[np.lexsort((times[free], owners[free]))]
    own = owners[order]
    counts = np.bincount(own, minlength=int(own.max(initial=0)) + 1)
    left = (np.cumsum(counts) - 1)[own] - np.arange(len(order))  # how many later ones the owner has
    rest = _WHOLE - (0 if held_out is None else shares.test_percent)
    tests = 0 * counts if held_out is not None else counts * shares.test_percent // _WHOLE
    validations = counts * shares.validation_percent // rest
    test = left < tests[own]
    evaluated = ~test & (left < (tests + validations)[own])
    gate = evaluated & (own % 2 == 1) if np.count_nonzero(evaluated) >= GATE_FROM else np.zeros_like(evaluated)
    parts = Parts(
        train=np.sort(order[~test & ~evaluated]),
        validation=np.sort(order[evaluated & ~gate]),
        gate=np.sort(order[gate]),
        test=np.sort(order[test] if held_out is None else held_out),
    )
    check_parts(parts)
    return parts
