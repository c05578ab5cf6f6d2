"""The pulse: exact in market time, honest about a loop that stood still."""

import asyncio
import time

import pytest

from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, WallClock, run_market, run_wall
from rebalancer.runtime.pulse import EVERY, lags, pulse

MS = SECOND // 1000


def test_market_time():
    """A market's clock waits for its loop: nothing is ever late."""
    heard = []

    clock = MarketClock(0)

    async def told():
        task = asyncio.ensure_future(pulse(clock, heard.append))
        await clock.sleep(10 * SECOND + 1)
        task.cancel()

    run_market(clock, told())

    assert [0] * 100 == heard


@pytest.mark.parametrize(
    ("late", "found"),
    [
        (0, [0]),
        (-3, [0]),
        (EVERY - 1, [EVERY - 1]),
        (EVERY, [EVERY, 0]),
        (3 * EVERY + 5, [3 * EVERY + 5, 2 * EVERY + 5, EVERY + 5, 5]),
    ],
)
def test_stall(late, found):
    """A long stall counts for every look that it kept from being made."""
    assert found == list(lags(late, EVERY))


def test_blocked_loop():
    """A loop that is blocked for 350 ms shows it, and the looks that it swallowed."""
    heard = []

    async def main():
        clock = WallClock()
        task = asyncio.ensure_future(pulse(clock, heard.append))
        await clock.sleep(50 * MS)
        time.sleep(0.35)  # noqa: ASYNC251 - that is what is measured
        await clock.sleep(50 * MS)
        task.cancel()

    run_wall(main())

    assert max(heard) >= 250 * MS
    assert len([each for each in heard if each >= 50 * MS]) >= 3
