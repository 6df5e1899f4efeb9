"""The container's answer to specs and data that cannot work, and to a profile: no TensorFlow is needed for any."""

import errno
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from idla_contract.artifact import MANIFEST, ArtifactManifest, FileEntry, canonical_bytes
from idla_contract.exit_codes import ExitCode
from idla_contract.lineage import Lineage
from idla_contract.result import FailureReason, TaskResult
from idla_store import DigestMismatchError, NotFoundError, RefusedError, UnreachableError
from idla_trainer.__main__ import main
from idla_trainer.failures import TaskError, bounded, explain
from idla_trainer.steps.publish import publish

from tests.golden import Golden

HASH = "0123456789ab"


@pytest.fixture(autouse=True)
def untouched_process() -> Iterator[None]:
    """The trainer takes over the signals and the levels of two loggers of its process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    levels = {name: logging.getLogger(name).level for name in ("tensorflow", "absl")}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


class Pod:
    """The folders that a pod has."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("store", "data", "samples/digits"):
            (root / name).mkdir(parents=True)

    def code(self, spec: Any) -> int:
        text = spec if isinstance(spec, str) else json.dumps(spec)
        (self.root / "task.json").write_text(text)
        places = {
            "spec": "task.json", "store": "store", "data": "data", "samples": "samples", "termination-log": "answer",
            "work": "work",
        }  # fmt: skip
        return main([f"--{name}={self.root / place}" for name, place in places.items()])

    def run(self, spec: Any) -> tuple[int, TaskResult]:
        code = self.code(spec)
        return code, TaskResult.model_validate_json((self.root / "answer").read_bytes())


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def spec(*steps: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {
        "workflow": "w", "task": "profile", "contentHash": HASH, "artifactUri": "pvc://claim",
        "data": {"uri": "pvc://claim/d.csv", **data}, "steps": list(steps) or [{"kind": "Profile"}],
    }  # fmt: skip


def put(folder: Path, *, examples: int = 40) -> None:
    for name, labels in (("d.csv", 2), ("one.csv", 1)):
        (folder / name).write_text("\n".join(f"{number},0,0,1,{number % labels}" for number in range(examples)))


def train(**model: Any) -> dict[str, Any]:
    return {"kind": "Train", "model": {"template": "t", "builder": "resnet", **model}}


COMPRESS = {"kind": "Compress", "candidate": {"task": "t", "contentHash": HASH, "model": train()["model"]}}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("{", id="no JSON"),
        pytest.param(spec() | {"steps": []}, id="no step"),
        pytest.param(spec() | {"hurry": 1}, id="field"),
        pytest.param(spec({"kind": "Evaluate"}), id="order"),
        pytest.param(spec(COMPRESS, {"kind": "Publish"}), id="not measured"),
        pytest.param(spec({"kind": "Refit"}), id="refit"),
        pytest.param(spec(COMPRESS, {"kind": "Evaluate"}, {"kind": "Refit"}), id="refit of what was tested"),
        pytest.param(spec(train(), train()), id="twice"),
        pytest.param(spec(train(builder="alexnet")), id="builder"),
        pytest.param(spec(train(hyperparameters={"depth": 3})), id="hyperparameter"),
    ],
)  # fmt: skip
def test_a_bad_spec_is_answered(pod: Pod, given: Any, golden: Golden) -> None:
    code, answer = pod.run(given)
    assert code == ExitCode.BAD_INPUT
    assert answer.failure is not None
    assert answer.failure.reason is FailureReason.SPEC_INVALID
    golden(answer.failure.message)


def test_the_answer_to_what_cannot_be_carried_out_names_its_task(pod: Pod) -> None:
    _, answer = pod.run(spec(train(builder="alexnet")))
    assert (answer.task, answer.content_hash) == ("profile", HASH)


def test_a_missing_spec_is_answered(pod: Pod) -> None:
    code = main([f"--spec={pod.root / 'none'}", f"--termination-log={pod.root / 'answer'}"])
    answer = TaskResult.model_validate_json((pod.root / "answer").read_bytes())
    assert (code, answer.task) == (ExitCode.BAD_INPUT, "unknown")


DIGEST = "sha256:" + "0a" * 32
COMPRESS = {
    "kind": "Compress",
    "candidate": {"task": "train", "contentHash": HASH, "model": {"template": "t", "builder": "resnet"}},
}


