"""Whatever is stored, the core does not fail on it, writes what the CRD takes, and comes to rest.

`lifecycle.look_at` looks at every decision; `settle` fails where a life does not come to rest.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idla.api.model_template import ModelTemplateSpec
from idla.core.snapshot import Template
from pydantic import ValidationError

from tests.fuzz.constraints import valid
from tests.fuzz.counts import LARGE, drawn, seen
from tests.fuzz.generators import Spec, specs
from tests.fuzz.lifecycle import EndpointLife, WorkflowLife, endpoint_life, template_life, workflow_life
from tests.fuzz.mutations import ANYTHING, NAMES, bent

pytestmark = [pytest.mark.timeout(3600), LARGE]
TWF, MDEP, MTPL = "TrainingWorkflow", "ModelDeployment", "ModelTemplate"


def accepted(life: WorkflowLife | EndpointLife, *, refusal: str) -> bool:
    """Return whether a life was let in; what was not says so."""
    document = life.workflow if isinstance(life, WorkflowLife) else life.resource
    conditions = {entry["type"]: entry for entry in document["status"]["conditions"]}
    refused = conditions.get("Stalled", {}).get("reason") == "InvalidSpec"
    if refused:
        assert conditions[refusal]["status"] == "False"
        assert "spec" in conditions[refusal]["message"]
    return not refused


@drawn(0.22)
@given(specs(TWF), NAMES)
def test_valid_workflows_live(spec: Spec, name: str) -> None:
    assert accepted(workflow_life(spec, name).live(), refusal="Accepted")
    seen[f"{TWF}, valid"] += 1


@drawn(0.17)
@given(bent(TWF), NAMES)
def test_bent_workflows_are_refused_or_live(spec: Spec, name: str) -> None:
    assert accepted(workflow_life(spec, name).live(), refusal="Accepted") == valid(TWF, spec)
    seen[f"{TWF}, bent"] += 1


@drawn(0.08)
@given(ANYTHING)
def test_whatever_an_older_crd_let_in_for_a_workflow_is_refused(spec: Any) -> None:
    assert accepted(workflow_life(spec).live(), refusal="Accepted") == valid(TWF, spec)
    seen[f"{TWF}, anything"] += 1


@drawn(0.15)
@given(specs(MDEP), NAMES)
def test_valid_deployments_live(spec: Spec, name: str) -> None:
    assert accepted(endpoint_life(spec, name).live(), refusal="Ready")
    seen[f"{MDEP}, valid"] += 1


@drawn(0.1)
@given(bent(MDEP), NAMES)
def test_bent_deployments_are_refused_or_live(spec: Spec, name: str) -> None:
    assert accepted(endpoint_life(spec, name).live(), refusal="Ready") == valid(MDEP, spec)
    seen[f"{MDEP}, bent"] += 1


@drawn(0.05)
@given(ANYTHING)
def test_whatever_an_older_crd_let_in_for_a_deployment_is_refused(spec: Any) -> None:
    assert accepted(endpoint_life(spec).live(), refusal="Ready") == valid(MDEP, spec)
    seen[f"{MDEP}, anything"] += 1


@drawn(0.09)
@given(specs(MTPL), NAMES)
def test_workflows_live_with_valid_templates(spec: Spec, name: str) -> None:
    assert accepted(template_life(spec, name).live(), refusal="Accepted")
    seen[f"{MTPL}, valid"] += 1


@drawn(0.07)
@given(st.one_of(bent(MTPL), ANYTHING))
def test_bent_templates_are_left_out_or_live(spec: Any) -> None:
    try:
        template = Template(name="drawn", spec=ModelTemplateSpec.model_validate(spec))
    except ValidationError:
        pass  # as the operator does, which says so in its log
    else:
        assert accepted(WorkflowLife(templates=(template,)).live(), refusal="Accepted")
    seen[f"{MTPL}, bent"] += 1
