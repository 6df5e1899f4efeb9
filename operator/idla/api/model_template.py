"""ModelTemplate: one entry of the model library."""

from typing import Annotated

from idla_contract.task import CompressionMethod
from pydantic import Field

from idla.api.meta import Decimal, Label, SpecModel
from idla.api.training_workflow import TaskType, keyed

KIND = "ModelTemplate"
PLURAL = "modeltemplates"


class Hyperparameter(SpecModel):
    """A setting of the builder."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)]
    """Its name."""
    value: Annotated[str, Field(min_length=1, max_length=253)]
    """Its value; numbers are written as text."""


class InputLimits(SpecModel):
    """Which images the model can work on."""

    minimum_side: int | None = Field(default=None, ge=1, le=16384)
    """Pixels of the shorter side at least. Default: 1."""
    maximum_side: int | None = Field(default=None, ge=1, le=16384)
    """Pixels of the longer side at most. Default: 16384."""


class TemplateProfile(SpecModel):
    """What is expected before anything is measured."""

    parameters: int = Field(ge=1, le=100000000000)
    """Number of weights."""


class TemplateTraining(SpecModel):
    """How the model is trained where the workflow does not say otherwise."""

    max_epochs: int = Field(ge=1, le=10000)
    """Passes over the training examples at most."""
    batch_size: int = Field(ge=1, le=65536)
    """Examples a step."""
    learning_rate: Decimal
    """Peak of the schedule."""


class ModelTemplateSpec(SpecModel):
    """A builder of the trainer with its settings and priors."""

    description: Annotated[str, Field(min_length=1, max_length=512)]
    """What it is good for."""
    tasks: Annotated[
        tuple[TaskType, ...], Field(min_length=1, max_length=8, json_schema_extra={"x-kubernetes-list-type": "set"})
    ]
    """Tasks that it can do."""
    builder: Label
    """Name in the trainer's registry."""
    hyperparameters: Annotated[tuple[Hyperparameter, ...], Field(max_length=32, json_schema_extra=keyed("name"))] = ()
    """Settings of the builder."""
    inputs: InputLimits | None = None
    """Which images it can work on."""
    profile: TemplateProfile
    """What is expected of it."""
    training: TemplateTraining
    """How it is trained."""
    compression_methods: Annotated[
        tuple[CompressionMethod, ...], Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "set"})
    ] = ()
    """Compression methods that work on it."""