@pytest.mark.parametrize(
    ("given", "reason", "code"),
    [
        pytest.param(spec(uri="pvc://claim/none.csv"), "DataNotFound", 10, id="unknown data"),
        pytest.param(spec(uri="sample://letters"), "DataNotFound", 10, id="unknown sample"),
        pytest.param(spec(uri="https://does-not-exist.invalid/d.csv"), "DataUnreachable", 13, id="unreachable"),
        pytest.param(spec(uri="https://127.0.0.1/d.csv"), "DataRefused", 10, id="inside the cluster"),
        pytest.param(spec(uri="pvc://claim/../d.csv"), "DataRefused", 10, id="outside of the claim"),
        pytest.param(spec(digest=DIGEST), "DataDigestMismatch", 10, id="other bytes"),
        pytest.param(spec(uri="sample://digits"), "DataEmpty", 10, id="empty data set"),
        pytest.param(spec(uri="pvc://claim/one.csv"), "SingleClass", 10, id="one class"),
        pytest.param(spec(split={"trainPercent": 10}), "DataInvalid", 10, id="shares"),
        pytest.param(spec(train(), uri="pvc://claim/none.csv"), "DataNotFound", 10, id="before a training"),
        pytest.param(spec(COMPRESS), "ArtifactNotFound", 10, id="no candidate"),
    ],
)
def test_data_that_cannot_be_used_are_answered_without_tensorflow(
    pod: Pod, given: Any, reason: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # its import fails
    put(pod.root / "data")
    found, answer = pod.run(given)
    assert answer.failure is not None, answer
    assert (answer.failure.reason, found) == (FailureReason(reason), code)
    assert (answer.task, answer.content_hash, answer.steps) == ("profile", HASH, ())


def test_a_profile_is_answered_then_found_again(pod: Pod) -> None:
    put(pod.root / "data")
    code, answer = pod.run(spec())
    assert code == ExitCode.SUCCEEDED
    assert answer.profile is not None
    assert (answer.profile.examples, answer.profile.class_counts) == (40, (20, 20))
    assert [(step.kind, step.cached) for step in answer.steps] == [("Profile", False)]
    stored = pod.root / "store" / "tasks" / f"profile-{HASH}" / "result.json"
    assert TaskResult.model_validate_json(stored.read_bytes()) == answer
    code, again = pod.run(spec())
    assert code == ExitCode.SUCCEEDED
    steps = tuple(step.model_copy(update={"cached": True}) for step in answer.steps)
    assert again == answer.model_copy(update={"steps": steps})


def test_other_data_at_the_same_address_are_profiled_again(pod: Pod) -> None:
    put(pod.root / "data")
    _, first = pod.run(spec())
    put(pod.root / "data", examples=60)
    code, second = pod.run(spec())
    assert first.profile is not None
    assert second.profile is not None
    assert (code, second.profile.examples) == (ExitCode.SUCCEEDED, 60)
    assert second.profile.digest != first.profile.digest
    assert [step.cached for step in second.steps] == [False]


def test_a_result_of_pinned_data_needs_no_data(pod: Pod) -> None:
    put(pod.root / "data")
    _, seen = pod.run(spec())
    assert seen.profile is not None
    pinned = spec(digest=seen.profile.digest)
    pod.run(pinned)
    (pod.root / "data" / "d.csv").unlink()
    code, answer = pod.run(pinned)
    assert (code, [step.cached for step in answer.steps]) == (ExitCode.SUCCEEDED, [True])
    assert answer.profile == seen.profile


def no_space(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")  # as a write or a sync says it: without a name


def test_a_full_store_is_answered_with_its_claim(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    put(pod.root / "data")
    monkeypatch.setattr("os.fsync", no_space)
    code, answer = pod.run(spec())
    assert answer.failure is not None
    assert (code, answer.failure.reason) == (ExitCode.STORE_UNAVAILABLE, FailureReason.STORE_UNAVAILABLE)
    progress = pod.root / "store" / "tasks" / f"profile-{HASH}" / "progress.json"
    assert answer.failure.message == (
        f"PersistentVolumeClaim claim, which keeps the artifacts, is full ([Errno 28] No space left on device: "
        f"'{progress}'); enlarge it, or remove from it what nobody needs any more"
    )
    assert [path.name for path in progress.parent.iterdir()] == ["log.txt"]


STORE, DATA, WORK = Path("/store"), Path("/data"), Path("/tmp/idla")
VOLUMES = {STORE: "claim of the store", DATA: "claim of the data", WORK: "the pod's /tmp"}
FULL, READ_ONLY = (errno.ENOSPC, "No space left on device"), (errno.EROFS, "Read-only file system")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(*FULL, "/store/tasks/x"), "claim of the store is full ([Errno 28] No space left on device: "),
        (OSError(*FULL, "/tmp/idla/x"), "the pod's /tmp is full ([Errno 28] No space left on device: '/tmp/idla/x')"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/store/x"), "claim of the store is full ([Errno 122] Disk quot"),
        (OSError(*FULL, "/elsewhere"), "the volume is full ([Errno 28]"),
        (OSError(*FULL), "the volume is full ([Errno 28]"),
        (OSError(*READ_ONLY, "/data/x"), "claim of the data cannot be read or written ([Errno 30] Read-only"),
        (OSError(*READ_ONLY, 3), "the volume cannot be read or written ([Errno 30] Read-only"),
    ],
    ids=str,
)
def test_an_error_of_a_volume_names_it(error: OSError, message: str) -> None:
    failure, _ = explain(error, VOLUMES)
    assert failure.message.startswith(message)


def test_an_answer_without_a_place_is_no_failure(pod: Pod) -> None:
    put(pod.root / "data")
    (pod.root / "answer").mkdir()
    assert pod.code(spec()) == ExitCode.SUCCEEDED


class ResourceExhaustedError(Exception):
    """Named as TensorFlow names it."""


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        (NotFoundError("u", "p", "r"), "DataNotFound", ExitCode.BAD_INPUT),
        (UnreachableError("u", "p", "r"), "DataUnreachable", ExitCode.STORE_UNAVAILABLE),
        (DigestMismatchError("u", "p", "r"), "DataDigestMismatch", ExitCode.BAD_INPUT),
        (RefusedError("u", "p", "r"), "DataRefused", ExitCode.BAD_INPUT),
        (OSError(errno.ENOSPC, "No space left on device"), "StoreUnavailable", ExitCode.STORE_UNAVAILABLE),
        (PermissionError(errno.EACCES, "Permission denied"), "StoreUnavailable", ExitCode.STORE_UNAVAILABLE),
        (MemoryError(), "OutOfMemory", ExitCode.OUT_OF_MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "OutOfMemory", ExitCode.OUT_OF_MEMORY),
        (ResourceExhaustedError("OOM when allocating"), "OutOfMemory", ExitCode.OUT_OF_MEMORY),
        (TaskError(FailureReason.DIVERGED, "m", ExitCode.DIVERGED), "Diverged", ExitCode.DIVERGED),
        (TaskError(FailureReason.GATE_FAILED, "m"), "GateFailed", ExitCode.BAD_INPUT),
        (RuntimeError("surprise"), "InternalError", ExitCode.INTERNAL),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_error_has_one_reason_and_one_code(error: Exception, reason: str, code: ExitCode) -> None:
    failure, found = explain(error)
    assert (failure.reason, found) == (FailureReason(reason), code)


@pytest.mark.parametrize("text", ["x" * 5000, "\ud800", "ä" * 1024])
def test_messages_are_bounded(text: str) -> None:
    failure, _ = explain(RuntimeError(text))
    assert len(failure.message) <= 1024
    assert bounded(text).encode()


def broken(pod: Pod) -> Callable[..., None]:
    def raise_surprise(*_: object, **__: object) -> None:
        raise RuntimeError(f"surprise in {pod.root.name}")

    return raise_surprise


def test_a_surprise_is_answered(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    put(pod.root / "data")
    monkeypatch.setattr("idla_trainer.task.load_dataset", broken(pod))
    code, answer = pod.run(spec())
    assert answer.failure is not None
    assert (code, answer.failure.reason) == (ExitCode.INTERNAL, FailureReason.INTERNAL)
    assert answer.failure.message == f"RuntimeError: surprise in {pod.root.name}"


def test_a_publication_that_finds_no_space_names_the_claim(tmp_path: Path) -> None:
    artifact = tmp_path / "task" / "artifact"
    artifact.mkdir(parents=True)
    digest = "sha256:" + "0" * 64
    entry = FileEntry(name="model.tflite", digest=digest, size_bytes=1)
    lineage = Lineage(data_digest=digest, template="t", image="i", seed=1, code_version="0", tensorflow_version="2")
    manifest = ArtifactManifest(
        task_type="ImageClassification", inputs=(), outputs=(), labels=("a", "b"), variant="Float32", files=(entry,),
        lineage=lineage,
    )  # fmt: skip
    (artifact / MANIFEST).write_bytes(canonical_bytes(manifest))
    (tmp_path / "store").write_text("no folder")
    context: Any = SimpleNamespace(
        folder=SimpleNamespace(path=artifact.parent),
        places=SimpleNamespace(store=tmp_path / "store"),
        spec=SimpleNamespace(artifact_uri="pvc://claim"),
    )
    with pytest.raises(TaskError, match=r"^pvc://claim: the store cannot be written \(\[Errno 20\] Not a dir") as error:
        publish(context)
    assert (error.value.reason, error.value.exit_code) == (
        FailureReason.STORE_UNAVAILABLE,
        ExitCode.STORE_UNAVAILABLE,
    )
