"""OKX's stream: what it asks, how it takes refusals, gaps and standstills; then over sockets."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.events import (
    Ending,
    FeedStatus,
    Fill,
    FundingRate,
    Index,
    Mark,
    OptionMark,
    OrderAccepted,
    OrderEnded,
    Quote,
    Trade,
)
from rebalancer.core.figures import OpenInterest
from rebalancer.core.ledger import Ledger, book_fill
from rebalancer.exchange.orders import TimeInForce
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.models import Mode
from rebalancer.simulation.accounts import Asked
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.chorus import together
from rebalancer.venues.native import NativeFeed, Pace, Ports
from rebalancer.venues.okx import build, channels, stream
from rebalancer.venues.okx.stream import HOST, TESTNET, Access, Patience
from rebalancer.venues.seats import StreamSeat
from rebalancer.venues.wanted import Wanted
from tests.simulation.okx_fair import (
    ACCOUNT,
    CALL,
    INSTRUMENTS,
    INVERSE,
    KEY,
    LINEAR,
    fair,
    step_of,
)
from tests.venues.deribit_frames import Lines, kinds
from tests.venues.okx_loopback import at, credentials_of

D = Decimal
T = 1_700_000_000_000  # ms
NOW = T * 1_000_000
MS = 1_000_000
SWAP, OPTION = LINEAR.partition(":")[2], CALL.partition(":")[2]
WANTED = Wanted((SWAP,), (OPTION,))
ACCESS = Access("desk", lambda: ("key-1", "secret-1", "word-1"))


class Told:
    """A stream of the market, spoken to by hand."""

    def __init__(self, wanted=WANTED, own=None):
        self.log, self.events = Lines(), []
        made = stream.market(HOST, wanted, self.log) if own is None else own
        self.stream = made
        made.opened(self.events.append, NOW)

    def sent(self):
        """Return what it asks for now."""
        return [each if each == b"ping" else json.loads(each) for each in self.stream.take()]

    def hear(self, value, at=NOW):
        self.stream.received(value if isinstance(value, bytes) else json.dumps(value).encode(), at)

    def push(self, channel, *rows, subject=SWAP, at=NOW, **more):
        key = "instFamily" if channel == "opt-summary" else "instId"
        self.hear({"arg": {"channel": channel, key: subject}, **more, "data": list(rows)}, at)

    def accept(self):
        """Answer every subscription that it asked for."""
        for request in (each for each in self.sent() if each != b"ping"):
            for arg in request["args"]:
                self.hear({"id": request["id"], "event": request["op"], "arg": arg})

    def of(self, kind):
        return [each for each in self.events if isinstance(each, kind)]


def touch(bid="99.9", ask="100.1", ts=T):
    levels = [[[price, "5", "0", "1"]] if price else [] for price in (ask, bid)]
    return {"asks": levels[0], "bids": levels[1], "ts": str(ts), "seqId": 1}


def change(sequence, previous, bids=(), asks=(), ts=T):
    return {
        "bids": [[*each, "0", "1"] for each in bids],
        "asks": [[*each, "0", "1"] for each in asks],
        "ts": str(ts),
        "seqId": sequence,
        "prevSeqId": previous,
    }


def mark(price, name=SWAP, ts=T):
    return {"instType": "SWAP", "instId": name, "markPx": price, "ts": str(ts)}


def summary(vol="0.6", name=OPTION, ts=T):
    return {"instId": name, "markVol": vol, "fwdPx": "101000", "ts": str(ts), "delta": "0.2"}


# --- what it asks for ---------------------------------------------------------------


def test_what_is_followed():
    """Of a hedge everything, of an option mark and family's summary, of a coin its index."""
    named = channels.public(Wanted((SWAP, "BTC-USD-SWAP"), (OPTION,)))

    assert "index-tickers:BTC-USD" == named[0]
    assert "index-tickers:BTC-USDT" not in named
    assert {f"bbo-tbt:{SWAP}", f"books:{SWAP}", f"funding-rate:{SWAP}"} <= set(named)
    assert {f"mark-price:{OPTION}", "opt-summary:BTC-USD"} <= set(named)
    assert f"books:{OPTION}" not in named
    assert len(named) == len(set(named))


