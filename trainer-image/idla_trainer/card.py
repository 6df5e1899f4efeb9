"""The model card (Mitchell et al., 2019) of an artifact: what it was made from, what it reached, what nobody tested.

It is part of the artifact, whose digest equal work makes again. So nothing stands here that another run changes: no
name of a workflow, no time, no latency, no duration; those stand in the workflow's `status`.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from idla_contract.artifact import ArtifactManifest
from idla_contract.problem import Metric, TaskType
from idla_contract.result import CompressReport, EvaluateReport, RefitReport
from idla_contract.task import Selection, TaskSpec
from idla_store.errors import shown

from idla_trainer.data.dataset import Dataset

_SHOWN = 50
"""Classes and inputs that are named."""
_LONGEST = 300
_SMALL = 0.1
_MARKUP = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a card tells of."""

    spec: TaskSpec
    dataset: Dataset
    manifest: ArtifactManifest
    """Or its draft."""
    selection: Selection | None
    compress: CompressReport | None
    evaluate: EvaluateReport
    refit: RefitReport | None = None


def render_card(told: Told) -> str:
    """Return the card as Markdown; equal facts have equal cards."""
    manifest, problem = told.manifest, told.spec.problem
    title = f"# Model card: {plain(manifest.lineage.template)} for {problem.type}"
    summary = f"Shipped as {manifest.variant}: {_PURPOSE[problem.type]}"
    parts: dict[str, Iterable[str]] = {
        "Inputs and answers": _border(manifest),
        "Data": _data(told),
        "Choice": itertools.chain(_choice(told.selection), _again(told.refit)),
        "Quality": _quality(told.evaluate),
        "Size": _sizes(told.compress),
        "Limits": _limits(told),
        "How it was made": _making(manifest),
    }
    sections = ["\n".join((f"## {name}", "", *lines)) for name, lines in parts.items()]
    return "\n\n".join((title, summary, *sections)) + "\n"


def plain(text: str) -> str:
    """Return a text of somebody else's as one bounded line that is read as it stands, without marks and tags."""
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
    cut = line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
    return cut.translate(_MARKUP)


def figure(value: float) -> str:
    """Return a figure with four digits, of a small one four that tell something."""
    return f"{value:.4f}" if abs(value) >= _SMALL or value == 0 else f"{value:.4g}"


_PURPOSE: Mapping[TaskType, str] = {
    TaskType.IMAGE_CLASSIFICATION: "it names the one class of an image.",
    TaskType.TEXT_CLASSIFICATION: "it names the one class of a text.",
    TaskType.INTENT_DETECTION: "it names what a person wants by a sentence, or says that it is out of scope.",
    TaskType.RECOMMENDATION: "it predicts what users think of items.",
    TaskType.TABULAR_CLASSIFICATION: "it gives the probability of each class of a record.",
    TaskType.TABULAR_REGRESSION: "it predicts a number for a record.",
    TaskType.FORECASTING: "it predicts the next steps of many series, with quantiles.",
}
_UNTESTED: Mapping[TaskType, str] = {
    TaskType.IMAGE_CLASSIFICATION: "images of other cameras, sizes or light, and images of none of the classes: it "
    "names a class for whatever it is shown",
    TaskType.TEXT_CLASSIFICATION: "other languages and topics than those of the data, and texts of none of the classes",
    TaskType.INTENT_DETECTION: "other languages than those of the data; the refusal was set on intents of these data",
    TaskType.RECOMMENDATION: "whether people like what it names when it is shown to them, and users and items that "
    "came later",
    TaskType.TABULAR_CLASSIFICATION: "records of other places, devices or times; it is no medical device",
    TaskType.TABULAR_REGRESSION: "records of other places, devices or times, and numbers beyond those of the data",
    TaskType.FORECASTING: "other sensors, and events that the training rows do not have; the test rows are one period "
    "after the training, not many",
}


def _border(manifest: ArtifactManifest) -> Iterator[str]:
    for name, tensors in (("takes", manifest.inputs), ("answers", manifest.outputs)):
        shown = [plain(f"{entry.name} {entry.datatype} {list(entry.shape)}") for entry in tensors[:_SHOWN]]
        yield f"- {name}: {', '.join(shown)}{_more(tensors)} (-1 is any length)"
    if manifest.labels:
        yield f"- classes: {', '.join(map(plain, manifest.labels[:_SHOWN]))}{_more(manifest.labels)}"


def _more(entries: Sequence[object]) -> str:
    return f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""


def _data(told: Told) -> Iterator[str]:
    source, dataset = told.spec.data, told.dataset
    parts = dataset.parts
    yield f"- address: {plain(shown(source.uri))}"
    yield f"- digest: {dataset.digest}"
    if source.test_uri is not None:
        yield f"- test file: {plain(shown(source.test_uri))}"
        yield f"- its digest: {dataset.test_digest or source.test_digest or 'unknown'}"
    yield f"- examples: {len(dataset.targets)}, {_shares(told)}"
    yield (
        f"- {len(parts.train)} to train, {len(parts.validation)} to choose by, {len(parts.gate)} to judge the "
        f"compression, {len(parts.test)} to test"
    )
    for name, value in sorted(dataset.facts.items()):
        yield f"- {plain(name)}: {plain(value) if isinstance(value, str) else f'{value:g}'}"
    for warning in dataset.warnings:
        yield f"- note: {plain(warning)}"


