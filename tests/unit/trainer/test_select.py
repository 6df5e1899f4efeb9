"""The step that chooses among finished trainings, with their files in a store."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from idla_contract.choice import Comparison, FinishedTraining, SelectReport, SelectStep
from idla_contract.problem import Metric, Problem
from idla_contract.result import FailureReason
from idla_contract.task import ModelSpec, Training
from idla_preprocess import Array, Classes, ImageSpec
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.split import Parts
from idla_trainer.failures import PreemptedError, TaskError
from idla_trainer.preemption import Preemption
from idla_trainer.problems.classification import Classification
from idla_trainer.problems.regression import Regression
from idla_trainer.steps.select import select
from idla_trainer.task_store import TaskStore
from idla_trainer.training.answers import JudgedAnswers
from idla_trainer.training.candidate import TrainedCandidate

HASH = "0123456789ab"
DIGEST = "sha256:" + "0a" * 32
NOBODY = np.array([], dtype=np.int64)
EXAMPLES = 400
VALIDATION = np.arange(100, EXAMPLES)
TRUTH = np.arange(EXAMPLES) % 2


def dataset(digest: str = DIGEST, metric: Metric = Metric.ACCURACY, classes: tuple[str, ...] = ("0", "1")) -> Dataset:
    numbers = TRUTH + 1.0
    return Dataset(
        digest=digest,
        problem=Problem(metric=metric),
        raw={"image": np.zeros((EXAMPLES, 8, 8, 1), np.float32)},
        targets=TRUTH if metric.maximized else numbers,
        parts=Parts(np.arange(100), VALIDATION, NOBODY, NOBODY),
        preprocess=ImageSpec(height=8, width=8, channels=1, maximum=16.0),
        answers=Classes(classes),
        objective=(
            Classification(metric=metric, classes=2) if metric.maximized else Regression.fitted(metric, numbers)
        ),
        classes=classes,
    )


def wrong(*places: int) -> Array:
    """Return answers of which those at these places of the validation split are wrong."""
    answered = TRUTH[VALIDATION].copy()
    answered[list(places)] ^= 1
    return np.eye(2, dtype=np.float32)[answered]


def put(store: Path, name: str, values: Array, parameters: int, **changes: Any) -> FinishedTraining:
    """Leave in the store what a training leaves."""
    folder = TaskStore.of(store, name, HASH)
    folder.make()
    positions = changes.pop("positions", VALIDATION)
    given = {"signature_digest": dataset().signature.digest(), "data_digest": DIGEST} | changes
    TrainedCandidate(
        model=ModelSpec(template=name, builder="resnet"), training=Training(), environment={}, best_epoch=1,
        temperature=1.0, weights={"0000": np.zeros(3, np.float32)}, parameters=parameters, **given,
    ).save(folder, JudgedAnswers(positions=positions, values=values))  # fmt: skip
    return FinishedTraining(task=name, content_hash=HASH)


def chosen(store: Path, wanted: Sequence[FinishedTraining], data: Dataset, **step: Any) -> SelectReport:
    context: Any = SimpleNamespace(
        dataset=data, places=SimpleNamespace(store=store), preemption=Preemption(), view=lambda _, data: data
    )
    outcome = select(context, SelectStep(candidates=tuple(wanted), **step))
    assert outcome.files == ()
    report = outcome.update["select"]
    assert isinstance(report, SelectReport)
    return report


def test_the_best_wins_where_a_smaller_one_may_lose_too_much(tmp_path: Path) -> None:
    wanted = [put(tmp_path, "small", wrong(0, 1, 2, 3), 100), put(tmp_path, "big", wrong(0, 1), 900)]
    assert chosen(tmp_path, wanted, dataset()) == SelectReport(
        winner=1, best=1, examples=300,
        compared=(
            Comparison(score=0.986667, drop=0.006667, drop_interval=(-0.004594, 0.017839)),
            Comparison(score=0.993333, drop=0.0, drop_interval=(0.0, 0.0)),
        ),
    )  # fmt: skip


def test_a_smaller_one_wins_within_the_tolerance_that_is_given(tmp_path: Path) -> None:
    wanted = [put(tmp_path, "small", wrong(0, 1, 2, 3), 100), put(tmp_path, "big", wrong(0, 1), 900)]
    found = chosen(tmp_path, wanted, dataset(), tolerance=0.02)
    assert (found.winner, found.best) == (0, 1)
    strict = chosen(tmp_path, wanted, dataset(), tolerance=0.02, minimum=0.99)
    assert (strict.winner, strict.best) == (1, 1)


def test_of_one_candidate_there_is_nothing_to_compare(tmp_path: Path) -> None:
    found = chosen(tmp_path, [put(tmp_path, "alone", wrong(0), 9)], dataset())
    alone = Comparison(score=0.996667, drop=0.0, drop_interval=(0.0, 0.0))
    assert found == SelectReport(winner=0, best=0, examples=300, compared=(alone,))


def test_of_an_error_the_growth_is_compared(tmp_path: Path) -> None:
    data = dataset(metric=Metric.RMSE)
    truth = data.targets[VALIDATION][:, np.newaxis]
    signature = {"signature_digest": data.signature.digest()}
    wanted = [
        put(tmp_path, "small", (truth + 0.1002).astype(np.float32), 100, **signature),
        put(tmp_path, "big", (truth + 0.1).astype(np.float32), 900, **signature),
    ]
    found = chosen(tmp_path, wanted, data)
    assert (found.winner, found.best) == (0, 1)
    assert found.compared[0].drop == pytest.approx(0.002, abs=1e-5)
    assert found.compared[0].drop_interval == pytest.approx((0.002, 0.002), abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "reason", "told"),
    [
        pytest.param({"data_digest": "sha256:" + "0b" * 32}, "DataDigestMismatch", "restore the data", id="data"),
        pytest.param({"signature_digest": "0" * 64}, "ArtifactInvalid", "takes or answers something else", id="border"),
        pytest.param(
            {"positions": VALIDATION - 1}, "ArtifactInvalid",
            "the candidates big and small were judged on different examples, 300 and 300", id="examples",
        ),
    ],
)  # fmt: skip
def test_candidates_that_cannot_be_compared(tmp_path: Path, changes: dict[str, Any], reason: str, told: str) -> None:
    wanted = [put(tmp_path, "big", wrong(0), 900), put(tmp_path, "small", wrong(0), 100, **changes)]
    with pytest.raises(TaskError, match=told) as refusal:
        chosen(tmp_path, wanted, dataset())
    assert refusal.value.reason is FailureReason(reason)


def test_a_choice_that_is_asked_to_end_ends(tmp_path: Path) -> None:
    asked = Preemption()
    asked.requested = True
    context: Any = SimpleNamespace(
        dataset=dataset(), places=SimpleNamespace(store=tmp_path), preemption=asked, view=lambda _, data: data
    )
    wanted = put(tmp_path, "big", wrong(0), 900)
    with pytest.raises(PreemptedError):
        select(context, SelectStep(candidates=(wanted,)))
