"""Deribit frames and results: shapes as recorded and documented, values of our own."""

import gzip
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
    PositionReport,
    Quote,
    Trade,
)
from rebalancer.wire.deribit import account as deribit_account
from rebalancer.wire.deribit import frames as deribit
from rebalancer.wire.deribit import market as deribit_market
from rebalancer.wire.deribit.account import (
    Order,
    OrderAnswer,
    Portfolio,
    Position,
    Summaries,
    UserTrade,
    UserTrades,
)
from rebalancer.wire.deribit.frames import Answer, Failure, Heartbeat, Told
from rebalancer.wire.deribit.market import Print, Prints, Ticker
from rebalancer.wire.deribit.values import Refused, Unknown

T = 1_700_000_000_123  # ms
NS = T * 1_000_000
HOURS_8 = 8 * 3600 * 10**9

# Shapes: ws_ticker, ws_quote, ws_trades of payloads_deribit; ticker of deribit_options_2021-07-22.
PERPETUAL = {
    "timestamp": T,
    "state": "open",
    "stats": {"high": None, "volume": 1.5},
    "index_price": 50010.25,
    "instrument_name": "BTC-PERPETUAL",
    "last_price": 50000.5,
    "mark_price": 50005.12,
    "best_bid_price": 50000.0,
    "best_bid_amount": 1230.0,
    "best_ask_price": 50000.5,
    "best_ask_amount": 40.0,
    "current_funding": 0.00012,
    "funding_8h": 0.00003,
}
OPTION = {
    "timestamp": T,
    "underlying_price": 50120.5,
    "underlying_index": "BTC-27FEB26",
    "state": "open",
    "mark_price": 0.0321,
    "mark_iv": 65.5,
    "instrument_name": "BTC-27FEB26-52000-C",
    "index_price": 50010.25,
    "greeks": {"vega": 12.5, "theta": -30.25, "rho": 4.5, "gamma": 0.00002, "delta": 0.41},
    "bid_iv": 64.0,
    "ask_iv": 0.0,
    "best_bid_price": 0.0315,
    "best_bid_amount": 12.5,
    "best_ask_price": 0.0,
    "best_ask_amount": 0.0,
}
TOUCH = {
    "timestamp": T,
    "instrument_name": "BTC-PERPETUAL",
    "best_bid_price": 50000.0,
    "best_bid_amount": 1230.0,
    "best_ask_price": None,
    "best_ask_amount": None,
}
LEVELS = {
    "timestamp": T,
    "instrument_name": "BTC-PERPETUAL",
    "change_id": 77,
    "bids": [[50000.0, 1230.0], [49999.5, 10.0]],
    "asks": [[50000.5, 40.0]],
}
SNAPSHOT = {
    "type": "snapshot",
    "timestamp": T,
    "instrument_name": "BTC-PERPETUAL",
    "change_id": 77,
    "bids": [["new", 50000.0, 1230.0]],
    "asks": [["new", 50000.5, 40.0]],
}
CHANGE = SNAPSHOT | {
    "type": "change",
    "prev_change_id": 77,
    "change_id": 78,
    "bids": [["delete", 50000.0, 0.0]],
}
PRINT = {
    "timestamp": T,
    "price": 50000.5,
    "amount": 30.0,
    "direction": "sell",
    "index_price": 50010.25,
    "instrument_name": "BTC-PERPETUAL",
    "trade_seq": 9,
    "mark_price": 50005.0,
    "tick_direction": 2,
    "contracts": 3.0,
    "trade_id": "400",
}
INDEX = {"timestamp": T, "price": 50010.25, "index_name": "btc_usd"}
# Documented: https://docs.deribit.com/#perpetual-instrument_name-interval
INTEREST = {"timestamp": T, "interest": -0.0005, "index_price": 50010.25}
# Documented: https://docs.deribit.com/#user-trades-instrument_name-interval
USER_TRADE = {
    "timestamp": T,
    "trade_seq": 10,
    "trade_id": "401",
    "state": "filled",
    "price": 50000.5,
    "order_type": "limit",
    "order_id": "9001",
    "matching_id": None,
    "mark_price": 50005.0,
    "liquidity": "T",
    "label": "rb0100020000e1v7v",
    "instrument_name": "BTC-PERPETUAL",
    "fee_currency": "BTC",
    "fee": 3.5e-7,
    "direction": "sell",
    "amount": 30.0,
}
# Shape: ws_order_buy_response of payloads_deribit.
ORDER = {
    "label": "rb0100020000e1v7v",
    "price": 50000.5,
    "amount": 30.0,
    "direction": "sell",
    "time_in_force": "immediate_or_cancel",
    "instrument_name": "BTC-PERPETUAL",
    "order_id": "9001",
    "creation_timestamp": T,
    "filled_amount": 20.0,
    "last_update_timestamp": T,
    "post_only": False,
    "reduce_only": False,
    "average_price": 50000.5,
    "order_state": "open",
    "order_type": "limit",
    "is_liquidation": False,
}
# Shape: ws_portfolio and http_get_account_summaries of payloads_deribit.
PORTFOLIO = {
    "currency": "BTC",
    "balance": 3.5,
    "equity": 3.52,
    "margin_balance": 3.53,
    "initial_margin": 0.4,
    "maintenance_margin": 0.25,
    "futures_session_rpl": -0.01,
    "session_rpl": -0.02,
    "session_upl": 0.04,
    "delta_total": 1.25,
    "options_value": -0.01,
    "margin_model": "segregated_sm",
    "cross_collateral_enabled": False,
}
# Documented: https://docs.deribit.com/#private-get_positions
POSITION = {
    "instrument_name": "BTC-PERPETUAL",
    "kind": "future",
    "direction": "sell",
    "size": -1500.0,
    "size_currency": -0.03,
    "average_price": 50100.0,
    "mark_price": 50005.0,
    "estimated_liquidation_price": None,
}


