"""The Deribit account: its rows as events, and a ledger that they alone bring to the exchange's."""

import gzip
import json
from decimal import Decimal
from types import SimpleNamespace

import pytest

from rebalancer.core import ledger as books
from rebalancer.core.events import (
    CashMoved,
    Delivered,
    Ending,
    Fill,
    Forced,
    FundingPaid,
    FundingRate,
    Settled,
)
from rebalancer.core.figures import PoolFigures
from rebalancer.core.ledger import Ledger
from rebalancer.exchange.orders import CashRequest
from rebalancer.exchange.records import CashKind
from rebalancer.market.records import SettlementDue
from rebalancer.ports import SECOND
from rebalancer.runtime.reconcile import differences
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.deribit import calls as deribit_calls
from rebalancer.venues.deribit import rows
from rebalancer.venues.deribit.rows import Reader
from rebalancer.venues.outcome import Malformed
from tests.venues.loopback import (
    ACCOUNT,
    BID,
    CALL,
    INSTRUMENTS,
    PERP,
    answering,
    at,
    desk,
    json_of,
    make,
    order,
    step,
)
from tests.venues.test_connection import MARKETS

D = Decimal
MS = 1_000_000
READER = Reader(ACCOUNT, lambda label: label.startswith("rb"))
# Shapes: ccxt's parser and docs.deribit.com; values of our own.
ORDER = {
    "order_id": "BTC-1",
    "instrument_name": "BTC-PERPETUAL",
    "direction": "sell",
    "order_state": "cancelled",
    "amount": "40.0",
    "filled_amount": "10.0",
    "label": "rb01",
    "time_in_force": "immediate_or_cancel",
    "last_update_timestamp": 1_700_000_000_123,
}
TRADE = {
    "trade_id": "77",
    "timestamp": 1_700_000_000_123,
    "instrument_name": "BTC-PERPETUAL",
    "direction": "sell",
    "amount": "10.0",
    "price": "61234.5",
    "fee": "-0.00000012",
    "fee_currency": "BTC",
    "liquidity": "M",
}
SETTLEMENT = {
    "id": 5,
    "type": "settlement",
    "timestamp": 1_700_000_000_123,
    "currency": "BTC",
    "instrument_name": "BTC-PERPETUAL",
    "price": "61000.0",
    "change": "0.0003",
    "interest_pl": "0.0001",
    "total_interest_pl": "0.0002",
    "session_rpl": "0.0001",
    "session_upl": "0.0",
}
POSITION = {"instrument_name": "BTC-PERPETUAL", "size": "-1000.0", "direction": "sell"}
SUMMARY = {
    "currency": "BTC",
    "equity": "1.05",
    "balance": "1.0",
    "margin_balance": "1.04",
    "maintenance_margin": "0.1",
    "initial_margin": "0.2",
    "session_rpl": "-0.01",
    "futures_session_upl": "0.05",
    "options_value": "0.01",
}


@pytest.mark.proves("deribit", "margin", "recorded")
@pytest.mark.trap("balance-is-not-equity", "deribit")
def test_recorded_summaries(recordings):
    """In the recorded answers cash is balance and what the session realised, to the last digit.

    equity = balance + futures_session_rpl + futures_session_upl + options_value.
    """
    path = recordings / "raw" / "payloads_deribit.jsonl.gz"
    with gzip.open(path) as lines:
        told = [json.loads(line, parse_float=str) for line in lines]
    found = [each["msg"] for each in told if each["file"].startswith("http_get_account_summ")]
    standings = [rows.standing(row) for each in found for row in each["result"]["summaries"]]
    btc = standings[0]

    assert 2 == len(found)
    assert D("302.5680766") == btc.cash
    assert D("302.61869214") == btc.equity
    assert 0 < btc.margin_ratio < D("0.01")


@pytest.mark.parametrize(
    ("changes", "filled", "ending"),
    [
        ({}, -10, Ending.EXPIRED),
        ({"time_in_force": "good_til_cancelled"}, -10, Ending.CANCELED),
        ({"cancel_reason": "user_request"}, -10, Ending.CANCELED),
        ({"order_state": "filled", "filled_amount": "40.0"}, -40, Ending.FILLED),
        ({"order_state": "open", "direction": "buy"}, 10, None),
    ],
)
def test_orders(changes, filled, ending):
    """An order's sign is its direction's; its end is what the venue says of it."""
    told = rows.placed({**ORDER, **changes})

    assert (filled, ending) == (told.filled, told.ending)
    assert "rb01" == told.label


