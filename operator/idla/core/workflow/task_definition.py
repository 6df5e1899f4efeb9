"""What determines a task: the spec that its pod is given, and the pod."""

from dataclasses import dataclass

from idla_contract.task import TaskSpec

from idla.builders.task_job import TaskPod


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """A task that is fully determined."""

    spec: TaskSpec
    pod: TaskPod

    @property
    def name(self) -> str:
        """Return the task's name."""
        return self.spec.task
