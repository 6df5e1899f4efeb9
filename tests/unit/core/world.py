"""A world without a cluster: it carries decisions out on plain dicts, and lets the test say what pods do."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from idla.api.model_template import ModelTemplateSpec
from idla.core.conditions import timestamp
from idla.core.kube.references import claim_names, deployment_name
from idla.core.objects import read_spec
from idla.core.planning.requirements import Requirements, resolve_requirements
from idla.core.reconciliation import Event, Reconciliation
from idla.core.settings import Settings
from idla.core.snapshot import TaskProgress, Template, WorkflowSnapshot
from idla.core.workflow.reconcile import reconcile_workflow
from idla_contract.choice import Comparison, SelectReport, SelectStep
from idla_contract.result import (
    ArtifactRef,
    CompressReport,
    DataProfile,
    EvaluateReport,
    Failure,
    FailureReason,
    StepResult,
    TaskResult,
    TrainReport,
    Variant,
)
from idla_contract.task import TaskSpec

Object = dict[str, Any]
START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SETTINGS = Settings(trainer_image="idla/trainer:1", server_image="idla/server:1")
DATA_DIGEST = "sha256:" + "d1" * 32
ARTIFACT_DIGEST = "sha256:" + "a1" * 32
OTHER_DIGEST = "sha256:" + "b2" * 32
NODE: Object = {
    "metadata": {"name": "node-1"},
    "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2"}},
}

DEPLOY = {"mode": "CreateOrUpdate", "replicas": 2}
BOTH = ("train-resnet-small", "train-vgg-small")


def template(name: str, builder: str, parameters: int, **changes: Any) -> Template:
    """Return an entry of the library for small images."""
    spec: Object = {
        "description": "for tests",
        "tasks": ["ImageClassification"],
        "builder": builder,
        "profile": {"parameters": parameters},
        "training": {"maxEpochs": 40, "batchSize": 64, "learningRate": "0.002"},
        "compressionMethods": ["DynamicRange", "Int8"],
        **changes,
    }
    return Template(name=name, spec=ModelTemplateSpec.model_validate(spec))


LIBRARY = (template("resnet-small", "resnet", 80_000), template("vgg-small", "vgg", 120_000))


def workflow(name: str = "digits", **spec: Any) -> Object:
    """Return a TrainingWorkflow on the sample digits."""
    return {
        "apiVersion": "idla.dev/v1alpha1",
        "kind": "TrainingWorkflow",
        "metadata": {"name": name, "namespace": "vision", "uid": "u-1", "generation": 1},
        "spec": {
            "task": {"type": "ImageClassification"},
            "data": {"storageUri": "sample://digits"},
            "objectives": [{"metric": "accuracy", "target": "0.97"}],
            **spec,
        },
    }


def requirements(**changes: Any) -> Requirements:
    """Return what such a workflow asks for."""
    return resolve_requirements(read_spec(workflow(**changes)), "digits")


def profile(**changes: Any) -> DataProfile:
    """Return what the digits look like."""
    values: Object = {
        "digest": DATA_DIGEST, "examples": 1797, "shape": (8, 8, 1), "facts": {"maximum": 16.0},
        "classes": tuple("0123456789"), "class_counts": (178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
        "train_examples": 1150, "validation_examples": 144, "gate_examples": 143, "test_examples": 360,
        "baseline_score": 0.1018,
    }  # fmt: skip
    return DataProfile.model_validate(values | changes)


def trained(name: str, accuracy: float = 0.98, *, parameters: int = 80_000, error: float = 0.01) -> TrainReport:
    """Return what a candidate reached."""
    return TrainReport(
        template=name, parameters=parameters, epochs=30, best_epoch=22, stopped="EarlyStopping",
        validation_score=accuracy, validation_score_error=error, validation_loss=0.08, seconds=40.0,
        examples_per_second=900.0,
    )  # fmt: skip


def variant(name: str, size: int, latency: float, **changes: Any) -> Variant:
    """Return a measured variant."""
    values: Object = {
        "name": name, "size_bytes": size, "gate_score": 0.986, "gate_drop": 0.0,
        "gate_drop_interval": (-0.007, 0.007), "latency_p50_milliseconds": latency,
        "latency_p95_milliseconds": 2 * latency, "passed": True, "message": "within the gate",
    }  # fmt: skip
    return Variant.model_validate(values | changes)


def published(
    *, right: int = 354, digest: str = ARTIFACT_DIGEST, reason: str = "GatePassed", baseline: float = 0.1
) -> Object:
    """Return the reports of a task that published."""
    chosen = "Int8" if reason == "GatePassed" else "Float32"
    return {
        "compress": CompressReport(
            choice=chosen,
            reason=reason,
            variants=(variant("Float32", 320_000, 0.2), variant("Int8", 90_000, 0.1)),
        ),
        "evaluate": EvaluateReport(
            test_examples=360, float_score=0.9861, served_score=right / 360,
            served_score_interval=(0.9640, 0.9923), baseline_score=baseline, served_correct=right,
        ),
        "artifact": ArtifactRef(
            uri=f"pvc://digits-artifacts/models/{digest.replace(':', '-')}", digest=digest, size_bytes=420_000
        ),
    }  # fmt: skip


def selected(*scores: float, winner: int | None = None, spread: float = 0.01) -> SelectReport:
    """Return what a comparison of candidates with these accuracies came to; the best won if no other one is named."""
    best = scores.index(max(scores))
    drops = [round(scores[best] - score, 6) for score in scores]
    compared = tuple(
        Comparison(
            score=score,
            drop=drop,
            drop_interval=(0.0, 0.0) if place == best else (round(drop - spread, 6), round(drop + spread, 6)),
        )
        for place, (score, drop) in enumerate(zip(scores, drops, strict=True))
    )
    return SelectReport(winner=best if winner is None else winner, best=best, examples=144, compared=compared)


def model_deployment(name: str = "digits", **spec: Any) -> Object:
    """Return a ModelDeployment."""
    return {
        "apiVersion": "idla.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": "vision", "uid": "u-2", "generation": 1},
        "spec": {"model": {"workflowRef": {"name": "digits"}}, **spec},
    }


def spec_of(world: "World", task: str) -> TaskSpec:
    """Return what a task's Job is told to do."""
    annotations = world.job(task)["spec"]["template"]["metadata"]["annotations"]
    return TaskSpec.model_validate_json(annotations["idla.dev/task-spec"])


