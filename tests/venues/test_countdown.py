"""A timer at the venue: wound up by a healthy loop, or nothing may rest there."""

from types import SimpleNamespace

import pytest

from rebalancer.core.commands import TimeInForce
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.venues.backoff import Backoff
from rebalancer.venues.countdown import Countdown
from rebalancer.venues.dead_man import ALARM, COUNTED, EVERY, DeadManKeeper, DeadManSwitch
from rebalancer.venues.profiles import BINANCE_COINM, BINANCE_USDM, OKX
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


async def nothing():
    """Say that none of our orders rests."""
    return ()


def resting(profile, **changes):
    """Return an order of a venue that may rest."""
    kept = {"time_in_force": TimeInForce.GTC, "instrument": f"{profile.venue}:BTCUSDT"}
    return order(**kept | changes)


def switch_of(profile, told, names=("BTCUSDT", "ETHUSDT"), left=nothing, window=None):
    """Return a switch with its timer at a venue, the exchange and the clock."""
    exchange, clock = Asked(profile.dead_man.arm, told), MarketClock(0)
    connection = SimpleNamespace(venue=profile.venue, exchange=exchange)
    countdown = Countdown(connection, profile.dead_man, names, window)
    return DeadManSwitch(profile, None, clock, countdown, left), exchange, clock


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
        (BINANCE_COINM, BINANCE_SAYS, [{"symbol": "BTCUSD_PERP", "countdownTime": 60_000}]),
        (OKX, OKX_SAYS, [{"timeOut": "60"}]),
    ],
)
@pytest.mark.proves("okx", "dead_man", "documented")
@pytest.mark.proves("binanceusdm", "dead_man", "documented")
@pytest.mark.proves("binancecoinm", "dead_man", "documented")
@pytest.mark.trap("X04", "binanceusdm", "okx")
def test_wound_up(profile, told, asked):
    """One venue counts each instrument down, the other the account; both say so."""
    names = [each.get("symbol") for each in asked]
    switch, exchange, clock = switch_of(profile, told, names)
    run_market(clock, switch.arm())

    assert switch.armed
    assert asked == exchange.asked
    own = f"{profile.venue}:{names[0] or 'BTC-USDT-SWAP'}"
    assert switch.refusal(resting(profile, instrument=own)) is None


@pytest.mark.parametrize(
    "told",
    [
        {},
        None,
        {"countdownTime": "0"},
        {"countdownTime": ""},
        {"countdownTime": "6000"},  # another span than ours
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
    assert "is not armed" in switch.refusal(resting(profile))
    assert switch.refusal(resting(profile, time_in_force=TimeInForce.IOC)) is None


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

    assert {"symbol": "BTCUSDT", "countdownTime": 0} == exchange.asked[-1]
    assert not switch.armed


def _left(*names, error=None):
    async def left():
        if error is not None:
            raise error
        return names

    return left


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (_left("rb01", "rb02"), "rb01, rb02 may rest"),
        (_left(error=Unavailable("okx did not answer")), "okx did not answer"),
        (None, "nobody knows whether orders of ours rest"),
    ],
)
def test_not_stopped_while_ours_rest(left, why):
    """What may still rest keeps its timer, which takes it away: nobody is there to do it."""
    switch, exchange, clock = switch_of(OKX, OKX_SAYS, left=left)

    async def story():
        await switch.arm()
        return await switch.release()

    assert why == run_market(clock, story())
    assert [{"timeOut": "60"}] == exchange.asked


def test_never_wound_never_stopped():
    """A timer that this start did not wind up is somebody else's; one in doubt is stopped."""
    switch, exchange, clock = switch_of(OKX, RuntimeError("no answer"))

    async def story():
        assert await switch.release() is None
        assert [] == exchange.asked
        with pytest.raises(Unavailable):
            await switch.arm()
        exchange.told = OKX_SAYS
        assert await switch.release() is None

    run_market(clock, story())

    assert {"timeOut": "0"} == exchange.asked[-1]


def test_for_its_instruments_only():
    """Where the venue counts one by one, nothing may rest in what is not counted down."""
    switch, _, clock = switch_of(BINANCE_USDM, BINANCE_SAYS)
    run_market(clock, switch.arm())

    other = resting(BINANCE_USDM, instrument="binanceusdm:SOLUSDT")
    assert "is not for binanceusdm:SOLUSDT" in switch.refusal(other)
    assert switch.refusal(resting(BINANCE_USDM)) is None


