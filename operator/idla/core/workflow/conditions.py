"""The conditions of a TrainingWorkflow, and its summary, from where it stands.

`Succeeded` False and `Stalled` True go together, as do Unknown and `Reconciling`; so kstatus, Argo CD and
`kubectl wait` give the same answer.
"""

from collections.abc import Callable, Mapping, Sequence

from idla_contract.result import CompressReason, DataProfile, EvaluateReport

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow import Approval
from idla.core.conditions import FALSE, TRUE, UNKNOWN, Condition
from idla.core.planning.expectation import number_of_classes
from idla.core.planning.graph import StepKind
from idla.core.planning.requirements import QualityThreshold, is_better
from idla.core.task_state import TaskState
from idla.core.workflow.approval import ApprovalState
from idla.core.workflow.failures import known_reason
from idla.core.workflow.generation_state import GenerationState
from idla.core.workflow.results import explain_variant
from idla.core.workflow.stages import Planned, Published, Stage, Trained
from idla.core.workflow.tasks import TaskDecision

_SUSPENDED = "`spec.suspend` is true; set it to false to go on"
_UNCHECKED = "; whether a node can hold the pods was not checked: the operator may not list nodes"


def build_conditions(state: GenerationState) -> tuple[Condition, ...]:
    """Return every condition that applies, the summary first."""
    summary = _summarize(state)
    found = (_build_blocked(state, kind) or build(state, kind) for kind, build in _BUILDERS.items())
    applying = (condition for condition in found if condition is not None)
    return (summary, *applying, *_kstatus_conditions(summary))


def _kstatus_conditions(summary: Condition) -> tuple[Condition, ...]:
    """Return `Reconciling` or `Stalled` as the summary demands."""
    kinds = {UNKNOWN: WorkflowCondition.RECONCILING, FALSE: WorkflowCondition.STALLED}
    kind = kinds.get(summary.status)
    return () if kind is None else (Condition(kind, TRUE, summary.reason, summary.message),)


def _summarize(state: GenerationState) -> Condition:
    """Return `Succeeded`."""
    blocker = state.blocker
    if blocker is not None:
        return Condition(WorkflowCondition.SUCCEEDED, FALSE, blocker.reason, blocker.message)
    if state.served and isinstance(state.stage, Published):
        return _build_succeeded(state.stage, state.inputs.requirements.quality)
    if state.plan_shown and isinstance(state.stage, Planned):
        return Condition(WorkflowCondition.SUCCEEDED, TRUE, WorkflowReason.PLAN_READY, _plan_text(state, state.stage))
    reason, message = _under_way(state)
    return Condition(WorkflowCondition.SUCCEEDED, UNKNOWN, reason, message)


def _under_way(state: GenerationState) -> tuple[WorkflowReason, str]:
    if state.suspended:
        return WorkflowReason.SUSPENDED, _SUSPENDED
    stage = state.stage
    if isinstance(stage, Published) and stage.endpoint is not None:
        return WorkflowReason.DEPLOYING, stage.endpoint.message
    waiting = [decision for decision in state.active if decision.entry.reason is not None]
    if waiting and len(waiting) == len(state.active):
        texts = "; ".join(
            f"{decision.entry.name}: {decision.entry.reason}, {decision.entry.message}" for decision in waiting
        )
        return WorkflowReason.WAITING_FOR_RESOURCES, texts
    if state.unapproved and isinstance(stage, Planned):
        return WorkflowReason.WAITING_FOR_APPROVAL, _approval_text(state, stage)
    return _name_stage(stage), _tasks_text(state)


def _name_stage(stage: Stage) -> WorkflowReason:
    if isinstance(stage, Trained):
        return WorkflowReason.PUBLISHING
    return WorkflowReason.TRAINING if isinstance(stage, Planned) else WorkflowReason.PROFILING


