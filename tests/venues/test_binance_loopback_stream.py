"""Binance's feeds over real sockets, against the loopback, spelt independently."""

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
    OrderEnded,
    Quote,
    Trade,
)
from rebalancer.core.figures import OpenInterest
from rebalancer.ports import SECOND
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.models import Mode
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.binance import beside
from rebalancer.venues.binance.beside import ListenKey
from rebalancer.venues.binance.family import FAMILY
from rebalancer.venues.chorus import together
from rebalancer.venues.native import NativeFeed, Ports
from rebalancer.venues.outcome import Refused
from rebalancer.venues.parts import PARTS
from rebalancer.venues.seats import StreamSeat
from rebalancer.venues.wanted import Wanted
from tests.venues.binance_desk import (
    COINM,
    FIRST,
    KEY,
    LISTED,
    SPOT,
    USDM,
    credentials_of,
    desk,
    order,
    step,
)
from tests.venues.deribit_frames import Lines

pytestmark = pytest.mark.waits(20)

D = Decimal
MS = SECOND // 1000
ALL = (USDM, COINM, SPOT)


class Hearing:
    """All sockets of one venue as one feed, and what came of them."""

    def __init__(self, found, quick, listed=1):
        self.found, self.events, self.depths, self.failures = found, [], [], []
        self.reasons, self.log = [], Lines()
        self.tasks = TaskRegistry(self.failures.append)
        names = tuple(each.partition(":")[2] for each in LISTED[found.name][:listed])
        seat = StreamSeat(
            account=found.name,
            wanted=Wanted(names),
            log=self.log,
            mode=Mode.LIVE,
            keys=credentials_of(KEY),
            connection=found.line.connection,
            depth=lambda now, depth: self.depths.append(depth),
        )
        ports = Ports(found.clock, self.tasks, SeededRandomness(7), self.log)
        self.spoken = PARTS[found.name].streams(seat)
        self.feeds = [
            NativeFeed(
                *(each.stream, ports, found.loopback.address, self.reasons.append),
                replace(each.pace, ping=0.3, judge=50 * MS) if quick else each.pace,
                each.way,
            )
            for each in self.spoken
        ]
        feed = together(found.name, self.feeds, self.tasks)
        self.tasks.spawn("feed", feed.run(self.events.append))

    def of(self, kind):
        return [each for each in self.events if isinstance(each, kind)]

    def said(self):
        """Return the names of the log's lines."""
        return [event for event, _ in self.log.lines]

    async def until(self, holds, seconds=30.0):
        """Wait until something holds, while the market goes on."""
        end, move = time.monotonic() + seconds, 0
        while not holds():
            assert time.monotonic() < end, f"never: {[e.counts for e in self._markets()]}"
            move += 1
            self.found.loopback.place.tell(
                step(self.found.name, self.found.loopback.place.now(), move % 7)
            )
            await asyncio.sleep(0.05)

    def _markets(self):
        return [each.stream for each in self.spoken if hasattr(each.stream, "counts")]

    @property
    def live(self):
        return all(each.connected for each in self.feeds) and all(
            each.stream.live for each in self.spoken
        )