@pytest.mark.parametrize(
    ("changes", "own", "forced"),
    [
        ({}, None, None),
        ({"label": "rb01"}, "rb01", None),
        ({"label": "another-bot"}, None, None),
        ({"liquidation": "M"}, None, Forced.LIQUIDATION),
        ({"liquidation": "T"}, None, None),  # the other side's
        ({"liquidation": "MT"}, None, Forced.LIQUIDATION),
    ],
)
def test_trades(changes, own, forced):
    """A trade is ours by its label, and forced by its own side's liquidation only (F21, F09)."""
    fill = READER.fill({**TRADE, **changes}, 5)

    assert (own, forced) == (fill.client_order_id, fill.forced)
    assert (D(-10), D("-0.00000012")) == (fill.quantity, fill.fee)
    assert 1_700_000_000_123 * MS == fill.ts_venue


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        (SETTLEMENT, [FundingPaid, Settled]),
        ({**SETTLEMENT, "total_interest_pl": "0.0"}, [Settled]),
        # funding alone: the session goes on
        (
            {**SETTLEMENT, "change": "0.0002", "session_rpl": "0.0", "session_upl": "0"},
            [FundingPaid],
        ),
        ({**SETTLEMENT, "type": "delivery", "commission": "0.00001"}, [Delivered]),
        ({**SETTLEMENT, "type": "deposit"}, [CashMoved]),
        ({**SETTLEMENT, "type": "usdc_reward"}, [CashMoved]),  # new to us
        ({**SETTLEMENT, "type": "correction", "change": "0"}, []),
        ({**SETTLEMENT, "type": "trade"}, []),  # told by its fill
        # of a liquidation what names a trade is told by its fill, the rest is money
        ({**SETTLEMENT, "type": "liquidation", "trade_id": "BTC-77"}, []),
        ({**SETTLEMENT, "type": "liquidation", "trade_id": None}, [CashMoved]),
        ({**SETTLEMENT, "type": "correction", "trade_id": "BTC-77"}, [CashMoved]),
        ({**SETTLEMENT, "type": "options_settlement_summary"}, []),
    ],
)
@pytest.mark.proves("deribit", "history", "documented")
def test_log(row, kinds):
    """Each line of the log is what it moved, once."""
    assert kinds == [type(event) for event in READER.bookings(row, 1)]


DELIVERY = {
    "id": 6,
    "type": "delivery",
    "timestamp": 1_700_000_000_123,
    "currency": "BTC",
    "instrument_name": "BTC-27FEB26-90000-C",
    "amount": "3",
    "change": "-0.30045",
    "commission": "0.00045",
    "index_price": "100000.0",
    "price": "0.1",
    "mark_price": "0.1",
}
PUT = {"instrument_name": "BTC-27FEB26-120000-P"}


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        ({}, "100000"),  # `price` is the option's own
        ({"index_price": None, "price": "100000"}, "100000"),  # here it is not
        ({"settlement_price": "0.1"}, "100000"),
        # two that may be: the one that explains what was paid, whichever it is
        ({"index_price": "100100", "settlement_price": "100000.0"}, "100000"),
        ({"index_price": "100000", "settlement_price": "100100.0"}, "100000"),
        ({"amount": None}, "100000"),
        ({"change": "7"}, "100000"),  # nothing explains it: the index, and it will differ
        ({"instrument_name": "BTC-27FEB26-120000-C", "change": "-0.00045"}, "100000"),
        ({**PUT, "change": "-0.60045", "price": "0.2"}, "100000"),
        (
            {"instrument_name": "SOL_USDC-27FEB26-150-C", "amount": "10", "price": "12.5"}
            | {"index_price": "162.5", "change": "125", "commission": "0"},
            "162.5",
        ),
        (
            {"instrument_name": "XRP_USDC-27FEB26-0d52-P", "amount": "1000", "price": "0.02"}
            | {"index_price": "0.5", "change": "-20.1", "commission": "0.1"},
            "0.5",
        ),
        ({"instrument_name": "BTC-27FEB26", "price": "100000.0"}, "100000"),
        ({"index_price": None}, None),  # its own alone
        ({"index_price": None, "instrument_name": "BTC-27FEB26", "price": None}, None),
    ],
)  # fmt: skip
def test_deliveries(changes, price):
    """A contract ends at a price of the underlying, and never at the option's own."""
    (told,) = READER.bookings({**DELIVERY, **changes}, 1)

    if price is None:
        assert (CashMoved, D("-0.30045")) == (type(told), told.amount)
    else:
        assert (Delivered, D(price), D(changes.get("commission", "0.00045"))) == (
            type(told),
            told.price,
            told.fee,
        )