def frame(channel, data):
    """Return a notification of a channel."""
    params = {"channel": channel, "data": data}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "subscription", "params": params})


def body(channel, data):
    """Return the body of a notification that is believed."""
    message = deribit.decode(frame(channel, data))
    assert Told is type(message), message
    return message.body


TICKER, OPTION_TICKER = "ticker.BTC-PERPETUAL.100ms", "ticker.BTC-27FEB26-52000-C.raw"
BOOK, GROUPED = "book.BTC-PERPETUAL.100ms", "book.BTC-PERPETUAL.none.20.100ms"
FRAMES = [
    (TICKER, PERPETUAL),
    (OPTION_TICKER, OPTION),
    ("quote.BTC-PERPETUAL", TOUCH),
    (GROUPED, LEVELS),
    (BOOK, SNAPSHOT),
    (BOOK, CHANGE),
    ("trades.BTC-PERPETUAL.100ms", [PRINT, PRINT]),
    ("deribit_price_index.btc_usd", INDEX),
    ("perpetual.BTC-PERPETUAL.100ms", INTEREST),
    ("user.trades.any.any.raw", [USER_TRADE]),
    ("user.orders.any.any.raw", ORDER),
    ("user.orders.BTC-PERPETUAL.100ms", [ORDER]),
    ("user.portfolio.btc", PORTFOLIO),
]


@pytest.mark.parametrize(("channel", "data"), FRAMES)
def test_known_channels(channel, data):
    """Each channel that a feed may follow is decoded, under its name."""
    assert channel == deribit.decode(frame(channel, data)).channel


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}', Heartbeat(False)),
        (
            b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}',
            Heartbeat(True),
        ),
        (
            b'{"jsonrpc":"2.0","id":4,"error":{"code":10028,"message":"too_many_requests"}}',
            Failure(4, 10028, "too_many_requests"),
        ),
        (
            b'{"jsonrpc":"2.0","id":4,"result":["quote.X"],"usIn":1,"testnet":true}',
            Answer(4, msgspec.Raw(b'["quote.X"]')),
        ),
        (b'{"jsonrpc":"2.0","id":4,"result":null}', Answer(4, msgspec.Raw(b"null"))),
        (b'{"id":4,"method":"public/subscribe","params":{}}', Unknown("public/subscribe")),
        (b"{}", Unknown(None)),
        (frame("chart.trades.BTC-PERPETUAL.1", {}), Unknown("chart.trades.BTC-PERPETUAL.1")),
        (frame("book.BTC-PERPETUAL", {}), Unknown("book.BTC-PERPETUAL")),
        (frame("user.changes.any.any.raw", {}), Unknown("user.changes.any.any.raw")),
        (frame("user", {}), Unknown("user")),
    ],
)
def test_frames_without_a_body(payload, expected):
    """Answers, failures and heartbeats are told apart, and so is what is not read here."""
    assert expected == deribit.decode(payload)