def test_options_as_hedges():
    """An option that is hedged with has a book and no funding."""
    named = channels.public(Wanted((OPTION,)))

    assert {f"bbo-tbt:{OPTION}", f"mark-price:{OPTION}", "opt-summary:BTC-USD"} <= set(named)
    assert not any(each.startswith(("funding-rate", "open-interest")) for each in named)


def test_one_request_for_all():
    """Everything is asked for in one request, each channel in OKX's own words."""
    (request,) = Told().sent()

    assert "subscribe" == request["op"]
    assert {"channel": "opt-summary", "instFamily": "BTC-USD"} in request["args"]
    assert {"channel": "books", "instId": SWAP} in request["args"]


def test_many_channels_are_parted():
    """A request stays small, however many options are held."""
    held = tuple(f"BTC-USD-371225-{strike}-C" for strike in range(1_000, 1_250))
    told = Told(Wanted((SWAP,), held)).sent()

    assert [100, 100] == [len(each["args"]) for each in told[:2]]
    assert 3 == len(told)


def test_live_once_all_is_answered():
    """A stream is live when each of its channels is subscribed."""
    told = Told()
    (request,) = told.sent()
    for arg in request["args"]:
        assert not told.stream.live
        told.hear({"event": "subscribe", "arg": arg, "id": request["id"]})

    assert told.stream.live


def test_following_something_else():
    """What is held anew is subscribed, and what is gone is not heard any more."""
    told = Told()
    told.accept()
    other = "BTC-USD-371225-90000-P"
    told.stream.want(Wanted((SWAP,), (other,)), NOW)
    asked = {each["op"]: each["args"] for each in told.sent()}

    assert {
        "unsubscribe": [{"channel": "mark-price", "instId": OPTION}],
        "subscribe": [{"channel": "mark-price", "instId": other}],
    } == asked


# --- what it tells ------------------------------------------------------------------


def test_what_each_channel_tells():
    """Each word is delivered at once, as what it is."""
    told = Told()
    told.push("bbo-tbt", touch())
    told.push("mark-price", mark("100"))
    told.push(
        "index-tickers", {"instId": "BTC-USD", "idxPx": "99.5", "ts": str(T)}, subject="BTC-USD"
    )
    told.push(
        "funding-rate",
        {"instId": SWAP, "fundingRate": "0.0001", "fundingTime": str(T + 1), "ts": str(T),
         "nextFundingTime": str(T + 14_400_001)},
    )  # fmt: skip
    told.push("open-interest", {"instId": SWAP, "oi": "12", "ts": str(T)})
    told.push(
        "trades",
        {"instId": SWAP, "tradeId": "1", "px": "100", "sz": "3", "side": "sell", "ts": str(T)},
    )

    assert [Quote, Mark, Index, FundingRate, OpenInterest, Trade] == kinds(told.events)
    assert (D("99.9"), D(5), D("100.1")) == (
        *(told.events[0].bid, told.events[0].bid_size, told.events[0].ask),
    )
    assert (14_400 * SECOND, NOW + MS) == (told.events[3].interval, told.events[3].next_ts)
    assert D(-3) == told.events[5].quantity


@pytest.mark.trap("greeks-have-no-time", "okx")
def test_an_option_needs_both():
    """An option is marked by what two channels tell, and is as old as the older of the two."""
    told = Told()
    told.push("mark-price", mark("0.35", OPTION, T + 5), subject=OPTION)
    nothing = list(told.events)
    told.push("opt-summary", summary(), summary(name="BTC-USD-371225-1-C"), subject="BTC-USD")
    told.push("mark-price", mark("0.36", OPTION, T + 9), subject=OPTION)

    assert [] == nothing
    assert [("0.35", NOW), ("0.36", NOW)] == [
        (str(each.price), each.ts_venue) for each in told.of(OptionMark)
    ]
    assert {(0.6, 101_000.0)} == {(each.vol, each.forward) for each in told.of(OptionMark)}


