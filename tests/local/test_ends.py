"""How `idla run --local` ends: exit code, what it says and to whom, and which files it leaves."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from idla.report.exit_status import ExitCode

from tests.local.orders import Order
from tests.local.scene import Scene

LEFT = {".lock", "artifacts", "logs", "result.json", "work", "workflow.json"}
ONCE: Mapping[str, Any] = {"training": {"backoffLimit": 0}}
FAILED = "every candidate failed: vgg-small: "
JOB = "Job digits-train-vgg-small-HASH: "
LOG = "see ROOT/out/logs/train-vgg-small.log"
BEST = "the best candidate, vgg-small, has validation accuracy 0.9722 ± 0.0097, 305578 weights"
REMEDY = "Lower `spec.objectives[0].minimum`, add data, or offer other templates or more epochs"
LIBRARY = re.compile(r"(?<=known are: ).*vgg-small.*")
"""Which templates there are is the library's business."""
WELL = [f"{task} {word}" for task in ("profile", "train-vgg-small", "publish") for word in ("begins", "ends")]


@dataclass(frozen=True, kw_only=True)
class Result:
    """An end that is written into the folder of the results."""

    spec: Mapping[str, Any] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    code: ExitCode
    says: str
    published: bool = False
    story: list[str] | None
    """What the stand-in does; None where that depends on the time."""


