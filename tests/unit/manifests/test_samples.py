"""What the repository shows to users and ships as the library is what the types understand."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from idla.api.meta import API_VERSION

from tests.unit.api.validation_cases import SPECS

ROOT = Path(__file__).parents[3]
FILES = [*(ROOT / "manifests/samples").glob("*.yaml"), *(ROOT / "manifests/library").glob("*-*.yaml")]
OURS = [
    pytest.param(document, id=f"{path.name} {document['kind']}")
    for path in sorted(FILES)
    for document in yaml.safe_load_all(path.read_text())
    if document["apiVersion"].startswith("idla.dev")
]


@pytest.mark.parametrize("document", OURS)
def test_a_file_is_an_object_of_the_types(document: dict[str, Any]) -> None:
    assert document["apiVersion"] == API_VERSION
    spec = SPECS[document["kind"]].model_validate(document["spec"])
    assert spec.model_dump(mode="json", by_alias=True, exclude_unset=True) == document["spec"]


def test_the_first_sample_has_15_lines() -> None:
    assert len((ROOT / "manifests/samples/digits.yaml").read_text().splitlines()) == 15


def test_the_library_is_complete() -> None:
    listed = yaml.safe_load((ROOT / "manifests/library/kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(path.name for path in (ROOT / "manifests/library").glob("*-*.yaml"))
