"""Writes the golden schemas of the contract: `python -m idla_contract.schemas`."""

import json
from pathlib import Path

from idla_contract.artifact import ArtifactManifest
from idla_contract.result import TaskResult
from idla_contract.task import TaskSpec

FOLDER = Path(__file__).with_name("schema")


def main() -> None:
    """Write one JSON Schema per type that crosses the border."""
    FOLDER.mkdir(exist_ok=True)
    for kind in (TaskSpec, TaskResult, ArtifactManifest):
        schema = json.dumps(kind.model_json_schema(), indent=1, sort_keys=True)
        (FOLDER / f"{kind.__name__}.json").write_text(schema + "\n")


if __name__ == "__main__":
    main()