RESULTS = {
    "a published model": Result(
        spec={"objectives": [{"metric": "accuracy", "target": "0.97"}]},
        code=ExitCode.DONE, published=True, story=WELL,
        says="Completed: vgg-small has validation accuracy 0.9722, test accuracy 0.9778; at least 0.97 asked for",
    ),
    "a model as bad as the baseline": Result(
        orders={"publish": Order(poor=True)}, code=ExitCode.BASELINE, published=True, story=WELL,
        says="BaselineNotBeaten: vgg-small has validation accuracy 0.9722, test accuracy 0.1000, no better than the "
        "baseline's 0.1000; it is published",
    ),
    "a plan alone": Result(
        spec={"approval": "PlanOnly"}, code=ExitCode.DONE, story=WELL[:2],
        says="PlanReady: plan HASH: train vgg-small, then publish the best",
    ),
    "data that the trainer does not find": Result(
        orders={"profile": Order(reason="DataNotFound", code=10)}, code=ExitCode.DATA, story=["profile begins"],
        says="DataNotFound: so it is",
    ),
    "data that are no good": Result(
        orders={"profile": Order(reason="DataInvalid", code=10)}, code=ExitCode.DATA, story=["profile begins"],
        says="DataInvalid: so it is",
    ),
    "data that are no good for a training": Result(
        orders={"train_vgg_small": Order(reason="NotFinite", code=10)}, code=ExitCode.DATA, story=WELL[:3],
        says=f"NotFinite: {FAILED}NotFinite, so it is",
    ),
    "a spec that the trainer refuses": Result(
        orders={"train_vgg_small": Order(reason="SpecInvalid", code=10)}, code=ExitCode.USAGE, story=WELL[:3],
        says=f"SpecInvalid: {FAILED}SpecInvalid, so it is",
    ),
    "a template that is none": Result(
        spec={"model": {"selection": "Pinned", "templateRefs": [{"name": "absent"}]}}, code=ExitCode.USAGE,
        story=[],
        says="TemplateNotFound: `spec.model.templateRefs`: no ModelTemplate absent; known are: vgg-small, …",
    ),
    "a target that is missed": Result(
        spec={"objectives": [{"metric": "accuracy", "target": "0.99"}]}, code=ExitCode.TARGET_MISSED, story=WELL[:4],
        says=f"MinimumMissed: {BEST}; at least 0.99 is asked for. {REMEDY}",
    ),
    "a minimum that is missed": Result(
        spec={"objectives": [{"metric": "accuracy", "target": "0.99", "minimum": "0.98"}]},
        code=ExitCode.TARGET_MISSED, story=WELL[:4],
        says=f"MinimumMissed: {BEST}; at least 0.98 is asked for. {REMEDY}",
    ),
    "a gate that nothing passes": Result(
        orders={"publish": Order(reason="GateFailed", code=10)}, code=ExitCode.INFEASIBLE, story=WELL[:5],
        says="GateFailed: so it is",
    ),
    "a training without memory": Result(
        spec=ONCE, orders={"train_vgg_small": Order(reason="OutOfMemory", code=12)}, code=ExitCode.FAILED,
        says=f"OutOfMemory: {FAILED}OutOfMemory, so it is", story=WELL[:3],
    ),
    "a training that diverges": Result(
        orders={"train_vgg_small": Order(reason="Diverged", code=11)}, code=ExitCode.FAILED, story=WELL[:3],
        says=f"Diverged: {FAILED}Diverged, so it is",
    ),
    "a store without space, repeated in vain": Result(
        spec={"training": {"backoffLimit": 1}}, orders={"profile": Order(reason="StoreUnavailable", code=13)},
        code=ExitCode.FAILED, says="StoreUnavailable: so it is", story=["profile begins"] * 2,
    ),
    "a trainer that is killed": Result(
        spec=ONCE, orders={"train_vgg_small": Order(killed=True)}, code=ExitCode.FAILED, story=WELL[:3],
        says=f"BackoffLimitExceeded: {FAILED}BackoffLimitExceeded, {JOB}it ended with 137; {LOG}, after 1 attempts",
    ),
    "a trainer that dies without an answer": Result(
        spec=ONCE, orders={"train_vgg_small": Order(text="", code=1)}, code=ExitCode.FAILED, story=WELL[:3],
        says=f"BackoffLimitExceeded: {FAILED}BackoffLimitExceeded, {JOB}it ended with 1; {LOG}, after 1 attempts",
    ),
    "a trainer that dies with prose": Result(
        spec=ONCE, orders={"train_vgg_small": Order(text="all is lost", code=1)}, code=ExitCode.FAILED, story=WELL[:3],
        says=f"BackoffLimitExceeded: {FAILED}BackoffLimitExceeded, {JOB}it ended with 1; {LOG}, after 1 attempts",
    ),
    "a trainer whose result is prose": Result(
        orders={"train_vgg_small": Order(text="all went well")}, code=ExitCode.FAILED,
        story=[*WELL[:2], *["train-vgg-small begins"] * 3],
        says=f"ResultMissing: {FAILED}ResultMissing, 3 Jobs succeeded without a result; "
        "is local/idla-trainer:HASH the trainer's image?",
    ),
    "a trainer whose result of the data is prose": Result(
        orders={"profile": Order(text="all went well")}, code=ExitCode.FAILED, story=["profile begins"] * 3,
        says="ResultMissing: 3 Jobs succeeded without a result; is local/idla-trainer:HASH the trainer's image?",
    ),
    "a trainer that is killed once": Result(
        orders={"train_vgg_small": Order(killed=True, once=True)}, code=ExitCode.DONE, published=True,
        story=[*WELL[:2], WELL[2], *WELL[2:]],
        says="Completed: vgg-small has validation accuracy 0.9722, test accuracy 0.9778",
    ),
    "a deadline": Result(
        spec={"activeDeadlineSeconds": 1}, orders={"profile": Order(holds=True)}, code=ExitCode.DEADLINE,
        story=None,
        says="DeadlineExceeded: the work was stopped 1 seconds after it began; "
        "raise `spec.activeDeadlineSeconds` to go on",
    ),
    "work that is held back": Result(
        spec={"suspend": True}, code=ExitCode.WAITING, story=[],
        says="Suspended: `spec.suspend` is true; set it to false to go on",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RESULTS.values(), ids=RESULTS)
def test_an_end_has_its_exit_code_its_one_document_and_its_files(scene: Scene, case: Result) -> None:
    scene.write(**case.spec)
    scene.desk.give(**case.orders)
    ended = scene.run("--json", "--quiet")
    document, workflow = ended.document, scene.read("workflow.json")
    status = workflow["status"]
    said = LIBRARY.sub("vgg-small, …", scene.plain("\n".join(ended.err)))
    assert (ended.code, said) == (case.code, f"idla: {case.says}")
    assert (ended.out.count("\n"), document) == (1, scene.read("result.json"))
    assert ended.err == [f"idla: {document['reason']}: {document['message']}"]
    ended_well = case.code in {ExitCode.DONE, ExitCode.BASELINE}
    assert (document["exitCode"], document["succeeded"]) == (case.code, ended_well)
    assert case.story is None or scene.story() == case.story
    assert scene.files() == LEFT | ({"model"} if case.published else set())
    assert document["plan"] == (status.get("plan") or {}).get("hash")
    assert document["decisions"] == status.get("decisions", [])
    assert document["conditions"] == status["conditions"]
    assert [(task["name"], task["state"]) for task in document["tasks"]] == [
        (task["name"], task["state"]) for task in status.get("tasks", [])
    ]
    if case.published:
        assert document["artifact"]["digest"] == status["artifact"]["digest"]
        assert str((scene.output / "model").resolve()) == document["artifact"]["path"]
        assert (scene.output / "model" / "model.tflite").read_text() == "a model"
    else:
        assert (document["artifact"], status.get("artifact")) == (None, None)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An end before anything began."""

    words: tuple[str, ...] = ()
    text: str | None = None
    """Of the workflow's file."""
    environment: Mapping[str, str] = field(default_factory=dict)
    code: ExitCode = ExitCode.USAGE
    reason: str = "Usage"
    says: str


HEAD = "apiVersion: idla.dev/v1alpha1\nkind: TrainingWorkflow\nmetadata: {name: digits}\n"
IMAGES = "spec: {task: {type: ImageClassification}, data: {storageUri: 'sample://digits'}"
INSTALL = "install idla-trainer there, or set IDLA_TRAINER_PYTHON to a Python that has it"
REFUSALS = {
    "no such file": Refusal(
        words=("-f", "absent.yaml"),
        says="--file absent.yaml cannot be read ([Errno 2] No such file or directory: 'absent.yaml')",
    ),
    "no YAML": Refusal(
        text="a: [",
        says="the file is no YAML in line 1: expected the node content, but found '<stream end>'; fix it",
    ),
    "an unknown field": Refusal(
        text=f"{HEAD}{IMAGES}, epochs: 3}}", reason="InvalidSpec",
        says="`spec.epochs`: there is no such field; check its name and its place (found 3)",
    ),
    "no such data": Refusal(
        text=f"{HEAD}{IMAGES.replace('sample://digits', 'absent.csv')}}}", code=ExitCode.DATA, reason="DataNotFound",
        says="`spec.data.storageUri` is 'absent.csv': there is no ROOT/absent.csv; check the path",
    ),
    "no such name": Refusal(words=("--name", "other"), says="--name is 'other'; the file holds digits"),
    "an interpreter that is none": Refusal(
        environment={"IDLA_TRAINER_PYTHON": "/absent"},
        says=f"/absent cannot run tasks ([Errno 2] No such file or directory: '/absent'); {INSTALL}",
    ),
    "an output that is a file": Refusal(
        words=("-o", "workflow.yaml"), code=ExitCode.FAILED, reason="OutputUnusable",
        says="[Errno 17] File exists: 'ROOT/workflow.yaml'; check space and permissions",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_begin_says_why_and_leaves_nothing(scene: Scene, case: Refusal) -> None:
    if case.text is not None:
        (scene.root / "workflow.yaml").write_text(case.text)
    ended = scene.run("--json", *case.words, **case.environment)
    document = ended.document
    assert (ended.code, [scene.plain(line) for line in ended.err]) == (case.code, [f"idla: {case.says}"])
    assert document.pop("seconds") >= 0
    assert {**document, "message": scene.plain(document["message"])} == {
        "succeeded": False, "reason": case.reason, "message": case.says, "exitCode": case.code,
    }  # fmt: skip
    assert (scene.story(), scene.files()) == ([], set())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("--jobs", "0"), "argument --jobs: '0' is no whole number from 1 to 64", id="no number of jobs"),
        pytest.param(("--trust",), "unrecognized arguments: --trust", id="a word that is none"),
    ],
)
def test_a_wrong_command_line_is_refused(scene: Scene, words: tuple[str, ...], says: str) -> None:
    ended = scene.run("--json", *words)
    assert (ended.code, ended.out, ended.err[-1].partition("error: ")[2]) == (ExitCode.USAGE, "", says)
    assert (scene.story(), scene.files()) == ([], set())


