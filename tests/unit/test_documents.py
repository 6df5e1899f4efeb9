"""The pages that promise something name tests that exist, words that exist and rights that are granted."""

import re
from pathlib import Path

import pytest
import yaml
from idla.api.reasons import DeploymentReason, EventReason, WorkflowReason

ROOT = Path(__file__).parents[2]
PAGES = ("docs/security.md", "docs/failure-modes.md")
FAILURES = ROOT / "docs/failure-modes.md"
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def rows(page: Path, columns: int) -> list[list[str]]:
    """Return the cells of all tables with so many columns, headings aside."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if len(row) == columns and row[0] not in {"fault", "resource"}]


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = REFERENCE.findall((ROOT / page).read_text())
    assert len(named) > 10
    assert [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or (name and f"def {name}(" not in (ROOT / file).read_text())
    ] == []


def test_every_failure_names_what_is_seen_what_to_do_and_its_test() -> None:
    failures = rows(FAILURES, 5)
    assert len(failures) > 20
    assert [row for row in failures if not all(row) or not REFERENCE.fullmatch(row[-1])] == []


def test_every_reason_in_the_failure_modes_is_one_of_the_reference() -> None:
    known = {*WorkflowReason, *DeploymentReason, *EventReason}
    told = {
        word
        for row in rows(FAILURES, 5)
        for words in re.findall(r"(?:False|Stalled`|fails|event):? (`[A-Z]\w+`(?:, `[A-Z]\w+`)*)", row[1])
        for word in re.findall(r"\w+", words)
    }
    assert len(told) > 10
    assert told - known == set()


def test_the_page_on_security_says_why_of_every_right_that_is_granted() -> None:
    granted: dict[str, set[str]] = {}
    for document in yaml.safe_load_all((ROOT / "manifests/base/permissions.yaml").read_text()):
        for rule in document.get("rules", ()):
            for resource in rule["resources"]:
                granted.setdefault(resource, set()).update(rule["verbs"])
    told = {}
    for where, verbs, why in rows(ROOT / "docs/security.md", 3):
        named = re.match("`([a-z/]+)`", where)
        assert named is not None
        assert why
        told[named[1]] = set(verbs.split(", "))
    assert told == granted
