"""OKX frames: shapes as recorded and documented, values of our own; and every recorded line."""

import gzip
import json
from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import pricing
from rebalancer.core.events import (
    Ending,
    Fill,
    FundingRate,
    Index,
    Mark,
    OptionMark,
    OrderAccepted,
    OrderEnded,
    PositionReport,
    Quote,
    Trade,
)
from rebalancer.core.figures import OpenInterest
from rebalancer.wire.okx import account as okx_account
from rebalancer.wire.okx import frames as okx
from rebalancer.wire.okx import market as okx_market
from rebalancer.wire.okx.frames import Failure, LoggedIn, Notice, Pong, Subscribed, Told
from rebalancer.wire.okx.market import Summary
from rebalancer.wire.okx.values import Refused, Unknown, number

D = Decimal
T = 1_700_000_000_123  # ms
NS = T * 1_000_000
NOW = NS + 7
SWAP = "BTC-USD-SWAP"
OPTION = "BTC-USD-371225-100000-C"
# Shapes: ws_* of payloads_okx, tickers and books of okx_2022-05-13, okx.com/docs-v5.
ROWS = {
    "bbo-tbt": {
        "asks": [["100.2", "415", "0", "13"]],
        "bids": [["100.1", "256", "0", "12"]],
        "ts": str(T),
        "seqId": 123456,
    },
    "books": {
        "asks": [["100.2", "415", "0", "13"], ["100.3", "2", "0", "1"]],
        "bids": [["100.1", "256", "0", "12"]],
        "ts": str(T),
        "checksum": -855196043,
        "prevSeqId": -1,
        "seqId": 123456,
    },
    "tickers": {
        "instType": "SWAP",
        "instId": SWAP,
        "last": "100.1",
        "lastSz": "1",
        "askPx": "100.2",
        "askSz": "11",
        "bidPx": "100.1",
        "bidSz": "5",
        "open24h": "99",
        "ts": str(T),
    },
    "trades": {
        "instId": SWAP,
        "tradeId": "130639474",
        "px": "100.2",
        "sz": "12",
        "side": "buy",
        "ts": str(T),
        "count": "3",
    },
    "mark-price": {"instType": "SWAP", "instId": SWAP, "markPx": "100.15", "ts": str(T)},
    "index-tickers": {"instId": "BTC-USD", "idxPx": "100.12", "ts": str(T)},
    "funding-rate": {
        "instId": SWAP,
        "fundingRate": "0.0001515",
        "fundingTime": str(T + 1_000),
        "nextFundingRate": "",
        "nextFundingTime": str(T + 1_000 + 14_400_000),
        "ts": str(T),
    },
    "open-interest": {"instType": "SWAP", "instId": SWAP, "oi": "2216113", "ts": str(T)},
    "opt-summary": {
        "instId": OPTION,
        "uly": "BTC-USD",
        "delta": "0.2",
        "deltaBS": "0.55",
        "markVol": "0.6",
        "bidVol": "",
        "askVol": "0.61",
        "fwdPx": "101000.5",
        "ts": str(T),
    },
}
ORDER = {
    "accFillSz": "0.03",
    "avgPx": "103698.9",
    "cTime": str(T - 1),
    "cancelSource": "",
    "category": "normal",
    "ccy": "USDT",
    "clOrdId": "rb0100020000e1v7v",
    "execType": "T",
    "fee": "-0.0217",
    "feeCcy": "USDT",
    "fillFee": "-0.0072",
    "fillFeeCcy": "USDT",
    "fillPx": "103698.9",
    "fillSz": "0.01",
    "fillTime": str(T),
    "instId": "BTC-USDT-SWAP",
    "instType": "SWAP",
    "ordId": "2497956918703120384",
    "ordType": "ioc",
    "posSide": "net",
    "px": "103700",
    "side": "sell",
    "state": "partially_filled",
    "sz": "0.05",
    "tradeId": "1518905529",
    "uTime": str(T + 2),
}


