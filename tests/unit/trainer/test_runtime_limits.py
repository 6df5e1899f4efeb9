"""What TensorFlow is told of the pod before it is imported."""

import os
from pathlib import Path

import pytest
from idla_trainer.environment import describe_environment
from idla_trainer.runtime_limits import cpu_count, memory_bytes, prepare_tensorflow, room_for_examples


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, "true", id="a GPU's memory is taken as it is needed"),
        pytest.param({"TF_FORCE_GPU_ALLOW_GROWTH": "false"}, "false", id="a pod may say otherwise"),
    ],
)
def test_memory_of_a_gpu(given: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(given))
    prepare_tensorflow(tmp_path, tmp_path)
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == expected


@pytest.mark.parametrize(
    ("noted", "given", "expected"),
    [
        pytest.param(None, {}, None, id="a first attempt has the processors of its pod"),
        pytest.param(None, {"TF_NUM_INTRAOP_THREADS": "3"}, 3, id="or what its pod says"),
        pytest.param(b"7", {}, 7, id="a later one keeps them"),
        pytest.param(b"7", {"TF_NUM_INTRAOP_THREADS": "3"}, 7, id="whatever its pod says"),
        pytest.param(b"", {}, None, id="nothing was noted"),
        pytest.param(b"many", {}, None, id="no number"),
        pytest.param(b"0", {}, None, id="no thread"),
        pytest.param(b"1000000", {}, None, id="more than a machine has"),
    ],
)
def test_a_task_keeps_the_threads_that_it_began_with(
    noted: bytes | None, given: dict[str, str], expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(given))
    if noted is not None:
        (tmp_path / "threads").write_bytes(noted)
    prepare_tensorflow(tmp_path, tmp_path)
    number = str(expected or cpu_count())
    found = os.environ["TF_NUM_INTRAOP_THREADS"], describe_environment()["threads"], (tmp_path / "threads").read_text()
    assert found == (number, number, number)


def test_examples_may_take_half_of_what_is_free(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1")
    assert room_for_examples(limit) == 0
    assert 0 < room_for_examples(tmp_path / "missing") < memory_bytes(tmp_path / "missing") // 2
