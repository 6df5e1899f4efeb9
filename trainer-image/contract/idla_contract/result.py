"""What a task answers: whole in the store, shortened in the termination message."""

import json
import operator
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from idla_contract.base import ContractModel
from idla_contract.choice import SelectReport
from idla_contract.columns import MOST_COLUMNS, ColumnProfile
from idla_contract.lineage import Lineage
from idla_contract.names import Digest
from idla_contract.paths import TERMINATION_LIMIT
from idla_contract.problem import Metric


class FailureReason(StrEnum):
    """Why a task cannot go on; each is a reason of a condition in the workflow's status."""

    DATA_NOT_FOUND = "DataNotFound"
    DATA_UNREACHABLE = "DataUnreachable"
    DATA_DIGEST_MISMATCH = "DataDigestMismatch"
    DATA_REFUSED = "DataRefused"
    """The URI is malformed or points where it may not."""
    DATA_INVALID = "DataInvalid"
    """Unreadable, wrong shape, missing label column, unknown format."""
    DATA_EMPTY = "DataEmpty"
    SINGLE_CLASS = "SingleClass"
    NOT_FINITE = "NotFinite"
    """NaN or infinite pixels."""
    TOO_FEW_EXAMPLES = "TooFewExamples"
    SPEC_INVALID = "SpecInvalid"
    """An unknown builder or hyperparameter, or a value that the trainer cannot work with."""
    DIVERGED = "Diverged"
    OUT_OF_MEMORY = "OutOfMemory"
    STORE_UNAVAILABLE = "StoreUnavailable"
    GATE_FAILED = "GateFailed"
    CONSTRAINT_UNMET = "ConstraintUnmet"
    VERIFICATION_FAILED = "VerificationFailed"
    ARTIFACT_NOT_FOUND = "ArtifactNotFound"
    ARTIFACT_UNREACHABLE = "ArtifactUnreachable"
    ARTIFACT_DIGEST_MISMATCH = "ArtifactDigestMismatch"
    ARTIFACT_INVALID = "ArtifactInvalid"
    """Refused address, unreadable manifest, or golden inputs that are not answered as promised."""
    INTERNAL = "InternalError"


class Failure(ContractModel):
    """One clear answer: the reason, what was found, and what to do."""

    reason: FailureReason
    message: str = Field(max_length=1024)


class DataProfile(ContractModel):
    """What the data look like."""

    digest: Digest
    test_digest: Digest | None = None
    """Of the test file, where there is one."""
    examples: int
    shape: tuple[int, ...]
    """Of one example, e.g. [height, width, channels]; empty where it has none."""
    facts: dict[str, float | int | str] = Field(default_factory=dict, max_length=16)
    """What else is worth knowing, e.g. the largest pixel, the number of users, the share of missing values."""
    classes: tuple[str, ...]
    """In the order of the model's outputs; empty where nothing is classified."""
    class_counts: tuple[int, ...]
    train_examples: int
    validation_examples: int
    gate_examples: int
    test_examples: int
    metric: Metric = Metric.ACCURACY
    baseline_score: float
    """What the baseline reaches on the validation split: largest class, mean, popularity or persistence."""
    warnings: tuple[str, ...] = ()
    columns: Annotated[tuple[ColumnProfile, ...], Field(max_length=MOST_COLUMNS)] = Field(
        default=(), exclude_if=operator.not_
    )
    """How each column was understood, in the order of the file; the first ones where there are many."""
    column_count: int = Field(default=0, exclude_if=operator.not_)
    """Columns of the file."""


class Epoch(ContractModel):
    """One point of the training curve."""

    train_loss: float
    validation_loss: float
    validation_score: float
    seconds: float


class TrainReport(ContractModel):
    """What one candidate reached on the validation split."""

    template: str
    metric: Metric = Metric.ACCURACY
    parameters: int
    epochs: int
    best_epoch: int
    """Counted from 1; 0: the closed form that the training began with."""
    stopped: str
    """`EarlyStopping`, `MaxEpochs` or `Budget`."""
    validation_score: float
    validation_score_error: float
    """Standard error of the score on this split."""
    validation_loss: float
    seconds: float
    """Wall time over all attempts."""
    examples_per_second: float
    epoch_seconds: float = Field(default=0.0, ge=0)
    """Wall time of an epoch as the last ones took it, with the look at the validation split; 0: not known."""
    resumed: int = 0
    """How often it went on from a checkpoint."""
    curve: tuple[Epoch, ...] = ()