def without(data, key):
    """Return a body with one field fewer."""
    return {name: value for name, value in data.items() if name != key}


@pytest.mark.parametrize(
    ("channel", "data"),
    [
        *((TICKER, without(PERPETUAL, key)) for key in ("timestamp", "mark_price", "index_price")),
        (TICKER, without(without(PERPETUAL, "current_funding"), "funding_8h")),
        *((OPTION_TICKER, without(OPTION, key)) for key in ("mark_iv", "underlying_price")),
        *((GROUPED, without(LEVELS, key)) for key in LEVELS),
        *((BOOK, without(CHANGE, key)) for key in CHANGE),
        *(("quote.X", without(TOUCH, key)) for key in TOUCH),
        *(("deribit_price_index.btc_usd", without(INDEX, key)) for key in INDEX),
        *(("perpetual.X.raw", without(INTEREST, key)) for key in INTEREST),
        *(("trades.X.raw", [without(PRINT, key)]) for key in ("price", "amount", "direction")),
        *(("user.trades.any.any.raw", [without(USER_TRADE, key)]) for key in ("fee", "trade_id")),
        *(("user.orders.any.any.raw", without(ORDER, key)) for key in ("order_state", "order_id")),
        *(("user.portfolio.btc", without(PORTFOLIO, key)) for key in ("balance", "equity")),
        ("user.portfolio.btc", without(without(PORTFOLIO, "session_rpl"), "futures_session_rpl")),
        (TICKER, PERPETUAL | {"mark_price": 0.0}),
        (TICKER, PERPETUAL | {"mark_price": "NaN"}),
        (TICKER, PERPETUAL | {"index_price": -1}),
        (TICKER, PERPETUAL | {"best_bid_price": 50000.5}),  # locked
        (TICKER, PERPETUAL | {"best_bid_price": -1.0}),
        (TICKER, PERPETUAL | {"best_bid_amount": 0.0}),
        (TICKER, PERPETUAL | {"timestamp": 0}),
        (TICKER, PERPETUAL | {"instrument_name": ""}),
        (OPTION_TICKER, OPTION | {"mark_iv": 0.0}),
        (OPTION_TICKER, OPTION | {"underlying_price": 0.0}),
        (GROUPED, LEVELS | {"bids": [[50000.5, 1.0]]}),
        (GROUPED, LEVELS | {"bids": [[1.0, 0.0]]}),
        (GROUPED, LEVELS | {"asks": [[0.0, 1.0]]}),
        (BOOK, CHANGE | {"prev_change_id": None}),
        (BOOK, CHANGE | {"bids": [["new", 50000.0, 0.0]]}),
        (BOOK, CHANGE | {"bids": [["gone", 50000.0, 0.0]]}),
        (BOOK, SNAPSHOT | {"bids": [["new", 50000.5, 1.0]]}),
        ("trades.X.raw", [PRINT, PRINT | {"amount": 0}]),
        ("trades.X.raw", [PRINT | {"direction": "long"}]),
        ("trades.X.raw", PRINT),
        ("user.trades.any.any.raw", [USER_TRADE | {"fee": "NaN"}]),
        ("user.orders.any.any.raw", ORDER | {"filled_amount": 31.0}),
        ("user.orders.any.any.raw", ORDER | {"order_state": "lost"}),
        ("user.portfolio.btc", PORTFOLIO | {"maintenance_margin": "NaN"}),
    ],
)
def test_refused_frames(channel, data):
    """A known channel with a content that cannot be trusted is refused with a reason."""
    message = deribit.decode(frame(channel, data))

    assert Refused is type(message)
    assert message.reason


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'{"method":',
        b"<html>502</html>",
        b"\xff\xfe",
        b'{"method":"subscription","params":{"data":{}}}',
        b'{"method":"subscription","params":{"channel":"quote.X"}}',
        b'{"method":"subscription","params":[]}',
        frame(TICKER, PERPETUAL)[:-40],
        b"[" * 100_000,
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_no_message_at_all(payload):
    """What is no object, or cut off, is refused and never raises."""
    assert Refused is type(deribit.decode(payload))


D = Decimal
PERP, CALL = "deribit:BTC-PERPETUAL", "deribit:BTC-27FEB26-52000-C"


