"""No field is silent: for each there are two values between which a child, the plan, the status or a look differs.

The fields come from the CRDs, so that one which is added and does nothing fails here. A field whose other values are
all refused alone must be named by the refusal.
"""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, settings
from idla.core.objects import explain_errors
from pydantic import ValidationError

from tests.fuzz.counts import LARGE, seen
from tests.fuzz.generators import LEAVES, Spec, pairs
from tests.fuzz.lifecycle import endpoint_life, story, template_life, workflow_life
from tests.fuzz.schema import Path_, shown
from tests.unit.api.validation_cases import BASES, SPECS

pytestmark = [pytest.mark.timeout(3600), LARGE]
FOR_PEOPLE = {("ModelTemplate", "description"): "says to people what a template is good for"}
"""Fields that do nothing, and why that is right."""
SHARES = {"trainPercent": 64, "validationPercent": 16, "testPercent": 20}
_TOO_MUCH = {"data": {"storageUri": "sample://digits", "split": SHARES | {"seed": 1, "testPercent": 21}}}
_NOT_AUTO = {"model": {"selection": "Auto", "templateRefs": [{"name": "vgg-small"}]}}
REFUSED: dict[tuple[str, str], tuple[Spec, str]] = {
    ("TrainingWorkflow", "model.selection"): (_NOT_AUTO, "spec.model`"),
    ("TrainingWorkflow", "data.split.trainPercent"): (_TOO_MUCH, "spec.data.split`: `trainPercent`"),
    ("TrainingWorkflow", "data.split.validationPercent"): (_TOO_MUCH, "`validationPercent`"),
    ("TrainingWorkflow", "data.split.testPercent"): (_TOO_MUCH, "`testPercent`"),
}
"""Fields that cannot be changed alone: a value that does not go with the others, and what the refusal names."""
SEARCH = settings(
    max_examples=2000,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
FIELDS = [(kind, path) for kind, paths in LEAVES.items() for path in paths]


SILENT = FOR_PEOPLE.keys() | REFUSED.keys()
SHOWN = [(kind, path) for kind, path in FIELDS if (kind, shown(path)) not in SILENT]


def tale(kind: str, spec: Spec) -> list[str]:
    """Return what is seen of an object's life."""
    lives: dict[str, Any] = {
        "TrainingWorkflow": workflow_life, "ModelDeployment": endpoint_life, "ModelTemplate": template_life,
    }  # fmt: skip
    return list(story(lives[kind](spec).live().decisions))


@pytest.mark.parametrize(("kind", "path"), [pytest.param(*one, id=f"{one[0]}-{shown(one[1])}") for one in SHOWN])
def test_a_field_changes_what_is_seen(kind: str, path: Path_) -> None:
    def differs(pair: tuple[Spec, Spec] | None) -> bool:
        if pair is None:
            return False
        seen[f"{kind}, changed in one field"] += 2
        return tale(kind, pair[0]) != tale(kind, pair[1])

    assert find(pairs(kind, path), differs, settings=SEARCH) is not None


def refusal(kind: str, spec: Spec) -> str:
    with pytest.raises(ValidationError) as error:
        SPECS[kind].model_validate(spec)
    return explain_errors(error.value)


@pytest.mark.parametrize(("kind", "name"), sorted(REFUSED))
def test_a_field_that_cannot_be_changed_alone_is_refused_by_its_name(kind: str, name: str) -> None:
    changes, named = REFUSED[kind, name]
    assert named in refusal(kind, BASES[kind] | changes)


def test_shares_that_are_changed_together_are_seen() -> None:
    others: list[dict[str, int]] = [
        {},
        {"trainPercent": 60, "testPercent": 24},
        {"trainPercent": 60, "validationPercent": 20},
    ]
    data = [{"storageUri": "sample://digits", "split": SHARES | changes} for changes in others]
    tales = [tale("TrainingWorkflow", BASES["TrainingWorkflow"] | {"data": part}) for part in data]
    assert all(one != other for one, other in itertools.combinations(tales, 2))


def test_the_exceptions_are_fields() -> None:
    assert {(kind, shown(path)) for kind, path in FIELDS} >= SILENT
