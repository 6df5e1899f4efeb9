"""A training that is killed, moved, asked to end and robbed of a checkpoint ends as if nothing had happened."""

import json
import os
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from idla_contract import metrics
from idla_contract.exit_codes import ExitCode
from idla_contract.result import TaskResult
from idla_contract.task import ModelSpec, ProfileStep, Training, TrainStep

from tools.ports import reserved
from tools.waiting import PATIENCE, until

pytestmark = [pytest.mark.trainer, pytest.mark.gate, pytest.mark.timeout(12 * PATIENCE)]

RESNET = ModelSpec(template="resnet-small", builder="resnet", hyperparameters={"width": 16})
EPOCHS = 10
"""Long enough that it is still at work after three checkpoints on a fast machine."""
TRAINING = Training(max_epochs=EPOCHS, batch_size=4, checkpoint_period_seconds=1)
STEPS_IN_ALL = EPOCHS * (1149 // 4)
THREADS = 2 * (os.cpu_count() or 1)
"""Of the node where it begins; it goes on here, where there are fewer processors."""
STEPS = (ProfileStep(), TrainStep(model=RESNET, training=TRAINING))


@dataclass(frozen=True)
class Story:
    """What happened to the disturbed training."""

    metrics: str
    killed_at: int
    """Step of the newest checkpoint when it was killed."""
    asked_at: int
    asked: Any
    first_log: str
    end: Any


@pytest.fixture(scope="module")
def undisturbed(pods: Any) -> TaskResult:
    ended = pods.run("undisturbed", *STEPS, threads=THREADS)
    assert ended.code == ExitCode.SUCCEEDED, ended.log
    return whole_result(pods.folder("undisturbed"))


@pytest.fixture(scope="module")
def story(pods: Any) -> Story:
    spec, task = pods.spec("disturbed", *STEPS), "disturbed"
    with reserved() as port, pods.running(spec, metrics_port=port, threads=THREADS) as process:
        pods.wait_for_checkpoint(task, process)
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE).read().decode()
        process.kill()
        process.wait()
    killed_at = int(pods.checkpoints(task)[-1].stem)
    with pods.running(spec) as process:
        # The newest one will be damaged, so the one before it has to be this pod's too. SIGTERM need not add one: it
        # may come while one is written.
        first = pods.wait_for_checkpoint(task, process, beyond=killed_at)
        pods.wait_for_checkpoint(task, process, beyond=first)
        pods.ask_to_end(process)
    asked = pods.ended(task, process)
    newest = pods.checkpoints(task)[-1]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    return Story(text, killed_at, int(newest.stem), asked, asked.log, pods.run(task, *STEPS))


def whole_result(folder: Path) -> TaskResult:
    return TaskResult.model_validate_json((folder / "result.json").read_bytes())


def weights_digest(folder: Path) -> str:
    digest: str = json.loads((folder / "candidate" / "candidate.json").read_bytes())["weightsDigest"]
    return digest


def without_times(result: TaskResult) -> TaskResult:
    assert result.train is not None
    curve = tuple(epoch.model_copy(update={"seconds": 0.0}) for epoch in result.train.curve)
    report = result.train.model_copy(
        update={"seconds": 0.0, "examples_per_second": 0.0, "epoch_seconds": 0.0, "resumed": 0, "curve": curve}
    )
    return result.model_copy(update={"task": "", "steps": (), "train": report})


def test_progress_is_at_the_metrics_address(story: Story) -> None:
    names = {line.split("{")[0].split()[0] for line in story.metrics.splitlines() if not line.startswith("#")}
    assert {metrics.TASK_STEP, metrics.TASK_TOTAL_STEPS, metrics.TASK_UPDATED_SECONDS} <= names
    values = dict(line.split() for line in story.metrics.splitlines() if line.startswith(metrics.TASK_TOTAL_STEPS))
    assert float(values[metrics.TASK_TOTAL_STEPS]) == STEPS_IN_ALL


def test_a_killed_training_goes_on_from_its_newest_checkpoint(story: Story) -> None:
    assert f"going on from step {story.killed_at} of at most {STEPS_IN_ALL}" in story.first_log


def test_sigterm_ends_with_a_checkpoint_and_its_own_code(story: Story) -> None:
    assert story.asked.code == ExitCode.PREEMPTED
    assert story.asked.answer.failure is None
    assert [(step.kind, step.cached) for step in story.asked.answer.steps] == [("Profile", True)]
    assert story.asked_at > story.killed_at


def test_a_checkpoint_cut_in_half_is_not_used(story: Story) -> None:
    assert "is damaged; going back to the one before" in story.end.log
    assert "going on from step" in story.end.log


def test_the_end_equals_the_undisturbed_one(pods: Any, story: Story, undisturbed: TaskResult) -> None:
    assert story.end.code == ExitCode.SUCCEEDED, story.end.log
    disturbed = whole_result(pods.folder("disturbed"))
    assert disturbed.train is not None
    assert disturbed.train.resumed == 2
    assert without_times(disturbed) == without_times(undisturbed)
    assert weights_digest(pods.folder("disturbed")) == weights_digest(pods.folder("undisturbed"))
    assert pods.checkpoints("disturbed") == []


def imports_tensorflow(process: "subprocess.Popen[bytes]") -> bool:
    """Return whether a process has begun to load TensorFlow's libraries, which takes seconds."""
    assert process.poll() is None
    return "tensorflow" in Path(f"/proc/{process.pid}/maps").read_text()


def test_sigterm_while_tensorflow_is_imported_ends_at_once(pods: Any) -> None:
    spec = pods.spec("early", *STEPS)
    with pods.running(spec) as process:
        until(lambda: imports_tensorflow(process), lambda: pods.log("early"), period=0.005)
        assert pods.ask_to_end(process) == ExitCode.PREEMPTED
    assert pods.ended("early", process).answer.failure is None
