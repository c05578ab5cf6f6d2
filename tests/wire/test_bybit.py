"""Bybit's frames and rows: shapes as recorded and documented, values of our own."""

import gzip
import json
from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.events import (
    Ending,
    Fill,
    Forced,
    FundingRate,
    Index,
    Mark,
    OptionMark,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    Quote,
    Trade,
)
from rebalancer.wire.books import Took
from rebalancer.wire.bybit import account, books, frames, market, tickers
from rebalancer.wire.bybit.account import Execution, Order, Position, Wallet
from rebalancer.wire.bybit.books import Book
from rebalancer.wire.bybit.frames import Answer, Booked, Told
from rebalancer.wire.bybit.market import Ticker
from rebalancer.wire.bybit.tickers import Kept
from rebalancer.wire.bybit.values import Refused, Unknown

D = Decimal
T = 1_700_000_000_123  # ms
NS = T * 1_000_000
HOUR = 3_600 * 10**9

# Shapes: ws_ticker_linear, ws_ticker_option, ws_orderbook_*, ws_account_* of payloads_bybit.
LINEAR = {
    "symbol": "BTCUSDT",
    "lastPrice": "50000.50",
    "markPrice": "50001.25",
    "indexPrice": "50010.30",
    "openInterest": "7000.5",
    "nextFundingTime": "1700006400000",
    "fundingRate": "-0.00012",
    "fundingIntervalHour": "4",
    "bid1Price": "50000.10",
    "bid1Size": "2.5",
    "ask1Price": "50000.20",
    "ask1Size": "1.5",
}
OPTION = {
    "symbol": "BTC-27FEB26-52000-C-USDT",
    "bidPrice": "0",
    "bidSize": "0",
    "askPrice": "1250",
    "askSize": "3.1",
    "markPrice": "1210.75",
    "indexPrice": "50010.30",
    "markPriceIv": "0.5125",
    "underlyingPrice": "50120.5",
    "delta": "0.41",
    "gamma": "0.00002",
    "vega": "40.1",
    "theta": "-30.2",
    "openInterest": "12.5",
}
BOOK = {"s": "BTCUSDT", "b": [["50000.1", "2"], ["50000", "1"]], "a": [["50000.2", "3"]], "u": 7}
PRINT = {
    "T": T,
    "s": "BTCUSDT",
    "S": "Sell",
    "v": "0.25",
    "p": "50000.1",
    "i": "2290000000-1",
    "BT": False,
}
EXECUTION = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "execFee": "2.75",
    "execId": "e-1",
    "execPrice": "50000.1",
    "execQty": "0.1",
    "execType": "Trade",
    "orderId": "o-1",
    "orderLinkId": "rb0100020000e1v7v",
    "side": "Sell",
    "execTime": str(T),
    "isMaker": False,
}
ORDER = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "orderId": "o-1",
    "orderLinkId": "rb0100020000e1v7v",
    "side": "Sell",
    "orderStatus": "New",
    "cancelType": "UNKNOWN",
    "rejectReason": "EC_NoError",
    "timeInForce": "IOC",
    "price": "",
    "avgPrice": "",
    "qty": "0.3",
    "cumExecQty": "0",
    "updatedTime": str(T),
}
HELD = {
    "category": "linear",
    "symbol": "ETHUSDT",
    "side": "Sell",
    "size": "0.5",
    "positionIdx": 0,
    "entryPrice": "3500.5",
    "sessionAvgPrice": "",
    "positionMM": "1.5",
    "liqPrice": "",
    "adlRankIndicator": 2,
}
WALLET = {
    "accountMMRate": "0.01",
    "totalEquity": "1000.5",
    "totalMarginBalance": "990.5",
    "totalInitialMargin": "20",
    "totalMaintenanceMargin": "10",
    "coin": [{"coin": "USDT", "walletBalance": "900.25", "spotBorrow": "0", "equity": "901"}],
}


def told(topic, data, kind="snapshot", ts=T):
    """Return a frame of the market."""
    return msgspec.json.encode({"topic": topic, "type": kind, "ts": ts, "data": data})


def booked(topic, *rows):
    """Return a frame of an account."""
    return msgspec.json.encode({"topic": topic, "id": "1", "creationTime": T, "data": list(rows)})