@contextlib.asynccontextmanager
async def hearing(venue, quick=True, names=1):
    """Yield a desk whose feeds run."""
    async with desk(venue) as found:
        heard = Hearing(found, quick, names)
        try:
            await heard.until(lambda: heard.live)
            yield heard
        finally:
            await heard.tasks.close()
    assert [] == heard.failures


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.proves("binanceusdm", "market", "loopback")
@pytest.mark.proves("binancecoinm", "market", "loopback")
@pytest.mark.proves("binance", "market", "loopback")
@pytest.mark.trap("mark-is-not-in-the-ticker", "binanceusdm", "binancecoinm", "binance")
@pytest.mark.trap("binance-ticker-has-no-touch", "binanceusdm", "binancecoinm", "binance")
async def test_market(venue):
    """Quotes, trades, index, and of a contract mark, funding and interest; depth by a snapshot."""
    async with hearing(venue) as heard:
        await heard.until(lambda: len(heard.of(Quote)) > 3 and heard.depths)
        heard.found.trades(D("0.01") if venue != COINM else D(10))
        await heard.until(lambda: heard.of(Trade) and len(heard.of(Index)) > 1)
        if venue != SPOT:
            await heard.until(lambda: heard.of(FundingRate) and heard.of(OpenInterest))
        quote, depth = heard.of(Quote)[-1], heard.depths[-1]
        rates, marks, index = heard.of(FundingRate), heard.of(Mark), heard.of(Index)[-1]

    assert FIRST[venue] == quote.instrument == depth.instrument
    assert (quote.ts_venue is None) is (venue == SPOT)
    assert (venue, "BTC") == (index.venue, index.underlying)
    assert abs(depth.bids[0][0] - quote.bid) < 20
    assert bool(marks) is bool(rates) is (venue != SPOT)
    assert {8 * 3600 * SECOND} >= {each.interval for each in rates}
    assert all(each.next_ts > each.ts_local for each in rates)
    assert [] == [each for each in heard.log.lines if each[0] == "feed.malformed"]


async def test_depth_that_is_not_answered():
    """It keeps nothing else from being asked: funding is told, and the book later."""
    async with desk(COINM) as found:
        found.loopback.script.add(Plan(Kind.ERROR_BEFORE, "GET */depth", times=None, code=503))
        heard = Hearing(found, quick=True)
        try:
            await heard.until(lambda: heard.of(FundingRate) and heard.of(OpenInterest))
            asked = [name for name, _ in found.loopback.server.calls if name.endswith("/depth")]
            assert [] == heard.depths
            assert 1 == len(asked)
        finally:
            await heard.tasks.close()


@pytest.mark.parametrize("venue", ALL)
async def test_a_delisted_name(venue):
    """Nobody tells anything of it any more, and no other name is the quieter for it."""
    async with hearing(venue, names=2) as heard:
        gone, stays = LISTED[venue]
        about = lambda name: [e for e in heard.events if getattr(e, "instrument", "") == name]  # noqa: E731
        await heard.until(lambda: about(gone) and about(stays))
        heard.found.loopback.host.happen(Plan(Kind.DELISTING, instrument=gone))
        await asyncio.sleep(0.2)
        before, told = len(about(gone)), len(about(stays))
        await heard.until(lambda: len(about(stays)) > told + 10)

        assert before == len(about(gone))


@pytest.mark.parametrize(("venue", "lost"), [(SPOT, []), (USDM, [False])])
async def test_the_host_of_usdm_is_gone(venue, lost):
    """USD-M is lost with its market's host; spot borrows an index there, and goes on without."""
    async with hearing(venue) as heard:
        await heard.until(lambda: heard.of(Index))
        heard.found.loopback.script.add(
            Plan(Kind.REFUSE, "connect/fstream.binance.com", times=None)
        )
        heard.reasons.clear()
        for line in list(heard.found.loopback.server.lines):
            if line.target == "/market/ws":
                line.cut()
        await heard.until(lambda: "feed.lost" in heard.said())
        indexes, quotes = len(heard.of(Index)), len(heard.of(Quote))
        await heard.until(lambda: len(heard.of(Quote)) > quotes + 5)

        assert lost == [each.alive for each in heard.of(FeedStatus)]
        assert indexes == len(heard.of(Index))
        heard.found.loopback.script.clear()
        await heard.until(lambda: len(heard.of(Index)) > indexes)
        await heard.until(lambda: "feed.recovered" in heard.said())

    assert lost + [True] * len(lost) == [each.alive for each in heard.of(FeedStatus)]
    assert bool(lost) is bool(heard.reasons)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.proves("binanceusdm", "account", "loopback")
