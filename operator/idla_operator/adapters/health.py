"""Serves the answers of the probes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Problems = Callable[[], tuple[str, ...]]


@asynccontextmanager
async def served(port: int, *, liveness: Problems, readiness: Problems) -> AsyncIterator[None]:
    """Serve /healthz and /readyz on every address: 200 without problems, else 503 with one line for each.

    Args:
        port: 0 serves nothing.
        liveness: why the process should be started anew.
        readiness: why it does not work yet.
    """
    if port == 0:
        yield
        return
    app = web.Application()
    app.add_routes([web.get("/healthz", _answer(liveness)), web.get("/readyz", _answer(readiness))])
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, None, port).start()
        yield
    finally:
        await runner.cleanup()


def _answer(problems: Problems) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        found = problems()
        return web.Response(status=503 if found else 200, text="\n".join(found) or "ok")

    return answer
