"""TrainingWorkflow: from data and a target to a published artifact."""

from enum import StrEnum
from typing import Annotated, ClassVar

from idla_contract.task import CompressionMethod, OnGateFailure
from pydantic import Field
from typing_extensions import override

from idla.api import task_kind
from idla.api.data_settings import DataSettings
from idla.api.meta import (
    QUANTITY,
    Decimal,
    Distinct,
    Flag,
    Keyed,
    Label,
    Name,
    ObjectName,
    Quantity,
    Rule,
    Share,
    SpecModel,
    Tolerance,
    Whole,
)
from idla.api.pod_template import PodTemplate, TaskPodTemplate
from idla.api.quantity import parse_quantity
from idla.api.resources import Resources
from idla.api.task_settings import Objective, TaskSettings
from idla.api.uri import ClaimUri

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


class Preset(StrEnum):
    """How much is spent on a good model."""

    FAST = "Fast"
    """Two models at most, a third of the epochs."""
    BALANCED = "Balanced"
    """Three models at most."""
    BEST = "Best"
    """Six models at most, twice the epochs, and a search of nine trials."""


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


class Constraint(SpecModel):
    """A limit that the shipped model keeps."""

    metric: ConstraintMetric
    """What is limited."""
    maximum: Decimal
    """The most that is accepted, e.g. "20"."""


class Budget(SpecModel):
    """What may be spent until a model is published."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="has(self.cost) == has(self.pricePerPodHour)",
            message="`cost` and `pricePerPodHour` are given together, in the same currency",
        ),
        Rule(rule="has(self.seconds) || has(self.cost)", message="give `seconds`, or `cost` with `pricePerPodHour`"),
    )

    seconds: Whole | None = Field(default=None, ge=1, le=31536000)
    """Time of all pods together. Default: what `cost` pays for."""
    cost: Decimal | None = None
    """Price of all pods together, e.g. "2.50". Default: no limit."""
    price_per_pod_hour: Decimal | None = None
    """Price of one pod with `resources` for an hour, e.g. "0.40"."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        return (
            (self.cost is None) == (self.price_per_pod_hour is None),
            self.seconds is not None or self.cost is not None,
        )


class SearchSettings(SpecModel):
    """How models and their settings are searched: all are trained a little, the better ones further, one to its end."""

    trials: Whole = Field(ge=1, le=16)
    """Models with settings that begin, those of the ModelTemplates first, then others of their `searchSpace`; 1: every
    model is trained to its end."""


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
    """How many are trained at most. Default: what the preset says."""
    tolerance: Tolerance | None = None
    """Loss of quality against the best that a smaller model may have, at the upper bound of its paired 95 % interval:
    of a share the difference, of an error its growth in relation to the best's. Default: "0.005"."""
    search: SearchSettings | None = None
    """How they and their settings are searched. Default: 9 trials with preset Best, else every model is trained to its
    end with the settings of its ModelTemplate."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        count = len(self.template_refs or ())
        allowed = {Selection.AUTO: count == 0, Selection.SHORTLIST: count >= 1, Selection.PINNED: count == 1}
        return (allowed[self.selection or Selection.AUTO],)


class EarlyStoppingSettings(SpecModel):
    """When a training that no longer learns ends."""

    patience_epochs: Whole | None = Field(default=None, ge=1, le=1000)
    """Epochs without a lower validation loss. Default: 8."""
    min_delta: Share | None = None
    """Smallest fall of the loss that counts. Default: 0."""


class TrainingSettings(SpecModel):
    """How each candidate is trained."""

    max_epochs: Whole | None = Field(default=None, ge=1, le=10000)
    """Passes over the training examples at most. Default: the template's, scaled by the preset."""
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
    refit: Flag | None = None
    """Whether the chosen model is made again from all but the test examples, by the settings and epochs that were
    best. Default: true, with `preset: Fast` false."""
    backoff_limit: Whole | None = Field(default=None, ge=0, le=20)
    """Repetitions of a task after failures that a repetition can mend. Default: 3."""


class GateSettings(SpecModel):
    """What a compressed variant may lose, on the same examples as the float model."""

    maximum_drop: Share | None = None
    """Loss of quality that is still accepted: of a share the difference, of an error its growth in relation to the
    float model's. Default: "0.01"."""
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
            rule=(
                f"!has(self.size) || !{QUANTITY.cel('self.size')}"
                " || quantity(self.size).compareTo(quantity('1Mi')) >= 0"
            ),
            message="`size` must be at least 1Mi",
        ),
    )

    storage_uri: ClaimUri | None = None
    """`pvc://claim`: an existing claim. Default: a claim `<workflow>-artifacts` is made and outlives the workflow."""
    storage_class_name: Name | None = None
    """Class of the claim that is made; a claim that exists keeps its own. Default: the cluster's."""
    size: Quantity | None = None
    """Size of the claim that is made; enlarge one that exists by editing the claim itself. Default: 2Gi."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        return (
            self.storage_uri is None or (self.storage_class_name is None and self.size is None),
            self.size is None or parse_quantity(self.size) >= parse_quantity("1Mi"),
        )


class DeploymentSettings(SpecModel):
    """Whether and how the artifact is served."""

    mode: DeploymentMode
    """`CreateOrUpdate` keeps a ModelDeployment that follows this workflow and outlives it."""
    name: Label | None = None
    """Its name. Default: the workflow's."""
    replicas: Whole | None = Field(default=None, ge=1, le=100)
    """Serving pods. Default: 1."""
    resources: Resources | None = None
    """What each serving pod asks for. Default: 100m CPU and 128Mi memory, at most 512Mi memory."""
    pod_template: PodTemplate | None = None
    """What is said of the serving pods. Default: what `spec.podTemplate` says."""


class TrainingWorkflowSpec(SpecModel):
    """What a model must achieve, on which data, within which limits."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="has(self.task) == has(oldSelf.task) && (!has(self.task) || self.task == oldSelf.task)",
            message="`task` cannot be changed; create another TrainingWorkflow for another task",
        ),
        *task_kind.RULES,
    )

    task: TaskSettings | None = None
    """What the model has to do; it cannot be changed. Default: what the data settings tell."""
    data: DataSettings
    """Where the examples are."""
    suspend: Flag = False
    """Whether work is held back: running pods write a checkpoint and end, and go on from it later. Default: false."""
    approval: Approval | None = None
    """Who lets the plan run. Default: Auto."""
    objectives: Annotated[tuple[Objective, ...], Field(max_length=1), Keyed("metric")] | None = None
    """The quality that counts, and what of it is asked for. Default: the first metric of the kind of task."""
    preset: Preset | None = None
    """How much is spent on a good model; what `model` and `training` say goes before it. Default: Balanced."""
    constraints: Annotated[tuple[Constraint, ...], Field(max_length=2), Keyed("metric")] | None = None
    """Limits that the shipped model keeps."""
    budget: Budget | None = None
    """What may be spent: by fewer trainings, each ending with the epoch in which its share does. Default: no limit."""
    model: ModelSettings | None = None
    """Which models compete."""
    resources: Resources | None = None
    """What each task's pod asks for; devices are for trainings only. Default: 500m CPU and 1Gi memory, at most 4Gi."""
    pod_template: TaskPodTemplate | None = None
    """What is said of the pods, in Kubernetes' words: labels, annotations, nodes, priority, Secrets for the images.
    Default: nothing."""
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
    """Seconds from the end until the TrainingWorkflow is deleted; artifacts and endpoint stay. Not for one
    that is synced from Git, which is made again each time. Default: never."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        broken = task_kind.broken_rule(self)
        return tuple(rule is not broken for rule in self.cel)
