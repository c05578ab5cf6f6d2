"""Dead-man switches at the venues: timers and a protected stream, played on this machine."""

import asyncio
from decimal import Decimal

import ccxt
import pytest

from rebalancer.core.commands import TimeInForce
from rebalancer.core.events import Ending, OrderAccepted, OrderEnded, OrderRejected
from rebalancer.core.orders import Order, OrderState, note
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.outcome import KeyRefused
from tests.venues.guarded import HOUSES, WINDOW, guarded, guarded_at

D = Decimal
VENUES = tuple(HOUSES)
TIMERS = ("binanceusdm", "binancecoinm", "okx")
every_venue = pytest.mark.parametrize("venue", VENUES)


@pytest.mark.proves("binanceusdm", "dead_man", "loopback")
@pytest.mark.proves("binancecoinm", "dead_man", "loopback")
@pytest.mark.proves("okx", "dead_man", "loopback")
@pytest.mark.proves("bybit", "dead_man", "loopback")
@every_venue
async def test_silence_takes_it_away(venue):
    """What rests stays while the loop is well, and goes a window after it hangs; a fact then."""
    async with guarded(venue) as found:
        assert isinstance(await found.venue.submit(found.order()), OrderRejected)
        assert [] == found.loopback.place.orders(found.house.account)
        assert isinstance(await found.rest(), OrderAccepted)
        await found.windows(1.5)
        assert "open" == found.state()
        found.well = False
        await found.windows(1.6)
        assert "cancelled" == found.state()
        assert not found.switch.armed
        (_, end) = await found.told()

    assert isinstance(end, OrderEnded)
    assert (Ending.CANCELED, 0) == (end.how, end.filled)
    assert ["switch.armed", "switch.lost"] == found.names[:2]


@every_venue
async def test_a_process_that_is_gone(venue):
    """Killed, it says nothing more; who starts next reads that its order was taken away.

    What the journal has as resting is over then, with nothing left to count as pending.
    """
    async with guarded(venue) as found:
        accepted = await found.rest()
        known = Order(found.order(), OrderState.SENDING, found.clock.now(), 1.0)
        known = note(known, accepted)
        await _die(found)
        await found.windows(0.5)
        assert "open" == found.state()
        await found.windows(1)
        assert "cancelled" == found.state()
        async with guarded_at(found.house, found.loopback, found.clock) as again:
            again.line.sent.remember(known)
            assert found.house.quantity == known.rest
            for event in await again.told():
                known = note(known, event)
            shelf = await again.venue.resting()

    assert (OrderState.CANCELED, 0, False) == (known.state, known.rest, known.open)
    assert () == tuple(shelf.orders)


async def _die(found):
    """End what keeps the switch without a word to the venue, as a kill does."""
    found.switch.release = found.switch.lapse  # which sends nothing
    await found.tasks.close()


@every_venue
async def test_an_orderly_end(venue):
    """Once our orders are cancelled it lets go: a timer is stopped, and others' orders stay."""
    async with guarded(venue) as found:
        await found.rest()
        found.foreign()
        await found.cancel()
        await found.tasks.close()
        await found.windows(1.5)
        others = found.state("else")

    assert ("open" if venue in TIMERS else "cancelled") == others  # Bybit's is turned off by Bybit
    assert ["switch.armed"] == found.names


@every_venue
async def test_an_end_with_an_order(venue):
    """A daemon that ends while its order rests leaves it to the venue, which takes it away."""
    async with guarded(venue) as found:
        await found.rest()
        await found.tasks.close()
        assert "open" == found.state()
        await found.windows(1.2)
        assert "cancelled" == found.state()

    assert "switch.left" == found.names[-1]


@every_venue
async def test_a_refused_winding(venue):
    """Refused from some time on it is soon not armed, is said, and nothing may rest any more."""
    async with guarded(venue) as found:
        await found.rest()
        plan = Plan(Kind.CODE, found.house.winding, code=_CODES[venue], times=100)
        found.loopback.script.add(plan)
        await found.until(lambda: "switch.lost" in found.names)
        assert not found.switch.armed
        refused = await found.venue.submit(found.order("rb02"))
        assert isinstance(refused, OrderRejected)
        assert "is not armed" in refused.reason
        hasty = found.order("rb03", time_in_force=TimeInForce.IOC)
        assert isinstance(await found.venue.submit(hasty), OrderAccepted)
        await found.windows(2)
        assert "cancelled" == found.state()
        assert not found.loopback.place.orders(found.house.account, "rb02")

    assert ["switch.armed", "switch.lost"] == found.names[:2]


_CODES = {"binanceusdm": -1130, "binancecoinm": -1130, "okx": 51000, "bybit": 10001}


@every_venue
async def test_a_lost_connection(venue):
    """An outage shorter than the window takes nothing away, and it is wound up again after it."""
    async with guarded(venue) as found:
        await found.rest()
        before = found.asked()
        found.loopback.script.add(Plan(Kind.DROP_BEFORE, found.house.winding, times=1))
        for line in list(found.loopback.server.lines):
            line.cut()
        await found.windows(2)
        assert "open" == found.state()
        assert found.asked() >= before + 4
        assert found.switch.armed


@pytest.mark.parametrize("venue", ["binanceusdm", "binancecoinm"])
async def test_one_by_one(venue):
    """A timer of one symbol leaves the orders of others where they are."""
    async with guarded(venue) as found:
        await found.rest()
        refused = await found.venue.submit(found.order("rb02", instrument=found.house.other))
        assert isinstance(refused, OrderRejected)
        assert f"is not for {found.house.other}" in refused.reason
        found.foreign(found.house.other, D(3_000))
        await _die(found)
        await found.windows(1.2)
        assert ["cancelled", "open"] == [found.state(), found.state("else")]