def test_for_nothing():
    """A switch for no instrument is none: it does not count as armed without a question."""
    switch, exchange, clock = switch_of(BINANCE_USDM, BINANCE_SAYS, names=())

    async def story():
        with pytest.raises(Unavailable, match="was for none"):
            await switch.arm()

    run_market(clock, story())

    assert not switch.armed
    assert [] == exchange.asked


def test_shorter_window():
    """A shorter window is wound up more often, and holds for three quarters of it."""
    switch, exchange, clock = switch_of(OKX, OKX_SAYS, window=12 * SECOND)

    async def story():
        await switch.arm()
        assert 3 * SECOND == switch.every
        await clock.sleep(9 * SECOND - 1)
        assert switch.armed
        await clock.sleep(1)
        assert not switch.armed

    run_market(clock, story())

    assert [{"timeOut": "12"}] == exchange.asked


def test_an_answer_that_takes_long():
    """The window counts from the question: the venue may have taken it at once."""
    switch, exchange, clock = switch_of(OKX, OKX_SAYS)
    answer = exchange._answer

    async def late(params):
        await clock.sleep(10 * SECOND)
        return await answer(params)

    exchange.privatePostTradeCancelAllAfter = late

    async def story():
        await switch.arm()
        await clock.sleep(COUNTED - 10 * SECOND)
        assert not switch.armed

    run_market(clock, story())


class Kept:
    """A switch with its keeper at work, and what the log heard."""

    def __init__(self, told=OKX_SAYS, left=nothing):
        self.switch, self.exchange, self.clock = switch_of(OKX, told, left=left)
        self.log, self.well = Lines(), True
        waits = Backoff(SeededRandomness(1).generator("backoff"))
        self.keeper = DeadManKeeper(
            self.switch, "okx", self.clock, waits, self.log, lambda: self.well
        )

    @property
    def names(self):
        return [name for _, name, _ in self.log.said]

    def run(self, story):
        async def played():
            failures = []
            tasks = TaskRegistry(failures.append)
            tasks.spawn("keeper", self.keeper.run(None))
            await story()
            await tasks.close()
            assert [] == failures

        run_market(self.clock, played())


def test_armed_when_something_is_to_rest():
    """The first order that may rest is refused and arms the switch; the next one passes."""
    kept, told = Kept(), []

    async def story():
        told.append(kept.switch.refusal(resting(OKX)))
        await kept.clock.sleep(SECOND)
        told.append(kept.switch.refusal(resting(OKX)))
        await kept.clock.sleep(10 * EVERY)
        assert kept.switch.armed

    kept.run(story)

    assert "is not armed" in told[0]
    assert told[1] is None
    assert 12 == len(kept.exchange.asked)  # armed, ten times more, and stopped
    assert ["switch.armed"] == kept.names


def test_a_winding_that_fails():
    """Refused twice it is not armed: the log says so, then alarms; it is armed again."""
    kept = Kept()

    async def story():
        kept.switch.refusal(resting(OKX))
        await kept.clock.sleep(SECOND)
        kept.exchange.told = RuntimeError("no")
        await kept.clock.sleep(3 * EVERY)
        assert not kept.switch.armed
        assert "is not armed" in kept.switch.refusal(resting(OKX))
        assert {"timeOut": "0"} not in kept.exchange.asked  # what rests is to be taken away
        await kept.clock.sleep(3 * ALARM)
        kept.exchange.told = OKX_SAYS
        await kept.clock.sleep(ALARM)
        assert kept.switch.armed

    kept.run(story)

    assert ["switch.armed", "switch.lost", "switch.missing", "switch.armed"] == kept.names
    assert ["info", "warning", "error", "info"] == [level for level, _, _ in kept.log.said]


def test_a_sick_loop_lets_it_run_out():
    """Whoever decides hangs: nobody winds the timer up, and nobody stops it either."""
    kept = Kept()

    async def story():
        kept.switch.refusal(resting(OKX))
        await kept.clock.sleep(SECOND)
        kept.well = False
        await kept.clock.sleep(10 * EVERY)
        assert [{"timeOut": "60"}] == kept.exchange.asked
        assert not kept.switch.armed

    kept.run(story)


def test_an_end_with_orders():
    """A daemon that ends while its orders may rest leaves them to the timer, and says so."""
    kept = Kept(left=_left("rb01"))

    async def story():
        kept.switch.refusal(resting(OKX))
        await kept.clock.sleep(SECOND)

    kept.run(story)

    assert ["switch.armed", "switch.left"] == kept.names
    assert {"timeOut": "0"} not in kept.exchange.asked


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
