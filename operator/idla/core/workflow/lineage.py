"""What outlives a workflow in its artifact: why the model was chosen, given to the pod, and where it came from."""

from idla_contract.lineage import Lineage
from idla_contract.task import Rejected, Selection

from idla.api.reasons import DecisionReason
from idla.api.training_workflow_status import LineageStatus
from idla.core.conditions import shorten
from idla.core.workflow.selection import Selected

_IMAGE, _VERSION = 1024, 128
_OF_A_CHOICE = {*DecisionReason, "LargerWithinError"}
"""Reasons with figures that the same trainings would give again; the last one is of plans of before."""


def selection_of(selected: Selected) -> Selection:
    """Return the choice for the model card: what the same trainings would say again, and nothing of failed attempts."""
    return Selection(
        reason=selected.reason,
        figures=shorten(selected.message),
        rejected=tuple(
            Rejected(
                template=entry.choice,
                reason=entry.reason,
                figures=entry.message if entry.reason in _OF_A_CHOICE else "",
            )
            for entry in selected.alternatives
        ),
    )


def lineage_status(lineage: Lineage | None) -> LineageStatus | None:
    """Return where an artifact came from, as the status has it; its pod's image may be anybody's."""
    if lineage is None:
        return None
    versions = {"TensorFlow": lineage.tensorflow_version, **dict(sorted(lineage.environment.items()))}
    return LineageStatus(
        data_digest=lineage.data_digest,
        test_digest=lineage.test_digest,
        image=lineage.image[:_IMAGE],
        seed=lineage.seed,
        code_version=lineage.code_version[:_VERSION],
        environment=shorten(", ".join(f"{name} {value}" for name, value in versions.items())),
    )
