"""Binance's streams without a socket: what is asked for, told, refused, frozen and mended."""

from decimal import Decimal

import msgspec
import pytest

from rebalancer.core.events import Fill, FundingRate, Index, Mark, OrderEnded, Quote, Trade
from rebalancer.ports import SECOND
from rebalancer.settings.models import Mode
from rebalancer.venues.binance import channels
from rebalancer.venues.binance.family import COINM, SPOT, USDM
from rebalancer.venues.binance.stream import MarketStream
from rebalancer.venues.binance.user import LOGIN, Access, UserStream
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.parts import PARTS
from rebalancer.venues.seats import StreamSeat
from rebalancer.venues.wanted import Wanted
from rebalancer.wire.binance.market import DepthSnapshot
from tests.venues.deribit_frames import Lines
from tests.wire.test_binance_frames import MARK, report, update

D = Decimal
MS = 1_000_000
T = 1_700_000_000_000  # ms
NOW = T * MS


class Heeded(Lines):
    """A log that tells the names of its lines."""

    def names(self):
        return [event for event, _ in self.lines]


class Told:
    """A stream on a socket of its own making."""

    def __init__(self, venue, which=0, names=None):
        self.events, self.log, self.depths = [], Heeded(), []
        self.venue, self.now = venue, NOW
        wanted = Wanted(names or ("BTCUSD_PERP" if venue is COINM else "BTCUSDT",))
        socket = channels.sockets(venue)[which]
        self.stream = MarketStream(
            *(venue, socket, wanted, self.log), lambda now, depth: self.depths.append(depth)
        )
        self.open()

    def open(self):
        self.stream.opened(self.events.append, self.now)

    def sent(self):
        return [msgspec.json.decode(each) for each in self.stream.take()]

    def grant(self):
        """Answer whatever was asked."""
        for each in self.sent():
            self.say({"result": None, "id": each["id"]})

    def say(self, told):
        payload = told if isinstance(told, bytes) else msgspec.json.encode(told)
        self.stream.received(payload, self.now)

    def of(self, kind):
        return [each for each in self.events if isinstance(each, kind)]


def touch(update=10, bid="61000.0", at=T, **changes):
    """Return best prices as a futures venue tells them."""
    told = {"u": update, "s": "BTCUSDT", "b": bid, "B": "1", "a": "61000.1", "A": "2"}
    return {"e": "bookTicker", **told, "T": at, "E": at, **changes}


def depth(first, last, previous, bids=(), asks=(), at=T, **changes):
    """Return changes in depth as a futures venue tells them."""
    told = {"e": "depthUpdate", "E": at, "T": at, "s": "BTCUSDT", "U": first, "u": last}
    return {**told, "pu": previous, "b": list(bids), "a": list(asks), **changes}


BOOK = DepthSnapshot(100, ((D(61000), D(1)),), ((D("61000.1"), D(2)),))


@pytest.mark.parametrize(
    ("venue", "paths"),
    [
        (USDM, ["fstream.binance.com/public/ws", "fstream.binance.com/market/ws"]),
        (COINM, ["dstream.binance.com/ws"]),
        (SPOT, ["stream.binance.com:9443/ws", "fstream.binance.com/market/ws"]),
    ],
)
def test_sockets(venue, paths):
    """Each venue has its own hosts; USD-M splits its streams, spot borrows an index."""
    assert paths == [each.path for each in channels.sockets(venue)]


@pytest.mark.parametrize(
    ("venue", "which", "names"),
    [
        (USDM, 0, ["btcusdt@bookTicker", "btcusdt@depth@100ms"]),
        (USDM, 1, ["btcusdt@markPrice@1s", "btcusdt@aggTrade"]),
        (
            COINM,
            0,
            [
                *("btcusd_perp@markPrice@1s", "btcusd@indexPrice@1s", "btcusd_perp@bookTicker"),
                *("btcusd_perp@depth@100ms", "btcusd_perp@aggTrade"),
            ],
        ),
        (SPOT, 0, ["btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@aggTrade"]),
        (SPOT, 1, ["btcusdt@markPrice@1s"]),
    ],
)
def test_subscribes(venue, which, names):
    """A socket asks for its own channels, and is live once they are granted."""
    told = Told(venue, which)
    (asked,) = told.sent()
    assert ("SUBSCRIBE", names) == (asked["method"], asked["params"])
    assert not told.stream.live

    told.say({"result": None, "id": asked["id"]})

    assert told.stream.live


