"""The conditions of a TrainingWorkflow, and its summary, from where it stands.

`Succeeded` False and `Stalled` True go together, as do Unknown and `Reconciling`; so kstatus, Argo CD and
`kubectl wait` give the same answer.
"""

from idla_contract.result import CompressReason, DataProfile, EvaluateReport

from idla.api.reasons import WorkflowCondition, WorkflowReason
from idla.api.training_workflow import Approval
from idla.core.conditions import Condition
from idla.core.planning.expectation import number_of_classes
from idla.core.planning.requirements import Bar, bar, better
from idla.core.task_state import TaskState
from idla.core.workflow.failures import known_reason
from idla.core.workflow.generation import ApprovalState, Facts
from idla.core.workflow.results import explained_variant
from idla.core.workflow.tasks import TaskView

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"
_UNCHECKED = "; whether a node can hold the pods was not checked: the operator may not list nodes"


def conditions_of(facts: Facts) -> tuple[Condition, ...]:
    """Return every condition that applies, the summary first."""
    summary = summary_of(facts)
    conditions = [summary, _accepted(facts), _planned(facts)]
    conditions += _approved(facts)
    conditions += [_resources_ready(facts), _data_ready(facts), _trained(facts), _compressed(facts), _evaluated(facts)]
    conditions += _deployed(facts)
    if facts.suspended:
        conditions.append(
            _condition(
                WorkflowCondition.SUSPENDED,
                TRUE,
                WorkflowReason.SUSPENDED_BY_SPEC,
                "`spec.suspend` is true; set it to false to go on",
            )
        )
    conditions += outlook(summary)
    return tuple(conditions)


def outlook(summary: Condition) -> tuple[Condition, ...]:
    """Return `Reconciling` or `Stalled` as the summary demands."""
    kinds = {UNKNOWN: WorkflowCondition.RECONCILING, FALSE: WorkflowCondition.STALLED}
    kind = kinds.get(summary.status)
    return () if kind is None else (Condition(type=kind, status=TRUE, reason=summary.reason, message=summary.message),)


def summary_of(facts: Facts) -> Condition:
    """Return `Succeeded`."""
    obstacle = facts.obstacle
    if obstacle is not None:
        return _condition(WorkflowCondition.SUCCEEDED, FALSE, obstacle.reason, obstacle.message)
    if facts.served:
        return _succeeded(facts)
    if facts.plan_shown:
        return _condition(WorkflowCondition.SUCCEEDED, TRUE, WorkflowReason.PLAN_READY, _plan_text(facts))
    reason, message = _under_way(facts)
    return _condition(WorkflowCondition.SUCCEEDED, UNKNOWN, reason, message)


def _under_way(facts: Facts) -> tuple[WorkflowReason, str]:
    if facts.suspended:
        return WorkflowReason.SUSPENDED, "`spec.suspend` is true; set it to false to go on"
    if facts.published and facts.endpoint is not None:
        return WorkflowReason.DEPLOYING, facts.endpoint.message
    waits = [view for view in facts.active if view.entry.reason is not None]
    if waits and len(waits) == len(facts.active):
        texts = "; ".join(f"{view.entry.name}: {view.entry.reason}, {view.entry.message}" for view in waits)
        return WorkflowReason.WAITING_FOR_RESOURCES, texts
    if facts.approval in {ApprovalState.WAITING, ApprovalState.STALE} and not facts.active:
        return WorkflowReason.WAITING_FOR_APPROVAL, approval_text(facts)
    return _stage(facts), _tasks_text(facts)


def _stage(facts: Facts) -> WorkflowReason:
    if not facts.profile.ended or facts.plan is None:
        return WorkflowReason.PROFILING
    if facts.selected is None:
        return WorkflowReason.TRAINING
    return WorkflowReason.PUBLISHING


def _tasks_text(facts: Facts) -> str:
    done = [view.entry.name for view in facts.tasks if view.state is TaskState.SUCCEEDED]
    total = len(facts.tasks)
    active = ", ".join(view.entry.name for view in facts.active) or "none"
    notes = [view.entry for view in facts.active if view.entry.message and view.entry.reason is None]
    active += "".join(f"; {entry.name}: {entry.message}" for entry in notes)
    if facts.plan is None:
        return f"the data are looked at before anything is chosen; at work: {active}"
    return f"{len(done)} of {total} tasks are done; at work: {active}"