def _tasks_text(state: GenerationState) -> str:
    done = [decision.entry.name for decision in state.tasks if decision.state is TaskState.SUCCEEDED]
    total = len(state.tasks)
    active = ", ".join(decision.entry.name for decision in state.active) or "none"
    notes = [decision.entry for decision in state.active if decision.entry.message and decision.entry.reason is None]
    active += "".join(f"; {entry.name}: {entry.message}" for entry in notes)
    if not isinstance(state.stage, Planned):
        return f"the data are profiled before anything is chosen; running: {active}"
    return f"{len(done)} of {total} tasks are done; running: {active}"


def _build_succeeded(stage: Published, wanted: QualityThreshold | None) -> Condition:
    selected, evaluate = stage.selected, stage.result.evaluate
    metric = selected.report.metric
    missed = "below" if metric.maximized else "above"
    message = f"{selected.candidate.template} has validation {metric} {selected.report.validation_score:.4f}"
    if evaluate is not None:
        message += f", test {metric} {evaluate.served_score:.4f}"
    reason = WorkflowReason.COMPLETED
    if evaluate is not None and not _is_useful(evaluate, wanted):
        message += f", no better than the baseline's {evaluate.baseline_score:.4f}; it is published"
        reason = WorkflowReason.BASELINE_NOT_BEATEN
    elif wanted is not None and wanted.target is not None and not selected.reaches_target:
        message += f", {missed} the target {wanted.target}, not {missed} {wanted.minimum}; it is published"
        reason = WorkflowReason.TARGET_MISSED
    elif wanted is not None:
        message += f"; {wanted.bound} {wanted.minimum if wanted.target is None else wanted.target} asked for"
    return Condition(WorkflowCondition.SUCCEEDED, TRUE, reason, message)


def _is_useful(evaluate: EvaluateReport, wanted: QualityThreshold | None) -> bool:
    """Return whether the served model beats the baseline, or has on the test split the quality that was asked for."""
    return _beats_baseline(evaluate) or (wanted is not None and wanted.reached(evaluate.served_score))


def _build_accepted(_: GenerationState, kind: WorkflowCondition) -> Condition:
    return Condition(kind, TRUE, WorkflowReason.VALID, "the spec is valid")


def _build_planned(state: GenerationState, kind: WorkflowCondition) -> Condition:
    if isinstance(state.stage, Planned):
        return Condition(kind, TRUE, WorkflowReason.PLAN_READY, _plan_text(state, state.stage))
    return _build_waiting(state, kind, "the data are profiled first")


def _plan_text(state: GenerationState, stage: Planned) -> str:
    names = ", ".join(candidate.template for candidate in stage.plan.candidates)
    unchecked = _UNCHECKED if state.inputs.settings.has_nodes else ""
    capacity = unchecked if state.inputs.snapshot.nodes is None else ""
    search = stage.plan.search
    how = "train" if search is None else f"search among {len(search.trials)} trials of"
    return f"plan {stage.plan.hash}: {how} {names}, then publish the best{capacity}"


def _build_approved(state: GenerationState, kind: WorkflowCondition) -> Condition | None:
    stage = state.stage
    if not isinstance(stage, Planned) or state.inputs.spec.approval is not Approval.MANUAL:
        return None
    waits = _approval_text(state, stage)
    answers = {
        ApprovalState.APPROVED: (TRUE, WorkflowReason.APPROVED, f"plan {stage.plan.hash} is approved"),
        ApprovalState.STALE: (UNKNOWN, WorkflowReason.STALE, waits),
        ApprovalState.WAITING: (UNKNOWN, WorkflowReason.WAITING_FOR_APPROVAL, waits),
    }
    status, reason, message = answers[stage.approval]
    return Condition(kind, status, reason, message)


def _approval_text(state: GenerationState, stage: Planned) -> str:
    """Return how to approve the plan."""
    owner = state.inputs.owner
    command = state.inputs.settings.approve_command.format(
        namespace=owner.namespace, name=owner.name, plan=stage.plan.hash
    )
    before = "another plan was approved; " if stage.approval is ApprovalState.STALE else ""
    return f"{before}plan {stage.plan.hash} waits for: {command}"


