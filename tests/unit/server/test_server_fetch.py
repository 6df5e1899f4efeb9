import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from idla_contract.artifact import ArtifactManifest, FileEntry, digest_of
from idla_contract.exit_codes import ExitCode
from idla_contract.lineage import Lineage
from idla_contract.result import Failure, FailureReason
from idla_server.failures import report
from idla_store import publish, verify

ROOT = Path(__file__).parents[3]
CONTENT = b"weights"
OTHER = digest_of(b"another artifact")


def published(store: Path, *more: str) -> str:
    """Publish an artifact with a model, and other files beside it; return its digest."""
    store.mkdir()
    work = store.parent / "work"
    work.mkdir()
    names = ("model.tflite", *more)
    for name in names:
        (work / name).write_bytes(CONTENT)
    manifest = ArtifactManifest(
        task_type="ImageClassification",
        inputs=(),
        outputs=(),
        labels=("a",),
        variant="Float32",
        files=tuple(FileEntry(name=name, digest=digest_of(CONTENT), size_bytes=len(CONTENT)) for name in names),
        lineage=Lineage(data_digest=OTHER, template="t", image="i", seed=1, code_version="0", tensorflow_version="2"),
    )
    return publish(work, store, manifest)[1]


def fetch(store: Path, uri: str, digest: str) -> tuple[int, Failure | None, list[dict[str, Any]]]:
    """Run the init container; return its exit code, its termination message and its log."""
    message = store.parent / "termination-message"
    words = ["fetch", "--uri", uri, "--digest", digest, "--into", str(store.parent / "model"), "--mount", str(store)]
    run = subprocess.run(
        [sys.executable, "-I", "-m", "idla_server", *words, "--termination-message", str(message)],
        capture_output=True,
        text=True,
        check=False,
        cwd=store.parent,
    )
    assert run.stderr == ""
    failure = Failure.model_validate_json(message.read_text()) if message.exists() else None
    return run.returncode, failure, [json.loads(line) for line in run.stdout.splitlines()]


def test_an_artifact_is_fetched_and_verified(tmp_path: Path) -> None:
    digest = published(tmp_path / "store")
    code, failure, log = fetch(tmp_path / "store", f"pvc://claim/models/{digest.replace(':', '-')}", digest)
    assert (code, failure) == (0, None)
    assert verify(tmp_path / "model", digest).labels == ("a",)
    assert [(line["message"], line["digest"], line["files"]) for line in log] == [("fetched and verified", digest, 1)]


def nothing(_: Path) -> None:
    """Leave the artifact as it is."""


def change(folder: Path) -> None:
    (folder / "model.tflite").write_bytes(b"WEIGHTS")


def remove(folder: Path) -> None:
    (folder / "model.tflite").unlink()


def unreadable(folder: Path) -> None:
    (folder / "model.tflite").unlink()
    (folder / "model.tflite").mkdir()


def block(folder: Path) -> None:
    (folder.parents[2] / "model").write_bytes(b"a file where the folder should be")


# name: what happens to the artifact, the URI where it is another one, the digest where it is another one, the answer
FAILURES: dict[str, tuple[Callable[[Path], None], str | None, str | None, FailureReason, ExitCode]] = {
    "no such folder": (nothing, "pvc://claim/models/none", None, FailureReason.ARTIFACT_NOT_FOUND, ExitCode.BAD_INPUT),
    "a file is missing": (remove, None, None, FailureReason.ARTIFACT_NOT_FOUND, ExitCode.BAD_INPUT),
    "another artifact": (nothing, None, OTHER, FailureReason.ARTIFACT_DIGEST_MISMATCH, ExitCode.BAD_INPUT),
    "a changed file": (change, None, None, FailureReason.ARTIFACT_DIGEST_MISMATCH, ExitCode.BAD_INPUT),
    "a folder for a file": (unreadable, None, None, FailureReason.ARTIFACT_INVALID, ExitCode.BAD_INPUT),
    "out of the claim": (nothing, "pvc://claim/../etc", None, FailureReason.ARTIFACT_INVALID, ExitCode.BAD_INPUT),
    "another scheme": (nothing, "s3://bucket/model", None, FailureReason.ARTIFACT_INVALID, ExitCode.BAD_INPUT),
    "no such host": (
        nothing,
        "https://nowhere.invalid/model",
        None,
        FailureReason.ARTIFACT_UNREACHABLE,
        ExitCode.STORE_UNAVAILABLE,
    ),
    "no place for it": (block, None, None, FailureReason.ARTIFACT_UNREACHABLE, ExitCode.STORE_UNAVAILABLE),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_fetch_says_why_and_what_to_do(name: str, tmp_path: Path) -> None:
    fault, uri, digest, reason, code = FAILURES[name]
    real = published(tmp_path / "store")
    relative = f"models/{real.replace(':', '-')}"
    fault(tmp_path / "store" / relative)
    found, failure, log = fetch(tmp_path / "store", uri or f"pvc://claim/{relative}", digest or real)
    assert found == code
    assert failure is not None
    assert failure.reason == reason
    assert ": " in failure.message
    assert "; " in failure.message
    assert [(line["level"], line["reason"], line["message"]) for line in log] == [("error", reason, failure.message)]


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "weights.npy", "model.pkl", "saved_model.pb"])
def test_of_an_artifact_with_a_file_of_another_format_nothing_is_fetched(tmp_path: Path, name: str) -> None:
    digest = published(tmp_path / "store", name)
    code, failure, _ = fetch(tmp_path / "store", f"pvc://claim/models/{digest.replace(':', '-')}", digest)
    assert failure is not None
    assert (code, failure.reason) == (ExitCode.BAD_INPUT, FailureReason.ARTIFACT_INVALID)
    assert f"manifest.json lists {name}, which nobody here reads" in failure.message
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["manifest.json"]


def test_an_interrupted_fetch_does_not_look_like_a_finished_one(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys, idla_server.fetch as command, idla_server.__main__ as program\n"
        "command.fetch_artifact = lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.exit(program.main(['fetch', '--uri', 'pvc://c/m', '--digest', 'd', '--into', 'x']))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False)
    assert run.returncode == ExitCode.PREEMPTED


@pytest.mark.parametrize("letter", ["x", "é", "\N{GRINNING FACE}", "\x01", '"'])
def test_a_long_message_fits_into_what_the_kubelet_keeps(letter: str, tmp_path: Path) -> None:
    path = tmp_path / "message"
    report(FailureReason.ARTIFACT_INVALID, letter * 5000, path)
    assert len(path.read_bytes()) <= 4096
    failure = Failure.model_validate_json(path.read_text())
    assert failure.reason is FailureReason.ARTIFACT_INVALID
    assert 100 < len(failure.message) <= 1024
    assert set(failure.message) == {letter}


def test_a_message_that_cannot_be_written_changes_no_exit_code(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "message"
    assert report(FailureReason.ARTIFACT_UNREACHABLE, "a: b; c", missing) is ExitCode.STORE_UNAVAILABLE
    assert report(FailureReason.INTERNAL, "a: b; c", missing) is ExitCode.INTERNAL


def test_the_init_container_starts_without_the_runtime_and_the_server() -> None:
    program = (
        "import sys, idla_server.__main__, idla_server.fetch;"
        "print([name for name in ('ai_edge_litert', 'numpy', 'starlette', 'uvicorn') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_the_version_is_that_of_the_distribution() -> None:
    import idla_server

    assert f'version = "{idla_server.__version__}"' in (ROOT / "trainer-image/pyproject.toml").read_text()
