"""What the trainer keeps in the store: checkpoints, candidates and progress, each whole or not used."""

import hashlib
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from idla_contract.artifact import digest_of
from idla_contract.problem import Metric, Problem
from idla_contract.result import FailureReason, StepResult, TaskResult
from idla_contract.task import Candidate, DataSource, ModelSpec, ProfileStep, TaskSpec, Training, TrainStep
from idla_preprocess import Classes, ImageSpec
from idla_trainer.data.dataset import Dataset
from idla_trainer.data.split import Parts
from idla_trainer.failures import TaskError
from idla_trainer.problems.classification import Classification
from idla_trainer.samples import SAMPLES, WHEEL, extract
from idla_trainer.task_store import Progress, TaskStore, write_atomically
from idla_trainer.training.answers import JudgedAnswers, keep_answers
from idla_trainer.training.candidate import TrainedCandidate, check_fits, load_candidate, load_judged
from idla_trainer.training.checkpoints import Checkpoint, Checkpoints
from idla_trainer.wheel_files import WheelError, find_wheel

from tests.forged import Evil, compressed, npz

HASH = "0123456789ab"
DIGEST = "sha256:" + "0a" * 32
MODEL = ModelSpec(template="resnet-small", builder="resnet", hyperparameters={"width": 8})


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step, {"w": np.full((3, 2), step, dtype=np.float32)}, {"epoch": step * 10, "note": "ä"})


