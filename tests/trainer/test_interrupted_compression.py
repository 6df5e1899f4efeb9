"""A task that is killed while a smaller network learns, and asked to end in its refit, ends as if nothing had been."""

from typing import Any

import pytest
from idla_contract.exit_codes import ExitCode
from idla_contract.result import RefitReport, TaskResult
from idla_contract.task import (
    Candidate,
    CompressionMethod,
    CompressStep,
    EvaluateStep,
    Gate,
    ModelSpec,
    PublishStep,
    Recipe,
    RefitStep,
    Training,
    TrainStep,
    VerifyStep,
)

from tools.waiting import PATIENCE

pytestmark = [pytest.mark.trainer, pytest.mark.timeout(12 * PATIENCE)]

HASH = "0123456789ab"
RESNET = ModelSpec(template="resnet-small", builder="resnet", hyperparameters={"width": 16})
EPOCHS = 20
COMPRESS = CompressStep(
    candidate=Candidate(task="train", content_hash=HASH, model=RESNET),
    methods=(CompressionMethod.DYNAMIC_RANGE,),  # which of several files is the faster one, a clock decides
    recipe=Recipe(keep_percents=(50,), epochs=EPOCHS),
    gate=Gate(maximum_drop=1.0),
)
STEPS = (COMPRESS, RefitStep(), EvaluateStep(), VerifyStep(), PublishStep())
FURTHER, SMALLER, AGAIN = "Compress/further", "Compress/Keep50", "Refit/smaller"


@pytest.fixture(scope="module", autouse=True)
def candidate(pods: Any) -> None:
    training = Training(max_epochs=2, batch_size=32, checkpoint_period_seconds=1)
    ended = pods.run("train", TrainStep(model=RESNET, training=training))
    assert ended.code == ExitCode.SUCCEEDED, ended.log


@pytest.fixture(scope="module")
def undisturbed(pods: Any) -> TaskResult:
    ended = pods.run("undisturbed", *STEPS)
    assert ended.code == ExitCode.SUCCEEDED, ended.log
    return result(pods, "undisturbed")


@pytest.fixture(scope="module")
def attempts(pods: Any) -> tuple[str, Any, Any]:
    """What the first attempt said until it was killed, and how the others ended."""
    spec, task = pods.spec("disturbed", *STEPS), "disturbed"
    with pods.running(spec) as process:
        pods.wait_for_checkpoint(task, process, stage=SMALLER)
        process.kill()
        process.wait()
    killed = pods.log(task)
    assert len(pods.checkpoints(task, FURTHER)) == 1, "what had ended has no checkpoint but its end"
    with pods.running(spec) as process:
        pods.wait_for_checkpoint(task, process, stage=AGAIN)
        pods.ask_to_end(process)
    asked = pods.ended(task, process)
    return killed, asked, pods.run(task, *STEPS)


def result(pods: Any, task: str) -> TaskResult:
    return TaskResult.model_validate_json((pods.folder(task) / "result.json").read_bytes())


def test_the_training_goes_on_from_its_checkpoint_and_those_before_are_not_repeated(
    attempts: tuple[str, Any, Any],
) -> None:
    killed, asked, _ = attempts
    further = next(line.partition("further: ")[2] for line in killed.splitlines() if "further: " in line)
    assert f"further: {further}" in asked.log, "not even its seconds are others"
    assert asked.log.count("going on from step") == 1
    assert asked.code == ExitCode.PREEMPTED
    assert [step.kind for step in asked.answer.steps] == ["Compress"]


def test_the_artifact_is_the_undisturbed_one(
    pods: Any, attempts: tuple[str, Any, Any], undisturbed: TaskResult
) -> None:
    *_, end = attempts
    assert end.code == ExitCode.SUCCEEDED, end.log
    assert "going on from step" in end.log
    disturbed = result(pods, "disturbed")
    assert isinstance(disturbed.refit, RefitReport)
    assert disturbed.refit.shipped
    for found in (disturbed, undisturbed):
        assert found.artifact is not None
        assert found.compress is not None
        assert found.compress.choice == "Keep50DynamicRange"
        assert found.compress.making.smaller is not None
    assert disturbed.artifact == undisturbed.artifact
    assert not (pods.folder("disturbed") / "checkpoints").exists()
