"""Restart: a daemon that fell with an order on its way comes back and finds out by itself."""

import asyncio
from contextlib import asynccontextmanager
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from pathlib import Path

import pytest

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.ids import decode
from rebalancer.core.orders import OrderState
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import resolve
from rebalancer.simulation.dress import UID, differences, in_live_dress
from rebalancer.simulation.faults import Deed, Kind, Plan
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import seeded_loopback
from rebalancer.simulation.menu import PERP, VENUE, settings_of
from rebalancer.simulation.played import PLAYED
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.wiring import Surrounding
from rebalancer.wiring.live import live
from tests.runtime.stage import Lines

pytestmark = pytest.mark.waits(20)

ORDER = PLAYED[VENUE].names.order
CONFIG = Path(__file__).resolve().parents[2] / "config" / "demo-deribit.toml"
DEAF = (  # to orders alone: a daemon that is not told its margin either does not order at all
    Plan(Kind.ERROR_BEFORE, "private/get_[out]*", times=None, code=500),
    Plan(Kind.LOSE, "user.[ot]*", times=None),
)
UP: list = []  # daemons that run; a test that fails half-way leaves one, and no socket of it


@asynccontextmanager
async def venue(*more, listed=()):
    """Yield a loopback and the settings of a book on it.

    Args:
        more: Keys that may log in too.
        listed: What is traded there, and in no setting.
    """
    clock, settings = WallClock(), settings_of(CONFIG)
    key = Key("loopback", "loopback", VENUE, UID)
    loopback = seeded_loopback(
        settings, resolve(settings) | {each.id: each for each in listed}, [key, *more], clock, 7
    )
    await loopback.start()
    try:
        yield loopback, in_live_dress(settings, {VENUE: loopback.address})
    finally:
        while UP:
            await fall(UP[-1])
        await loopback.stop()


async def started(settings, journal, log):
    """Return a daemon in live dress that runs, without anybody who would end it in order."""
    clock = WallClock()
    around = Surrounding(clock, journal, log, None, "test", randomness=SeededRandomness(1))
    keys = {VENUE: Credentials(Secret("loopback"), Secret("loopback"))}
    running = await live(settings, resolve(settings), keys, around)
    running.daemon._start(None)
    UP.append(running)
    return running


async def fall(running):
    """End a daemon as a fall does: nothing is withdrawn, awaited or said."""
    UP.remove(running)
    parts = running.daemon._parts
    parts.dispatch.shut()
    parts.scheduler.close()
    await parts.tasks.close()
    for close in parts.closing:
        await close()


async def until(holds, seconds=40):
    """Return once something holds."""
    for _ in range(seconds * 20):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("must hold in time, did not")


def again(journal):
    """Let the next start have the epoch that follows."""
    journal.epoch += 1
    return journal


def at_rest(running, loopback):
    """Whether a daemon is active, knows every outcome, and agrees with the venue."""
    state = running.engine.state
    active = state.mode is TradingState.ACTIVE
    return active and not state.open_orders() and not differences(running, loopback, VENUE)


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (Plan(Kind.DROP_AFTER, ORDER), OrderState.FILLED),  # it had been bought
        (Plan(Kind.DROP_BEFORE, ORDER), OrderState.ABSENT),  # it never arrived
    ],
)
async def test_fallen_with_an_order_on_its_way(fault, end):
    """The order is taken up as unknown, nothing leaves before its outcome is proved."""
    log = Lines()
    async with venue() as (loopback, settings):
        journal = MemoryJournal()
        first = await started(settings, journal, log)
        await until(lambda: at_rest(first, loopback))
        loopback.script.add(fault, *DEAF)
        await until(lambda: loopback.script.struck(fault.kind), 80)  # prices may dwell in the band
        await asyncio.sleep(0.2)
        (name,) = [each.submit.client_order_id for each in first.engine.state.open_orders()]
        await fall(first)
        loopback.script.clear()

        second = await started(settings, again(journal), log)
        taken_up = second.engine.state.orders[name]
        before = len(loopback.place.orders(VENUE))
        await until(lambda: second.engine.state.orders[name].state is end)
        at_proof = len(loopback.place.orders(VENUE))
        await until(lambda: at_rest(second, loopback))
        labels = [each.asked.label for each in loopback.place.orders(VENUE)]
        await fall(second)

    assert OrderState.UNKNOWN is taken_up.state
    assert before == at_proof
    assert len(labels) == len(set(labels))
    assert 1 <= sum(decode(label).epoch == 1 for label in labels)
    assert {} == second.engine.state.halted
    assert "state.latched" not in log.events()


async def test_traded_while_it_was_down():
    """What was traded by hand meanwhile is told by the venue's archive; nobody has to adopt."""
    log = Lines()
    async with venue() as (loopback, settings):
        journal = MemoryJournal()
        first = await started(settings, journal, log)
        await until(lambda: at_rest(first, loopback))
        await fall(first)
        loopback.host.interfere(Deed(VENUE, PERP, Decimal(-20_000)), by_hand=True)
        await asyncio.sleep(0.2)

        second = await started(settings, again(journal), log)
        await until(lambda: at_rest(second, loopback))
        foreign = log.events().count("fill.foreign")
        state = second.engine.state
        inside = second.engine.standing["BTC"]
        await until(lambda: inside.lower <= second.engine.standing["BTC"].net_delta <= inside.upper)
        await fall(second)

    assert 1 <= foreign
    assert not state.standing.latched


async def test_a_second_start_goes_on():
    """It adopts nothing, and tells what was booked since the first one began."""
    log = Lines()
    async with venue() as (loopback, settings):
        journal = MemoryJournal()
        first = await started(settings, journal, log)
        await until(lambda: at_rest(first, loopback))
        began = journal.get_meta(f"began/{VENUE}")
        await fall(first)

        second = await started(settings, again(journal), log)
        adopts = second.daemon._parts.adopts
        await fall(second)

    assert not adopts
    assert began == journal.get_meta(f"began/{VENUE}")
    assert int(began) > 1_700_000_000 * SECOND


async def test_decimals_are_left_alone():
    """An order through ccxt changes nothing of how everybody else rounds."""
    with localcontext(Context(prec=28, rounding=ROUND_HALF_EVEN)) as mine:
        async with venue() as (loopback, settings):
            running = await started(settings, MemoryJournal(), Lines())
            await until(lambda: loopback.place.orders(VENUE), 80)
            await fall(running)

        assert (28, ROUND_HALF_EVEN) == (mine.prec, mine.rounding)
