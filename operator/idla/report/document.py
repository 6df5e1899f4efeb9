"""What a run came to, as one document for programs and a few lines for people."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idla_contract.choice import Comparison
from idla_contract.paths import artifact_folder
from idla_contract.result import (
    FLOAT,
    CompressReport,
    DataProfile,
    EvaluateReport,
    RefitReport,
    SearchReport,
    TaskResult,
    TrainReport,
    TrialReport,
    Variant,
)

from idla.api.reasons import DecisionName, WorkflowCondition
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla.core.conditions import find_condition
from idla.core.objects import read_as
from idla.core.workflow.comparison import pair_reports
from idla.core.workflow.results import find_variant
from idla.report.exit_status import ExitCode, exit_code_of

Document = dict[str, Any]
_INTERRUPTED = "Interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The answers of the tasks."""

    profile: DataProfile | None
    trainings: Mapping[str, TrainReport]
    """By template, in the order of the plan; each with the score by which it was chosen or not."""
    comparisons: Mapping[str, Comparison]
    """By template; empty where nothing was compared in pairs."""
    search: SearchReport | None
    compress: CompressReport | None
    refit: RefitReport | None
    evaluate: EvaluateReport | None


def document_of(name: str, status: TrainingWorkflowStatus, *, metric: str, store: Path, seconds: float) -> Document:
    """Return the document of `--json`; what was not reached is null.

    Args:
        name: of the workflow.
        status: as the run left it.
        metric: by which quality is counted.
        store: the artifact store.
        seconds: spent.
    """
    found, summary = _answers(status), find_condition(status.conditions, WorkflowCondition.SUCCEEDED)
    code = exit_code_of(status)
    template = _template(status)
    train = found.trainings.get(template or "")
    return {
        "workflow": name,
        "succeeded": summary is not None and summary.status == "True",
        "reason": _INTERRUPTED if summary is None or code is ExitCode.INTERRUPTED else summary.reason,
        "message": _message(code, "" if summary is None else summary.message),
        "exitCode": int(code),
        "template": template,
        "metric": metric,
        "baseline": _baseline(found),
        "validation": _validation(found, train),
        "test": _test(found.evaluate),
        "variant": None if found.compress is None else found.compress.choice,
        "variants": [_variant(entry) for entry in (found.compress.variants if found.compress else ())],
        "unusableVariants": [entry.model_dump() for entry in (found.compress.unusable if found.compress else ())],
        "refit": None if found.refit is None else json.loads(found.refit.to_json()),
        "artifact": _artifact(status, store),
        "candidates": [
            {"template": name, **_training(entry), **_difference(found.comparisons.get(name))}
            for name, entry in found.trainings.items()
        ],
        "trials": _trials(status, found.search),
        "decisions": [entry.to_status() for entry in status.decisions],
        "data": None if status.data is None else status.data.to_status(),
        "plan": None if status.plan is None else status.plan.hash,
        "conditions": [entry.to_status() for entry in status.conditions],
        "tasks": [
            {"name": entry.name, "state": entry.state, "cached": entry.cached, "message": entry.message}
            for entry in status.tasks
        ],
        "seconds": round(seconds, 3),
    }


def _message(code: ExitCode, said: str) -> str:
    if code is not ExitCode.INTERRUPTED:
        return said
    return (
        f"ended before it was done ({said}); the same command goes on"
        if said
        else "ended before it was begun; the same command begins it"
    )


def refusal(message: str, *, reason: str, code: int, seconds: float = 0.0) -> Document:
    """Return the document of a run that could not begin."""
    return {
        "succeeded": False,
        "reason": reason,
        "message": message,
        "exitCode": code,
        "seconds": round(seconds, 3),
    }


def lines_of(document: Document) -> Iterator[str]:
    """Yield the result for people."""
    yield f"{document['reason']}: {document['message']}"
    test, artifact = document["test"], document["artifact"]
    if test is not None:
        yield f"model      {document['template']}, shipped as {document['variant']}"
        yield f"{document['metric']:<10} {test['served']:.4f} on {test['examples']} test examples"
        yield f"           {test['float']:.4f} as the float model"
        yield f"           {document['baseline']['test']:.4f} by the baseline"
    width = max((14, *(len(entry["name"]) for entry in (*document["variants"], *document["unusableVariants"]))))
    for entry in document["variants"]:
        mark = "*" if entry["name"] == document["variant"] else " "
        quality = f"{entry['score']:.4f} on the gate split"
        speed = f"p50 {entry['latencyP50Milliseconds']:.3f} ms"
        yield f"  {mark} {entry['name']:<{width}} {entry['sizeBytes']:>9} bytes  {speed}  {quality}"
    for entry in document["unusableVariants"]:
        yield f"    {entry['name']:<{width}} refused: {entry['message']}"
    refit = document["refit"]
    if refit is not None:
        yield f"refit      {'' if refit['shipped'] else 'not refitted: '}{refit['message']}"
    if artifact is not None:
        yield f"artifact   {artifact['path']}"
        yield f"           {artifact['digest']}"


