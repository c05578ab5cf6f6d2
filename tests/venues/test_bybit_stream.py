"""Bybit's side of a feed: requests, routing, drops, gaps, standstills; then over the loopback."""

import asyncio
import contextlib
import hashlib
import hmac
import time
from decimal import Decimal

import msgspec
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
from rebalancer.core.figures import OpenInterest
from rebalancer.exchange.orders import TimeInForce
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.models import Mode
from rebalancer.simulation.accounts import Asked
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.bybit import build, topics
from rebalancer.venues.bybit.asks import BATCH
from rebalancer.venues.bybit.private import Access, BybitPrivate
from rebalancer.venues.bybit.stream import BybitMarket, Patience
from rebalancer.venues.chorus import together
from rebalancer.venues.native import NativeFeed, Pace, Ports
from rebalancer.venues.seats import StreamSeat
from rebalancer.venues.wanted import Wanted
from tests.venues.bybit_loopback import (
    ACCOUNT,
    CALL,
    INVERSE,
    KEY,
    PERP,
    PUT,
    USDC,
    credentials_of,
    make,
    step,
)
from tests.venues.deribit_frames import Lines, kinds
from tests.wire.test_bybit import BOOK, EXECUTION, LINEAR, OPTION, ORDER, PRINT, T, booked, told

D = Decimal
S = SECOND
MS = S // 1_000
NOW = T * 1_000_000
NAME, OPTIONED = "BTCUSDT", "BTC-27FEB26-52000-C-USDT"
WANTED = Wanted((NAME,), (OPTIONED,))
FROZEN = 5 * S


class Talk:
    """A stream and what it said to both sides."""

    def __init__(self, category="linear", wanted=WANTED, stream=None):
        self.log, self.events, self.depths, self.now = Lines(), [], [], NOW
        patience = Patience(frozen=FROZEN)

        def tap(_now, depth):
            self.depths.append(depth)

        self.stream = stream or BybitMarket(category, wanted, self.log, tap, patience=patience)
        self.stream.opened(self.events.append, self.now)

    def asked(self):
        """Return what it asks for since the last look."""
        return [msgspec.json.decode(each) for each in self.stream.take()]

    def subscribe(self):
        """Grant all that it asks for, until it asks for nothing more; return the topics."""
        granted = []
        while asked := self.asked():
            for each in asked:
                granted += each.get("args", []) if each["op"] == "subscribe" else []
                self.hear(done(each))
        return granted

    def hear(self, *payloads):
        for payload in payloads:
            self.stream.received(payload, self.now)

    def judge(self, seconds=1):
        """Return the verdict some seconds later."""
        self.now += seconds * S
        return self.stream.judge(self.now)


def done(asked, success=True, message=""):
    """Return the answer to a request."""
    if asked["op"] == "ping":
        message = "pong"
    answer = {"success": success, "ret_msg": message, "op": asked["op"], "req_id": asked["req_id"]}
    return msgspec.json.encode(answer)


def ticker(ts=T, **changes):
    return told(f"tickers.{NAME}", LINEAR | changes, ts=ts)


def change(ts=T, **changes):
    return told(f"tickers.{NAME}", {"symbol": NAME} | changes, "delta", ts)


def book(update=7, kind="snapshot", ts=T, **changes):
    return told(f"orderbook.50.{NAME}", BOOK | {"u": update} | changes, kind, ts)


# --- what is asked for --------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "wanted", "expected"),
    [
        ("linear", WANTED, (f"tickers.{NAME}", f"orderbook.50.{NAME}", f"publicTrade.{NAME}")),
        ("option", WANTED, (f"tickers.{OPTIONED}",)),
        ("inverse", WANTED, ()),
        ("spot", Wanted(("BTC/USDT",)), ("tickers.BTCUSDT", "orderbook.50.BTCUSDT",
                                         "publicTrade.BTCUSDT")),
    ],
)  # fmt: skip
def test_asks_for_what_the_book_needs(category, wanted, expected):
    """Each socket is asked for its own category; first comes a ping, which is answered."""
    talk = Talk(category, wanted)
    first = talk.asked()

    assert "ping" == first[0]["op"]
    assert list(expected) == [each for one in first[1:] for each in one["args"]]
    assert f"stream.bybit.com/v5/public/{category}" == talk.stream.path


