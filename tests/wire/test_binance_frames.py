"""Binance's frames: events of account and market, answers, and what cannot be believed."""

import gzip
import json
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
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    PositionReport,
    Trade,
)
from rebalancer.wire.binance import account, frames, marks
from rebalancer.wire.binance.account import AccountUpdate, Coins, Expired, OrderUpdate, Report
from rebalancer.wire.binance.frames import Answer, Failure
from rebalancer.wire.binance.market import (
    BookTicker,
    DepthUpdate,
    Market,
    TradePrint,
)
from rebalancer.wire.binance.marks import AggTrade, IndexPrice, MarkPrice
from rebalancer.wire.binance.values import Refused, Unknown

D = Decimal
MS = 1_000_000
HOUR = 3_600 * 10**9
USDM, COINM, SPOT = "binanceusdm", "binancecoinm", "binance"
PAYLOADS = "raw/payloads_binance.jsonl.gz"
STREAMED = {  # file → what it is
    "futures/market_data_json/agg_trade_stream.json": AggTrade,
    "futures/market_data_json/book_ticker_stream.json": BookTicker,
    "futures/market_data_json/depth_update_stream.json": DepthUpdate,
    "futures/market_data_json/kline_stream_closed.json": Unknown,
    "futures/market_data_json/kline_stream_open.json": Unknown,
    "futures/market_data_json/liquidation_stream.json": Unknown,
    "futures/market_data_json/mark_price_stream.json": MarkPrice,
    "futures/market_data_json/ticker_stream.json": Unknown,
    "futures/market_data_json/trade_stream.json": TradePrint,
    "futures/user_data_json/account_update.json": AccountUpdate,
    "futures/user_data_json/account_update_bnfcr.json": AccountUpdate,
    "futures/user_data_json/algo_update_canceled.json": Unknown,
    "futures/user_data_json/algo_update_new.json": Unknown,
    "futures/user_data_json/trade_lite.json": Unknown,
    "spot/user_data_json/account_position.json": Coins,
    "spot/user_data_json/account_position_wrapped.json": Coins,
    "spot/user_data_json/balance_update.json": Unknown,
    "spot/user_data_json/balance_update_wrapped.json": Unknown,
    "spot/user_data_json/list_status_wrapped.json": Unknown,
}
# Shapes: payloads_binance.jsonl.gz, futures/user_data_json and spot/user_data_json; our values.
ORDER = {
    "s": "BTCUSDT",
    "c": "rb01",
    "S": "SELL",
    "o": "LIMIT",
    "f": "IOC",
    "q": "0.020",
    "p": "61000.0",
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "i": 77,
    "l": "0.005",
    "z": "0.015",
    "L": "61010.5",
    "N": "USDT",
    "n": "0.15252625",
    "T": 1_700_000_000_123,
    "t": 900,
    "m": False,
    "ps": "BOTH",
}
MARK = {
    "e": "markPriceUpdate",
    "E": 1_700_000_000_000,
    "s": "BTCUSDT",
    "p": "61000.1",
    "i": "61001.2",
    "P": "61000.0",
    "r": "0.00010000",
    "T": 1_700_006_400_000,
}


def update(**changes):
    """Return the frame of an order's update."""
    told = {"e": "ORDER_TRADE_UPDATE", "E": 1_700_000_000_125, "T": 1, "o": {**ORDER, **changes}}
    return msgspec.json.encode(told)


def report(**changes):
    """Return the frame of a spot execution."""
    told = {
        "e": "executionReport",
        "E": 1_700_000_000_125,
        **ORDER,
        "r": "NONE",
        "C": "",
        **changes,
    }
    return msgspec.json.encode(told)


def events(payload, venue=USDM, settle="USDT", dialect=Market.FUTURES):
    """Return the core events of a frame."""
    return list(account.events(frames.decode(payload, dialect), venue, settle, 5))


def lines(path):
    """Yield the rows of a recording, numbers untouched."""
    with gzip.open(path, "rt") as rows:
        for row in rows:
            yield json.loads(row, parse_float=str), row


# --- recorded -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", STREAMED)
def test_payloads(recordings, name):
    """Each recorded payload of a stream is what it is, or unknown; none is refused."""
    path = recordings / PAYLOADS
    if not path.is_file():
        pytest.skip("recordings absent")
    (told,) = [row["msg"] for row, _ in lines(path) if row["file"] == name]
    dialect = Market.SPOT if name.startswith("spot") else Market.FUTURES

    assert STREAMED[name] is type(frames.decode(msgspec.json.encode(told), dialect))