@pytest.mark.trap("vol-is-percent-or-fraction", "deribit")
@pytest.mark.trap("deribit-empty-side", "deribit")
@pytest.mark.trap("deribit-funding-is-past", "deribit")
def test_market_events():
    """Each message says what it says once, in the house's units and signs."""
    perpetual, option = body(TICKER, PERPETUAL), body(OPTION_TICKER, OPTION)
    touch = body("quote.BTC-PERPETUAL", TOUCH)

    assert Mark(5, NS, PERP, D("50005.12")) == deribit_market.mark(perpetual, 5)
    told = OptionMark(5, NS, CALL, D("0.0321"), 0.655, 50120.5, delta=0.41)
    assert told == deribit_market.mark(option, 5)
    assert FundingRate(5, NS, PERP, 0.00012, HOURS_8, None) == deribit_market.funding(perpetual, 5)
    assert None is deribit_market.funding(option, 5)
    assert Index(5, NS, "deribit", "BTC", D("50010.25")) == deribit_market.index(perpetual, 5)
    assert Quote(5, NS, PERP, D(50000), D(1230), D("50000.5"), D(40)) == deribit_market.quote(
        perpetual, 5
    )
    assert Quote(5, NS, CALL, D("0.0315"), D("12.5"), None, None) == deribit_market.quote(option, 5)
    assert Quote(5, NS, PERP, D(50000), D(1230), None, None) == deribit_market.quote(touch, 5)


def test_other_market_events():
    """Prints are signed by their taker; an index names its coin; interest is a rate per 8 h."""
    (told,) = body("trades.BTC-PERPETUAL.raw", [PRINT])
    index = body("deribit_price_index.btc_usd", INDEX)
    crossed = body("deribit_price_index.eth_btc", INDEX | {"index_name": "eth_btc", "price": 0.03})
    rate = body("perpetual.BTC-PERPETUAL.raw", INTEREST)

    assert Trade(5, NS, PERP, D("50000.5"), D(-30)) == deribit_market.trade(told, 5)
    assert Index(5, NS, "deribit", "BTC", D("50010.25")) == deribit_market.index(index, 5)
    assert None is deribit_market.index(crossed, 5)
    assert FundingRate(5, NS, PERP, -0.0005, HOURS_8, None) == deribit_market.interest(
        rate, "BTC-PERPETUAL", 5
    )


@pytest.mark.trap("numbers-become-floats", "deribit")
def test_number_text_is_kept():
    """Prices are the digits of the payload, never what a float makes of them."""
    payload = frame("deribit_price_index.btc_usd", INDEX).replace(
        b"50010.25", b"50010.10000000000000000001"
    )

    assert D("50010.10000000000000000001") == deribit.decode(payload).body.price


@pytest.mark.parametrize(
    ("edits", "order", "quantity", "forced"),
    [
        ({}, "rb0100020000e1v7v", -30, None),
        ({"direction": "buy"}, "rb0100020000e1v7v", +30, None),
        ({"label": ""}, None, -30, None),
        ({"liquidation": "T"}, "rb0100020000e1v7v", -30, Forced.LIQUIDATION),
        ({"liquidation": "M"}, "rb0100020000e1v7v", -30, None),  # the other side was
        ({"liquidation": "MT"}, "rb0100020000e1v7v", -30, Forced.LIQUIDATION),
    ],
)
def test_fills(edits, order, quantity, forced):
    """A fill is signed, carries our id, and is forced only where we were liquidated."""
    (told,) = body("user.trades.any.any.raw", [USER_TRADE | edits])
    expected = Fill(
        *(5, NS, "desk", PERP, "401", order, D(quantity), D("50000.5")),
        *(D("0.00000035"), "BTC", forced),
        number=10,
    )

    assert expected == deribit_account.fill(told, "desk", 5)


@pytest.mark.trap("deribit-combos", "deribit")
def test_a_combo_is_told_by_its_legs():
    """A combo's own line is no execution of ours; the lines of its legs are."""
    own = USER_TRADE | {"instrument_name": "BTC-FS-27FEB26_PERP", "trade_id": "400"}
    told = body("user.trades.any.any.raw", [own, USER_TRADE | {"combo_id": "BTC-FS-27FEB26_PERP"}])

    assert ["401"] == [each.trade_id for each in deribit_account.events(told, "desk", 5)]


