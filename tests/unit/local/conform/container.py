"""A container that keeps the contract without training anything, but for the one fault that it is told to have."""

import http.server
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[4]))

from idla_contract.artifact import ArtifactManifest, FileEntry, canonical_bytes, digest_of
from idla_contract.lineage import Lineage
from idla_contract.paths import artifact_folder, task_folder
from idla_contract.result import ArtifactRef, Failure, FailureReason, TaskResult
from idla_contract.task import TaskSpec
from pydantic import ValidationError
from typing_extensions import override

from tools.fake_kubelet.answers import answer

FILES = ("model.tflite", "preprocess.json", "preprocess.npz", "golden.npz")
OTHER = "sha256:" + "0" * 64
WAIT_SECONDS = 30

options = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
fault = options["fault"]


def tell(result: TaskResult, code: int) -> int:
    """Write the termination message and return the exit code."""
    text = result.to_json()
    match fault:
        case "exit code" if code == 0:
            return 1
        case "silent":
            return code
        case "too long":
            text = text.replace('"steps":[', '"steps":[' + '{"kind":"Profile","seconds":1.0,"cached":true},' * 100)
        case "prose":
            text = "all went well"
        case "another task":
            text = result.model_copy(update={"task": "other"}).to_json()
        case "no message" if result.failure is not None:
            text = result.model_copy(update={"failure": result.failure.model_copy(update={"message": " "})}).to_json()
        case "failure with 0" if code == 0:
            failure = Failure(reason=FailureReason.INTERNAL, message="oh")
            text = result.model_copy(update={"failure": failure}).to_json()
        case "no failure":
            text = result.model_copy(update={"failure": None}).to_json()
        case _:
            pass
    Path(options["termination-log"]).write_text(text)
    return code


def refuse(spec: TaskSpec | None, reason: FailureReason) -> int:
    """Answer a task that cannot work."""
    reason = FailureReason.INTERNAL if fault == "wrong reason" else reason
    failure = Failure(reason=reason, message="it cannot be")
    task, content = ("unknown", "unknown") if spec is None else (spec.task, spec.content_hash)
    return tell(TaskResult(task=task, content_hash=content, failure=failure), 10)


def published(spec: TaskSpec, store: Path, data_digest: str) -> ArtifactRef:
    """Publish an artifact of four small files."""
    files = {name: name.encode() for name in FILES[: 3 if fault == "missing file" else None]}
    if fault == "random":
        files["model.tflite"] = os.urandom(8)
    lineage = Lineage(
        data_digest=OTHER if fault == "lineage" else data_digest, template="t", image="i", seed=1, code_version="1",
        tensorflow_version="2",
    )  # fmt: skip
    entries = tuple(FileEntry(name=n, digest=digest_of(c), size_bytes=len(c)) for n, c in files.items())
    manifest = ArtifactManifest(
        task_type="t", inputs=(), outputs=(), labels=(), variant="Float32", files=entries, lineage=lineage
    )
    content = canonical_bytes(manifest)
    if fault == "own JSON":
        content = json.dumps(json.loads(content)).encode()
    digest = OTHER if fault == "other digest" else digest_of(content)
    folder = store / artifact_folder(digest)
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (folder / name).write_bytes(b"changed" if (fault, name) == ("changed file", "model.tflite") else body)
    if fault != "no manifest":
        (folder / "manifest.json").write_bytes(content)
    root = "pvc://elsewhere" if fault == "other address" else spec.artifact_uri
    size = len(content) + sum(map(len, files.values())) + (fault == "other size")
    return ArtifactRef(uri=f"{root}/{artifact_folder(digest)}", digest=digest, size_bytes=size)


def carry_out(spec: TaskSpec, data_digest: str) -> int:
    """Answer from the store, or do everything at once."""
    store = Path(options["store"])
    folder = store / task_folder(spec.task, spec.content_hash)
    file = folder / "result.json"
    if file.exists() and fault != "anew":
        found = TaskResult.model_validate_json(file.read_bytes())
        steps = tuple(step.model_copy(update={"cached": True}) for step in found.steps)
        update: dict[str, Any] = {"steps": steps}
        if fault == "another artifact" and found.artifact is not None:
            update["artifact"] = found.artifact.model_copy(update={"digest": OTHER})
        return tell(found.model_copy(update=update), 0)
    result = answer(spec)
    assert result.profile is not None
    profile = result.profile.model_copy(update={"digest": OTHER if fault == "other data" else data_digest})
    artifact = None if fault == "no artifact" else published(spec, store, data_digest)
    result = result.model_copy(update={"profile": profile, "artifact": artifact})
    if fault == "no report":
        result = result.model_copy(update={"evaluate": None})
    if fault == "other steps":
        result = result.model_copy(update={"steps": result.steps[1:]})
    folder.mkdir(parents=True, exist_ok=True)
    if fault != "no result":
        file.write_text(result.to_json())
    return tell(result, 0)


class Metrics(http.server.BaseHTTPRequestHandler):
    """What a running training says of itself."""

    def do_GET(self) -> None:
        body = b"idla_task_step 3\nidla_task_total_steps 100\nidla_task_updated_seconds 1\n"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"" if fault == "no metrics" else body)

    @override
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def train(spec: TaskSpec) -> int:
    """Train until SIGTERM comes; the next time, be done."""
    checkpoint = Path(options["store"]) / task_folder(spec.task, spec.content_hash) / "checkpoint"
    trained = answer(spec)
    assert trained.train is not None
    if checkpoint.exists():
        resumed = 0 if fault == "begins anew" else 1
        return tell(trained.model_copy(update={"train": trained.train.model_copy(update={"resumed": resumed})}), 0)
    asked = threading.Event()
    if fault == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif fault != "killed":
        signal.signal(signal.SIGTERM, lambda *_: asked.set())
    server = http.server.HTTPServer(("127.0.0.1", int(options["metrics-port"])), Metrics)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until and not asked.is_set():
        time.sleep(0.02)
    return tell(TaskResult(task=spec.task, content_hash=spec.content_hash), 14)


def reason_to_refuse(spec: TaskSpec) -> FailureReason | None:
    """Return why a task cannot work."""
    model, file = getattr(spec.steps[0], "model", None), data_of(spec)
    if model is not None and model.builder == "no-builder-of-this-name" and fault != "any builder":
        return FailureReason.SPEC_INVALID
    if not file.exists():
        return FailureReason.DATA_NOT_FOUND
    other = spec.data.digest not in {None, digest_of(file.read_bytes())}
    return FailureReason.DATA_DIGEST_MISMATCH if other and fault != "any data" else None


def data_of(spec: TaskSpec) -> Path:
    """Return the file of the data."""
    return Path(options["data"]) / spec.data.uri.rpartition("/")[2]


def main() -> int:
    """Do what the spec says."""
    try:
        spec = TaskSpec.model_validate_json(Path(options["spec"]).read_bytes())
    except ValidationError:
        return 1 if fault == "exit code" else refuse(None, FailureReason.SPEC_INVALID)
    reason = reason_to_refuse(spec)
    if reason is not None:
        return refuse(spec, reason)
    if len(spec.steps) > 1:
        return carry_out(spec, digest_of(data_of(spec).read_bytes()))
    if spec.steps[0].kind == "Train" and fault != "any builder":
        return train(spec)
    return tell(TaskResult(task=spec.task, content_hash=spec.content_hash), 0)


if __name__ == "__main__":
    raise SystemExit(main())
