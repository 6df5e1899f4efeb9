"""What a task does: the resolved, self-contained request that one Job carries out."""

import operator
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from idla_contract.base import ContractModel
from idla_contract.choice import FinishedTraining, SelectStep
from idla_contract.columns import ReadAs
from idla_contract.encoding import Encoding
from idla_contract.names import ContentHash, Digest, Name
from idla_contract.problem import Problem

Column = Annotated[str, Field(min_length=1, max_length=253)]
"""Name of a column; where the file has no line of names, its number counted from 0."""


class DataFormat(StrEnum):
    """How the data are read; each file may be compressed by gzip."""

    AUTO = "Auto"
    """By the ending of the file, or by what the folder holds."""
    CSV = "CSV"
    """One example a line, with or without a line of names; in one file or in a folder of parts."""
    JSONL = "JSONL"
    """One JSON object a line, or one array of such objects; in one file or in a folder of parts."""
    NPZ = "NPZ"
    """Named arrays of equal length; of images `x` [N, H, W] or [N, H, W, C] and `y` [N]."""
    IDX = "IDX"
    """MNIST's format: a folder with one file of images and one of labels."""
    IMAGE_FOLDER = "ImageFolder"
    """A folder of JPEG or PNG files for each class, or a `.zip`, `.tar`, `.tar.gz` or `.tgz` archive of it."""
    PARQUET = "Parquet"
    """Typed columns, in one file or in a folder of parts."""
    TFRECORD = "TFRecord"
    """Records of `tf.train.Example`."""


class Columns(ContractModel):
    """Which column plays which role; a role without a column takes the one of its own name, where there is one."""

    label: Column | None = None
    """The class; default `label`, else the last one."""
    target: Column | None = None
    """The number to predict; default `target`, else the last one."""
    picture: Column | None = Field(default=None, exclude_if=operator.not_)
    """Arrays, picture files or their paths; it is left out where it is None, as `DataSource.encoding` is."""
    text: Column | None = None
    user: Column | None = None
    item: Column | None = None
    rating: Column | None = None
    timestamp: Column | None = None
    series: Annotated[tuple[Column, ...], Field(max_length=8)] = Field(default=(), exclude_if=operator.not_)
    """Forecasting: which series a row is of, where there is a row for each series and time; default: found by looking
    where the times repeat. It is left out where it is empty, so that hashes of work without it stay."""
    known_covariates: Annotated[tuple[Column, ...], Field(max_length=100)] = Field(default=(), exclude_if=operator.not_)
    """Forecasting: columns whose values are known for the steps to come; left out where it is empty."""
    group: Column | None = None
    """Examples of a group, such as those of a patient, stay in one part of the split."""
    features: Annotated[tuple[Column, ...], Field(max_length=4096)] = ()
    """Inputs; default: every column that has no other role."""
    categorical: Annotated[tuple[Column, ...], Field(max_length=4096)] = ()
    """Inputs whose numbers are names."""
    types: dict[str, ReadAs] = Field(default_factory=dict, max_length=4096, exclude_if=operator.not_)
    """How inputs are read; default: by what their cells are. It is left out where it is empty, as `encoding` is."""


class Split(ContractModel):
    """Shares of the examples; stratified by class, whole groups where there are some, or in order of time."""

    train_percent: int = Field(default=64, ge=1, le=98)
    validation_percent: int = Field(default=16, ge=1, le=98)
    """Half of it, where it has 100 examples or more, becomes the gate split of the compression."""
    test_percent: int = Field(default=20, ge=0, le=98)
    """0 beside a test file."""
    seed: int = Field(default=42, ge=0)


class Access(ContractModel):
    """Where objects of `s3://` are; the keys are in files (DATA_SECRET_MOUNT), never in a spec."""

    region: str | None = Field(default=None, max_length=64)
    """Default: us-east-1."""
    endpoint: str | None = Field(default=None, max_length=300)
    """`https://host[:port]`; default: AWS's."""


class DataSource(ContractModel):
    """Where the examples are."""

    uri: str = Field(max_length=2048)
    """`sample://name`, `pvc://claim/path` (mounted at DATA_MOUNT), `s3://bucket/key` or `https://host/path`."""
    digest: Digest | None = None
    format: DataFormat = DataFormat.AUTO
    columns: Columns = Columns()
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """Of a CSV file; default: found by looking at its first lines."""
    header: bool | None = None
    """Whether a CSV file begins with a line of names; default: found by looking."""
    encoding: Encoding | None = Field(default=None, exclude_if=operator.not_)
    """Of a CSV or JSONL file; default: found by looking. It is left out where it is None, as `access` is."""
    missing_values: Annotated[tuple[str, ...], Field(max_length=20)] = Field(default=(), exclude_if=operator.not_)
    """Texts and numbers that stand for a missing value in inputs of records, beside empty cells, NA and its like."""
    test_uri: str | None = Field(default=None, max_length=2048)
    """Examples of the same layout that are the test split; all of `uri` is then shared by training and validation."""
    test_digest: Digest | None = None
    items_uri: str | None = Field(default=None, max_length=2048)
    """Recommendation: a table of the items' features, with the item's column."""
    items_digest: Digest | None = None
    split: Split = Split()
    access: Access | None = Field(default=None, exclude_if=operator.not_)
    """Default: AWS's own place. It is left out where it is None, so that hashes of work without it stay."""

    @model_validator(mode="after")
    def _tested(self) -> Self:
        if self.test_uri is None and self.split.test_percent == 0:
            raise ValueError("split.testPercent: found 0; allowed: 1 or more, or 0 beside testUri")
        return self


