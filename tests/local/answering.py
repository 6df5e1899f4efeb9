"""A task that answers without any training: from the store, as it is ordered, or as when all goes well."""

import os
import signal
from pathlib import Path

from idla_contract.artifact import ArtifactManifest, FileEntry, TensorSpec, digest_of
from idla_contract.exit_codes import ExitCode
from idla_contract.lineage import Lineage
from idla_contract.paths import artifact_folder, task_folder
from idla_contract.result import Failure, FailureReason, TaskResult
from idla_contract.task import TaskSpec

from tests.local.orders import Desk
from tools.fake_kubelet.answers import answer, failed

_MODEL = b"a model"
_INPUT = TensorSpec(name="image", datatype="FP32", shape=(-1, 2))
_MANIFEST = ArtifactManifest(
    task_type="ImageClassification", inputs=(_INPUT,), outputs=(_INPUT,), labels=(), variant="Int8",
    files=(FileEntry(name="model.tflite", digest=digest_of(_MODEL), size_bytes=len(_MODEL)),),
    lineage=Lineage(
        data_digest=digest_of(b""), template="t", image="i", seed=1, code_version="1", tensorflow_version="2"
    ),
)  # fmt: skip


def carry_out(desk: Desk, options: dict[str, str]) -> int:
    """Do the task of the options; return the exit code."""
    spec = TaskSpec.model_validate_json(Path(options["spec"]).read_bytes())
    said = Path(options["termination-log"])
    kept = Path(options["store"], task_folder(spec.task, spec.content_hash), "result.json")
    if kept.exists():
        desk.note("found", spec.task)
        said.write_text(_cached(TaskResult.model_validate_json(kept.read_text())).shortened().to_json())
        return ExitCode.SUCCEEDED
    desk.note("begins", spec.task)
    code = _ordered(desk, spec, said)
    if code is not None:
        return code
    result = answer(spec)
    if desk.order(spec.task).poor and result.evaluate is not None:
        served = result.evaluate.model_copy(update={"served_score": result.evaluate.baseline_score})
        result = result.model_copy(update={"evaluate": served})
    kept.parent.mkdir(parents=True)
    kept.write_text(result.to_json())
    if result.artifact is not None:
        _publish(Path(options["store"], artifact_folder(result.artifact.digest)))
    said.write_text(result.shortened().to_json())
    desk.note("ends", spec.task)
    return ExitCode.SUCCEEDED


def _ordered(desk: Desk, spec: TaskSpec, said: Path) -> int | None:
    """Return the exit code that was ordered, or None where all shall go well."""
    order = desk.order(spec.task)
    if order.holds and not desk.hold(spec.task, order):
        said.write_text(TaskResult(task=spec.task, content_hash=spec.content_hash).to_json())
        return ExitCode.PREEMPTED
    if order.killed:
        os.kill(os.getpid(), signal.SIGKILL)
    if order.reason:
        said.write_text(failed(spec, Failure(reason=FailureReason(order.reason), message="so it is")).to_json())
        return order.code
    if order.text is None:
        return None
    if order.text:
        said.write_text(order.text)
    return order.code


def _cached(result: TaskResult) -> TaskResult:
    steps = tuple(step.model_copy(update={"cached": True}) for step in result.steps)
    return result.model_copy(update={"steps": steps})


def _publish(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(_MODEL)
    (folder / "manifest.json").write_text(_MANIFEST.to_json())
