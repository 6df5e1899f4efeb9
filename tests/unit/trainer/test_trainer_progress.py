"""What a training tells at `/metrics`: nothing that nobody has measured."""

import urllib.request
from collections.abc import Callable

import pytest
from idla_trainer.training.progress import ProgressMetrics

from tools.ports import reserved
from tools.waiting import PATIENCE


@pytest.fixture
def progress() -> ProgressMetrics:
    return ProgressMetrics()


def told(progress: ProgressMetrics) -> dict[str, float]:
    """Return what a scrape finds, the moment of the last change as 1 where there is one."""
    with reserved() as port:
        progress.serve(port, "127.0.0.1")
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE).read().decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) if "updated" not in name else bool(float(value)) for name, value in values.items()}


STEP = {"idla_task_step": 3.0, "idla_task_total_steps": 9.0, "idla_task_updated_seconds": 1.0}
EPOCH = {'idla_task_loss{split="validation"}': 0.5, 'idla_task_score{split="validation"}': 0.25}
TRAINED = {'idla_task_loss{split="train"}': 0.5}
RATE = {"idla_task_examples_per_second": 7.0, "idla_task_updated_seconds": 1.0}


def nothing(_: ProgressMetrics) -> None: ...


@pytest.mark.parametrize(
    ("tell", "found"),
    [
        (nothing, {}),
        (lambda progress: progress.step(3, 9), STEP),
        (lambda progress: progress.epoch("validation", loss=0.5, score=0.25), EPOCH),
        (lambda progress: progress.epoch("train", loss=0.5), TRAINED),
        (lambda progress: progress.throughput(7), RATE),
    ],
    ids=["nothing", "a step", "an epoch", "its training", "throughput"],
)
def test_only_what_was_measured_is_told(
    progress: ProgressMetrics, tell: Callable[[ProgressMetrics], None], found: dict[str, float]
) -> None:
    tell(progress)
    assert told(progress) == found


def test_the_newest_value_is_told(progress: ProgressMetrics) -> None:
    for done in (1, 2, 3):
        progress.step(done, 9)
    assert told(progress) == STEP
