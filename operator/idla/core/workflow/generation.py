"""What to do for a generation: its task graph is walked, and each task decided from what the ones before came to."""

from dataclasses import replace

from idla.api.reasons import DecisionName, WorkflowCondition, WorkflowReason
from idla.core.blocker import Blocker
from idla.core.cluster.capacity import find_impossible_pod, find_missing_claim
from idla.core.conditions import shorten
from idla.core.planning.candidates import nominate_candidates
from idla.core.planning.graph import NEEDS_MODEL, StepKind, TaskNode, find_ready, waits_for
from idla.core.planning.plan import make_plan, name_training_task, read_graph
from idla.core.task_state import TaskState
from idla.core.workflow.approval import explain_approval, read_approval
from idla.core.workflow.deadline import with_deadline
from idla.core.workflow.failures import explain_failed_profile, explain_failed_publication
from idla.core.workflow.generation_state import Generation, GenerationState
from idla.core.workflow.inputs import ReconcileInput
from idla.core.workflow.model_deployment import find_name_conflict, observe_endpoint
from idla.core.workflow.model_selection import collect_trained, find_missed_minimum, select_model
from idla.core.workflow.planned_tasks import define_task
from idla.core.workflow.results import artifact_status
from idla.core.workflow.stages import Planned, Published, Stage, Trained, Undecided
from idla.core.workflow.tasks import TaskDecision, pending_task, reconcile_task

_IN_VAIN = "it will not run: nothing can be published"


def observe_generation(inputs: ReconcileInput, generation: Generation) -> GenerationState:
    """Return where the generation stands, with what is to be done about its tasks."""
    # 1. What is known of it, and what stops it before its first task.
    state = _begin(inputs, generation)
    # 2. The tasks that are planned; at first the one that looks at the data.
    state = _observe_tasks(state)
    # 3. The plan, once the data are known, with its tasks.
    state = _observe_tasks(_plan(state))
    # 4. How the published artifact is served.
    state = _observe_endpoint(state)
    # 5. What the API server refuses, and the deadline.
    return with_deadline(_with_refusal(state))


def _begin(inputs: ReconcileInput, generation: Generation) -> GenerationState:
    plan = generation.previous.plan
    if plan is not None:
        approval = read_approval(inputs, generation.previous, plan)
        stage: Stage = Planned(plan=plan, choice=None, approval=approval)
        return GenerationState(inputs=inputs, generation=generation, graph=generation.graph, stage=stage)
    found = nominate_candidates(inputs.requirements, inputs.snapshot.templates, None)
    blocker = found if isinstance(found, Blocker) else _find_obstacle(inputs)
    return GenerationState(inputs=inputs, generation=generation, graph=generation.graph, stage=Stage(), blocker=blocker)


def _find_obstacle(inputs: ReconcileInput) -> Blocker | None:
    """Return what stops every task of the workflow before its first one, or None."""
    wanted, snapshot = inputs.requirements, inputs.snapshot
    named = {"spec.data.storageUri": wanted.data_claim}
    if wanted.artifact_mebibytes is None:
        named["spec.outputs.storageUri"] = wanted.artifact_claim
    return (
        find_missing_claim(named, snapshot.claims, namespace=inputs.owner.namespace)
        or find_impossible_pod(wanted.training_pod, snapshot.nodes, inputs.spec.pod_template)
        # A node that only pods with a device may use holds no pod without one.
        or find_impossible_pod(wanted.cpu_only_pod, snapshot.nodes, inputs.spec.pod_template)
        or find_name_conflict(inputs)
    )


def _observe_tasks(state: GenerationState) -> GenerationState:
    """Decide every task of the graph whose dependencies have finished, one after another; the others wait."""
    while ready := find_ready(_undecided(state), _finished(state)):
        state = _observe_task(state, ready[0])
    in_vain = state.blocker is not None and state.blocker.final
    for node in _undecided(state):
        message = _IN_VAIN if in_vain else f"waits for {', '.join(waits_for(node, _finished(state)))}"
        state = state.with_task(pending_task(node.name, message))
    return state


def _undecided(state: GenerationState) -> list[TaskNode]:
    return [node for node in state.graph if node.name not in state.decisions]


def _finished(state: GenerationState) -> set[str]:
    """Return the names of finished tasks; what a plan was made from has finished, though its result may be lost."""
    planned = isinstance(state.stage, Planned)
    known = {node.name for node in state.graph if planned and StepKind.PROFILE in node.steps}
    return known | {decision.entry.name for decision in state.tasks if decision.finished}


def _observe_task(state: GenerationState, node: TaskNode) -> GenerationState:
    if StepKind.SELECT in node.steps:
        state = _end_trainings(state)
    elif NEEDS_MODEL & set(node.steps):
        state = _select(state)
    if state.blocker is not None and StepKind.PROFILE not in node.steps:
        return state.with_task(pending_task(node.name, _IN_VAIN))
    decision = reconcile_task(
        define_task(node, state.inputs, state.stage, image=state.generation.basis.image),
        next((entry for entry in state.previous.tasks if entry.name == node.name), None),
        state.inputs,
        blocked_by=_explain_block(state),
    )
    return _with_outcome(state, node, decision)