def _build_resources_ready(state: GenerationState, kind: WorkflowCondition) -> Condition:
    waiting = [decision for decision in state.active if decision.entry.reason is not None]
    if waiting:
        texts = "; ".join(f"{decision.entry.name}: {decision.entry.message}" for decision in waiting)
        return Condition(kind, FALSE, known_reason(waiting[0].entry.reason), texts)
    running = [decision.entry for decision in state.active if decision.state is TaskState.RUNNING]
    if running:
        lost = "; ".join(f"{entry.name}: {entry.message}" for entry in running if entry.message)
        status, reason = (UNKNOWN, WorkflowReason.IN_PROGRESS) if lost else (TRUE, WorkflowReason.SCHEDULED)
        return Condition(kind, status, reason, lost or "every pod has its node")
    if any(decision.state is TaskState.PENDING for decision in state.active):
        return Condition(kind, UNKNOWN, WorkflowReason.IN_PROGRESS, "pods are being started")
    if state.finished or isinstance(state.stage, Published):
        return Condition(kind, TRUE, WorkflowReason.NOT_NEEDED, "no pod is needed any more")
    return Condition(kind, UNKNOWN, WorkflowReason.PENDING, "no pod is needed now")


def _build_data_ready(state: GenerationState, kind: WorkflowCondition) -> Condition:
    profiles = state.tasks_with(StepKind.PROFILE)
    if any(decision.state is TaskState.SUCCEEDED for decision in profiles):
        data = state.data
        return Condition(kind, TRUE, WorkflowReason.PROFILED, "" if data is None else _data_text(data))
    return _build_waiting(state, kind, "the data are profiled", profiles)


def _data_text(profile: DataProfile) -> str:
    classes = number_of_classes(profile)
    sizes = f"{profile.examples} examples" + (f" of {classes} classes" if classes else "")
    if not profile.warnings:
        return sizes
    more = len(profile.warnings) - 1
    return f"{sizes}; noticed: {profile.warnings[0]}" + (f"; {more} more in `status.data.warnings`" if more else "")


def _build_trained(state: GenerationState, kind: WorkflowCondition) -> Condition:
    if isinstance(state.stage, Trained):
        selected = state.stage.selected
        message = f"{selected.candidate.template}: {selected.message}"
        return Condition(kind, TRUE, WorkflowReason.MODEL_SELECTED, message)
    trainings = state.tasks_with(StepKind.TRAIN, StepKind.SEARCH, StepKind.SELECT)
    return _build_waiting(state, kind, "candidates are trained after the plan", trainings)


def _build_compressed(state: GenerationState, kind: WorkflowCondition) -> Condition:
    stage = state.stage
    if isinstance(stage, Published) and stage.result.compress is not None:
        compress = stage.result.compress
        reason = compress.reason if compress.reason in set(CompressReason) else WorkflowReason.GATE_PASSED
        message = f"{compress.choice}: {explain_variant(compress, stage.result.refit)}"
        return Condition(kind, TRUE, WorkflowReason(reason), message)
    message, tasks = "the chosen model is compressed after the trainings", state.tasks_with(StepKind.COMPRESS)
    return _build_waiting(state, kind, message, tasks)


def _build_evaluated(state: GenerationState, kind: WorkflowCondition) -> Condition:
    if isinstance(state.stage, Published) and state.stage.result.evaluate is not None:
        return judge_test_score(state.stage.result.evaluate, state.inputs.requirements.quality)
    message, tasks = "the test split is measured after every choice", state.tasks_with(StepKind.EVALUATE)
    return _build_waiting(state, kind, message, tasks)


