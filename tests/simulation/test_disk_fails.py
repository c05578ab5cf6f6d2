"""The disk fails beneath a daemon that trades: nothing leaves any more, and a restart knows."""

import asyncio
import time
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.ids import decode
from rebalancer.errors import DataError
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import resolve
from rebalancer.simulation.dress import UID, in_live_dress
from rebalancer.simulation.faults import Deed
from rebalancer.simulation.inquest import Case, Inquest, kept_in
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import seeded_loopback
from rebalancer.simulation.menu import PERP, VENUE, settings_of
from rebalancer.storage.sqlite import connect, open_journal
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.wiring import Surrounding
from rebalancer.wiring.live import live
from tests.runtime.stage import Lines
from tests.storage.disk import Connection, Disk

pytestmark = pytest.mark.waits(10)

CONFIG = Path(__file__).resolve().parents[2] / "config" / "demo-deribit.toml"
NUDGE = Deed(VENUE, PERP, Decimal(-2_000))


@asynccontextmanager
async def venue(path):
    """Yield a loopback, and an inquest of the journal at a path."""
    settings = settings_of(CONFIG)
    keys = [Key("loopback", "loopback", VENUE, UID)]
    loopback = seeded_loopback(settings, resolve(settings), keys, WallClock(), 7)
    inquest = Inquest(Case(loopback.place, VENUE, settings, path))
    await loopback.start()
    try:
        yield loopback, inquest
    finally:
        await loopback.stop()


@asynccontextmanager
async def daemon(loopback, path, connect=connect):
    """Yield a daemon in live dress that trades, and its task; it is stopped if it still runs."""
    settings = in_live_dress(settings_of(CONFIG), {VENUE: loopback.address})
    journal = open_journal(path, 1, connect)
    chance = SeededRandomness(1)
    around = Surrounding(WallClock(), journal, Lines(), None, "test", randomness=chance)
    keys = {VENUE: Credentials(Secret("loopback"), Secret("loopback"))}
    running = await live(settings, resolve(settings), keys, around)
    task = asyncio.create_task(running.daemon.run())
    try:
        await until(lambda: running.engine.state.mode is TradingState.ACTIVE)
        await until(lambda: not running.engine.state.open_orders())
        yield running, task
    finally:
        running.stop.ask()
        await asyncio.wait([task])
        journal.close()


async def until(holds):
    for _ in range(1200):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("must hold in time, did not")


def ours(loopback):
    """Return the labels of our orders at the venue, in order."""
    return [each.asked.label for each in loopback.place.orders(VENUE) if decode(each.asked.label)]


@pytest.mark.parametrize(
    ("what", "error"),
    [("sync", apsw.IOError("fsync failed")), ("write", apsw.FullError("disk full"))],
)
async def test_disk_fails(tmp_path, what, error):
    """The daemon ends with 65 and sends nothing more; the next start finds its way by itself."""
    path, disk = tmp_path / "state" / "journal.sqlite", Disk()
    async with venue(path) as (loopback, inquest):
        async with daemon(loopback, path, lambda path, _: Connection(disk, path)) as (_, task):
            await until(lambda: not inquest.compare().any)
            disk.refuse = (what, 1, error, "-wal")
            struck = ours(loopback)
            loopback.host.interfere(NUDGE, by_hand=True)
            with pytest.raises(DataError, match="the disk refused") as raised:
                await asyncio.wait_for(asyncio.shield(task), 40)
        after = ours(loopback)
        async with daemon(loopback, path):
            await until(lambda: not inquest.compare().any)
        seen = inquest.seen()

    assert 65 == raised.value.exit_code
    assert 1 == disk.struck
    assert struck == after
    assert not seen.any


async def test_disk_is_slow(tmp_path):
    """An order whose intent took so long to reach the disk that it is stale does not leave."""
    path, disk = tmp_path / "state" / "journal.sqlite", Disk()
    async with (
        venue(path) as (loopback, inquest),
        daemon(loopback, path, lambda path, _: Connection(disk, path)) as (running, _),
    ):
        await until(lambda: not inquest.compare().any)
        orders, before = running.engine.state.orders, ours(loopback)
        known = list(orders)
        age = running.engine.params.orders.max_decision_age / 1e9
        disk.slow = lambda: time.sleep(age + 0.2)
        loopback.host.interfere(NUDGE, by_hand=True)
        await until(lambda: len(orders) > len(known) + 1)
        late = [each for each in orders.values() if not each.open][len(known) :]
        after = ours(loopback)
        disk.slow = None
        await until(lambda: not inquest.compare().any)

    assert late
    assert all(each.evidence.startswith("rejected: not sent: decision is") for each in late)
    assert before == after
    assert all(each.submit.client_order_id in kept_in(path).intents for each in late)
