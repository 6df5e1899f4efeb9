"""TrainingWorkflow: from data and a target to a published artifact."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from idla_contract.task import CompressionMethod, DataFormat, OnGateFailure
from pydantic import Field, model_validator

from idla.api.meta import (
    Conditions,
    Decimal,
    Digest,
    Distinct,
    Flag,
    Keyed,
    Label,
    Name,
    ObjectName,
    Quantity,
    Reason,
    Rule,
    Share,
    SpecModel,
    StatusModel,
    Text,
    Timestamp,
    Whole,
)
from idla.api.quantity import parse_quantity
from idla.api.resources import Resources
from idla.api.uri import CLAIM_URI, check_claim_uri

KIND = "TrainingWorkflow"
PLURAL = "trainingworkflows"
APPROVED_PLAN = "idla.dev/approved-plan"
"""The annotation by which a person approves a plan; its value is `status.plan.hash`."""


class Approval(StrEnum):
    """Who lets the plan run."""

    AUTO = "Auto"
    """Nobody has to."""
    MANUAL = "Manual"
    """It waits for the annotation `idla.dev/approved-plan` with the plan's hash."""
    PLAN_ONLY = "PlanOnly"
    """The data are profiled, the plan is shown, nothing is trained."""


class TaskType(StrEnum):
    """What the model has to do."""

    IMAGE_CLASSIFICATION = "ImageClassification"


class ObjectiveMetric(StrEnum):
    """What is maximized."""

    ACCURACY = "accuracy"


class ConstraintMetric(StrEnum):
    """What must hold on the shipped model."""

    LATENCY = "latencyP95Milliseconds"
    """95th percentile of one prediction in the served format on one core of the training pod's node."""
    SIZE = "modelSizeMebibytes"
    """Size of the served model file."""


class Selection(StrEnum):
    """How the model is chosen."""

    AUTO = "Auto"
    """Among all templates for the task."""
    SHORTLIST = "Shortlist"
    """Among `templateRefs`."""
    PINNED = "Pinned"
    """The one entry of `templateRefs`."""


class CompressionMode(StrEnum):
    """Whether the model is compressed."""

    OFF = "Off"
    AUTO = "Auto"


class Verdict(StrEnum):
    """What the gate compares with the tolerance."""

    MEASURED = "Measured"
    """The measured loss."""
    NON_INFERIORITY = "NonInferiority"
    """The upper bound of the loss's paired 95 % interval."""


class DeploymentMode(StrEnum):
    """Whether the workflow keeps a ModelDeployment."""

    NONE = "None"
    CREATE_OR_UPDATE = "CreateOrUpdate"


class TaskSettings(SpecModel):
    """What the model has to do."""

    type: TaskType
    """The kind of task."""


class SplitSettings(SpecModel):
    """Shares of the examples, stratified by label; they add up to 100."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="self.trainPercent + self.validationPercent + self.testPercent == 100",
            message="`trainPercent`, `validationPercent` and `testPercent` must add up to 100",
        ),
    )

    train_percent: Whole = Field(ge=1, le=98)
    """Share that models learn from."""
    validation_percent: Whole = Field(ge=1, le=98)
    """Share that decides between models and when to stop; part of it judges the compression."""
    test_percent: Whole = Field(ge=1, le=98)
    """Share that is touched once, after every choice."""
    seed: Whole | None = Field(default=None, ge=0, le=2147483647)
    """Seed of the shuffle. Default: 42."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.train_percent + self.validation_percent + self.test_percent != 100:  # noqa: PLR2004  # percent
            raise ValueError(self.cel[0].message)
        return self