class TrialReport(ContractModel):
    """How far a trial of a search came; figures are of the validation split alone."""

    rung: int = 0
    """The last one that it was trained for, counted from 1."""
    epochs: int = 0
    parameters: int = 0
    validation_score: float = 0.0
    validation_score_error: float = 0.0
    """Standard error of the score on this split."""
    validation_loss: float = 0.0
    seconds: float = 0.0
    stopped: str = Field(default="", max_length=63)
    """As of a `TrainReport`; empty where the trial could have gone on."""
    failure: str = Field(default="", max_length=63)
    """A FailureReason, where the trial could not be trained."""


class SearchReport(ContractModel):
    """What the trials of a search came to; the winner's training is the `train` beside it."""

    winner: int
    """Its place in the step's trials, counted from 0."""
    trials: Annotated[tuple[TrialReport, ...], Field(max_length=16)]
    """In the order of the step's."""
    seconds: float
    """Wall time of all trials."""


class Variant(ContractModel):
    """One way to ship the network, measured in the served format on the served runtime."""

    name: str
    """`Float32` or a compression method."""
    size_bytes: int
    gate_score: float
    gate_drop: float
    """Loss of quality against the float baseline on the same examples, negative is a gain: of a share the difference,
    of an error its growth in relation to the baseline's."""
    gate_drop_interval: tuple[float, float]
    """Paired 95 % interval of the drop."""
    latency_p50_milliseconds: float
    latency_p95_milliseconds: float
    pareto: bool = False
    """Whether no other variant is at least as good in quality, size and latency and better in one of them."""
    passed: bool
    message: str
    """Why it passed, failed, or was not kept."""


class Retraining(ContractModel):
    """A training that is over: of how many epochs the best one was which."""

    epochs: int = Field(ge=0)
    """Over which its learning rate went."""
    best_epoch: int = Field(ge=0)
    """Counted from 1; 0: the network as it came."""


class Making(ContractModel):
    """How the shipped network came from the trained one; each part is null where nothing was done."""

    further: Retraining | None = None
    """The trained network learned on."""
    keep_percent: int | None = Field(default=None, ge=1, le=100)
    """Share of its channels that stayed."""
    smaller: Retraining | None = None
    """The network with fewer channels learned from it."""
    rounded: Retraining | None = None
    """And that the network learned to be rounded."""


class UnusableVariant(ContractModel):
    """A way to ship the network that cannot be measured."""

    name: str
    message: str = Field(max_length=200)
    """Why no server could answer with it."""


FLOAT = "Float32"
"""The variant that is not compressed."""


class CompressReason(StrEnum):
    """Why a variant was chosen."""

    GATE_PASSED = "GatePassed"
    """A compressed variant loses no more than allowed."""
    KEPT_UNCOMPRESSED = "KeptUncompressed"
    """No compressed variant passed the gate or was better."""
    OFF = "Off"
    """No method was asked for, or none fits the model."""


class CompressReport(ContractModel):
    """The variants and the choice between them."""

    choice: str
    reason: str
    """One of `CompressReason`."""
    variants: tuple[Variant, ...]
    unusable: tuple[UnusableVariant, ...] = Field(default=(), max_length=8)
    """Variants that could not be made, or that no server could load."""
    unpruned: tuple[str, ...] = Field(default=(), max_length=8)
    """Layers whose channels could not be followed, and why."""
    making: Making = Making()
    """Of the choice."""


class RefitReport(ContractModel):
    """What became of making the choice again from more examples."""

    shipped: bool
    """Whether what was made is shipped; else it is what Compress made."""
    examples: int = Field(ge=0)
    """That it learned from."""
    message: str = Field(max_length=1024)


class EvaluateReport(ContractModel):
    """Quality on the test split, touched once."""

    metric: Metric = Metric.ACCURACY
    test_examples: int
    float_score: float
    served_score: float
    served_score_interval: tuple[float, float]
    """95 % interval: Wilson's for accuracy, else of 1,000 bootstrap samples."""
    baseline_score: float
    """Of the baseline."""
    served_correct: int | None = None
    """Right answers, where answers are right or wrong."""
    float_metrics: dict[str, float] = Field(default_factory=dict, max_length=32)
    """Every metric of the task that the float model has on the same examples."""
    served_metrics: dict[str, float] = Field(default_factory=dict, max_length=32)
    """And the served one."""


class ArtifactRef(ContractModel):
    """A published artifact."""

    uri: str
    digest: Digest
    """Of the bytes of `manifest.json`, which lists the digest of every other file."""
    size_bytes: int
    lineage: Lineage | None = None
    """As the manifest has it."""