@pytest.mark.proves("binancecoinm", "account", "loopback")
@pytest.mark.proves("binance", "account", "loopback")
async def test_fills_and_ends_of_the_account(venue):
    """What an order of ours does is heard on the account's own socket."""
    async with hearing(venue) as heard:
        await heard.found.venue.submit(order(venue, price=D(101_000)))
        await heard.until(lambda: heard.of(Fill) and heard.of(OrderEnded))
        fill, end = heard.of(Fill)[0], heard.of(OrderEnded)[0]

    assert ("rb01", FIRST[venue]) == (fill.client_order_id, fill.instrument)
    assert fill.quantity == end.filled
    assert fill.fee > 0


async def test_interval_of_four_hours():
    """An interval that the venue lists is told with the rate; eight hours go without saying."""
    async with desk(USDM) as found:
        found.host.hours["BTCUSDT"] = 4
        heard = Hearing(found, quick=True)
        try:
            await heard.until(lambda: heard.of(FundingRate))
        finally:
            await heard.tasks.close()

    assert 4 * 3600 * SECOND == heard.of(FundingRate)[0].interval


@pytest.mark.parametrize("venue", [USDM, COINM])
async def test_listen_key_runs_out(venue):
    """A stream whose listen key expired is opened again by another, and the account read anew."""
    async with hearing(venue) as heard:
        before = len(heard.found.loopback.server.lines)
        heard.found.host.keyring.forget("desk")
        await heard.until(lambda: heard.reasons)
        await heard.until(lambda: heard.live)
        await heard.found.venue.submit(order(venue, price=D(101_000)))
        await heard.until(lambda: heard.of(Fill))
        statuses = [each.alive for each in heard.of(FeedStatus)]

    assert [False, True] == statuses
    assert "the venue ended" in heard.reasons[0]
    assert before == len(heard.found.loopback.server.lines) or before > 0


async def test_listen_key_is_renewed():
    """The key is renewed while it lasts; one that the venue knows no more ends the socket."""
    async with desk(USDM) as found:
        seat_stream = (
            PARTS[USDM]
            .streams(
                StreamSeat(
                    *(USDM, Wanted(("BTCUSDT",)), Lines(), Mode.LIVE, credentials_of(KEY)),
                    connection=found.line.connection,
                )
            )[-1]
            .stream
        )
        key = ListenKey(FAMILY[USDM], found.line.connection, seat_stream)
        path = await key.route()
        seat_stream.now = seat_stream.since = 1
        calls = found.loopback.server.calls
        await key.look()
        seat_stream.now += beside.RENEWAL
        await key.look()
        renewed = [each for each, _ in calls if each == "PUT /fapi/v1/listenKey"]
        found.host.keyring.forget("desk")
        seat_stream.now += beside.RENEWAL
        with pytest.raises(Refused, match="-1125"):
            await key.look()

    assert path.startswith("fstream.binance.com/private/ws?listenKey=")
    assert 1 == len(renewed)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("kind", [Kind.CUT, Kind.CLOSE])
@pytest.mark.proves("binanceusdm", "standstill", "loopback")
@pytest.mark.proves("binancecoinm", "standstill", "loopback")
@pytest.mark.proves("binance", "standstill", "loopback")
@pytest.mark.trap("reconnect-is-a-gap", "binanceusdm", "binancecoinm", "binance")
async def test_lost_socket(venue, kind):
    """A lost socket is one loss of the venue, and when it is back the account is read."""
    async with hearing(venue) as heard:
        await heard.until(lambda: len(heard.of(Quote)) > 2)
        heard.found.loopback.script.add(Plan(kind, "*@bookTicker"))
        await heard.until(lambda: heard.of(FeedStatus))
        await heard.until(lambda: heard.live and len(heard.of(FeedStatus)) > 1)

    assert [False, True] == [each.alive for each in heard.of(FeedStatus)]
    assert 1 == len(heard.reasons)


