"""What does not end at the first cancellation is cancelled again; what is spared is left alone."""

import asyncio

from idla_operator.handlers.informer import insist


async def stubborn(times: int) -> int:
    """Take this many cancellations for something else."""
    taken = 0
    while taken < times:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            taken += 1
    await asyncio.Event().wait()
    return taken


async def ended() -> None:
    return


async def scenario() -> tuple[bool, bool]:
    spared = asyncio.create_task(stubborn(0))
    others = {spared, asyncio.current_task()}
    tasks = {asyncio.create_task(stubborn(times)) for times in range(4)}
    root = asyncio.create_task(ended())
    insisting = asyncio.create_task(insist([root], [task for task in others if task], after=0.0, again=0.0))
    await asyncio.wait(tasks)
    outcome = all(task.cancelled() for task in tasks), spared.done()
    for task in (insisting, spared):
        task.cancel()
    await asyncio.gather(insisting, spared, return_exceptions=True)
    return outcome


def test_what_takes_a_cancellation_for_something_else_is_cancelled_again() -> None:
    assert asyncio.run(scenario()) == (True, False)
