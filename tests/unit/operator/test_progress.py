"""Progress from pods and from Prometheus, against servers that behave as badly as real ones."""

import asyncio
import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from idla.core.snapshot import TaskProgress
from idla_contract import metrics
from idla_operator.adapters import pod_metrics, prometheus
from idla_operator.adapters.pod_metrics import PodMetrics
from idla_operator.adapters.prometheus import PrometheusProgress
from idla_operator.adapters.samples import Sample, reading_of
from idla_operator.ports import Measured, Outcome, Reading, Unmeasured

from tests.unit.operator.bad_server import Answer, hang, say, server
from tools.waiting import PATIENCE

NOW = 1_795_557_293.0
VALUES = {
    (metrics.TASK_STEP, ""): 90.0,
    (metrics.TASK_TOTAL_STEPS, ""): 720.0,
    (metrics.TASK_LOSS, "train"): 0.4,
    (metrics.TASK_LOSS, "validation"): 0.5,
    (metrics.TASK_SCORE, "validation"): 0.85,
    (metrics.TASK_EXAMPLES_PER_SECOND, ""): 4000.0,
    (metrics.TASK_UPDATED_SECONDS, ""): NOW,
}
PROGRESS = TaskProgress(
    step=90, total_steps=720, train_loss=0.4, validation_loss=0.5, validation_score=0.85,
    examples_per_second=4000.0, updated=datetime.fromtimestamp(NOW, UTC),
)  # fmt: skip
POD = {"metadata": {"namespace": "vision", "name": "train-x"}, "status": {"podIP": "127.0.0.1"}}
LEAST = {key: VALUES[key] for key in ((metrics.TASK_STEP, ""), (metrics.TASK_TOTAL_STEPS, ""))}
LEAST[metrics.TASK_UPDATED_SECONDS, ""] = NOW


def samples(values: dict[tuple[str, str], float]) -> list[Sample]:
    return [Sample(name=name, split=split, value=value) for (name, split), value in values.items()]


def outcome(reading: Reading) -> Outcome | None:
    return reading.outcome if isinstance(reading, Unmeasured) else None


def test_all_figures_are_read() -> None:
    assert reading_of(samples(VALUES)) == Measured(progress=PROGRESS)


def test_figures_that_are_absent_or_not_finite_are_left_out() -> None:
    values = LEAST | {(metrics.TASK_LOSS, "train"): float("nan"), (metrics.TASK_SCORE, "validation"): float("inf")}
    least = TaskProgress(step=90, total_steps=720, updated=datetime.fromtimestamp(NOW, UTC))
    assert reading_of(samples(values)) == Measured(progress=least)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({(metrics.TASK_STEP, ""): None}, Outcome.NO_DATA, id="no step"),
        pytest.param({(metrics.TASK_UPDATED_SECONDS, ""): None}, Outcome.NO_DATA, id="no time"),
        pytest.param({(metrics.TASK_STEP, ""): float("nan")}, Outcome.NOT_FINITE, id="NaN is no step"),
        pytest.param({(metrics.TASK_TOTAL_STEPS, ""): float("inf")}, Outcome.NOT_FINITE, id="infinity is no total"),
        pytest.param({(metrics.TASK_STEP, ""): -1.0}, Outcome.NOT_FINITE, id="a negative step"),
        pytest.param({(metrics.TASK_UPDATED_SECONDS, ""): 1e15}, Outcome.ERROR, id="a time that no calendar has"),
    ],
)
def test_nothing_is_measured(changes: dict[tuple[str, str], float | None], expected: Outcome) -> None:
    values = {key: value for key, value in (VALUES | changes).items() if value is not None}
    assert outcome(reading_of(samples(values))) is expected


def test_two_series_of_one_name_are_two_truths() -> None:
    assert outcome(reading_of([*samples(VALUES), Sample(name=metrics.TASK_STEP, split="", value=3.0)])) is (
        Outcome.MULTIPLE_SERIES
    )


def test_no_sample_is_no_data_and_not_zero() -> None:
    assert outcome(reading_of([])) is Outcome.NO_DATA


def exposition(values: dict[tuple[str, str], float]) -> str:
    lines = [
        f'{name}{{split="{split}"}} {value}' if split else f"{name} {value}" for (name, split), value in values.items()
    ]
    return "# TYPE python_info gauge\npython_info 1.0\n" + "\n".join(lines) + "\n"


def read_pod(port: int, pod: dict[str, Any] = POD, *, seconds: float = PATIENCE) -> Reading:
    async def main() -> Reading:
        async with PodMetrics.open(port=port, seconds=seconds) as source:
            return await source.read(pod)

    return asyncio.run(main())


