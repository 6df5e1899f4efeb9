"""What changed from one status to the next, as the lines that a person reads."""

from typing import Any

import pytest
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.report.narrate import lines_between, progress_line

NOW = "2026-01-01T00:00:00Z"
DIGEST = "sha256:" + "0" * 64
DATA: dict[str, Any] = {
    "digest": DIGEST, "examples": 1797, "classes": 10, "shape": "8x8x1", "trainExamples": 1149,
    "validationExamples": 144, "gateExamples": 144, "testExamples": 360, "baselineScore": "0.1042",
}  # fmt: skip
IMAGES = "data: 1797 examples of 8x8x1 in 10 classes"
SERIES = DATA | {"classes": 0, "shape": "12x4", "gateExamples": 0, "warnings": ["2 rows are missing", "short"]}
PLAN: dict[str, Any] = {"hash": "feec8fa7", "image": "i", "candidates": [], "tasks": []}
CANDIDATES: dict[str, Any] = {
    "name": "Candidates", "choice": "vgg-small", "reason": "Feasible", "message": "1 of 3 templates is trained",
    "time": NOW,
    "alternatives": [
        {"choice": "text-network", "reason": "TaskNotSupported", "message": "for other tasks"},
        {"choice": "resnet-small", "reason": "Budget", "message": "there is no time for it"},
    ],
}  # fmt: skip
CHOICE: dict[str, Any] = {
    "name": "ModelSelection", "choice": "vgg-small", "reason": "BestAccuracy", "message": "validation accuracy 0.99",
    "time": NOW,
    "alternatives": [{"choice": "resnet-small", "reason": "LowerAccuracy", "message": "validation accuracy 0.97"}],
}  # fmt: skip
VARIANT = {"name": "Compression", "choice": "Int8", "reason": "GatePassed", "message": "4 times smaller", "time": NOW}
ARTIFACT: dict[str, Any] = {
    "uri": "pvc://a/b", "digest": DIGEST, "sizeBytes": 99, "generation": 1, "template": "vgg-small",
    "variant": "Int8", "servedScore": "0.98",
}  # fmt: skip


def task(state: str, **more: Any) -> dict[str, Any]:
    return {"tasks": [{"name": "profile", "state": state, "contentHash": "0", **more}]}


