"""How a generation of the spec is started, or gone on with."""

from idla.api.training_workflow_status import BasisStatus, PlanStatus, TaskStatus, TrainingWorkflowStatus
from idla.core.conditions import parse_timestamp, timestamp
from idla.core.kube import jobs
from idla.core.planning.graph import GraphError, TaskNode
from idla.core.planning.plan import profile_node, read_graph
from idla.core.planning.requirements import Requirements
from idla.core.task_state import TaskState
from idla.core.workflow.generation_state import Generation
from idla.core.workflow.inputs import ReconcileInput


def start_generation(inputs: ReconcileInput) -> Generation:
    """Return what was decided for this generation before, and the basis that its tasks rest on.

    A generation with the tasks of the one before goes on where that one stands, also after it had ended. Any other
    one begins with a basis of its own; results that it shares are kept by the hash of their content. A plan that this
    version of the operator cannot follow is made again.
    """
    old, digest, image = inputs.old, inputs.requirements.digest, inputs.settings.trainer_image
    if old.basis is not None and old.basis.spec_digest == digest:
        basis = old.basis.model_copy(update={"image": old.basis.image if _has_begun(inputs) else image})
        previous = old
    else:
        basis = BasisStatus(image=image, spec_digest=digest)
        previous = TrainingWorkflowStatus(conditions=old.conditions, tasks=_reuse_tasks(old))
    graph = _read_graph(previous.plan, inputs.requirements)
    if graph is None:
        previous = previous.model_copy(update={"plan": None})
    return Generation(
        previous=previous,
        basis=basis,
        began=parse_timestamp(previous.start_time or timestamp(inputs.now)),
        graph=graph or (profile_node(inputs.requirements),),
    )


def _reuse_tasks(old: TrainingWorkflowStatus) -> tuple[TaskStatus, ...]:
    reused = {"cached": True, "attempts": 0, "message": "the result of an earlier generation is used"}
    return tuple(
        entry.model_copy(update=reused)
        for entry in old.tasks
        if entry.state == TaskState.SUCCEEDED and entry.result is not None
    )


def _read_graph(plan: PlanStatus | None, requirements: Requirements) -> tuple[TaskNode, ...] | None:
    if plan is None:
        return None
    try:
        return read_graph(plan, requirements)
    except GraphError:
        return None


def _has_begun(inputs: ReconcileInput) -> bool:
    """Return whether a pod has run for the workflow: before that, an image that cannot be pulled holds nothing up."""
    finished = any(entry.state in {TaskState.SUCCEEDED, TaskState.FAILED} for entry in inputs.old.tasks)
    ran = any(jobs.is_finished(job) or jobs.started(job, inputs.snapshot) for job in inputs.snapshot.jobs)
    return inputs.old.plan is not None or finished or ran
