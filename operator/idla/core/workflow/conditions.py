"""The conditions of a TrainingWorkflow, and its summary, from where it stands.

`Succeeded` False and `Stalled` True go together, as do Unknown and `Reconciling`; so kstatus, Argo CD and
`kubectl wait` give the same answer.
"""

from idla_contract.result import CompressReason, DataProfile, EvaluateReport

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow import Approval
from idla.core.conditions import Condition
from idla.core.planning.expectation import number_of_classes
from idla.core.planning.requirements import QualityThreshold, is_better
from idla.core.task_state import TaskState
from idla.core.workflow.approval import ApprovalState
from idla.core.workflow.failures import known_reason
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.results import explain_variant
from idla.core.workflow.tasks import TaskDecision

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"
_UNCHECKED = "; whether a node can hold the pods was not checked: the operator may not list nodes"


def build_conditions(state: GenerationState) -> tuple[Condition, ...]:
    """Return every condition that applies, the summary first."""
    summary = summarize(state)
    conditions = [summary, _build_accepted(state), _build_planned(state)]
    conditions += _build_approved(state)
    conditions += [
        _build_resources_ready(state),
        _build_data_ready(state),
        _build_trained(state),
        _build_compressed(state),
        _build_evaluated(state),
    ]
    conditions += _build_deployed(state)
    if state.suspended:
        conditions.append(
            _condition(
                WorkflowCondition.SUSPENDED,
                TRUE,
                WorkflowReason.SUSPENDED_BY_SPEC,
                "`spec.suspend` is true; set it to false to go on",
            )
        )
    conditions += kstatus_conditions(summary)
    return tuple(conditions)


def kstatus_conditions(summary: Condition) -> tuple[Condition, ...]:
    """Return `Reconciling` or `Stalled` as the summary demands."""
    kinds = {UNKNOWN: WorkflowCondition.RECONCILING, FALSE: WorkflowCondition.STALLED}
    kind = kinds.get(summary.status)
    return () if kind is None else (Condition(type=kind, status=TRUE, reason=summary.reason, message=summary.message),)


def summarize(state: GenerationState) -> Condition:
    """Return `Succeeded`."""
    blocker = state.blocker
    if blocker is not None:
        return _condition(WorkflowCondition.SUCCEEDED, FALSE, blocker.reason, blocker.message)
    if state.served:
        return _build_succeeded(state)
    if state.plan_shown:
        return _condition(WorkflowCondition.SUCCEEDED, TRUE, WorkflowReason.PLAN_READY, _plan_text(state))
    reason, message = _under_way(state)
    return _condition(WorkflowCondition.SUCCEEDED, UNKNOWN, reason, message)


def _under_way(state: GenerationState) -> tuple[WorkflowReason, str]:
    if state.suspended:
        return WorkflowReason.SUSPENDED, "`spec.suspend` is true; set it to false to go on"
    if state.published and state.endpoint is not None:
        return WorkflowReason.DEPLOYING, state.endpoint.message
    waiting = [decision for decision in state.active if decision.entry.reason is not None]
    if waiting and len(waiting) == len(state.active):
        texts = "; ".join(
            f"{decision.entry.name}: {decision.entry.reason}, {decision.entry.message}" for decision in waiting
        )
        return WorkflowReason.WAITING_FOR_RESOURCES, texts
    if state.approval in {ApprovalState.WAITING, ApprovalState.STALE} and not state.active:
        return WorkflowReason.WAITING_FOR_APPROVAL, approval_text(state)
    return _stage(state), _tasks_text(state)


def _stage(state: GenerationState) -> WorkflowReason:
    if not state.profile.finished or state.plan is None:
        return WorkflowReason.PROFILING
    if state.selected is None:
        return WorkflowReason.TRAINING
    return WorkflowReason.PUBLISHING


def _tasks_text(state: GenerationState) -> str:
    done = [decision.entry.name for decision in state.tasks if decision.state is TaskState.SUCCEEDED]
    total = len(state.tasks)
    active = ", ".join(decision.entry.name for decision in state.active) or "none"
    notes = [decision.entry for decision in state.active if decision.entry.message and decision.entry.reason is None]
    active += "".join(f"; {entry.name}: {entry.message}" for entry in notes)
    if state.plan is None:
        return f"the data are profiled before anything is chosen; running: {active}"
    return f"{len(done)} of {total} tasks are done; running: {active}"


