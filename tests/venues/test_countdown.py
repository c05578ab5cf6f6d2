"""A timer at the venue: wound up by a healthy loop, or nothing may rest there."""

from types import SimpleNamespace

import pytest

from rebalancer.core.commands import TimeInForce
from rebalancer.errors import Unavailable
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.venues.countdown import Countdown
from rebalancer.venues.dead_man import COUNTED, EVERY, DeadManKeeper, DeadManSwitch
from rebalancer.venues.profiles import BINANCE_USDM, OKX
from tests.runtime.stage import Lines
from tests.venues.loopback import order

BINANCE_SAYS = {"symbol": "BTCUSDT", "countdownTime": "60000"}
OKX_SAYS = {"code": "0", "data": [{"triggerTime": "1587971460000", "tag": "", "ts": "1"}]}


class Asked:
    """An exchange that answers a call as it is told, and keeps what it was asked."""

    def __init__(self, call, told):
        self.told, self.asked = told, []
        setattr(self, call, self._answer)

    async def _answer(self, params):
        self.asked.append(params)
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


def switch_of(profile, told, names=("BTCUSDT", "ETHUSDT")):
    """Return a switch with its timer at a venue, the exchange and the clock."""
    exchange, clock = Asked(profile.dead_man.arm, told), MarketClock(0)
    connection = SimpleNamespace(venue=profile.venue, exchange=exchange)
    countdown = Countdown(connection, profile.dead_man, names)
    return DeadManSwitch(profile, None, clock, countdown), exchange, clock


@pytest.mark.parametrize(
    ("profile", "told", "asked"),
    [
        (
            BINANCE_USDM,
            BINANCE_SAYS,
            [
                {"symbol": "BTCUSDT", "countdownTime": 60_000},
                {"symbol": "ETHUSDT", "countdownTime": 60_000},
            ],
        ),
        (OKX, OKX_SAYS, [{"timeOut": "60"}]),
    ],
)
@pytest.mark.proves("okx", "dead_man", "documented")
@pytest.mark.proves("binanceusdm", "dead_man", "documented")
def test_wound_up(profile, told, asked):
    """One venue counts each instrument down, the other the account; both say so."""
    switch, exchange, clock = switch_of(profile, told)
    run_market(clock, switch.arm())

    assert switch.armed
    assert asked == exchange.asked
    assert switch.refusal(order(time_in_force=TimeInForce.GTC)) is None


@pytest.mark.parametrize(
    "told",
    [
        {},
        None,
        {"countdownTime": "0"},
        {"countdownTime": ""},
        {"code": "0", "data": []},
        RuntimeError("no answer"),
    ],
)
@pytest.mark.parametrize("profile", [BINANCE_USDM, OKX])
def test_not_wound_up(profile, told):
    """An answer that does not say until when is none, and nothing that rests may leave."""
    switch, _, clock = switch_of(profile, told)

    async def story():
        with pytest.raises(Unavailable):
            await switch.arm()

    run_market(clock, story())

    assert not switch.armed
    assert "is not armed" in switch.refusal(order(time_in_force=TimeInForce.GTC))
    assert switch.refusal(order(time_in_force=TimeInForce.IOC)) is None


def test_renewed_by_a_healthy_loop():
    """It is wound up again every 15 s; a loop that is sick lets it run down, sooner than there."""
    switch, exchange, clock = switch_of(OKX, OKX_SAYS)

    async def story():
        await switch.arm()
        for _ in range(8):
            await clock.sleep(EVERY)
            assert await switch.renew(healthy=True)
        asked = len(exchange.asked)
        await clock.sleep(COUNTED)
        assert not await switch.renew(healthy=False)
        assert asked == len(exchange.asked)

    run_market(clock, story())

    assert 9 == len(exchange.asked)
    assert switch.exposed


def test_stopped_in_order():
    """A switch that is released stops the timer: what others have resting there stays."""
    switch, exchange, clock = switch_of(BINANCE_USDM, BINANCE_SAYS, ("BTCUSDT",))

    async def story():
        await switch.arm()
        await switch.release()

    run_market(clock, story())

    assert {"symbol": "BTCUSDT", "countdownTime": "0"} == exchange.asked[-1]
    assert not switch.armed


def test_left_alone_while_nothing_rests():
    """Nobody winds up a timer for a book that sends nothing that rests."""
    switch, exchange, clock = switch_of(OKX, OKX_SAYS)
    keeper = DeadManKeeper(switch, "okx", clock, None, Lines(), lambda: True)

    async def story():
        failures = []
        tasks = TaskRegistry(failures.append)
        tasks.spawn("keeper", keeper.run(None))
        await clock.sleep(EVERY * 100)
        await tasks.close()
        assert [] == failures

    run_market(clock, story())

    assert not switch.kept
    assert [] == exchange.asked