@pytest.mark.parametrize("venue", [USDM, COINM])
@pytest.mark.trap("binance-positions-stay", "binanceusdm", "binancecoinm")
async def test_traded_while_the_socket_was_lost(venue):
    """Whoever is back has the account read, and what is read is what the venue holds now."""
    async with hearing(venue) as heard:
        size = D(10) if venue == COINM else D("0.01")
        heard.found.trades(size)
        held = [(await heard.found.books.positions())[0].quantity]
        heard.found.loopback.script.add(Plan(Kind.CUT, "*@bookTicker"))
        await heard.until(lambda: heard.of(FeedStatus))
        heard.found.trades(-3 * size)
        await heard.until(lambda: heard.live and len(heard.of(FeedStatus)) > 1)
        held.append((await heard.found.books.positions())[0].quantity)

    assert [size, -2 * size] == held
    assert 1 == len(heard.reasons)
    assert "stream is back" in heard.reasons[0]


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.trap("bad-frame-ends-the-loop", "binanceusdm", "binancecoinm", "binance")
async def test_garbage(venue):
    """A frame that is no JSON is told once and loses nothing."""
    async with hearing(venue) as heard:
        heard.found.loopback.script.add(Plan(Kind.GARBAGE, "*@bookTicker"))
        await heard.until(lambda: any(e == "feed.malformed" for e, _ in heard.log.lines))
        count = len(heard.of(Quote))
        await heard.until(lambda: len(heard.of(Quote)) > count)

    assert [] == heard.of(FeedStatus)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.proves("binanceusdm", "books", "loopback")
@pytest.mark.proves("binancecoinm", "books", "loopback")
@pytest.mark.proves("binance", "books", "loopback")
@pytest.mark.trap("book-without-a-chain", "binanceusdm", "binancecoinm", "binance")
async def test_lost_change_is_mended(venue):
    """A change of depth that was lost leaves a gap, and the book begins with another snapshot."""
    async with hearing(venue) as heard:
        market = heard.spoken[0].stream
        await heard.until(lambda: len(heard.depths) > 3)
        heard.found.loopback.script.add(Plan(Kind.LOSE, "*@depth*"))
        await heard.until(lambda: market.counts.gaps == 1)
        count = len(heard.depths)
        await heard.until(lambda: len(heard.depths) > count + 3)

    assert {} == dict(market.words.bare)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.trap("frozen-peer", "binanceusdm", "binancecoinm", "binance")
async def test_half_open_socket(venue):
    """A peer that takes everything and answers nothing is given up."""
    async with hearing(venue) as heard:
        market = heard.feeds[0]
        heard.found.loopback.script.add(
            Plan(Kind.HALF_OPEN, "connect"), Plan(Kind.CUT, "*@bookTicker")
        )
        await heard.until(lambda: market.rebuilt >= 2, 30)
        await heard.until(
            lambda: [each.alive for each in heard.of(FeedStatus)] == [False, True], 30
        )


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.trap("pongs-without-data", "binanceusdm", "binancecoinm", "binance")
async def test_standstill(venue):
    """Best prices stand still while depth moves on and pongs come: found, renewed, over."""
    async with hearing(venue) as heard:
        heard.found.loopback.script.add(Plan(Kind.FREEZE, "*@bookTicker", times=None))
        await heard.until(lambda: "feed.stale" in [name for name, _ in heard.log.lines], 30)
        await heard.until(lambda: heard.of(FeedStatus), 30)
        heard.found.loopback.script.clear()
        await heard.until(
            lambda: [each.alive for each in heard.of(FeedStatus)] == [False, True], 30
        )


async def test_wrong_key():
    """An account's socket is not opened without its key, and the market goes on alone."""
    async with desk(USDM) as found:
        found.exchange.apiKey = "nobody"
        heard = Hearing(found, quick=True)
        try:
            await heard.until(lambda: heard.of(Quote))
        finally:
            await heard.tasks.close()

    assert [False] == [each.alive for each in heard.of(FeedStatus)]
    assert any("refused our key" in str(facts) for _, facts in heard.log.lines)