@pytest.mark.trap("testnet-replaces-the-addresses", "bybit")
def test_one_socket_a_category():
    """A socket a category, needed where something of it is followed; one is ours."""
    seat = StreamSeat(ACCOUNT, WANTED, Lines(), Mode.LIVE, credentials_of(KEY))
    (*market, own) = build.streams(seat)
    pairs = build.streams(StreamSeat(ACCOUNT, Wanted(("BTC/USDT",)), Lines(), Mode.TESTNET))

    assert own.needed is None
    assert "private" == own.stream.path.partition("/v5/")[2]
    assert {"linear": True, "option": True, "inverse": False, "spot": False} == _needed(market)
    assert {"linear": False, "option": False, "inverse": False, "spot": True} == _needed(pairs)
    keyed = StreamSeat(ACCOUNT, WANTED, Lines(), Mode.TESTNET, credentials_of(KEY))
    tested = [*pairs, *build.streams(keyed)]
    assert "private" == tested[-1].stream.path.rpartition("/")[2]
    assert {"stream-testnet.bybit.com"} == {each.stream.path.partition("/")[0] for each in tested}
    for each in market:
        each.stream.want(Wanted(("BTCUSD",)), NOW)
    assert {"linear": False, "option": False, "inverse": True, "spot": False} == _needed(market)


def _needed(spoken):
    """Return category → whether its socket is needed."""
    return {each.stream.path.rpartition("/")[2]: each.needed() for each in spoken}


def test_requests_are_small():
    """No subscription names more topics than a socket takes in one request."""
    names = tuple(f"BTC-27FEB26-{50 + n}000-C-USDT" for n in range(25))
    sizes = [len(each["args"]) for each in Talk("option", Wanted((), names)).asked()[1:]]

    assert (max(sizes), sum(sizes)) == (BATCH, 25)


def test_pings_every_eighteen_seconds():
    """The venue ends a socket that does not ping; it takes text, not frames of control."""
    talk = Talk()
    talk.subscribe()
    pings = []
    for second in range(1, 60):
        talk.hear(ticker(T + second * 1_000))
        assert talk.judge() is None
        pings += [second for each in talk.asked() if each["op"] == "ping"]

    assert [18, 36, 54] == pings


# --- what is told -------------------------------------------------------------------


def test_a_perpetual():
    """Mark, index, funding, interest and quote, levels and trades; a change keeps the rest."""
    talk = Talk()
    talk.subscribe()
    talk.hear(ticker(), book(), told(f"publicTrade.{NAME}", [PRINT]))
    expected = [Index, Mark, FundingRate, OpenInterest, Quote, Trade]

    assert expected == kinds(talk.events)
    assert [D("50000.1"), D("50000.2")] == [talk.events[4].bid, talk.events[4].ask]
    assert 2 == len(talk.depths[0].bids)
    talk.events.clear()
    talk.hear(change(T + 100, markPrice="50003"))
    assert (D("50010.30"), D(50_003)) == tuple(each.price for each in talk.events[:2])
    assert {(T + 100) * 1_000_000} == {each.ts_venue for each in talk.events}


def test_an_option():
    """Mark, vol and forward; its index is told by the perpetual, which stands for the coin."""
    talk = Talk("option")
    talk.subscribe()
    talk.hear(told(f"tickers.{OPTIONED}", OPTION))

    assert [OptionMark] == kinds(talk.events)
    alone = Talk("option", Wanted((), (OPTIONED,)))
    alone.subscribe()
    alone.hear(told(f"tickers.{OPTIONED}", OPTION))
    assert [Index, OptionMark] == kinds(alone.events)


@pytest.mark.trap("bybit-pair-has-no-touch", "bybit")
def test_a_pair():
    """The ticker of a pair tells no best prices: they are those of its book, and no others."""
    talk = Talk("spot", Wanted(("BTC/USDT",)))
    talk.subscribe()
    bare = {"symbol": NAME, "lastPrice": "50000.1", "usdIndexPrice": "50010.3", "volume24h": "1"}
    talk.hear(told(f"tickers.{NAME}", bare))
    before = kinds(talk.events)
    talk.hear(book())

    assert Quote not in before
    (quote,) = [each for each in talk.events if isinstance(each, Quote)]
    assert "bybit:BTC/USDT" == quote.instrument
    assert quote.bid < quote.ask