def status(content: dict[str, Any]) -> TrainingWorkflowStatus:
    return TrainingWorkflowStatus.model_validate(content)


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nothing": ({}, {}, []),
    "a task that waits for others": ({}, task("Pending", message="waits for profile"), []),
    "a task starts": (task("Pending"), task("Running", attempts=1), ["profile: started"]),
    "a task starts again": (
        task("Pending", attempts=1), task("Running", attempts=2), ["profile: started again, attempt 2"],
    ),
    "a pod fails": (
        task("Running", jobName="j"),
        task("Pending", jobName="j", message="a pod failed and is retried: Diverged, at step 3"),
        ["profile: a pod failed and is retried: Diverged, at step 3"],
    ),
    "a pod waits for a node": (
        task("Pending", jobName="j"), task("Pending", jobName="j", reason="Unschedulable", message="no node"),
        ["profile: no node"],
    ),
    "a node is lost": (
        task("Running", jobName="j"), task("Running", jobName="j", message="its node a is gone"),
        ["profile: its node a is gone"],
    ),
    "a task is suspended": (
        task("Running", jobName="j"), task("Suspended", jobName="j", message="suspended; its checkpoints are used"),
        ["profile: suspended; its checkpoints are used"],
    ),
    "a task is done": (task("Running"), task("Succeeded"), ["profile: done"]),
    "a result that was there": (
        {}, task("Succeeded", cached=True, message="the result was found in the artifact store"),
        ["profile: done; the result was found in the artifact store"],
    ),
    "a task fails": (
        task("Running"), task("Failed", reason="DataInvalid", message="no column x"),
        ["profile: failed: DataInvalid, no column x"],
    ),
    "other work of the same name": (
        task("Running"), task("Running", contentHash="1", attempts=1), ["profile: started"],
    ),
    "images": (
        {}, {"data": DATA},
        [f"{IMAGES}: 1149 train, 144 validation, 144 gate, 360 test; baseline accuracy 0.1042"],
    ),
    "data without classes and gate, but with warnings": (
        {}, {"data": SERIES},
        ["data: 1797 examples of 12x4: 1149 train, 144 validation, 360 test; baseline accuracy 0.1042",
         "  note: 2 rows are missing", "  note: short"],
    ),
    "a plan, and what is trained for other tasks left out": (
        {}, {"plan": PLAN, "decisions": [CANDIDATES]},
        ["plan feec8fa7: 1 of 3 templates is trained", "  not resnet-small: there is no time for it"],
    ),
    "another plan": (
        {"plan": PLAN}, {"plan": PLAN | {"hash": "0123"}, "decisions": [CANDIDATES | {"alternatives": []}]},
        ["plan 0123: 1 of 3 templates is trained"],
    ),
    "decisions with what was rejected": (
        {}, {"decisions": [CHOICE, VARIANT]},
        ["chosen: vgg-small, validation accuracy 0.99", "  not resnet-small: validation accuracy 0.97",
         "shipped: Int8, 4 times smaller"],
    ),
    "another decision": (
        {"decisions": [VARIANT]}, {"decisions": [VARIANT | {"choice": "Float32", "message": "kept"}]},
        ["shipped: Float32, kept"],
    ),
    "columns": (
        {}, {"data": DATA | {"columnCount": 3, "columns": [
            {"name": "age", "type": "Number", "role": "feature", "missing": 2, "distinct": 31,
             "examples": ["17", "4.5"], "note": "2 cells hold no number: '-'"},
            {"name": "customer_id", "type": "-", "role": "-", "note": "it only counts the rows"},
        ]}},
        [f"{IMAGES}: 1149 train, 144 validation, 144 gate, 360 test; baseline accuracy 0.1042",
         "  column       type    role     missing  distinct  examples",
         "  age          Number  feature        2        31  17 | 4.5; 2 cells hold no number: '-'",
         "  customer_id  -       -                           it only counts the rows",
         "  and 1 more columns"],
    ),
    "an artifact": ({}, {"artifact": ARTIFACT}, [f"published: {DIGEST}, 99 bytes"]),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "lines"), CHANGES.values(), ids=CHANGES)
def test_each_change_has_its_lines_once(old: dict[str, Any], new: dict[str, Any], lines: list[str]) -> None:
    assert list(lines_between(status(old), status(new), metric="accuracy")) == lines
    assert list(lines_between(status(new), status(new), metric="accuracy")) == []


FIGURES = {
    "train-a/trainLoss": "0.2", "train-a/validationScore": "0.9722", "train-a/validationLoss": "0.10234",
    "train-b/examplesPerSecond": "1234.5",
}  # fmt: skip
METRICS = [{"name": name, "value": value} for name, value in FIGURES.items()]


@pytest.mark.parametrize(
    ("progress", "more", "line"),
    [
        pytest.param(None, {}, "", id="nothing is measured"),
        pytest.param({"percent": 7, "currentTask": ""}, {}, "", id="nothing runs"),
        pytest.param({"percent": 99, "currentTask": "publish"}, {"completionTime": NOW}, "", id="the end"),
        pytest.param({"percent": 7, "currentTask": "profile"}, {}, "  7 %: profile", id="no figures"),
        pytest.param(
            {"percent": 42, "currentTask": "train-a, train-b", "estimatedRemainingSeconds": 75, "metrics": METRICS}, {},
            " 42 %, about 1 min 15 s left: train-a (validation rmse 0.9722, validation loss 0.1023), "
            "train-b (1234 examples/s)", id="trainings with their own figures",
        ),
        pytest.param(
            {"percent": 99, "currentTask": "publish", "estimatedRemainingSeconds": 9}, {},
            " 99 %, about 9 s left: publish", id="less than a minute",
        ),
        pytest.param(
            {"percent": 99, "currentTask": "publish", "estimatedRemainingSeconds": 0}, {},
            " 99 %: publish", id="an estimate that is used up",
        ),
    ],
)  # fmt: skip
def test_progress_is_one_line(progress: dict[str, Any] | None, more: dict[str, Any], line: str) -> None:
    content = {} if progress is None else {"progress": progress | {"lastUpdatedTime": NOW}}
    assert progress_line(status(content | more), metric="rmse") == line
