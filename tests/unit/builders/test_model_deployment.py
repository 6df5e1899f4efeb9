import dataclasses

import pytest
from idla.builders.identity import Owner
from idla.builders.model_deployment import build_model_deployment, follows

OWNER = Owner(kind="TrainingWorkflow", name="digits", namespace="vision", uid="u-1")


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [pytest.param(3, {"replicas": 3}, id="asked for"), pytest.param(None, {}, id="left to whoever scales it")],
)
def test_it_follows_the_workflow_and_outlives_it(replicas: int | None, expected: dict[str, int]) -> None:
    made = build_model_deployment(OWNER, "served", replicas=replicas)
    assert made["metadata"].pop("annotations").keys() == {"idla.dev/spec-digest"}
    assert made == {
        "apiVersion": "idla.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": "served",
            "namespace": "vision",
            "labels": {"idla.dev/managed": "true", "idla.dev/workflow": "digits"},
        },
        "spec": {"model": {"workflowRef": {"name": "digits"}}} | expected,
    }


def test_whose_it_is() -> None:
    made = build_model_deployment(OWNER, "served", replicas=None)
    assert follows(made, OWNER)
    assert not follows(made, dataclasses.replace(OWNER, name="faces"))
    assert not follows({"metadata": {"name": "served"}}, OWNER)