def frame(channel, *rows, subject=SWAP, **more):
    """Return a push."""
    key = "instFamily" if channel == "opt-summary" else "instId"
    told = {"arg": {"channel": channel, key: subject}, **more, "data": list(rows)}
    return json.dumps(told).encode()


def orders(*rows):
    told = {"arg": {"channel": "orders", "instType": "ANY", "uid": "7"}, "data": list(rows)}
    return json.dumps(told).encode()


def row(channel, **changes):
    """Return the one row of a push, as it is decoded."""
    told = okx.decode(frame(channel, ROWS[channel] | changes))
    assert isinstance(told, Told), told
    return told.rows[0]


# --- frames -------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ROWS)
def test_told(channel):
    """A push is read with its channel and what it is about; its rows keep their order."""
    told = okx.decode(frame(channel, ROWS[channel], ROWS[channel]))

    assert (f"{channel}:{SWAP}", SWAP, 2) == (told.channel, told.subject, len(told.rows))


def test_changes_are_no_snapshots():
    """A book's push says whether it is whole."""
    whole = okx.decode(frame("books", ROWS["books"], action="snapshot"))
    part = okx.decode(frame("books", ROWS["books"], action="update"))

    assert (True, False) == (whole.whole, part.whole)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"pong", Pong()),
        (b'{"event":"login","code":"0","msg":"","connId":"a"}', LoggedIn()),
        (
            b'{"id":"1","event":"subscribe","arg":{"channel":"books","instId":"X"},"connId":"a"}',
            Subscribed("books:X", on=True),
        ),
        (
            b'{"event":"unsubscribe","arg":{"channel":"opt-summary","instFamily":"BTC-USD"}}',
            Subscribed("opt-summary:BTC-USD", on=False),
        ),
        (
            b'{"event":"subscribe","arg":{"channel":"orders","instType":"ANY"}}',
            Subscribed("orders", on=True),
        ),
        (
            b'{"id":"9","event":"error","code":"60018","msg":"no","connId":"a"}',
            Failure("9", "60018", "no"),
        ),
        (b'{"event":"login","code":"60009","msg":"no"}', Failure(None, "60009", "no")),
        (
            b'{"event":"channel-conn-count-error","arg":{"channel":"orders"},"connId":"a"}',
            Failure(None, "channel-conn-count-error", "", "orders"),
        ),
        (b'{"event":"notice","code":"64008","msg":"soon"}', Notice("64008", "soon")),
        (b'{"event":"channel-conn-count","channel":"orders"}', Unknown("channel-conn-count")),
        (b'{"arg":{"channel":"candle1D","instId":"X"},"data":[["1"]]}', Unknown("candle1D")),
        (b'{"code":"0","data":[]}', Unknown(None)),
    ],
)
def test_control(text, message):
    """Answers, errors, notices and signs of life are told apart."""
    assert message == okx.decode(text)


@pytest.mark.parametrize("text", [b"", b"ping", b"{", b"[]", b"1", b'"x"', b"[" * 200_000])
def test_no_message(text):
    """What is no object is refused, and raises nothing."""
    assert isinstance(okx.decode(text), Refused)