def test_quotes():
    """Best prices are told with the venue's time; one that is older by its number is not."""
    told = Told(USDM)
    told.say(touch(10))
    told.say(touch(9, bid="60999.0"))
    told.say(touch(11, bid="60998.0", at=T + 1))

    assert [D(61000), D(60998)] == [each.bid for each in told.of(Quote)]
    assert T * MS == told.of(Quote)[0].ts_venue
    assert 1 == told.stream.counts.late


def test_spot_quotes_have_no_time():
    """Spot tells no time with its best prices; none is made up."""
    told = Told(SPOT)
    told.say({k: v for k, v in touch(10).items() if k not in ("e", "T", "E")})

    assert [None] == [each.ts_venue for each in told.of(Quote)]


def test_clock_behind_the_exchange():
    """A venue whose clock is a little ahead of ours is believed (recorded: ours was behind)."""
    told = Told(USDM)
    told.say(touch(10, at=T + 400))

    assert 1 == len(told.of(Quote))


def test_marks_and_intervals():
    """Mark and index are told at once, funding once its interval is known: four hours, or eight."""
    told = Told(USDM, 1, ("BTCUSDT", "ETHUSDT"))
    told.say({**MARK, "E": T})
    assert ([1, 1, 0]) == [len(told.of(kind)) for kind in (Mark, Index, FundingRate)]

    told.stream.words.intervals = {"BTCUSDT": 4 * 3600 * SECOND}
    told.say({**MARK, "E": T + 1000})
    told.say({**MARK, "s": "ETHUSDT", "E": T + 1000})

    assert [4, 8] == [each.interval // (3600 * SECOND) for each in told.of(FundingRate)]


@pytest.mark.parametrize(
    ("venue", "symbol", "sockets"), [(USDM, "BTCUSDT", 2), (COINM, "BTCUSD_PERP", 1)]
)
@pytest.mark.trap("binance-mark-overwrites-the-touch", "binanceusdm", "binancecoinm")
def test_a_mark_is_no_touch(venue, symbol, sockets):
    """A mark leaves the best prices as they were: each is told as what it is."""
    all_told = [Told(venue, which) for which in range(sockets)]
    for told in all_told:
        told.say(touch(10, s=symbol))
        told.say({**MARK, "s": symbol, "p": "50000.0", "E": T + 1})
        told.say(touch(11, s=symbol, at=T + 2))
    quotes = [each for told in all_told for each in told.of(Quote)]
    marks = [each for told in all_told for each in told.of(Mark)]

    assert [(D(61000), D("61000.1"))] * 2 == [(each.bid, each.ask) for each in quotes]
    assert [D(50000)] == [each.price for each in marks]


def test_borrowed_index():
    """Of the contract whose index spot borrows nothing else is told."""
    told = Told(SPOT, 1)
    told.stream.words.intervals = {}
    told.say({**MARK, "E": T})

    assert [("binance", "BTC")] == [(each.venue, each.underlying) for each in told.of(Index)]
    assert 1 == len(told.events)


def test_coin_margined():
    """COIN-M tells mark and index by themselves, and each names its contract or its coin."""
    told = Told(COINM)
    bare = {k: v for k, v in MARK.items() if k != "i"}
    told.say({**bare, "s": "BTCUSD_PERP", "E": T})
    told.say({"e": "indexPriceUpdate", "E": T, "i": "BTCUSD", "p": "61001.5"})

    assert ["binancecoinm:BTCUSD_PERP"] == [each.instrument for each in told.of(Mark)]
    assert [("binancecoinm", "BTC")] == [(each.venue, each.underlying) for each in told.of(Index)]


def test_trades():
    """Public trades are told as they come."""
    told = Told(USDM, 1)
    sold = {"p": "61000", "q": "2", "T": T, "m": True}
    told.say({"e": "aggTrade", "E": T, "a": 1, "s": "BTCUSDT", **sold})

    assert [D(-2)] == [each.quantity for each in told.of(Trade)]


# --- depth --------------------------------------------------------------------------------


def test_book_begins_with_a_snapshot():
    """Changes wait for a snapshot that is asked for by REST; those before it are passed over."""
    told = Told(USDM)
    assert ["BTCUSDT"] == list(told.stream.words.bare)
    told.say(depth(90, 95, 89, bids=[["60000", "5"]]))
    told.say(depth(96, 105, 95, bids=[["60999", "3"]]))
    assert [] == told.depths

    told.stream.words.snapshot("BTCUSDT", BOOK, NOW)
    told.say(depth(106, 110, 105, asks=[["61000.1", "0"], ["61001", "7"]]))

    assert {} == told.stream.words.bare
    assert (D(61000), D(1)) == told.depths[-1].bids[0]
    assert (D(60999), D(3)) == told.depths[-1].bids[1]
    assert ((D(61001), D(7)),) == told.depths[-1].asks


def test_gap():
    """A change that does not follow the one before makes the book wait for another snapshot."""
    told = Told(USDM)
    told.stream.words.snapshot("BTCUSDT", BOOK, NOW)
    told.say(depth(101, 105, 100, bids=[["60999", "3"]]))
    count = len(told.depths)
    told.say(depth(108, 110, 107, bids=[["60998", "3"]]))

    assert (1, ["BTCUSDT"]) == (told.stream.counts.gaps, list(told.stream.words.bare))
    assert count == len(told.depths)

    told.stream.words.snapshot("BTCUSDT", DepthSnapshot(109, BOOK.bids, BOOK.asks), NOW)
    told.say(depth(111, 112, 110, bids=[["60997", "3"]]))

    assert {} == told.stream.words.bare
    assert count < len(told.depths)


def test_crossed():
    """A book whose bids meet its asks is no book."""
    told = Told(USDM)
    told.stream.words.snapshot("BTCUSDT", BOOK, NOW)
    told.say(depth(101, 105, 100, bids=[["62000", "3"]]))

    assert (1, ["BTCUSDT"]) == (told.stream.counts.gaps, list(told.stream.words.bare))


def test_spot_chain():
    """Spot chains its changes by first and last number alone."""
    told = Told(SPOT)
    told.stream.words.snapshot("BTCUSDT", BOOK, NOW)
    bare = {k: v for k, v in depth(101, 105, 0, bids=[["60999", "3"]]).items() if k != "pu"}
    told.say({k: v for k, v in bare.items() if k != "T"})
    told.say({**bare, "U": 107, "u": 109})

    assert 1 == told.stream.counts.gaps


# --- what goes wrong ----------------------------------------------------------------------


def test_refused_channel_is_dropped():
    """A refused batch is asked for in halves, until one channel is left; the others live."""
    told = Told(USDM)
    for _ in range(4):
        for each in told.sent():
            if "btcusdt@depth@100ms" in each["params"]:
                told.say({"error": {"code": 2, "msg": "no"}, "id": each["id"]})
            else:
                told.say({"result": None, "id": each["id"]})
    told.say(touch())

    assert ["btcusdt@depth@100ms"] == told.stream.counts.dropped
    assert told.stream.live
    assert 1 == len(told.of(Quote))
    assert "feed.lost" in told.log.names()


def test_bad_frame():
    """A frame that is no JSON is counted and the stream goes on."""
    told = Told(USDM)
    told.say(b'{"e":"bookTi')
    told.say(touch())

    assert (1, 1) == (told.stream.counts.refused, len(told.of(Quote)))
    assert ["feed.malformed"] == told.log.names()


def test_unfollowed():
    """What nobody follows is told to nobody."""
    told = Told(USDM)
    told.say(touch(s="ETHUSDT"))

    assert [] == told.events
    assert 1 == told.stream.counts.unknown


def test_unanswered():
    """A subscription without an answer has the socket rebuilt."""
    told = Told(USDM)

    assert told.stream.judge(NOW + 9 * SECOND) is None
    assert "SUBSCRIBE was not answered" == told.stream.judge(NOW + 11 * SECOND)


def test_steady_channel_falls_silent():
    """A mark that is silent for ten seconds is subscribed anew, and then the socket is rebuilt."""
    told = Told(USDM, 1)
    told.grant()
    told.say({**MARK, "E": T})
    assert told.stream.judge(NOW + 9 * SECOND) is None
    assert [] == told.sent()

    assert told.stream.judge(NOW + 11 * SECOND) is None
    methods = [(each["method"], each["params"]) for each in told.sent()]
    why = told.stream.judge(NOW + 20 * SECOND)

    assert [(m, ["btcusdt@markPrice@1s"]) for m in ("UNSUBSCRIBE", "SUBSCRIBE")] == methods
    assert why is None
    told.grant()
    assert told.stream.judge(NOW + 21 * SECOND + 1) is not None


def test_a_symbol_that_ends():
    """One whose marks end for good costs one rebuild; the other's are told all the while."""
    told = Told(USDM, 1, ("BTCUSDT", "ETHUSDT"))
    told.grant()
    rebuilt, live = 0, 0
    for second in range(3_600):
        told.now += SECOND
        at = told.now // MS
        for symbol in ("BTCUSDT", "ETHUSDT") if second < 30 else ("BTCUSDT",):
            told.say({**MARK, "s": symbol, "E": at})
        why = told.stream.judge(told.now)
        told.grant()
        live += told.stream.live
        if why is not None:
            rebuilt += 1
            told.open()
            told.grant()

    assert 1 == rebuilt
    assert live > 3_600 - 30
    assert told.stream.live
    told.say({**MARK, "s": "ETHUSDT", "E": told.now // MS})
    assert "binanceusdm:ETHUSDT" == told.of(Mark)[-1].instrument


def test_repeated_word():
    """A channel that says one thing again and again under one time is frozen."""
    told = Told(USDM, 1)
    told.grant()
    for second in range(12):
        told.now = NOW + second * SECOND
        told.say({**MARK, "E": T})
    told.stream.judge(told.now)

    assert "feed.stale" in told.log.names()


def test_frozen_touch():
    """Best prices that stand still while depth moves on are subscribed anew."""
    told = Told(USDM)
    told.grant()
    told.stream.words.snapshot("BTCUSDT", BOOK, NOW)
    told.say(touch(10))
    previous = 100
    for second in range(1, 14):
        told.now, at = NOW + second * SECOND, T + second * 1000
        bid = str(60_900 + second)
        told.say(
            depth(previous + 1, previous + 2, previous, bids=[["61000", "0"], [bid, "1"]], at=at)
        )
        previous += 2
        told.stream.judge(told.now)

    assert "feed.stale" in told.log.names()
    assert ["btcusdt@bookTicker"] in [each["params"] for each in told.sent()]


def test_no_such_index():
    """An index that nobody tells is dropped: a pair without a perpetual has none."""
    told = Told(SPOT, 1)
    told.grant()
    told.stream.judge(NOW + 11 * SECOND)
    told.grant()

    assert told.stream.judge(NOW + 22 * SECOND) is None
    assert ["btcusdt@markPrice@1s"] == told.stream.counts.dropped


def test_want():
    """Something else is followed on the same socket, and what is wanted no more is not."""
    told = Told(USDM)
    told.grant()
    told.stream.want(Wanted(("ETHUSDT",)), NOW)
    asked = [(each["method"], each["params"]) for each in told.sent()]
    told.say(touch())

    assert [
        ("UNSUBSCRIBE", ["btcusdt@bookTicker", "btcusdt@depth@100ms"]),
        ("SUBSCRIBE", ["ethusdt@bookTicker", "ethusdt@depth@100ms"]),
    ] == asked
    assert [] == told.events
    assert ["ETHUSDT"] == list(told.stream.words.bare)


def test_new_socket_begins_anew():
    """On a new socket nothing of the last one is believed: no book, no number."""
    told = Told(USDM)
    told.stream.words.snapshot("BTCUSDT", BOOK, NOW)
    told.say(touch(10))
    told.open()
    told.say(touch(5))

    assert 2 == len(told.of(Quote))
    assert ["BTCUSDT"] == list(told.stream.words.bare)


# --- the account's stream -----------------------------------------------------------------


class Heard:
    """An account's stream."""

    def __init__(self, venue):
        self.events, self.log = [], Heeded()
        signs = (lambda: ("key", "secret")) if venue is SPOT else None
        self.stream = UserStream(venue, Access(venue.name, signs), self.log)
        self.stream.opened(self.events.append, NOW)
        self.sent = [msgspec.json.decode(each) for each in self.stream.take()]


@pytest.mark.parametrize(("venue", "symbol"), [(USDM, "BTCUSDT"), (COINM, "BTCUSD_PERP")])
@pytest.mark.trap("binance-stream-tells-no-risk", "binanceusdm", "binancecoinm")
def test_fills_and_endings(venue, symbol):
    """Fills and endings are told as they come; balances and positions are read by REST.

    What the stream says of a position lacks its margin, its mark and its liquidation price.
    """
    heard = Heard(venue)
    heard.stream.received(update(X="FILLED", z="0.020", s=symbol), NOW)
    held = {"s": symbol, "pa": "-0.5", "ep": "61000", "up": "3", "ps": "BOTH", "mt": "cross"}
    told = {"m": "ORDER", "B": [{"a": "USDT", "wb": "1", "cw": "1", "bc": "0"}], "P": [held]}
    balances = {"e": "ACCOUNT_UPDATE", "E": 1, "T": 1, "a": told}
    heard.stream.received(msgspec.json.encode(balances), NOW)

    assert [Fill, OrderEnded] == [type(each) for each in heard.events]
    assert ([], True) == (heard.sent, heard.stream.live)


def test_key_runs_out():
    """When the listen key has expired the socket is rebuilt, with another."""
    heard = Heard(USDM)
    assert heard.stream.judge(NOW) is None
    heard.stream.received(b'{"e":"listenKeyExpired","E":1700000000000}', NOW)

    assert "the venue ended" in heard.stream.judge(NOW)
    assert not heard.stream.live


def test_spot_logs_in_with_a_signature():
    """On spot the account is subscribed with a signature; the secret itself does not travel."""
    heard = Heard(SPOT)
    (asked,) = heard.sent
    assert (LOGIN, "key", T) == (
        asked["method"], asked["params"]["apiKey"], asked["params"]["timestamp"]
    )  # fmt: skip
    assert "secret" not in str(asked)
    assert not heard.stream.live

    heard.stream.received(b'{"id":1,"status":200,"result":{"subscriptionId":0}}', NOW)

    assert heard.stream.live


REFUSED = b'{"id":%d,"status":401,"error":{"code":%d,"msg":"no"}}'


@pytest.mark.parametrize(("code", "waits"), [(-2015, 60), (-1022, 60), (-1021, 0), (-1003, 60)])
def test_login_refused(code, waits):
    """Nothing is told on such a socket: it is given up; after a fault of the key the next waits."""
    heard = Heard(SPOT)
    heard.stream.received(REFUSED % (1, code), NOW)

    assert ["feed.lost"] == heard.log.names()
    assert not heard.stream.live
    assert f"the login was refused: {code} no" == heard.stream.judge(NOW)

    heard.stream.opened(heard.events.append, NOW)
    for second in range(waits):
        assert heard.stream.judge(NOW + second * SECOND) is None
        assert ([], False) == (heard.stream.take(), heard.stream.live)
    assert heard.stream.judge(NOW + waits * SECOND) is None
    (asked,) = [msgspec.json.decode(each) for each in heard.stream.take()]
    assert (LOGIN, T + waits * 1000) == (asked["method"], asked["params"]["timestamp"])
    assert not heard.stream.live

    answer = {"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}}
    heard.stream.received(msgspec.json.encode(answer), NOW)
    assert heard.stream.live


def test_another_failure():
    """What fails and is no login leaves the socket as it is."""
    heard = Heard(SPOT)
    heard.stream.received(b'{"id":1,"status":200,"result":{"subscriptionId":0}}', NOW)
    heard.stream.received(REFUSED % (77, -1000), NOW)

    assert (True, None) == (heard.stream.live, heard.stream.judge(NOW))


def test_fee_in_the_coin_that_was_bought():
    """Such a fill is told as any other; the ledger takes the coins out of the position."""
    heard = Heard(SPOT)
    taken = report(S="BUY", X="FILLED", z="0.005", N="BTC", n="0.000005")
    heard.stream.received(taken, NOW)
    heard.stream.received(report(t=901, N="BNB"), NOW)

    told = [each for each in heard.events if isinstance(each, Fill)]
    assert [("BTC", D("0.000005")), ("BNB", told[1].fee)] == [
        (each.fee_currency, each.fee) for each in told
    ]


@pytest.mark.trap("testnet-replaces-the-addresses", "binance")
def test_a_testnet_is_a_testnet():
    """No socket of spot's testnet is the real one's, though the index is borrowed from there."""
    keys = Credentials(Secret("key"), Secret("secret"))
    found = {
        mode: [
            each.stream.path
            for each in PARTS["binance"].streams(
                StreamSeat("binance", Wanted(("BTCUSDT",)), Heeded(), mode, keys, object())
            )
        ]
        for mode in (Mode.LIVE, Mode.TESTNET)
    }

    assert ["stream.binance.com:9443", "fstream.binance.com", "ws-api.binance.com:443"] == [
        each.partition("/")[0] for each in found[Mode.LIVE]
    ]
    assert ["stream.testnet.binance.vision", "ws-api.testnet.binance.vision"] == [
        each.partition("/")[0] for each in found[Mode.TESTNET]
    ]