def test_words_out_of_order():
    """What is older than the newest word of its topic is counted and not told."""
    talk = Talk()
    talk.subscribe()
    talk.hear(ticker(T + 100), change(T, markPrice="1"))

    assert 1 == talk.stream.counts.late
    assert D("50001.25") == next(each.price for each in talk.events if isinstance(each, Mark))


def test_what_cannot_be_read():
    """Garbage and strangers are counted; what comes after them is told."""
    talk = Talk()
    talk.subscribe()
    talk.hear(b"{", told("tickers.OTHER", LINEAR | {"symbol": "OTHER"}), b'{"topic":"kline.1.X"}')
    talk.hear(ticker())

    assert (1, 2) == (talk.stream.counts.refused, talk.stream.counts.unknown)
    assert Mark in kinds(talk.events)
    assert "feed.malformed" in dict(talk.log.lines)


@pytest.mark.parametrize(
    ("payload", "counted"),
    [
        (book(9, "delta", T + 1), "gaps"),
        (book(8, "delta", T + 1, b=[["50000.2", "1"]], a=[]), "gaps"),
        (change(T + 1, bid1Price="50000.20"), "refused"),
    ],
)
def test_a_lost_change(payload, counted):
    """A book with a gap or crossed, a ticker that cannot be: subscribed anew, and whole again."""
    talk = Talk()
    talk.subscribe()
    talk.hear(ticker(), book(), payload)
    topic = msgspec.json.decode(payload)["topic"]

    assert 1 == getattr(talk.stream.counts, counted)
    assert [("unsubscribe", [topic]), ("subscribe", [topic])] == [
        (each["op"], each["args"]) for each in talk.asked()
    ]
    talk.events.clear()
    talk.hear(ticker(T + 2), book(40, ts=T + 2))
    assert {Mark, Quote} <= set(kinds(talk.events))


def test_a_refused_topic():
    """A topic that cannot be had takes its batch with it: halves find it, the others live."""
    talk = Talk(wanted=Wanted((NAME, "NOSUCHUSDT")))
    granted = []
    while asked := talk.asked():
        for each in asked:
            bad = any("NOSUCH" in str(topic) for topic in each.get("args", ()))
            granted += [] if bad else each.get("args", [])
            talk.hear(done(each, success=not bad, message="error:invalid symbol" if bad else ""))

    assert {f"tickers.{NAME}", f"orderbook.50.{NAME}", f"publicTrade.{NAME}"} == set(granted)
    assert 3 == len(talk.stream.counts.dropped)
    assert talk.stream.live


@pytest.mark.parametrize("batch", [1, BATCH])
@pytest.mark.parametrize("words", ["System error. Please try again later.", "args size >10", ""])
def test_topics_refused_for_now(monkeypatch, batch, words):
    """No topic is dropped for what may pass: the socket is rebuilt, and is not live before."""
    monkeypatch.setattr("rebalancer.venues.bybit.asks.BATCH", batch)
    talk = Talk()
    _ping, first, *_others = talk.asked()
    talk.hear(done(first, success=False, message=words))

    assert not talk.stream.live
    assert f"subscribe was refused for now: {words or 'without a word'}" == talk.judge()
    assert ([], []) == (talk.asked(), talk.stream.counts.dropped)
    talk.stream.opened(talk.events.append, talk.now)
    assert 3 == len(talk.subscribe())
    assert talk.stream.live
    assert talk.judge() is None


@pytest.mark.parametrize(
    "words",
    [
        "error:invalid symbol,topic:tickers.BTCUSDT",
        "Invalid symbol :[tickers.BTCUSDT]",
        "error:handler not found,topic:tickers.BTCUSDT",
        "Invalid topic: tickers.BTCUSDT",
    ],
)
def test_topics_that_there_are_not(monkeypatch, words):
    """These words are final: the topic is dropped, and the socket is live without it."""
    monkeypatch.setattr("rebalancer.venues.bybit.asks.BATCH", 1)
    talk = Talk()
    _ping, first, *others = talk.asked()
    talk.hear(done(first, success=False, message=words), *map(done, others))

    assert first["args"] == talk.stream.counts.dropped
    assert talk.stream.live
    assert talk.judge() is None


