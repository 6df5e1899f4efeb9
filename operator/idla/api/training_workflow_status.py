"""What a TrainingWorkflow answers: what the operator decided, does and found."""

from typing import Annotated

from idla_contract.columns import LONGEST_CELL, MOST_COLUMNS, ColumnRole, ColumnType
from idla_contract.task import CompressionMethod
from pydantic import Field

from idla.api.meta import Conditions, Digest, Keyed, Name, Quantity, Reason, Score, StatusModel, Text, Timestamp


class BasisStatus(StatusModel):
    """What the tasks of a generation rest on; frozen when the generation was first worked on."""

    image: Annotated[str, Field(max_length=1024)]
    """The trainer image of every task."""
    spec_digest: Annotated[str, Field(max_length=64)]
    """Digest of those parts of the spec that tasks and verdicts depend on."""


class WeightsStatus(StatusModel):
    """Weights that a candidate begins with."""

    uri: Annotated[str, Field(max_length=1024)]
    """Where they are."""
    sha256: Annotated[str, Field(max_length=64)]
    """Digest of the file's bytes."""


class CandidateStatus(StatusModel):
    """A model of the plan as it was frozen when the plan was made."""

    template: Name
    """The ModelTemplate's name."""
    builder: Annotated[str, Field(max_length=63)]
    """What the trainer builds."""
    parameters: int = Field(ge=0)
    """Expected number of weights."""
    hyperparameters: Annotated[str, Field(max_length=65536)]
    """JSON object of the builder's hyperparameters."""
    weights: WeightsStatus | None = None
    """Weights that it begins with; fresh ones where nothing stands here."""
    training: Annotated[str, Field(max_length=4096)]
    """JSON object of the training's settings."""
    methods: Annotated[tuple[CompressionMethod, ...], Field(max_length=8)]
    """Compression methods that will be tried on it."""


class TrialStatus(StatusModel):
    """A candidate with settings of its own that competes in a search."""

    template: Name
    """The candidate."""
    settings: Annotated[str, Field(max_length=4096)]
    """JSON object of the settings that differ from the candidate's; empty for the candidate itself."""


class RungStatus(StatusModel):
    """How far every trial that is left is trained, and how many are left then."""

    percent: int = Field(ge=1, le=100)
    """Of each trial's own epochs."""
    kept: int = Field(ge=1, le=16)
    """Trials that go on."""


class SearchStatus(StatusModel):
    """The search that chooses among trials instead of training every candidate to its end."""

    trials: Annotated[tuple[TrialStatus, ...], Field(max_length=16)]
    """What competes, in order."""
    rungs: Annotated[tuple[RungStatus, ...], Field(max_length=8)]
    """How it is narrowed down."""
    max_seconds: int | None = Field(default=None, ge=1)
    """Time for the steps of all trials; absent without a budget."""


class PlannedTaskStatus(StatusModel):
    """A node of the task graph."""

    name: Name
    """The task's name."""
    depends_on: Annotated[tuple[Name, ...], Field(max_length=16)] = ()
    """Tasks that have finished before it begins."""
    steps: Annotated[tuple[Reason, ...], Field(max_length=8)]
    """What it does, in order."""
    requests: Annotated[dict[str, Quantity], Field(max_length=16)] | None = None
    """What is kept free for its pod on a node."""
    expected_percent: int | None = Field(default=None, ge=0, le=100)
    """Its expected share of the workflow's time; tasks side by side share theirs."""


class PlanStatus(StatusModel):
    """What will be done; made once for a generation and then followed."""

    hash: Annotated[str, Field(max_length=64)]
    """Changes with the plan; approval names it."""
    image: Annotated[str, Field(max_length=1024)]
    """The trainer image of every task."""
    data_digest: Digest | None = None
    """The data that every training is made with; other bytes under the same address are refused."""
    candidates: Annotated[tuple[CandidateStatus, ...], Field(max_length=8), Keyed("template")]
    """The models that compete."""
    search: SearchStatus | None = None
    """How one of them is chosen; absent where each is trained to its end."""
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
    alternatives: Annotated[tuple[AlternativeStatus, ...], Field(max_length=16)] = ()
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
    """Expected time until the artifact is published, by what the tasks measured; absent while that is too little."""
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
    """What the result depends on; the key of the artifact store: `tasks/<name>-<contentHash>/log.txt` has what its pods
    said."""
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


