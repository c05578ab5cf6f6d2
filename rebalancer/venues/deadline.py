"""Deadline: what waits for a venue waits for so long and no longer, by the clock of the ports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rebalancer.ports import Clock


@asynccontextmanager
async def deadline(clock: Clock, patience: int) -> AsyncIterator[None]:
    """Break off what is awaited inside once it has lasted for `patience` ns.

    Raises:
        TimeoutError: It was broken off. A cancel from elsewhere stays a cancel.
    """
    task, expired = asyncio.current_task(), False
    assert task is not None  # nothing is awaited outside of one
    before = task.cancelling()

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    timer = clock.call_at(clock.now() + patience, expire)
    try:
        yield
    except asyncio.CancelledError:
        if expired and task.uncancel() <= before:
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