class EarlyStopping(ContractModel):
    """When a training that no longer learns ends; the best weights are restored."""

    patience_epochs: int = Field(default=8, ge=1)
    min_delta: float = Field(default=0.0, ge=0)


class Schedule(StrEnum):
    """How the learning rate goes on after the warm-up."""

    COSINE = "Cosine"
    """Along a cosine down to 1 % of the peak."""
    LINEAR = "Linear"
    """Along a line down to 1 % of the peak."""
    CONSTANT = "Constant"
    """It stays."""
    PLATEAU = "Plateau"
    """Halved whenever half of the patience passed without a lower validation loss."""


class ClassWeights(StrEnum):
    """What an example counts in the loss."""

    NONE = "None"
    """All the same."""
    BALANCED = "Balanced"
    """Inversely to the size of its class, 1 in the mean."""


class Training(ContractModel):
    """How a candidate is trained."""

    max_epochs: int = Field(default=40, ge=1)
    max_seconds: int | None = Field(default=None, ge=1)
    """Time for the steps of all attempts, after which the best weights so far are the result."""
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=0.002, gt=0)
    """Peak of the schedule."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """Decoupled (AdamW); gains, offsets and biases have none."""
    schedule: Schedule = Schedule.COSINE
    warm_up_percent: float = Field(default=5.0, ge=0, le=100)
    """Share of all steps over which the rate rises to its peak in a line."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of a class's probability that is spread over all classes in the training loss."""
    average_decay: float = Field(default=0.0, ge=0, lt=1)
    """Decay of the moving average of the weights that is validated and kept; 0: the weights themselves."""
    class_weights: ClassWeights = ClassWeights.NONE
    jit_compile: bool = Field(default=False, exclude_if=operator.not_)
    """Compile a step with XLA: seconds more at first, and weights that are rounded otherwise. Written only where it is
    set: a trainer of before does not know it, and results of before are found again."""
    early_stopping: EarlyStopping = EarlyStopping()
    checkpoint_period_seconds: int = Field(default=30, ge=1)
    seed: int = Field(default=1, ge=0)


class Weights(ContractModel):
    """Weights of an earlier training to begin with."""

    uri: str = Field(max_length=2048)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class ModelSpec(ContractModel):
    """A library entry as the trainer builds it."""

    template: Name
    builder: str
    """Name in the registry of `idla_trainer.models`."""
    hyperparameters: dict[str, float | int | str] = Field(default_factory=dict)
    weights: Weights | None = None

    def with_hyperparameters(self, found: Mapping[str, float]) -> Self:
        """Return the model with some hyperparameters in the place of those that were asked for."""
        return self.model_copy(update={"hyperparameters": {**self.hyperparameters, **found}})


class Candidate(FinishedTraining):
    """A finished training with the model that it made."""

    model: ModelSpec


class CompressionMethod(StrEnum):
    """A way to make the served file smaller or faster."""

    DYNAMIC_RANGE = "DynamicRange"
    INT8 = "Int8"
    FLOAT16 = "Float16"


class Gate(ContractModel):
    """What a compressed variant may lose, on the same examples of the gate split as the float baseline."""

    maximum_drop: float = Field(default=0.01, ge=0, le=1)
    """Loss that is still accepted: of a share the difference, of an error its growth in relation to the baseline's."""
    strict: bool = False
    """Demand the upper bound of the paired 95 % interval instead of the measured loss."""


class Recipe(ContractModel):
    """How far the network itself is made smaller before it is converted."""

    keep_percents: Annotated[tuple[int, ...], Field(max_length=16)] = ()
    """Shares of the channels that are tried; empty: the network keeps its channels, and nothing is trained here."""
    epochs: int = Field(default=10, ge=1)
    """Of the distillation of each smaller network, and of the extra training that the float baseline gets too."""
    learning_rate: float = Field(default=0.001, gt=0)
    budget_seconds: int = Field(default=600, ge=0)
    """No further training is begun where it would end later."""
    quantization_aware: bool = True
    """Whether a network that loses more than the gate allows in Int8 learns to be rounded."""


class OnGateFailure(StrEnum):
    """What happens when no variant passes."""

    KEEP_UNCOMPRESSED = "KeepUncompressed"
    FAIL = "Fail"


class ProfileStep(ContractModel):
    """Look at the data before anything is chosen."""

    kind: Literal["Profile"] = "Profile"


class TrainStep(ContractModel):
    """Train one candidate."""

    kind: Literal["Train"] = "Train"
    model: ModelSpec
    training: Training = Training()
    maximum_bytes: int | None = Field(default=None, ge=1, exclude_if=operator.not_)
    """That what is served may have: heeded where the training itself finds how large the network is. Written only where
    it is set: results of before are found again."""