ID = "rb0100020000e1v7v"


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({}, OrderAccepted(5, NS, ID, "9001")),
        ({"order_state": "untriggered"}, OrderAccepted(5, NS, ID, "9001")),
        ({"order_state": "filled", "filled_amount": 30.0}, OrderEnded(5, NS, ID, "filled", D(-30))),
        ({"order_state": "cancelled"}, OrderEnded(5, NS, ID, Ending.EXPIRED, D(-20))),
        (
            {"order_state": "cancelled", "cancel_reason": "user_request"},
            OrderEnded(5, NS, ID, Ending.CANCELED, D(-20)),
        ),
        (
            {"order_state": "cancelled", "time_in_force": "good_til_cancelled"},
            OrderEnded(5, NS, ID, Ending.CANCELED, D(-20)),
        ),
        (
            {"order_state": "rejected", "reject_reason": "post_only"},
            OrderRejected(5, NS, ID, "post_only"),
        ),
        ({"label": ""}, OrderAccepted(5, NS, "9001", "9001")),  # a foreign one
        ({"price": "market_price"}, OrderAccepted(5, NS, ID, "9001")),
    ],
)
def test_orders(edits, expected):
    """The state of an order says what became of it, with its signed cumulative fill."""
    told = body("user.orders.any.any.raw", ORDER | edits)

    assert expected == deribit_account.order_event(told, 5)


@pytest.mark.trap("sign-of-a-position", "deribit")
def test_positions_and_balances():
    """Positions are signed; cash has the session's realised profit of futures in it."""
    positions = deribit.read(msgspec.json.encode([POSITION]), tuple[Position, ...])
    summaries = deribit.read({"id": 10, "summaries": [PORTFOLIO]}, Summaries)

    assert [PositionReport(5, None, "desk", PERP, D(-1500))] == list(
        deribit_account.events(positions, "desk", 5)
    )
    assert [PositionReport(5, None, "desk", "desk:BTC", D("3.49"))] == list(
        deribit_account.events(summaries, "desk", 5)
    )


@pytest.mark.parametrize(
    ("result", "shape"),
    [
        ([POSITION | {"size": 1500.0}], tuple[Position, ...]),  # a short of + size
        ([POSITION | {"direction": "zero"}], tuple[Position, ...]),
        ([without(POSITION, "size")], tuple[Position, ...]),
        ({"trades": [USER_TRADE | {"amount": 0}]}, UserTrades),
        ({}, UserTrades),
        (b"<html>", Order),
        (None, Order),
    ],
)
def test_refused_results(result, shape):
    """A result that is not what its request promised is refused, whatever it is."""
    assert Refused is type(deribit.read(result, shape))


class _Line(msgspec.Struct):
    msg: msgspec.Raw
    kind: str = ""
    file: str = ""


def _lines(path):
    with gzip.open(path) as file:
        for line in file:
            yield msgspec.json.decode(line, type=_Line)


def _kind(message):
    return type(message.body if isinstance(message, Told) else message).__name__


@pytest.mark.proves("deribit", "market", "recorded")
@pytest.mark.proves("deribit", "options", "recorded")
def test_recorded_stream(recordings):
    """Of a recorded session all is decoded but our own request and the line that opens it."""
    found = [
        (line.kind, deribit.decode(line.msg))
        for line in _lines(recordings / "raw" / "deribit_options_2021-07-22.jsonl.gz")
    ]
    odd = [each for each in found if isinstance(each[1], Unknown | Refused)]
    tickers = [each.body for _, each in found if _kind(each) == "Ticker"]
    quotes = [deribit_market.quote(each, 1) for each in tickers]

    assert {"Ticker": 89, "BookChange": 46, "Answer": 5, "Unknown": 1, "Refused": 1} == Counter(
        _kind(each) for _, each in found
    )
    assert [
        ("open", Refused("Expected `object`, got `null`")),  # a marker of the capture, no frame
        ("sent", Unknown("public/subscribe")),  # what we asked for
    ] == odd
    assert 13 == sum(each.bid is None or each.ask is None for each in quotes)
    assert all(isinstance(deribit_market.mark(each, 1), OptionMark) for each in tickers)


def test_recorded_payloads(recordings):
    """Of single payloads all are decoded but two channels that no book needs; none is refused."""
    path = recordings / "raw" / "payloads_deribit.jsonl.gz"
    found = {line.file: deribit.decode(line.msg) for line in _lines(path)}

    kinds = Counter(_kind(each) for each in found.values())
    assert {"ws_chart.json", "ws_volatility_index.json"} == {
        name for name, each in found.items() if isinstance(each, Unknown)
    }
    assert (38, 2, 0) == (len(found), kinds["Unknown"], kinds["Refused"])
    assert (26, 1, 1) == (kinds["Answer"], kinds["Failure"], kinds["Heartbeat"])


