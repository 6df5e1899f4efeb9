"""Run kopf, and see that it ends when it begins to."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import kopf

END_SECONDS = 10.0
"""kopf gives its own tasks 5 seconds before it cancels them."""
AGAIN_SECONDS = 1.0
"""Between two cancellations of what has not ended."""


async def run_informer(
    registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings, *, namespaces: tuple[str, ...] = ()
) -> None:
    """Run kopf until SIGTERM or SIGINT.

    Every task that exists before is spared when kopf ends; every later one is taken for kopf's and cancelled.

    Args:
        registry: what is watched.
        settings: how.
        namespaces: where; empty for everywhere.

    Raises:
        Exception: kopf failed.
    """
    spared = asyncio.all_tasks()
    roots = await kopf.spawn_tasks(
        registry=registry, settings=settings, clusterwide=not namespaces, namespaces=namespaces
    )
    insisting = asyncio.create_task(insist(roots, spared), name="insist")
    try:
        await kopf.run_tasks(roots, ignored=spared | {insisting})
    finally:
        insisting.cancel()
        with suppress(asyncio.CancelledError):
            await insisting


async def insist(
    roots: Collection[asyncio.Task[Any]],
    spared: Collection[asyncio.Task[Any]],
    *,
    after: float = END_SECONDS,
    again: float = AGAIN_SECONDS,
) -> None:
    """Wait until one of the roots has ended; cancel what still runs `after` seconds later, again and again.

    kopf cancels once and then waits for ever, but a watch that is being opened anew at that moment takes the
    cancellation for a pause and goes on.
    """
    await asyncio.wait(roots, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(after)
    while True:
        for task in asyncio.all_tasks() - {*spared, asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(again)