def _explain_block(state: GenerationState) -> str | None:
    """Return why no Job may be created now, or None where one may."""
    if state.blocker is not None:
        return state.blocker.message
    return explain_approval(state.stage.approval) if isinstance(state.stage, Planned) else None


def _with_outcome(state: GenerationState, node: TaskNode, decision: TaskDecision) -> GenerationState:
    """Return the state with a task's decision, and with what its end means for the generation."""
    if StepKind.PUBLISH in node.steps and isinstance(state.stage, Trained):
        return _with_publication(state, state.stage, decision)
    blocker = state.blocker
    if StepKind.PROFILE in node.steps:
        blocker = explain_failed_profile(decision) or blocker
    return replace(state.with_task(decision), blocker=blocker)


def _with_publication(state: GenerationState, stage: Trained, decision: TaskDecision) -> GenerationState:
    if decision.state is TaskState.FAILED:
        return replace(state.with_task(decision), blocker=explain_failed_publication(decision))
    if decision.result is None:
        return state.with_task(decision)
    published = decision.result.artifact
    if published is None:
        message = "the task succeeded without an artifact"
        changes = {"state": TaskState.FAILED, "reason": WorkflowReason.RESULT_MISSING, "message": message}
        failed = TaskDecision(entry=decision.entry.model_copy(update=changes))
        return replace(state.with_task(failed), blocker=explain_failed_publication(failed))
    artifact = artifact_status(
        published,
        stage.selected,
        decision.result,
        generation=state.inputs.generation,
        old=state.inputs.old.artifact,
    )
    return replace(
        state.with_task(decision),
        stage=Published(
            plan=stage.plan,
            choice=stage.choice,
            approval=stage.approval,
            selected=stage.selected,
            training=stage.training,
            result=decision.result,
            artifact=artifact,
        ),
    )


def _plan(state: GenerationState) -> GenerationState:
    """Make the plan where there is none, and the data are known."""
    profiled = any(decision.state is TaskState.SUCCEEDED for decision in state.tasks_with(StepKind.PROFILE))
    if state.blocker is not None or isinstance(state.stage, Planned) or not profiled:
        return state
    requirements, data = state.inputs.requirements, state.data
    found = nominate_candidates(requirements, state.inputs.snapshot.templates, data)
    if isinstance(found, Blocker):
        return replace(state, blocker=found)
    plan = make_plan(requirements, found, state.generation.basis, data_digest=None if data is None else data.digest)
    approval = read_approval(state.inputs, state.previous, plan)
    return replace(
        state, graph=read_graph(plan, requirements), stage=Planned(plan=plan, choice=found, approval=approval)
    )


def _end_trainings(state: GenerationState) -> GenerationState:
    """Collect what the trainings made, as they have ended, or say why nothing can be published."""
    stage = state.stage
    if not isinstance(stage, Planned) or isinstance(stage, Undecided | Trained):
        return state
    trained = collect_trained(stage.plan, state.decisions)
    if isinstance(trained, Blocker):
        return replace(state, blocker=trained)
    undecided = Undecided(plan=stage.plan, choice=stage.choice, approval=stage.approval, trained=trained)
    return replace(state, stage=undecided)


def _select(state: GenerationState) -> GenerationState:
    """Select a model, as the trainings have ended, or say why none can be published."""
    stage, wanted = state.stage, state.inputs.requirements.quality
    if not isinstance(stage, Planned) or isinstance(stage, Trained):
        return state
    before = state.previous.decision(DecisionName.MODEL_SELECTION)
    selected = select_model(stage.plan, state.decisions, state.inputs.requirements, before=before)
    if isinstance(selected, Blocker):
        return replace(state, blocker=selected)
    training = state.decisions[name_training_task(stage.plan, selected.candidate.template)].entry
    trained = Trained(
        plan=stage.plan, choice=stage.choice, approval=stage.approval, selected=selected, training=training
    )
    return replace(state, stage=trained, blocker=find_missed_minimum(selected, wanted))


def _observe_endpoint(state: GenerationState) -> GenerationState:
    if state.blocker is not None or not isinstance(state.stage, Published):
        return state
    found = observe_endpoint(state.inputs, state.stage.artifact)
    if found is None:
        return state
    return replace(state, stage=replace(state.stage, endpoint=found), blocker=found.blocker)


def _with_refusal(state: GenerationState) -> GenerationState:
    refusal = state.inputs.snapshot.refusal
    if refusal is None or state.blocker is not None:
        return state
    blocker = Blocker(
        condition=WorkflowCondition.RESOURCES_READY,
        reason=WorkflowReason.APPLY_REFUSED,
        message=shorten(refusal),
    )
    return replace(state, blocker=blocker)