def newest(folder: Path) -> Path:
    return max(folder.glob("*.checkpoint"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-200] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def test_the_newest_two_checkpoints_are_kept_and_the_newest_is_loaded(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c")
    for step in (9, 10, 100):
        checkpoints.save(checkpoint(step))
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        "000000000010.checkpoint",
        "000000000100.checkpoint",
    ]
    found = Checkpoints(tmp_path / "c").load()
    assert found is not None
    assert (found.step, found.meta) == (100, {"epoch": 1000, "note": "ä"})
    assert np.array_equal(found.arrays["w"], checkpoint(100).arrays["w"])


@pytest.mark.parametrize("damage", [cut, flip, empty])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(checkpoint(1))
    checkpoints.save(checkpoint(2))
    damage(newest(tmp_path))
    found = checkpoints.load()
    assert found is not None
    assert found.step == 1
    damage(tmp_path / "000000000001.checkpoint")
    assert checkpoints.load() is None


def letters(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


WEIGHTS = np.zeros((3, 2), np.float32)
# name: what follows the digest, which is right, given a folder that code would make
FORGED: dict[str, Callable[[Path], bytes]] = {
    "objects in an array": lambda ran: npz(w=np.array([Evil(ran)], dtype=object), meta=letters('{"step": 9}')),
    "objects for what is told of it": lambda ran: npz(w=WEIGHTS, meta=np.array([Evil(ran)], dtype=object)),
    "a pickle": lambda ran: pickle.dumps(Evil(ran)),
    "a weights file of Keras": lambda _: b"\x89HDF\r\n\x1a\n" + bytes(100),
    "a bomb": lambda _: compressed(w=np.zeros(1 << 22), meta=letters('{"step": 9}')),
    "nothing told of it": lambda _: npz(w=WEIGHTS),
    "no step": lambda _: npz(w=WEIGHTS, meta=letters("{}")),
    "a step that is none": lambda _: npz(w=WEIGHTS, meta=letters('{"step": null}')),
    "a list for what is told of it": lambda _: npz(w=WEIGHTS, meta=letters("[]")),
    "no JSON": lambda _: npz(w=WEIGHTS, meta=letters("{")),
    "no text": lambda _: npz(w=WEIGHTS, meta=np.full(4, 255, np.uint8)),
    "nothing at all": lambda _: b"",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_checkpoint_runs_nothing_and_falls_back_to_the_one_before(tmp_path: Path, name: str) -> None:
    checkpoints = Checkpoints(tmp_path / "c")
    checkpoints.save(checkpoint(1))
    body = FORGED[name](tmp_path / "ran")
    (tmp_path / "c" / "000000000009.checkpoint").write_bytes(hashlib.sha256(body).hexdigest().encode() + body)
    (tmp_path / "c" / "000000000010.checkpoint").mkdir()
    found = checkpoints.load()
    assert found is not None
    assert (found.step, not (tmp_path / "ran").exists()) == (1, True)


NO_ARRAYS = (
    "objects in an array", "objects for what is told of it", "a pickle", "a weights file of Keras", "a bomb",
    "nothing at all",
)  # fmt: skip


@pytest.mark.parametrize("name", NO_ARRAYS)
def test_forged_weights_run_nothing_though_their_digest_is_right(tmp_path: Path, name: str) -> None:
    folder = saved_candidate(tmp_path)
    content = FORGED[name](tmp_path / "ran")
    card = json.loads((folder / "candidate.json").read_text())
    (folder / "weights.npz").write_bytes(content)
    (folder / "candidate.json").write_text(json.dumps(card | {"weightsDigest": digest_of(content)}))
    with pytest.raises(TaskError, match="the candidate train cannot be read") as refusal:
        load_candidate(tmp_path, wanted())
    assert refusal.value.reason is FailureReason.ARTIFACT_INVALID
    assert not (tmp_path / "ran").exists()


def test_no_checkpoint_is_no_error(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "missing").load() is None


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "a", "no bytes")  # type: ignore[arg-type]  # the failure in the middle of a write
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def candidate() -> TrainedCandidate:
    return TrainedCandidate(
        model=MODEL,
        signature_digest=dataset().signature.digest(),
        data_digest=DIGEST,
        training=Training(max_epochs=3, seed=7),
        environment={"python": "3.11.2", "processor": "a fast one"},
        weights={"0000": np.arange(200, dtype=np.float32)},
        best_epoch=0,
        temperature=1.0,
        parameters=200,
    )


ANSWERS = JudgedAnswers(positions=np.array([3, 8]), values=np.array([[0.25, 0.75], [1.0, 0.0]], np.float32))


def saved_candidate(store: Path) -> Path:
    folder = TaskStore.of(store, "train", HASH)
    folder.make()
    candidate().save(folder, ANSWERS)
    return folder.path / "candidate"


def wanted(task: str = "train", model: ModelSpec = MODEL) -> Candidate:
    return Candidate(task=task, content_hash=HASH, model=model)


def test_a_candidate_is_found_again(tmp_path: Path) -> None:
    saved_candidate(tmp_path)
    found, expected = load_candidate(tmp_path, wanted()), candidate()
    assert np.array_equal(found.weights["0000"], expected.weights["0000"])
    assert (found.model, found.signature_digest, found.data_digest) == (
        expected.model, expected.signature_digest, expected.data_digest,
    )  # fmt: skip
    assert (found.training, found.environment, found.seed) == (expected.training, expected.environment, 7)


def test_what_a_candidate_answers_is_found_again(tmp_path: Path) -> None:
    saved_candidate(tmp_path)
    found = load_judged(tmp_path, wanted())
    assert np.array_equal(found.answers.positions, ANSWERS.positions)
    assert np.array_equal(found.answers.values, ANSWERS.values)
    assert (found.model, found.data_digest, found.parameters) == (MODEL, DIGEST, 200)


def test_a_candidate_of_before_that_kept_no_answers_is_still_compressed(tmp_path: Path) -> None:
    folder = saved_candidate(tmp_path)
    card = json.loads((folder / "candidate.json").read_bytes())
    (folder / "candidate.json").write_text(
        json.dumps({name: value for name, value in card.items() if name not in {"answersDigest", "parameters"}})
    )
    (folder / "answers.npz").unlink()
    assert load_candidate(tmp_path, wanted()).parameters == 0
    with pytest.raises(TaskError, match=r"no answers.npz of the candidate train .*; train it again") as refusal:
        load_judged(tmp_path, wanted())
    assert refusal.value.reason is FailureReason.ARTIFACT_NOT_FOUND


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        pytest.param((3, 10), 3, id="few"),
        pytest.param((60_000, 2), 50_000, id="more than are compared"),
        pytest.param((100, 1 << 20), 16, id="more than there is room for"),
    ],
)
def test_answers_are_kept_for_as_many_examples_as_are_compared(shape: tuple[int, int], kept: int) -> None:
    positions = 7 + 2 * np.arange(shape[0])
    values = np.broadcast_to(np.arange(shape[0], dtype=np.float64)[:, None], shape)
    found, again = (keep_answers(lambda part: values[part], positions, shape[1:]) for _ in range(2))
    assert (found.values.dtype, found.values.shape) == (np.dtype(np.float32), (kept, *shape[1:]))
    assert np.array_equal(found.positions, 7 + 2 * found.values[:, 0])
    assert np.array_equal(found.positions, again.positions)


