"""What the pod is told of the choice, and what the status says of where an artifact came from."""

from typing import Any

import pytest
from idla.api.reasons import DecisionReason
from idla.api.training_workflow_status import AlternativeStatus, CandidateStatus, LineageStatus
from idla.core.workflow.lineage import lineage_status, selection_of
from idla.core.workflow.selection import Selected
from idla_contract.lineage import Lineage
from idla_contract.task import Rejected, Selection

from tests.unit.core.world import trained

DIGEST, OTHER = "sha256:" + "1d" * 32, "sha256:" + "2e" * 32


def lineage(**changes: Any) -> Lineage:
    values: dict[str, Any] = {
        "data_digest": DIGEST, "test_digest": OTHER, "template": "vgg-small", "image": "idla/trainer:1", "seed": 7,
        "code_version": "0.1.0", "tensorflow_version": "2.21.0",
        "environment": {"python": "3.11.2", "numpy": "2.0", "processor": "a fast one"},
    }  # fmt: skip
    return Lineage(**(values | changes))


def test_the_card_is_told_figures_and_nothing_of_failed_attempts() -> None:
    candidate = CandidateStatus(
        template="vgg-small", builder="vgg", parameters=1, hyperparameters="{}", training="{}", methods=()
    )
    selected = Selected(
        candidate=candidate,
        report=trained("vgg-small", 0.99),
        reason=DecisionReason.BEST_ACCURACY,
        message="validation accuracy 0.9900",
        alternatives=(
            AlternativeStatus(choice="resnet", reason=DecisionReason.LOWER_ACCURACY, message="validation accuracy 0.9"),
            AlternativeStatus(choice="huge", reason="OutOfMemory", message="pod huge-x1 ended after 4 attempts"),
        ),
        reaches_minimum=True,
        reaches_target=True,
    )
    assert selection_of(selected) == Selection(
        reason="BestAccuracy",
        figures="validation accuracy 0.9900",
        rejected=(
            Rejected(template="resnet", reason="LowerAccuracy", figures="validation accuracy 0.9"),
            Rejected(template="huge", reason="OutOfMemory"),
        ),
    )


def test_the_status_says_where_an_artifact_came_from() -> None:
    assert lineage_status(lineage()) == LineageStatus(
        data_digest=DIGEST,
        test_digest=OTHER,
        image="idla/trainer:1",
        seed=7,
        code_version="0.1.0",
        environment="TensorFlow 2.21.0, numpy 2.0, processor a fast one, python 3.11.2",
    )


@pytest.mark.parametrize("field", ["image", "code_version", "tensorflow_version"])
def test_what_an_image_says_too_long_of_itself_is_cut(field: str) -> None:
    found = lineage_status(lineage(**{field: "x" * 5000}))
    assert found is not None
    assert max(map(len, (found.image, found.code_version, found.environment))) <= 1024


def test_an_older_trainer_tells_nothing() -> None:
    assert lineage_status(None) is None