FRAMES = [
    ("tickers.BTCUSDT", LINEAR),
    ("tickers.BTC-27FEB26-52000-C-USDT", OPTION),
    ("orderbook.50.BTCUSDT", BOOK),
    ("publicTrade.BTCUSDT", [PRINT]),
]
ROWS = [("execution", EXECUTION), ("order", ORDER), ("position", HELD), ("wallet", WALLET)]
ALL = [told(*each) for each in FRAMES] + [booked(*each) for each in ROWS]


# --- recordings -----------------------------------------------------------------


def _lines(recordings):
    with gzip.open(recordings / "raw" / "payloads_bybit.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.proves("bybit", "market", "recorded")
def test_recorded_frames(recordings):
    """Every recorded frame is decoded, but for the types that nobody asks for."""
    found = {
        each["file"]: frames.decode(json.dumps(each["msg"]).encode())
        for each in _lines(recordings)
        if each["file"].startswith("ws_")
    }
    unknown = {name for name, each in found.items() if isinstance(each, Unknown)}

    assert [] == [each for each in found.values() if isinstance(each, Refused)]
    assert {
        "ws_account_execution_fast.json",
        "ws_account_execution_fast_envelope_id.json",
        "ws_account_position_with_open_time.json",  # a row without its frame
        "ws_kline.json",
        "ws_public_trade.json",  # trade.linear.…: no topic that may be asked for
    } == unknown
    assert Counter(Booked=18, Answer=5, Told=4) == Counter(
        type(each).__name__ for name, each in found.items() if name not in unknown
    )


SHAPES = {
    "http_get_executions": Execution,
    "http_get_order": Order,
    "http_get_positions": Position,
    "http_get_wallet": Wallet,
}


@pytest.mark.proves("bybit", "account", "recorded")
def test_recorded_rows(recordings):
    """Every recorded row of orders, executions, positions and wallets is read."""
    count = 0
    for each in _lines(recordings):
        shape = next((s for name, s in SHAPES.items() if each["file"].startswith(name)), None)
        if shape is None or "orderbook" in each["file"]:
            continue
        for row in each["msg"]["result"]["list"]:
            found = frames.read(row, shape)
            assert isinstance(found, shape), (each["file"], found)
            count += 1

    assert 17 == count


def test_recorded_deleveraging(recordings):
    """A recorded ADL execution is a forced fill, and of no order of ours."""
    (line,) = (x for x in _lines(recordings) if x["file"] == "ws_account_execution_adl.json")
    (record,) = frames.decode(json.dumps(line["msg"]).encode()).records
    (fill,) = account.events(record, "bybit", 5)

    assert (Forced.DELEVERAGING, None, D("-0.5")) == (
        fill.forced,
        fill.client_order_id,
        fill.quantity,
    )


@pytest.mark.proves("bybit", "books", "recorded")
def test_recorded_book(recordings):
    """A recorded snapshot and its change make a book: one level is new, one is gone."""
    book = Book()
    for name in ("ws_orderbook_snapshot.json", "ws_orderbook_delta.json"):
        (line,) = (x for x in _lines(recordings) if x["file"] == name)
        message = frames.decode(json.dumps(line["msg"]).encode())
        assert Took.APPLIED is books.take(book, message.body, message.kind)
    best = books.ladder(book, 5)

    assert ((D("27450.00"), D("0.400")), (D("27449.50"), D("1.000"))) == best.bids
    assert ((D("27451.50"), D("0.900")),) == best.asks


# --- market ---------------------------------------------------------------------


def whole(data, category):
    """Return a believable ticker."""
    message = frames.decode(told(f"tickers.{data['symbol']}", data))
    return tickers.take(Kept(), message.body, message.kind, category)


def test_a_linear_ticker():
    """Mark, index, funding with the symbol's own interval, open interest."""
    ticker = whole(LINEAR, "linear")
    where = ("linear", T, 5)

    assert Mark(5, NS, "bybit:BTCUSDT", D("50001.25")) == market.mark(ticker, *where)
    assert Index(5, NS, "bybit", "BTC", D("50010.30")) == market.index(ticker, *where)
    rate = FundingRate(5, NS, "bybit:BTCUSDT", -0.00012, 4 * HOUR, 1_700_006_400_000 * 1_000_000)
    assert rate == market.funding(ticker, *where)
    assert D("7000.5") == market.open_interest(ticker, *where).contracts
    assert (D("50000.10"), D("50000.20")) == market.touch(ticker)


@pytest.mark.parametrize(
    "changes",
    [{"fundingIntervalHour": None}, {"fundingIntervalHour": ""}, {"fundingRate": ""}],
)
@pytest.mark.trap("funding-rate-is-emulated", "bybit")
def test_funding_is_never_guessed(changes):
    """Without its rate or its interval no funding is told: eight hours are never assumed."""
    data = {k: v for k, v in (LINEAR | changes).items() if v is not None}

    assert market.funding(whole(data, "linear"), "linear", T, 5) is None


def test_a_dated_future_has_no_funding():
    """Only what never ends pays funding."""
    ticker = whole(LINEAR | {"symbol": "BTC-27FEB26"}, "linear")

    assert market.funding(ticker, "linear", T, 5) is None
    assert "bybit:BTC-27FEB26" == market.mark(ticker, "linear", T, 5).instrument


@pytest.mark.trap("vol-is-percent-or-fraction", "bybit")
@pytest.mark.trap("greeks-have-no-time", "bybit")
def test_an_option_ticker():
    """Mark in dollars, vol as a fraction, forward; a bid of 0 is an empty side."""
    ticker = whole(OPTION, "option")
    mark = market.mark(ticker, "option", T, 5)

    expected = (5, NS, "bybit:BTC-27FEB26-52000-C-USDT", D("1210.75"), 0.5125, 50120.5, 0.41)
    assert OptionMark(*expected) == mark
    assert (None, D(1250)) == market.touch(ticker)
    assert "BTC" == market.index(ticker, "option", T, 5).underlying
    assert market.open_interest(ticker, "option", T, 5) is None


def test_a_ticker_is_kept():
    """A change keeps what it leaves out; one before any snapshot says nothing."""
    kept = Kept()
    change = frames.decode(
        told("tickers.BTCUSDT", {"symbol": "BTCUSDT", "markPrice": "50002"}, "delta")
    )
    assert tickers.take(kept, change.body, change.kind, "linear") is None
    first = frames.decode(told("tickers.BTCUSDT", LINEAR))
    tickers.take(kept, first.body, first.kind, "linear")
    after = tickers.take(kept, change.body, change.kind, "linear")

    assert ("50002", "50010.30", "-0.00012") == (
        after.mark_price,
        after.index_price,
        after.funding_rate,
    )


@pytest.mark.parametrize(
    ("category", "data", "words"),
    [
        ("linear", {"markPrice": ""}, "markPrice"),
        ("linear", {"markPrice": "0"}, "positive"),
        ("linear", {"indexPrice": "-1"}, "positive"),
        ("linear", {"bid1Price": "50000.20"}, "bid must be below ask"),
        ("linear", {"markPrice": "NaN"}, "finite"),
        ("linear", {"markPrice": "soon"}, "number"),
        ("option", {"markPriceIv": "0"}, "markPriceIv"),
        ("option", {"markPriceIv": ""}, "markPriceIv"),
        ("option", {"underlyingPrice": ""}, "underlyingPrice"),
    ],
)
def test_a_ticker_that_cannot_be(category, data, words):
    """A whole that cannot be believed is refused, and there is none until the next snapshot."""
    kept, base = Kept(), LINEAR if category == "linear" else OPTION
    first = frames.decode(told(f"tickers.{base['symbol']}", base))
    tickers.take(kept, first.body, first.kind, category)
    bad = frames.decode(
        told(f"tickers.{base['symbol']}", {"symbol": base["symbol"]} | data, "delta")
    )
    refused = tickers.take(kept, bad.body, bad.kind, category)

    assert isinstance(refused, Refused)
    assert words in refused.reason
    assert tickers.take(kept, first.body, "delta", category) is None


def test_a_trade():
    """A public trade has the sign of its taker."""
    message = frames.decode(told("publicTrade.BTCUSDT", [PRINT]))
    expected = Trade(5, NS, "bybit:BTCUSDT", D("50000.1"), D("-0.25"))

    assert expected == market.trade(message.body[0], "linear", 5)
    assert "bybit:BTC/USDT" == market.trade(message.body[0], "spot", 5).instrument


# --- books ----------------------------------------------------------------------


def levels(update, kind="delta", bids=(), asks=()):
    """Return a message of a book."""
    data = {"s": "BTCUSDT", "b": list(bids), "a": list(asks), "u": update}
    message = frames.decode(told("orderbook.50.BTCUSDT", data, kind))
    return message.body, message.kind


@pytest.mark.parametrize(
    ("messages", "took"),
    [
        ([levels(8)], Took.WAITING),
        ([(None, 7), levels(8, bids=[["50000.1", "0"]])], Took.APPLIED),
        ([(None, 7), levels(7)], Took.STALE),
        ([(None, 7), levels(9)], Took.GAP),
        ([(None, 7), levels(9), levels(10)], Took.WAITING),  # no book until a snapshot
        ([(None, 7), levels(8, bids=[["50000.2", "1"]])], Took.CROSSED),
        ([(None, 7), levels(1, "snapshot", [["9", "1"]], [["10", "1"]])], Took.APPLIED),
    ],
)
def test_a_book(messages, took):
    """Changes follow one by one; a gap or a crossed book ends it; a snapshot begins anew."""
    book = Book()
    for each in messages:
        told_of = (
            each
            if each[0] is not None
            else (frames.decode(told("orderbook.50.B", BOOK)).body, "snapshot")
        )
        last = books.take(book, *told_of)

    assert took is last
    assert (books.ladder(book, 5) is None) is (took not in (Took.APPLIED, Took.STALE))


def test_the_top_of_a_book():
    """The best level of each side is the quote; an empty side is none."""
    book = Book()
    books.take(book, *levels(1, "snapshot", [["9.5", "3"], ["9", "1"]], []))
    quote = books.quote(books.ladder(book, 1), "bybit:X", NS, 5)

    assert Quote(5, NS, "bybit:X", D("9.5"), D(3), None, None) == quote


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 5), st.booleans()), min_size=1, max_size=40
    )
)
def test_a_book_equals_the_whole(changes):
    """A book kept from changes has the levels of the one that they were taken from."""
    sides = ({D(5): D(1)}, {D(15): D(1)})
    book, number = Book(), 1
    first = [[[str(p), str(s)] for p, s in side.items()] for side in sides]
    books.take(book, *levels(number, "snapshot", *first))
    for offset, size, buys in changes:
        price = D(offset) if buys else D(10 + offset)
        side = sides[0 if buys else 1]
        side.pop(price, None)
        if size:
            side[price] = D(size)
        number += 1
        row = [[str(price), str(size)]]
        books.take(book, *levels(number, bids=row if buys else (), asks=() if buys else row))

    best = books.ladder(book, 50)
    assert (dict(best.bids), dict(best.asks)) == sides
    assert [p for p, _ in best.bids] == sorted(sides[0], reverse=True)