def _answers(status: TrainingWorkflowStatus) -> _Found:
    results = [result for entry in status.tasks if entry.result and (result := read_as(TaskResult, entry.result))]
    last = {
        name: next((found for result in reversed(results) if (found := getattr(result, name)) is not None), None)
        for name in ("profile", "search", "select", "compress", "refit", "evaluate")
    }
    trainings = {result.train.template: result.train for result in results if result.train is not None}
    told = last.pop("select")
    compared = None if told is None else pair_reports(trainings, told)
    if compared is None:
        return _Found(trainings=trainings, comparisons={}, **last)
    return _Found(trainings=compared.reports, comparisons=compared.comparisons, **last)


def _template(status: TrainingWorkflowStatus) -> str | None:
    chosen = status.decision(DecisionName.MODEL_SELECTION)
    return None if chosen is None else chosen.choice


def _baseline(found: _Found) -> Document | None:
    if found.profile is None:
        return None
    return {
        "validation": found.profile.baseline_score,
        "test": None if found.evaluate is None else found.evaluate.baseline_score,
    }


def _validation(found: _Found, train: TrainReport | None) -> Document | None:
    if train is None:
        return None
    chosen = None if found.compress is None else find_variant(found.compress, found.compress.choice)
    plain = None if found.compress is None else find_variant(found.compress, FLOAT)
    return {
        "float": train.validation_score,
        "standardError": train.validation_score_error,
        "served": None if chosen is None else chosen.gate_score,
        "floatOnGate": None if plain is None else plain.gate_score,
        "examples": None if found.profile is None else found.profile.validation_examples,
        "gateExamples": None if found.profile is None else found.profile.gate_examples,
    }


def _test(evaluate: EvaluateReport | None) -> Document | None:
    if evaluate is None:
        return None
    return {
        "float": evaluate.float_score,
        "served": evaluate.served_score,
        "servedInterval": list(evaluate.served_score_interval),
        "examples": evaluate.test_examples,
        "floatMetrics": dict(evaluate.float_metrics),
        "servedMetrics": dict(evaluate.served_metrics),
    }


def _variant(entry: Variant) -> Document:
    return {
        "name": entry.name,
        "score": entry.gate_score,
        "drop": entry.gate_drop,
        "dropInterval": list(entry.gate_drop_interval),
        "sizeBytes": entry.size_bytes,
        "latencyP50Milliseconds": entry.latency_p50_milliseconds,
        "latencyP95Milliseconds": entry.latency_p95_milliseconds,
        "passed": entry.passed,
        "message": entry.message,
    }


def _training(entry: TrainReport | TrialReport) -> Document:
    """Return how far a training came, by the validation split alone."""
    return {
        "score": entry.validation_score,
        "standardError": entry.validation_score_error,
        "parameters": entry.parameters,
        "epochs": entry.epochs,
        "stopped": entry.stopped,
        "seconds": entry.seconds,
    }


def _difference(compared: Comparison | None) -> Document:
    """Return how a candidate does beside the best one, on the same examples; null where nothing was compared."""
    return {
        "drop": None if compared is None else compared.drop,
        "dropInterval": None if compared is None else list(compared.drop_interval),
    }


def _trials(status: TrainingWorkflowStatus, found: SearchReport | None) -> list[Document]:
    """Return what competed in a search, the winner marked; empty where every candidate was trained to its end."""
    search = None if status.plan is None else status.plan.search
    if search is None or found is None or len(found.trials) != len(search.trials):
        return []
    return [
        {
            "template": trial.template,
            "settings": json.loads(trial.settings),
            "won": place == found.winner,
            "rung": came.rung,
            "failure": came.failure,
            **_training(came),
        }
        for place, (trial, came) in enumerate(zip(search.trials, found.trials, strict=True))
    ]


def _artifact(status: TrainingWorkflowStatus, store: Path) -> Document | None:
    if status.artifact is None:
        return None
    return {
        "path": str(store / artifact_folder(status.artifact.digest)),
        "uri": status.artifact.uri,
        "digest": status.artifact.digest,
        "sizeBytes": status.artifact.size_bytes,
        "lineage": None if status.artifact.lineage is None else status.artifact.lineage.to_status(),
    }