def test_an_option_without_a_vol():
    """One that the venue's model says nothing of is left out, and told once; others are marked."""
    told = Told()
    told.push("mark-price", mark("0.35", OPTION), subject=OPTION)
    for second in range(3):
        other = summary(vol="", name="BTC-USD-371225-1-C", ts=T + second)
        told.push("opt-summary", other, summary(ts=T + second), subject="BTC-USD")

    assert [OptionMark] * 3 == kinds(told.events)
    assert (3, 0) == (told.stream.counts.spoiled, told.stream.counts.refused)
    assert ["feed.malformed"] == [event for event, _ in told.log.lines]


def test_older_words_are_withheld():
    """A word that is older than the newest of its channel is counted, and not told."""
    told = Told()
    for ts in (T + 10, T + 5, T + 10, T + 11):
        told.push("mark-price", mark("100", ts=ts))

    assert [10, 10, 11] == [each.ts_venue // MS - T for each in told.of(Mark)]
    assert 1 == told.stream.counts.late


@pytest.mark.parametrize(
    "frame",
    [b"", b"{", b"[]", b"nonsense", b'{"arg":{"channel":"bbo-tbt","instId":"X"},"data":[{}]}'],
)
def test_bad_frames_are_counted(frame):
    """A frame that cannot be read is counted, and the stream goes on."""
    told = Told()
    told.hear(frame)
    told.push("mark-price", mark("100"))

    assert 1 == told.stream.counts.refused
    assert [Mark] == kinds(told.events)
    assert ["feed.malformed"] == [event for event, _ in told.log.lines]


def test_unknown_channels():
    """What nobody follows is no fault."""
    told = Told()
    told.push("candle1D", ["1"])
    told.push("mark-price", mark("1", "OTHER-SWAP"), subject="OTHER-SWAP")

    assert (2, 0, []) == (told.stream.counts.unknown, told.stream.counts.refused, told.events)


# --- books --------------------------------------------------------------------------


def test_a_gap_subscribes_anew():
    """A book that lost a change is left and had anew; what comes in between changes nothing."""
    told = Told()
    told.accept()
    told.push("books", change(5, -1, [("99", "1")], [("101", "1")]), action="snapshot")
    told.push("books", change(9, 8, [("98", "1")]), action="update")
    again = told.sent()
    told.push("books", change(10, 9, [("97", "1")]), action="update")

    assert ["unsubscribe", "subscribe"] == [each["op"] for each in again]
    assert [{"channel": "books", "instId": SWAP}] * 2 == [each["args"][0] for each in again]
    assert 1 == told.stream.counts.gaps
    assert [] == told.sent()


def test_a_crossed_book_subscribes_anew():
    """Where bids meet asks a change was lost, whatever the numbers say."""
    told = Told()
    told.accept()
    told.push("books", change(5, -1, [("99", "1")], [("101", "1")]), action="snapshot")
    told.push("books", change(6, 5, [("101", "1")]), action="update")

    assert ["unsubscribe", "subscribe"] == [each["op"] for each in told.sent()]


def test_depth_is_told_on():
    """The best levels go to whoever asked for them."""
    found = []
    log = Lines()
    own = stream.market(HOST, WANTED, log, lambda now, depth: found.append(depth))
    told = Told(own=own)
    told.push("books", change(5, -1, [("99", "1")], [("101", "2")]), action="snapshot")

    assert [(LINEAR, ((D(99), D(1)),), ((D(101), D(2)),))] == [
        (each.instrument, each.bids, each.asks) for each in found
    ]


# --- refusals -----------------------------------------------------------------------


def test_a_refused_channel_is_dropped():
    """A batch that is refused is halved until the culprit is found; the others live."""
    told = Told()
    bad = {"channel": "tickers", "instId": SWAP}
    for _ in range(8):
        for request in told.sent():
            if bad in request["args"]:
                told.hear({"id": request["id"], "event": "error", "code": "60018", "msg": "no"})
            else:
                for arg in request["args"]:
                    told.hear({"id": request["id"], "event": "subscribe", "arg": arg})
    told.push("bbo-tbt", touch())

    assert [f"tickers:{SWAP}"] == told.stream.counts.dropped
    assert told.stream.live
    assert [Quote] == kinds(told.events)
    assert told.stream.judge(NOW + SECOND) is None


def test_one_of_a_batch_that_was_taken():
    """Channels that were answered before the rest was refused are not asked for again."""
    told = Told()
    (request,) = told.sent()
    *good, bad = request["args"]
    for arg in good:
        told.hear({"event": "subscribe", "arg": arg, "id": request["id"]})
    told.hear({"id": request["id"], "event": "error", "code": "60018", "msg": "no"})

    assert [] == told.sent()
    assert 1 == len(told.stream.counts.dropped)
    assert bad["channel"] in told.stream.counts.dropped[0]


@pytest.mark.parametrize("code", ["60014", "50026", "63999"])
def test_refused_for_now(code):
    """A refusal that passes rebuilds the socket; no channel is given up for it."""
    told = Told()
    (request,) = told.sent()
    told.hear({"id": request["id"], "event": "error", "code": code, "msg": "later"})

    assert code in told.stream.judge(NOW)
    assert [] == told.stream.counts.dropped


@pytest.mark.trap("okx-error-without-a-number", "okx")
def test_an_error_of_nobody():
    """An error that names no request of ours changes nothing, until answers are overdue."""
    told = Told()
    told.sent()
    told.hear({"event": "error", "code": "60012", "msg": "Illegal request"})

    assert told.stream.judge(NOW + SECOND) is None
    assert "subscribe was not answered" == told.stream.judge(NOW + 11 * SECOND)


def test_a_login_is_signed():
    """The secret never travels: a login is signed with its time."""
    told = Told(own=stream.account(HOST, ACCESS, Lines()))
    (request,) = told.sent()
    (arg,) = request["args"]
    signed = f"{NOW // SECOND}GET/users/self/verify".encode()
    wanted = base64.b64encode(hmac.new(b"secret-1", signed, hashlib.sha256).digest()).decode()

    assert ("login", wanted) == (request["op"], arg["sign"])
    assert "secret-1" not in json.dumps(request)


def test_orders_after_the_login():
    """What is private is asked for once the key was taken."""
    told = Told(own=stream.account(HOST, ACCESS, Lines()))
    told.sent()
    told.hear({"event": "login", "code": "0", "msg": "", "connId": "a"})
    (request,) = told.sent()
    told.hear({"event": "subscribe", "arg": request["args"][0], "id": request["id"]})

    assert [{"channel": "orders", "instType": "ANY"}] == request["args"]
    assert told.stream.live


@pytest.mark.parametrize("numbered", [True, False])
def test_login_refused(numbered):
    """A key that is refused is told once; the account is read all the same, nothing is rebuilt."""
    log = Lines()
    told = Told(own=stream.account(HOST, ACCESS, log))
    (request,) = told.sent()
    more = {"id": request["id"]} if numbered else {}
    told.hear({**more, "event": "error", "code": "60005", "msg": "Invalid apiKey"})

    assert ["orders"] == told.stream.counts.dropped
    assert ["feed.lost"] == [event for event, _ in log.lines]
    assert told.stream.live
    assert told.stream.judge(NOW + 2 * SECOND) is None


def test_a_login_that_came_late():
    """A login that was signed too early is no fault of the key: the socket is rebuilt."""
    told = Told(own=stream.account(HOST, ACCESS, Lines()))
    (request,) = told.sent()
    told.hear({"id": request["id"], "event": "error", "code": "60006", "msg": "expired"})

    assert "60006" in told.stream.judge(NOW)
    assert [] == told.stream.counts.dropped


# --- signs of life ------------------------------------------------------------------


def test_ping_and_pong():
    """The venue is asked for a sign of life; one that does not come ends the socket."""
    told = Told(own=stream.account(HOST, ACCESS, Lines()))
    told.sent()
    told.hear({"event": "login", "code": "0", "msg": ""})
    (request,) = told.sent()
    told.hear({"event": "subscribe", "arg": request["args"][0]})
    assert told.stream.judge(NOW + 12 * SECOND) is None
    assert [b"ping"] == told.sent()
    told.hear(b"pong", NOW + 13 * SECOND)
    assert told.stream.judge(NOW + 24 * SECOND) is None
    assert [b"ping"] == told.sent()
    assert told.stream.judge(NOW + 33 * SECOND) is None
    assert "ping was not answered" == told.stream.judge(NOW + 34 * SECOND)


def test_a_silent_market():
    """A mark is told each ten seconds: a market that says nothing for thirty is no market."""
    told = Told()
    told.accept()
    told.push("mark-price", mark("100"))
    for second in range(1, 30):
        told.hear(b"pong", NOW + second * SECOND)
        assert told.stream.judge(NOW + second * SECOND) is None
    told.hear(b"pong", NOW + 30 * SECOND)

    assert "the market is silent" == told.stream.judge(NOW + 30 * SECOND)


def test_a_silent_account():
    """An account that says nothing is a quiet account."""
    told = Told(own=stream.account(HOST, ACCESS, Lines()))
    told.sent()
    told.hear({"event": "login", "code": "0", "msg": ""})
    (request,) = told.sent()
    told.hear({"event": "subscribe", "arg": request["args"][0]})
    for second in range(100):
        told.hear(b"pong", NOW + second * SECOND)
        assert told.stream.judge(NOW + second * SECOND) is None


def test_an_upgrade_is_announced():
    """Where the venue says that it will hang up the socket is rebuilt before."""
    told = Told()
    told.accept()
    told.hear({"event": "notice", "code": "64008", "msg": "service upgrade"})

    assert "64008" in told.stream.judge(NOW)


# --- standstills --------------------------------------------------------------------


def test_a_frozen_touch_is_found():
    """Best prices that stand still while the ticker moves are had anew, then the socket is."""
    told = Told()
    told.accept()
    told.push("bbo-tbt", touch())
    why = None
    for second in range(1, 40):
        now, ts = NOW + second * SECOND, T + second * 1_000
        row = {"instId": SWAP, "bidPx": str(90 + second), "bidSz": "1", "askPx": "200",
               "askSz": "1", "last": "1", "ts": str(ts)}  # fmt: skip
        told.push("tickers", row, at=now)
        told.hear(b"pong", now)
        why = why or told.stream.judge(now)
        if why:
            break
        told.accept()

    assert f"bbo-tbt:{SWAP} is frozen" == why
    assert 20 <= second <= 23
    assert "feed.stale" in [event for event, _ in told.log.lines]


def test_a_repeated_word_is_a_standstill():
    """A channel that goes on talking under one venue time stands still, whoever else is silent."""
    told = Told()
    told.accept()
    for second in range(14):
        told.push("mark-price", mark("100"), at=NOW + second * SECOND)
        told.stream.judge(NOW + second * SECOND)

    stale = [facts["channel"] for event, facts in told.log.lines if event == "feed.stale"]
    assert [f"mark-price:{SWAP}"] == stale


def test_a_quiet_market_is_no_standstill():
    """Where nothing changes nobody contradicts anybody."""
    told = Told()
    told.accept()
    told.push("bbo-tbt", touch("99", "101"))
    for second in range(1, 60):
        now, ts = NOW + second * SECOND, T + second * 1_000
        row = {"instId": SWAP, "bidPx": "99", "bidSz": "1", "askPx": "101", "askSz": "1",
               "last": "1", "ts": str(ts)}  # fmt: skip
        told.push("tickers", row, at=now)
        told.hear(b"pong", now)
        assert told.stream.judge(now) is None
        told.accept()


# --- what a book is given -----------------------------------------------------------


@pytest.mark.parametrize(("mode", "host"), [(Mode.LIVE, HOST), (Mode.TESTNET, TESTNET)])
@pytest.mark.trap("testnet-replaces-the-addresses", "okx")
@pytest.mark.trap("okx-error-without-a-number", "okx")
def test_two_sockets(mode, host):
    """The market and the account have a socket each; without keys there is the market alone."""
    seat = StreamSeat("okx", WANTED, Lines(), mode, credentials_of(KEY))
    both = [each.stream.path for each in build.streams(seat)]
    (alone,) = build.streams(replace(seat, keys=None))

    assert [f"{host}/ws/v5/public", f"{host}/ws/v5/private"] == both
    assert f"{host}/ws/v5/public" == alone.stream.path


# --- over real sockets --------------------------------------------------------------

PACE = Pace(dial=2.0, ping=1.0, silent=2_500 * MS, judge=50 * MS)
QUICK = Patience(ping=300 * MS, answer=1_500 * MS, frozen=400 * MS, silent=1_500 * MS)


class Desk:
    """The feeds of a loopback, and its market."""

    def __init__(self, loopback, wanted, look=lambda why: None):
        self.loopback, self.events, self.reasons, self.failures = loopback, [], [], []
        self.log, self.clock = Lines(), WallClock()
        self.tasks = TaskRegistry(self.failures.append)
        access = Access(ACCOUNT, lambda: (KEY.client_id, KEY.secret, KEY.passphrase))
        self.market_stream = stream.market(HOST, wanted, self.log, patience=QUICK)
        self.account_stream = stream.account(HOST, access, self.log, QUICK, look)
        self.streams = (self.market_stream, self.account_stream)
        ports = Ports(self.clock, self.tasks, SeededRandomness(7), self.log)
        self.feeds = [
            NativeFeed(each, ports, loopback.address, self.reasons.append, PACE)
            for each in self.streams
        ]
        feed = together("okx", self.feeds, self.tasks)
        self.tasks.spawn("feed", feed.run(self.events.append))
        self.moves, self.moving = 0, True
        self.tasks.spawn("market", self.market())

    async def market(self):
        """Move every price every 50 ms."""
        while True:
            if self.moving:
                self.moves += 1
                trade = (LINEAR, D(100_000), D(3))
                self.loopback.place.tell(step_of(self.clock.now(), self.moves, [trade]))
            await asyncio.sleep(0.05)

    async def until(self, condition, within=10.0):
        began = time.monotonic()
        while not condition():
            spent = time.monotonic() - began
            assert spent < within, (kinds(self.events)[-5:], self.log.lines, self.failures)
            await asyncio.sleep(0.005)

    def statuses(self):
        return [each.alive for each in self.events if isinstance(each, FeedStatus)]

    @property
    def live(self):
        return all(each.live for each in self.streams)


BOTH = Wanted((SWAP, INVERSE.partition(":")[2]), (OPTION,))


@contextlib.asynccontextmanager
async def at_work(wanted=BOTH):
    async with fair() as loopback:
        desk = Desk(loopback, wanted)
        try:
            await desk.until(lambda: Mark in kinds(desk.events) and desk.live)
            yield desk
        finally:
            await desk.tasks.close()
            assert [] == desk.failures


def submit(desk, quantity, price, **changes):
    told = {"time_in_force": TimeInForce.IOC, "label": "rb01"} | changes
    return desk.loopback.place.submit(Asked(ACCOUNT, LINEAR, quantity, price, **told))


@pytest.mark.proves("okx", "market", "loopback")
@pytest.mark.proves("okx", "options", "loopback")
@pytest.mark.trap("greeks-have-no-stream", "okx")
@pytest.mark.trap("mark-is-not-in-the-ticker", "okx")
async def test_all_that_a_book_needs():
    """Two readings of the protocol meet: every kind of event comes, nothing is refused."""
    needed = {Quote, Mark, Index, FundingRate, Trade, OptionMark, OpenInterest}
    async with at_work() as desk:
        await desk.until(lambda: needed <= set(kinds(desk.events)))
        await asyncio.sleep(0.5)

        for each in desk.streams:
            assert [] == each.counts.dropped
            assert (0, 0, 0) == (each.counts.refused, each.counts.unknown, each.counts.gaps)
        assert {"feed.connected"} == {event for event, _ in desk.log.lines}
        (index,) = {each.underlying for each in desk.events if isinstance(each, Index)}
        assert "BTC" == index


@pytest.mark.proves("okx", "account", "loopback")
async def test_an_order_and_its_fills():
    """Fills come before the end of their order, each once, with what they cost."""
    async with at_work() as desk:
        desk.moving = False
        await asyncio.sleep(0.1)
        ask = desk.loopback.place.book(LINEAR).asks
        submit(desk, D(2_500), ask[1][0])
        await desk.until(lambda: OrderEnded in kinds(desk.events))
        fills = [each for each in desk.events if isinstance(each, Fill)]
        (end,) = [each for each in desk.events if isinstance(each, OrderEnded)]
        truth = desk.loopback.place.fills(ACCOUNT)

    assert [(each.price, each.quantity, each.fee) for each in truth] == [
        (each.price, each.quantity, each.fee) for each in fills
    ]
    assert (Ending.FILLED, D(2_500), "rb01") == (end.how, end.filled, end.client_order_id)
    assert kinds(desk.events).index(Fill) < kinds(desk.events).index(OrderEnded)


async def test_a_liquidation_is_booked_once():
    """What was taken by force is no fill of the stream: the account is read at once instead."""
    looks = []
    async with fair(cash={"USDT": D(40_000)}) as loopback:
        desk = Desk(loopback, BOTH, looks.append)
        try:
            await desk.until(lambda: desk.live)
            desk.moving = False
            await asyncio.sleep(0.1)
            submit(desk, D(300), D(100_100))
            await desk.until(lambda: OrderEnded in kinds(desk.events))
            for move in (-50_000, -90_000, -120_000, -150_000):  # ticks of 0.1
                loopback.place.tell(step_of(loopback.place.now(), move))
            await desk.until(lambda: looks)
            async with at(loopback) as opened:
                told = (await opened.venue.history(0)).events
        finally:
            await desk.tasks.close()

    streamed = [each.trade_id for each in desk.events if isinstance(each, Fill)]
    ledger = Ledger()
    for each in (*desk.events, *told):
        if isinstance(each, Fill):
            book_fill(ledger, each, INSTRUMENTS[LINEAR], ours=False)
    assert streamed == [each.trade_id for each in told if isinstance(each, Fill)][: len(streamed)]
    assert "full_liquidation" in looks[0]
    assert (
        loopback.place.positions(ACCOUNT).get(LINEAR, 0)
        == ledger.position(ACCOUNT, LINEAR).quantity
    )


def test_pairs_of_the_book():
    """The stream tells fills of the pairs that the book hedges with, and of no others."""
    events = []
    wanted = Wanted(("BTC-USDT", SWAP))
    seat = StreamSeat("okx", wanted, Lines(), Mode.LIVE, credentials_of(KEY))
    own = build.streams(seat)[1].stream
    own.opened(events.append, NOW)
    row = {"ordId": "1", "side": "buy", "state": "filled", "uTime": str(T), "tradeId": "77"}
    row |= {"sz": "5", "accFillSz": "5", "fillSz": "5", "fillPx": "9"}
    row |= {"fillFee": "-1", "fillFeeCcy": "BTC"}
    told = [row | {"instId": name} for name in ("BTC-USDT", "ETH-USDT", SWAP)]
    frame = {"arg": {"channel": "orders", "instType": "ANY"}, "data": told}
    own.received(json.dumps(frame).encode(), NOW)

    assert ["okx:BTC-USDT", LINEAR] == [e.instrument for e in events if isinstance(e, Fill)]


def test_whom_the_stream_wakes():
    """A venue that trades by itself wakes whoever reads the account; an order does not."""
    looks = []
    seat = StreamSeat("okx", WANTED, Lines(), Mode.LIVE, credentials_of(KEY), look=looks.append)
    own = build.streams(seat)[1].stream
    own.opened([].append, NOW)
    row = {"instId": SWAP, "ordId": "1", "side": "sell", "state": "filled", "uTime": str(T)}
    row |= {"sz": "5", "accFillSz": "5", "fillSz": "5", "fillPx": "9", "tradeId": "77"}
    for category in ("normal", "adl"):
        frame = {"arg": {"channel": "orders", "instType": "ANY"}, "data": [row]}
        row["category"] = category
        own.received(json.dumps(frame).encode(), NOW)

    assert 1 == len(looks)
    assert "adl" in looks[0]


async def test_orders_that_rest_and_lapse():
    """What rests is accepted, what is withdrawn is canceled, what lapses has expired."""
    async with at_work() as desk:
        outcome = submit(desk, D(1), D(50_000), time_in_force=TimeInForce.GTC, label="rb02")
        desk.loopback.place.cancel(ACCOUNT, outcome.order.order_id)
        submit(desk, D(1), D(50_000))
        await desk.until(lambda: 2 == kinds(desk.events).count(OrderEnded))
        told = [each for each in desk.events if isinstance(each, OrderAccepted | OrderEnded)]

    assert [OrderAccepted, OrderEnded, OrderEnded] == kinds(told)
    assert [Ending.CANCELED, Ending.EXPIRED] == [each.how for each in told[1:]]


@pytest.mark.trap("bad-frame-ends-the-loop", "okx")
async def test_garbage():
    """Frames that are no JSON are counted, and the stream goes on."""
    async with at_work() as desk:
        desk.loopback.script.add(Plan(Kind.GARBAGE, "*BTC*", times=5))
        await desk.until(lambda: len(desk.loopback.script.struck(Kind.GARBAGE)) == 5)
        seen = len(desk.events)
        await desk.until(lambda: len(desk.events) > seen + 20)

        assert desk.market_stream.counts.refused >= 5
        assert [] == desk.statuses()


@pytest.mark.trap("frozen-peer", "okx")
async def test_half_open_socket():
    """A peer that takes everything and answers nothing is given up."""
    async with at_work() as desk:
        plans = Plan(Kind.HALF_OPEN, "connect"), Plan(Kind.CUT, "bbo-tbt:BTC-USDT-SWAP")
        desk.loopback.script.add(*plans)
        await desk.until(lambda: False in desk.statuses())
        await desk.until(lambda: desk.statuses() == [False, True], 20)

        assert 1 == len(desk.loopback.script.struck(Kind.HALF_OPEN))
        assert desk.feeds[0].rebuilt >= 2


@pytest.mark.parametrize("channel", ["bbo-tbt:*", "orders"])
@pytest.mark.trap("reconnect-is-a-gap", "okx")
async def test_a_lost_socket(channel):
    """Whichever socket is lost, the venue is lost once and back once, and the account is read."""
    async with at_work() as desk:
        desk.loopback.script.add(Plan(Kind.CUT, channel))
        submit(desk, D(1), D(200_000))
        await desk.until(lambda: desk.statuses() == [False, True])

        assert 1 == len(desk.reasons)
        assert "okx stream is back" in desk.reasons[0]


@pytest.mark.proves("okx", "standstill", "loopback")
@pytest.mark.trap("pongs-without-data", "okx")
async def test_a_frozen_channel_is_rebuilt():
    """Best prices that freeze while the rest moves are found; the socket is built anew."""
    async with at_work() as desk:
        desk.loopback.script.add(Plan(Kind.FREEZE, "bbo-tbt:BTC-USDT-SWAP", times=None, lasts=1.5))
        await desk.until(lambda: desk.statuses() == [False, True], 15)

        assert "feed.stale" in [event for event, _ in desk.log.lines]


@pytest.mark.trap("pongs-without-data", "okx")
async def test_a_silent_market_is_rebuilt():
    """A market that says nothing while pongs go on is found within its time."""
    async with at_work() as desk:
        desk.loopback.script.add(Plan(Kind.STALL, "*BTC*", times=None, lasts=2.5))
        await desk.until(lambda: desk.statuses() == [False, True], 15)

        assert "the market is silent" in desk.reasons[0]


@pytest.mark.proves("okx", "books", "loopback")
@pytest.mark.trap("book-without-a-chain", "okx")
async def test_a_lost_change_is_mended():
    """A book whose change was lost on the way is whole again, on the same socket."""
    async with at_work() as desk:
        desk.loopback.script.add(Plan(Kind.LOSE, "books:BTC-USDT-SWAP"))
        await desk.until(lambda: desk.market_stream.counts.gaps == 1)
        await asyncio.sleep(0.4)

        assert 1 == desk.market_stream.counts.gaps
        assert [] == desk.statuses()


async def test_one_channel_that_cannot_be_had():
    """A venue that refuses one channel is followed by the others."""
    async with fair() as loopback:
        loopback.host.desk.hurdle["tickers:BTC-USDT-SWAP"] = "60018"
        desk = Desk(loopback, BOTH)
        try:
            await desk.until(lambda: desk.live and Quote in kinds(desk.events))
            assert ["tickers:BTC-USDT-SWAP"] == desk.market_stream.counts.dropped
        finally:
            await desk.tasks.close()


async def test_a_wrong_key_leaves_the_market():
    """A login that is refused leaves the market followed."""
    async with fair() as loopback:
        loopback.host.desk.keyring._keys.clear()
        desk = Desk(loopback, BOTH)
        try:
            await desk.until(lambda: desk.live and Quote in kinds(desk.events))
            assert ["orders"] == desk.account_stream.counts.dropped
        finally:
            await desk.tasks.close()