def test_a_batch_with_one_that_is_there():
    """One that is there already proves nothing of the others of its batch: halves do."""
    talk = Talk(wanted=Wanted((NAME, "ETHUSDT")))
    there, asked_for = f"tickers.{NAME}", []
    while asked := talk.asked():
        for each in asked:
            topics_ = each.get("args", [])
            asked_for += [topics_]
            words = f"error:already subscribed,topic:{there}" if there in topics_ else ""
            talk.hear(done(each, success=not words, message=words))

    granted = [name for each in asked_for if there not in each for name in each]
    assert sorted(topics.public(Wanted((NAME, "ETHUSDT")))) == sorted([*granted, there])
    assert [there] in asked_for
    assert [] == talk.stream.counts.dropped
    assert talk.stream.live


def test_already_subscribed():
    """A topic that is there already is no topic that cannot be had."""
    talk = Talk()
    while asked := talk.asked():
        for each in asked:
            message = f"error:already subscribed,topic:tickers.{NAME}"
            talk.hear(done(each, success=each["op"] == "ping", message=message))

    assert [] == talk.stream.counts.dropped
    assert talk.stream.live


def test_options_answer_without_a_number():
    """Their sockets name topics and no request: answers belong to the oldest question."""
    talk = Talk("option")
    asked = talk.asked()
    data = {"failTopics": [], "successTopics": [f"tickers.{OPTIONED}"]}
    assert not talk.stream.live
    talk.hear(msgspec.json.encode({"success": True, "data": data, "type": "COMMAND_RESP"}))

    assert (2, True) == (len(asked), talk.stream.live)


def test_no_answer():
    """A request that is not answered ends the socket."""
    talk = Talk()
    talk.asked()

    assert talk.judge(9) is None
    assert "subscribe was not answered" == talk.judge(2)


def test_another_book():
    """What is held changes: new topics are asked for on the same socket, old ones left."""
    talk = Talk("option")
    talk.subscribe()
    other = "BTC-27MAR26-60000-P-USDT"
    talk.stream.want(Wanted((NAME,), (other,)), talk.now)

    assert [("unsubscribe", [f"tickers.{OPTIONED}"]), ("subscribe", [f"tickers.{other}"])] == [
        (each["op"], each["args"]) for each in talk.asked()
    ]
    talk.hear(told(f"tickers.{other}", OPTION | {"symbol": other}))
    assert [f"bybit:{other}"] == [each.instrument for each in talk.events]


def test_a_frozen_ticker():
    """One topic stands still while another moves: renewed, and if that does not help, rebuilt."""
    talk = Talk()
    talk.subscribe()
    talk.hear(ticker(), book())
    verdicts, number = [], 7
    for second in range(1, 20):
        number += 1
        price = f"{49_000 + second}"
        stamp = T + second * 1_000
        bids = [["50000.1", "0"], ["50000", "0"], [price, "1"], [f"{49_000 + second - 1}", "0"]]
        talk.hear(book(number, "delta", stamp, b=bids, a=[]))
        verdicts.append(talk.judge())
        talk.subscribe()
        if verdicts[-1] is not None:
            break

    assert f"tickers.{NAME} is frozen" == verdicts[-1]
    assert ("feed.stale", f"tickers.{NAME}") in [
        (event, facts.get("channel")) for event, facts in talk.log.lines
    ]


def test_a_silent_socket():
    """Pongs come and no topic speaks: all are subscribed anew, then the socket is rebuilt."""
    talk = Talk()
    talk.subscribe()
    talk.hear(ticker())
    assert talk.judge(4) is None
    assert [] == [each for each in talk.asked() if each["op"] == "subscribe"]
    assert talk.judge(2) is None
    assert talk.subscribe()
    assert talk.judge(4) is None
    assert "no linear topic says anything" == talk.judge(2)


