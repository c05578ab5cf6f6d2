"""The native feed against the loopback Deribit, whose protocol was spelt out independently."""

import asyncio
import contextlib
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.events import (
    FeedStatus,
    Fill,
    FundingRate,
    Index,
    Mark,
    OptionMark,
    OrderEnded,
    Quote,
    Trade,
)
from rebalancer.exchange.orders import TimeInForce
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.models import Mode, Venue
from rebalancer.simulation.accounts import Asked
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.connection import connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.deribit.channels import Wanted
from rebalancer.venues.deribit.stream import Access, DeribitStream, Patience
from rebalancer.venues.deribit.told import Taps
from rebalancer.venues.generic.life import Watch
from rebalancer.venues.generic.stream import CcxtFeed
from rebalancer.venues.native import NativeFeed, Pace, Ports
from tests.simulation.fair import ACCOUNT, CALL, KEY, PERP, fair, step_of
from tests.venues.deribit_frames import Lines, kinds

D = Decimal
MS = SECOND // 1000
NAMES = Wanted(("BTC-PERPETUAL",), (CALL.partition(":")[2],))
TICKER, INDEX = "ticker.BTC-PERPETUAL.100ms", "deribit_price_index.btc_usd"
PACE = Pace(dial=1.0, ping=0.3, silent=700 * MS, judge=50 * MS)
PATIENCE = Patience(heartbeat=10, answer=700 * MS, frozen=400 * MS)


class Desk:
    """A feed of the loopback, and its market."""

    def __init__(self, loopback, wanted=NAMES, pace=PACE):
        self.loopback, self.events, self.reasons, self.failures = loopback, [], [], []
        self.depths, self.margins, self.log, self.clock = [], [], Lines(), WallClock()
        self.tasks = TaskRegistry(self.failures.append)
        access = Access(ACCOUNT, lambda: (KEY.client_id, KEY.secret))
        taps = Taps(
            lambda now, depth: self.depths.append(depth),
            lambda now, margin: self.margins.append(margin),
        )
        self.stream = DeribitStream(wanted, self.log, access, taps, PATIENCE)
        ports = Ports(self.clock, self.tasks, SeededRandomness(7), self.log)
        self.feed = NativeFeed(self.stream, ports, loopback.address, self.reasons.append, pace)
        self.tasks.spawn("feed", self.feed.run(self.events.append))
        self.moves, self.moving, self.quiet = 0, True, False
        self.tasks.spawn("market", self.market())

    async def market(self):
        """Move every price every 50 ms."""
        while True:
            if self.moving:
                self.moves += 0 if self.quiet else 1
                now = self.clock.now()
                step = step_of(now, D(self.moves), trades=((PERP, D(100_000), D(10)),))
                indexes = tuple(
                    replace(each, price=each.price + self.moves) for each in step.indexes
                )
                self.loopback.place.tell(replace(step, indexes=indexes))
            await asyncio.sleep(0.05)

    async def until(self, condition, within=2.7):
        """Wait for something to become true; return the seconds that it took."""
        began = time.monotonic()
        while not condition():
            spent = time.monotonic() - began
            assert spent < within, (kinds(self.events)[-5:], self.log.lines, self.failures)
            await asyncio.sleep(0.005)
        return time.monotonic() - began

    def statuses(self):
        return [each.alive for each in self.events if isinstance(each, FeedStatus)]

    def lines(self):
        return [event for event, _ in self.log.lines if event != "feed.connected"]


@contextlib.asynccontextmanager
async def at_work(wanted=NAMES, pace=PACE):
    async with fair() as loopback:
        desk = Desk(loopback, wanted, pace)
        try:
            await desk.until(lambda: Mark in kinds(desk.events) and desk.stream.live)
            yield desk
        finally:
            await desk.tasks.close()
            assert [] == desk.failures


@pytest.mark.proves("deribit", "market", "loopback")
@pytest.mark.proves("deribit", "options", "loopback")
@pytest.mark.trap("greeks-have-no-stream", "deribit")
async def test_all_that_a_book_needs():
    """Two readings of the protocol meet: every kind of event comes, nothing is refused."""
    async with at_work() as desk:
        needed = {Quote, Mark, Index, FundingRate, Trade, OptionMark}
        await desk.until(lambda: needed <= set(kinds(desk.events)) and desk.depths)

        assert [] == desk.stream.counts.dropped
        assert (0, 0) == (desk.stream.counts.refused, desk.stream.counts.unknown)
        assert [] == desk.lines()


@pytest.mark.proves("deribit", "account", "loopback")
async def test_account_events_in_their_order():
    """An order's life is told whole: taken, executed, ended; with margins beside it."""
    async with at_work() as desk:
        for number in range(5):
            asked = Asked(ACCOUNT, PERP, D(10), None, TimeInForce.IOC, label=f"mine-{number}")
            desk.loopback.place.submit(asked)
        await desk.until(lambda: kinds(desk.events).count(OrderEnded) == 5 and desk.margins)

        fills = [each for each in desk.events if isinstance(each, Fill)]
        ends = [each for each in desk.events if isinstance(each, OrderEnded)]
        names = [f"mine-{number}" for number in range(5)]
        assert names == list(dict.fromkeys(each.client_order_id for each in fills))
        assert names == [each.client_order_id for each in ends]
        assert D(50) == sum(each.quantity for each in fills)
        assert {D(10)} == {each.filled for each in ends}
        assert {D(50)} == set(desk.loopback.place.positions(ACCOUNT).values())