def _succeeded(facts: Facts) -> Condition:
    assert facts.selected is not None  # served, so selected
    wanted, accuracy = bar(facts.situation.spec), facts.selected.report.validation_score
    missed = "below" if facts.selected.report.metric.maximized else "above"
    chosen = f"{facts.selected.candidate.template} has validation {facts.selected.report.metric} {accuracy:.4f}"
    if wanted is None or wanted.target is None or facts.selected.reaches_target:
        asked = (
            ""
            if wanted is None
            else f"; {wanted.bound} {wanted.least if wanted.target is None else wanted.target} asked for"
        )
        message, reason = f"{chosen}{asked}", WorkflowReason.COMPLETED
    else:
        message = f"{chosen}, {missed} the target {wanted.target}, not {missed} {wanted.least}; it is shipped"
        reason = WorkflowReason.TARGET_MISSED
    return _condition(WorkflowCondition.SUCCEEDED, TRUE, reason, message)


def _accepted(facts: Facts) -> Condition:
    return _blocked(facts, WorkflowCondition.ACCEPTED) or _condition(
        WorkflowCondition.ACCEPTED, TRUE, WorkflowReason.VALID, "the spec is valid"
    )


def _planned(facts: Facts) -> Condition:
    kind = WorkflowCondition.PLANNED
    blocked = _blocked(facts, kind)
    if blocked is not None:
        return blocked
    if facts.plan is not None:
        return _condition(kind, TRUE, WorkflowReason.PLAN_READY, _plan_text(facts))
    return _waits(facts, kind, "the data are profiled first")


def _plan_text(facts: Facts) -> str:
    assert facts.plan is not None  # called for a plan that is made
    names = ", ".join(candidate.template for candidate in facts.plan.candidates)
    unchecked = _UNCHECKED if facts.situation.settings.has_nodes else ""
    capacity = unchecked if facts.situation.snapshot.nodes is None else ""
    search = facts.plan.search
    how = "train" if search is None else f"search among {len(search.trials)} trials of"
    return f"plan {facts.plan.hash}: {how} {names}, then publish the best{capacity}"


def _approved(facts: Facts) -> list[Condition]:
    kind = WorkflowCondition.APPROVED
    if facts.plan is None or facts.situation.spec.approval is not Approval.MANUAL:
        return []
    answers = {
        ApprovalState.APPROVED: (TRUE, WorkflowReason.APPROVED, f"plan {facts.plan.hash} is approved"),
        ApprovalState.STALE: (UNKNOWN, WorkflowReason.STALE, approval_text(facts)),
        ApprovalState.WAITING: (UNKNOWN, WorkflowReason.WAITING_FOR_APPROVAL, approval_text(facts)),
    }
    status, reason, message = answers[facts.approval]
    return [_condition(kind, status, reason, message)]


def approval_text(facts: Facts) -> str:
    """Return how to approve the plan."""
    assert facts.plan is not None  # nobody waits for the approval of no plan
    owner = facts.situation.owner
    command = facts.situation.settings.approve_command.format(
        namespace=owner.namespace, name=owner.name, plan=facts.plan.hash
    )
    before = "another plan was approved; " if facts.approval is ApprovalState.STALE else ""
    return f"{before}plan {facts.plan.hash} waits for: {command}"


def _resources_ready(facts: Facts) -> Condition:
    kind = WorkflowCondition.RESOURCES_READY
    blocked = _blocked(facts, kind)
    if blocked is not None:
        return blocked
    waits = [view for view in facts.active if view.entry.reason is not None]
    if waits:
        texts = "; ".join(f"{view.entry.name}: {view.entry.message}" for view in waits)
        return _condition(kind, FALSE, known_reason(waits[0].entry.reason), texts)
    running = [view.entry for view in facts.active if view.state is TaskState.RUNNING]
    if running:
        lost = "; ".join(f"{entry.name}: {entry.message}" for entry in running if entry.message)
        status, reason = (UNKNOWN, WorkflowReason.IN_PROGRESS) if lost else (TRUE, WorkflowReason.SCHEDULED)
        return _condition(kind, status, reason, lost or "every pod has its node")
    if any(view.state is TaskState.PENDING for view in facts.active):
        return _condition(kind, UNKNOWN, WorkflowReason.IN_PROGRESS, "pods are being started")
    if facts.ended or facts.published:
        return _condition(kind, TRUE, WorkflowReason.NOT_NEEDED, "no pod is needed any more")
    return _condition(kind, UNKNOWN, WorkflowReason.PENDING, "no pod is asked for now")


def _data_ready(facts: Facts) -> Condition:
    kind = WorkflowCondition.DATA_READY
    blocked = _blocked(facts, kind)
    if blocked is not None:
        return blocked
    if facts.profile.state is TaskState.SUCCEEDED:
        data = facts.data
        return _condition(kind, TRUE, WorkflowReason.PROFILED, "" if data is None else _data_text(data))
    return _waits(facts, kind, "the data are profiled", task=facts.profile)


def _data_text(profile: DataProfile) -> str:
    classes = number_of_classes(profile)
    sizes = f"{profile.examples} examples" + (f" of {classes} classes" if classes else "")
    if not profile.warnings:
        return sizes
    more = len(profile.warnings) - 1
    return f"{sizes}; noticed: {profile.warnings[0]}" + (f"; {more} more in `status.data.warnings`" if more else "")


