"""When a training ends, which epoch is its best, and when a plateau halves its rate."""

import math
from dataclasses import asdict

import pytest
from idla_contract.task import EarlyStopping, Schedule, Training
from idla_trainer.models.fine_tuning import Phase
from idla_trainer.training.course import Course, PhaseOf, end_of, epochs_left

TRAINING = Training(max_epochs=10, early_stopping=EarlyStopping(patience_epochs=3))


def plain(_: int) -> Phase:
    return Phase()


def frozen_twice(epoch: int) -> Phase:
    return Phase(frozen=epoch < 2)


def always_frozen(_: int) -> Phase:
    return Phase(frozen=True)


def point(loss: float) -> dict[str, float]:
    return {"train_loss": 1.0, "validation_loss": loss, "validation_score": 0.5, "seconds": 1.0}


@pytest.mark.parametrize(
    ("case", "course", "phase", "seconds", "expected"),
    [
        ("goes on", Course(epoch=4, best_epoch=2), plain, math.inf, None),
        ("no patience left", Course(epoch=5, best_epoch=2), plain, math.inf, "EarlyStopping"),
        ("patience begins anew after the thaw", Course(epoch=4, best_epoch=1, thawed_epoch=2), plain, math.inf, None),
        ("patience waits for the thaw", Course(epoch=1, best_epoch=-9), frozen_twice, math.inf, None),
        ("layers that never thaw", Course(epoch=4, best_epoch=1), always_frozen, math.inf, "EarlyStopping"),
        ("all epochs", Course(epoch=10, best_epoch=9), plain, math.inf, "MaxEpochs"),
        ("one more would end in time", Course(epoch=2, best_epoch=2, seconds=6, longest_seconds=4), plain, 10.0, None),
        (
            "one more would end too late",
            Course(epoch=2, best_epoch=2, seconds=6.5, longest_seconds=4),
            plain,
            10.0,
            "Budget",
        ),
    ],
)
def test_a_training_ends_for_one_reason(
    case: str, course: Course, phase: PhaseOf, seconds: float, expected: str | None
) -> None:
    assert end_of(course, TRAINING, phase, seconds) == expected, case


def test_the_best_epoch_has_the_lowest_loss_by_more_than_the_smallest_gain() -> None:
    course = Course()
    better = [course.end_epoch(point(loss), plain, min_delta=0.1) for loss in (2.0, 1.95, 1.0, 1.0, 3.0)]
    assert better == [True, False, True, False, False]
    assert (course.epoch, course.best_epoch, course.best_loss) == (5, 3, 1.0)


def test_the_network_as_it_came_may_stay_the_best() -> None:
    course = Course(first_loss=0.5)
    assert not course.end_epoch(point(0.6), plain, min_delta=0.0)
    assert (course.best_epoch, course.best_loss) == (0, 0.5)


def test_an_epoch_is_counted_into_the_sums_and_the_next_one_begins_with_none() -> None:
    course = Course(batch=4, loss_sum=3.0, epoch_seconds=2.0, train_seconds=5.0, seconds=20.0, begun_seconds=12.0)
    course.end_epoch(point(1.0), frozen_twice, min_delta=0.0)
    assert asdict(course) == asdict(
        Course(
            epoch=1,
            train_seconds=7.0,
            seconds=20.0,
            begun_seconds=20.0,
            longest_seconds=8.0,
            best_epoch=1,
            curve=[point(1.0)],
        )
    )
    course.end_epoch(point(1.0), frozen_twice, min_delta=0.0)
    assert course.thawed_epoch == 2


@pytest.mark.parametrize(
    ("schedule", "course", "rate"),
    [
        (Schedule.PLATEAU, Course(epoch=4, best_epoch=2), 0.5),
        (Schedule.PLATEAU, Course(epoch=4, best_epoch=3), 1.0),
        (Schedule.PLATEAU, Course(epoch=5, best_epoch=2, eased_epoch=4), 1.0),
        (Schedule.COSINE, Course(epoch=4, best_epoch=2), 1.0),
    ],
)
def test_a_plateau_halves_the_rate(schedule: Schedule, course: Course, rate: float) -> None:
    training = Training(schedule=schedule, early_stopping=EarlyStopping(patience_epochs=4))
    course.ease(training)
    assert course.rate_scale == rate


@pytest.mark.parametrize(
    ("case", "course", "phase", "expected"),
    [
        ("the patience would grant 3 of 10", Course(), plain, math.sqrt(3 * 10)),
        ("it goes well", Course(epoch=4, best_epoch=4), plain, math.sqrt(3 * 6)),
        ("two epochs brought nothing", Course(epoch=4, best_epoch=2), plain, math.sqrt(1 * 6)),
        ("fewer are left than the patience grants", Course(epoch=9, best_epoch=9), plain, 1.0),
        (
            "layers thaw later, so nothing is waited for yet",
            Course(epoch=1, best_epoch=-9),
            frozen_twice,
            math.sqrt(27),
        ),
        ("all are done", Course(epoch=10, best_epoch=9), plain, 0.0),
    ],
)
def test_the_epochs_that_are_expected_lie_between_patience_and_the_last(
    case: str, course: Course, phase: PhaseOf, expected: float
) -> None:
    assert epochs_left(course, TRAINING, phase) == pytest.approx(expected), case


def test_an_epoch_usually_takes_what_the_latest_ones_took_and_the_first_one_compiles() -> None:
    course, usual = Course(), []
    for seconds in (9.0, 1.0, 2.0, 2.0):
        course.seconds += seconds
        course.end_epoch(point(1.0), plain, min_delta=0.0)
        usual.append(course.usual_seconds)
    assert usual == pytest.approx([0.0, 1.0, 1.3, 1.51])
