"""What a life came to, without what tells of the way there: times, generations, attempts, names of Jobs."""

import copy
from collections.abc import Mapping
from typing import Any

from tests.fuzz.lifecycle import EndpointLife, WorkflowLife

Outcome = dict[str, Any]
_OF_THE_WAY = {
    "observedGeneration", "lastTransitionTime", "lastUpdatedTime", "time", "startTime", "completionTime", "generation",
    "jobName", "attempts", "cached",
}  # fmt: skip
_REACHED = ("results", "artifact", "deploymentRef", "model", "serving", "url")
"""What stays when a later generation reaches nothing."""


def workflow_outcome(life: WorkflowLife) -> Outcome:
    """Return the status, the Jobs that may still run, and the children that outlive the workflow."""
    status = _timeless(life.workflow.get("status") or {})
    for task in status.get("tasks", ()):
        if task["state"] == "Succeeded":
            del task["message"]
    jobs = [
        {"labels": job["metadata"]["labels"], "spec": job["spec"]}
        for job in life.jobs.values()
        if not job.get("status", {}).get("conditions")
    ]
    return {
        "gone": life.gone,
        "status": status,
        "jobs": sorted(jobs, key=repr),
        "deployments": {name: model["spec"] for name, model in life.deployments.items()},
        "claims": dict.fromkeys(life.claims),
    }


def endpoint_outcome(life: EndpointLife) -> Outcome:
    """Return the status and the children."""
    deployment = None if life.deployment is None else life.deployment["spec"]
    service = None if life.service is None else life.service["spec"]
    return {"status": _timeless(life.resource.get("status") or {}), "deployment": deployment, "service": service}


def beside(found: Outcome, direct: Outcome) -> Outcome:
    """Return `found` without what an earlier spec has left behind on purpose, where `direct` has nothing there."""
    kept = copy.deepcopy(found)
    for name in _REACHED:
        if name not in direct["status"]:
            kept["status"].pop(name, None)
    for name in {"deployments", "claims"} & kept.keys():
        kept[name] = {key: value for key, value in kept[name].items() if key in direct[name]}
    if direct.get("deployment", kept) is None:
        # An endpoint goes on serving while what it is asked to serve is not there.
        kept |= {"deployment": None, "service": None}
        kept["status"] |= {name: direct["status"][name] for name in ("replicas", "readyReplicas")}
    return kept


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return the condition that says whether a workflow succeeded."""
    return next(dict(entry) for entry in outcome["status"]["conditions"] if entry["type"] == "Succeeded")


def _timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _timeless(part) for name, part in value.items() if name not in _OF_THE_WAY}
    if isinstance(value, list):
        return [_timeless(part) for part in value]
    return value