async def test_generic_feed():
    """The generic feed hears the same fills through ccxt's own class."""
    async with fair() as loopback:
        events, failures = [], []
        tasks, settings = TaskRegistry(failures.append), Venue(loopback=loopback.address)
        credentials = Credentials(Secret(KEY.client_id), Secret(KEY.secret))
        ports = Ports(WallClock(), tasks, SeededRandomness(7), Lines())
        streams = (Watch("watch_my_trades", private=True), Watch("watch_ticker", ("BTC/USD:BTC",)))

        def opened(kind):
            return connect("deribit", settings, Mode.LIVE, credentials, None, kind)

        feed = CcxtFeed("deribit", opened, streams, ports)
        tasks.spawn("feed", feed.run(events.append))
        try:
            await _until(lambda: Quote in kinds(events) and Mark in kinds(events))
            await asyncio.sleep(0.1)
            for number in range(5):
                order = Asked(ACCOUNT, PERP, D(10), None, TimeInForce.IOC, label=f"mine-{number}")
                loopback.place.submit(order)
            await _until(lambda: kinds(events).count(Fill) >= 5)
            fills = [each for each in events if isinstance(each, Fill)]
            assert [f"mine-{number}" for number in range(5)] == [x.client_order_id for x in fills]
        finally:
            await tasks.close()
            assert [] == failures


async def _until(condition):
    async with asyncio.timeout(2.5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.proves("deribit", "books", "loopback")
@pytest.mark.trap("book-without-a-chain", "deribit")
async def test_chained_book():
    """Changes chain; one that is lost on its way brings the book anew, and nothing else."""
    wanted = Wanted(("BTC-PERPETUAL",), book="100ms")
    async with at_work(wanted) as desk:
        await desk.until(lambda: len(desk.depths) > 3)
        desk.loopback.script.add(Plan(Kind.LOSE, "book.*"))
        await desk.until(lambda: desk.stream.counts.gaps == 1)
        seen = len(desk.depths)
        await desk.until(lambda: len(desk.depths) > seen + 3)

        assert 0 == desk.feed.rebuilt


@pytest.mark.parametrize("kind", [Kind.GARBAGE, Kind.DUPLICATE, Kind.REORDER])
@pytest.mark.trap("bad-frame-ends-the-loop", "deribit")
async def test_faults_that_cost_nothing(kind):
    """Garbage is counted, old words are dropped; the stream goes on."""
    async with at_work() as desk:
        desk.loopback.script.add(Plan(kind, "*", times=5))
        await desk.until(lambda: len(desk.loopback.script.struck(kind)) == 5)
        seen = len(desk.events)
        await desk.until(lambda: len(desk.events) > seen + 20)

        assert 0 == desk.feed.rebuilt
        assert (5 if kind is Kind.GARBAGE else 0) == desk.stream.counts.refused
        stamps = [each.ts_venue for each in desk.events if isinstance(each, Quote)]
        assert sorted(stamps) == stamps


@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.CUT])
@pytest.mark.trap("reconnect-is-a-gap", "deribit")
async def test_lost_connections(kind):
    """Lost and back are told once, within a second, and the account must be reconciled."""
    async with at_work() as desk:
        desk.loopback.script.add(Plan(kind, TICKER))
        await desk.until(lambda: False in desk.statuses())
        spent = await desk.until(lambda: True in desk.statuses())

        assert spent < 1
        assert [False, True] == desk.statuses()
        assert 1 == len(desk.reasons)


async def test_refused_dials():
    """A venue that takes no socket is dialled until it does."""
    async with at_work() as desk:
        desk.loopback.script.add(Plan(Kind.REFUSE, "connect", times=2), Plan(Kind.CUT, TICKER))
        await desk.until(lambda: True in desk.statuses())

        assert 2 == len(desk.loopback.script.struck(Kind.REFUSE))
        assert [False, True] == desk.statuses()


@pytest.mark.parametrize("kind", [Kind.STALL, Kind.FREEZE])
@pytest.mark.parametrize("channel", [TICKER, INDEX])
@pytest.mark.proves("deribit", "standstill", "loopback")
@pytest.mark.trap("pongs-without-data", "deribit")
async def test_standstill(kind, channel):
    """One channel stands still, others move, heartbeats go on: found, renewed, told."""
    async with at_work() as desk:
        desk.loopback.script.add(Plan(kind, channel, times=None))
        await desk.until(lambda: "feed.stale" in desk.lines())
        assert channel in str(desk.log.lines)
        await desk.until(lambda: False in desk.statuses())
        desk.loopback.script.clear()
        await desk.until(lambda: True in desk.statuses())


async def test_quiet_market():
    """Nothing moves: no alarm, no new socket, whether words are repeated or none come."""
    pace = Pace(dial=1.0, ping=0.3, silent=60 * SECOND, judge=50 * MS)
    async with at_work(pace=pace) as desk:
        desk.quiet = True
        await asyncio.sleep(1)
        desk.moving = False
        await asyncio.sleep(1.2)

        assert [] == desk.lines()
        assert 0 == desk.feed.rebuilt


@pytest.mark.trap("frozen-peer", "deribit")
async def test_half_open_socket():
    """A peer that takes everything and answers nothing is given up."""
    async with at_work() as desk:
        desk.loopback.script.add(Plan(Kind.HALF_OPEN, "connect"), Plan(Kind.CUT, TICKER))
        await desk.until(lambda: desk.feed.rebuilt >= 2)
        await desk.until(lambda: True in desk.statuses())

        assert [False, True] == desk.statuses()