def test_equal_weights_are_equal_bytes(tmp_path: Path) -> None:
    first, second = saved_candidate(tmp_path / "a"), saved_candidate(tmp_path / "b")
    for name in ("weights.npz", "answers.npz", "candidate.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def break_card(folder: Path) -> None:
    (folder / "candidate.json").write_text("{}")


def break_weights(folder: Path) -> None:
    flip(folder / "weights.npz")


def break_answers(folder: Path) -> None:
    flip(folder / "answers.npz")


def cut_answers(folder: Path) -> None:
    """Leave answers for fewer examples than there are positions, and a digest that says so."""
    content = npz(positions=np.array([3, 8]), values=np.zeros((1, 2), np.float32))
    (folder / "answers.npz").write_bytes(content)
    card = json.loads((folder / "candidate.json").read_bytes())
    (folder / "candidate.json").write_text(json.dumps({**card, "answersDigest": digest_of(content)}))


def nothing(folder: Path) -> None:
    del folder


@pytest.mark.parametrize(
    ("damage", "asked", "reason"),
    [
        pytest.param(nothing, wanted("other"), "ArtifactNotFound", id="no such task"),
        pytest.param(break_weights, wanted(), "ArtifactDigestMismatch", id="other bytes"),
        pytest.param(break_card, wanted(), "ArtifactInvalid", id="no card"),
        pytest.param(nothing, wanted(model=ModelSpec(template="t", builder="vgg")), "ArtifactInvalid", id="model"),
    ],
)
def test_a_candidate_that_cannot_be_used(
    tmp_path: Path, damage: Callable[[Path], None], asked: Candidate, reason: str
) -> None:
    damage(saved_candidate(tmp_path))
    with pytest.raises(TaskError, match="candidate") as refusal:
        load_candidate(tmp_path, asked)
    assert refusal.value.reason is FailureReason(reason)


@pytest.mark.parametrize(
    ("damage", "asked", "reason"),
    [
        pytest.param(nothing, wanted("other"), "ArtifactNotFound", id="no such task"),
        pytest.param(break_answers, wanted(), "ArtifactDigestMismatch", id="other bytes"),
        pytest.param(cut_answers, wanted(), "ArtifactInvalid", id="fewer answers"),
        pytest.param(break_card, wanted(), "ArtifactInvalid", id="no card"),
    ],
)
def test_answers_that_cannot_be_used(
    tmp_path: Path, damage: Callable[[Path], None], asked: Candidate, reason: str
) -> None:
    damage(saved_candidate(tmp_path))
    with pytest.raises(TaskError, match="candidate") as refusal:
        load_judged(tmp_path, asked)
    assert refusal.value.reason is FailureReason(reason)


def dataset(digest: str = DIGEST, classes: tuple[str, ...] = ("0", "1"), side: int = 8) -> Dataset:
    nobody = np.array([], dtype=np.int64)
    return Dataset(
        digest=digest,
        problem=Problem(),
        raw={"image": np.zeros((2, side, side, 1), np.float32)},
        targets=np.array([0, 1]),
        parts=Parts(np.array([0]), np.array([1]), nobody, nobody),
        preprocess=ImageSpec(height=side, width=side, channels=1, maximum=16.0),
        answers=Classes(classes),
        objective=Classification(metric=Metric.ACCURACY, classes=len(classes)),
        classes=classes,
    )


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(dataset("sha256:" + "0b" * 32), "DataDigestMismatch", id="other bytes"),
        pytest.param(dataset(classes=("0", "2")), "ArtifactInvalid", id="other classes"),
        pytest.param(dataset(side=4), "ArtifactInvalid", id="other images"),
    ],
)
def test_a_candidate_is_compressed_on_the_very_data_that_it_was_trained_on(found: Dataset, reason: str) -> None:
    check_fits(candidate(), dataset())
    with pytest.raises(TaskError, match=r"the candidate (was trained on|takes or answers something else)") as refusal:
        check_fits(candidate(), found)
    assert refusal.value.reason is FailureReason(reason)