def _trained(facts: Facts) -> Condition:
    kind = WorkflowCondition.TRAINED
    blocked = _blocked(facts, kind)
    if blocked is not None:
        return blocked
    if facts.selected is not None:
        message = f"{facts.selected.candidate.template}: {facts.selected.message}"
        return _condition(kind, TRUE, WorkflowReason.MODEL_SELECTED, message)
    active = next((view for view in facts.trainings.values() if view.active), None)
    return _waits(facts, kind, "candidates are trained after the plan", task=active)


def _compressed(facts: Facts) -> Condition:
    kind = WorkflowCondition.COMPRESSED
    blocked = _blocked(facts, kind)
    if blocked is not None:
        return blocked
    result = None if facts.publish is None else facts.publish.result
    if result is not None and result.compress is not None:
        reason = result.compress.reason if result.compress.reason in set(CompressReason) else WorkflowReason.GATE_PASSED
        message = f"{result.compress.choice}: {explained_variant(result.compress, result.refit)}"
        return _condition(kind, TRUE, WorkflowReason(reason), message)
    return _waits(facts, kind, "the chosen model is compressed after the trainings", task=facts.publish)


def _evaluated(facts: Facts) -> Condition:
    kind = WorkflowCondition.EVALUATED
    blocked = _blocked(facts, kind)
    if blocked is not None:
        return blocked
    evaluate = None if facts.publish is None or facts.publish.result is None else facts.publish.result.evaluate
    if evaluate is None:
        return _waits(facts, kind, "the test split is measured after every choice", task=facts.publish)
    return _verdict(evaluate, bar(facts.situation.spec))


def _verdict(evaluate: EvaluateReport, wanted: Bar | None) -> Condition:
    """Return what the test split says; it changes no choice."""
    kind, accuracy = WorkflowCondition.EVALUATED, evaluate.served_score
    right = "" if evaluate.served_correct is None else f"{evaluate.served_correct} of "
    examples = f"{right}{evaluate.test_examples} test examples{' right' if right else ''}"
    shown = f"{examples}, {evaluate.metric} {accuracy:.4f}"
    beside = f"{shown}; the naive answer: {evaluate.baseline_score:.4f}"
    if not better(evaluate.metric, accuracy, evaluate.baseline_score):
        return _condition(kind, FALSE, WorkflowReason.BASELINE_NOT_BEATEN, beside)
    if wanted is None:
        return _condition(kind, TRUE, WorkflowReason.MEASURED, beside)
    if not wanted.reached(accuracy):
        missed = "below" if evaluate.metric.maximized else "above"
        message = f"{shown}, {missed} {wanted.least} that validation reached; it is shipped all the same"
        return _condition(kind, FALSE, WorkflowReason.TARGET_MISSED_ON_TEST, message)
    if wanted.target is not None and wanted.target_reached(accuracy):
        return _condition(kind, TRUE, WorkflowReason.TARGET_MET, f"{beside}; target {wanted.target}")
    return _condition(kind, TRUE, WorkflowReason.MINIMUM_MET, f"{beside}; minimum {wanted.least}")


def _deployed(facts: Facts) -> list[Condition]:
    kind, settings = WorkflowCondition.DEPLOYED, facts.situation.spec.deployment
    if settings is None or settings.mode == "None":
        return []
    blocked = _blocked(facts, kind)
    if blocked is not None:
        return [blocked]
    if facts.endpoint is None:
        return [_waits(facts, kind, "the artifact is deployed when it is published")]
    if facts.endpoint.ready:
        return [_condition(kind, TRUE, WorkflowReason.SERVING, facts.endpoint.message)]
    return [_condition(kind, UNKNOWN, WorkflowReason.IN_PROGRESS, facts.endpoint.message)]


def _blocked(facts: Facts, kind: WorkflowCondition) -> Condition | None:
    obstacle = facts.obstacle
    if obstacle is None or obstacle.condition is not kind:
        return None
    return _condition(kind, FALSE, obstacle.reason, obstacle.message)


def _waits(facts: Facts, kind: WorkflowCondition, message: str, task: TaskView | None = None) -> Condition:
    """Return that something is not known yet: it is being done, it will be done, or it will not."""
    if task is not None and task.active and not facts.suspended:
        return _condition(kind, UNKNOWN, WorkflowReason.IN_PROGRESS, f"task {task.entry.name} is at work")
    if facts.ended:
        return _condition(kind, UNKNOWN, WorkflowReason.SKIPPED, "the work ended before it")
    return _condition(kind, UNKNOWN, WorkflowReason.PENDING, message)


def _condition(kind: WorkflowCondition, status: str, reason: WorkflowReason, message: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message)
