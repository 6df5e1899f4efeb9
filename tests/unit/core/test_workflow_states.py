"""Every named state reads the same for kstatus and for people, and comes to rest."""

import pytest
from idla.api.model_deployment import ModelDeploymentStatus
from idla.api.reasons import DeploymentCondition, DeploymentReason, WorkflowCondition, WorkflowReason
from idla.api.training_workflow_status import TrainingWorkflowStatus
from idla_contract.result import FailureReason

from tests.unit.core.stories import STATES

SUMMARIES = {
    "profiling": "Unknown Profiling",
    "waiting for resources": "Unknown WaitingForResources",
    "waiting for approval": "Unknown WaitingForApproval",
    "approval stale": "Unknown WaitingForApproval",
    "plan only": "True PlanReady",
    "training": "Unknown Training",
    "suspended": "Unknown Suspended",
    "queued generation": "Unknown Training",
    "publishing": "Unknown Publishing",
    "deploying": "Unknown Deploying",
    "succeeded": "True Completed",
    "target missed": "True TargetMissed",
    "target missed on test": "True Completed",
    "minimum missed": "False MinimumMissed",
    "data not found": "False DataNotFound",
    "claim not found": "False ClaimNotFound",
    "template not found": "False TemplateNotFound",
    "no feasible model": "False NoFeasibleModel",
    "no feasible resources": "False NoFeasibleResources",
    "deadline exceeded": "False DeadlineExceeded",
    "task failed": "False OOMKilled",
    "all candidates failed": "False Diverged",
    "invalid spec": "False InvalidSpec",
    "name taken": "False NameTaken",
    "endpoint stalled": "False DeploymentStalled",
    "deployment waiting for model": "False WaitingForModel",
    "deployment loading": "False Loading",
    "deployment serving": "True Serving",
    "deployment rolling": "True Serving",
    "deployment load failed": "False DigestMismatch",
    "deployment bad update": "True Serving",
    "deployment late": "False ProgressDeadlineExceeded",
    "deployment no ready replicas": "False NoReadyReplicas",
    "deployment name taken": "False NameTaken",
}
SEEN = [name for name in STATES if name != "new"]


def conditions(name: str) -> dict[str, tuple[str, str]]:
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in STATES[name]()["status"]["conditions"]}


def test_every_state_has_its_summary() -> None:
    found = {}
    for name in SEEN:
        known = conditions(name)
        found[name] = " ".join(known["Ready" if "Ready" in known else "Succeeded"])
    assert found == SUMMARIES


@pytest.mark.parametrize("name", SEEN)
def test_the_summary_and_kstatus_agree(name: str) -> None:
    known = conditions(name)
    marks = {kind for kind in ("Reconciling", "Stalled") if kind in known}
    assert all(known[kind][0] == "True" for kind in marks)
    if "Succeeded" in known:
        expected = {"True": set(), "Unknown": {"Reconciling"}, "False": {"Stalled"}}[known["Succeeded"][0]]
        assert marks == expected
    else:
        expected = {"True": set(), "Unknown": {"Reconciling"}, "False": {"Stalled"}}[known["RolloutSucceeded"][0]]
        assert marks == expected


@pytest.mark.parametrize("name", SEEN)
def test_every_word_is_in_the_list_of_words(name: str) -> None:
    resource = STATES[name]()
    workflow = resource["kind"] == "TrainingWorkflow"
    types = WorkflowCondition if workflow else DeploymentCondition
    reasons = WorkflowReason if workflow else DeploymentReason
    for kind, (_, reason) in conditions(name).items():
        assert kind in set(types)
        assert reason in set(reasons)


@pytest.mark.parametrize("name", SEEN)
def test_the_status_is_valid_and_reads_back_as_it_was_written(name: str) -> None:
    resource = STATES[name]()
    model = TrainingWorkflowStatus if resource["kind"] == "TrainingWorkflow" else ModelDeploymentStatus
    assert model.model_validate(resource["status"]).to_status() == resource["status"]


def test_every_failure_of_the_contract_is_a_reason() -> None:
    assert {str(reason) for reason in FailureReason} <= {str(reason) for reason in WorkflowReason}