class DataSettings(SpecModel):
    """Where the examples are."""

    cel: ClassVar[tuple[Rule, ...]] = (
        CLAIM_URI,
        Rule(
            rule="!has(self.labelColumn) || !has(self.format) || self.format != 'NPZ'",
            message="`labelColumn` is for CSV; NPZ has the labels in its array `y`",
        ),
    )

    storage_uri: str = Field(pattern=r"^(sample|pvc|https)://[^\s]+$", max_length=2048)
    """`sample://name`, `pvc://claim/path` or `https://host/path`."""
    format: DataFormat | None = None
    """How the file is read. Default: by its ending."""
    label_column: str | None = Field(default=None, min_length=1, max_length=253)
    """CSV column of the label. Default: `label`, else the last one."""
    digest: Digest | None = None
    """Digest that the data must have; without it, the digest found is written to `status.data`."""
    split: SplitSettings | None = None
    """Shares for training, validation and test. Default: 64, 16 and 20 percent."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_claim_uri(self.storage_uri)
        if self.label_column is not None and self.format is DataFormat.NPZ:
            raise ValueError(self.cel[1].message)
        return self


class Objective(SpecModel):
    """A quality to reach."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(rule="has(self.target) || has(self.minimum)", message="give `target`, `minimum` or both"),
        Rule(
            rule="!has(self.minimum) || !has(self.target) || double(self.minimum) <= double(self.target)",
            message="`minimum` must not be above `target`",
        ),
    )

    metric: ObjectiveMetric
    """What is measured."""
    target: Share | None = None
    """What to reach, from 0 to 1, e.g. "0.97"."""
    minimum: Share | None = None
    """The least that is published. Default: the target."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.target is None and self.minimum is None:
            raise ValueError(self.cel[0].message)
        if self.target is not None and self.minimum is not None and float(self.minimum) > float(self.target):
            raise ValueError(self.cel[1].message)
        return self


class Constraint(SpecModel):
    """A limit that the shipped model keeps."""

    metric: ConstraintMetric
    """What is limited."""
    maximum: Decimal
    """The most that is accepted, e.g. "20"."""


class ModelSettings(SpecModel):
    """Which models compete."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule=(
                "!has(self.selection) || self.selection == 'Auto' ? !has(self.templateRefs) : has(self.templateRefs)"
                " && (self.selection != 'Pinned' || size(self.templateRefs) == 1)"
            ),
            message="`selection: Auto` takes no `templateRefs`, `Shortlist` at least one, `Pinned` exactly one",
        ),
    )

    selection: Selection | None = None
    """How the model is chosen. Default: Auto."""
    template_refs: Annotated[tuple[ObjectName, ...], Field(min_length=1, max_length=8), Keyed("name")] | None = None
    """ModelTemplates that compete."""
    max_candidates: Whole | None = Field(default=None, ge=1, le=8)
    """How many are trained at most. Default: 3."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        count = len(self.template_refs or ())
        allowed = {Selection.AUTO: count == 0, Selection.SHORTLIST: count >= 1, Selection.PINNED: count == 1}
        if not allowed[self.selection or Selection.AUTO]:
            raise ValueError(self.cel[0].message)
        return self


class EarlyStoppingSettings(SpecModel):
    """When a training that no longer learns ends."""

    patience_epochs: Whole | None = Field(default=None, ge=1, le=1000)
    """Epochs without a lower validation loss. Default: 8."""
    min_delta: Share | None = None
    """Smallest fall of the loss that counts. Default: 0."""


class TrainingSettings(SpecModel):
    """How each candidate is trained."""

    max_epochs: Whole | None = Field(default=None, ge=1, le=10000)
    """Passes over the training examples at most. Default: the template's."""
    batch_size: Whole | None = Field(default=None, ge=1, le=65536)
    """Examples a step. Default: the template's."""
    learning_rate: Decimal | None = None
    """Peak of the schedule, e.g. "0.002". Default: the template's."""
    seed: Whole | None = Field(default=None, ge=0, le=2147483647)
    """Seed of weights and order. Default: 1."""
    early_stopping: EarlyStoppingSettings | None = None
    """When a training that no longer learns ends."""
    checkpoint_period_seconds: Whole | None = Field(default=None, ge=1, le=86400)
    """Training time that a killed pod may lose at most. Default: 30."""
    backoff_limit: Whole | None = Field(default=None, ge=0, le=20)
    """Repetitions of a task after failures that a repetition can mend. Default: 3."""


class GateSettings(SpecModel):
    """What a compressed variant may lose, on the same examples as the float model."""

    maximum_drop: Share | None = None
    """Absolute loss of accuracy that is still accepted. Default: "0.01"."""
    verdict: Verdict | None = None
    """What is compared with it. Default: Measured."""


