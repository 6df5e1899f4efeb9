"""A workflow's whole way on a machine whose tasks answer at once: the operator's decisions, no process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.core.reconciliation import Deletion, Manifest
from idla.core.settings import Settings
from idla.core.snapshot import TaskProgress
from idla.local.run import Run
from idla.report.document import document_of
from idla.report.exit_status import ExitCode, exit_code_of
from idla.report.narrate import lines_between
from idla_contract.paths import TASK_SPEC_ANNOTATION
from idla_contract.result import Failure, FailureReason
from idla_contract.task import TaskSpec

from tests.unit.core.world import LIBRARY, workflow
from tools.fake_kubelet.answers import answer, failed

_NOW = "2026-11-24T08:00:00Z"


class Answering:
    """Ends every Job as soon as it is applied."""

    def __init__(self, failure: Failure | None = None) -> None:
        self.failure = failure
        self.progress: Mapping[str, TaskProgress] = {}
        self._jobs: dict[str, dict[str, Any]] = {}
        self._pods: list[dict[str, Any]] = []

    @property
    def jobs(self) -> tuple[Manifest, ...]:
        return tuple(self._jobs.values())

    @property
    def pods(self) -> tuple[Manifest, ...]:
        return tuple(self._pods)

    def apply(self, manifest: Manifest) -> None:
        name = manifest["metadata"]["name"]
        spec = TaskSpec.model_validate_json(
            manifest["spec"]["template"]["metadata"]["annotations"][TASK_SPEC_ANNOTATION]
        )
        said = answer(spec) if self.failure is None else failed(spec, self.failure)
        kind, code = ("Complete", 0) if self.failure is None else ("Failed", 10)
        ended = {"exitCode": code, "message": said.shortened().to_json()}
        condition = {"type": kind, "status": "True", "lastTransitionTime": _NOW}
        self._jobs[name] = {
            **manifest,
            "metadata": {**manifest["metadata"], "uid": name},
            "status": {"startTime": _NOW, "conditions": [condition]},
        }
        self._pods.append(
            {
                "metadata": {"name": f"{name}-1", "ownerReferences": [{"kind": "Job", "name": name}]},
                "status": {
                    "phase": "Failed" if code else "Succeeded",
                    "containerStatuses": [{"name": "task", "state": {"terminated": ended}}],
                },
            }
        )

    def delete(self, deletion: Deletion) -> None:
        self._jobs.pop(deletion.name, None)

    def advance(self) -> bool:
        return False

    def measure(self) -> None:
        return


def gone(worker: Answering, **spec: Any) -> tuple[TrainingWorkflowStatus, list[str]]:
    lines: list[str] = []
    settings = Settings(trainer_image="local", server_image="local")
    run = Run(
        workflow=workflow(**spec), library=LIBRARY, worker=worker, settings=settings,
        on_change=lambda old, new: lines.extend(lines_between(old, new, metric="accuracy")),
        stopped=lambda: False,
    )  # fmt: skip
    return run.go(), lines


def test_the_whole_way_ends_with_a_document(tmp_path: Path) -> None:
    status, lines = gone(Answering(), objectives=[{"metric": "accuracy", "target": "0.5"}])
    document = document_of("digits", status, metric="accuracy", store=tmp_path, seconds=1.0)
    assert (document["succeeded"], document["exitCode"], document["metric"]) == (True, 0, "accuracy")
    assert document["artifact"]["path"].startswith(str(tmp_path / "models"))
    assert [task["state"] for task in document["tasks"]] == ["Succeeded"] * 5
    assert any(line.startswith("chosen: ") for line in lines)


@pytest.mark.parametrize(
    ("failure", "spec", "code"),
    [
        pytest.param(FailureReason.DATA_INVALID, {}, ExitCode.DATA, id="data"),
        pytest.param(FailureReason.SPEC_INVALID, {}, ExitCode.USAGE, id="a builder that is none"),
        pytest.param(
            None, {"objectives": [{"metric": "accuracy", "target": "1"}]}, ExitCode.TARGET_MISSED, id="target"
        ),
        pytest.param(
            None, {"constraints": [{"metric": "modelSizeMebibytes", "maximum": "0.001"}]}, ExitCode.INFEASIBLE,
            id="constraint",
        ),
        pytest.param(None, {"approval": "Manual"}, ExitCode.WAITING, id="approval"),
        pytest.param(None, {"approval": "PlanOnly"}, ExitCode.DONE, id="plan only"),
        pytest.param(None, {"suspend": True}, ExitCode.WAITING, id="suspended"),
    ],
)  # fmt: skip
def test_every_end_has_its_exit_code(failure: FailureReason | None, spec: dict[str, Any], code: ExitCode) -> None:
    said = None if failure is None else Failure(reason=failure, message="so it is")
    status, _ = gone(Answering(said), **spec)
    assert exit_code_of(status) is code