def test_a_pod_is_read_at_its_address() -> None:
    with server(say(exposition(VALUES))) as (port, asked):
        assert read_pod(port) == Measured(progress=PROGRESS)
    assert asked == ["/metrics"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(say("no metrics\n"), Outcome.ERROR, id="text that is no metric"),
        pytest.param(say(""), Outcome.NO_DATA, id="nothing"),
        pytest.param(say("x", 500), Outcome.ERROR, id="an error"),
        pytest.param(
            say("", 302, Location="http://127.0.0.1:1/metrics"), Outcome.ERROR, id="a redirect is not followed"
        ),
        pytest.param(say(b"\xff\xfe" * 9), Outcome.ERROR, id="bytes that are no text"),
        pytest.param(say(b"# x\n" * (pod_metrics.LIMIT // 4 + 1)), Outcome.ERROR, id="too much"),
    ],
)
def test_a_pod_that_answers_badly_has_no_progress(answer: Answer, expected: Outcome) -> None:
    with server(answer) as (port, asked):
        assert outcome(read_pod(port)) is expected
    assert asked == ["/metrics"]


def test_a_pod_that_does_not_answer_is_given_up() -> None:
    release = threading.Event()
    with server(hang(release)) as (port, _):
        assert outcome(read_pod(port, seconds=0.1)) is Outcome.TIMEOUT
        release.set()


@pytest.mark.parametrize("address", ["", None, "metadata.internal", "127.0.0.1/@evil"])
def test_only_an_address_is_asked(address: str | None) -> None:
    assert outcome(read_pod(1, POD | {"status": {"podIP": address}})) is Outcome.NO_DATA


def test_a_pod_that_refuses_has_no_progress() -> None:
    assert outcome(read_pod(1)) is Outcome.ERROR


def vector(values: dict[tuple[str, str], float], **more: Any) -> str:
    result = [
        {"metric": {"__name__": name, "namespace": "vision", "split": split}, "value": [NOW, str(value)]}
        for (name, split), value in values.items()
    ]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}} | more)


@pytest.fixture(autouse=True)
def patient_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine take its time; what is given up is given up at the deadline."""
    monkeypatch.setattr(prometheus, "SOCKET_SECONDS", (PATIENCE, PATIENCE))


def ask_prometheus(
    port: int, *, deadline: float = PATIENCE, times: int = 1, pod: dict[str, Any] = POD
) -> list[Reading]:
    async def main() -> list[Reading]:
        with PrometheusProgress(f"http://127.0.0.1:{port}", deadline=deadline) as source:
            return [await source.read(pod) for _ in range(times)]

    return asyncio.run(main())


def test_prometheus_is_asked_for_one_pod_with_escaped_labels() -> None:
    pod = {"metadata": {"namespace": "vision", "name": 'x"} or vector(1) #'}}
    with server(say(vector(VALUES))) as (port, asked):
        assert ask_prometheus(port, pod=pod) == [Measured(progress=PROGRESS)]
    (path,) = asked
    assert path.startswith("/api/v1/query?query=")
    assert "pod%3D%22x%5C%22%7D+or+vector" in path


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(say(vector({})), Outcome.NO_DATA, id="empty"),
        pytest.param(say(vector(VALUES | {(metrics.TASK_STEP, ""): float("nan")})), Outcome.NOT_FINITE, id="NaN"),
        pytest.param(say(vector(VALUES, warnings=["one store is away"])), Outcome.PARTIAL, id="partial"),
        pytest.param(say("<html>log in</html>"), Outcome.ERROR, id="a login page"),
        pytest.param(say("[]"), Outcome.ERROR, id="another document"),
        pytest.param(say("busy", 503, Retry_After="600"), Outcome.ERROR, id="busy: it is not waited for"),
        pytest.param(say("", 302, Location="http://127.0.0.1:1/"), Outcome.ERROR, id="a redirect is not followed"),
    ],
)
def test_prometheus_that_answers_badly_measures_nothing(answer: Answer, expected: Outcome) -> None:
    with server(answer) as (port, asked):
        assert [outcome(reading) for reading in ask_prometheus(port)] == [expected]
    assert len(asked) == 1


def test_two_prometheus_series_are_two_truths() -> None:
    document = json.loads(vector(VALUES))
    document["data"]["result"] *= 2
    with server(say(json.dumps(document))) as (port, _):
        assert [outcome(reading) for reading in ask_prometheus(port)] == [Outcome.MULTIPLE_SERIES]


def test_a_prometheus_that_is_away_measures_nothing() -> None:
    assert [outcome(reading) for reading in ask_prometheus(1)] == [Outcome.ERROR]


def test_a_prometheus_that_hangs_is_given_up_and_binds_no_more_threads_than_there_are() -> None:
    release = threading.Event()
    with server(hang(release)) as (port, asked):
        readings = ask_prometheus(port, deadline=0.05, times=6)
        release.set()
    assert [outcome(reading) for reading in readings] == [Outcome.TIMEOUT] * 6
    assert len(asked) <= 4