def test_payloads_of_orders(recordings):
    """Each recorded update of an order is read: its fill, if any, and what became of it."""
    path = recordings / PAYLOADS
    if not path.is_file():
        pytest.skip("recordings absent")
    found = {}
    for row, _ in lines(path):
        name = row["file"].rpartition("/")[2]
        if name.startswith(("order_update", "execution_report")):
            spot = row["file"].startswith("spot")
            dialect = Market.SPOT if spot else Market.FUTURES
            payload = msgspec.json.encode(row["msg"])
            told = events(payload, SPOT if spot else USDM, "USDT", dialect)
            found[name.removesuffix(".json")] = [type(each).__name__ for each in told]
            fills = [each for each in told if isinstance(each, Fill)]
            ended = ("order_update_settlement.json", "order_update_delivery.json")
            if "adl" in name:
                assert [Forced.DELEVERAGING] == [each.forced for each in fills]
            elif name in ended:
                assert [Forced.EXPIRY] == [each.forced for each in fills]
            elif name in ("order_update_calculated.json", "order_update_insurance.json"):
                assert [Forced.LIQUIDATION] == [each.forced for each in fills]
            else:
                assert {None} >= {each.forced for each in fills}

    assert ["Fill", "OrderEnded"] == found["order_update_calculated"]
    assert ["OrderAccepted"] == found["order_update_new"]
    assert ["Fill", "OrderAccepted"] == found["order_update_trade_partial"]
    assert ["OrderEnded"] == found["execution_report_expired"]
    assert ["Fill", "OrderEnded"] == found["execution_report_trade"]
    assert 9 + 6 == len(found)


def test_recorded_premium_index(recordings):
    """Marks, indexes and rates of a whole market, as REST tells them, can all be believed."""
    path = recordings / "raw" / "binance_rest_2026-07-04.jsonl.gz"
    if not path.is_file():
        pytest.skip("recordings absent")
    count = 0
    for row, _ in lines(path):
        if row["endpoint"] != "/fapi/v1/premiumIndex":
            continue
        for each in row["msg"]:
            told = {
                **MARK,
                "s": each["symbol"],
                "p": each["markPrice"],
                "i": each["indexPrice"],
                "r": each["lastFundingRate"],
                "T": each["nextFundingTime"],
            }
            if not told["T"]:
                told["r"] = ""  # a dated contract; REST writes a rate of 0 there
            read = frames.decode(msgspec.json.encode(told), Market.FUTURES)
            dead = D(told["i"]) == 0 or D(told["p"]) == 0  # not traded any more
            assert (Refused if dead else MarkPrice) is type(read)
            count += 1

    assert count > 900


# --- orders and fills ---------------------------------------------------------------------


def test_fill():
    """A fill has the sign of its side, its fee as it was told, and the label of its order."""
    fill, then = events(update())

    assert ("rb01", D("-0.005"), D("61010.5")) == (fill.client_order_id, fill.quantity, fill.price)
    assert (D("0.15252625"), "USDT", "900") == (fill.fee, fill.fee_currency, fill.trade_id)
    assert (1_700_000_000_123 * MS, "binanceusdm:BTCUSDT") == (fill.ts_venue, fill.instrument)
    assert OrderAccepted(5, 1_700_000_000_123 * MS, "rb01", "BTCUSDT-77") == then


@pytest.mark.parametrize(
    ("changes", "event", "filled"),
    [
        ({"x": "NEW", "X": "NEW", "l": "0", "z": "0", "L": "0"}, OrderAccepted, None),
        ({"X": "FILLED", "z": "0.020"}, Ending.FILLED, "-0.020"),
        ({"x": "CANCELED", "X": "CANCELED", "l": "0"}, Ending.CANCELED, "-0.015"),
        ({"x": "EXPIRED", "X": "EXPIRED", "l": "0"}, Ending.EXPIRED, "-0.015"),
        ({"x": "EXPIRED", "X": "EXPIRED_IN_MATCH", "l": "0"}, Ending.EXPIRED, "-0.015"),
        ({"x": "REJECTED", "X": "REJECTED", "l": "0"}, OrderRejected, None),
    ],
)
def test_states(changes, event, filled):
    """What a report says of its order is the venue's state, with what is filled by then."""
    then = events(update(**changes))[-1]

    if isinstance(event, Ending):
        assert isinstance(then, OrderEnded)
        assert (event, D(filled)) == (then.how, then.filled)
    else:
        assert event is type(then)