def _build_succeeded(state: GenerationState) -> Condition:
    assert state.selected is not None  # served, so selected
    wanted, accuracy = state.inputs.requirements.quality, state.selected.report.validation_score
    missed = "below" if state.selected.report.metric.maximized else "above"
    chosen = f"{state.selected.candidate.template} has validation {state.selected.report.metric} {accuracy:.4f}"
    if wanted is None or wanted.target is None or state.selected.reaches_target:
        asked = (
            ""
            if wanted is None
            else f"; {wanted.bound} {wanted.minimum if wanted.target is None else wanted.target} asked for"
        )
        message, reason = f"{chosen}{asked}", WorkflowReason.COMPLETED
    else:
        message = f"{chosen}, {missed} the target {wanted.target}, not {missed} {wanted.minimum}; it is published"
        reason = WorkflowReason.TARGET_MISSED
    return _condition(WorkflowCondition.SUCCEEDED, TRUE, reason, message)


def _build_accepted(state: GenerationState) -> Condition:
    return _build_blocked(state, WorkflowCondition.ACCEPTED) or _condition(
        WorkflowCondition.ACCEPTED, TRUE, WorkflowReason.VALID, "the spec is valid"
    )


def _build_planned(state: GenerationState) -> Condition:
    kind = WorkflowCondition.PLANNED
    blocked = _build_blocked(state, kind)
    if blocked is not None:
        return blocked
    if state.plan is not None:
        return _condition(kind, TRUE, WorkflowReason.PLAN_READY, _plan_text(state))
    return _build_waiting(state, kind, "the data are profiled first")


def _plan_text(state: GenerationState) -> str:
    assert state.plan is not None  # called for a plan that is made
    names = ", ".join(candidate.template for candidate in state.plan.candidates)
    unchecked = _UNCHECKED if state.inputs.settings.has_nodes else ""
    capacity = unchecked if state.inputs.snapshot.nodes is None else ""
    search = state.plan.search
    how = "train" if search is None else f"search among {len(search.trials)} trials of"
    return f"plan {state.plan.hash}: {how} {names}, then publish the best{capacity}"


def _build_approved(state: GenerationState) -> list[Condition]:
    kind = WorkflowCondition.APPROVED
    if state.plan is None or state.inputs.spec.approval is not Approval.MANUAL:
        return []
    answers = {
        ApprovalState.APPROVED: (TRUE, WorkflowReason.APPROVED, f"plan {state.plan.hash} is approved"),
        ApprovalState.STALE: (UNKNOWN, WorkflowReason.STALE, approval_text(state)),
        ApprovalState.WAITING: (UNKNOWN, WorkflowReason.WAITING_FOR_APPROVAL, approval_text(state)),
    }
    status, reason, message = answers[state.approval]
    return [_condition(kind, status, reason, message)]


def approval_text(state: GenerationState) -> str:
    """Return how to approve the plan."""
    assert state.plan is not None  # nobody waits for the approval of no plan
    owner = state.inputs.owner
    command = state.inputs.settings.approve_command.format(
        namespace=owner.namespace, name=owner.name, plan=state.plan.hash
    )
    before = "another plan was approved; " if state.approval is ApprovalState.STALE else ""
    return f"{before}plan {state.plan.hash} waits for: {command}"


def _build_resources_ready(state: GenerationState) -> Condition:
    kind = WorkflowCondition.RESOURCES_READY
    blocked = _build_blocked(state, kind)
    if blocked is not None:
        return blocked
    waiting = [decision for decision in state.active if decision.entry.reason is not None]
    if waiting:
        texts = "; ".join(f"{decision.entry.name}: {decision.entry.message}" for decision in waiting)
        return _condition(kind, FALSE, known_reason(waiting[0].entry.reason), texts)
    running = [decision.entry for decision in state.active if decision.state is TaskState.RUNNING]
    if running:
        lost = "; ".join(f"{entry.name}: {entry.message}" for entry in running if entry.message)
        status, reason = (UNKNOWN, WorkflowReason.IN_PROGRESS) if lost else (TRUE, WorkflowReason.SCHEDULED)
        return _condition(kind, status, reason, lost or "every pod has its node")
    if any(decision.state is TaskState.PENDING for decision in state.active):
        return _condition(kind, UNKNOWN, WorkflowReason.IN_PROGRESS, "pods are being started")
    if state.finished or state.published:
        return _condition(kind, TRUE, WorkflowReason.NOT_NEEDED, "no pod is needed any more")
    return _condition(kind, UNKNOWN, WorkflowReason.PENDING, "no pod is needed now")


def _build_data_ready(state: GenerationState) -> Condition:
    kind = WorkflowCondition.DATA_READY
    blocked = _build_blocked(state, kind)
    if blocked is not None:
        return blocked
    if state.profile.state is TaskState.SUCCEEDED:
        data = state.data
        return _condition(kind, TRUE, WorkflowReason.PROFILED, "" if data is None else _data_text(data))
    return _build_waiting(state, kind, "the data are profiled", task=state.profile)


def _data_text(profile: DataProfile) -> str:
    classes = number_of_classes(profile)
    sizes = f"{profile.examples} examples" + (f" of {classes} classes" if classes else "")
    if not profile.warnings:
        return sizes
    more = len(profile.warnings) - 1
    return f"{sizes}; noticed: {profile.warnings[0]}" + (f"; {more} more in `status.data.warnings`" if more else "")


