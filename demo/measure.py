"""Measures a published artifact again, inside a pod of the trainer image: `python -I -c <this file> SOURCE URI`.

SOURCE is the JSON of the contract's DataSource, URI the artifact's; its claim is mounted at DATA_MOUNT. Prints one JSON
object: sizes, right answers of the float and the served file on the test split, and the test examples themselves, so
that whoever asked can send them to the endpoint.
"""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
from idla_artifact.runtime import Runtime
from idla_contract.artifact import FLOAT_MODEL, MODEL
from idla_contract.paths import DATA_MOUNT, SAMPLES_ROOT
from idla_contract.problem import Problem
from idla_contract.task import DataSource
from idla_store import fetch
from idla_trainer.data.source import Origin
from idla_trainer.problems.registry import load_dataset


def main(source_json: str, uri: str) -> None:
    """Measure and print."""
    source = DataSource.model_validate_json(source_json)
    mount, samples, downloads = Path(DATA_MOUNT), Path(SAMPLES_ROOT), Path("/tmp")
    origin = Origin(data_mount=mount, samples=samples, downloads=downloads)
    dataset = load_dataset(Problem(), source, origin)
    test = dataset.parts.test
    images, labels = dataset.raw["image"][test], dataset.targets[test]
    folder = fetch(uri, data_mount=mount, samples_root=samples, into=downloads)
    found: dict[str, object] = {}
    for name, file in (("float", FLOAT_MODEL), ("served", MODEL)):
        right = Runtime(folder / file).predict({"image": images}).argmax(axis=1) == labels
        found[f"{name}_size_bytes"] = (folder / file).stat().st_size
        found[f"{name}_correct"] = int(right.sum())
    packed = io.BytesIO()
    np.savez_compressed(packed, x=images, y=labels)
    found["classes"] = dataset.classes
    found["maximum"] = dataset.facts["maximum"]
    found["test"] = base64.b64encode(packed.getvalue()).decode()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