def test_spot_fee_in_a_third_currency():
    """A fee in BNB stays in BNB."""
    fill, _ = events(report(N="BNB", n="0.0001"), SPOT, dialect=Market.SPOT)

    assert (D("0.0001"), "BNB", "binance:BTCUSDT") == (fill.fee, fill.fee_currency, fill.instrument)


def test_spot_cancel_is_of_the_original():
    """A cancel on spot has a label of its own; the order's is the original one."""
    (ended,) = events(
        report(x="CANCELED", X="CANCELED", l="0", c="web_77", C="rb01"), SPOT, dialect=Market.SPOT
    )

    assert ("rb01", Ending.CANCELED) == (ended.client_order_id, ended.how)


def test_no_fee_is_none_paid():
    """A fill of which no fee is told cost nothing, in the currency that it settles in."""
    told = {k: v for k, v in ORDER.items() if k not in ("n", "N")}
    payload = msgspec.json.encode({"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": told})
    fill, _ = events(payload, COINM, "BTC")

    assert (0, "BTC") == (fill.fee, fill.fee_currency)


def test_wrapped_event():
    """An event in the envelope of the websocket API is the event."""
    inner = json.loads(report(N="BNB"))
    wrapped = msgspec.json.encode({"subscriptionId": 0, "event": inner})

    assert isinstance(frames.decode(wrapped, Market.SPOT), Report)


@pytest.mark.parametrize(
    "changes",
    [
        {"l": "-1"},
        {"l": "0.03"},  # more than the order has filled
        {"L": "0"},
        {"z": "NaN"},
        {"S": "LONG"},
        {"T": 0},
        {"i": "x"},
        {"N": None},
        {"n": "1e99"},
        {"s": ""},
        {"l": None},
    ],
)
def test_refused_reports(changes):
    """A report that lacks something, or cannot be, is refused and books nothing."""
    assert isinstance(frames.decode(update(**changes), Market.FUTURES), Refused)


@pytest.mark.parametrize(
    ("venue", "settle", "names"),
    [
        (USDM, "USDT", ("BTCUSDT", "ETHUSDT")),
        ("binancecoinm", "BTC", ("BTCUSD_PERP", "ETHUSD_PERP")),
    ],
)
@pytest.mark.trap("binance-closed-is-both", "binanceusdm", "binancecoinm")
@pytest.mark.trap("sign-of-a-position", "binanceusdm", "binancecoinm")
def test_account_update(venue, settle, names):
    """Balances are wallets without open profit, positions have their sign; closed ones are 0."""
    held, closed = names
    told = {
        "e": "ACCOUNT_UPDATE",
        "E": 9,
        "T": 8,
        "a": {
            "m": "ORDER",
            "B": [{"a": settle, "wb": "100.5", "cw": "90", "bc": "0"}],
            "P": [{"s": held, "pa": "-0.5", "ep": "61000", "up": "3", "ps": "BOTH"},
                  {"s": closed, "pa": "0", "ep": "0", "up": "0", "ps": "BOTH"}],
        },
    }  # fmt: skip

    assert [
        PositionReport(5, 8 * MS, venue, f"{venue}:{settle}", D("100.5")),
        PositionReport(5, 8 * MS, venue, f"{venue}:{held}", D("-0.5"), D(61000)),
        PositionReport(5, 8 * MS, venue, f"{venue}:{closed}", D(0)),
    ] == events(msgspec.json.encode(told), venue)


def test_coins():
    """A coin of spot is what is free and what is locked."""
    told = {"e": "outboundAccountPosition", "E": 9, "u": 8, "B": [{"a": "BTC", "f": "1", "l": "2"}]}

    assert [PositionReport(5, 8 * MS, SPOT, "binance:BTC", D(3))] == events(
        msgspec.json.encode(told), SPOT, dialect=Market.SPOT
    )


@pytest.mark.parametrize("kind", ["listenKeyExpired", "eventStreamTerminated"])
def test_end_of_a_stream(kind):
    """The venue says that an account's stream has ended."""
    told = msgspec.json.encode({"e": kind, "E": 1_736_996_475_556, "listenKey": "x"})

    assert Expired(1_736_996_475_556) == frames.decode(told, Market.FUTURES)


# --- marks --------------------------------------------------------------------------------


