"""Binance messages: shapes as in the streams' documentation and captures, values of our own."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.events import Quote, Trade
from rebalancer.wire import binance
from rebalancer.wire.binance import (
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    Market,
    Refused,
    TradePrint,
    Unknown,
)

SPOT, FUTURES = Market.SPOT, Market.FUTURES

FUTURES_TICKER = {
    "e": "bookTicker",
    "u": 801,
    "s": "BTCUSDT",
    "b": "50000.10",
    "B": "1.500",
    "a": "50000.20",
    "A": "0.250",
    "T": 1700000000101,
    "E": 1700000000103,
}
SPOT_TICKER = {"u": 401, "s": "BTCUSDT", "b": "0.00000110", "B": "7", "a": "0.00000120", "A": "9"}
FUTURES_TRADE = {
    "e": "trade",
    "E": 1700000000105,
    "T": 1700000000104,
    "s": "BTCUSDT",
    "t": 9001,
    "p": "50000.20",
    "q": "0.006",
    "X": "MARKET",
    "m": False,
}
SPOT_TRADE = {
    "e": "trade",
    "E": 1700000000205,
    "s": "BTCUSDT",
    "t": 77,
    "p": "50001.00",
    "q": "0.5",
    "T": 1700000000204,
    "m": True,
    "M": True,
}
FUTURES_DEPTH = {
    "e": "depthUpdate",
    "E": 1700000000110,
    "T": 1700000000109,
    "s": "BTCUSDT",
    "U": 802,
    "u": 810,
    "pu": 799,
    "b": [["50000.10", "2.000"], ["49999.00", "0.000"]],
    "a": [["50000.30", "3.000"]],
}
SPOT_DEPTH = {
    "e": "depthUpdate",
    "E": 1700000000300,
    "s": "BTCUSDT",
    "U": 402,
    "u": 405,
    "b": [["50000.00", "1"]],
    "a": [],
}
FUTURES_SNAPSHOT = {
    "lastUpdateId": 805,
    "E": 1700000000107,
    "T": 1700000000106,
    "bids": [["50000.10", "1.0"], ["50000.00", "2.0"]],
    "asks": [["50000.20", "1.0"]],
}
SPOT_SNAPSHOT = {"lastUpdateId": 403, "bids": [["1.0", "2"]], "asks": [["1.1", "3"]]}


def encode(body, stream=None):
    """Return the payload of a message, in an envelope where a stream is named."""
    return msgspec.json.encode(body if stream is None else {"stream": stream, "data": body})


def without(body, key):
    """Return a body with one field fewer."""
    return {name: value for name, value in body.items() if name != key}


@pytest.mark.parametrize(
    ("body", "stream", "market", "kind"),
    [
        (FUTURES_TICKER, "btcusdt@bookTicker", FUTURES, BookTicker),
        (FUTURES_TICKER, "!bookTicker", FUTURES, BookTicker),
        (FUTURES_TICKER, None, FUTURES, BookTicker),
        (FUTURES_TRADE, "btcusdt@trade", FUTURES, TradePrint),
        (FUTURES_DEPTH, "btcusdt@depth@0ms", FUTURES, DepthUpdate),
        (FUTURES_DEPTH, "btcusdt@depth", FUTURES, DepthUpdate),
        (FUTURES_SNAPSHOT, None, FUTURES, DepthSnapshot),
        (SPOT_TICKER, "btcusdt@bookTicker", SPOT, BookTicker),
        (SPOT_TICKER, None, SPOT, BookTicker),
        (SPOT_TRADE, "btcusdt@trade", SPOT, TradePrint),
        (SPOT_DEPTH, "btcusdt@depth@100ms", SPOT, DepthUpdate),
        (SPOT_SNAPSHOT, None, SPOT, DepthSnapshot),
    ],
)
def test_known_messages(body, stream, market, kind):
    """Each known message is decoded, with its envelope and without."""
    message = binance.decode(encode(body, stream), market)

    assert kind is type(message)


def test_number_text_is_kept():
    """Prices and sizes are the digits of the payload, trailing zeros included."""
    message = binance.decode(encode(FUTURES_DEPTH), FUTURES)

    assert ("50000.10", "2.000") == tuple(map(str, message.bids[0]))
    assert (802, 810, 799) == (message.first, message.last, message.previous)


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (encode({"e": "aggTrade", "s": "BTCUSDT"}, "btcusdt@aggTrade"), "aggTrade"),
        (encode({"e": "markPriceUpdate", "p": "1"}), "markPriceUpdate"),
        (encode(SPOT_SNAPSHOT, "btcusdt@depth20@100ms"), "depth20"),  # no whole book
        (encode({"result": None, "id": 1}), None),
        (b"{}", None),
    ],
)
def test_unknown_messages(payload, name):
    """A message of another type is unknown, under the name that it gives itself."""
    assert Unknown(name) == binance.decode(payload, SPOT)


@pytest.mark.parametrize(
    ("body", "market"),
    [
        *((without(FUTURES_TICKER, key), FUTURES) for key in ("u", "s", "b", "A", "E", "T")),
        *((without(FUTURES_TRADE, key), FUTURES) for key in ("E", "T", "t", "p", "q", "m")),
        *((without(FUTURES_DEPTH, key), FUTURES) for key in ("E", "T", "U", "u", "pu", "b", "a")),
        *((without(FUTURES_SNAPSHOT, key), FUTURES) for key in ("bids", "asks")),
        *((without(SPOT_TRADE, key), SPOT) for key in ("T", "q")),
        (FUTURES_TICKER | {"b": "NaN"}, FUTURES),
        (FUTURES_TICKER | {"b": "sNaN"}, FUTURES),
        (FUTURES_TICKER | {"a": "Infinity"}, FUTURES),
        (FUTURES_TICKER | {"a": "1e400"}, FUTURES),
        (FUTURES_TICKER | {"b": "0.00"}, FUTURES),
        (FUTURES_TICKER | {"b": "-1"}, FUTURES),
        (FUTURES_TICKER | {"b": ""}, FUTURES),
        (FUTURES_TICKER | {"b": None}, FUTURES),
        (FUTURES_TICKER | {"B": "-0.001"}, FUTURES),
        (FUTURES_TICKER | {"B": "0"}, FUTURES),
        (FUTURES_TICKER | {"b": "50000.20"}, FUTURES),  # locked
        (FUTURES_TICKER | {"b": "50000.30"}, FUTURES),  # crossed
        (FUTURES_TICKER | {"u": -1}, FUTURES),
        (FUTURES_TICKER | {"u": "801"}, FUTURES),
        (FUTURES_TICKER | {"u": 2**80}, FUTURES),
        (FUTURES_TICKER | {"E": 0}, FUTURES),
        (FUTURES_TICKER | {"s": ""}, FUTURES),
        (FUTURES_TRADE | {"p": "0"}, FUTURES),
        (FUTURES_TRADE | {"q": "0"}, FUTURES),
        (FUTURES_TRADE | {"q": "NaN"}, FUTURES),
        (FUTURES_TRADE | {"m": 1}, FUTURES),
        (FUTURES_DEPTH | {"U": 811}, FUTURES),  # first after last
        (FUTURES_DEPTH | {"b": [["50000.10", "-1"]]}, FUTURES),
        (FUTURES_DEPTH | {"b": [["0", "1"]]}, FUTURES),
        (FUTURES_DEPTH | {"b": [["NaN", "1"]]}, FUTURES),
        (FUTURES_DEPTH | {"a": [["50000.30", "NaN"]]}, FUTURES),
        (FUTURES_DEPTH | {"a": [["50000.30", "-1"]]}, FUTURES),
        (FUTURES_DEPTH | {"a": [["50000.30"]]}, FUTURES),
        (FUTURES_DEPTH | {"a": [["50000.10", "1"]]}, FUTURES),  # meets its own bid
        (FUTURES_DEPTH | {"a": {}}, FUTURES),
        (FUTURES_SNAPSHOT | {"asks": [["50000.05", "1"]]}, FUTURES),
        (FUTURES_SNAPSHOT | {"bids": [["50000.00", "0"]]}, FUTURES),
        (FUTURES_SNAPSHOT | {"lastUpdateId": None}, FUTURES),
    ],
)
def test_refused_messages(body, market):
    """A known type with a content that cannot be trusted is refused with a reason."""
    message = binance.decode(encode(body), market)

    assert Refused is type(message)
    assert message.reason


def test_spot_needs_what_names_the_message():
    """A spot ticker without a field is refused where the stream says what it should be."""
    message = binance.decode(encode(without(SPOT_TICKER, "B"), "btcusdt@bookTicker"), SPOT)

    assert Refused("Object missing required field `B`") == message


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"17",
        b'"text"',
        b'{"e":',
        b"\xff\xfe",
        b'{"e":"\xff"}',
        b'{"e":5}',
        b'{"stream":"btcusdt@trade"}',
        b'{"stream":"btcusdt@trade","data":[]}',
        b"[" * 100_000,
        b'{"x":' + b"[" * 100_000 + b"}",
    ],
)
def test_no_message_at_all(payload):
    """What is no object, or no JSON, is refused and never raises."""
    assert Refused is type(binance.decode(payload, FUTURES))


@pytest.mark.parametrize(
    ("body", "market", "expected"),
    [
        (
            FUTURES_TICKER,
            FUTURES,
            Quote(
                5,
                1700000000101_000000,  # when it was so, not when it was sent
                "binanceusdm:BTCUSDT",
                Decimal("50000.10"),
                Decimal("1.5"),
                Decimal("50000.20"),
                Decimal("0.25"),
            ),
        ),
        (
            SPOT_TICKER,
            SPOT,
            Quote(
                5,
                None,
                "binanceusdm:BTCUSDT",
                Decimal("0.0000011"),
                Decimal(7),
                Decimal("0.0000012"),
                Decimal(9),
            ),
        ),
        (
            FUTURES_TRADE,  # the taker bought
            FUTURES,
            Trade(
                5,
                1700000000104_000000,
                "binanceusdm:BTCUSDT",
                Decimal("50000.20"),
                Decimal("0.006"),
            ),
        ),
        (
            SPOT_TRADE,  # the taker sold
            SPOT,
            Trade(
                5, 1700000000204_000000, "binanceusdm:BTCUSDT", Decimal("50001"), Decimal("-0.5")
            ),
        ),
        (FUTURES_DEPTH, FUTURES, None),
        ({"e": "kline"}, FUTURES, None),
    ],
)
def test_translation(body, market, expected):
    """Tickers become quotes and prints become signed trades; the rest is no core event."""
    message = binance.decode(encode(body), market)

    assert expected == binance.translate(message, "binanceusdm:BTCUSDT", 5)


PAYLOADS = [
    encode(FUTURES_TICKER, "btcusdt@bookTicker"),
    encode(SPOT_TICKER, "btcusdt@bookTicker"),
    encode(FUTURES_TRADE, "btcusdt@trade"),
    encode(FUTURES_DEPTH, "btcusdt@depth@0ms"),
    encode(FUTURES_SNAPSHOT),
]


def believable(message):
    """Whether the numbers of a decoded message can be true."""
    match message:
        case BookTicker():
            return 0 < message.bid < message.ask and message.bid_size > 0 < message.ask_size
        case TradePrint():
            return message.price > 0 < message.size
        case DepthUpdate() | DepthSnapshot():
            return all(price > 0 <= size for price, size in (*message.bids, *message.asks))
        case _:
            return True


@given(
    payload=st.sampled_from(PAYLOADS),
    market=st.sampled_from(Market),
    edits=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), max_size=6),
    end=st.integers(0, 500),
)
def test_mutated_payloads_never_raise(payload, market, edits, end):
    """Whatever bytes arrive, an answer comes back, and a decoded one can be believed."""
    text = bytearray(payload)
    for place, patch in edits:
        text[place : place + len(patch)] = patch

    assert believable(binance.decode(bytes(text[:end]), market))


FIELD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals().map(str),
    st.text(max_size=5),
    st.lists(st.lists(st.decimals().map(str), min_size=2, max_size=2), max_size=2),
)


@given(
    body=st.sampled_from([FUTURES_TICKER, FUTURES_TRADE, FUTURES_DEPTH, FUTURES_SNAPSHOT]),
    market=st.sampled_from(Market),
    data=st.data(),
)
def test_mutated_fields_never_raise(body, market, data):
    """Whatever stands in a field, an answer comes back, and a decoded one can be believed."""
    key = data.draw(st.sampled_from(sorted(body)))

    assert believable(binance.decode(encode(body | {key: data.draw(FIELD)}), market))