COMBO = {**TRADE, "instrument_name": "BTC-CS-27FEB26-90000_98000", "trade_id": "78"}
LEG = {**TRADE, "instrument_name": "BTC-27FEB26-90000-C", "combo_id": COMBO["instrument_name"]}


@pytest.mark.trap("deribit-combos", "deribit")
async def test_a_combo_is_told_by_its_legs():
    """A combo's own line is nothing that is held; its legs are booked, each once."""

    async def act(request):
        if "get_instruments" in request.path:
            return json_of(MARKETS)
        told = {"trades": [COMBO, LEG], "has_more": False, "logs": [], "continuation": None}
        if "summaries" in request.path:
            told = {"summaries": [SUMMARY]}
        return json_of(json.dumps({"result": told}))

    async with answering(act) as (_, address), at(SimpleNamespace(address=address)) as opened:
        told = (await opened.books.history(opened.clock.now() - 1)).events
    assert ["deribit:BTC-27FEB26-90000-C"] == [each.instrument for each in told]


@pytest.mark.parametrize(
    ("last", "total", "paid"),
    [
        ("0.0001", "0.0002", "0.0002"),  # `interest_pl` is of the last stretch only
        ("0.0002", None, "0.0002"),  # nothing else is told
        ("0.0001", "0.0", None),  # what a trade paid came back
    ],
)
@pytest.mark.trap("deribit-no-funding-history", "deribit")
def test_session_funding_is_booked_once(last, total, paid):
    """A trade brings no funding; its settlement books that of the whole session, trades' included.

    Only then does the venue's balance move by it.
    """
    traded = {**SETTLEMENT, "id": 4, "type": "trade", "trade_id": "BTC-77"}
    settled = {**SETTLEMENT, "interest_pl": last, "total_interest_pl": total}
    told = [event for row in (traded, settled) for event in READER.bookings(row, 1)]

    expected = [] if paid is None else [D(paid)]
    assert expected == [event.amount for event in told if isinstance(event, FundingPaid)]
    assert [D(61_000)] == [event.price for event in told if isinstance(event, Settled)]


@pytest.mark.parametrize(
    ("row", "size"),
    [
        (POSITION, -1000),
        ({**POSITION, "size": "0", "direction": "zero"}, 0),
        ({**POSITION, "size": "0.4", "direction": "buy", "contract_size": 10}, D("0.4")),
    ],
)
@pytest.mark.proves("deribit", "positions", "documented")
@pytest.mark.trap("sign-of-a-position", "deribit")
@pytest.mark.trap("deribit-size-is-whole", "deribit")
@pytest.mark.trap("deribit-direction-zero", "deribit")
def test_positions(row, size):
    """A size carries its sign and is never multiplied."""
    assert ("deribit:BTC-PERPETUAL", size) == rows.position(row)[:2]


@pytest.mark.parametrize(
    ("instrument", "size", "average", "mark", "floating", "entry"),
    [
        # -20,000 USD from 98,000 at 100,000: 20,000 (1/100,000 - 1/98,000) coins
        ("BTC-PERPETUAL", "-20000", "98000", "100000", "-0.004081633", "98000"),
        # a settlement at 99,000 since: the average explains nothing any more
        ("BTC-PERPETUAL", "-20000", "98000", "100000", "-0.002020202", "99000"),
        ("BTC_USDC-PERPETUAL", "2", "98000", "100000", "4000", "98000"),
        ("BTC_USDC-PERPETUAL", "2", "98000", "100000", "2000", "99000"),
        ("BTC-25DEC26-100000-C", "2", "0.05", "0.06", "0.02", "0.05"),
        ("BTC-PERPETUAL", "-20000", "98000", "100000", None, "98000"),
    ],
)
def test_entry_of_a_position(instrument, size, average, mark, floating, entry):
    """A position is entered at the price from which its profit is not cash yet."""
    row = {
        "instrument_name": instrument,
        "kind": "option" if instrument.endswith("-C") else "future",
        "direction": "sell" if size.startswith("-") else "buy",
        "size": size,
        "average_price": average,
        "mark_price": mark,
        "floating_profit_loss": floating,
    }

    assert pytest.approx(float(entry), abs=0.01) == float(rows.position(row)[2])