def test_an_idle_socket_is_not_silent():
    """Where nothing is followed nothing is missed."""
    talk = Talk("inverse")
    talk.subscribe()

    assert [None] * 9 == [talk.judge(9) for _ in range(9)]
    assert talk.stream.live


# --- the account --------------------------------------------------------------------


def private(secret="s"):
    """Return a private stream that said hello."""
    log = Lines()
    stream = BybitPrivate(Access(ACCOUNT, lambda: ("k", secret)), log)
    talk = Talk(stream=stream)
    talk.log = log
    return talk


def test_logs_in():
    """The login signs its own end, the secret never travels; then the two topics are asked for."""
    talk = private()
    _ping, login = talk.asked()
    key, expires, signature = login["args"]
    signed = hmac.new(b"s", f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()

    assert ("auth", "k", signed) == (login["op"], key, signature)
    assert 0 < expires - NOW // 1_000_000 <= 10_000
    assert not talk.stream.live
    talk.hear(done(login))
    assert list(topics.PRIVATE) == talk.subscribe()
    assert talk.stream.live


def test_orders_and_fills():
    """What happens to an order is told at once, in its order."""
    talk = private()
    talk.subscribe()
    ended = ORDER | {"orderStatus": "Filled", "cumExecQty": "0.3"}
    talk.hear(booked("execution", EXECUTION), booked("order", ended), b'{"topic":"wallet"}')

    assert [Fill, OrderEnded] == kinds(talk.events)
    assert 1 == talk.stream.counts.refused


def test_a_refused_login():
    """A login that is refused is told, and the socket goes on without its topics."""
    talk = private()
    _ping, login = talk.asked()
    refused = {"op": "auth", "success": False, "retCode": 10003, "retMsg": "Invalid apikey"}
    talk.hear(msgspec.json.encode(refused | {"req_id": login["req_id"]}))

    assert [] == talk.asked()
    assert list(topics.PRIVATE) == talk.stream.counts.dropped
    assert "login was refused" in str(talk.log.lines)
    assert talk.stream.live


@pytest.mark.parametrize(
    ("code", "words"),
    [(10016, "Server error."), (10006, "Too many visits."), (10001, "Params Error"), (None, "")],
)
def test_a_login_refused_for_now(code, words):
    """What says nothing of the key may pass: the socket is rebuilt, and is not live before."""
    talk = private()
    talk.asked()
    refused = {"op": "auth", "success": False, "retCode": code, "retMsg": words}
    talk.hear(msgspec.json.encode({name: told for name, told in refused.items() if told}))

    assert not talk.stream.live
    assert talk.judge().startswith("auth was refused for now")
    assert [] == talk.stream.counts.dropped
    talk.stream.opened(talk.events.append, talk.now)
    assert list(topics.PRIVATE) == talk.subscribe()
    assert talk.stream.live


@pytest.mark.parametrize("code", [10003, 10004, 10005, 10007, 10010, 33004])
def test_a_key_that_is_refused(code):
    """What speaks of the key is final."""
    talk = private()
    talk.asked()
    talk.hear(msgspec.json.encode({"op": "auth", "success": False, "retCode": code}))

    assert list(topics.PRIVATE) == talk.stream.counts.dropped
    assert talk.judge() is None


@pytest.mark.parametrize(
    ("words", "final"),
    [("error:handler not found,topic:execution", True), ("System error.", False)],
)
def test_a_private_topic_that_is_refused(words, final):
    """Once more: what there is not is dropped, what may pass ends the socket."""
    talk = private()
    _ping, login = talk.asked()
    talk.hear(done(login))
    for each in talk.asked():
        told = words if each["args"] == ["execution"] else ""
        talk.hear(done(each, success=not told, message=told))

    assert final == talk.stream.live == (talk.judge() is None)
    assert (["execution"] if final else []) == talk.stream.counts.dropped


# --- over the loopback --------------------------------------------------------------

FOLLOWED = Wanted(
    tuple(each.partition(":")[2] for each in (PERP, USDC, INVERSE)),
    tuple(each.partition(":")[2] for each in (CALL, PUT)),
)
PACE = Pace(dial=1.0, ping=0.3, silent=700 * MS, judge=50 * MS)
HASTY = Patience(answer=700 * MS, frozen=400 * MS)


class Fair:
    """All sockets of a loopback, heard as one feed, and its market."""

    def __init__(self, loopback):
        self.loopback, self.events, self.reasons, self.failures = loopback, [], [], []
        self.log, self.clock = Lines(), WallClock()
        self.tasks = TaskRegistry(self.failures.append)
        access = Access(ACCOUNT, lambda: (KEY.client_id, KEY.secret))
        markets = [
            BybitMarket(each, FOLLOWED, self.log, patience=HASTY)
            for each in ("linear", "option", "inverse")
        ]
        self.streams = [*markets, BybitPrivate(access, self.log)]
        ports = Ports(self.clock, self.tasks, SeededRandomness(7), self.log)
        told_of = (ports, loopback.address, self.reasons.append, PACE)
        for each in self.streams:  # a ping is answered: silence is none
            each._asks.beat = lambda now, asks=each._asks: asks._ping(now)
        feeds = [NativeFeed(each, *told_of) for each in self.streams]
        self.tasks.spawn("feed", together(ACCOUNT, feeds, self.tasks).run(self.events.append))
        self.moves, self.feeds = 0, feeds
        self.tasks.spawn("market", self.market())

    async def market(self):
        """Move every price every 50 ms."""
        while True:
            self.moves += 1
            now = self.clock.now()
            printed = (Trade(now, now, PERP, D(100_000), D("-0.5")),)
            self.loopback.place.tell(step(now, self.moves, trades=printed))
            await asyncio.sleep(0.05)

    async def until(self, condition, within=4.0):
        """Wait for something to become true."""
        began = time.monotonic()
        while not condition():
            spent = time.monotonic() - began
            assert spent < within, (kinds(self.events)[-5:], self.log.lines, self.failures)
            await asyncio.sleep(0.005)

    def statuses(self):
        return [each.alive for each in self.events if isinstance(each, FeedStatus)]


@contextlib.asynccontextmanager
async def at_work():
    async with make() as loopback:
        fair = Fair(loopback)
        try:
            await fair.until(lambda: Mark in kinds(fair.events))
            await fair.until(lambda: all(each.live for each in fair.streams))
            yield fair
        finally:
            await fair.tasks.close()
            assert [] == fair.failures


@pytest.mark.proves("bybit", "market", "loopback")
@pytest.mark.proves("bybit", "options", "loopback")
@pytest.mark.trap("greeks-have-no-stream", "bybit")
async def test_all_that_a_book_needs():
    """Two readings of the protocol meet: every kind of event comes, nothing is refused."""
    async with at_work() as fair:
        needed = {Quote, Mark, Index, FundingRate, OptionMark, OpenInterest, Trade}
        await fair.until(lambda: needed <= set(kinds(fair.events)))
        marked = {each.instrument for each in fair.events if isinstance(each, Mark | OptionMark)}
        rates = {
            each.instrument: each.interval // (3_600 * S)
            for each in fair.events
            if isinstance(each, FundingRate)
        }

        assert {PERP, USDC, INVERSE, CALL, PUT} == marked
        assert {PERP: 8, USDC: 8, INVERSE: 8} == rates
        assert [0] * 8 == [
            count for each in fair.streams for count in (each.counts.refused, each.counts.unknown)
        ]
        assert [] == [name for each in fair.streams for name in each.counts.dropped]


@pytest.mark.proves("bybit", "account", "loopback")
async def test_account_events():
    """An order's life is told: executed, then ended."""
    async with at_work() as fair:
        for number in range(5):
            asked = Asked(ACCOUNT, PERP, D("0.01"), None, TimeInForce.IOC, label=f"mine-{number}")
            fair.loopback.place.submit(asked)
        await fair.until(lambda: kinds(fair.events).count(OrderEnded) == 5)
        fills = [each for each in fair.events if isinstance(each, Fill)]

        assert [f"mine-{number}" for number in range(5)] == [x.client_order_id for x in fills]
        assert D("0.05") == sum(each.quantity for each in fills)


@pytest.mark.parametrize("asked", ["ws/auth", "ws/subscribe"])
async def test_refused_for_now(asked):
    """A venue that restarts refuses logins and topics: all is followed once it is well again."""
    async with make() as loopback:
        loopback.script.add(Plan(Kind.CODE, asked, times=2, code=10016))
        fair = Fair(loopback)
        try:
            await fair.until(lambda: len(loopback.script.struck(Kind.CODE)) == 2)
            await fair.until(lambda: all(each.live for each in fair.streams), within=10.0)

            assert [] == [name for each in fair.streams for name in each.counts.dropped]
            assert sum(each.rebuilt for each in fair.feeds) >= 1
        finally:
            await fair.tasks.close()
            assert [] == fair.failures


@pytest.mark.parametrize("kind", [Kind.GARBAGE, Kind.DUPLICATE])
@pytest.mark.trap("bad-frame-ends-the-loop", "bybit")
async def test_faults_that_cost_nothing(kind):
    """Garbage is counted, old words are dropped; the stream goes on."""
    async with at_work() as fair:
        fair.loopback.script.add(Plan(kind, "*BTC*", times=5))
        await fair.until(lambda: len(fair.loopback.script.struck(kind)) == 5)
        seen = len(fair.events)
        await fair.until(lambda: len(fair.events) > seen + 20)

        assert [0] * 4 == [each.rebuilt for each in fair.feeds]


@pytest.mark.proves("bybit", "books", "loopback")
@pytest.mark.trap("book-without-a-chain", "bybit")
async def test_a_lost_book_is_had_anew():
    """A change that is lost on its way brings the book anew, and nothing else."""
    async with at_work() as fair:
        fair.loopback.script.add(Plan(Kind.LOSE, "orderbook.50.BTCUSDT"))
        await fair.until(lambda: fair.streams[0].counts.gaps == 1)
        seen = kinds(fair.events).count(Quote)
        await fair.until(lambda: kinds(fair.events).count(Quote) > seen + 20)

        assert 0 == fair.feeds[0].rebuilt


@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.CUT])
@pytest.mark.parametrize("where", ["tickers.BTCUSDT", "tickers.*-C-USDT", "user.execution"])
@pytest.mark.trap("reconnect-is-a-gap", "bybit")
async def test_lost_connections(kind, where):
    """Whichever socket is lost: the venue is lost and back once, and the account reconciled."""
    async with at_work() as fair:
        fair.loopback.script.add(Plan(kind, where))
        fair.loopback.place.submit(
            Asked(ACCOUNT, PERP, D("0.01"), None, TimeInForce.IOC, label="mine")
        )
        await fair.until(lambda: False in fair.statuses())
        await fair.until(lambda: True in fair.statuses())

        assert [False, True] == fair.statuses()
        assert 1 == len(fair.reasons)