class CompressionSettings(SpecModel):
    """How the served model is made smaller and faster."""

    mode: CompressionMode | None = None
    """Whether it is. Default: Auto."""
    methods: (
        Annotated[
            tuple[CompressionMethod, ...],
            Field(min_length=1, max_length=8),
            Distinct(),
        ]
        | None
    ) = None
    """What is tried. Default: what the template supports."""
    gate: GateSettings | None = None
    """What a variant may lose."""
    on_gate_failure: OnGateFailure | None = None
    """What happens when no variant passes. Default: KeepUncompressed."""


class OutputSettings(SpecModel):
    """Where artifacts are kept."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="!has(self.storageUri) || (!has(self.storageClassName) && !has(self.size))",
            message="`storageUri` names an existing claim; `storageClassName` and `size` are for a claim that is made",
        ),
        Rule(
            rule="!has(self.size) || quantity(self.size).compareTo(quantity('1Mi')) >= 0",
            message="`size` must be at least 1Mi",
        ),
    )

    storage_uri: str | None = Field(default=None, pattern=r"^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=259)
    """`pvc://claim`: an existing claim. Default: a claim `<workflow>-artifacts` is made and outlives the workflow."""
    storage_class_name: Name | None = None
    """Class of the claim that is made. Default: the cluster's."""
    size: Quantity | None = None
    """Size of the claim that is made. Default: 2Gi."""

    @model_validator(mode="after")
    def _exclusive(self) -> Self:
        if self.storage_uri is not None and (self.storage_class_name is not None or self.size is not None):
            raise ValueError(self.cel[0].message)
        if self.size is not None and parse_quantity(self.size) < parse_quantity("1Mi"):
            raise ValueError(self.cel[1].message)
        return self


class DeploymentSettings(SpecModel):
    """Whether and how the artifact is served."""

    mode: DeploymentMode
    """`CreateOrUpdate` keeps a ModelDeployment that follows this workflow and outlives it."""
    name: Label | None = None
    """Its name. Default: the workflow's."""
    replicas: Whole | None = Field(default=None, ge=1, le=100)
    """Serving pods. Default: 1."""


class TrainingWorkflowSpec(SpecModel):
    """What a model must achieve, on which data, within which limits."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="self.task == oldSelf.task",
            message="`task` cannot be changed; create another TrainingWorkflow for another task",
        ),
    )

    task: TaskSettings
    """What the model has to do; it cannot be changed."""
    data: DataSettings
    """Where the examples are."""
    suspend: Flag = False
    """Whether work is held back: running pods write a checkpoint and end, and go on from it later. Default: false."""
    approval: Approval | None = None
    """Who lets the plan run. Default: Auto."""
    objectives: Annotated[tuple[Objective, ...], Field(max_length=1), Keyed("metric")] | None = None
    """Qualities to reach."""
    constraints: Annotated[tuple[Constraint, ...], Field(max_length=2), Keyed("metric")] | None = None
    """Limits that the shipped model keeps."""
    model: ModelSettings | None = None
    """Which models compete."""
    resources: Resources | None = None
    """What each task's pod asks for; devices are for trainings only. Default: 500m CPU and 1Gi memory, at most 4Gi."""
    training: TrainingSettings | None = None
    """How each candidate is trained."""
    compression: CompressionSettings | None = None
    """How the served model is made smaller and faster."""
    outputs: OutputSettings | None = None
    """Where artifacts are kept."""
    deployment: DeploymentSettings | None = None
    """Whether and how the artifact is served. Default: it is not."""
    active_deadline_seconds: Whole | None = Field(default=None, ge=1, le=31536000)
    """Seconds from `status.startTime` until the work is stopped. Default: no limit."""
    ttl_seconds_after_finished: Whole | None = Field(default=None, ge=0, le=31536000)
    """Seconds from the end until the TrainingWorkflow is deleted; artifacts and endpoint stay. Default: never."""


class BasisStatus(StatusModel):
    """What the tasks of a generation rest on; frozen when the generation was first worked on."""

    image: Annotated[str, Field(max_length=1024)]
    """The trainer image of every task."""
    spec_digest: Annotated[str, Field(max_length=64)]
    """Digest of those parts of the spec that tasks and verdicts depend on."""


