"""The life of a serving process: listen, load, warm up, answer, drain, end."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
import uvloop
from idla_artifact.errors import ModelError
from idla_artifact.model import ServedModel, load_model
from idla_contract.artifact import MODEL
from idla_contract.exit_codes import ExitCode
from typing_extensions import override

from idla_server import cpu_budget
from idla_server.app import build_app
from idla_server.connection import Connection
from idla_server.engine import Engine
from idla_server.failures import report
from idla_server.service import Limits, Phase, Service
from idla_server.warm_up import warm_up

_LOG = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep an idle connection: the side that closes first loses no request."""

_BACKLOG = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What is served and how."""

    model_dir: Path
    name: str
    digest: str
    host: str = ""
    """The address that is listened on; empty: every address of the pod."""
    port: int
    """0 takes a free one; the log says which."""
    drain_seconds: float
    """How long the server goes on answering after SIGTERM."""
    finish_seconds: int
    """How long requests that are still being answered may take after that."""
    termination_message: Path
    limits: Limits = field(default_factory=Limits)


def serve(options: ServeOptions) -> ExitCode:
    """Answer requests until SIGTERM or SIGINT, and return how the process should end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(options))


async def _serve(options: ServeOptions) -> ExitCode:
    service = Service(options.name, options.digest, options.limits)
    with _listen(options.host, options.port) as listener:
        port = listener.getsockname()[1]
        _LOG.info("listening", extra={"port": port, "pid": os.getpid()})
        server = _Server(service, options)
        bringing_up = asyncio.create_task(_bring_up(service, server, options, port))
        await server.serve(sockets=[listener])
    bringing_up.cancel()
    service.close()
    try:
        await bringing_up
    except asyncio.CancelledError:
        pass
    except ModelError as error:
        if service.phase is not Phase.DRAINING:  # who is asked to go while it loads has not failed
            return report(error.reason, error.message, options.termination_message)
    _LOG.info("ended", extra={"given_up": service.in_flight})
    return ExitCode.SUCCEEDED


async def _bring_up(service: Service, server: uvicorn.Server, options: ServeOptions, port: int) -> None:
    """Load and warm up; end the server where that fails."""
    try:
        model, engine = await asyncio.to_thread(_load, options)
        service.loaded(model, engine)
        await warm_up(port, service.name, model)
        service.warmed()
    except Exception:
        server.should_exit = True
        raise


def _load(options: ServeOptions) -> tuple[ServedModel, Engine]:
    model = load_model(options.model_dir, options.digest)
    size = next(entry.size_bytes for entry in model.manifest.files if entry.name == MODEL)
    available = cpu_budget.available()
    workers, threads = cpu_budget.shares(available, size)
    engine = Engine(model, workers, threads)
    sizes = {"processors": available, "workers": workers, "threads": threads, "inline_limit_bytes": engine.inline_limit}
    _LOG.info("loaded and golden inputs checked", extra={"digest": model.digest, **sizes})
    return model, engine


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket of an address, or for every one of the pod, IPv6 ones too where there are any."""
    if host:
        return socket.create_server((host, port), backlog=_BACKLOG)
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # IPv6 may be there and switched off
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
    return socket.create_server(("", port), backlog=_BACKLOG)


class _Server(uvicorn.Server):
    """A uvicorn server that drains first and ends with 0: uvicorn itself stops at once and dies of the signal."""

    def __init__(self, service: Service, options: ServeOptions) -> None:
        config = uvicorn.Config(
            build_app(service),
            http=Connection,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=options.finish_seconds,
        )
        super().__init__(config)
        self._service = service
        self._drain_seconds = options.drain_seconds

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _leave(self) -> None:
        """Drain on the first signal; on the second one, and where nobody was ever sent here, end at once."""
        if self._service.drain():
            asyncio.get_running_loop().call_later(self._drain_seconds, self._end)
        else:
            self._end()

    def _end(self) -> None:
        self.should_exit = True
