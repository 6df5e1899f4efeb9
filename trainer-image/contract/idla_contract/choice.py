"""How one of several finished trainings is chosen, and what became of that."""

from typing import Annotated, Literal

from pydantic import Field

from idla_contract.base import ContractModel
from idla_contract.names import ContentHash, Name

MOST_COMPARED = 16
"""Trainings among which one is chosen."""


class FinishedTraining(ContractModel):
    """A finished training in the store."""

    task: Name
    content_hash: ContentHash


class SelectStep(ContractModel):
    """Choose among finished trainings by what their networks answer for the same examples.

    The best is the one with the best score, of equal ones the one with fewer weights. A smaller one wins where the
    upper bound of the paired 95 % interval of its loss against the best lies within the tolerance and, where the best
    reaches the minimum, it does so too; of several the smallest.
    """

    kind: Literal["Select"] = "Select"
    candidates: Annotated[tuple[FinishedTraining, ...], Field(min_length=1, max_length=MOST_COMPARED)]
    """Of the same data, split and kind of task."""
    tolerance: float = Field(default=0.005, ge=0, le=1)
    """Loss that a smaller one may have: of a share the difference, of an error its growth in relation to the best's."""
    minimum: float | None = None
    """The least quality that may be published, by the metric of the problem; of an error it is the most. Default: any
    may be."""


class Comparison(ContractModel):
    """A candidate beside the best one, on the same examples of the validation split."""

    score: float
    drop: float
    """Loss of quality against the best: of a share the difference, of an error its growth in relation to the best's."""
    drop_interval: tuple[float, float]
    """Paired 95 % interval of the drop; of the best itself [0, 0]."""


class SelectReport(ContractModel):
    """Which of several candidates is published."""

    winner: int
    """Its place in the step's candidates, counted from 0."""
    best: int
    """The place of the one with the best score; another one wins where it is smaller and loses too little."""
    examples: int
    """By which they were compared."""
    compared: Annotated[tuple[Comparison, ...], Field(max_length=MOST_COMPARED)]
    """In the order of the step's candidates."""
