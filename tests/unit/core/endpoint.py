"""A ModelDeployment with its surroundings, as the core sees them."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from idla.core.deployment.reconcile import reconcile_deployment
from idla.core.reconciliation import Event, Reconciliation
from idla.core.settings import Settings
from idla.core.snapshot import DeploymentSnapshot
from idla_contract.result import Failure, FailureReason

from tests.unit.core.world import (
    ARTIFACT_DIGEST,
    NODE,
    SETTINGS,
    START,
    Object,
    model_deployment,
    workflow,
)


@dataclass(kw_only=True)
class Endpoint:
    """A ModelDeployment with its surroundings."""

    resource: Object = field(default_factory=model_deployment)
    workflow: Object | None = None
    deployment: Object | None = None
    service: Object | None = None
    pods: list[Object] = field(default_factory=list)
    nodes: tuple[Object, ...] | None = (NODE,)
    refusal: str | None = None
    settings: Settings = SETTINGS
    now: datetime = START
    events: list[Event] = field(default_factory=list)

    def publish(self, digest: str = ARTIFACT_DIGEST) -> "Endpoint":
        """Let the workflow have an artifact."""
        self.workflow = workflow() | {
            "status": {
                "artifact": {
                    "uri": f"pvc://digits-artifacts/models/{digest[7:15]}", "digest": digest, "sizeBytes": 420_000,
                    "generation": 1, "template": "resnet-small", "variant": "Int8", "servedScore": "0.9833",
                }
            }
        }  # fmt: skip
        return self

    def reconcile(self) -> Reconciliation:
        snapshot = DeploymentSnapshot(
            workflow=self.workflow,
            deployment=self.deployment,
            service=self.service,
            pods=tuple(self.pods),
            nodes=self.nodes,
            refusal=self.refusal,
        )
        decision = reconcile_deployment(self.resource, snapshot, now=self.now, settings=self.settings)
        for manifest in decision.apply:
            self._apply(json.loads(json.dumps(manifest)))
        assert not decision.delete
        if decision.status is not None:
            self.resource["status"] = json.loads(json.dumps(decision.status))
        self.events += decision.events
        return decision

    def settle(self) -> "Endpoint":
        for _ in range(10):
            decision = self.reconcile()
            if not decision.apply and decision.status is None:
                return self
        raise AssertionError(f"it does not come to rest; the last decision was {decision}")

    def _apply(self, manifest: Object) -> None:
        if manifest["kind"] == "Service":
            self.service = manifest
            return
        generation = 0 if self.deployment is None else self.deployment["metadata"]["generation"]
        status = {} if self.deployment is None else self.deployment.get("status", {})
        manifest["metadata"]["generation"] = generation + 1
        self.deployment = manifest | {"status": status}

    def replicas(self, *, updated: int, ready: int, total: int | None = None, late: bool = False) -> "Endpoint":
        """Let the Deployment's controller report."""
        assert self.deployment is not None
        reason = "ProgressDeadlineExceeded" if late else "ReplicaSetUpdated"
        self.deployment["status"] = {
            "observedGeneration": self.deployment["metadata"]["generation"],
            "replicas": updated if total is None else total, "updatedReplicas": updated, "readyReplicas": ready,
            "conditions": [{"type": "Progressing", "status": "False" if late else "True", "reason": reason}],
        }  # fmt: skip
        return self

    def load_fails(self, reason: FailureReason, message: str, digest: str = ARTIFACT_DIGEST) -> "Endpoint":
        """Let the newest pod end in its fetch."""
        ended = {"exitCode": 10, "reason": "Error", "message": Failure(reason=reason, message=message).to_json()}
        self.pods = [
            {
                "metadata": {"name": "digits-1", "annotations": {"idla.dev/model-digest": digest}},
                "status": {
                    "phase": "Pending",
                    "initContainerStatuses": [
                        {
                            "name": "fetch",
                            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                            "lastState": {"terminated": ended},
                        }
                    ],
                },
            }
        ]
        return self

    def message(self, kind: str) -> str:
        return next(str(entry["message"]) for entry in self.resource["status"]["conditions"] if entry["type"] == kind)

    def conditions(self) -> dict[str, str]:
        entries = self.resource["status"]["conditions"]
        return {entry["type"]: f"{entry['status']} {entry['reason']}" for entry in entries}
