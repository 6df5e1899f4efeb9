"""The tensors by which an image classifier is asked and answers, in the words of the Open Inference Protocol v2."""

from idla_contract.artifact import TensorSpec
from idla_preprocess import ImageSpec

IMAGE = "image"
PROBABILITIES = "probabilities"
LABEL = "label"
OUTPUTS = (PROBABILITIES, LABEL)


def input_specs(spec: ImageSpec) -> tuple[TensorSpec, ...]:
    """Return the inputs of a manifest: raw images of one size, in any number."""
    return (TensorSpec(name=IMAGE, datatype="FP32", shape=(-1, *spec.shape)),)


def output_specs(labels: tuple[str, ...]) -> tuple[TensorSpec, ...]:
    """Return the outputs of a manifest: a probability for each label, and the most probable label."""
    return (
        TensorSpec(name=PROBABILITIES, datatype="FP32", shape=(-1, len(labels))),
        TensorSpec(name=LABEL, datatype="BYTES", shape=(-1,)),
    )
