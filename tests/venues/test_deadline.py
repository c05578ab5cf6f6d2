"""A deadline breaks off what lasts too long, and nothing else."""

import asyncio

import pytest

from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.venues.deadline import deadline


def run(story):
    """Run a story under a market clock; return what it returned."""
    clock = MarketClock(0)
    return run_market(clock, story(clock))


def test_in_time():
    """What ends in time ends as it would, and leaves no timer behind."""

    async def story(clock):
        async with deadline(clock, 5 * SECOND):
            await clock.sleep(4 * SECOND)
        await clock.sleep(60 * SECOND)
        return clock.now()

    assert 64 * SECOND == run(story)


def test_too_long():
    """What lasts too long is broken off on time, and the task goes on."""

    async def story(clock):
        with pytest.raises(TimeoutError):
            async with deadline(clock, 5 * SECOND):
                await asyncio.get_running_loop().create_future()
        assert 5 * SECOND == clock.now()
        assert 0 == asyncio.current_task().cancelling()
        await clock.sleep(SECOND)
        return clock.now()

    assert 6 * SECOND == run(story)


def test_its_own_errors():
    """An error from inside is that error."""

    async def story(clock):
        with pytest.raises(KeyError):
            async with deadline(clock, SECOND):
                raise KeyError
        await clock.sleep(2 * SECOND)

    run(story)


@pytest.mark.parametrize("when", [1, 5])
def test_canceled_from_elsewhere(when):
    """A cancel that somebody else asked for stays one, even at the very deadline."""

    async def story(clock):
        async def wait():
            async with deadline(clock, 5 * SECOND):
                await asyncio.get_running_loop().create_future()

        task = asyncio.ensure_future(wait())
        clock.call_at(when * SECOND, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    run(story)
