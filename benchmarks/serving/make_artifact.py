"""Run as a program with TensorFlow: writes an artifact folder with an untrained network of the registry.

Speed does not depend on the weights; nothing is claimed about quality.
"""

import sys
from pathlib import Path

import numpy as np
from idla_artifact.model import tensor_specs
from idla_artifact.runtime import Runtime
from idla_contract.artifact import (
    GOLDEN,
    MODEL,
    PREPROCESS,
    PREPROCESS_ARRAYS,
    ArtifactManifest,
    FileEntry,
    canonical_bytes,
    digest_of,
)
from idla_contract.lineage import Lineage
from idla_contract.problem import Metric, TaskType
from idla_contract.task import CompressionMethod, ModelSpec
from idla_preprocess import Classes, ImageSpec, Signature
from idla_trainer.compression.quantization.convert import convert_compressed
from idla_trainer.models.registry import entry_of
from idla_trainer.problems.classification import Classification
from idla_trainer.training.checkpoints import pack

SPEC = ImageSpec(height=8, width=8, channels=1, maximum=16.0)
LABELS = tuple("0123456789")
SIGNATURE = Signature(SPEC, Classes(LABELS))


def main(builder: str, folder: Path) -> None:
    """Write the artifact and print its digest."""
    images = np.random.default_rng(1).integers(0, 17, (300, *SPEC.shape)).astype(np.float32)
    entry, values = entry_of(ModelSpec(template=builder, builder=builder))
    network = entry.build(SPEC, Classification(metric=Metric.ACCURACY, classes=len(LABELS)), values)
    folder.mkdir(parents=True)
    (folder / MODEL).write_bytes(convert_compressed(network, CompressionMethod.DYNAMIC_RANGE, {"image": images}))
    (folder / PREPROCESS).write_text(SIGNATURE.to_json())
    (folder / PREPROCESS_ARRAYS).write_bytes(pack(SIGNATURE.arrays()))
    answers = Runtime(folder / MODEL).predict({"image": images[:8]})
    (folder / GOLDEN).write_bytes(pack({"inputs.image": images[:8], "values": answers}))
    files = [
        FileEntry(name=path.name, digest=digest_of(path.read_bytes()), size_bytes=path.stat().st_size)
        for path in sorted(folder.iterdir())
    ]
    lineage = Lineage(
        data_digest=digest_of(b""), template=builder, image="-", seed=1, code_version="-", tensorflow_version="-"
    )
    manifest = ArtifactManifest(
        task_type=TaskType.IMAGE_CLASSIFICATION,
        inputs=tensor_specs(SIGNATURE.inputs),
        outputs=tensor_specs(SIGNATURE.outputs),
        labels=LABELS,
        variant="DynamicRange",
        files=tuple(files),
        lineage=lineage,
    )
    (folder / "manifest.json").write_bytes(canonical_bytes(manifest))
    print(digest_of(canonical_bytes(manifest)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
