"""What stops the work of a workflow."""

from dataclasses import dataclass

from idla.api.reasons import WorkflowCondition, WorkflowReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """Why the work does not go on."""

    condition: WorkflowCondition
    """The condition that is False for it, beside `Succeeded`."""
    reason: WorkflowReason
    message: str
    final: bool = False
    """Whether the generation has ended with it; otherwise it goes away when the world changes."""
