"""Whole lives of drawn objects in the worlds of the unit tests, looked at after every decision."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from idla.api.model_template import ModelTemplateSpec
from idla.core.kube.references import claim_names, followed_workflow
from idla.core.reconciliation import Reconciliation
from idla.core.snapshot import Template
from typing_extensions import override

from tests.fuzz.schema import KINDS, faults
from tests.unit.core.endpoint import Endpoint
from tests.unit.core.world import (
    LIBRARY,
    Object,
    World,
    model_deployment,
    spec_of,
    workflow,
)
from tools.fake_kubelet.answers import answer

REPORTS = {"profile", "train", "search", "select", "compress", "refit", "evaluate", "artifact"}
ROUNDS = 12
"""More than any life has: profile, trainings, approval, choice, publication, endpoint."""
_SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"(?=.{1,63}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SERVICE = re.compile(r"(?=.{1,63}\Z)[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"(?=.{0,63}\Z)([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_CHILD_NAMES = {"Service": _SERVICE, "PersistentVolumeClaim": _SUBDOMAIN}


def look_at(kind: str, decision: Reconciliation) -> None:
    """Check what holds of every decision: the CRD takes its status whole, Kubernetes takes its children's names.

    Raises:
        AssertionError: it does not.
    """
    if decision.status is not None:
        schema = KINDS[kind].status
        assert schema is not None
        status = json.loads(json.dumps(decision.status, allow_nan=False))
        assert list(faults(schema, status, "status")) == []
        for condition in status["conditions"]:
            assert condition["reason"], condition
            assert condition["message"], condition
    for event in decision.events:
        assert event.reason
        assert event.message
    for child in decision.apply:
        _look_at_child(json.loads(json.dumps(child, allow_nan=False)))
    assert decision.requeue_after is None or decision.requeue_after >= 0


def _look_at_child(child: Object) -> None:
    metadata = child["metadata"]
    assert _CHILD_NAMES.get(child["kind"], _DNS_LABEL).fullmatch(metadata["name"]), metadata["name"]
    template = child["spec"].get("template", {}).get("metadata", {})
    for part in (metadata, template):
        for value in part.get("labels", {}).values():
            assert _LABEL_VALUE.fullmatch(value), value
        size = sum(len(f"{name}{value}".encode()) for name, value in part.get("annotations", {}).items())
        assert size <= 256 * 1024, f"{size} bytes of annotations"


@dataclass(kw_only=True)
class WorkflowLife(World):
    """A TrainingWorkflow whose pods all answer well, whose plan is approved, and whose endpoint serves."""

    decisions: list[Reconciliation] = field(default_factory=list)

    @override
    def reconcile(self) -> Reconciliation:
        decision = super().reconcile()
        look_at("TrainingWorkflow", decision)
        self.decisions.append(decision)
        return decision

    def live(self, rounds: int = ROUNDS) -> "WorkflowLife":
        """Let everything happen that happens by itself, or as much as some rounds bring about."""
        for _ in range(rounds):
            self.rest()
            if self.gone or not self._act():
                return self
            self.wait(1)
        self.rest()
        assert rounds < ROUNDS or self.gone or not self._act(), "it comes to no end"
        return self

    def rest(self) -> None:
        """Let the claims exist that a spec names, and turn until nothing changes."""
        metadata = self.workflow["metadata"]
        for name in claim_names(self.workflow):
            if not name.endswith("-artifacts") and "artifacts-" not in name:
                self.claims.setdefault(name, {"metadata": {"name": name, "namespace": metadata["namespace"]}})
        self.settle()

    def _act(self) -> bool:
        return any([self._approve(), self._answer(), self._serve()])

    def _approve(self) -> bool:
        plan = self.status.get("plan")
        waits = self.conditions().get("Approved", "").startswith("Unknown")
        if plan is None or not waits:
            return False
        self.workflow["metadata"]["annotations"] = {"idla.dev/approved-plan": plan["hash"]}
        return True

    def _answer(self) -> bool:
        waiting = [
            job
            for job in self.jobs.values()
            if not job["spec"]["suspend"] and not job.get("status", {}).get("conditions")
        ]
        for job in waiting:
            task = job["metadata"]["labels"]["idla.dev/task"]
            assert self.job(task) is job
            reports = dict(answer(spec_of(self, task)))
            self.finish(task, **{name: report for name, report in reports.items() if name in REPORTS and report})
        return bool(waiting)

    def _serve(self) -> bool:
        artifact = self.status.get("artifact")
        if artifact is None:
            return False
        late = [name for name, model in self.deployments.items() if _served(model) != artifact["digest"]]
        for name in late:
            self.serve(artifact["digest"], name)
        return bool(late)


def _served(model: Object) -> str | None:
    serving = model.get("status", {}).get("serving")
    return None if serving is None else str(serving["digest"])


@dataclass(kw_only=True)
class EndpointLife(Endpoint):
    """A ModelDeployment whose pods all become ready; the workflow `digits` has published."""

    decisions: list[Reconciliation] = field(default_factory=list)

    @override
    def reconcile(self) -> Reconciliation:
        decision = super().reconcile()
        look_at("ModelDeployment", decision)
        self.decisions.append(decision)
        return decision

    def live(self) -> "EndpointLife":
        """Let everything happen that happens by itself."""
        self.workflow = None
        if followed_workflow(self.resource) == "digits":
            self.publish()
        self.settle()
        if self.deployment is not None:
            count = self.deployment["spec"]["replicas"]
            self.replicas(updated=count, ready=count).settle()
        return self

    def edit(self, spec: Any) -> "EndpointLife":
        """Replace the spec."""
        self.resource["spec"] = copy.deepcopy(spec)
        self.resource["metadata"]["generation"] += 1
        return self


def workflow_life(spec: Any, name: str = "digits") -> WorkflowLife:
    """Return a TrainingWorkflow that begins its life with a spec, whatever that is."""
    return WorkflowLife(workflow=workflow(name) | {"spec": copy.deepcopy(spec)})


def endpoint_life(spec: Any, name: str = "digits") -> EndpointLife:
    """Return a ModelDeployment that begins its life with a spec, whatever that is."""
    return EndpointLife(resource=model_deployment(name) | {"spec": copy.deepcopy(spec)})


def template_life(spec: Any, name: str = "drawn") -> WorkflowLife:
    """Return a TrainingWorkflow that searches among a valid template and those of the unit tests."""
    template = Template(name=name, spec=ModelTemplateSpec.model_validate(spec))
    return WorkflowLife(workflow=workflow(model={"search": {"trials": 12}}), templates=(template, *LIBRARY))


def story(decisions: list[Reconciliation]) -> Iterator[str]:
    """Yield what a user or the cluster sees of each decision, as text; digests of the whole spec are left out."""
    hidden: set[str] = set()
    for decision in decisions:
        status = decision.status or {}
        hidden |= {status.get("basis", {}).get("specDigest", ""), status.get("plan", {}).get("hash", "")} - {""}
        seen = (decision.apply, [deletion.name for deletion in decision.delete], status, decision.requeue_after)
        text = json.dumps(seen)
        for word in hidden:
            text = text.replace(word, "…")
        yield text
