"""The conditions of a ModelDeployment, and the events between two of its statuses.

`Ready` says whether the address answers, whichever artifact does; `RolloutSucceeded` and `Stalled` speak of the
artifact that is asked for. A bad artifact so leaves `Ready` True while an older one serves.
"""

from collections.abc import Iterator

from idla.api.model_deployment import ModelDeploymentStatus, ServedModelStatus
from idla.api.reasons import DeploymentCondition, DeploymentReason, EventReason
from idla.core.conditions import FALSE, TRUE, UNKNOWN, Condition, find_condition
from idla.core.deployment.replicas import Problem, Rollout
from idla.core.reconciliation import Event, normal_event, warning_event


def waiting_conditions(message: str) -> tuple[Condition, ...]:
    """Return the conditions while there is nothing to serve."""
    reason = DeploymentReason.WAITING_FOR_MODEL
    return (
        Condition(DeploymentCondition.READY, FALSE, reason, message),
        Condition(DeploymentCondition.MODEL_LOADED, UNKNOWN, reason, message),
        Condition(DeploymentCondition.ROLLOUT_SUCCEEDED, UNKNOWN, reason, message),
        Condition(DeploymentCondition.RECONCILING, TRUE, reason, message),
    )


def stopped_conditions(reason: DeploymentReason, message: str) -> tuple[Condition, ...]:
    """Return the conditions where nothing may be applied."""
    return (
        Condition(DeploymentCondition.READY, FALSE, reason, message),
        Condition(DeploymentCondition.ROLLOUT_SUCCEEDED, FALSE, reason, message),
        Condition(DeploymentCondition.STALLED, TRUE, reason, message),
    )


def rollout_conditions(
    rollout: Rollout, model: ServedModelStatus, serving: ServedModelStatus | None
) -> tuple[Condition, ...]:
    """Return the conditions of a rollout.

    Args:
        rollout: where it stands.
        model: the artifact that is asked for.
        serving: the newest artifact that all pods have served.
    """
    stalled = rollout.problem if rollout.problem is not None and rollout.problem.permanent else None
    return (
        _build_ready(rollout, model, serving),
        _build_loaded(rollout, model),
        _build_rolled_out(rollout, model, stalled),
        *_kstatus_conditions(rollout, stalled),
    )


def _build_ready(rollout: Rollout, model: ServedModelStatus, serving: ServedModelStatus | None) -> Condition:
    kind = DeploymentCondition.READY
    counts = f"{rollout.ready_replicas} of {rollout.replicas} pods answer"
    if rollout.ready_replicas > 0:
        older = serving is not None and serving.digest != model.digest
        text = f"{counts}; pods with {serving.digest} still serve" if older and serving is not None else counts
        return Condition(kind, TRUE, DeploymentReason.SERVING, text)
    if rollout.problem is not None:
        return Condition(kind, FALSE, rollout.problem.reason, rollout.problem.message)
    if serving is not None:
        return Condition(kind, FALSE, DeploymentReason.NO_READY_REPLICAS, counts)
    return Condition(kind, FALSE, DeploymentReason.LOADING, "pods are started, fetch the artifact and check it")


def _build_loaded(rollout: Rollout, model: ServedModelStatus) -> Condition:
    kind = DeploymentCondition.MODEL_LOADED
    if rollout.complete:
        return Condition(kind, TRUE, DeploymentReason.LOADED, f"every pod has loaded {model.digest}")
    if rollout.load_problem is not None:
        return Condition(kind, FALSE, rollout.load_problem.reason, rollout.load_problem.message)
    return Condition(kind, UNKNOWN, DeploymentReason.LOADING, f"{model.digest} is being loaded")


def _build_rolled_out(rollout: Rollout, model: ServedModelStatus, stalled: Problem | None) -> Condition:
    kind = DeploymentCondition.ROLLOUT_SUCCEEDED
    if rollout.complete:
        return Condition(kind, TRUE, DeploymentReason.COMPLETE, f"every pod serves {model.digest}")
    if stalled is not None:
        return Condition(kind, FALSE, stalled.reason, stalled.message)
    return Condition(kind, UNKNOWN, DeploymentReason.PROGRESSING, f"{model.digest} is being rolled out")


def _kstatus_conditions(rollout: Rollout, stalled: Problem | None) -> tuple[Condition, ...]:
    if rollout.complete:
        return ()
    if stalled is not None:
        on = "; the previous artifact is still served" if rollout.ready_replicas > 0 else ""
        return (Condition(DeploymentCondition.STALLED, TRUE, stalled.reason, f"{stalled.message}{on}"),)
    if rollout.problem is not None:
        reason, message = rollout.problem.reason, rollout.problem.message
    else:
        reason, message = DeploymentReason.PROGRESSING, "pods are being started or replaced"
    return (Condition(DeploymentCondition.RECONCILING, TRUE, reason, message),)


def deployment_events(old: ModelDeploymentStatus, new: ModelDeploymentStatus) -> Iterator[Event]:
    """Yield what happened between two statuses."""
    if new.model is not None and (old.model is None or old.model.digest != new.model.digest):
        yield normal_event(EventReason.ROLLOUT_STARTED, f"{new.model.digest} from {new.model.uri}")
    if new.serving is not None and (old.serving is None or old.serving.digest != new.serving.digest):
        yield normal_event(EventReason.ROLLOUT_COMPLETE, f"every pod serves {new.serving.digest}")
    ready, before = (find_condition(status.conditions, DeploymentCondition.READY) for status in (new, old))
    was_ready = before is not None and before.status == TRUE
    if ready is not None and ready.status == TRUE and not was_ready:
        yield normal_event(EventReason.SERVING, f"{new.url}: {ready.message}")
    if ready is not None and ready.status == FALSE and was_ready:
        yield warning_event(ready.reason, ready.message)
    stalled, earlier = (find_condition(status.conditions, DeploymentCondition.STALLED) for status in (new, old))
    if stalled is not None and (earlier is None or earlier.reason != stalled.reason):
        yield warning_event(stalled.reason, stalled.message)
    if stalled is None and earlier is not None:
        yield normal_event(EventReason.RECOVERED, f"{earlier.reason} no longer stops the rollout")
