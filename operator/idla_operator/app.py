"""Puts the operator together, runs it against the cluster, and starts it anew when kopf gives up."""

import asyncio
import logging
import socket
from collections.abc import Callable
from uuid import uuid4

import kopf
from idla.core.deployment.reconcile import reconcile_deployment
from idla.core.settings import Settings
from idla.core.snapshot import Template
from idla.core.workflow.reconcile import reconcile_workflow
from idla.library import built_in_library

from idla_operator.adapters import health as probes
from idla_operator.adapters.clock import SystemClock
from idla_operator.adapters.credentials import CredentialsError, load_configuration, read_token
from idla_operator.adapters.kube import KubeCluster
from idla_operator.adapters.lease import KubeLease, place_of
from idla_operator.adapters.progress import progress_source
from idla_operator.adapters.watchdog import end_process, watched
from idla_operator.config import OperatorConfig
from idla_operator.controllers.cache.event_sink import EventSink
from idla_operator.controllers.cache.resync import Resync
from idla_operator.controllers.cache.store import Store
from idla_operator.controllers.cache.watch_scope import NamespaceWatcher, WatchScope, find_watch_scope
from idla_operator.controllers.health import Health, Session
from idla_operator.controllers.keyqueue import Backoff, KeyQueue
from idla_operator.controllers.leader.election import NOT_RENEWED, Election
from idla_operator.controllers.leader.lease_state import LeaseTiming, identity_in
from idla_operator.controllers.reconcile.apply_decision import DecisionApplier
from idla_operator.controllers.reconcile.gather import Gatherer
from idla_operator.controllers.reconcile.reconciler import Decisions, Reconciler
from idla_operator.controllers.sessions import EndRequest, run_sessions
from idla_operator.handlers.informer import run_informer
from idla_operator.handlers.registry import build_registry
from idla_operator.handlers.settings import build_settings
from idla_operator.ports import NODES, Reference

WORKERS = 8
"""Reconciliations at a time."""
_LOG = logging.getLogger(__name__)


async def run(config: OperatorConfig) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    health, end = Health(), EndRequest()
    end.listen()
    async with probes.served(config.health_port, liveness=health.unhealthy_reasons, readiness=health.not_ready_reasons):
        if config.lease_namespace is None:
            return await _work(config, health, end)
        try:
            connection = await KubeCluster.connect()
        except CredentialsError as error:
            _LOG.critical("%s", error)
            return 1
        async with connection as cluster:
            lease = KubeLease(cluster, SystemClock(), namespace=config.lease_namespace, seconds=LeaseTiming().duration)
            place = place_of(config.pod_uid)
            identity = identity_in(place or socket.gethostname(), uuid4().hex)
            election = Election(lease, SystemClock(), identity=identity, place=place, end=end_process)
            return await _lead(election, config, health, end)


async def _lead(election: Election, config: OperatorConfig, health: Health, end: EndRequest) -> int:
    """Wait until this replica leads, run for as long as it does, and let another one take over."""
    health.standby = election.not_ready_reasons
    if await end.interrupts(election.win()):
        await election.release()  # the write by which it takes over may have been under way
        return 0
    health.standby = None
    try:
        with watched(election.seconds_left, lambda: end_process(NOT_RENEWED)):
            keeping = asyncio.create_task(election.keep(), name="lease")
            try:
                return await _work(config, health, end, may_write_for=election.seconds_left)
            finally:
                keeping.cancel()
                await asyncio.wait((keeping,))
    finally:
        # Not before the work has ended: the next leader begins within seconds.
        await election.release()


async def _work(
    config: OperatorConfig, health: Health, end: EndRequest, *, may_write_for: Callable[[], float] | None = None
) -> int:
    async def session() -> None:
        try:
            async with await KubeCluster.connect(may_write_for=may_write_for) as cluster:
                await _session(config, health, cluster)
        finally:
            health.session = None

    return await run_sessions(session, SystemClock(), end)


async def _session(config: OperatorConfig, health: Health, cluster: KubeCluster) -> None:
    clock, store = SystemClock(), Store()
    async with progress_source(config.prometheus_url) as progress:
        watch_scope = await find_watch_scope(cluster, config.watch_namespaces)
        library = built_in_library() if config.watch_namespaces else None
        _say_confinement(watch_scope, library)
        decisions = Decisions(
            workflow=reconcile_workflow,
            deployment=reconcile_deployment,
            settings=settings_of(config),
        )
        gatherer = Gatherer(store, cluster, progress, sees_nodes=NODES in watch_scope.resources, library=library)
        effects = DecisionApplier(store, cluster, clock)
        reconciler = Reconciler(store, cluster, clock, gatherer=gatherer, decisions=decisions, effects=effects)
        queue: KeyQueue[Reference] = KeyQueue(reconciler, clock=clock, workers=WORKERS, backoff=Backoff())
        event_sink = EventSink(store, queue)
        resync = Resync(store, cluster, event_sink, queue, watches=watch_scope.watches)
        watcher = NamespaceWatcher(cluster, tuple(watch_scope.unavailable))
        health.session = Session(queue=queue, resync=resync, unavailable=tuple(watch_scope.unavailable.values()))
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(queue.run(), name="queue"),
                group.create_task(resync.run(), name="resync"),
                group.create_task(watcher.run(), name="namespaces"),
            ]
            # When kopf ends it cancels every task that did not exist before it, so ours have to.
            await asyncio.sleep(0)
            registry = build_registry(watch_scope.resources, event_sink, _log_in)
            await run_informer(registry, build_settings(watch_scope.resources), namespaces=watch_scope.namespaces)
            for task in background:
                task.cancel()


def settings_of(config: OperatorConfig) -> Settings:
    """Return what decisions need of the configuration."""
    return Settings(
        trainer_image=config.trainer_image,
        server_image=config.server_image,
        pull_policy=config.pull_policy,
        egress=config.egress,
        pull_secrets=config.pull_secrets,
    )


async def _log_in() -> kopf.ConnectionInfo:
    found = await load_configuration()
    return kopf.ConnectionInfo(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
        token=await read_token(found),
        insecure=not found.verify_ssl,
    )


def _say_confinement(watch_scope: WatchScope, library: tuple[Template, ...] | None) -> None:
    if library is not None:
        _LOG.info(
            "works in the namespaces %s alone, with its built-in templates (%s) instead of ModelTemplates and without"
            " knowing what fits on the nodes",
            ", ".join(watch_scope.namespaces),
            ", ".join(template.name for template in library),
        )