SPEC = TaskSpec(
    workflow="w", task="t", content_hash=HASH, data=DataSource(uri="sample://digits"), artifact_uri="pvc://c",
    steps=(ProfileStep(), TrainStep(model=MODEL)),
)  # fmt: skip
DONE = TaskResult(task="t", content_hash=HASH, steps=(StepResult(kind="Profile", seconds=1.0),))


def folder_with_progress(store: Path) -> tuple[TaskStore, Progress]:
    folder = TaskStore.of(store, "t", HASH)
    folder.make()
    (folder.path / "made").write_text("by the first step")
    progress = Progress(data_digest=DIGEST, result=DONE, files=(folder.digests(["made"]),))
    folder.write_progress(progress)
    return folder, progress


def nothing_done(data_digest: str) -> Progress:
    return Progress(data_digest=data_digest, result=TaskResult(task="t", content_hash=HASH))


def change_file(folder: TaskStore) -> None:
    (folder.path / "made").write_text("by another")


def remove_file(folder: TaskStore) -> None:
    (folder.path / "made").unlink()


def break_progress(folder: TaskStore) -> None:
    cut(folder.path / "progress.json")


def test_progress_is_found_again(tmp_path: Path) -> None:
    folder, progress = folder_with_progress(tmp_path)
    assert folder.read_progress(SPEC, DIGEST) == progress


@pytest.mark.parametrize("damage", [change_file, remove_file, break_progress])
def test_damaged_progress_is_no_progress(tmp_path: Path, damage: Callable[[TaskStore], None]) -> None:
    folder, _ = folder_with_progress(tmp_path)
    damage(folder)
    assert folder.read_progress(SPEC, DIGEST) == nothing_done(DIGEST)


def test_progress_with_other_data_or_steps_is_no_progress(tmp_path: Path) -> None:
    folder, _ = folder_with_progress(tmp_path)
    other = "sha256:" + "0b" * 32
    assert folder.read_progress(SPEC, other) == nothing_done(other)
    changed = SPEC.model_copy(update={"steps": SPEC.steps[1:]})
    assert folder.read_progress(changed, DIGEST).result.steps == ()


@pytest.mark.parametrize(
    ("written", "found"),
    [
        pytest.param(DONE, None, id="a step is missing"),
        pytest.param(DONE.model_copy(update={"task": "u"}), None, id="another task"),
        pytest.param(
            DONE.model_copy(update={"steps": (*DONE.steps, StepResult(kind="Train", seconds=2.0))}), True, id="whole"
        ),
    ],
)
def test_a_result_answers_only_when_it_is_whole(tmp_path: Path, written: TaskResult, found: object) -> None:
    folder = TaskStore.of(tmp_path, "t", HASH)
    folder.make()
    folder.write_result(written)
    assert folder.finished(SPEC) == (written if found else None)
    cut(folder.path / "result.json")
    assert folder.finished(SPEC) is None


def test_what_a_killed_attempt_was_writing_is_removed(tmp_path: Path) -> None:
    folder = TaskStore.of(tmp_path, "t", HASH)
    (folder.path / "checkpoints").mkdir(parents=True)
    (folder.path / "checkpoints" / ".0001.checkpoint.abc").write_text("half")
    folder.make()
    assert list((folder.path / "checkpoints").iterdir()) == []


def wheel(path: Path, lines: int) -> Path:
    import gzip

    row = ",".join(["1"] * 65) + "\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(SAMPLES["digits"][0], gzip.compress((row * lines).encode()))
    return path


def test_samples_come_out_of_a_wheel(tmp_path: Path) -> None:
    made = wheel(tmp_path / "scikit_learn-1.0-any.whl", 1797)
    assert find_wheel(tmp_path, WHEEL) == find_wheel(made, WHEEL) == made
    assert extract(made, tmp_path / "out") == [tmp_path / "out/digits/digits.csv.gz"]


def test_a_wheel_without_the_digits_is_refused(tmp_path: Path) -> None:
    made = wheel(tmp_path / "scikit_learn-1.0-any.whl", 5)
    with pytest.raises(WheelError, match=r"has 5 lines of \[65\] columns; expected 1797 of 65"):
        extract(made, tmp_path / "out")
    with pytest.raises(WheelError, match=r"holds 0 files"):
        find_wheel(tmp_path / "out", WHEEL)
