from typing import Any

import pytest

from demo.story import duration, progress, told

DATA = {"examples": 1797, "shape": "8x8x1", "classes": 10, "baselineScore": "0.1013"}
CHOICE: dict[str, Any] = {
    "name": "ModelSelection", "choice": "vgg-small", "reason": "HighestAccuracy", "message": "0.99",
    "alternatives": [{"choice": "resnet-small", "reason": "LowerAccuracy", "message": "0.97"}],
}  # fmt: skip
DONE: dict[str, Any] = {
    "type": "Succeeded", "status": "True", "reason": "Completed", "message": "serves",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        pytest.param({}, {}, [], id="nothing"),
        pytest.param(
            {}, {"data": DATA},
            ["data: 1797 examples of 8x8x1, 10 classes; always the largest class would be right on 10.1 %"], id="data",
        ),
        pytest.param({"data": DATA}, {"data": DATA}, [], id="data that were told already"),
        pytest.param(
            {"tasks": [{"name": "profile", "state": "Pending"}]},
            {"tasks": [{"name": "profile", "state": "Running", "message": "pulls the image"}]},
            ["profile: Running: pulls the image"], id="a task begins",
        ),
        pytest.param({}, {"tasks": [{"name": "publish", "state": "Pending"}]}, [], id="a task that waits"),
        pytest.param(
            {}, {"tasks": [{"name": "profile", "state": "Succeeded", "cached": True}]},
            ["profile: Succeeded (found, not made again)"], id="a result that was there",
        ),
        pytest.param(
            {}, {"decisions": [CHOICE]},
            [
                "decision ModelSelection: vgg-small (HighestAccuracy): 0.99",
                "    not resnet-small (LowerAccuracy): 0.97",
            ],
            id="a decision with what was rejected",
        ),
        pytest.param({}, {"conditions": [DONE]}, ["Succeeded is True: Completed: serves"], id="the end"),
    ],
)  # fmt: skip
def test_each_change_is_told_once(before: dict[str, Any], after: dict[str, Any], lines: list[str]) -> None:
    assert list(told(before, after)) == lines
    assert list(told(after, after)) == []


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ({}, ""),
        ({"progress": {"percent": 7, "currentTask": "profile"}}, "  7 %, profile"),
        (
            {
                "progress": {
                    "percent": 42,
                    "currentTask": "train-vgg-small",
                    "estimatedRemainingSeconds": 75,
                    "metrics": [
                        {"name": "train-vgg-small/trainLoss", "value": "0.2"},
                        {"name": "train-vgg-small/validationScore", "value": "0.951"},
                    ],
                }
            },
            " 42 %, train-vgg-small, about 1 min 15 s left, train-vgg-small is right on 95.1 % of validation",
        ),
    ],
)
def test_progress_is_one_line(status: dict[str, Any], line: str) -> None:
    assert progress(status) == line


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s")])
def test_durations_are_said_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words
