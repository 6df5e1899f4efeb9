"""ModelTemplate: one entry of the model library."""

from enum import StrEnum
from typing import Annotated, ClassVar

from idla_contract.problem import TaskType
from idla_contract.task import ClassWeights, CompressionMethod, Schedule
from pydantic import Field
from typing_extensions import override

from idla.api.meta import HEXADECIMAL, Decimal, Distinct, InnerShare, Keyed, Label, Matches, Rule, SpecModel, Whole
from idla.api.search_space import TRAINING_SETTINGS, Dimension
from idla.api.uri import WeightsUri

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

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        return (self.minimum_side is None or self.maximum_side is None or self.minimum_side <= self.maximum_side,)


class TemplateWeights(SpecModel):
    """Weights of an earlier training to begin with; they are numbers alone, no model and no code."""

    uri: WeightsUri
    """The `candidate/weights.npz` of a training, or an HDF5 file of weights as Keras writes it (`.h5`, `.weights.h5`);
    on a claim only where the workflow's data are on the same one."""
    sha256: Annotated[str, Field(max_length=64), HEXADECIMAL]
    """Digest of the file's bytes; another file is refused."""


class Measure(StrEnum):
    """What of the data decides how large a network is."""

    CLASSES = "Classes"
    """Of a classification."""
    CHANNELS = "Channels"
    """Of an image: 1 where it is grey, 3 of colours."""
    NGRAMS = "Ngrams"
    """Pieces of words that the training texts have in common."""
    SENSORS = "Sensors"
    """Series that are forecast together."""
    USERS = "Users"
    """Of a recommendation."""
    ITEMS = "Items"
    """What is recommended to them."""


class ParameterTerm(SpecModel):
    """Weights that the data decide the number of."""

    weights: Whole = Field(ge=1, le=100000000000)
    """Weights for each one of `per`."""
    per: Annotated[tuple[Measure, ...], Field(max_length=2)] = ()
    """What they are multiplied by, e.g. Ngrams and Classes; one that is given twice counts as its square.
    Default: nothing."""


class TemplateProfile(SpecModel):
    """What is expected before anything is measured."""

    parameters: Whole = Field(ge=1, le=100000000000)
    """Number of weights as long as the data are not known."""
    terms: Annotated[tuple[ParameterTerm, ...], Field(max_length=8)] = ()
    """What the weights are the sum of once the data are known. Default: `parameters`."""
    maximum_examples: Whole | None = Field(default=None, ge=1, le=100000000000)
    """Training examples beyond which it is tried only where the workflow names it, since it takes long for each.
    Default: any number."""


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
    jit_compile: bool | None = None
    """Whether XLA compiles the steps; seconds at first, less work a step where embeddings are large. Default: false."""


class ModelTemplateSpec(SpecModel):
    """A builder of the trainer with its settings and priors."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="!has(self.inputs) || self.tasks.all(task, task == 'ImageClassification')",
            message="`inputs` limits the sides of images; it is for ImageClassification alone",
        ),
        Rule(
            rule="!has(self.weights) || self.tasks.all(task, task == 'ImageClassification')",
            message="`weights` are taken by networks for images; they are for ImageClassification alone",
        ),
        Rule(
            rule=(
                "!has(self.searchSpace) || self.searchSpace.all(dimension,"
                f" dimension.name in {list(TRAINING_SETTINGS)} || (has(self.hyperparameters)"
                " && self.hyperparameters.exists(setting, setting.name == dimension.name)))"
            ),
            message=f"`searchSpace` takes names of `hyperparameters`, {' and '.join(TRAINING_SETTINGS)}",
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
    search_space: Annotated[tuple[Dimension, ...], Field(max_length=8), Keyed("name")] = ()
    """What a search may vary beside the values that stand here. Default: nothing."""
    weights: TemplateWeights | None = None
    """Weights to begin with, for all layers but the last one; the hyperparameters `frozen_epochs` and `fine_tune_rate`
    say how long they rest and how slowly they learn then. Default: fresh ones."""
    inputs: InputLimits | None = None
    """Which images it can work on; only for tasks on images. Default: any."""
    profile: TemplateProfile
    """What is expected of it."""
    training: TemplateTraining
    """How it is trained."""
    compression_methods: Annotated[tuple[CompressionMethod, ...], Field(max_length=8), Distinct()] = ()
    """Compression methods that work on it."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        images_alone = set(self.tasks) == {TaskType.IMAGE_CLASSIFICATION}
        known = {*TRAINING_SETTINGS, *(setting.name for setting in self.hyperparameters)}
        return (
            self.inputs is None or images_alone,
            self.weights is None or images_alone,
            all(dimension.name in known for dimension in self.search_space),
        )
