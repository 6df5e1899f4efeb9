from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla_contract.problem import Metric
from idla_contract.result import TrialReport
from idla_contract.task import EarlyStopping, Rung, Training
from idla_trainer.training.progress import PartOfProgress
from idla_trainer.training.rungs import epochs_of, ranked, seconds_left, work_shares
from idla_trainer.training.search_times import SearchTimes, work_left
from idla_trainer.training.trial_results import TrialResults


def report(score: float, loss: float = 0.1, *, rung: int = 1, parameters: int = 100, failure: str = "") -> TrialReport:
    return TrialReport(
        rung=rung, epochs=4, parameters=parameters, validation_score=score, validation_loss=loss, seconds=2.0,
        failure=failure,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rung", "epochs", "trained"),
    [
        pytest.param(Rung(percent=11, kept=1), 40, 4, id="a ninth"),
        pytest.param(Rung(percent=33, kept=1), 40, 13, id="a third"),
        pytest.param(Rung(percent=100, kept=1), 40, 40, id="all"),
        pytest.param(Rung(percent=11, kept=1), 2, 1, id="at least one"),
        pytest.param(Rung(percent=11, kept=1, steps=100), 40, 15, id="as many as have the steps"),
        pytest.param(Rung(percent=11, kept=1, steps=10_000), 40, 40, id="no more than all"),
    ],
)
def test_how_far_a_rung_takes_a_trial(rung: Rung, epochs: int, trained: int) -> None:
    assert epochs_of(rung, epochs, 7) == trained


@pytest.mark.parametrize(
    ("reports", "metric", "order"),
    [
        pytest.param({0: report(0.8), 1: report(0.9)}, Metric.ACCURACY, [1, 0], id="the higher share"),
        pytest.param({0: report(0.8), 1: report(0.9)}, Metric.RMSE, [0, 1], id="the lower error"),
        pytest.param({0: report(0.9, 0.3), 1: report(0.9, 0.2)}, Metric.ACCURACY, [1, 0], id="a tie: the lower loss"),
        pytest.param(
            {0: report(0.9), 1: report(0.9, parameters=50)}, Metric.ACCURACY, [1, 0], id="a tie: the smaller network"
        ),
        pytest.param({1: report(0.9), 0: report(0.9)}, Metric.ACCURACY, [0, 1], id="a tie: the earlier place"),
        pytest.param({0: report(0.9, failure="Diverged"), 1: report(0.5)}, Metric.ACCURACY, [1], id="one that failed"),
        pytest.param({0: report(0.0, rung=0), 1: report(0.5)}, Metric.RMSE, [1], id="one that was never begun"),
    ],
)
def test_who_goes_on(reports: dict[int, TrialReport], metric: Metric, order: list[int]) -> None:
    assert ranked(reports, metric) == order


@pytest.mark.parametrize(
    ("seconds", "rung", "waiting", "spent", "left"),
    [
        pytest.param(None, 1, 9, 0.0, None, id="no limit"),
        pytest.param(90, 1, 9, 0.0, 30 / 9, id="a third of the time for nine"),
        pytest.param(90, 1, 1, 28.0, 2.0, id="the last one of a rung"),
        pytest.param(90, 2, 1, 40.0, 20.0, id="the second rung may use two thirds"),
        pytest.param(90, 2, 3, 70.0, 0.0, id="it is used up"),
    ],
)
def test_how_long_a_trial_may_take(
    seconds: int | None, rung: int, waiting: int, spent: float, left: float | None
) -> None:
    found = seconds_left(seconds, rung=rung, rungs=3, waiting=waiting, spent=spent)
    assert found == (None if left is None else pytest.approx(left))


@given(st.integers(1, 16))
def test_the_shares_of_the_work_of_all_trials_are_the_whole(trials: int) -> None:
    rungs = (Rung(percent=11, kept=3), Rung(percent=33, kept=1), Rung(percent=100, kept=1))
    shares = work_shares(rungs, trials)
    counts = (trials, min(trials, 3), 1)
    assert sum(share * count for share, count in zip(shares, counts, strict=True)) == pytest.approx(1.0)


def test_standings_are_found_again_by_the_same_search_alone(tmp_path: Path) -> None:
    standings = TrialResults.read(tmp_path / "trials", "one")
    standings.add(1, 0, report(0.8))
    standings.add(1, 1, report(0.9))
    standings.add(2, 1, report(0.95, rung=2))
    found = TrialResults.read(tmp_path / "trials", "one")
    assert found.latest() == {0: report(0.8), 1: report(0.95, rung=2)}
    assert found.seconds == pytest.approx(4.0)
    assert TrialResults.read(tmp_path / "trials", "another").rungs == {}


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"fingerprint": "one", "rungs": {"a": {}}}'])
def test_standings_that_cannot_be_read_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "standings.json").write_bytes(content)
    assert TrialResults.read(tmp_path, "one").rungs == {}


class Told:
    def __init__(self) -> None:
        self.steps: list[tuple[int, int, float | None]] = []

    def step(self, done: int, total: int, left: float | None = None) -> None:
        self.steps.append((done, total, left))

    def epoch(self, split: str, *, loss: float, score: float | None = None) -> None:
        """Nothing of it is looked at."""

    def throughput(self, rate: float) -> None:
        """Nothing of it is looked at."""


def test_a_part_of_the_work_is_told_as_a_part_of_the_whole() -> None:
    told = Told()
    part = PartOfProgress(told, begins=0.5, share=0.2, done=0.1, ends=0.3, after=lambda left: left and left + 5.0)
    for done, left in ((10, None), (20, 2.0), (30, 1.0), (35, 0.5)):
        part.step(done, 100, left)
    assert told.steps == [(500, 1000, None), (600, 1000, 7.0), (700, 1000, 6.0), (700, 1000, 5.5)]


RUNGS = (Rung(percent=11, kept=2, steps=1), Rung(percent=33, kept=1, steps=1), Rung(percent=100, kept=1, steps=1))
TRAINING = Training(max_epochs=100, early_stopping=EarlyStopping(patience_epochs=8))
LAST = (8 * 67) ** 0.5


@pytest.mark.parametrize(
    ("rung", "waiting", "expected"),
    [
        (1, 3, (3, 3 * 11 + 2 * 22 + LAST)),
        (1, 0, (0, 2 * 22 + LAST)),
        (2, 1, (0, 22 + LAST)),
        (3, 0, (0, 0.0)),
    ],
    ids=["three wait", "the last of the first rung", "one waits on the second", "the winner"],
)
def test_the_epochs_that_a_search_still_trains(rung: int, waiting: int, expected: tuple[int, float]) -> None:
    assert work_left(RUNGS, TRAINING, rung=rung, waiting=waiting, epoch_steps=10) == pytest.approx(expected)


def test_a_search_takes_as_long_as_its_trials_took() -> None:
    moments = iter([0.0, 4.0, 10.0, 12.0])
    times = SearchTimes(now=lambda: next(moments))
    times.begin()
    assert times.left(None, (2, 10.0), epoch=0.0) is None
    assert times.left(3.0, (2, 10.0), epoch=1.0) == 3.0 + 2 * 4.0 + 10 * 1.0
    times.end(1.0)
    times.begin()
    assert times.left(3.0, (1, 10.0), epoch=2.0) == 3.0 + 3.0 + 10 * 1.5