class CandidateStatus(StatusModel):
    """A model of the plan as it was frozen when the plan was made."""

    template: Name
    """The ModelTemplate's name."""
    builder: Annotated[str, Field(max_length=63)]
    """What the trainer builds."""
    parameters: int = Field(ge=0)
    """Expected number of weights."""
    hyperparameters: Annotated[str, Field(max_length=16384)]
    """JSON object of the builder's hyperparameters."""
    training: Annotated[str, Field(max_length=4096)]
    """JSON object of the training's settings."""
    methods: Annotated[tuple[CompressionMethod, ...], Field(max_length=8)]
    """Compression methods that will be tried on it."""


class PlannedTaskStatus(StatusModel):
    """A node of the task graph."""

    name: Name
    """The task's name."""
    depends_on: Annotated[tuple[Name, ...], Field(max_length=16)] = ()
    """Tasks whose results it needs."""
    steps: Annotated[tuple[Reason, ...], Field(max_length=8)]
    """What it does, in order."""


class PlanStatus(StatusModel):
    """What will be done; made once for a generation and then followed."""

    hash: Annotated[str, Field(max_length=64)]
    """Changes with the plan; approval names it."""
    image: Annotated[str, Field(max_length=1024)]
    """The trainer image of every task."""
    candidates: Annotated[tuple[CandidateStatus, ...], Field(max_length=8), Keyed("template")]
    """The models that compete."""
    tasks: Annotated[tuple[PlannedTaskStatus, ...], Field(max_length=16), Keyed("name")]
    """The task graph."""


class AlternativeStatus(StatusModel):
    """What was not chosen."""

    choice: Annotated[str, Field(max_length=253)]
    """Its name."""
    reason: Reason
    """Why not, for programs."""
    message: Text
    """Why not, with figures."""


class DecisionStatus(StatusModel):
    """A choice that explains itself."""

    name: Reason
    """What was decided, e.g. `ModelSelection`."""
    choice: Annotated[str, Field(max_length=253)]
    """What was chosen."""
    reason: Reason
    """Why, for programs."""
    message: Text
    """Why, with figures."""
    time: Timestamp
    """When."""
    alternatives: Annotated[tuple[AlternativeStatus, ...], Field(max_length=8)] = ()
    """What was not chosen, and why."""


class MetricStatus(StatusModel):
    """A figure of the running work."""

    name: Annotated[str, Field(max_length=253)]
    """What is measured."""
    value: Annotated[str, Field(max_length=32)]
    """A decimal."""


class ProgressStatus(StatusModel):
    """How far the work is."""

    percent: int = Field(ge=0, le=100)
    """Share of the expected work that is done."""
    current_task: Annotated[str, Field(max_length=1024)] = ""
    """Running tasks, comma-separated."""
    estimated_remaining_seconds: int | None = Field(default=None, ge=0)
    """Expected time to the end; absent while it cannot be known."""
    last_updated_time: Timestamp
    """When this was last measured."""
    metrics: Annotated[tuple[MetricStatus, ...], Field(max_length=32), Keyed("name")] = ()
    """Figures of the running trainings, named `<task>/<figure>`."""


class TaskStatus(StatusModel):
    """How one task stands."""

    name: Name
    """The task's name."""
    state: Reason
    """Pending, Running, Suspended, Succeeded or Failed."""
    content_hash: Annotated[str, Field(max_length=64)]
    """What the result depends on; the key of the artifact store."""
    cached: bool = False
    """Whether its result was found instead of made."""
    attempts: int = Field(default=0, ge=0)
    """Pods that were started for it."""
    job_name: Annotated[str, Field(max_length=253)] | None = None
    """The Job that does it."""
    reason: Reason | None = None
    """Why it waits or failed, for programs."""
    message: Text = ""
    """What it waits for, or how it ended."""
    result: Annotated[str, Field(max_length=4096)] | None = None
    """JSON of the task's answer, so that the loss of its pod loses nothing."""
    start_time: Timestamp | None = None
    """When its Job began."""
    completion_time: Timestamp | None = None
    """When its Job ended."""


class DataStatus(StatusModel):
    """What the data look like."""

    digest: Digest
    """Of the data."""
    examples: int = Field(ge=0)
    """All examples."""
    classes: int = Field(ge=0)
    """Number of labels."""
    shape: Annotated[str, Field(max_length=64)]
    """Of one example, e.g. `8x8x1`."""
    train_examples: int = Field(ge=0)
    """Examples that models learn from."""
    validation_examples: int = Field(ge=0)
    """Examples that decide between models."""
    gate_examples: int = Field(ge=0)
    """Examples that judge the compression."""
    test_examples: int = Field(ge=0)
    """Examples that are touched once."""
    baseline_accuracy: Share
    """Accuracy of always answering the largest class."""
    warnings: Annotated[tuple[Text, ...], Field(max_length=8)] = ()
    """What was noticed."""