class StepResult(ContractModel):
    """How one step of the task ended."""

    kind: str
    seconds: float
    cached: bool = False


class TaskResult(ContractModel):
    """A task's answer; absent parts belong to steps that it did not have or did not reach."""

    task: str
    content_hash: str
    steps: tuple[StepResult, ...] = ()
    failure: Failure | None = None
    profile: DataProfile | None = None
    train: TrainReport | None = None
    search: SearchReport | None = None
    select: SelectReport | None = None
    compress: CompressReport | None = None
    refit: RefitReport | None = None
    evaluate: EvaluateReport | None = None
    artifact: ArtifactRef | None = None

    def shortened(self, limit: int = TERMINATION_LIMIT) -> "TaskResult":
        """Return this result with as little removed as makes its JSON at most `limit` bytes.

        Removed in this order until it fits: the training curve, the names and counts of the classes, the step timings,
        examples and notes of the columns, all columns but the first ones, the variants' messages with the layers that
        kept their channels, the artifact's lineage, the ends of the profile's warnings, the columns, the end of the
        failure's message, the warnings, the profile and the variants. At last only the failure and the artifact stay,
        with texts cut. That fits into 2 KiB, and nothing is ever raised: a container that has an answer must be able
        to give it.
        """
        result = self
        for cut in _CUTS:
            if len(result.to_json().encode()) <= limit:
                return result
            result = cut(result)
        return result


def _changed(result: TaskResult, part: str, **update: object) -> TaskResult:
    """Return a result with other values in one of its parts, where it has that part."""
    found = getattr(result, part)
    return result if found is None else result.model_copy(update={part: found.model_copy(update=update)})


def _columns(result: TaskResult) -> tuple[ColumnProfile, ...]:
    return () if result.profile is None else result.profile.columns


def _with_one_example(result: TaskResult) -> TaskResult:
    short = (column.model_copy(update={"examples": column.examples[:1]}) for column in _columns(result))
    return _changed(result, "profile", columns=tuple(short))


def _without_examples(result: TaskResult) -> TaskResult:
    short = (column.model_copy(update={"examples": (), "note": ""}) for column in _columns(result))
    return _changed(result, "profile", columns=tuple(short))


def _with_short_warnings(result: TaskResult) -> TaskResult:
    warnings = () if result.profile is None else result.profile.warnings
    return _changed(result, "profile", warnings=tuple(cut_text(warning, _SHORT) for warning in warnings))


def _without_variant_messages(result: TaskResult) -> TaskResult:
    variants = () if result.compress is None else result.compress.variants
    silent = tuple(variant.model_copy(update={"message": ""}) for variant in variants)
    return _changed(result, "compress", variants=silent, unusable=(), unpruned=())


def _with_short_failure(result: TaskResult) -> TaskResult:
    message = "" if result.failure is None else cut_text(result.failure.message, _SHORT)
    return _changed(result, "failure", message=message)


def _bare(result: TaskResult) -> TaskResult:
    """Keep the answer alone: what failed, or what was made."""
    artifact = result.artifact
    if artifact is not None and _json_size(artifact.uri) > _URI:
        artifact = None
    return TaskResult(
        task=cut_text(result.task, _NAME),
        content_hash=cut_text(result.content_hash, _NAME),
        failure=result.failure,
        artifact=artifact,
    )


_SHORT, _FEW_COLUMNS, _NAME = 300, 16, 64
_URI = 512
"""More than any `pvc://` address of an artifact has."""
_CUTS: tuple[Callable[[TaskResult], TaskResult], ...] = (
    lambda result: _changed(result, "train", curve=()),
    lambda result: _changed(result, "profile", classes=(), class_counts=()),
    lambda result: result.model_copy(update={"steps": ()}),
    _with_one_example,
    _without_examples,
    lambda result: _changed(result, "profile", columns=_columns(result)[:_FEW_COLUMNS]),
    _without_variant_messages,
    lambda result: _changed(result, "artifact", lineage=None),
    _with_short_warnings,
    lambda result: _changed(result, "profile", columns=()),
    _with_short_failure,
    lambda result: _changed(result, "profile", warnings=()),
    lambda result: result.model_copy(update={"profile": None, "compress": None, "refit": None}),
    _bare,
)


def cut_text(text: str, limit: int) -> str:
    """Return the text, or its beginning with `...`, such that it has at most `limit` bytes inside a JSON document."""
    if _json_size(text) <= limit:
        return text
    size, kept = len("..."), 0
    for character in text:
        size += _json_size(character)
        if size > limit:
            break
        kept += 1
    return text[:kept] + "..."


def _json_size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2