def test_mark_index_and_funding():
    """One message tells mark, index, rate and next stamp; the interval comes from elsewhere."""
    told = frames.decode(msgspec.json.encode(MARK), Market.FUTURES)
    at, name = 1_700_000_000_000 * MS, "binanceusdm:BTCUSDT"

    assert Mark(5, at, name, D("61000.1")) == marks.mark(told, name, 5)
    assert Index(5, at, USDM, "BTC", D("61001.2")) == marks.index(told, USDM, "BTC", 5)
    assert marks.funding(told, name, None, 5) is None
    assert FundingRate(5, at, name, 0.0001, 4 * HOUR, 1_700_006_400_000 * MS) == marks.funding(
        told, name, 4 * HOUR, 5
    )


def test_dated_contract_has_no_funding():
    """An empty rate and a stamp of 0 are no funding, not a rate of 0."""
    told = frames.decode(msgspec.json.encode({**MARK, "r": "", "T": 0}), Market.FUTURES)

    assert marks.funding(told, "x", 8 * HOUR, 5) is None


def test_coin_margined_index():
    """COIN-M tells no index with the mark but in a channel of the pair."""
    bare = {k: v for k, v in MARK.items() if k != "i"}
    told = frames.decode(msgspec.json.encode(bare), Market.FUTURES)
    pair = {"e": "indexPriceUpdate", "E": 7, "i": "BTCUSD", "p": "61001.5"}
    read = frames.decode(msgspec.json.encode(pair), Market.FUTURES)

    assert marks.index(told, COINM, "BTC", 5) is None
    assert IndexPrice(7, "BTCUSD", D("61001.5")) == read
    assert Index(5, 7 * MS, COINM, "BTC", D("61001.5")) == marks.index(read, COINM, "BTC", 5)


def test_trade():
    """Trades of one taker are one trade, with the sign of the taker."""
    told = {
        "e": "aggTrade",
        "E": 9,
        "a": 1,
        "s": "BTCUSDT",
        "p": "61000",
        "q": "2",
        "T": 8,
        "m": True,
    }
    read = frames.decode(msgspec.json.encode(told), Market.FUTURES)

    assert Trade(5, 8 * MS, "x", D(61000), D(-2)) == marks.trade(read, "x", 5)


@pytest.mark.parametrize(
    "changes", [{"p": "0"}, {"i": "-1"}, {"r": "x"}, {"r": ""}, {"T": 0}, {"r": "1e999"}, {"E": 0}]
)
def test_refused_marks(changes):
    """A mark that cannot be is refused."""
    frame = frames.decode(msgspec.json.encode({**MARK, **changes}), Market.FUTURES)

    assert isinstance(frame, Refused)


# --- answers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "frame"),
    [
        ({"result": None, "id": 3}, Answer(3)),
        ({"result": ["x"], "id": "3"}, Answer(3)),
        ({"id": 3, "status": 200, "result": {"subscriptionId": 0}}, Answer(3)),
        ({"id": 3, "error": {"code": 2, "msg": "no"}}, Failure(3, 2, "no")),
        ({"id": 3, "status": 400, "error": {"code": -1022, "msg": "no"}}, Failure(3, -1022, "no")),
        ({"code": 2, "msg": "no", "id": 3}, Failure(3, 2, "no")),
        ({"error": {"code": 3, "msg": "Invalid JSON"}}, Failure(None, 3, "Invalid JSON")),
        ({"id": 3, "status": 503}, Failure(3, 503, "")),
        ({"id": "x", "result": None}, Unknown("answer")),
        ({"hello": 1}, Unknown(None)),
        ({"e": "kline"}, Unknown("kline")),
    ],
)
def test_answers(told, frame):
    """An answer is told from an event, and a refusal from an answer."""
    assert frame == frames.decode(msgspec.json.encode(told), Market.FUTURES)


@given(st.binary(max_size=200))
def test_never_raises(payload):
    """Whatever comes, a frame is something."""
    for dialect in Market:
        assert frames.decode(payload, dialect) is not None


@given(
    st.dictionaries(
        st.sampled_from([*"esEoTXxlzLnNiCcBPaumdbpr", "id", "result", "error", "event", "status"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
            lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=2), each),
            max_leaves=5,
        ),
    )
)
def test_no_object_raises(told):
    """Nor does any object with the names of Binance's fields."""
    for kind in (None, "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "executionReport", "aggTrade"):
        payload = msgspec.json.encode({**told, **({"e": kind} if kind else {})})
        frame = frames.decode(payload, Market.FUTURES)
        if isinstance(frame, OrderUpdate | Report | AccountUpdate | Coins):
            list(account.events(frame, USDM, "USDT", 1))