def _shares(told: Told) -> str:
    source, shares = told.spec.data, told.spec.data.split
    in_time = told.spec.problem.type is TaskType.FORECASTING
    how = "cut in the order of time" if in_time else f"split by the seed {shares.seed}"
    others = "all but those of the test" if told.dataset.test_given else "those of the first file"
    if told.dataset.test_given or source.test_uri is not None:
        return f"{others} {how} in shares of {shares.train_percent} to {shares.validation_percent}"
    return f"{how} into {shares.train_percent}, {shares.validation_percent} and {shares.test_percent} percent"


def _choice(selection: Selection | None) -> Iterator[str]:
    yield "By the validation split alone:"
    yield ""
    if selection is None:
        yield "- not told to the pod that made this card"
        return
    yield f"- chosen ({plain(selection.reason)}): {plain(selection.figures)}"
    for entry in selection.rejected:
        figures = f": {plain(entry.figures)}" if entry.figures else ""
        yield f"- not {plain(entry.template)} ({plain(entry.reason)}){figures}"


def _again(refit: RefitReport | None) -> Iterator[str]:
    """Tell what became of learning from all but the test split, without how long it took."""
    if refit is None:
        return
    yield ""
    if refit.shipped:
        yield (
            f"After every choice the chosen network was {plain(refit.message)}: nothing held out can judge it but the "
            "test split."
        )
    else:
        yield "The chosen network was not trained again on more examples: the gated model is the published one."


def _quality(report: EvaluateReport) -> Iterator[str]:
    low, high = report.served_score_interval
    more = "more" if report.metric.maximized else "less"
    yield (
        f"On {report.test_examples} test examples, touched once after every choice: **{report.metric} "
        f"{figure(report.served_score)}**, 95 % interval {figure(low)} to {figure(high)} ({more} is better)."
    )
    yield ""
    yield "| metric | served | float | baseline |"
    yield "|---|---|---|---|"
    names = [report.metric.value, *sorted(set(report.served_metrics) - {report.metric.value})]
    for name in names:
        chosen = name == report.metric.value
        served = report.served_score if chosen else report.served_metrics[name]
        whole = report.float_score if chosen else report.float_metrics.get(name)
        naive = figure(report.baseline_score) if chosen else ""
        yield f"| {plain(name)} | {figure(served)} | {'' if whole is None else figure(whole)} | {naive} |"


def _sizes(compress: CompressReport | None) -> Iterator[str]:
    if compress is None:
        return
    yield "| variant | bytes | score on the gate split | loss against Float32, paired 95 % interval | |"
    yield "|---|---|---|---|---|"
    for entry in compress.variants:
        low, high = entry.gate_drop_interval
        loss = f"{entry.gate_drop:.4f} \\[{low:.4f}, {high:.4f}\\]"
        end = "shipped" if entry.name == compress.choice else "passed" if entry.passed else "did not pass"
        yield f"| {plain(entry.name)} | {entry.size_bytes} | {figure(entry.gate_score)} | {loss} | {end} |"


def _limits(told: Told) -> Iterator[str]:
    kind, report = told.spec.problem.type, told.evaluate
    yield f"- The figures speak of examples like the {report.test_examples} of the test split, drawn as they were."
    yield f"- Not tested: {_UNTESTED[kind]}."
    yield "- Not tested: inputs that somebody made to mislead it, and data that change with time."
    groups = told.spec.data.columns.categorical
    if kind is TaskType.TABULAR_CLASSIFICATION and groups:
        yield "- Groups of people: as far as the table above has a row for them; others were not compared."
    else:
        yield "- Groups of people were not compared: whether it serves all of them alike is not known."
    if Metric.LOG_LOSS.value in report.served_metrics:
        found = report.served_metrics.get("calibrationError")
        error = "" if found is None else f"; on the test split they are {figure(found)} off on average"
        yield f"- Probabilities were calibrated on the validation split{error}."


def _making(manifest: ArtifactManifest) -> Iterator[str]:
    lineage = manifest.lineage
    yield f"- image: {plain(lineage.image)}"
    yield f"- seed: {lineage.seed}"
    yield f"- idla-trainer {plain(lineage.code_version)}, TensorFlow {plain(lineage.tensorflow_version)}"
    for name, value in sorted(lineage.environment.items()):
        yield f"- {plain(name)}: {plain(value)}"
    if manifest.made_with is not None:
        yield f"- builder: {plain(manifest.made_with.builder)}"
        settings = (("hyperparameters", manifest.made_with.hyperparameters), ("training", manifest.made_with.training))
        for name, values in settings:
            yield f"- {name}: {plain_json(values)}"


def plain_json(values: Mapping[str, object]) -> str:
    """Return settings in one line."""
    return ", ".join(f"{plain(name)} {plain(json.dumps(value, sort_keys=True))}" for name, value in values.items())