def judge_test_score(evaluate: EvaluateReport, wanted: QualityThreshold | None) -> Condition:
    """Return `Evaluated` from what the test split says; it changes no choice."""
    kind, accuracy = WorkflowCondition.EVALUATED, evaluate.served_score
    right = "" if evaluate.served_correct is None else f"{evaluate.served_correct} of "
    examples = f"{right}{evaluate.test_examples} test examples{' right' if right else ''}"
    shown = f"{examples}, {evaluate.metric} {accuracy:.4f}"
    beside = f"{shown}; the baseline: {evaluate.baseline_score:.4f}"
    if not _beats_baseline(evaluate):
        return Condition(kind, FALSE, WorkflowReason.BASELINE_NOT_BEATEN, beside)
    if wanted is None:
        return Condition(kind, TRUE, WorkflowReason.MEASURED, beside)
    if not wanted.reached(accuracy):
        missed = "below" if evaluate.metric.maximized else "above"
        message = f"{shown}, {missed} {wanted.minimum} that validation reached; it is published anyway"
        return Condition(kind, FALSE, WorkflowReason.TARGET_MISSED_ON_TEST, message)
    if wanted.target is not None and wanted.target_reached(accuracy):
        return Condition(kind, TRUE, WorkflowReason.TARGET_MET, f"{beside}; target {wanted.target}")
    return Condition(kind, TRUE, WorkflowReason.MINIMUM_MET, f"{beside}; minimum {wanted.minimum}")


def _beats_baseline(evaluate: EvaluateReport) -> bool:
    return is_better(evaluate.metric, evaluate.served_score, evaluate.baseline_score)


def _build_deployed(state: GenerationState, kind: WorkflowCondition) -> Condition | None:
    settings = state.inputs.spec.deployment
    if settings is None or settings.mode == "None":
        return None
    endpoint = state.stage.endpoint if isinstance(state.stage, Published) else None
    if endpoint is None:
        return _build_waiting(state, kind, "the artifact is deployed when it is published")
    status, reason = (TRUE, WorkflowReason.SERVING) if endpoint.ready else (UNKNOWN, WorkflowReason.IN_PROGRESS)
    return Condition(kind, status, reason, endpoint.message)


def _build_suspended(state: GenerationState, kind: WorkflowCondition) -> Condition | None:
    if not state.suspended:
        return None
    return Condition(kind, TRUE, WorkflowReason.SUSPENDED_BY_SPEC, _SUSPENDED)


_BUILDERS: Mapping[WorkflowCondition, Callable[[GenerationState, WorkflowCondition], Condition | None]] = {
    WorkflowCondition.ACCEPTED: _build_accepted,
    WorkflowCondition.PLANNED: _build_planned,
    WorkflowCondition.APPROVED: _build_approved,
    WorkflowCondition.RESOURCES_READY: _build_resources_ready,
    WorkflowCondition.DATA_READY: _build_data_ready,
    WorkflowCondition.TRAINED: _build_trained,
    WorkflowCondition.COMPRESSED: _build_compressed,
    WorkflowCondition.EVALUATED: _build_evaluated,
    WorkflowCondition.DEPLOYED: _build_deployed,
    WorkflowCondition.SUSPENDED: _build_suspended,
}
"""What is observed where nothing stops the work at a condition, in the order of the status; None: it does not apply."""


def _build_blocked(state: GenerationState, kind: WorkflowCondition) -> Condition | None:
    blocker = state.blocker
    if blocker is None or blocker.condition is not kind:
        return None
    return Condition(kind, FALSE, blocker.reason, blocker.message)


def _build_waiting(
    state: GenerationState, kind: WorkflowCondition, message: str, tasks: Sequence[TaskDecision] = ()
) -> Condition:
    """Return that something is not known yet: it is being done, it will be done, or it will not."""
    active = next((task for task in tasks if task.active), None)
    if active is not None and not state.suspended:
        return Condition(kind, UNKNOWN, WorkflowReason.IN_PROGRESS, f"task {active.entry.name} is running")
    if state.finished:
        return Condition(kind, UNKNOWN, WorkflowReason.SKIPPED, "the work ended before it")
    return Condition(kind, UNKNOWN, WorkflowReason.PENDING, message)
