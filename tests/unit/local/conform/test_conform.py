"""The conformance trial passes a container that keeps the contract, and names each way of breaking it."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from idla.cli.conform import conform
from idla.cli.main import main
from idla.local.conform import checks, subject
from idla.local.conform.checks import CHECKS, SERVED
from idla.local.conform.examples import KINDS, write_examples
from idla.local.conform.subject import Ended, Subject
from idla.local.task_process import TaskProcess
from idla.local.trainer import Trainer
from idla.report.exit_status import ExitCode
from idla_contract.problem import Problem, TaskType
from idla_contract.task import ModelSpec
from typing_extensions import override

from tests.unit.local.conform.container import Container, options_of

CONTAINER = Path(__file__).with_name("container.py")
BY_NAME = {check.name: check for check in CHECKS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Called(Subject):
    """The container is called in this process: it leaves and answers the same, only that no process starts and ends."""

    @override
    def interrupted(
        self, task: str, document: str, *, until: Callable[[TaskProcess], bool], store: str = "store"
    ) -> Ended:
        paths = self.paths(store)
        paths.make()
        spec, answer = paths.work / f"{task}.json", paths.work / f"{task}-answer"
        spec.write_text(document)
        places = {"spec": spec, "store": paths.store, "data": paths.data, "termination-log": answer}
        options = {name: str(place) for name, place in places.items()}
        code = Container(options | options_of(self.trainer.command[2:])).run()
        return Ended(code=code, seconds=0.0, message=answer.read_bytes() if answer.exists() else b"", said="")


def tried(folder: Path, fault: str, *, patience: float = 60.0, kind: type[Subject] = Subject) -> Subject:
    (folder / "data").mkdir()
    return kind(
        trainer=Trainer(python=sys.executable, image="i", command=(sys.executable, str(CONTAINER), f"--fault={fault}")),
        output=folder,
        problem=Problem(),
        model=ModelSpec(template="t", builder="resnet"),
        data=write_examples(folder / "data", TaskType.IMAGE_CLASSIFICATION),
        patience_seconds=patience,
    )


def test_a_container_that_keeps_the_contract_passes(tmp_path: Path) -> None:
    kept = tried(tmp_path, "none")
    assert {check.name: list(check.broken(kept)) for check in CHECKS if check is not SERVED} == {
        name: [] for name in BY_NAME if name != "served"
    }


@pytest.mark.parametrize(
    ("check", "fault", "said"),
    [
        ("whole-way", "exit code", "it ended with 1; allowed: 0 (SUCCEEDED)"),
        ("whole-way", "silent", "it left no termination message"),
        ("whole-way", "too long", "bytes; allowed: 4096"),
        ("whole-way", "prose", "its termination message is no TaskResult: 'all went well'"),
        ("whole-way", "another task", "its answer is to other "),
        ("whole-way", "failure with 0", "it ended with 0 and reports a failure: oh"),
        (
            "whole-way",
            "other steps",
            "its answer names the steps ['Train', 'Compress', 'Refit', 'Evaluate', 'Verify', 'Publish']",
        ),
        ("whole-way", "no result", "/result.json in the store cannot be read"),
        ("whole-way", "no report", "result.json lacks evaluate; allowed: the report of every step"),
        ("whole-way", "other data", "profile.digest is sha256:0000"),
        ("whole-way", "no artifact", "its answer names no artifact; after Publish it must"),
        ("whole-way", "other address", "artifact.uri is pvc://elsewhere/models/"),
        ("whole-way", "no manifest", "manifest.json of the artifact cannot be read"),
        ("whole-way", "other digest", "; the answer says sha256:0000"),
        ("whole-way", "own JSON", "manifest.json is not written as idla_contract.artifact.canonical_bytes writes it"),
        ("whole-way", "lineage", "lineage.dataDigest is sha256:0000"),
        ("whole-way", "changed file", "model.tflite of the artifact is sha256:"),
        (
            "whole-way",
            "missing file",
            "the server needs all of model.tflite, preprocess.json, preprocess.npz, golden.npz",
        ),
        ("whole-way", "other size", "artifact.sizeBytes says "),
        ("found-again", "anew", "it did Profile, Train, Compress, Refit, Evaluate, Verify, Publish again"),
        ("found-again", "another artifact", "its second answer names another artifact than its first"),
        ("repeatable", "random", "two runs with equal seeds published sha256:"),
        ("selected", "exit code", "it ended with 1; allowed: 0 (SUCCEEDED)"),
        ("selected", "no choice", "its answer lacks select; allowed: the report of the step"),
        ("selected", "no winner", "select has 2 compared, the winner is 2, the best 0; allowed: every candidate"),
        ("selected", "one candidate", "select has 1 compared, the winner is 0, the best 0; allowed: every candidate"),
        ("unreadable-spec", "exit code", "it ended with 1; allowed: 10 (BAD_INPUT)"),
        ("unknown-builder", "any builder", "it ended with 0; allowed: 10 (BAD_INPUT)"),
        ("unknown-builder", "no failure", "it failed and its answer names no failure"),
        ("missing-data", "wrong reason", "failure.reason is InternalError; allowed: DataNotFound"),
        ("missing-data", "no message", "failure.message is empty"),
        ("other-data", "any data", "it ended with 0; allowed: 10 (BAD_INPUT)"),
    ],
)
def test_what_a_container_breaks_is_named(tmp_path: Path, check: str, fault: str, said: str) -> None:
    found = list(BY_NAME[check].broken(tried(tmp_path, fault, kind=Called)))
    assert any(said in problem for problem in found), found


@pytest.mark.parametrize(
    ("check", "fault", "said"),
    [
        ("whole-way", "exit code", "it ended with 1; allowed: 0 (SUCCEEDED)"),
        ("whole-way", "silent", "it left no termination message"),
        ("asked-to-end", "no metrics", "/metrics never reported idla_task_step"),
        ("asked-to-end", "deaf", "it did not end in 1 seconds after SIGTERM; the kubelet kills it then"),
        ("asked-to-end", "killed", "after SIGTERM it ended with 143; allowed: 14"),
        ("asked-to-end", "begins anew", "its next attempt began anew: train.resumed is 0"),
    ],
)
def test_what_a_process_breaks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: str, fault: str, said: str
) -> None:
    for module in (checks, subject):
        monkeypatch.setattr(module, "GRACE_SECONDS", 1.0)
    broken = tried(tmp_path, fault, patience=4.0 if fault == "no metrics" else 60.0)
    found = list(BY_NAME[check].broken(broken))
    assert any(said in problem for problem in found), found


def test_an_artifact_that_the_server_does_not_answer_with_is_named(tmp_path: Path) -> None:
    kept = tried(tmp_path, "none")
    unready = replace(kept, server=replace(kept.trainer, python="/bin/false"))
    assert list(SERVED.broken(unready)) == [f"the server does not answer; see {tmp_path}/store/logs/server.log"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_of_a_kind_are_the_same_each_time(tmp_path: Path, kind: TaskType) -> None:
    contents = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        contents.add(write_examples(tmp_path / name, kind).read_bytes())
    [content] = contents
    assert len(content.splitlines()) > 200


def options(output: Path, **changes: Any) -> Any:
    words = [sys.executable, str(CONTAINER), "--fault=no report"]
    given = {"output": output, "task": "ImageClassification", "builder": "resnet", "only": [], "json": True}
    return SimpleNamespace(**(given | {"words": words} | changes))


def test_the_command_tells_people_and_programs_what_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = conform(options(tmp_path / "out", only=["whole-way", "missing-data"]))
    lines = capsys.readouterr().out.splitlines()
    assert code == ExitCode.FAILED
    assert lines[0].startswith("BROKEN  whole-way        a task goes from the data to a published artifact (")
    assert lines[1] == "        result.json lacks evaluate; allowed: the report of every step"
    assert lines[2].startswith("holds   missing-data     data that are not there end with 10 (")
    assert lines[3].startswith("1 of 2 hold; logs are in ")
    assert json.loads(lines[4]) == {
        "holds": False,
        "checks": [
            {
                "name": "whole-way",
                "promise": "a task goes from the data to a published artifact",
                "broken": ["result.json lacks evaluate; allowed: the report of every step"],
            },
            {"name": "missing-data", "promise": "data that are not there end with 10", "broken": []},
        ],
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": "Chess"}, "--task is 'Chess'; allowed are ImageClassification, "),
        ({"only": ["everything"]}, "--only is 'everything'; the checks are whole-way, found-again, "),
        ({"output": Path(__file__).parent}, "is not empty; results of an earlier trial would be found again in it"),
    ],
)
def test_a_wrong_command_line_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], said: str
) -> None:
    assert conform(options(**({"output": tmp_path / "out"} | changes))) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_a_command_stands_behind_two_dashes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["conform", "-o", str(tmp_path / "out"), "--builder", "resnet", "--only", "missing-data", "--"]
    code = main([*words, sys.executable, str(CONTAINER), "--fault=none"])
    assert (code, capsys.readouterr().out.splitlines()[1][:9]) == (ExitCode.DONE, "1 of 1 ho")