# --- account --------------------------------------------------------------------


def events(topic, row):
    """Return the events in a row of a topic."""
    message = frames.decode(booked(topic, row))
    assert isinstance(message, Booked), message
    return [each for record in message.records for each in account.events(record, "bybit", 5)]


def test_a_fill():
    """An execution is a fill with the sign of its side; its fee is in what the contract settles."""
    (fill,) = events("execution", EXECUTION)

    assert fill == Fill(
        *(5, NS, "bybit", "bybit:BTCUSDT", "e-1", "rb0100020000e1v7v"),
        *(D("-0.1"), D("50000.1"), D("2.75"), "USDT"),
    )


@pytest.mark.parametrize(
    ("changes", "currency"),
    [
        ({"symbol": "BTCPERP"}, "USDC"),
        ({"symbol": "BTC-27FEB26"}, "USDC"),
        ({"symbol": "BTCUSDT-27FEB26"}, "USDT"),
        ({"category": "inverse", "symbol": "BTCUSD"}, "BTC"),
        ({"category": "option", "symbol": "BTC-27FEB26-9000-P"}, "USDC"),
        ({"category": "option", "symbol": "BTC-27FEB26-9000-P-USDT"}, "USDT"),
        ({"feeCurrency": "MNT"}, "MNT"),
    ],
)
def test_the_currency_of_a_fee(changes, currency):
    """What is not named is that of the contract; what is named is believed."""
    (fill,) = events("execution", EXECUTION | changes)

    assert (currency, D("2.75")) == (fill.fee_currency, fill.fee)