RESULTS = {
    "http_get_account_summaries.json": Summaries,
    "http_get_account_summaries_cross_margin.json": Summaries,
    "http_get_last_trades.json": Prints,
    "http_get_last_trades_future_combo.json": Prints,
    "http_get_last_trades_historical_combo.json": Prints,
    "http_get_last_trades_option_combo.json": Prints,
    "http_get_last_trades_perpetual_with_combo_tags.json": Prints,
    "http_get_order_book.json": deribit_market.Levels,
    "ws_order_buy_response.json": OrderAnswer,
    "ws_order_cancel_response.json": Order,
    "ws_order_edit_response.json": OrderAnswer,
    "ws_order_sell_response.json": OrderAnswer,
    "ws_order_stop_market_no_filled_amount.json": OrderAnswer,
    "ws_order_stop_market_response.json": OrderAnswer,
}


def test_recorded_results(recordings):
    """Every recorded result that has a shape here is read in it, from text and from floats."""
    path = recordings / "raw" / "payloads_deribit.jsonl.gz"
    answers = {line.file: deribit.decode(line.msg) for line in _lines(path) if line.file in RESULTS}

    read = {name: deribit.read(each.result, RESULTS[name]) for name, each in answers.items()}
    again = {
        name: deribit.read(msgspec.json.decode(each.result), RESULTS[name])
        for name, each in answers.items()
    }
    assert RESULTS == {name: type(each) for name, each in read.items()}
    assert again == read


def test_recorded_equity(recordings):
    """A recorded summary shows what cash is: equity less open profit and option value."""
    path = recordings / "raw" / "payloads_deribit.jsonl.gz"
    (line,) = (x for x in _lines(path) if x.file == "http_get_account_summaries.json")
    btc, _ = deribit.read(deribit.decode(line.msg).result, Summaries).summaries

    open_profit = D("0.05921555")  # its futures_session_upl
    assert abs(btc.equity - (deribit_account.cash(btc) + open_profit + btc.options_value)) < D(
        "2e-8"
    )


def believable(message):
    """Whether the numbers of a decoded message can be true."""
    told = message.body if isinstance(message, Told) else None
    match told:
        case Ticker():
            return told.mark >= 0 < told.index
        case UserTrade() | Print():
            return told.amount > 0
        case Portfolio():
            return told.equity.is_finite() and told.maintenance_margin.is_finite()
        case _:
            return True


@given(
    payload=st.sampled_from([frame(*each) for each in FRAMES]),
    edits=st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=3)), max_size=6),
    end=st.integers(0, 900),
)
def test_mutated_payloads_never_raise(payload, edits, end):
    """Whatever bytes arrive, an answer comes back, and a decoded one can be believed."""
    text = bytearray(payload)
    for place, patch in edits:
        text[place : place + len(patch)] = patch

    assert believable(deribit.decode(bytes(text[:end])))


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
    which=st.sampled_from([each for each in FRAMES if isinstance(each[1], dict)]), data=st.data()
)
def test_mutated_fields_never_raise(which, data):
    """Whatever stands in a field, an answer comes back, and a decoded one can be believed."""
    channel, told = which
    key = data.draw(st.sampled_from(sorted(told)))

    assert believable(deribit.decode(frame(channel, told | {key: data.draw(FIELD)})))


@pytest.mark.parametrize(
    ("told", "contracts"), [("2100340", "2100340"), ("0", None), ("NaN", None), (None, None)]
)
def test_open_interest(told, contracts):
    """A ticker tells how much of a contract all hold; nothing, where it tells none."""
    ticker = body(TICKER, PERPETUAL if told is None else PERPETUAL | {"open_interest": 1})
    if told is not None:
        ticker = msgspec.structs.replace(ticker, open_interest=Decimal(told))
    else:
        ticker = msgspec.structs.replace(ticker, open_interest=None)
    found = deribit_market.open_interest(ticker, 5)

    assert contracts == (None if found is None else str(found.contracts))


def test_open_interest_of_an_option():
    """What all hold of an option is no measure of what hedges it."""
    ticker = msgspec.structs.replace(body(OPTION_TICKER, OPTION), open_interest=Decimal(5))

    assert deribit_market.open_interest(ticker, 5) is None