@pytest.mark.parametrize(
    ("channel", "changes"),
    [
        ("bbo-tbt", {"bids": [["100.2", "1", "0", "1"]]}),  # bid at the ask
        ("bbo-tbt", {"bids": [["-1", "1", "0", "1"]]}),
        ("bbo-tbt", {"bids": [["1", "0", "0", "1"]]}),
        ("bbo-tbt", {"bids": [["NaN", "1", "0", "1"]]}),
        ("bbo-tbt", {"ts": ""}),
        ("books", {"asks": [["1e999999999", "1", "0", "1"]]}),
        ("tickers", {"bidPx": "100.2"}),
        ("tickers", {"bidPx": "nonsense"}),
        ("tickers", {"bidSz": "0"}),
        ("trades", {"sz": "0"}),
        ("trades", {"px": ""}),
        ("trades", {"side": "long"}),
        ("mark-price", {"markPx": "0"}),
        ("mark-price", {"markPx": None}),
        ("index-tickers", {"idxPx": "-1"}),
        ("funding-rate", {"fundingRate": "2"}),
        ("funding-rate", {"fundingRate": ""}),
        ("funding-rate", {"nextFundingTime": str(T)}),
        ("funding-rate", {"nextFundingTime": ""}),
        ("open-interest", {"oi": "-1"}),
        ("opt-summary", {"markVol": "0"}),
        ("opt-summary", {"markVol": ""}),
        ("opt-summary", {"fwdPx": ""}),
        ("opt-summary", {"fwdPx": "NaN"}),
    ],
)
def test_not_believed(channel, changes):
    """A number that is missing, empty or cannot be is refused; it is never 0."""
    assert isinstance(okx.decode(frame(channel, ROWS[channel] | changes)), Refused)


@pytest.mark.parametrize(
    "changes", [{"markVol": "0"}, {"markVol": ""}, {"fwdPx": ""}, {"fwdPx": "NaN"}, {"instId": 7}]
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_option_spoils_no_other(changes, place):
    """A summary tells a whole family: a row that cannot be believed is left out of it, and why."""
    rows = [ROWS["opt-summary"] | {"instId": f"BTC-USD-371225-{each}-C"} for each in (1, 2)]
    rows.insert(place, ROWS["opt-summary"] | changes)
    told = okx.decode(frame("opt-summary", *rows, subject="BTC-USD"))

    assert isinstance(told, Told)
    assert ["BTC-USD-371225-1-C", "BTC-USD-371225-2-C"] == [each.instrument for each in told.rows]
    assert 1 == len(told.spoiled)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes(payload):
    """Whatever comes, a message is returned."""
    okx.decode(payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(ROWS)), st.data())
def test_any_row(channel, data):
    """Whatever stands in a field of a push: it is told, refused, or unknown; nothing is raised."""
    name = data.draw(st.sampled_from(sorted(ROWS[channel])))
    told = okx.decode(frame(channel, ROWS[channel] | {name: data.draw(JSON)}))

    assert isinstance(told, Told | Refused)


@given(st.sampled_from(sorted(ORDER)), JSON)
def test_any_order(name, value):
    """Whatever stands in a field of an order: events, or a refusal; nothing is raised."""
    told = okx.decode(orders(ORDER | {name: value}))

    assert isinstance(told, Told | Refused)
    for each in told.rows if isinstance(told, Told) else ():
        list(okx_account.events(each, "okx", NOW))


# --- the market ---------------------------------------------------------------------


def test_quote():
    """Best prices become a quote; numbers are those of the text."""
    told = okx_market.quote(row("bbo-tbt"), SWAP, NOW)

    assert told == Quote(NOW, NS, "okx:BTC-USD-SWAP", D("100.1"), D(256), D("100.2"), D(415))


@pytest.mark.parametrize("side", ["bids", "asks"])
def test_an_empty_side(side):
    """A side that nobody quotes is None, not 0."""
    told = okx_market.quote(row("bbo-tbt", **{side: []}), SWAP, NOW)
    own = (told.bid, told.bid_size) if side == "bids" else (told.ask, told.ask_size)

    assert (None, None) == own


def test_an_empty_ticker():
    """A ticker without a price on one side tells none."""
    assert (None, D("100.2")) == okx_market.touch(row("tickers", bidPx="", bidSz=""))


def test_marks_and_indexes():
    """A mark is of an instrument, an index of a coin where it is in dollars."""
    assert Mark(NOW, NS, "okx:BTC-USD-SWAP", D("100.15")) == okx_market.mark(row("mark-price"), NOW)
    assert Index(NOW, NS, "okx", "BTC", D("100.12")) == okx_market.index(row("index-tickers"), NOW)
    assert okx_market.index(row("index-tickers", instId="ETH-BTC"), NOW) is None