def test_a_python_without_the_trainer_is_refused(scene: Scene) -> None:
    """By what the probe itself finds: the interpreter is a real one that sees no package."""
    python = scene.root / "bare"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    ended = scene.run(IDLA_TRAINER_PYTHON=str(python))
    says = f"{python} cannot run tasks (it has no module idla_contract); {INSTALL}"
    assert (ended.code, ended.out, ended.err) == (ExitCode.USAGE, "", [f"idla: {says}"])


def test_the_help_promises_the_exit_codes_that_are_tested(scene: Scene) -> None:
    promised = {int(code) for code in re.findall(r"^ +(\d+)  \S", scene.run("--help").out, re.MULTILINE)}
    cases = {int(case.code) for case in RESULTS.values()}
    # Test files of their own have 130; of 1, an error of ours, there must be no case.
    assert promised == cases | {ExitCode.INTERRUPTED, ExitCode.INTERNAL}


def test_people_are_told_the_way_on_stderr_and_the_result_on_stdout(scene: Scene) -> None:
    ended = scene.run()
    assert ended.code == ExitCode.DONE
    told = scene.plain(ended.out).splitlines()
    assert [line for line in told if not line.startswith("refit")] == [
        "Completed: vgg-small has validation accuracy 0.9722, test accuracy 0.9778",
        "model      vgg-small, shipped as Int8",
        "accuracy   0.9778 on 360 test examples",
        "           0.9806 as the float model",
        "           0.1000 by the baseline",
        "    Float32           320000 bytes  p50 0.080 ms  0.9860 on the gate split",
        "  * Int8               80000 bytes  p50 0.040 ms  0.9790 on the gate split",
        "artifact   ROOT/out/artifacts/models/sha256-HASH",
        "           sha256:HASH",
        "results    ROOT/out",
    ]
    way = [line for line in ended.err if re.match(r"\S+: (started|done)$", line)]
    tasks = ["profile", "train-vgg-small", "publish"]
    assert [line.partition(":")[0] for line in way] == [name for name in tasks for _ in ("started", "done")]
    assert {path.name for path in scene.output.glob("logs/*")} == {f"{name}.log" for name in tasks}
    assert list(scene.output.glob("work/*")) == []


def test_an_encoding_without_the_characters_costs_no_result(scene: Scene) -> None:
    scene.write(objectives=[{"metric": "accuracy", "target": "0.99"}])
    told = scene.run(PYTHONIOENCODING="ascii")
    assert (told.code, "0.9722 \\xb1 0.0097" in told.out) == (ExitCode.TARGET_MISSED, True)
    assert scene.run("--json", PYTHONIOENCODING="ascii").document == scene.read("result.json")
