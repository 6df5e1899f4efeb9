"""How the pod time of a budget is shared by the trainings and the compression.

What a pod does beside (its start, the data, the last measurements) cannot be cut short; an amount for it is set aside.
"""

from dataclasses import dataclass, replace

from idla_contract.task import Recipe, RefitStep

from idla.api.training_workflow import CompressionMode, Preset, TrainingWorkflowSpec

_KEPT_PERCENTS = (85, 70, 60, 50, 35, 25, 15)
_RECIPES = {
    Preset.FAST: Recipe(),
    Preset.BALANCED: Recipe(keep_percents=_KEPT_PERCENTS, epochs=10, budget_seconds=600),
    Preset.BEST: Recipe(keep_percents=_KEPT_PERCENTS, epochs=20, budget_seconds=1800),
}
"""How far a network is made smaller, by the preset."""
_SET_ASIDE = 10
"""Seconds of each pod for what cannot be cut short."""
_OTHER_PODS = 2
"""The one that looks at the data and the one that publishes; where several are trained, one that selects besides."""
_LEAST_TRAINING = 30
"""Seconds below which rather fewer models are trained."""
_COMPRESSION_PART = 4
"""One part in so many is the compression's at most."""
_REFIT_PART = 3
"""One part in so many of a search's time is the refit's: about what the trial takes that is trained to its end."""
_SECONDS_PER_HOUR = 3600
_LONGEST = 31536000
"""Seconds; a cost that pays for more is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What each part of a workflow's work may take."""

    trainings: int
    """Models that are trained."""
    training_seconds: int
    """Of each training's steps."""
    compression_seconds: int
    """Of the trainings that a smaller network needs."""
    refit_seconds: int = 0
    """To refit the chosen model on more examples; 0: it is not."""


def pod_seconds(spec: TrainingWorkflowSpec) -> int | None:
    """Return the pod time that a workflow may take in all, the lower of time and cost; None: it is not limited."""
    budget = spec.budget
    if budget is None:
        return None
    bounds = [_LONGEST if budget.seconds is None else budget.seconds]
    if budget.cost is not None and budget.price_per_pod_hour is not None:
        hours = float(budget.cost) / float(budget.price_per_pod_hour)
        bounds.append(max(1, int(min(_LONGEST, hours * _SECONDS_PER_HOUR))))
    return min(bounds)


def share_budget(
    seconds: int, *, candidates: int, compression_seconds: int, refit: bool = False, selects: bool = True
) -> Shares:
    """Return the shares of a budget: as many models as get time enough, at least one, each the same time.

    A budget that does not even pay for what is set aside still gives one training its shortest time: it ends with
    its first epoch, and what it learned is published. To make the chosen one again takes as much time as a training,
    and is given up first.

    Args:
        seconds: pod time in all, 1 or more.
        candidates: models that would be trained without a budget, 1 or more.
        compression_seconds: what the compression would take at most without a budget.
        refit: whether the chosen model would be made again.
        selects: whether a pod selects where several are trained; in plans of before none does.
    """

    def shared(trainings: int, *, again: bool) -> Shares:
        pods = _OTHER_PODS + (selects and trainings > 1)
        found = _shares(seconds, trainings + again, compression_seconds, other_pods=pods)
        return replace(found, trainings=trainings, refit_seconds=found.training_seconds) if again else found

    wishes = [(count, again) for count in range(candidates, 0, -1) for again in (True, False) if refit or not again]
    some = (shared(count, again=again) for count, again in wishes)
    enough = (shares for shares in some if shares.training_seconds >= _LEAST_TRAINING)
    return next(enough, shared(1, again=False))


def shares_of(spec: TrainingWorkflowSpec, candidates: int, *, selects: bool = True) -> Shares | None:
    """Return the shares of a workflow's budget among so many candidates, or None where it has no budget."""
    seconds = pod_seconds(spec)
    if seconds is None:
        return None
    return share_budget(
        seconds,
        candidates=candidates,
        compression_seconds=_compression_seconds(spec),
        refit=is_refit_wanted(spec),
        selects=selects,
    )


def search_shares(spec: TrainingWorkflowSpec, trials: int) -> Shares | None:
    """Return the shares of a workflow's budget where one pod searches, or None where it has no budget.

    The time of the trainings is that of all trials together; so many of them are begun as could each have the shortest
    training.

    Args:
        spec: what is asked for.
        trials: that would be begun without a budget.
    """
    seconds = pod_seconds(spec)
    if seconds is None:
        return None
    whole = share_budget(seconds, candidates=1, compression_seconds=_compression_seconds(spec))
    again = whole.training_seconds // _REFIT_PART if is_refit_wanted(spec) else 0
    again = again if again >= _LEAST_TRAINING else 0
    left = whole.training_seconds - again
    most = max(1, min(trials, left // _LEAST_TRAINING))
    return replace(whole, trainings=most, training_seconds=left, refit_seconds=again)


def is_refit_wanted(spec: TrainingWorkflowSpec) -> bool:
    """Return whether the chosen model is to be made again from all but the test examples, were there time."""
    asked = None if spec.training is None else spec.training.refit
    return spec.preset is not Preset.FAST if asked is None else asked


def refit_for(spec: TrainingWorkflowSpec, candidates: int, *, searched: bool, selects: bool = True) -> RefitStep | None:
    """Return how the chosen model is made again, within the budget; None: it is not.

    Args:
        spec: what is asked for.
        candidates: models, or trials of a search, that the plan trains.
        searched: whether one pod searches among trials.
        selects: whether a pod selects among several models; in plans of before none does.
    """
    if not is_refit_wanted(spec):
        return None
    shares = search_shares(spec, candidates) if searched else shares_of(spec, candidates, selects=selects)
    if shares is None:
        return RefitStep()
    return RefitStep(max_seconds=shares.refit_seconds) if shares.refit_seconds else None


def recipe_for(spec: TrainingWorkflowSpec, candidates: int, *, selects: bool = True) -> Recipe:
    """Return how far the network is made smaller: the preset's recipe, within the budget.

    Args:
        spec: what is asked for.
        candidates: models that the plan trains.
        selects: whether a pod selects among several; in plans of before none does.
    """
    recipe, shares = _RECIPES[spec.preset or Preset.BALANCED], shares_of(spec, candidates, selects=selects)
    if shares is None or not recipe.keep_percents:
        return recipe
    return recipe.model_copy(update={"budget_seconds": shares.compression_seconds})


def _compression_seconds(spec: TrainingWorkflowSpec) -> int:
    off = spec.compression is not None and spec.compression.mode is CompressionMode.OFF
    recipe = _RECIPES[spec.preset or Preset.BALANCED]
    return recipe.budget_seconds if recipe.keep_percents and not off else 0


def _shares(seconds: int, count: int, compression_seconds: int, *, other_pods: int) -> Shares:
    work = max(0, seconds - _SET_ASIDE * (count + other_pods))
    compression = min(compression_seconds, work // _COMPRESSION_PART)
    return Shares(
        trainings=count,
        training_seconds=max(1, (work - compression) // count),
        compression_seconds=compression,
    )
