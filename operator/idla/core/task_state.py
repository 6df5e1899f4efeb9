"""Where a task stands."""

from enum import StrEnum


class TaskState(StrEnum):
    """Where a task stands."""

    PENDING = "Pending"
    """Waits for other tasks, an approval, or room in the cluster."""
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