@pytest.mark.parametrize(
    ("read", "row", "name"),
    [
        *((rows.position, POSITION, name) for name in ("size", "direction", "instrument_name")),
        *((rows.placed, ORDER, name) for name in ("order_id", "amount", "order_state")),
        *((rows.placed, ORDER, name) for name in ("filled_amount", "direction")),
        *((rows.standing, SUMMARY, name) for name in ("balance", "equity", "session_rpl")),
        *((lambda row: READER.fill(row, 1), TRADE, name) for name in ("fee", "trade_id", "price")),
        *((lambda row: READER.bookings(row, 1), SETTLEMENT, name) for name in ("type", "price")),
    ],
)
@pytest.mark.parametrize("value", ["absent", None, ""])
@pytest.mark.trap("missing-is-not-zero", "deribit")
def test_missing_field(read, row, name, value):
    """A missing, null or empty field is named, and never read as 0."""
    broken = {key: each for key, each in row.items() if key != name}
    if value != "absent":
        broken[name] = value

    with pytest.raises(Malformed, match=name):
        read(broken)


@pytest.mark.parametrize(
    ("read", "row", "changes"),
    [
        (rows.position, POSITION, {"direction": "buy"}),  # a sign against it
        (rows.position, POSITION, {"size": "NaN"}),
        (rows.placed, ORDER, {"order_state": "haunted"}),
        (rows.standing, SUMMARY, {"balance": "0.99"}),  # they do not add up
    ],
)
def test_contradiction(read, row, changes):
    """Figures that contradict one another are refused."""
    with pytest.raises(Malformed):
        read({**row, **changes})


@pytest.mark.parametrize(
    "result",
    [
        "null",
        "{}",
        '[{"instrument_name": "BTC-PERPETUAL", "direction": "sell"}]',
        '[{"instrument_name": "BTC-PERPETUAL", "size": null, "direction": "sell"}]',
        "[5]",
    ],
)
@pytest.mark.trap("missing-is-not-zero", "deribit")
async def test_malformed_positions(result):
    """A positions answer that lacks a field is an error by name, never "flat"."""

    async def act(request):
        if "get_instruments" in request.path:
            return json_of(MARKETS)
        return json_of(f'{{"result": {result}}}')

    async with answering(act) as (_, address), at(SimpleNamespace(address=address)) as opened:
        with pytest.raises(Malformed, match=r"get_positions|deribit position"):
            await opened.venue.positions()


def book(ledger, events):
    """Book what a history told."""
    for event in events:
        instrument = INSTRUMENTS.get(getattr(event, "instrument", ""))
        match event:
            case Fill():
                books.book_fill(ledger, event, instrument, ours=event.client_order_id is not None)
            case FundingPaid():
                books.book_funding(ledger, event)
            case Settled():
                books.book_settlement(ledger, event, instrument)
            case Delivered():
                books.book_delivery(ledger, event, instrument)
            case CashMoved():
                books.book_cash(ledger, event)


@pytest.mark.proves("deribit", "history", "loopback")
@pytest.mark.trap("X07", "deribit")
async def test_polling_alone_converges():
    """Fills, fees, premiums, funding, a settlement and cash: the ledger is the exchange's, exactly.

    All of it by REST; no hint is looked at. Twice the same history changes nothing.
    """
    async with desk() as opened:
        place, ledger = opened.loopback.place, Ledger()
        for currency, cash in place.balances(ACCOUNT).items():
            books.credit(ledger, ACCOUNT, currency, cash)
        began = opened.clock.now()
        await opened.venue.submit(order("rb01", quantity=D(700)))
        await opened.venue.submit(order("rb02", instrument=CALL, quantity=D(1), price=D("0.3505")))
        ts, dear = opened.clock.now(), 8 * 3600 * SECOND
        place.tell(step(ts, funding_rates=(FundingRate(ts, ts, PERP, 0.1, dear, None),)))
        await opened.venue.submit(order("rb03", quantity=D(-300), price=BID))
        await opened.clock.sleep(20 * MS)
        place.tell(step(opened.clock.now(), settlements=(SettlementDue(PERP, D(100_000)),)))
        await opened.clock.sleep(2 * MS)
        place.move_cash(CashRequest(ACCOUNT, CashKind.DEPOSIT, "BTC", D("0.5")))
        await opened.venue.submit(order("rb04", quantity=D(-900), price=BID))
        told = (await opened.venue.history(began - 1_000 * MS)).events
        book(ledger, told)
        version = ledger.version
        book(ledger, (await opened.venue.history(began - 1_000 * MS)).events)
        reported = await opened.venue.positions()

        assert {type(event) for event in told} >= {Fill, FundingPaid, Settled, CashMoved}
        assert version == ledger.version
        assert place.balances(ACCOUNT) == {
            currency: ledger.balance(ACCOUNT, currency) for currency in ("BTC", "ETH")
        }
        assert {} == differences(ledger, ACCOUNT, reported, INSTRUMENTS)
        assert {PERP: D(-500), CALL: D(1)} == {
            name: each.quantity for (_, name), each in ledger.positions.items()
        }