@pytest.mark.parametrize(
    ("changes", "forced"),
    [
        ({"execType": "BustTrade", "orderLinkId": ""}, Forced.LIQUIDATION),
        ({"execType": "AdlTrade", "orderLinkId": ""}, Forced.DELEVERAGING),
    ],
)
def test_forced_fills(changes, forced):
    """What the venue trades by itself is told as such, and has no order of ours."""
    (fill,) = events("execution", EXECUTION | changes)

    assert (forced, None) == (fill.forced, fill.client_order_id)


@pytest.mark.parametrize("kind", ["Funding", "Delivery", "Settle"])
def test_no_trades(kind):
    """Executions of funding, delivery and settlement are no fills."""
    assert [] == events("execution", EXECUTION | {"execType": kind, "execFee": ""})


PAIR = "bybit:BTC/USDT"


@pytest.mark.parametrize(
    ("changes", "pairs", "quantities"),
    [
        ({}, {PAIR}, []),  # no currency of the fee: left to the list
        ({"feeCurrency": "USDT"}, {PAIR}, ["-0.1"]),
        ({"feeCurrency": "USDT"}, set(), []),  # the coin is cash, which the log tells
        ({"feeCurrency": "BTC", "side": "Buy", "execFee": "0.0001"}, {PAIR}, ["0.1"]),
    ],
)
def test_pairs(changes, pairs, quantities):
    """A pair whose coin is a position is told by its fill, with the currency of its fee."""
    message = frames.decode(booked("execution", EXECUTION | {"category": "spot"} | changes))
    found = list(account.events(message.records[0], "bybit", 5, pairs))

    assert [D(each) for each in quantities] == [each.quantity for each in found]
    assert all(each.fee_currency == changes["feeCurrency"] for each in found)


