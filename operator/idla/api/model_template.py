"""ModelTemplate: one entry of the model library."""

from typing import Annotated, ClassVar, Self

from idla_contract.problem import TaskType
from idla_contract.task import ClassWeights, CompressionMethod, Schedule
from pydantic import Field, model_validator

from idla.api.meta import Decimal, Distinct, InnerShare, Keyed, Label, Matches, Rule, SpecModel, Whole

KIND = "ModelTemplate"
PLURAL = "modeltemplates"
PARAMETER_NAME = Matches(
    pattern=r"^[a-z][a-z0-9_]*$", allowed="lower-case letters, digits and `_`, with a letter at the start, e.g. width"
)


class Hyperparameter(SpecModel):
    """A setting of the builder."""

    name: Annotated[str, Field(max_length=63), PARAMETER_NAME]
    """Its name."""
    value: Annotated[str, Field(min_length=1, max_length=253)]
    """Its value; numbers are written as text."""


class InputLimits(SpecModel):
    """Which images the model can work on."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="!has(self.minimumSide) || !has(self.maximumSide) || self.minimumSide <= self.maximumSide",
            message="`minimumSide` must not be above `maximumSide`",
        ),
    )

    minimum_side: Whole | None = Field(default=None, ge=1, le=16384)
    """Pixels of the shorter side at least. Default: 1."""
    maximum_side: Whole | None = Field(default=None, ge=1, le=16384)
    """Pixels of the longer side at most. Default: 16384."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.minimum_side is not None and self.maximum_side is not None and self.minimum_side > self.maximum_side:
            raise ValueError(self.cel[0].message)
        return self


class TemplateProfile(SpecModel):
    """What is expected before anything is measured."""

    parameters: Whole = Field(ge=1, le=100000000000)
    """Number of weights."""


class TemplateTraining(SpecModel):
    """How the model is trained where the workflow does not say otherwise."""

    max_epochs: Whole = Field(ge=1, le=10000)
    """Passes over the training examples at most."""
    batch_size: Whole = Field(ge=1, le=65536)
    """Examples a step."""
    learning_rate: Decimal
    """Peak of the schedule."""
    weight_decay: Decimal | None = None
    """Decoupled decay of the weights. Default: "0.0001"."""
    label_smoothing: InnerShare | None = None
    """Share of a class's probability that is spread over all classes in the training loss. Default: none."""
    average_decay: InnerShare | None = None
    """Decay of the moving average of the weights that is validated and kept. Default: the weights themselves are."""
    warm_up_percent: Whole | None = Field(default=None, ge=0, le=100)
    """Share of all steps over which the rate rises to its peak. Default: 5."""
    schedule: Schedule | None = None
    """How the rate goes on. Default: Cosine."""
    class_weights: ClassWeights | None = None
    """What an example counts in the loss. Default: None."""


class ModelTemplateSpec(SpecModel):
    """A builder of the trainer with its settings and priors."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="!has(self.inputs) || self.tasks.all(task, task == 'ImageClassification')",
            message="`inputs` limits the sides of images; it is for ImageClassification alone",
        ),
    )

    description: Annotated[str, Field(min_length=1, max_length=512)]
    """What it is good for."""
    tasks: Annotated[tuple[TaskType, ...], Field(min_length=1, max_length=8), Distinct()]
    """Tasks that it can do."""
    builder: Label
    """Name in the trainer's registry."""
    hyperparameters: Annotated[tuple[Hyperparameter, ...], Field(max_length=32), Keyed("name")] = ()
    """Settings of the builder."""
    inputs: InputLimits | None = None
    """Which images it can work on; only for tasks on images. Default: any."""
    profile: TemplateProfile
    """What is expected of it."""
    training: TemplateTraining
    """How it is trained."""
    compression_methods: Annotated[tuple[CompressionMethod, ...], Field(max_length=8), Distinct()] = ()
    """Compression methods that work on it."""

    @model_validator(mode="after")
    def _images_alone(self) -> Self:
        if self.inputs is not None and set(self.tasks) != {TaskType.IMAGE_CLASSIFICATION}:
            raise ValueError(self.cel[0].message)
        return self