@pytest.mark.proves("deribit", "margin", "loopback")
@pytest.mark.trap("margin-by-the-account", "deribit")
async def test_margin_is_the_exchanges():
    """Balance, maintenance and initial margin are the venue's own, to the digits that it shows."""
    async with desk() as opened:
        await opened.venue.submit(order("rb01", quantity=D(90_000)))
        asked = opened.clock.now()
        told = await opened.venue.margin()
        truth = opened.loopback.place.standing(ACCOUNT, "BTC")

    assert asked <= told.asked <= told.ts_local
    (pool,) = [each for each in told.pools if each.currency == "BTC"]
    (leg,) = told.legs
    assert (PERP, True) == (leg.instrument, leg.maintenance > 0)
    assert truth.maintenance > 0
    for ours, its in (
        (pool.equity, truth.equity),
        (pool.balance, truth.balance),
        (pool.maintenance, truth.maintenance),
        (pool.initial, truth.initial),
    ):
        assert abs(ours - its) <= D("1e-6")


async def test_unsettled_funding_is_not_cash_yet():
    """Funding that the venue counts as realised and books at 08:00 is in no ledger before it."""
    held = {**POSITION, "realized_funding": "-0.003"}

    async def act(request):
        if "get_instruments" in request.path:
            return json_of(MARKETS)
        if "get_positions" in request.path:
            return json_of(json.dumps({"result": [held]}))
        return json_of(json.dumps({"result": {"summaries": [SUMMARY]}}))

    async with answering(act) as (_, address), at(SimpleNamespace(address=address)) as opened:
        told = {row.instrument: row.quantity for row in await opened.venue.positions()}

    assert {PERP: D(-1000), "deribit:BTC": D("1.0") - D("0.01") + D("0.003")} == told


async def test_pages(monkeypatch):
    """A history of more fills than a page holds is whole."""
    monkeypatch.setattr(deribit_calls, "TRADES_PAGE", 4)
    monkeypatch.setattr(deribit_calls, "LOG_PAGE", 2)
    async with desk() as opened:
        for number in range(6):
            await opened.venue.submit(order(f"rb0{number}", quantity=D(10)))
            await opened.clock.sleep(2 * MS)
        told = await opened.venue.history(0)

    assert (6, None) == (len(told.events), told.fault)


async def test_a_list_that_is_not_answered_takes_nothing_from_the_others():
    """What was told is kept, and what is missing is said: half a history is not taken for whole."""
    async with desk() as opened:
        await opened.venue.submit(order())
        opened.loopback.script.add(Plan(Kind.HTML, "private/get_transaction_log"))
        told = await opened.venue.history(0)

        assert [Fill] == [type(each) for each in told.events]
        assert "get_transaction_log" in str(told.fault)


@pytest.mark.trap("deribit-lists-are-of-bitcoin", "deribit")
async def test_currencies_that_matter():
    """Once all are known to be empty only what is traded, or ever held something, is asked for."""
    empty = {"USDC": D(0), "USDT": D(0)}
    async with make(cash=empty) as loopback, at(loopback) as opened:
        asked, log = [], opened.line.connection.exchange.private_get_get_transaction_log

        async def noted(params):
            asked.append(params["currency"])
            return await log(params)

        opened.line.connection.exchange.private_get_get_transaction_log = noted
        await opened.venue.history(0)
        everything = set(asked)
        asked.clear()
        await opened.venue.history(0, whole=False)
        assert {"BTC", "ETH"} == set(asked) < everything

        opened.loopback.place.move_cash(CashRequest(ACCOUNT, CashKind.DEPOSIT, "USDC", D(5)))
        asked.clear()
        told = await opened.venue.history(0, whole=False)
        assert {"BTC", "ETH", "USDC"} == set(asked)
        assert D(5) in [each.amount for each in told.events if isinstance(each, CashMoved)]

        opened.loopback.place.move_cash(CashRequest(ACCOUNT, CashKind.WITHDRAWAL, "USDC", D(-5)))
        told = await opened.venue.history(0, whole=False)
        assert D(-5) in [each.amount for each in told.events if isinstance(each, CashMoved)]