@pytest.mark.parametrize("hours", [1, 2, 4, 8])
def test_funding_has_its_own_interval(hours):
    """The interval is what lies between this time and the next, whatever it was elsewhere."""
    told = row("funding-rate", nextFundingTime=str(T + 1_000 + hours * 3_600_000))
    due = (T + 1_000) * 1_000_000

    assert okx_market.funding(told, NOW) == FundingRate(
        NOW, NS, "okx:BTC-USD-SWAP", 0.0001515, hours * 3_600 * 10**9, due
    )


def test_trades_are_signed_contracts():
    """A trade is + where the taker bought, in contracts."""
    bought, sold = (okx_market.trade(row("trades", side=each), NOW) for each in ("buy", "sell"))

    assert bought == Trade(NOW, NS, "okx:BTC-USD-SWAP", D("100.2"), D(12))
    assert D(-12) == sold.quantity


def test_open_interest():
    """Open interest is contracts; nothing at all is none."""
    told = okx_market.open_interest(row("open-interest"), NOW)

    assert told == OpenInterest(NOW, NS, "okx:BTC-USD-SWAP", D(2_216_113))
    assert okx_market.open_interest(row("open-interest", oi="0"), NOW) is None


@pytest.mark.trap("vol-is-percent-or-fraction", "okx")
def test_an_option_has_the_older_time():
    """Price, vol and forward come from two channels; vols are fractions, the price is in coin."""
    mark = row("mark-price", instId=OPTION, markPx="0.35", ts=str(T + 50))
    told = okx_market.option_mark(mark, row("opt-summary"), NOW)

    assert told == OptionMark(NOW, NS, f"okx:{OPTION}", D("0.35"), 0.6, 101_000.5, delta=0.55)


def test_a_worthless_option():
    """An option far from the money may be worth nothing; no swap is."""
    assert isinstance(
        okx.decode(frame("mark-price", ROWS["mark-price"] | {"instId": OPTION, "markPx": "0"})),
        Told,
    )


@pytest.mark.trap("okx-two-deltas", "okx")
def test_two_deltas():
    """`deltaBS` is Black's; `delta` is less the premium: taking one for the other hedges wrong."""
    years, vol, forward = 0.25, 0.6, 101_000.0
    black = float(pricing.greeks(forward, 100_000.0, years, vol, +1).delta)
    premium = float(pricing.price(forward, 100_000.0, years, vol, +1)) / forward
    told = row("opt-summary", delta=f"{black - premium:.10f}", deltaBS=f"{black:.10f}")

    assert float(told.delta) == pytest.approx(black)
    assert float(told.adjusted_delta) == pytest.approx(black - premium)
    assert isinstance(told, Summary)


@pytest.mark.parametrize(
    ("text", "value"), [("", None), (None, None), ("0", D(0)), ("-1.50", D("-1.50"))]
)
def test_numbers(text, value):
    """An empty text is no number, and 0 is one."""
    assert value == number(text)


# --- the account --------------------------------------------------------------------


def told_of(*rows):
    """Return the events of an order's pushes."""
    told = okx.decode(orders(*rows))
    assert isinstance(told, Told), told
    return [event for each in told.rows for event in okx_account.events(each, "desk", NOW)]


@pytest.mark.parametrize("pairs", [frozenset(), frozenset({"okx:BTC-USDT"})])
def test_pairs(pairs):
    """A pair's coin is a position where the book names the pair; else bills tell what moved."""
    told = okx.decode(orders(ORDER | {"instId": "BTC-USDT", "fillFeeCcy": "BTC"}))
    events = list(okx_account.events(told.rows[0], "desk", NOW, pairs))

    assert ([Fill] if pairs else []) == [type(each) for each in events[:-1]]
    assert isinstance(events[-1], OrderAccepted)


