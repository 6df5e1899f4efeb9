import base64
import io
import json
import marshal
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idla_artifact.errors import ModelError
from idla_artifact.model import GOLDEN_TOLERANCE, load_model, tensor_specs
from idla_artifact.runtime import Runtime
from idla_contract.artifact import digest_of
from idla_contract.result import Failure, FailureReason
from idla_preprocess import ImageSpec, InputError, Signature
from idla_server.engine import estimate_inline_limit

from tests.forged import Evil
from tests.server.serving import SIGNATURE, Artifact, make_artifact, serving

pytestmark = pytest.mark.trainer

Change = Callable[[Path], None]


def test_a_whole_artifact_is_loaded_and_answers(artifact: Artifact) -> None:
    model = load_model(artifact.folder, artifact.digest)
    assert model.signature == SIGNATURE
    np.testing.assert_allclose(model.predict({"image": artifact.inputs}), artifact.probabilities, atol=1e-5)
    np.testing.assert_allclose(
        model.replicate(threads=2).predict({"image": artifact.inputs}), artifact.probabilities, atol=1e-5
    )
    with pytest.raises(InputError, match="image: found the shape"):
        model.predict({"image": np.zeros((1, 5, 5))})


def golden(**changes: Any) -> Change:
    """Return a change of golden arrays; None leaves one out."""

    def change(folder: Path) -> None:
        with np.load(folder / "golden.npz") as arrays:
            content = {name: arrays[name] for name in arrays}
        content = {name: value for name, value in (content | changes).items() if value is not None}
        np.savez(folder / "golden.npz", **content, allow_pickle=True)

    return change


def shifted(by: float) -> Change:
    """Return a change of one promised probability."""

    def change(folder: Path) -> None:
        with np.load(folder / "golden.npz") as arrays:
            probabilities = arrays["values"].copy()
        probabilities[7, 1] += by
        golden(values=probabilities)(folder)

    return change


def text(name: str, content: bytes) -> Change:
    """Return a change of a file's content."""

    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


def arrays(**content: Any) -> Change:
    """Return a change of the arrays of the preprocessing."""
    return lambda folder: np.savez(folder / "preprocess.npz", **content, allow_pickle=True)