async def test_a_whole_account():
    """OKX counts the account down: what others have there goes too."""
    async with guarded("okx") as found:
        await found.rest()
        found.foreign(found.house.other)
        await _die(found)
        await found.windows(1.2)
        assert ["cancelled", "cancelled"] == [found.state(), found.state("else")]


@pytest.mark.parametrize(
    ("venue", "window"),
    [("okx", 9 * SECOND), ("okx", 121 * SECOND), ("bybit", 2 * SECOND), ("bybit", 301 * SECOND)],
)
async def test_a_window_that_the_venue_refuses(venue, window):
    """The venue refuses a span out of its bounds, and nothing counts as armed."""
    async with guarded(venue, window) as found:
        with pytest.raises(Unavailable, match="refused"):
            await found.switch.arm()
        assert not found.switch.armed


async def test_protection_that_nobody_applied_for():
    """Where Bybit has not turned it on for the account, nothing may rest."""
    async with guarded("bybit") as found:
        del found.loopback.host.desk.protected["DERIVATIVES"]
        with pytest.raises(Unavailable, match="refused"):
            await found.switch.arm()
        assert not found.switch.armed
        assert [] == found.loopback.server.lines


@pytest.mark.parametrize(("code", "final"), [(10003, True), (10016, False)])
async def test_protection_whose_login_is_refused(code, final):
    """Only a word about the key is a refusal of it, after which nobody asks for long."""
    async with guarded("bybit") as found:
        found.loopback.script.add(Plan(Kind.CODE, "ws/auth", code=code))
        with pytest.raises(Unavailable, match="refused our login") as raised:
            await found.switch.arm()
        assert final == isinstance(raised.value, KeyRefused)
        assert not found.switch.armed


async def test_protection_that_takes_its_time():
    """A setting that is not read back at once is asked for again until it is."""
    async with guarded("bybit", 20 * SECOND) as found:
        desk = found.loopback.host.desk
        assert 10 == desk.protected["DERIVATIVES"]
        await found.switch.arm()
        assert 20 == desk.protected["DERIVATIVES"]
        assert 10 == desk.protected["SPOT"]  # nothing of ours rests there


async def test_a_stream_that_says_nothing():
    """A protected stream that is not pinged is cut by Bybit, and counts as gone."""
    async with guarded("bybit") as found:
        found.well = False
        await found.switch.arm()
        await found.venue.submit(found.order())
        await found.clock.sleep(29 * SECOND)
        assert found.switch._guardian.open
        assert "open" == found.state()
        await found.clock.sleep(SECOND + WINDOW // 2)
        assert not found.switch._guardian.open
        assert "open" == found.state()
        await found.windows(0.6)
        assert "cancelled" == found.state()


async def test_another_stream_that_watches():
    """What any of two streams watches over stays until both are gone."""
    async with guarded("bybit") as found:
        await found.rest()
        async with guarded_at(found.house, found.loopback, found.clock) as other:
            await other.switch.arm()
            await _die(found)
            await asyncio.sleep(0)
            for _ in range(5):
                await other.windows(0.3)
                assert await other.switch.renew(healthy=True)
            assert "open" == found.state()
            await _die(other)
            await other.windows(1.2)
        assert "cancelled" == found.state()


@pytest.mark.parametrize(
    ("venue", "params", "code"),
    [
        ("binanceusdm", {"symbol": "BTCUSDT", "countdownTime": -1}, "-1130"),
        ("binanceusdm", {"symbol": "BTCUSDT", "countdownTime": "1.5"}, "-1130"),
        ("binanceusdm", {"symbol": "BTCUSDT"}, "-1102"),
        ("binancecoinm", {"symbol": "NONE_PERP", "countdownTime": 5_000}, "-1121"),
        ("okx", {"timeOut": "9"}, "51000"),
        ("okx", {"timeOut": "1e9"}, "51000"),
        ("okx", {}, "51000"),
        ("bybit", {"product": "DERIVATIVES", "timeWindow": 2}, "10001"),
        ("bybit", {"product": "FUTURES", "timeWindow": 10}, "10001"),
        ("bybit", {"product": "DERIVATIVES"}, "10001"),
    ],
)
async def test_what_a_played_venue_refuses(venue, params, code):
    """A span, a symbol or a product that is none is refused, and no timer runs."""
    async with guarded(venue) as found:
        call = found.line.profile.dead_man.arm
        with pytest.raises(ccxt.BaseError, match=code):
            await getattr(found.line.connection.exchange, call)(params)
        assert {} == found.loopback.host.desk.timers._running


@pytest.mark.parametrize(("venue", "params"), [("okx", {}), ("bybit", {"product": "DERIVATIVES"})])
async def test_as_ccxt_calls_it(venue, params):
    """Ccxt's own call, where it has one, is understood: 20 seconds, and at OKX 0 for never."""
    async with guarded(venue) as found:
        exchange, desk = found.line.connection.exchange, found.loopback.host.desk
        await exchange.cancel_all_orders_after(20_000, params)
        if venue == "bybit":
            assert 20 == desk.protected["DERIVATIVES"]
            return
        assert [(found.house.account, "")] == list(desk.timers._running)
        await exchange.cancel_all_orders_after(0, params)
        assert {} == desk.timers._running