class VariantStatus(StatusModel):
    """One way to ship the model, measured in the served format on the served runtime."""

    name: Reason
    """`Float32` or a compression method."""
    size_bytes: int = Field(ge=0)
    """Size of the model file."""
    gate_accuracy: Share
    """On the gate split."""
    gate_drop: Annotated[str, Field(max_length=16)]
    """Loss against Float32 on the same examples; negative is a gain."""
    gate_drop_interval: Annotated[str, Field(max_length=48)]
    """Paired 95 % interval of the loss, e.g. `[-0.0070, 0.0141]`."""
    latency_p50_milliseconds: Annotated[str, Field(max_length=24)]
    """Median of one prediction on one thread."""
    latency_p95_milliseconds: Annotated[str, Field(max_length=24)]
    """95th percentile of the same."""
    passed: bool
    """Whether gate and constraints are kept."""
    message: Text
    """Why it passed or not."""


class ResultsStatus(StatusModel):
    """What was reached; test figures were measured once, after every choice."""

    template: Name
    """The chosen model."""
    variant: Reason
    """The chosen variant."""
    validation_accuracy: Share
    """Of the chosen float model."""
    test_examples: int = Field(ge=0)
    """Size of the test split."""
    float_accuracy: Share
    """Of the float model on test."""
    served_accuracy: Share
    """Of the served model on test."""
    served_accuracy_interval: Annotated[str, Field(max_length=48)]
    """Wilson 95 % interval."""
    served_correct: int = Field(ge=0)
    """Test examples that the served model answers rightly."""
    baseline_accuracy: Share
    """Of always answering the largest class, on test."""
    size_ratio: Annotated[str, Field(max_length=24)]
    """How many times smaller the served file is than the float one."""
    latency_ratio: Annotated[str, Field(max_length=24)]
    """How many times faster (median) the served one is than the float one."""
    variants: Annotated[tuple[VariantStatus, ...], Field(max_length=8), Keyed("name")]
    """Every variant that was measured."""


class ArtifactStatus(StatusModel):
    """The newest published artifact; it stays when a later generation fails."""

    uri: Annotated[str, Field(max_length=2048)]
    """The folder."""
    digest: Digest
    """Of its manifest, which holds the digest of every file."""
    size_bytes: int = Field(ge=0)
    """Of all files."""
    generation: int = Field(ge=0)
    """The generation of the spec that it was made for."""
    template: Name
    """The model."""
    variant: Reason
    """The variant."""
    served_accuracy: Share
    """On test."""


class DeploymentReference(StatusModel):
    """The ModelDeployment that follows this workflow."""

    name: Name
    """Its name."""


class TrainingWorkflowStatus(StatusModel):
    """What the operator decided, does and found."""

    observed_generation: int = Field(default=-1, ge=-1)
    """The generation that everything here speaks of; -1 until the operator has seen the object."""
    conditions: Conditions = ()
    """Observations; `Succeeded` is the summary."""
    basis: BasisStatus | None = None
    """What the tasks rest on."""
    plan: PlanStatus | None = None
    """What will be done."""
    decisions: Annotated[tuple[DecisionStatus, ...], Field(max_length=16), Keyed("name")] = ()
    """Choices, each with its reason and what was rejected."""
    progress: ProgressStatus | None = None
    """How far the work is."""
    tasks: Annotated[tuple[TaskStatus, ...], Field(max_length=16), Keyed("name")] = ()
    """How each task stands."""
    data: DataStatus | None = None
    """What the data look like."""
    results: ResultsStatus | None = None
    """What was reached."""
    artifact: ArtifactStatus | None = None
    """The newest published artifact."""
    deployment_ref: DeploymentReference | None = None
    """The ModelDeployment that follows this workflow."""
    start_time: Timestamp | None = None
    """When this generation was first worked on, moved by the time in which it was suspended, unapproved or stalled."""
    completion_time: Timestamp | None = None
    """When this generation ended."""
