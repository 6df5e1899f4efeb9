"""A container that keeps the contract without training anything, but for the one fault that it is told to have."""

import http.server
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
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


@dataclass(frozen=True)
class Container:
    """One start of it."""

    options: Mapping[str, str]
    """Of its command line, `fault` among them."""

    @property
    def fault(self) -> str:
        return self.options["fault"]

    @property
    def store(self) -> Path:
        return Path(self.options["store"])

    def tell(self, result: TaskResult, code: int) -> int:
        """Write the termination message and return the exit code."""
        text = result.to_json()
        match self.fault:
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
                failure = result.failure.model_copy(update={"message": " "})
                text = result.model_copy(update={"failure": failure}).to_json()
            case "failure with 0" if code == 0:
                failure = Failure(reason=FailureReason.INTERNAL, message="oh")
                text = result.model_copy(update={"failure": failure}).to_json()
            case "no failure":
                text = result.model_copy(update={"failure": None}).to_json()
            case _:
                pass
        Path(self.options["termination-log"]).write_text(text)
        return code

    def refuse(self, spec: TaskSpec | None, reason: FailureReason) -> int:
        """Answer a task that cannot work."""
        reason = FailureReason.INTERNAL if self.fault == "wrong reason" else reason
        failure = Failure(reason=reason, message="it cannot be")
        task, content = ("unknown", "unknown") if spec is None else (spec.task, spec.content_hash)
        return self.tell(TaskResult(task=task, content_hash=content, failure=failure), 10)

    def publish(self, spec: TaskSpec, data_digest: str) -> ArtifactRef:
        """Publish an artifact of four small files."""
        fault = self.fault
        files = {name: name.encode() for name in FILES[: 3 if fault == "missing file" else None]}
        if fault == "random":
            files["model.tflite"] = os.urandom(8)
        lineage = Lineage(
            data_digest=OTHER if fault == "lineage" else data_digest, template="t", image="i", seed=1,
            code_version="1", tensorflow_version="2",
        )  # fmt: skip
        entries = tuple(FileEntry(name=n, digest=digest_of(c), size_bytes=len(c)) for n, c in files.items())
        manifest = ArtifactManifest(
            task_type="t", inputs=(), outputs=(), labels=(), variant="Float32", files=entries, lineage=lineage
        )
        content = canonical_bytes(manifest)
        if fault == "own JSON":
            content = json.dumps(json.loads(content)).encode()
        digest = OTHER if fault == "other digest" else digest_of(content)
        folder = self.store / artifact_folder(digest)
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            (folder / name).write_bytes(b"changed" if (fault, name) == ("changed file", "model.tflite") else body)
        if fault != "no manifest":
            (folder / "manifest.json").write_bytes(content)
        root = "pvc://elsewhere" if fault == "other address" else spec.artifact_uri
        size = len(content) + sum(map(len, files.values())) + (fault == "other size")
        return ArtifactRef(uri=f"{root}/{artifact_folder(digest)}", digest=digest, size_bytes=size)

    def carry_out(self, spec: TaskSpec, data_digest: str) -> int:
        """Answer from the store, or do everything at once."""
        folder = self.store / task_folder(spec.task, spec.content_hash)
        file = folder / "result.json"
        if file.exists() and self.fault != "anew":
            found = TaskResult.model_validate_json(file.read_bytes())
            steps = tuple(step.model_copy(update={"cached": True}) for step in found.steps)
            update: dict[str, Any] = {"steps": steps}
            if self.fault == "another artifact" and found.artifact is not None:
                update["artifact"] = found.artifact.model_copy(update={"digest": OTHER})
            return self.tell(found.model_copy(update=update), 0)
        result = answer(spec)
        assert result.profile is not None
        digest = OTHER if self.fault == "other data" else data_digest
        profile = result.profile.model_copy(update={"digest": digest})
        artifact = None if self.fault == "no artifact" else self.publish(spec, data_digest)
        result = result.model_copy(update={"profile": profile, "artifact": artifact})
        if self.fault == "no report":
            result = result.model_copy(update={"evaluate": None})
        if self.fault == "other steps":
            result = result.model_copy(update={"steps": result.steps[1:]})
        folder.mkdir(parents=True, exist_ok=True)
        if self.fault != "no result":
            file.write_text(result.to_json())
        return self.tell(result, 0)

    def train(self, spec: TaskSpec) -> int:
        """Train until SIGTERM comes; the next time, be done."""
        checkpoint = self.store / task_folder(spec.task, spec.content_hash) / "checkpoint"
        trained = answer(spec)
        assert trained.train is not None
        if checkpoint.exists():
            resumed = 0 if self.fault == "begins anew" else 1
            report = trained.train.model_copy(update={"resumed": resumed})
            return self.tell(trained.model_copy(update={"train": report}), 0)
        asked = threading.Event()
        if self.fault == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        elif self.fault != "killed":
            signal.signal(signal.SIGTERM, lambda *_: asked.set())
        self._report_progress()
        checkpoint.parent.mkdir(parents=True)
        checkpoint.touch()
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until and not asked.is_set():
            time.sleep(0.02)
        return self.tell(TaskResult(task=spec.task, content_hash=spec.content_hash), 14)

    def select(self, spec: TaskSpec) -> int:
        """Choose among trainings."""
        result = answer(spec)
        assert result.select is not None
        changes: dict[str, dict[str, Any]] = {
            "no winner": {"winner": 2},
            "one candidate": {"compared": result.select.compared[:1]},
        }
        select = None if self.fault == "no choice" else result.select.model_copy(update=changes.get(self.fault, {}))
        return self.tell(result.model_copy(update={"select": select}), 0)

    def _report_progress(self) -> None:
        body = b"idla_task_step 3\nidla_task_total_steps 100\nidla_task_updated_seconds 1\n"
        said = b"" if self.fault == "no metrics" else body

        class Metrics(http.server.BaseHTTPRequestHandler):
            """What a running training says of itself."""

            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(said)

            @override
            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        server = http.server.HTTPServer(("127.0.0.1", int(self.options["metrics-port"])), Metrics)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def reason_to_refuse(self, spec: TaskSpec) -> FailureReason | None:
        """Return why a task cannot work."""
        model, file = getattr(spec.steps[0], "model", None), self.data_of(spec)
        if model is not None and model.builder == "no-builder-of-this-name" and self.fault != "any builder":
            return FailureReason.SPEC_INVALID
        if not file.exists():
            return FailureReason.DATA_NOT_FOUND
        other = spec.data.digest not in {None, digest_of(file.read_bytes())}
        return FailureReason.DATA_DIGEST_MISMATCH if other and self.fault != "any data" else None

    def data_of(self, spec: TaskSpec) -> Path:
        """Return the file of the data."""
        return Path(self.options["data"]) / spec.data.uri.rpartition("/")[2]

    def run(self) -> int:
        """Do what the spec says; return the exit code."""
        try:
            spec = TaskSpec.model_validate_json(Path(self.options["spec"]).read_bytes())
        except ValidationError:
            return 1 if self.fault == "exit code" else self.refuse(None, FailureReason.SPEC_INVALID)
        reason = self.reason_to_refuse(spec)
        if reason is not None:
            return self.refuse(spec, reason)
        if len(spec.steps) > 1:
            return self.carry_out(spec, digest_of(self.data_of(spec).read_bytes()))
        if spec.steps[0].kind == "Select":
            return self.select(spec)
        if spec.steps[0].kind == "Train" and self.fault != "any builder":
            return self.train(spec)
        return self.tell(TaskResult(task=spec.task, content_hash=spec.content_hash), 0)


def options_of(words: Sequence[str]) -> dict[str, str]:
    """Return options of the form --name=value."""
    return dict(word.removeprefix("--").split("=", 1) for word in words)


if __name__ == "__main__":
    raise SystemExit(Container(options_of(sys.argv[1:])).run())
