"""Recorded answers of tasks, by the steps that they have."""

from __future__ import annotations

import hashlib

from idla_contract.choice import Comparison, SelectReport, SelectStep
from idla_contract.lineage import Lineage
from idla_contract.paths import artifact_folder
from idla_contract.result import (
    ArtifactRef,
    CompressReport,
    DataProfile,
    EvaluateReport,
    Failure,
    RefitReport,
    SearchReport,
    StepResult,
    TaskResult,
    TrainReport,
    TrialReport,
    Variant,
)
from idla_contract.task import CompressStep, SearchStep, TaskSpec, TrainStep

PROFILE = DataProfile(
    digest="sha256:" + "1d" * 32, examples=1797, shape=(8, 8, 1), facts={"maximum": 16.0},
    classes=tuple("0123456789"), class_counts=(178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
    train_examples=1150, validation_examples=144, gate_examples=143, test_examples=360, baseline_score=0.1018,
)  # fmt: skip
LINEAGE = Lineage(
    data_digest=PROFILE.digest, template="vgg-small", image="idla/trainer:test", seed=1, code_version="0.1.0",
    tensorflow_version="2.21.0", environment={"numpy": "2.4.6", "processor": "a fast one", "python": "3.11.2"},
)  # fmt: skip
TRAINED = {"resnet": (309_418, 0.9861), "vgg": (305_578, 0.9722), "efficient": (72_986, 0.9583)}
"""Number of weights and validation accuracy by builder; the largest one is the best."""
OTHER = (90_000, 0.98)
"""Those of every other builder."""


def answer(spec: TaskSpec) -> TaskResult:
    """Return what the trainer would answer when all goes well."""
    result = TaskResult(
        task=spec.task,
        content_hash=spec.content_hash,
        steps=tuple(StepResult(kind=step.kind, seconds=1.0) for step in spec.steps),
    )
    parts: dict[str, object] = {}
    for step in spec.steps:
        match step.kind:
            case "Profile":
                parts["profile"] = PROFILE
            case "Train":
                assert isinstance(step, TrainStep)
                parts["train"] = _trained(step)
            case "Search" | "Select":
                assert isinstance(step, SearchStep | SelectStep)
                parts |= _searched(step) if isinstance(step, SearchStep) else {"select": _selected(step)}
            case "Compress":
                assert isinstance(step, CompressStep)
                parts["compress"] = _compressed(step)
            case "Refit":
                message = "made again from 1437 examples, 1149 before"
                parts["refit"] = RefitReport(shipped=True, examples=1437, message=message)
            case "Evaluate":
                parts["evaluate"] = EvaluateReport(
                    test_examples=360, float_score=0.9806, served_score=0.9778,
                    served_score_interval=(0.9569, 0.9887), baseline_score=0.1, served_correct=352,
                )  # fmt: skip
            case "Publish":
                digest = f"sha256:{hashlib.sha256(spec.content_hash.encode()).hexdigest()}"
                uri = f"{spec.artifact_uri}/{artifact_folder(digest)}"
                parts["artifact"] = ArtifactRef(uri=uri, digest=digest, size_bytes=98_304, lineage=LINEAGE)
            case "Verify":
                pass
    return result.model_copy(update=parts)


def failed(spec: TaskSpec, failure: Failure) -> TaskResult:
    """Return what the trainer answers when it gives up."""
    return TaskResult(task=spec.task, content_hash=spec.content_hash, failure=failure)


def _trained(step: TrainStep) -> TrainReport:
    parameters, accuracy = TRAINED.get(step.model.builder, OTHER)
    return TrainReport(
        template=step.model.template, parameters=parameters, epochs=24, best_epoch=16, stopped="EarlyStopping",
        validation_score=accuracy, validation_score_error=0.0097,
        validation_loss=0.06, seconds=20.0, examples_per_second=4000.0,
    )  # fmt: skip


def _searched(step: SearchStep) -> dict[str, object]:
    """Return that each network is as good as ever, and a later trial of the same one a little worse."""
    trained = [_trained(TrainStep(model=trial.model, training=trial.training)) for trial in step.trials]
    scores = [round(report.validation_score - place / 1000, 4) for place, report in enumerate(trained)]
    winner = scores.index(max(scores))
    trials = tuple(
        TrialReport(
            rung=len(step.rungs) if place == winner else 1, epochs=24 if place == winner else 4,
            parameters=report.parameters, validation_score=score, validation_score_error=0.0097,
            validation_loss=0.06, seconds=20.0 if place == winner else 3.0,
            stopped="EarlyStopping" if place == winner else "",
        )
        for place, (report, score) in enumerate(zip(trained, scores, strict=True))
    )  # fmt: skip
    best = trained[winner].model_copy(update={"validation_score": scores[winner]})
    seconds = sum(trial.seconds for trial in trials)
    return {"train": best, "search": SearchReport(winner=winner, trials=trials, seconds=seconds)}


def _selected(step: SelectStep) -> SelectReport:
    """Return that the best is published: of each candidate no more is known here than its task's name."""
    scores = [
        next((score for builder, (_, score) in TRAINED.items() if f"-{builder}" in candidate.task), OTHER[1])
        for candidate in step.candidates
    ]
    best = scores.index(max(scores))
    compared = tuple(
        Comparison(score=score, drop=0.0, drop_interval=(0.0, 0.0))
        if place == best
        else Comparison(
            score=score,
            drop=round(scores[best] - score, 4),
            drop_interval=(round(scores[best] - score - 0.02, 4), round(scores[best] - score + 0.02, 4)),
        )
        for place, score in enumerate(scores)
    )
    return SelectReport(winner=best, best=best, examples=PROFILE.validation_examples, compared=compared)


def _compressed(step: CompressStep) -> CompressReport:
    plain = Variant(
        name="Float32", size_bytes=320_000, gate_score=0.9860, gate_drop=0.0, gate_drop_interval=(0.0, 0.0),
        latency_p50_milliseconds=0.08, latency_p95_milliseconds=0.10, passed=True, message="",
    )  # fmt: skip
    small = Variant(
        name="Int8", size_bytes=80_000, gate_score=0.9790, gate_drop=0.0070, gate_drop_interval=(-0.0070, 0.0210),
        latency_p50_milliseconds=0.04, latency_p95_milliseconds=0.05, passed=True, message="within the tolerance",
    )  # fmt: skip
    if "Int8" not in step.methods:
        return CompressReport(choice="Float32", reason="Off", variants=(plain,))
    return CompressReport(choice="Int8", reason="GatePassed", variants=(plain, small))
