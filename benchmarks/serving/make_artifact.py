"""Run as a program with TensorFlow: writes an artifact folder with an untrained network of the registry.

Speed does not depend on the weights; nothing is claimed about quality.
"""

import sys
from pathlib import Path

import numpy as np
from idla_contract.artifact import (
    GOLDEN,
    MODEL,
    PREPROCESS,
    ArtifactManifest,
    FileEntry,
    Lineage,
    canonical_bytes,
    digest_of,
)
from idla_contract.task import CompressionMethod, ModelSpec
from idla_preprocess import ImageSpec
from idla_server.runtime import Runtime
from idla_server.signature import input_specs, output_specs
from idla_trainer.compression.convert import compressed_model
from idla_trainer.models.registry import entry_of

SPEC = ImageSpec(height=8, width=8, channels=1, maximum=16.0)
LABELS = tuple("0123456789")


def main(builder: str, folder: Path) -> None:
    """Write the artifact and print its digest."""
    images = np.random.default_rng(1).integers(0, 17, (300, *SPEC.shape)).astype(np.float32)
    entry, values = entry_of(ModelSpec(template=builder, builder=builder))
    network = entry.build(SPEC, len(LABELS), values)
    folder.mkdir(parents=True)
    (folder / MODEL).write_bytes(compressed_model(network, CompressionMethod.DYNAMIC_RANGE, images))
    (folder / PREPROCESS).write_text(SPEC.to_json())
    np.savez(folder / GOLDEN, inputs=images[:8], probabilities=Runtime(folder / MODEL).predict(images[:8]))
    files = [
        FileEntry(name=path.name, digest=digest_of(path.read_bytes()), size_bytes=path.stat().st_size)
        for path in sorted(folder.iterdir())
    ]
    lineage = Lineage(
        data_digest=digest_of(b""), template=builder, image="-", seed=1, code_version="-", tensorflow_version="-"
    )
    manifest = ArtifactManifest(
        task_type="ImageClassification",
        inputs=input_specs(SPEC),
        outputs=output_specs(LABELS),
        labels=LABELS,
        variant="DynamicRange",
        files=tuple(files),
        lineage=lineage,
    )
    (folder / "manifest.json").write_bytes(canonical_bytes(manifest))
    print(digest_of(canonical_bytes(manifest)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