def test_a_fill_comes_before_its_order():
    """The fill has the fee of its own, and the order what it filled so far."""
    fill, order = told_of(ORDER)

    assert fill == Fill(
        NOW, NS, "desk", "okx:BTC-USDT-SWAP", "1518905529", ORDER["clOrdId"],
        D("-0.01"), D("103698.9"), D("0.0072"), "USDT", number=1518905529,
    )  # fmt: skip
    assert order == OrderAccepted(NOW, NS + 2_000_000, ORDER["clOrdId"], ORDER["ordId"])


@pytest.mark.parametrize(
    ("changes", "fee"),
    [
        ({"fillFee": "0.001"}, D("-0.001")),  # a rebate
        ({"fillFee": "", "accFillSz": "0.01", "fee": "-0.5"}, D("0.5")),  # the first: all of it
        ({"fillFee": ""}, None),  # which part of the order's is its own nobody says
        ({"fillFeeCcy": "", "feeCcy": ""}, None),
        ({"fillSz": "0", "tradeId": ""}, None),  # nothing was filled
        ({"tradeId": "0"}, None),
    ],
)
def test_fills(changes, fee):
    """A fill whose fee is not known is left to the list of fills."""
    fills = [each for each in told_of(ORDER | changes) if isinstance(each, Fill)]

    assert ([] if fee is None else [fee]) == [each.fee for each in fills]


@pytest.mark.parametrize(
    ("changes", "how", "filled"),
    [
        ({"state": "filled", "accFillSz": "0.05"}, Ending.FILLED, "-0.05"),
        ({"state": "canceled", "cancelSource": "14"}, Ending.EXPIRED, "-0.03"),
        ({"state": "canceled", "cancelSource": "1"}, Ending.CANCELED, "-0.03"),
        ({"state": "canceled", "cancelSource": "0", "ordType": "limit"}, Ending.CANCELED, "-0.03"),
        ({"state": "mmp_canceled", "ordType": "limit", "side": "buy"}, Ending.CANCELED, "0.03"),
    ],
)
def test_endings(changes, how, filled):
    """How an order ended follows from its type and from who withdrew it."""
    end = told_of(ORDER | changes)[-1]

    assert OrderEnded(NOW, NS + 2_000_000, ORDER["clOrdId"], how, D(filled)) == end


@pytest.mark.parametrize(
    "category",
    ["full_liquidation", "partial_liquidation", "adl", "twap", "delivery", "auto_conversion"],
)
@pytest.mark.parametrize("trade", ["1518905999", "0", "-1518905999"])
def test_by_the_venue(category, trade):
    """What the venue itself traded is left to the lists, where it may have another trade id."""
    told = ORDER | {"category": category, "clOrdId": "", "tradeId": trade, "state": "filled"}
    (row_,) = okx.decode(orders(told)).rows

    assert [] == told_of(told)
    assert okx_account.by_venue(row_)


@pytest.mark.parametrize("category", ["normal", "ddh", ""])
def test_by_somebody(category):
    """What was ordered is told at once, also by the bot that hedges options at the venue."""
    assert [Fill, OrderAccepted] == [type(each) for each in told_of(ORDER | {"category": category})]


def test_a_foreign_order():
    """An order without a client id is told under the venue's own."""
    assert ORDER["ordId"] == told_of(ORDER | {"clOrdId": ""})[-1].client_order_id


def test_overfilled():
    """An order that filled more than it was is not believed."""
    assert isinstance(okx.decode(orders(ORDER | {"accFillSz": "0.06"})), Refused)