def without(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def test_a_promise_may_be_missed_by_what_processors_differ(tiny: Path, tmp_path: Path) -> None:
    artifact = make_artifact(tiny, tmp_path / "model", shifted(0.9 * GOLDEN_TOLERANCE))
    assert load_model(artifact.folder, artifact.digest).signature == SIGNATURE


OTHER_SPEC = ImageSpec(height=2, width=8, channels=1, maximum=16.0)
# name: what is changed before the manifest lists it, fields of the manifest, parts of the message
INVALID: dict[str, tuple[Change | None, dict[str, Any], list[str]]] = {
    "another promise": (shifted(0.1), {}, ["golden input 7", "0.1", "allowed 0.02"]),
    "a promise of nothing": (shifted(np.nan), {}, ["golden input 7", "nan"]),
    "fewer promises": (golden(values=np.zeros((3, 3))), {}, ["golden.npz", "other lengths than its 3 values"]),
    "promises that are no numbers": (golden(values=np.array(["x"])), {}, ["golden.npz", "type <U1"]),
    "promises of other classes": (
        golden(values=np.zeros((12, 2))),
        {},
        ["promises values [12, 2]", "answered [12, 3]"],
    ),
    "a promise without examples": (golden(values=np.float64(1)), {}, ["golden.npz", "arrays of examples"]),
    "a golden input without examples": (
        golden(**{"inputs.image": np.float32(1)}),
        {},
        ["golden.npz", "arrays of examples"],
    ),
    "a golden input of another name": (
        golden(**{"inputs.image": None, "image": np.zeros((12, 4, 4), np.float32)}),
        {},
        ["golden.npz", "'image'", "inputs."],
    ),
    "no golden input at all": (golden(**{"inputs.image": None}), {}, ["golden.npz", "holds no inputs"]),
    "no promises": (golden(values=None), {}, ["golden.npz", "values"]),
    "other golden inputs": (golden(**{"inputs.image": np.zeros((12, 5, 5))}), {}, ["golden.npz", "[12, 5, 5]"]),
    "no golden input": (
        golden(**{"inputs.image": np.zeros((0, 4, 4))}),
        {},
        ["golden.npz", "other lengths than its 12 values"],
    ),
    "golden objects": (
        golden(**{"inputs.image": np.array([{}])}),
        {},
        ["golden.npz", "Python objects, which are never read"],
    ),
    "golden nonsense": (text("golden.npz", b"golden"), {}, ["golden.npz cannot be read"]),
    "an empty golden file": (text("golden.npz", b""), {}, ["golden.npz cannot be read"]),
    "half a golden file": (text("golden.npz", b"PK\x03\x04" + b"x" * 40), {}, ["golden.npz cannot be read"]),
    "golden not listed": (without("golden.npz"), {}, ["manifest.json does not list golden.npz"]),
    "no model": (text("model.tflite", b"TFL3" * 9), {}, ["model.tflite", "LiteRT"]),
    "preprocessing for another size": (
        text("preprocess.json", Signature(OTHER_SPEC, SIGNATURE.answers).to_json().encode()),
        {"inputs": tensor_specs(OTHER_SPEC.inputs)},
        ["the shape [12, 4, 4, 1]", "[N, 2, 8, 1]"],
    ),
    "no preprocessing": (text("preprocess.json", b"{}"), {}, ["preprocess.json", "keys"]),
    "preprocessing arrays that are none": (text("preprocess.npz", b"npz"), {}, ["preprocess.npz cannot be read"]),
    "half of the preprocessing arrays": (text("preprocess.npz", b"PK\x03\x04" + b"x" * 40), {}, ["preprocess.npz"]),
    "a stray preprocessing array": (arrays(stray=np.zeros(2)), {}, ["preprocess.npz", "'stray'", "named inputs."]),
    "a preprocessing array of an image": (arrays(**{"inputs.known": np.zeros(2)}), {}, ["'known'"]),
    "a label too few": (None, {"labels": ("ant", "bee")}, ["2 labels", "names other ones"]),
    "inputs of another name": (None, {"inputs": ()}, ["inputs ()", "image FP32 [-1, 4, 4, 1]"]),
    "another task": (
        None,
        {"task_type": "ObjectDetection"},
        ["task type 'ObjectDetection'", "allowed are ImageClassification, "],
    ),
    "outputs of another name": (None, {"outputs": ()}, ["outputs ()", "probabilities FP32 [-1, 3], label BYTES [-1]"]),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_artifact_that_cannot_be_served_says_why(name: str, tiny: Path, tmp_path: Path) -> None:
    change, fields, parts = INVALID[name]
    artifact = make_artifact(tiny, tmp_path / "model", change, **fields)
    with pytest.raises(ModelError) as caught:
        load_model(artifact.folder, artifact.digest)
    assert caught.value.reason is FailureReason.ARTIFACT_INVALID
    assert [part for part in parts if part not in caught.value.message] == []
    assert caught.value.message.endswith("; publish the artifact again")


def keras_archive() -> bytes:
    """Return a `.keras` file whose only layer is a Lambda with code of Python in it."""
    code = base64.b64encode(marshal.dumps(compile("import os; os.mkdir('ran')", "", "exec"))).decode()
    layer = {"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {"code": code}}}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}}))
        archive.writestr("model.weights.h5", HDF5)
    return buffer.getvalue()


HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(200)
# name: a file beside those that the trainer writes, and what is in it
OTHER_FORMATS: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    "weights of Keras": ("model.h5", lambda _: HDF5),
    "a Keras model with a Lambda layer": ("model.keras", lambda _: keras_archive()),
    "a pickle": ("model.pkl", lambda ran: pickle.dumps(Evil(ran))),
    "a single array": ("weights.npy", lambda ran: b"\x93NUMPY" + pickle.dumps(Evil(ran))),
    "a graph of TensorFlow": ("saved_model.pb", lambda _: b"\x08\x01"),
    "code": ("preprocess.py", lambda _: b"import os; os.mkdir('ran')"),
}


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_another_format_is_refused_as_a_file_beside_the_model(name: str, tiny: Path, tmp_path: Path) -> None:
    file, content = OTHER_FORMATS[name]
    artifact = make_artifact(tiny, tmp_path / "model", text(file, content(tmp_path / "ran")))
    with pytest.raises(ModelError) as caught:
        load_model(artifact.folder, artifact.digest)
    assert caught.value.reason is FailureReason.ARTIFACT_INVALID
    assert caught.value.message == (
        f"{artifact.folder}: manifest.json lists {file}, which nobody here reads; allowed are card.md, golden.npz, "
        "model.float.tflite, model.tflite, preprocess.json, preprocess.npz; publish the artifact again"
    )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("file", ["model.tflite", "golden.npz", "preprocess.json", "preprocess.npz"])
@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_another_format_is_refused_under_the_name_of_ours(
    name: str, file: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = OTHER_FORMATS[name][1](tmp_path / "ran")
    artifact = make_artifact(tiny, tmp_path / "model", text(file, content))
    with pytest.raises(ModelError, match=file) as caught:
        load_model(artifact.folder, artifact.digest)
    assert caught.value.reason is FailureReason.ARTIFACT_INVALID
    assert not (tmp_path / "ran").exists()


def test_a_model_that_would_have_tensorflow_read_a_file_is_refused(tiny: Path, tmp_path: Path) -> None:
    content = (tiny / "reads-a-file.tflite").read_bytes()
    artifact = make_artifact(tiny, tmp_path / "model", text("model.tflite", content))
    with pytest.raises(ModelError, match=r"model\.tflite: LiteRT cannot load it .*FlexReadFile"):
        load_model(artifact.folder, artifact.digest)


def folder_is_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"")


# name: what is changed after publication, the digest where another is asked, the reason, the exit code
DAMAGED: dict[str, tuple[Change, str | None, FailureReason, int]] = {
    "a flipped byte": (
        text("model.tflite", b"x"),
        None,
        FailureReason.ARTIFACT_DIGEST_MISMATCH,
        10,
    ),
    "another artifact": (lambda _: None, digest_of(b""), FailureReason.ARTIFACT_DIGEST_MISMATCH, 10),
    "a missing file": (without("golden.npz"), None, FailureReason.ARTIFACT_NOT_FOUND, 10),
    "an added file": (text("extra", b"x"), None, FailureReason.ARTIFACT_INVALID, 10),
    "no folder": (shutil.rmtree, None, FailureReason.ARTIFACT_NOT_FOUND, 10),
    "a file for the folder": (folder_is_a_file, None, FailureReason.ARTIFACT_UNREACHABLE, 13),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_server_that_cannot_load_ends_with_its_reason(name: str, tiny: Path, tmp_path: Path) -> None:
    change, digest, reason, code = DAMAGED[name]
    artifact = make_artifact(tiny, tmp_path / "model")
    change(artifact.folder)
    with serving(artifact, tmp_path, digest=digest) as server:
        assert server.wait() == code, server.log.read_text()
        failure = Failure.model_validate_json(server.termination_message.read_text())
        assert failure.reason is reason
        assert "; " in failure.message
        last = server.lines()[-1]
        assert (last["level"], last["reason"], last["message"]) == ("error", reason, failure.message)
        assert not [line for line in server.lines() if line["message"] == "the server is ready"]


def test_a_golden_mismatch_ends_the_server(tiny: Path, tmp_path: Path) -> None:
    artifact = make_artifact(tiny, tmp_path / "model", shifted(0.1))
    with serving(artifact, tmp_path) as server:
        assert server.wait() == 10
        failure = Failure.model_validate_json(server.termination_message.read_text())
        assert failure.reason is FailureReason.ARTIFACT_INVALID
        assert "golden input 7" in failure.message


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 31, 32, 41, 75])
def test_a_batch_is_answered_as_its_examples_are(artifact: Artifact, count: int) -> None:
    runtime = Runtime(artifact.folder / "model.tflite")
    batch = np.resize(artifact.inputs, (count, 4, 4, 1))
    answer = runtime.predict({"image": batch})
    assert answer.shape == (count, 3)
    for example, probabilities in zip(batch, answer, strict=True):
        np.testing.assert_allclose(runtime.predict({"image": example[None]})[0], probabilities, atol=1e-6)


@pytest.mark.parametrize("batch", [np.zeros((1, 4, 4, 1)), np.zeros((1, 4, 4), np.float32)])
def test_a_runtime_refuses_another_batch(artifact: Artifact, batch: Any) -> None:
    with pytest.raises(ValueError, match=r"image: found float.+; allowed: float32 \[N, 4, 4, 1\]"):
        Runtime(artifact.folder / "model.tflite").predict({"image": batch})


@pytest.mark.parametrize(
    ("seconds", "values", "expected"),
    [(0.0001, 64, 20 * 64 * 2), (0.0, 64, 1 << 16), (0.0019, 64, 128), (0.0021, 64, 0), (1.0, 10**6, 0)],
)
def test_only_what_is_surely_short_runs_on_the_event_loop(seconds: float, values: int, expected: int) -> None:
    assert estimate_inline_limit(seconds, values) == expected


def test_the_model_is_not_written_to(artifact: Artifact, tmp_path: Path) -> None:
    """A pod mounts it read-only."""
    before = {path.name: path.stat().st_mtime_ns for path in artifact.folder.iterdir()}
    with serving(artifact, tmp_path) as server:
        server.wait_ready()
    assert {path.name: path.stat().st_mtime_ns for path in artifact.folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
