"""docs/reference is what the types and the table of states say, and the table is what Argo CD sees."""

from pathlib import Path

import pytest
from idla.api.schema.reference import State, read_states, render

from tests.unit.core.stories import STATES
from tests.unit.manifests.argocd_health import health

REFERENCE = Path(__file__).parents[3] / "docs/reference"
ROWS = read_states(REFERENCE)


def test_the_committed_pages_are_what_the_types_say() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md")} == render(REFERENCE)


def test_every_row_of_a_table_ends_on_its_line() -> None:
    lines = [line for text in render(REFERENCE).values() for line in text.splitlines()]
    assert [line for line in lines if line.startswith("|") and not line.endswith("|")] == []


def test_every_state_has_one_row() -> None:
    assert [row.state for row in ROWS] == list(STATES)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.state) for row in ROWS])
def test_argo_cd_sees_the_state_as_the_table_says(row: State) -> None:
    resource = STATES[row.state]()
    found = health(resource)
    assert (resource["kind"], found["status"]) == (row.kind, row.argocd)
    assert found["message"]


def test_tools_do_not_contradict_each_other() -> None:
    """Done is done and failed is failed for everybody; only Argo CD tells waiting for a person from working."""
    readings = {(row.kstatus, row.argocd, "Stalled" in row.wait) for row in ROWS}
    assert readings == {
        ("Current", "Healthy", False),
        ("InProgress", "Progressing", False),
        ("InProgress", "Suspended", False),
        ("Failed", "Degraded", True),
    }
