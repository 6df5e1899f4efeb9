import dataclasses
from typing import Any

import pytest
from idla.api.pod_template import PodTemplate
from idla.api.training_workflow import DeploymentSettings
from idla.builders.identity import Owner
from idla.builders.model_deployment import build_model_deployment, follows

OWNER = Owner(kind="TrainingWorkflow", name="digits", namespace="vision", uid="u-1")


PODS, OTHERS = {"metadata": {"labels": {"team": "vision"}}}, {"spec": {"nodeSelector": {"pool": "serving"}}}
SMALL = {"limits": {"cpu": "1", "memory": "512Mi"}}


def settings(**changes: Any) -> DeploymentSettings:
    return DeploymentSettings.model_validate({"mode": "CreateOrUpdate", **changes})


@pytest.mark.parametrize(
    ("asked", "template", "expected"),
    [
        pytest.param({"replicas": 3}, None, {"replicas": 3}, id="pods asked for"),
        pytest.param({"name": "served"}, None, {}, id="left to whoever scales it"),
        pytest.param({"resources": SMALL}, None, {"resources": SMALL}, id="their size"),
        pytest.param({}, PODS, {"podTemplate": PODS}, id="as the pods of the trainings"),
        pytest.param({"podTemplate": OTHERS}, PODS, {"podTemplate": OTHERS}, id="in words of its own"),
    ],
)
def test_it_follows_the_workflow_and_outlives_it(
    asked: dict[str, Any], template: dict[str, Any] | None, expected: dict[str, Any]
) -> None:
    given = None if template is None else PodTemplate.model_validate(template)
    made = build_model_deployment(OWNER, "served", settings(**asked), template=given)
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
    made = build_model_deployment(OWNER, "served", settings())
    assert follows(made, OWNER)
    assert not follows(made, dataclasses.replace(OWNER, name="faces"))
    assert not follows({"metadata": {"name": "served"}}, OWNER)
