"""Select: which of the trained candidates is published, by what they answer for the same examples."""

import logging
from collections.abc import Sequence

import numpy as np
from idla_contract.choice import Comparison, SelectReport, SelectStep
from idla_contract.result import FailureReason

from idla_trainer.chosen import Chosen
from idla_trainer.evaluation.choice import Contender, Demand, find_best, find_winner
from idla_trainer.evaluation.paired import PairedEvaluation
from idla_trainer.failures import TaskError
from idla_trainer.steps.context import Context, Outcome
from idla_trainer.training.candidate import JudgedCandidate, check_fits, load_judged

_log = logging.getLogger(__name__)
_DIGITS = 6


def select(context: Context, step: SelectStep) -> Outcome:
    """Compare the candidates with the best of them, example by example, and choose.

    Raises:
        TaskError: one cannot be read, or was made from other data, for another border or judged on other examples.
        PreemptedError: SIGTERM came.
    """
    dataset = context.dataset
    candidates = [load_judged(context.places.store, wanted) for wanted in step.candidates]
    for candidate in candidates:
        check_fits(candidate, dataset)
    names = [wanted.task for wanted in step.candidates]
    _check_same_examples(names, candidates)
    positions = candidates[0].answers.positions
    evaluation = PairedEvaluation(dataset.objective, dataset.targets[positions], Chosen(dataset.raw, positions))
    contenders = [
        Contender(score=evaluation.score(candidate.answers.values), parameters=candidate.parameters)
        for candidate in candidates
    ]
    demand = Demand(metric=dataset.objective.metric, tolerance=step.tolerance, minimum=step.minimum)
    best = find_best(contenders, demand)
    compared: list[Comparison] = []
    for place, (name, contender) in enumerate(zip(names, contenders, strict=True)):
        context.preemption.check()
        compared.append(_compare(evaluation, candidates, contender, place=place, best=best))
        _log.info("%s: %s", name, compared[-1].to_json())
    winner = find_winner(contenders, [entry.drop_interval[1] for entry in compared], demand)
    _log.info("%s is chosen, the best is %s", names[winner], names[best])
    report = SelectReport(winner=winner, best=best, examples=len(positions), compared=tuple(compared))
    return Outcome({"select": report})


def _check_same_examples(names: Sequence[str], candidates: Sequence[JudgedCandidate]) -> None:
    """Make sure that every candidate was judged on the examples of the first.

    Raises:
        TaskError: one was not.
    """
    first = candidates[0].answers.positions
    for name, candidate in zip(names, candidates, strict=True):
        if not np.array_equal(candidate.answers.positions, first):
            message = (
                f"the candidates {names[0]} and {name} were judged on different examples, {len(first)} and"
                f" {len(candidate.answers.positions)}; only answers for the same ones can be compared: train them again"
            )
            raise TaskError(FailureReason.ARTIFACT_INVALID, message)


def _compare(
    evaluation: PairedEvaluation, candidates: Sequence[JudgedCandidate], contender: Contender, *, place: int, best: int
) -> Comparison:
    """Return how a candidate does beside the best one."""
    drop, interval = 0.0, (0.0, 0.0)
    if place != best:
        before, after = candidates[best].answers.values, candidates[place].answers.values
        drop, interval = evaluation.drop(before, after), evaluation.drop_interval(before, after)
    low, high = interval
    return Comparison(
        score=round(contender.score, _DIGITS),
        drop=round(drop, _DIGITS),
        drop_interval=(round(low, _DIGITS), round(high, _DIGITS)),
    )
