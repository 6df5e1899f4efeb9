"""What a task says of the time that it still takes: by its own measures, and nothing before it has them."""

from dataclasses import dataclass, field

import pytest
from idla_contract.work import Measures, Part, Work
from idla_trainer.training.agenda import Agenda

AHEAD = (
    (Part.COMPRESS, Work(starts=0.5)),
    (Part.SMALLER, Work(distillation_epochs=4)),
    (Part.SMALLER, Work(distillation_epochs=4)),
    (Part.CONVERSION, Work(files=1)),
    (Part.CONVERSION, Work(files=1)),
    (Part.MEASUREMENT, Work(starts=0.1)),
)


@dataclass
class Scene:
    """An agenda with a clock that the test turns."""

    time: float = 0.0
    steps: list[tuple[int, int, float | None]] = field(default_factory=list)
    measures: list[tuple[float | None, float | None]] = field(default_factory=list)

    def agenda(self, ahead: tuple[tuple[Part, Work], ...] = AHEAD, **known: float) -> Agenda:
        return Agenda(self, ahead, measures=Measures(**known), now=lambda: self.time)

    def step(self, done: int, total: int, left: float | None = None) -> None:
        self.steps.append((done, total, left))

    def measured(self, start: float | None, epoch: float | None) -> None:
        self.measures.append((start, epoch))


def test_parts_are_left_behind_as_others_begin_and_their_measures_serve_those_that_follow() -> None:
    scene = Scene()
    agenda = scene.agenda(start=10.0, distillation_epoch=2.0, file=2.0)
    agenda.begin(Part.COMPRESS)
    scene.time = 5.0
    agenda.begin(Part.SMALLER)
    agenda.tell_training(6.0, epoch=3.0)
    scene.time = 15.0
    agenda.begin(Part.CONVERSION)
    scene.time = 19.0
    agenda.begin(Part.CONVERSION)
    agenda.begin(Part.MEASUREMENT)
    assert scene.steps == [
        (0, 1000, 26.0),  # 5 + 8 + 8 + 2 + 2 + 1
        (192, 1000, 21.0),
        (192, 1000, 23.0),  # not less than before: 6 of this one, 12 of the next, whose epochs take as long
        (750, 1000, 5.0),  # the second one was not needed
        (792, 1000, 5.0),  # a file took 4 seconds, so the other one does
        (950, 1000, 1.0),
    ]


@pytest.mark.parametrize(
    ("passed", "left"),
    [(0.0, 6.0), (4.0, 2.0), (4.9, 2.225), (100.0, 26.0)],
    ids=["as expected", "some of it has passed", "nearly all of it", "overdue: as much again as a quarter of it"],
)
def test_a_part_without_steps_is_left_as_expected_and_never_nothing(passed: float, left: float) -> None:
    scene = Scene()
    agenda = scene.agenda(((Part.COMPRESS, Work(starts=0.5)), (Part.MEASUREMENT, Work(starts=0.1))), start=10.0)
    agenda.begin(Part.COMPRESS)
    scene.time = passed
    assert agenda.seconds_left() == pytest.approx(left)


def test_nothing_is_told_while_a_measure_is_missing() -> None:
    scene = Scene()
    agenda = scene.agenda(start=10.0)
    agenda.begin(Part.COMPRESS)
    assert scene.steps == []
    agenda.tell_training(None)
    assert scene.steps == []


def test_a_single_training_tells_its_own_steps_and_the_start_that_it_took() -> None:
    scene = Scene()
    agenda = scene.agenda(((Part.TRAIN, Work(starts=1.0)), (Part.KEEPING, Work(starts=0.1))))
    agenda.begin(Part.TRAIN)
    scene.time = 20.0
    agenda.step(1, 50)
    agenda.step(2, 50, 7.5)
    agenda.begin(Part.KEEPING)
    assert (scene.steps, scene.measures) == ([(1, 50, None), (2, 50, 9.5), (2, 50, 2.0)], [(20.0, None)] * 2)


def test_a_start_that_was_timed_before_is_not_timed_again() -> None:
    scene = Scene(time=6.0)
    agenda = scene.agenda()
    scene.time = 12.0
    agenda.started(0.6)
    agenda.started(0.1)
    assert agenda.measures.start == pytest.approx(10.0)