@pytest.mark.parametrize(
    ("changes", "kind", "how", "filled"),
    [
        ({}, OrderAccepted, None, None),
        ({"orderStatus": "PartiallyFilled", "cumExecQty": "0.1"}, OrderAccepted, None, None),
        ({"orderStatus": "Filled", "cumExecQty": "0.3"}, OrderEnded, Ending.FILLED, "-0.3"),
        ({"orderStatus": "Cancelled", "cumExecQty": "0.1"}, OrderEnded, Ending.EXPIRED, "-0.1"),
        (
            {"orderStatus": "Cancelled", "cancelType": "CancelByUser"},
            OrderEnded,
            Ending.CANCELED,
            "0",
        ),
        ({"orderStatus": "Cancelled", "timeInForce": "GTC"}, OrderEnded, Ending.CANCELED, "0"),
        ({"orderStatus": "PartiallyFilledCanceled"}, OrderEnded, Ending.EXPIRED, "0"),
        ({"orderStatus": "Rejected", "rejectReason": "EC_Funds"}, OrderRejected, None, None),
        (
            {"orderStatus": "Rejected", "cumExecQty": "0.1", "rejectReason": "X"},
            OrderEnded,
            Ending.CANCELED,
            "-0.1",
        ),
    ],
)
def test_orders(changes, kind, how, filled):
    """What the state of an order says of it; one that filled in part was never rejected."""
    (event,) = events("order", ORDER | changes)

    assert kind is type(event)
    assert "rb0100020000e1v7v" == event.client_order_id
    if how is not None:
        assert (how, D(filled)) == (event.how, event.filled)


def test_an_order_without_our_id():
    """It is told under the venue's own, which is none of ours."""
    (event,) = events("order", ORDER | {"orderLinkId": ""})

    assert "o-1" == event.client_order_id


@pytest.mark.parametrize(
    ("row", "size", "entry"),
    [
        (HELD, "-0.5", "3500.5"),
        (HELD | {"side": "Buy"}, "0.5", "3500.5"),
        (HELD | {"side": "", "size": "0"}, "0", "3500.5"),
        (HELD | {"sessionAvgPrice": "3400"}, "-0.5", "3400"),
        (HELD | {"entryPrice": ""}, "-0.5", None),
    ],
)
@pytest.mark.trap("sign-of-a-position", "bybit")
def test_positions(row, size, entry):
    """A size has the sign of its side; a USDC contract counts from its last settlement."""
    (record,) = frames.decode(booked("position", row)).records

    assert D(size) == account.held(record)
    assert (None if entry is None else D(entry)) == account.entry(record)


