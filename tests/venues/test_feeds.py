"""Feeds: every item at its own time, the model first, then the daemon."""

import asyncio

import pytest

from rebalancer.core.events import Mark
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.venues.feeds import ReplayFeed, StepFeed
from tests.venues.fair import LINEAR, START, D


class Market:
    """A market that passes on what it is told, with the time at which it was told."""

    def __init__(self, clock):
        self.clock = clock

    def move(self, ts, item, deliver):
        deliver((ts - START, self.clock.now() - START, item))

    def judge(self, ts, deliver):
        pass


def run(make, seconds=None, speed=0.0):
    """Run a feed for some market time, or to its end; return what it delivered."""
    clock, seen = MarketClock(START, speed), []

    async def main():
        task = asyncio.ensure_future(make(Market(clock), clock).run(seen.append))
        if seconds is not None:
            await clock.sleep(seconds * SECOND)
            task.cancel()
        await asyncio.wait([task])
        return None if task.cancelled() else task.exception()

    error = run_market(clock, main())
    return seen, error


@pytest.mark.parametrize("speed", [0.0, 500.0])
def test_replay(speed):
    """Items come at their time, those of one instant in their order; then the feed ends."""
    items = [(START, "a"), (START, "b"), (START + 5 * SECOND, "c"), (START + 5 * SECOND, "d")]
    told = []

    def make(market, clock):
        return ReplayFeed(iter(items), market, clock, told.append)

    seen, error = run(make, speed=speed)

    assert [(ts - START, ts - START, item) for ts, item in items] == seen
    assert [START + 5 * SECOND] == told
    assert error is None


def test_replay_reads_no_further():
    """Nothing is read before its predecessor was delivered: there is no looking ahead."""
    read = []

    def items():
        for second in (1, 2, 3):
            read.append(second)
            yield START + second * SECOND, second

    seen, _ = run(lambda market, clock: ReplayFeed(items(), market, clock), seconds=1.5)

    assert [1] == [item for _, _, item in seen]
    assert [1, 2] == read


def test_replay_of_the_past():
    """What lies before the clock is not waited for."""
    items = [(START - SECOND, "old"), (START + SECOND, "new")]
    seen, _ = run(lambda market, clock: ReplayFeed(items, market, clock))

    assert [(-SECOND, 0, "old"), (SECOND, SECOND, "new")] == seen


def test_steps():
    """Steps come on their grid, the first at once, for as long as anybody listens."""

    def advance(ts):
        return [Mark(ts, ts, LINEAR.id, D(1)), "more"]

    seen, _ = run(lambda market, clock: StepFeed(advance, SECOND, market, clock), seconds=3.5)

    assert [0, 0, SECOND, SECOND, 2 * SECOND, 2 * SECOND, 3 * SECOND, 3 * SECOND] == [
        ts for ts, _, _ in seen
    ]
    assert all(ts == now for ts, now, _ in seen)


@pytest.mark.parametrize("kind", ["step", "replay"])
def test_broken_source(kind):
    """What a source dies of comes out of its feed."""

    def broken(ts=None):
        yield from ()
        raise LookupError("disk")

    def make(market, clock):
        if kind == "step":
            return StepFeed(broken, SECOND, market, clock)
        return ReplayFeed(broken(), market, clock)

    _, error = run(make)

    assert isinstance(error, LookupError)
