"""Puts the operator together, runs it against the cluster, and starts it anew when kopf gives up."""

import asyncio
import logging

import kopf
from idla.core.deployment import reconcile_deployment
from idla.core.drift import satisfied
from idla.core.settings import Settings
from idla.core.workflow import reconcile_workflow

from idla_operator.adapters import health as probes
from idla_operator.adapters.clock import SystemClock
from idla_operator.adapters.credentials import load_credentials
from idla_operator.adapters.kube import KubeCluster
from idla_operator.adapters.progress import progress_source
from idla_operator.config import OperatorConfig
from idla_operator.controllers.carry_out import CarryOut
from idla_operator.controllers.gather import Gatherer
from idla_operator.controllers.health import Health, Session
from idla_operator.controllers.inbox import Inbox
from idla_operator.controllers.keyqueue import Backoff, KeyQueue
from idla_operator.controllers.sessions import SetupError, run_sessions
from idla_operator.controllers.store import Store
from idla_operator.controllers.sweep import Sweep
from idla_operator.controllers.turns import Decisions, Turns
from idla_operator.handlers.informer import run_informer
from idla_operator.handlers.registry import build_registry
from idla_operator.handlers.settings import build_settings
from idla_operator.ports import CUSTOM, NODES, WATCHED, Cluster, ForbiddenError, NotFoundError, Reference, Resource

WORKERS = 8
"""Turns at a time."""
_LOG = logging.getLogger(__name__)


async def run(config: OperatorConfig) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    clock, health = SystemClock(), Health()

    async def session() -> None:
        try:
            await _session(config, health)
        finally:
            health.session = None

    async with probes.served(config.health_port, liveness=health.ailments, readiness=health.waits_for):
        return await run_sessions(session, clock)


async def _session(config: OperatorConfig, health: Health) -> None:
    clock, store = SystemClock(), Store()
    async with await KubeCluster.connect() as cluster, progress_source(config.prometheus_url) as progress:
        resources = await _watchable(cluster)
        decisions = Decisions(
            workflow=reconcile_workflow,
            deployment=reconcile_deployment,
            settings=Settings(
                trainer_image=config.trainer_image, server_image=config.server_image, pull_policy=config.pull_policy
            ),
        )
        gatherer = Gatherer(store, cluster, progress, sees_nodes=NODES in resources)
        effects = CarryOut(store, cluster, clock, satisfied=satisfied)
        turns = Turns(store, cluster, clock, gatherer=gatherer, decisions=decisions, effects=effects)
        queue: KeyQueue[Reference] = KeyQueue(turns, clock=clock, workers=WORKERS, backoff=Backoff())
        inbox = Inbox(store, queue)
        sweep = Sweep(store, cluster, inbox, queue, resources=resources)
        health.session = Session(queue=queue, sweep=sweep)
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(queue.run(), name="queue"), group.create_task(sweep.run(), name="sweep")]
            # When kopf ends it cancels every task that did not exist before it, so ours have to.
            await asyncio.sleep(0)
            await run_informer(build_registry(resources, inbox, _log_in), build_settings(resources))
            for task in background:
                task.cancel()


async def _log_in() -> kopf.ConnectionInfo:
    found = await load_credentials()
    return kopf.ConnectionInfo(
        server=found.server,
        ca_path=found.ca_file,
        certificate_path=found.certificate_file,
        private_key_path=found.key_file,
        token=found.token,
        insecure=found.insecure,
    )


async def _watchable(cluster: Cluster) -> tuple[Resource, ...]:
    """Return what can be watched: everything, or everything without nodes where the role does not cover them.

    kopf would wait for ever for the first listing of what it may not list, and serve nothing meanwhile.

    Raises:
        SetupError: a CRD or a permission is missing.
    """
    found: list[Resource] = []
    for resource in WATCHED:
        try:
            await cluster.identities(resource, limit=1)
        except NotFoundError:
            message = f"{resource.plural} are unknown to the API server; apply the CRDs of crds/"
            raise SetupError(message if resource in CUSTOM else f"{resource.plural} are unknown") from None
        except ForbiddenError as error:
            if resource != NODES:
                raise SetupError(f"the role of manifests/base is missing or incomplete: {error}") from None
            _LOG.warning("nodes may not be listed: work is planned without knowing what fits")
        else:
            found.append(resource)
    return tuple(found)