@pytest.mark.parametrize("kind", [Kind.STALL, Kind.FREEZE])
@pytest.mark.parametrize("topic", ["tickers.BTCUSDT", "orderbook.50.BTCUSDT"])
@pytest.mark.proves("bybit", "standstill", "loopback")
@pytest.mark.trap("pongs-without-data", "bybit")
async def test_standstill(kind, topic):
    """One topic stands still, others move, pongs go on: found, renewed, told, and over."""
    async with at_work() as fair:
        fair.loopback.script.add(Plan(kind, topic, times=None))
        await fair.until(
            lambda: "feed.stale" in dict(fair.log.lines) or fair.streams[0].counts.gaps
        )
        await fair.until(lambda: False in fair.statuses())
        fair.loopback.script.clear()
        await fair.until(lambda: True in fair.statuses())


@pytest.mark.trap("frozen-peer", "bybit")
async def test_half_open_socket():
    """A peer that takes everything and answers nothing is given up."""
    async with at_work() as fair:
        fair.loopback.script.add(Plan(Kind.HALF_OPEN, "connect"), Plan(Kind.CUT, "tickers.BTCUSDT"))
        await fair.until(lambda: fair.feeds[0].rebuilt >= 2)
        await fair.until(lambda: True in fair.statuses())

        assert [False, True] == fair.statuses()