@pytest.mark.trap("balance-is-not-equity", "okx")
def test_balances_and_positions():
    """Cash is `cashBal`; a position is signed in net mode, and by its side else."""
    account = {"details": [{"ccy": "BTC", "cashBal": "1.5", "eq": "1.7"}], "uTime": str(T)}
    held = [
        {"instId": SWAP, "pos": "-7", "posSide": "net", "avgPx": "100.5"},
        {"instId": SWAP, "pos": "7", "posSide": "short", "avgPx": ""},
    ]
    frames = [
        {"arg": {"channel": "account"}, "data": [account]},
        {"arg": {"channel": "positions", "instType": "ANY"}, "data": held},
    ]
    events = [
        event
        for each in frames
        for row_ in okx.decode(json.dumps(each).encode()).rows
        for event in okx_account.events(row_, "desk", NOW)
    ]

    assert events == [
        PositionReport(NOW, None, "desk", "okx:BTC", D("1.5")),
        PositionReport(NOW, None, "desk", "okx:BTC-USD-SWAP", D(-7), D("100.5")),
        PositionReport(NOW, None, "desk", "okx:BTC-USD-SWAP", D(-7)),
    ]


# --- recordings ---------------------------------------------------------------------


class Line(msgspec.Struct):
    msg: msgspec.Raw
    kind: str = ""
    file: str = ""


def lines(recordings, name):
    """Yield the lines of a capture, the message as it was sent."""
    with gzip.open(recordings / "raw" / name) as file:
        yield from map(msgspec.json.Decoder(Line).decode, file)


@pytest.mark.proves("okx", "market", "recorded")
def test_the_capture(recordings):
    """Every frame of the capture of 2022 is known and believed."""
    found = Counter()
    for line in lines(recordings, "okx_2022-05-13.jsonl.gz"):
        if line.kind == "recv":
            told = okx.decode(line.msg)
            name = told.channel.partition(":")[0] if hasattr(told, "channel") else ""
            found[type(told).__name__, name] += 1

    assert {
        ("Subscribed", "tickers"): 9,
        ("Subscribed", "trades"): 6,
        ("Subscribed", "books"): 3,
        ("Told", "tickers"): 28,
        ("Told", "trades"): 74,
        ("Told", "books"): 290,
    } == found


# Payloads of websockets; one of them lacks its frame, and some are of channels not read here.
ELSEWHERE = {
    "ws_candle.json": Unknown,
    "ws_instruments.json": Unknown,
    "ws_orders_algo.json": Unknown,
    "ws_sprd_orders.json": Unknown,
    "ws_opt_summary.json": Refused,
}


@pytest.mark.proves("okx", "account", "recorded")
def test_the_payloads(recordings):
    """Every payload of a websocket is read, or is of a channel that nobody follows."""
    seen, forced = {}, []
    for line in lines(recordings, "payloads_okx.jsonl.gz"):
        if line.file.startswith("ws_"):
            seen[line.file] = okx.decode(line.msg)
            if line.file in ELSEWHERE:
                assert type(seen[line.file]) is ELSEWHERE[line.file]
            else:
                assert isinstance(seen[line.file], Told), line.file
                for each in seen[line.file].rows:
                    if isinstance(each, okx_account.Order):
                        told = list(okx_account.events(each, "desk", NOW))
                        assert bool(told) is not okx_account.by_venue(each)
                        forced += [line.file] if okx_account.by_venue(each) else []

    assert 21 == len(seen)
    assert ["ws_orders_adl.json", "ws_orders_liquidation.json"] == sorted(forced)


@pytest.mark.proves("okx", "options", "recorded")
def test_the_option_payload(recordings):
    """The rows of a summary are read, whose frame the capture left out."""
    (line,) = (
        each
        for each in lines(recordings, "payloads_okx.jsonl.gz")
        if each.file == "ws_opt_summary.json"
    )
    told = okx.decode(
        b'{"arg":{"channel":"opt-summary","instFamily":"BTC-USD"},"data":' + bytes(line.msg) + b"}"
    )

    assert [(0.53, 92150.5), (0.52, 92150.5)] == [(each.vol, each.forward) for each in told.rows]