@dataclass(kw_only=True)
class World:
    """A workflow with its surroundings; `reconcile` decides once and carries the decision out."""

    workflow: Object = field(default_factory=workflow)
    templates: tuple[Template, ...] = LIBRARY
    settings: Settings = SETTINGS
    nodes: tuple[Object, ...] | None = (NODE,)
    claims: dict[str, Object] = field(default_factory=dict)
    jobs: dict[str, Object] = field(default_factory=dict)
    pods: dict[str, Object] = field(default_factory=dict)
    deployments: dict[str, Object] = field(default_factory=dict)
    progress: dict[str, TaskProgress] = field(default_factory=dict)
    refusal: str | None = None
    now: datetime = START
    events: list[Event] = field(default_factory=list)
    gone: bool = False
    """Whether the workflow was deleted."""
    statuses: int = 0
    """Status writes so far."""

    # --- deciding -----------------------------------------------------------------------------------------------------
    def snapshot(self) -> WorkflowSnapshot:
        model = deployment_name(self.workflow)
        return WorkflowSnapshot(
            jobs=tuple(self.jobs.values()),
            pods=tuple(self.pods.values()),
            claims={name: self.claims.get(name) for name in claim_names(self.workflow)},
            deployment=None if model is None else self.deployments.get(model),
            templates=self.templates,
            nodes=self.nodes,
            progress=self.progress,
            refusal=self.refusal,
        )

    def decide(self) -> Reconciliation:
        before = json.dumps((self.workflow, self.jobs, self.pods))  # a tenth of what a deep copy takes
        decision = reconcile_workflow(self.workflow, self.snapshot(), now=self.now, settings=self.settings)
        assert json.dumps((self.workflow, self.jobs, self.pods)) == before, "a decision changes what it was given"
        return decision

    def reconcile(self) -> Reconciliation:
        decision = self.decide()
        for manifest in decision.apply:
            self.apply(json.loads(json.dumps(manifest)))
        for deletion in decision.delete:
            self.delete(deletion.kind, deletion.name, deletion.uid)
        if decision.status is not None:
            self.workflow["status"] = json.loads(json.dumps(decision.status))
            self.statuses += 1
        self.events += decision.events
        return decision

    def settle(self) -> "World":
        """Turn until nothing changes."""
        for _ in range(10):
            if self.gone:
                return self
            decision = self.reconcile()
            if not decision.apply and not decision.delete and decision.status is None:
                return self
        raise AssertionError(f"it does not come to rest; the last decision was {decision}")

    def apply(self, manifest: Object) -> None:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        places = {"Job": self.jobs, "PersistentVolumeClaim": self.claims, "ModelDeployment": self.deployments}
        place = places[kind]
        if name in place:
            uid = manifest["metadata"].get("uid")
            assert uid is None or uid == place[name]["metadata"]["uid"], "the object was replaced meanwhile"
            # Server-side apply takes away what its manager no longer asks for.
            place[name]["spec"] = manifest["spec"]
            place[name]["metadata"] |= manifest["metadata"]
            return
        assert "uid" not in manifest["metadata"], "the object is gone"
        manifest["metadata"] |= {
            "uid": f"uid-{name}-{self.now.isoformat()}", "creationTimestamp": timestamp(self.now), "generation": 1,
        }  # fmt: skip
        place[name] = manifest

    def delete(self, kind: str, name: str, uid: str) -> None:
        if kind == "TrainingWorkflow":
            assert uid == self.workflow["metadata"]["uid"]
            self.gone = True
            return
        assert self.jobs[name]["metadata"]["uid"] == uid
        del self.jobs[name]
        self.pods = {
            key: pod for key, pod in self.pods.items() if pod["metadata"]["ownerReferences"][0]["name"] != name
        }

    # --- what happens in the cluster ----------------------------------------------------------------------------------
    def wait(self, seconds: float) -> "World":
        self.now += timedelta(seconds=seconds)
        return self

    def edit(self, **spec: Any) -> "World":
        self.workflow["spec"] |= spec
        self.workflow["metadata"]["generation"] += 1
        return self

    def job(self, task: str) -> Object:
        """Return the newest Job of a task."""
        mine = [job for job in self.jobs.values() if job["metadata"]["labels"]["idla.dev/task"] == task]
        assert mine, f"there is no Job for {task}"
        return max(mine, key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))

    def pod(self, task: str) -> Object:
        """Return the pod of a task's newest Job, made where there is none."""
        job = self.job(task)
        name = job["metadata"]["name"]
        if name not in self.pods:
            job["status"] = {"startTime": timestamp(self.now), "active": 1}
            self.pods[name] = {
                "metadata": {
                    "name": f"{name}-x", "creationTimestamp": timestamp(self.now),
                    "labels": dict(job["spec"]["template"]["metadata"]["labels"]),
                    "ownerReferences": [{"kind": "Job", "name": name, "uid": job["metadata"]["uid"]}],
                },
                "spec": copy.deepcopy(job["spec"]["template"]["spec"]),
                "status": {"phase": "Pending"},
            }  # fmt: skip
        return self.pods[name]

    def run(self, *tasks: str) -> "World":
        for task in tasks:
            self.pod(task)["status"] = {"phase": "Running"}
        return self

    def pend(self, task: str, message: str) -> "World":
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        self.pod(task)["status"] = {"phase": "Pending", "conditions": [condition]}
        return self

    def pull_fails(self, task: str) -> "World":
        waiting = {"reason": "ImagePullBackOff", "message": "not found"}
        statuses = [{"name": "task", "image": "idla/trainer:1", "state": {"waiting": waiting}}]
        self.pod(task)["status"] = {"phase": "Pending", "containerStatuses": statuses}
        return self

    def hold(self, *tasks: str) -> "World":
        """Let the Job controller take the pods of suspended Jobs away."""
        for task in tasks:
            job = self.job(task)
            assert job["spec"]["suspend"], f"{task} is not suspended"
            self.pods.pop(job["metadata"]["name"], None)
            job["status"] = {}
        return self

    def finish(self, task: str, *, cached: bool = False, **reports: Any) -> "World":
        job, pod = self.job(task), self.pod(task)
        spec = json.loads(job["spec"]["template"]["metadata"]["annotations"]["idla.dev/task-spec"])
        steps = tuple(StepResult(kind=step["kind"], seconds=1.0, cached=cached) for step in spec["steps"])
        result = TaskResult(task=task, content_hash=spec["contentHash"], steps=steps, **reports)
        self._terminate(pod, 0, "Completed", result.shortened().to_json())
        pod["status"]["phase"] = "Succeeded"
        job["status"] = {
            "startTime": job["status"]["startTime"], "completionTime": timestamp(self.now), "succeeded": 1,
            "conditions": [{"type": "Complete", "status": "True"}],
        }  # fmt: skip
        return self

    def fail(self, task: str, reason: FailureReason, message: str, *, code: int = 10) -> "World":
        spec = json.loads(self.job(task)["spec"]["template"]["metadata"]["annotations"]["idla.dev/task-spec"])
        failure = Failure(reason=reason, message=message)
        result = TaskResult(task=task, content_hash=spec["contentHash"], failure=failure)
        return self.crash(task, code=code, reason="Error", message=result.to_json())

    def crash(self, task: str, *, code: int, reason: str, message: str = "", job_reason: str = "") -> "World":
        job, pod = self.job(task), self.pod(task)
        self._terminate(pod, code, reason, message)
        pod["status"]["phase"] = "Failed"
        condition = {
            "type": "Failed", "status": "True", "reason": job_reason or "PodFailurePolicy", "message": "a pod failed",
            "lastTransitionTime": timestamp(self.now),
        }  # fmt: skip
        job["status"] = {"startTime": job["status"]["startTime"], "failed": 1, "conditions": [condition]}
        return self

    def _terminate(self, pod: Object, code: int, reason: str, message: str) -> None:
        ended = {"exitCode": code, "reason": reason, "message": message}
        pod["status"] = {"containerStatuses": [{"name": "task", "state": {"terminated": ended}}]}

    def measure(self, task: str, step: int, total: int = 720, **figures: float) -> "World":
        self.progress[self.job(task)["metadata"]["name"]] = TaskProgress(
            step=step, total_steps=total, updated=self.now, **figures
        )
        return self

    def serve(self, digest: str = ARTIFACT_DIGEST, name: str = "digits") -> "World":
        """Let the ModelDeployment's controller bring the artifact up."""
        since = timestamp(self.now)
        shape = {"observedGeneration": 1, "lastTransitionTime": since, "message": ""}
        model = {"uri": "pvc://digits-artifacts/models/x", "digest": digest}
        self.deployments[name]["status"] = {
            "observedGeneration": 1, "model": model, "serving": model,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Serving", **shape}],
        }  # fmt: skip
        return self

    def stall_deployment(self, name: str = "digits") -> "World":
        since = timestamp(self.now)
        shape = {"observedGeneration": 1, "lastTransitionTime": since, "status": "True"}
        self.deployments[name]["status"] = {
            "observedGeneration": 1,
            "model": {"uri": "pvc://digits-artifacts/models/x", "digest": ARTIFACT_DIGEST},
            "conditions": [{"type": "Stalled", "reason": "DigestMismatch", "message": "other bytes", **shape}],
        }
        return self

    # --- whole ways ---------------------------------------------------------------------------------------------------
    def profiled(self, **changes: Any) -> "World":
        return (
            self.settle()
            .wait(10)
            .run("profile")
            .settle()
            .wait(10)
            .finish("profile", profile=profile(**changes))
            .settle()
        )

    def train(self, accuracies: Mapping[str, float] | None = None) -> "World":
        """Let trainings succeed, then what compares them where that begins."""
        return self.end_trainings(accuracies).compare()

    def end_trainings(self, accuracies: Mapping[str, float] | None = None) -> "World":
        reached = accuracies or {"resnet-small": 0.9861, "vgg-small": 0.9583}
        sizes = {entry.name: entry.spec.profile.parameters for entry in LIBRARY}
        for name in reached:
            self.run(f"train-{name}")
        self.settle().wait(60)
        for name, accuracy in reached.items():
            self.finish(f"train-{name}", train=trained(name, accuracy, parameters=sizes[name]))
        return self.settle()

    def compare(self) -> "World":
        """Let the task that compares what was trained succeed, where it has begun; the best one wins."""
        if not any(self.at_work("select")):
            return self
        return self.run("select").settle().finish("select", select=self.comparison()).settle()

    def comparison(self) -> SelectReport:
        """Return what the comparison that has begun comes to, by what the trainings told."""
        [step] = spec_of(self, "select").steps
        assert isinstance(step, SelectStep)
        results = {entry["name"]: entry["result"] for entry in self.status["tasks"] if "result" in entry}
        reports = [TaskResult.model_validate_json(results[candidate.task]).train for candidate in step.candidates]
        return selected(*(report.validation_score for report in reports if report is not None))

    def publish(self, **changes: Any) -> "World":
        return self.run("publish").settle().wait(30).finish("publish", **published(**changes)).settle()

    # --- what is seen -------------------------------------------------------------------------------------------------
    @property
    def status(self) -> Object:
        status: Object = self.workflow["status"]
        return status

    def conditions(self) -> dict[str, str]:
        """Return `status reason` by type."""
        return {entry["type"]: f"{entry['status']} {entry['reason']}" for entry in self.status["conditions"]}

    def message(self, kind: str) -> str:
        return next(str(entry["message"]) for entry in self.status["conditions"] if entry["type"] == kind)

    def tasks(self) -> dict[str, str]:
        return {entry["name"]: entry["state"] for entry in self.status["tasks"]}

    def task(self, name: str) -> Object:
        return next(dict(entry) for entry in self.status["tasks"] if entry["name"] == name)

    def told(self) -> list[str]:
        """Return the reasons of the events so far."""
        return [event.reason for event in self.events]

    def at_work(self, task: str) -> Iterator[Object]:
        """Yield the Jobs of a task that may run pods."""
        for job in self.jobs.values():
            mine = job["metadata"]["labels"]["idla.dev/task"] == task
            if mine and not job["spec"]["suspend"] and not (job.get("status") or {}).get("conditions"):
                yield job

    def active_hashes(self) -> Iterator[str]:
        """Yield the content hash of every Job that may run pods."""
        for job in self.jobs.values():
            conditions = (job.get("status") or {}).get("conditions") or ()
            if not job["spec"]["suspend"] and not conditions:
                yield job["metadata"]["annotations"]["idla.dev/content-hash"]
