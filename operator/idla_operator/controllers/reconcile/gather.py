"""Gather what a decision may know, without interpreting it."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from idla.api.model_template import ModelTemplateSpec
from idla.builders.identity import DEPLOYMENT, WORKFLOW, address_name, label_value
from idla.core.kube import jobs
from idla.core.kube.references import claim_names, deployment_name, followed_workflow
from idla.core.reconciliation import Manifest
from idla.core.snapshot import DeploymentSnapshot, TaskProgress, Template, WorkflowSnapshot
from pydantic import ValidationError

from idla_operator.controllers.cache.store import Store
from idla_operator.ports import (
    CLAIMS,
    DEPLOYMENTS,
    JOBS,
    MODEL_DEPLOYMENTS,
    NODES,
    PODS,
    SERVICES,
    TEMPLATES,
    WORKFLOWS,
    Cluster,
    Measured,
    ProgressSource,
    Reference,
    UnavailableError,
    read_live,
)

_JOB = "batch.kubernetes.io/job-name"
_LOG = logging.getLogger(__name__)


class Gatherer:
    """Reads the store, and live what no watch brings: claims, objects of other owners, the progress of pods.

    Everything live is read first; then the store is read in one go, so that a snapshot is the world of one moment.
    """

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        progress: ProgressSource,
        *,
        sees_nodes: bool,
        library: tuple[Template, ...] | None = None,
    ) -> None:
        """Bind what is read.

        Args:
            store: everything that is watched.
            cluster: what is not.
            progress: of running pods.
            sees_nodes: whether nodes are watched; where they are not, what fits is unknown.
            library: the templates to choose from. Default: the ModelTemplates of the store.
        """
        self._store = store
        self._cluster = cluster
        self._progress = progress
        self._sees_nodes = sees_nodes
        self._built_in = library
        self._templates: dict[str, tuple[str, Template | None]] = {}

    async def workflow(self, reference: Reference) -> tuple[Manifest, WorkflowSnapshot] | None:
        """Return a TrainingWorkflow and its world, or None where it is gone."""
        seen = self._store.get(reference)
        if seen is None:
            return None
        names = claim_names(seen)
        named = [Reference(CLAIMS, reference.namespace, name) for name in names]
        claims = await asyncio.gather(*(read_live(self._cluster, claim) for claim in named))
        progress = await self._measure(self._running(seen))
        checked: frozenset[str] = frozenset()
        while (workflow := self._store.get(reference)) is not None:
            model = deployment_name(workflow)
            snapshot = WorkflowSnapshot(
                jobs=self._store.children(JOBS, workflow["metadata"]["uid"]),
                pods=self._find_pods(reference, WORKFLOW),
                claims=dict(zip(names, claims, strict=True)),
                deployment=None
                if model is None
                else self._store.get(Reference(MODEL_DEPLOYMENTS, reference.namespace, model)),
                templates=tuple(self._library()),
                nodes=self._nodes(),
                progress=progress,
            )
            unexplained = frozenset(jobs.find_unexplained(workflow, snapshot)) - checked
            if not unexplained:
                return workflow, snapshot
            await self._require_newest_pods(reference.namespace, unexplained)
            checked |= unexplained
        return None

    async def _require_newest_pods(self, namespace: str | None, names: frozenset[str]) -> None:
        """Check that the pods of ended Jobs are seen as they are: a result that is not seen yet is not lost.

        Raises:
            UnavailableError: they are not; the watch will bring them.
        """
        selector = f"{_JOB} in ({','.join(sorted(names))})"
        listing = await self._cluster.identities(PODS, namespace=namespace, selector=selector)
        if self._store.lagging(listing):
            raise UnavailableError(f"pods of {', '.join(sorted(names))} have changed and no watch has said so yet")

    async def deployment(self, reference: Reference) -> tuple[Manifest, DeploymentSnapshot] | None:
        """Return a ModelDeployment and its world, or None where it is gone."""
        name = address_name(reference.name)
        serving = Reference(DEPLOYMENTS, reference.namespace, name)
        service = Reference(SERVICES, reference.namespace, name)
        # What carries no label of ours is not watched, but its name may be taken.
        unseen = [entry for entry in (serving, service) if self._store.get(entry) is None]
        others = {entry: await read_live(self._cluster, entry) for entry in unseen}
        model = self._store.get(reference)
        if model is None:
            return None
        followed = followed_workflow(model)
        return model, DeploymentSnapshot(
            workflow=None if followed is None else self._store.get(Reference(WORKFLOWS, reference.namespace, followed)),
            deployment=self._store.get(serving) or others.get(serving),
            service=self._store.get(service) or others.get(service),
            pods=self._find_pods(reference, DEPLOYMENT),
            nodes=self._nodes(),
        )

    def _nodes(self) -> tuple[Manifest, ...] | None:
        return tuple(self._store.all(NODES)) if self._sees_nodes else None

    def _find_pods(self, reference: Reference, label: str) -> tuple[Manifest, ...]:
        """Return the pods of a resource by label: a pod may outlive the Job that owns it."""
        value = label_value(reference.name)
        pods = self._store.within(PODS, reference.namespace)
        return tuple(pod for pod in pods if (pod["metadata"].get("labels") or {}).get(label) == value)

    def _running(self, workflow: Manifest) -> dict[str, Manifest]:
        """Return the newest running pod of each Job by the Job's name."""
        running: dict[str, Manifest] = {}
        for job in self._store.children(JOBS, workflow["metadata"]["uid"]):
            pods = self._store.children(PODS, job["metadata"]["uid"])
            candidates = [pod for pod in pods if _is_running(pod)]
            if candidates:
                newest = max(candidates, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
                running[job["metadata"]["name"]] = newest
        return running

    async def _measure(self, pods: Mapping[str, Manifest]) -> dict[str, TaskProgress]:
        readings = await asyncio.gather(*(self._progress.read(pod) for pod in pods.values()))
        measured: dict[str, TaskProgress] = {}
        for job, reading in zip(pods, readings, strict=True):
            match reading:
                case Measured(progress=progress):
                    measured[job] = progress
                case _:
                    fields = {"job": job, "outcome": reading.outcome.value}
                    _LOG.debug("no progress measured: %s", reading.message, extra={"fields": fields})
        return measured

    def _library(self) -> Iterable[Template]:
        """Return the valid templates by name; an invalid one is logged once a version and left out."""
        if self._built_in is not None:
            yield from self._built_in
            return
        for document in self._store.all(TEMPLATES):
            name, version = document["metadata"]["name"], document["metadata"]["resourceVersion"]
            known = self._templates.get(name)
            if known is None or known[0] != version:
                known = self._templates[name] = (version, _template(name, document))
            if known[1] is not None:
                yield known[1]


def _is_running(pod: Manifest) -> bool:
    return pod.get("status", {}).get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]


def _template(name: str, document: Manifest) -> Template | None:
    try:
        return Template(name=name, spec=ModelTemplateSpec.model_validate(document.get("spec")))
    except ValidationError as error:
        _LOG.warning("ModelTemplate %s is left out: %s", name, error)
        return None