class Trial(ContractModel):
    """A model with settings that competes in a search."""

    model: ModelSpec
    training: Training
    maximum_parameters: int | None = Field(default=None, ge=1)
    """Weights that its network may have; one with more is given up before it is trained."""
    maximum_bytes: int | None = Field(default=None, ge=1, exclude_if=operator.not_)
    """As of a `TrainStep`."""


class Rung(ContractModel):
    """How far every trial that is left is trained, and how many are left then."""

    percent: int = Field(ge=1, le=100)
    """Of each trial's own `max_epochs`, rounded, at least one epoch."""
    steps: int = Field(default=1, ge=1)
    """It is trained for as many epochs as have at least these steps, even where they are more percent: what a few
    batches tell of small data is little, and the building of its network takes longer."""
    kept: int = Field(ge=1, le=16)


class SearchStep(ContractModel):
    """Train many trials a little, the better ones further and the best one to its end (successive halving).

    What is trained is gone on with, never repeated. The best at a rung are those with the best validation scores; of
    equal scores the lower validation loss wins.
    """

    kind: Literal["Search"] = "Search"
    trials: Annotated[tuple[Trial, ...], Field(min_length=1, max_length=16)]
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1, max_length=8)]
    """Each takes its trials further than the one before; the last one to their end, and keeps one."""
    max_seconds: int | None = Field(default=None, ge=1)
    """Time for the steps of all trials; each rung may use an equal part and what is left of those before."""

    @model_validator(mode="after")
    def _narrowing(self) -> Self:
        shares, kept = [rung.percent for rung in self.rungs], [rung.kept for rung in self.rungs]
        if shares != sorted(set(shares)) or kept != sorted(kept, reverse=True) or (shares[-1], kept[-1]) != (100, 1):
            found = ", ".join(f"{rung.percent} % keeps {rung.kept}" for rung in self.rungs)
            raise ValueError(
                f"rungs: found {found}; allowed: each takes more percent than the one before and keeps no more trials,"
                " the last one takes 100 and keeps 1"
            )
        return self


class CompressStep(ContractModel):
    """Convert the selected candidate to LiteRT, compress it and judge each variant on the gate split."""

    kind: Literal["Compress"] = "Compress"
    candidate: Candidate
    methods: tuple[CompressionMethod, ...] = (CompressionMethod.DYNAMIC_RANGE, CompressionMethod.INT8)
    """Empty: ship the float model."""
    recipe: Recipe = Recipe()
    gate: Gate = Gate()
    on_gate_failure: OnGateFailure = OnGateFailure.KEEP_UNCOMPRESSED
    maximum_size_bytes: int | None = None
    maximum_latency_p95_milliseconds: float | None = None


class RefitStep(ContractModel):
    """Make what Compress chose again, from all examples but those of the test split.

    The same settings are trained for as many epochs as turned out best; nothing is chosen any more. Where it cannot be
    done, or not in time, what Compress made is shipped.
    """

    kind: Literal["Refit"] = "Refit"
    max_seconds: int | None = Field(default=None, ge=1)
    """Wall time of all its trainings; default: no limit."""


class Rejected(ContractModel):
    """A candidate that is not shipped."""

    template: str = Field(max_length=253)
    reason: str = Field(max_length=63)
    figures: str = Field(default="", max_length=1024)
    """Empty where it was not trained to its end."""


class Selection(ContractModel):
    """Why this candidate is shipped, for the model card: the pod sees one candidate alone."""

    reason: str = Field(max_length=63)
    figures: str = Field(max_length=1024)
    """Figures of the validation split alone, and nothing that another run of the same work would change."""
    rejected: Annotated[tuple[Rejected, ...], Field(max_length=16)] = ()


class EvaluateStep(ContractModel):
    """Measure the float and the served model on the test split, once, after every choice, and write the model card."""

    kind: Literal["Evaluate"] = "Evaluate"
    selection: Selection | None = None
    """Default: the card does not tell it."""


class VerifyStep(ContractModel):
    """Load the artifact as the server will and compare its golden outputs."""

    kind: Literal["Verify"] = "Verify"


class PublishStep(ContractModel):
    """Move the artifact under its digest, whole or not at all."""

    kind: Literal["Publish"] = "Publish"


Step = Annotated[
    ProfileStep
    | TrainStep
    | SearchStep
    | SelectStep
    | CompressStep
    | RefitStep
    | EvaluateStep
    | VerifyStep
    | PublishStep,
    Field(discriminator="kind"),
]


class TaskSpec(ContractModel):
    """One Job's work: steps that need the same resources, in order, each resumable by itself."""

    schema_version: Literal[1] = 1
    workflow: Name
    task: Name
    content_hash: ContentHash
    """Digest of all that the result depends on; the key under which the store finds it again."""
    problem: Problem = Problem()
    data: DataSource
    artifact_uri: str
    """Root of the store as others reach it, `pvc://claim`; the pod sees it at STORE_MOUNT."""
    steps: tuple[Step, ...] = Field(min_length=1, max_length=8)
