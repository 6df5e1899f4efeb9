"""What TensorFlow is told of the pod before it is imported."""

import os
from pathlib import Path

import pytest
from idla_trainer.surroundings import memory_bytes, prepare_tensorflow, room_for_examples


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, "true", id="a GPU's memory is taken as it is needed"),
        pytest.param({"TF_FORCE_GPU_ALLOW_GROWTH": "false"}, "false", id="a pod may say otherwise"),
    ],
)
def test_memory_of_a_gpu(given: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(given))
    prepare_tensorflow(tmp_path)
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == expected


def test_examples_may_take_half_of_what_is_free(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1")
    assert room_for_examples(limit) == 0
    assert 0 < room_for_examples(tmp_path / "missing") < memory_bytes(tmp_path / "missing") // 2
