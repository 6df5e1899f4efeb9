"""What `idla run --local` takes from a file, and what it refuses before anything begins."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from idla.local.errors import InvalidSpecError, LocalError, MissingDataError, UsageError
from idla.local.workflow_file import LocalWorkflow, read_workflow

HEAD = "apiVersion: idla.dev/v1alpha1\nkind: TrainingWorkflow\nmetadata: {name: digits}\n"


def text(uri: str, **spec: Any) -> str:
    return HEAD + yaml.safe_dump(
        {"spec": {"task": {"type": "ImageClassification"}, "data": {"storageUri": uri}, **spec}}
    )


def read(content: str, folder: Path, **options: Any) -> LocalWorkflow:
    return read_workflow(content, folder=folder, **options)


@pytest.mark.parametrize("form", ["{path}", "x.csv", "./x.csv", "file://{path}"])
def test_a_path_is_a_path_of_the_claim_that_its_folder_stands_for(tmp_path: Path, form: str) -> None:
    (tmp_path / "x.csv").write_text("1,2\n")
    found = read(text(form.format(path=tmp_path / "x.csv")), tmp_path)
    assert found.manifest["spec"]["data"] == {"storageUri": "pvc://local-data/x.csv"}
    assert found.data == tmp_path


def test_two_paths_share_the_folder_above_both(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").write_text("1\n")
    data = {"storageUri": "a/x.csv", "testStorageUri": "b/x.csv"}
    found = read(text("a/x.csv", data=data), tmp_path)
    assert found.manifest["spec"]["data"] == {
        "storageUri": "pvc://local-data/a/x.csv",
        "testStorageUri": "pvc://local-data/b/x.csv",
    }
    assert found.data == tmp_path


def test_a_folder_stands_for_the_claim_of_the_data(tmp_path: Path) -> None:
    found = read(text("pvc://faces/x.npz"), tmp_path, data=tmp_path)
    assert (found.data, found.manifest["spec"]["data"]["storageUri"]) == (tmp_path, "pvc://faces/x.npz")


def test_what_has_no_meaning_here_is_left_out_and_said(tmp_path: Path) -> None:
    found = read(text("sample://digits", deployment={"mode": "CreateOrUpdate"}), tmp_path)
    assert "deployment" not in found.manifest["spec"]
    assert found.notes == ("`spec.deployment` is left out: no cluster serves the model here; `--serve` does",)


CASES = {
    "no YAML": ("a: [", UsageError, "the file is no YAML in line 1"),
    "a date that is none": ("a: 2026-13-45", UsageError, "the file is no YAML: month must be in 1..12; fix it"),
    "a key that stands twice": (
        text("sample://digits").replace("digits}", "digits, name: other}"),
        UsageError,
        "the file is no YAML in line 3: 'name' stands twice; fix it",
    ),
    "endless nesting": ("[" * 5000, UsageError, "the file is no YAML: "),
    "a list": ("[]", UsageError, "something else than objects"),
    "nothing": ("", UsageError, "holds no TrainingWorkflow"),
    "two": (f"{text('sample://digits')}---\n{text('sample://digits')}", UsageError, "choose by --name"),
    "another version": (text("sample://x").replace("v1alpha1", "v2"), InvalidSpecError, "allowed is idla.dev/v1alpha1"),
    "no name": (text("sample://x").replace("digits", "Di gits"), InvalidSpecError, "`metadata.name` is 'Di gits'"),
    "annotations that are none": (
        text("sample://x").replace("digits}", "digits, annotations: [a]}"),
        InvalidSpecError,
        "it is a mapping of texts",
    ),
    "an annotation that is no text": (
        text("sample://x").replace("digits}", "digits, annotations: {when: 2026-01-01}}"),
        InvalidSpecError,
        "`metadata.annotations` of digits has when: 2026-01-01; allowed are texts, write it in quotes",
    ),
    "a field that is none": (text("sample://digits", epochs=3), InvalidSpecError, "`spec.epochs`"),
    "a field that is none, in what is left out here": (
        text("sample://digits", podTemplate={"containers": []}),
        InvalidSpecError,
        "`spec.podTemplate.containers`",
    ),
    "a value that no cluster takes, in what is left out here": (
        text("sample://digits", deployment={"mode": "Always"}),
        InvalidSpecError,
        "`spec.deployment.mode`",
    ),
    "yes without quotes": (
        text("sample://digits", task={"positiveLabel": True}),
        InvalidSpecError,
        "`spec.task.positiveLabel`: must be text: put it in quotes; YAML reads yes, no, on, off, true and false as",
    ),
    "a number without quotes": (
        text("sample://digits", objectives=[{"metric": "accuracy", "target": 0.8}]),
        InvalidSpecError,
        r"`spec.objectives.0.target`: must be text: put it in quotes .found 0.8",
    ),
    "a text for a list": (
        text("sample://digits", data={"storageUri": "sample://digits", "columns": {"series": "shop"}}),
        InvalidSpecError,
        r"`spec.data.columns.series`: must be a list, such as .a, b. .found .shop",
    ),
    "no such file": (text("absent.csv"), MissingDataError, "there is no"),
    "a claim without a folder": (text("pvc://faces/x.csv"), UsageError, "by --data DIR"),
    "a path of another machine": (text("file://host/x"), UsageError, "no absolute path"),
}


@pytest.mark.parametrize(("content", "kind", "says"), CASES.values(), ids=CASES)
def test_what_cannot_be_run_is_refused(tmp_path: Path, content: str, kind: type[LocalError], says: str) -> None:
    with pytest.raises(kind, match=says.replace("[", r"\[")):
        read(content, tmp_path)