@pytest.mark.parametrize("state", ["untriggered", "triggered"])
def test_a_stop_order_tells_no_filled_amount(state):
    """One that waits for its price has filled nothing; a figure that is null is none."""
    waiting = {key: value for key, value in ORDER.items() if key != "filled_amount"}
    read = rows.placed(waiting | {"order_state": state})

    assert (0, None) == (read.filled, read.ending)
    with pytest.raises(Malformed, match="filled_amount"):
        rows.placed(waiting | {"order_state": state, "filled_amount": None})


@pytest.mark.parametrize("label", ["absent", None, 5])
@pytest.mark.parametrize("word", ["state_by_label", "open_orders_by_label"])
async def test_an_order_without_a_label_may_be_the_one(word, label):
    """A row whose label cannot be read is no proof that there is no order of ours."""
    row = {key: value for key, value in ORDER.items() if key != "label"}
    row |= {} if label == "absent" else {"label": label}

    async def act(request):
        if "get_instruments" in request.path:
            return json_of(MARKETS)
        return json_of(json.dumps({"result": [row] if word in request.path else []}))

    async with answering(act) as (_, address), at(SimpleNamespace(address=address)) as opened:
        with pytest.raises(Malformed, match="label"):
            await opened.books.placed("rb01", PERP)


@pytest.mark.trap("margin-by-the-account", "deribit")
def test_recorded_figures(recordings):
    """Each currency of the recorded summaries is a pool, in the venue's own numbers."""
    path = recordings / "raw" / "payloads_deribit.jsonl.gz"
    with gzip.open(path) as lines:
        told = [json.loads(line, parse_float=str) for line in lines]
    found = [each["msg"] for each in told if each["file"].startswith("http_get_account_summ")]
    pools = [pool for each in found for pool in rows.pools(each["result"]["summaries"])]

    assert D("302.61869214") == pools[0].equity
    assert "BTC" == pools[0].currency
    assert all(pool.maintenance >= 0 and not pool.instrument for pool in pools)


@pytest.mark.parametrize(
    ("price", "expected"), [("183437.4", D("183437.4")), (0, None), (None, None)]
)
@pytest.mark.trap("liquidation-price-is-not-there", "deribit")
def test_liquidation_price_of_a_position(price, expected):
    """A price of nothing, or none, is no price: nothing takes the position down."""
    row = {"instrument_name": "BTC-PERPETUAL", "maintenance_margin": "0.05"}
    told = rows.leg(row | {"estimated_liquidation_price": price})

    assert ("deribit:BTC-PERPETUAL", D("0.05"), expected) == (
        told.instrument,
        told.maintenance,
        told.liquidation,
    )


@pytest.mark.parametrize(
    "mode", [{"margin_model": "cross_sm"}, {"cross_collateral_enabled": True}], ids=str
)
def test_cross_collateral(mode):
    """Under cross collateral one pool in USD is told, of the account's totals, and no currency."""
    totals = {
        "total_equity_usd": "200000",
        "total_margin_balance_usd": "190000",
        "total_initial_margin_usd": "20000",
        "total_maintenance_margin_usd": "15000",
    }
    parts = {"equity": "2", "margin_balance": "1.9", "balance": "2", "session_rpl": "0"}
    asked = {"initial_margin": "0.2", "maintenance_margin": "0.15"}
    both = [parts | asked | {"currency": each} | mode | totals for each in ("BTC", "USDC")]
    (pool,) = rows.pools(both)

    assert PoolFigures("USD", D(200_000), D(190_000), D(15_000), D(20_000), together=True) == pool


def test_cross_collateral_without_totals():
    """Totals that are not told are no figures at all."""
    with pytest.raises(Malformed, match="total_equity_usd"):
        rows.pools([{"currency": "BTC", "margin_model": "cross_pm"}])
