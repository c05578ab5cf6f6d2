"""A paper book at a venue that is followed by its profile, as `run` starts one."""

import asyncio
import contextlib
from decimal import Decimal

from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import load, resolve
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.observed import HOUR, observed
from rebalancer.wiring import Surrounding, paper
from tests.runtime.stage import Lines

D = Decimal
MILLISECOND = 1_000_000
STAMP = 500_000 * HOUR  # a whole hour
CONFIG = """
[book]
id = "small"
mode = "paper"

[venues.{venue}]
loopback = "{address}"
leverage = 5
tiers = [[0, 0.01]]
fees = {{ maker = 0.0002, taker = 0.0005 }}
{more}

[underlyings.BTC]
numeraire = "usd"
hedge = ["{hedge}"]
band = {{ kind = "fixed", lower = -0.02, upper = 0.02, reset = 1.0, min_interval = "1s" }}
limits = {{ order = 5, position = 50, net_delta = 2 }}

[limits]
leverage = 50
turnover_per_day = 1e9
loss_per_day = 1e9
drawdown = 1e9

[[holdings]]
instrument = "outside:BTC"
quantity = "{outside}"
role = "outside"

[[holdings]]
instrument = "{venue}:{settle}"
quantity = {cash}
{instrument}
[guards.staleness]
quote = "5s"
index = "5s"
mark = "5s"
"""
INSTRUMENT = """
[[instruments]]
id = "{hedge}"
kind = "perpetual"
underlying = "BTC"
settle = "{settle}"
size = "{size}"
lot = "{lot}"
tick = "{tick}"
{described}
"""


def configured(folder, at, address, **changes):
    """Return the settings of a paper book at a venue; one without a lot is in the catalogue."""
    names = ("hedge", "settle", "lot", "tick", "size", "more")
    told = {
        "venue": at.hedge.partition(":")[0],
        "address": address,
        "described": "",
        "outside": "0.3",
        "cash": 100_000,
        **{name: getattr(at, name) for name in names if hasattr(at, name)},
        **changes,
    }
    told["instrument"] = INSTRUMENT.format(**told) if "lot" in told else ""
    path = folder / "book.toml"
    path.write_text(CONFIG.format(**told))
    return load(path)


@contextlib.asynccontextmanager
async def book_of(at, settings, clock):
    """Yield a paper book that runs, all that it hears, and its log; the venue speaks to it."""
    log, heard, venue = Lines(), [], at.hedge.partition(":")[0]
    instruments, chance = resolve(settings), SeededRandomness(1)
    feed = observed(settings, instruments, clock.now(), chance, log)
    around = Surrounding(clock, MemoryJournal(), log, feed, "paper", randomness=chance)
    running = paper(settings, instruments, {}, around)
    running.engine.observe(lambda event, _decisions: heard.append(event))

    async def speak():
        while True:
            with contextlib.suppress(IndexError, ConnectionError):
                await at.say(clock.now() // MILLISECOND)
            await asyncio.sleep(0.1)

    ending = asyncio.ensure_future(running.daemon.run())
    talking = asyncio.ensure_future(speak())
    try:
        yield running, heard, log
    finally:
        talking.cancel()
        running.stop.ask()
        await asyncio.wait_for(ending, 40)
    assert venue in running.exchanges


async def until(condition, within=20.0):
    """Wait for something to become true; return whether it did."""
    for _ in range(int(within / 0.05)):
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False