# --- refused --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"{", "truncated"),
        (b"[]", "object"),
        (b'{"topic":"tickers.X","type":"snapshot","ts":1}', "data"),
        (b'{"topic":"tickers.X","type":"snapshot","data":{}}', "ts"),
        (told("tickers.X", LINEAR, "other"), "snapshot or delta"),
        (b'{"topic":"order"}', "data"),
        (told("orderbook.50.X", BOOK | {"b": [["1", "0"]]}), "positive"),
        (told("orderbook.50.X", BOOK | {"b": [["50000.2", "1"]]}), "bid must be below ask"),
        (told("publicTrade.X", [PRINT | {"v": "0"}]), "amount"),
        (booked("execution", EXECUTION | {"execFee": ""}), "execFee"),
        (booked("execution", EXECUTION | {"execQty": ""}), "execQty"),
        (booked("order", ORDER | {"orderStatus": "Odd"}), "orderStatus"),
        (booked("order", ORDER | {"cumExecQty": "0.4"}), "at most"),
        (booked("order", {k: v for k, v in ORDER.items() if k != "orderLinkId"}), "orderLinkId"),
        (booked("position", HELD | {"side": ""}), "side"),
        (booked("position", HELD | {"positionIdx": 1}), "one way"),
        (booked("position", HELD | {"size": ""}), "decimal"),
    ],
)
@pytest.mark.trap("missing-is-not-zero", "bybit")
def test_refused(payload, words):
    """What cannot be believed is refused with its reason; an empty text is never 0."""
    found = frames.decode(payload)

    assert isinstance(found, Refused)
    assert words in found.reason


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (
            {"success": True, "ret_msg": "", "conn_id": "c", "req_id": "5", "op": "subscribe"},
            Answer("subscribe", "5", True),
        ),
        (
            {"success": True, "ret_msg": "pong", "conn_id": "c", "req_id": "5", "op": "ping"},
            Answer("ping", "5", True),
        ),
        ({"req_id": "5", "op": "pong", "args": ["1"]}, Answer("ping", "5", True)),
        (
            {"op": "auth", "success": True, "retCode": 0, "retMsg": ""},
            Answer("auth", "", True, "", 0),
        ),
        (
            {
                "success": True,
                "conn_id": "c",
                "data": {"failTopics": ["tickers.X"], "successTopics": []},
                "type": "COMMAND_RESP",
            },
            Answer("", "", False, "", None, ("tickers.X",)),
        ),
    ],
)
def test_answers(payload, answer):
    """What became of a request; sockets of options say it in words of their own."""
    assert answer == frames.decode(msgspec.json.encode(payload))


# --- properties -----------------------------------------------------------------


def believable(message):
    """Whether the numbers of a decoded message can be true."""
    records = message.records if isinstance(message, Booked) else ()
    for each in records:
        if isinstance(each, Execution) and not each.exec_qty > 0:
            return False
        if isinstance(each, Position) and not each.size >= 0:
            return False
    return not isinstance(message, Told) or isinstance(message.body, Ticker) or bool(message.topic)


@given(
    payload=st.sampled_from(ALL),
    edits=st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=3)), max_size=6),
    end=st.integers(0, 900),
)
def test_mutated_payloads_never_raise(payload, edits, end):
    """Whatever bytes arrive, an answer comes back, and a decoded one can be believed."""
    text = bytearray(payload)
    for place, patch in edits:
        text[place : place + len(patch)] = patch

    assert believable(frames.decode(bytes(text[:end])))


FIELD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals().map(str),
    st.text(max_size=5),
    st.lists(st.lists(st.decimals().map(str), min_size=2, max_size=2), max_size=2),
)


@given(which=st.sampled_from(ROWS), data=st.data())
def test_mutated_rows_never_raise(which, data):
    """Whatever stands in a field, an answer comes back, and a decoded one gives its events."""
    topic, row = which
    key = data.draw(st.sampled_from(sorted(row)))
    message = frames.decode(booked(topic, row | {key: data.draw(FIELD)}))

    assert believable(message)
    for record in message.records if isinstance(message, Booked) else ():
        list(account.events(record, "bybit", 5))


@given(which=st.sampled_from([("linear", LINEAR), ("option", OPTION)]), data=st.data())
def test_mutated_tickers_never_raise(which, data):
    """A ticker is refused, or everything that it tells can be told."""
    category, row = which
    key = data.draw(st.sampled_from(sorted(row)))
    message = frames.decode(told("tickers.X", row | {key: data.draw(FIELD)}))
    if not isinstance(message, Told):
        return
    ticker = tickers.take(Kept(), message.body, message.kind, category)
    if isinstance(ticker, Ticker):
        where = (category, T, 5)
        assert market.mark(ticker, *where).price >= 0
        assert market.index(ticker, *where).price > 0
