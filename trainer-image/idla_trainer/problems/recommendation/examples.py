"""Users and items: the rating that a user would give to an item, or the items that a user would meet next."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from idla_contract.problem import Metric, Problem
from idla_contract.task import DataSource
from idla_preprocess import InputError
from idla_preprocess.interactions import ITEM, USER, InteractionsSpec, Names, vocabulary
from idla_preprocess.items import Items, Rating

from idla_trainer.data.dataset import Dataset
from idla_trainer.data.findings.columns import ColumnUses
from idla_trainer.data.findings.copies import about_copies, about_test_file
from idla_trainer.data.formats.refusals import invalid
from idla_trainer.data.split import Indices, Parts, equal_records
from idla_trainer.data.split_by_group import split_tied
from idla_trainer.data.split_by_time import split_latest
from idla_trainer.data.table import Table
from idla_trainer.problems.number_targets import number_targets, quantile_strata
from idla_trainer.problems.recommendation.columns import Interactions, interactions_of, roles_of
from idla_trainer.problems.recommendation.ranked_users import ranked_users, split_interactions
from idla_trainer.problems.recommendation.ranking import Ranking
from idla_trainer.problems.recommendation.ratings import Ratings
from idla_trainer.runtime_limits import room_for_examples

_RATED = frozenset({Metric.RMSE, Metric.MAE})


@dataclass(frozen=True, slots=True, eq=False)
class _Meetings:
    """What the files hold, those of the test file last."""

    found: Interactions
    equal: Indices
    """Position of the first with the same user and item [N]."""
    held_out: Indices | None

    @property
    def owners(self) -> Indices:
        """Return the number of each one's user [N]."""
        return np.unique(self.found.users.astype(np.str_), return_inverse=True)[1]


def prepare(
    table: Table, source: DataSource, problem: Problem, *, digest: str, test: Table | None = None, whole: bool = False
) -> Dataset:
    """Return the data set of checked interactions: of ratings for `rmse` and `mae`, else of users who want items.

    Where the interactions have times, each user's latest ones are the test and the ones before them the validation.
    Without times ratings are split at random, what a user says of one item in one part, and a ranking takes random
    interactions of each user. Users and items are known by the training part.
    With `whole` all but the test is learned from, as `Parts.merged` says.

    Raises:
        TaskError: the columns, names or ratings cannot be used.
    """
    found, held_out = interactions_of(table, source.columns), None
    if test is not None:
        held_out = np.arange(len(found), len(found) + test.rows)
        found = found.followed_by(interactions_of(test, source.columns))
    met = _Meetings(found, equal_records({USER: found.users, ITEM: found.items}), held_out)
    dataset = (_rated if problem.metric in _RATED else _ranked)(met, source, problem, digest, whole=whole)
    return replace(dataset, uses=ColumnUses(roles_of(table, source.columns), otherwise="it has no role"))


def _rated(met: _Meetings, source: DataSource, problem: Problem, digest: str, *, whole: bool) -> Dataset:
    found, held_out = met.found, met.held_out
    if found.ratings is None:
        raise invalid(
            "data.columns.rating: there is no column of ratings; name it, or let the items be ranked without ratings: "
            "objectives: [{metric: ndcgAt10}]"
        )
    targets = number_targets(found.ratings)
    parts = _parts(met, targets, source)
    if whole:
        parts = parts.merged()
    users, items = _vocabularies(found, parts)
    return Dataset(
        digest=digest,
        problem=problem,
        raw={USER: found.users, ITEM: found.items},
        targets=targets,
        parts=parts,
        preprocess=InteractionsSpec(users=users, items=items, rates=True),
        answers=Rating(),
        objective=Ratings.fitted(problem.metric, targets[parts.train]),
        shape=(2,),
        facts=_facts(found, users, items),
        warnings=(
            *(about_copies("ratings", met.equal) if found.times is None else ()),
            *about_test_file("ratings", met.equal, held_out),
        ),
    )


def _ranked(met: _Meetings, source: DataSource, problem: Problem, digest: str, *, whole: bool) -> Dataset:
    met, warnings = _once(met)
    found, owners = met.found, met.owners
    parts = split_interactions(found, owners, source.split, met.held_out)
    if whole:
        parts = parts.merged()
    users, items = _vocabularies(found, parts)
    examples = ranked_users(found, owners, parts, items, seed=source.split.seed, memory=room_for_examples())
    known = np.sort(np.concatenate([parts.train, parts.validation, parts.gate]))
    most = max(len(part) for part in (examples.parts.validation, examples.parts.gate, examples.parts.test))
    if most == examples.most:
        warnings += (f"of the users of a part {most} are drawn and judged, since there are {len(items)} items to rank",)
    return Dataset(
        digest=digest,
        problem=problem,
        raw={USER: examples.users},
        targets=examples.targets,
        parts=examples.parts,
        preprocess=InteractionsSpec(users=users, items=items, rates=False),
        answers=Items.of_seen(users, items, found.users[known], found.items[known]),
        objective=Ranking(metric=problem.metric, items=len(items), ordered=found.times is not None),
        shape=(1,),
        facts={"interactions": len(found), **_facts(found, users, items)},
        warnings=warnings,
    )


def _once(met: _Meetings) -> tuple[_Meetings, tuple[str, ...]]:
    """Return each user's first meeting with each item, and what was left out; a test file's are not learned from."""
    kept = _earliest(met, np.arange(len(met.equal)))
    if met.held_out is not None:
        learned = kept[~np.isin(met.equal[kept], met.equal[met.held_out])]
        kept = np.sort(np.concatenate([learned, _earliest(met, met.held_out)]))
    held_out = None if met.held_out is None else np.flatnonzero(kept >= met.held_out[0])
    copies = len(met.equal) - len(kept)
    told = f"{copies} interactions are of a user who had met the item before, and are left out"
    return _Meetings(met.found.at(kept), np.arange(len(kept)), held_out), ((told,) if copies else ())


def _earliest(met: _Meetings, chosen: Indices) -> Indices:
    """Return of the chosen positions the earliest of each user and item, ascending."""
    if met.found.times is not None:
        chosen = chosen[np.argsort(met.found.times[chosen], kind="stable")]
    return np.sort(chosen[np.unique(met.equal[chosen], return_index=True)[1]])


def _parts(met: _Meetings, targets: npt.NDArray[np.float32], source: DataSource) -> Parts:
    times, equal, held_out = met.found.times, met.equal, met.held_out
    if times is None:
        strata, names = quantile_strata(targets, equal)
        return split_tied(strata, equal, names, source.split, held_out=held_out)
    if held_out is None:
        return split_latest(met.owners, times, source.split)
    known = np.flatnonzero(np.isin(equal, equal[held_out]))
    return replace(split_latest(met.owners, times, source.split, held_out=known), test=held_out)


def _vocabularies(found: Interactions, parts: Parts) -> tuple[Names, Names]:
    try:
        return vocabulary(found.users[parts.train]), vocabulary(found.items[parts.train])
    except InputError as error:
        raise invalid(f"the interactions cannot be used: {error}") from error


def _facts(found: Interactions, users: Names, items: Names) -> dict[str, float | int | str]:
    return {
        "users": len(users),
        "items": len(items),
        "filledPercent": round(100 * len(found) / (len(users) * len(items)), 3),
        "split": "random" if found.times is None else "latest of each user",
    }