def _build_trained(state: GenerationState) -> Condition:
    kind = WorkflowCondition.TRAINED
    blocked = _build_blocked(state, kind)
    if blocked is not None:
        return blocked
    if state.selected is not None:
        message = f"{state.selected.candidate.template}: {state.selected.message}"
        return _condition(kind, TRUE, WorkflowReason.MODEL_SELECTED, message)
    active = next((decision for decision in state.trainings.values() if decision.active), None)
    return _build_waiting(state, kind, "candidates are trained after the plan", task=active)


def _build_compressed(state: GenerationState) -> Condition:
    kind = WorkflowCondition.COMPRESSED
    blocked = _build_blocked(state, kind)
    if blocked is not None:
        return blocked
    result = None if state.publish is None else state.publish.result
    if result is not None and result.compress is not None:
        reason = result.compress.reason if result.compress.reason in set(CompressReason) else WorkflowReason.GATE_PASSED
        message = f"{result.compress.choice}: {explain_variant(result.compress, result.refit)}"
        return _condition(kind, TRUE, WorkflowReason(reason), message)
    return _build_waiting(state, kind, "the chosen model is compressed after the trainings", task=state.publish)


def _build_evaluated(state: GenerationState) -> Condition:
    kind = WorkflowCondition.EVALUATED
    blocked = _build_blocked(state, kind)
    if blocked is not None:
        return blocked
    evaluate = None if state.publish is None or state.publish.result is None else state.publish.result.evaluate
    if evaluate is None:
        return _build_waiting(state, kind, "the test split is measured after every choice", task=state.publish)
    return _judge_test_score(evaluate, state.inputs.requirements.quality)


def _judge_test_score(evaluate: EvaluateReport, wanted: QualityThreshold | None) -> Condition:
    """Return `Evaluated` from what the test split says; it changes no choice."""
    kind, accuracy = WorkflowCondition.EVALUATED, evaluate.served_score
    right = "" if evaluate.served_correct is None else f"{evaluate.served_correct} of "
    examples = f"{right}{evaluate.test_examples} test examples{' right' if right else ''}"
    shown = f"{examples}, {evaluate.metric} {accuracy:.4f}"
    beside = f"{shown}; the baseline: {evaluate.baseline_score:.4f}"
    if not is_better(evaluate.metric, accuracy, evaluate.baseline_score):
        return _condition(kind, FALSE, WorkflowReason.BASELINE_NOT_BEATEN, beside)
    if wanted is None:
        return _condition(kind, TRUE, WorkflowReason.MEASURED, beside)
    if not wanted.reached(accuracy):
        missed = "below" if evaluate.metric.maximized else "above"
        message = f"{shown}, {missed} {wanted.minimum} that validation reached; it is published anyway"
        return _condition(kind, FALSE, WorkflowReason.TARGET_MISSED_ON_TEST, message)
    if wanted.target is not None and wanted.target_reached(accuracy):
        return _condition(kind, TRUE, WorkflowReason.TARGET_MET, f"{beside}; target {wanted.target}")
    return _condition(kind, TRUE, WorkflowReason.MINIMUM_MET, f"{beside}; minimum {wanted.minimum}")


def _build_deployed(state: GenerationState) -> list[Condition]:
    kind, settings = WorkflowCondition.DEPLOYED, state.inputs.spec.deployment
    if settings is None or settings.mode == "None":
        return []
    blocked = _build_blocked(state, kind)
    if blocked is not None:
        return [blocked]
    if state.endpoint is None:
        return [_build_waiting(state, kind, "the artifact is deployed when it is published")]
    if state.endpoint.ready:
        return [_condition(kind, TRUE, WorkflowReason.SERVING, state.endpoint.message)]
    return [_condition(kind, UNKNOWN, WorkflowReason.IN_PROGRESS, state.endpoint.message)]


def _build_blocked(state: GenerationState, kind: WorkflowCondition) -> Condition | None:
    blocker = state.blocker
    if blocker is None or blocker.condition is not kind:
        return None
    return _condition(kind, FALSE, blocker.reason, blocker.message)


def _build_waiting(
    state: GenerationState, kind: WorkflowCondition, message: str, task: TaskDecision | None = None
) -> Condition:
    """Return that something is not known yet: it is being done, it will be done, or it will not."""
    if task is not None and task.active and not state.suspended:
        return _condition(kind, UNKNOWN, WorkflowReason.IN_PROGRESS, f"task {task.entry.name} is running")
    if state.finished:
        return _condition(kind, UNKNOWN, WorkflowReason.SKIPPED, "the work ended before it")
    return _condition(kind, UNKNOWN, WorkflowReason.PENDING, message)


def _condition(kind: WorkflowCondition, status: str, reason: WorkflowReason, message: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message)