class ColumnStatus(StatusModel):
    """How a column was understood; `data.columns` of the spec says otherwise."""

    name: Annotated[str, Field(max_length=LONGEST_CELL)]
    """The beginning of its name."""
    type: ColumnType
    """What its cells are."""
    role: ColumnRole
    """What it is for; `-`: left out."""
    missing: int = Field(default=0, ge=0)
    """Rows without a value."""
    distinct: int = Field(default=0, ge=0)
    """Different values."""
    examples: Annotated[tuple[Annotated[str, Field(max_length=LONGEST_CELL)], ...], Field(max_length=2)] = ()
    """The first different values."""
    note: Annotated[str, Field(max_length=120)] = ""
    """Why it is left out, or how its cells were read."""


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
    baseline_score: Score
    """Of the baseline: the largest class, the mean, popularity or persistence."""
    warnings: Annotated[tuple[Text, ...], Field(max_length=8)] = ()
    """What was noticed."""
    columns: Annotated[tuple[ColumnStatus, ...], Field(max_length=MOST_COLUMNS)] | None = None
    """How each column was understood, in the order of the file; the first ones where there are many."""
    column_count: int | None = Field(default=None, ge=0)
    """Columns of the file."""


class VariantStatus(StatusModel):
    """One way to ship the model, measured in the served format on the served runtime."""

    name: Reason
    """`Float32` or a compression method."""
    size_bytes: int = Field(ge=0)
    """Size of the model file."""
    gate_score: Score
    """On the gate split."""
    gate_drop: Annotated[str, Field(max_length=24)]
    """Loss of quality against Float32 on the same examples, negative is a gain: of a share the difference, of an error
    its growth in relation to Float32's."""
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
    metric: Annotated[str, Field(max_length=63)] = "accuracy"
    """What every score here measures."""
    validation_score: Score
    """Of the chosen float model."""
    test_examples: int = Field(ge=0)
    """Size of the test split."""
    float_score: Score
    """Of the float model on test."""
    served_score: Score
    """Of the served model on test."""
    served_score_interval: Annotated[str, Field(max_length=48)]
    """95 % interval."""
    served_correct: int | None = Field(default=None, ge=0)
    """Test examples that the served model answers rightly, where answers are right or wrong."""
    baseline_score: Score
    """Of the baseline, on test."""
    size_ratio: Annotated[str, Field(max_length=24)]
    """How many times smaller the served file is than the float one."""
    latency_ratio: Annotated[str, Field(max_length=24)]
    """How many times faster (median) the served one is than the float one."""
    variants: Annotated[tuple[VariantStatus, ...], Field(max_length=8), Keyed("name")]
    """Every variant that was measured."""


class LineageStatus(StatusModel):
    """What the artifact's weights depend on; its manifest has it too, with every setting of model and training."""

    data_digest: Digest
    """Of the data."""
    test_digest: Digest | None = None
    """Of the test file, where there is one."""
    image: Annotated[str, Field(max_length=1024)]
    """The trainer image, as its pod was told."""
    seed: int
    """Of weights and order."""
    code_version: Annotated[str, Field(max_length=128)]
    """Of the trainer."""
    environment: Text
    """Versions of Python and of the libraries, the processor's model and the number of threads; equal seeds promise no
    equal weights where they differ."""


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
    served_score: Score
    """On test."""
    lineage: LineageStatus | None = None
    """Where it came from."""


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

    def decision(self, name: str) -> DecisionStatus | None:
        """Return the decision of a name, or None before it is made."""
        return next((entry for entry in self.decisions if entry.name == name), None)
