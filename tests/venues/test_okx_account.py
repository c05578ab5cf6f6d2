"""The OKX account: its rows as events, and a ledger that they alone bring to the exchange's."""

import asyncio
import gzip
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import adopting
from rebalancer.core import ledger as books
from rebalancer.core.events import (
    CashMoved,
    Delivered,
    Ending,
    Fill,
    Forced,
    FundingPaid,
    Settled,
)
from rebalancer.core.figures import TOGETHER
from rebalancer.core.ledger import Ledger
from rebalancer.errors import Unavailable
from rebalancer.exchange.orders import CashRequest, TimeInForce
from rebalancer.exchange.records import CashKind
from rebalancer.market.records import DeliveryDue, FundingDue
from rebalancer.ports import SECOND
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.reconcile import differences
from rebalancer.settings.catalogue import known
from rebalancer.simulation.accounts import Asked
from rebalancer.simulation.dress import apart
from rebalancer.simulation.faults import Deed, Kind, Plan
from rebalancer.simulation.okx import shapes
from rebalancer.simulation.okx.desk import Stop
from rebalancer.venues.okx import history as okx_history
from rebalancer.venues.okx import rows
from rebalancer.venues.okx.account import pairs
from rebalancer.venues.okx.deliveries import ended_at
from rebalancer.venues.outcome import Malformed
from tests.simulation.okx_fair import (
    ACCOUNT,
    CALL,
    FUTURE,
    INSTRUMENTS,
    INVERSE,
    LINEAR,
    PAIR,
    step_of,
)
from tests.venues.okx_loopback import KNOWN, at, desk, make, order

D = Decimal
T = 1_700_000_000_123  # ms
NS = T * 1_000_000
OURS = "rb0100020000e1v7v"
READER = rows.Reader("okx", lambda label: label == OURS)
BILL = {  # shape: okx.com/docs-v5, "Get bills details"
    "billId": "623950854533513219",
    "ts": str(T),
    "type": "2",
    "subType": "1",
    "ccy": "BTC",
    "balChg": "-0.0001",
    "bal": "1.5",
    "sz": "10",
    "px": "100000.1",
    "pnl": "0",
    "fee": "-0.0001",
    "instType": "SWAP",
    "instId": "BTC-USD-SWAP",
    "mgnMode": "cross",
    "notes": "",
}
TRADE = {  # shape: http_transaction_detail of payloads_okx.jsonl.gz, with what the docs add
    "instType": "SWAP",
    "instId": "BTC-USD-SWAP",
    "tradeId": "123456789",
    "ordId": "987654321",
    "clOrdId": OURS,
    "billId": "456",
    "subType": "1",
    "fillPx": "42000.5",
    "fillSz": "3",
    "side": "buy",
    "execType": "T",
    "feeCcy": "BTC",
    "fee": "-0.000042",
    "ts": str(T + 5),
    "fillTime": str(T),
}
FUNDED = BILL | {"type": "8", "subType": "173", "balChg": "-0.00007", "pnl": "-0.00007", "fee": "0"}


# --- rows -----------------------------------------------------------------------


def test_fill():
    """A fee is paid where OKX has it negative; the time is that of the trade."""
    told = READER.fill(TRADE, 7)

    assert (NS, "okx:BTC-USD-SWAP", "123456789") == (told.ts_venue, told.instrument, told.trade_id)
    assert (D(3), D("42000.5"), D("0.000042"), "BTC") == (
        *(told.quantity, told.price, told.fee, told.fee_currency),
    )
    assert (OURS, None) == (told.client_order_id, told.forced)


@pytest.mark.parametrize(
    ("changes", "quantity", "fee", "name", "forced"),
    [
        ({"side": "sell"}, -3, "0.000042", OURS, None),
        ({"fee": "0.00001"}, 3, "-0.00001", OURS, None),  # a rebate
        ({"clOrdId": "somebody"}, 3, "0.000042", None, None),
        ({"clOrdId": ""}, 3, "0.000042", None, None),
        ({"subType": "107", "side": "sell", "tradeId": "-9"}, -3, "0.000042", OURS, "liquidation"),
        ({"subType": "127", "tradeId": "-9"}, 3, "0.000042", OURS, "deleveraging"),
    ],
)
def test_fills(changes, quantity, fee, name, forced):
    """Sign, rebate, whose it is, and whether the venue made it by force."""
    told = READER.fill(TRADE | changes, 7)

    assert (D(quantity), D(fee)) == (told.quantity, told.fee)
    assert (name, forced and Forced(forced)) == (told.client_order_id, told.forced)


@pytest.mark.parametrize("row", [TRADE, BILL], ids=["fill", "bill"])
@pytest.mark.parametrize("value", [None, ""])
def test_what_does_not_say_is_no_conversion(row, value):
    """A row that does not tell what it is of is refused, and not passed over as no trade."""
    without = {key: each for key, each in row.items() if key != "subType"}
    for each in (without, row | {"subType": value}):
        with pytest.raises(Malformed, match="subType"):
            rows.is_trade(each)


@pytest.mark.parametrize("name", ["instId", "tradeId", "fillSz", "fillPx", "fee", "feeCcy", "side"])
@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.trap("missing-is-not-zero", "okx")
def test_nothing_is_zero(name, value):
    """A field that is missing, null or empty is no 0: the row is refused by name."""
    without = {key: each for key, each in TRADE.items() if key != name}
    for row in (without, TRADE | {name: value}):
        with pytest.raises(Malformed, match=name):
            READER.fill(row, 7)


@pytest.mark.parametrize(
    ("changes", "event"),
    [
        ({}, None),  # a trade: its fill tells it
        ({"type": "9", "subType": "125", "pnl": "-0.0002", "balChg": "-0.0003"}, None),
        ({"type": "13", "subType": "131"}, None),  # the venue's bot hedged: there is a fill of it
        ({"type": "4", "subType": "114", "balChg": "3"}, ("4.114", "3", False)),  # of one currency
        ({"type": "4", "subType": "115", "balChg": "-2"}, ("4.115", "-2", False)),  # of the other
        ({"type": "7", "subType": "9", "balChg": "-0.02"}, ("7.9", "-0.02", False)),  # interest
        ({"type": "1", "subType": "11", "balChg": "5"}, ("1.11", "5", True)),
        ({"type": "1", "subType": "12", "balChg": "-5"}, ("1.12", "-5", True)),
        ({"type": "27", "subType": "318", "balChg": "5"}, ("27.318", "5", False)),  # a conversion
        ({"type": "10", "subType": "108", "balChg": "-1"}, ("10.108", "-1", False)),  # clawback
        ({"type": "3", "subType": "117", "balChg": "-1"}, ("3.117", "-1", False)),
        ({"type": "999", "subType": "998", "balChg": "2"}, ("999.998", "2", False)),  # new to us
        ({"type": "6", "subType": "160", "balChg": "0"}, None),
        (
            # what a liquidation took beyond profit and fee
            {"type": "5", "subType": "104", "pnl": "-0.5", "fee": "-0.1", "balChg": "-0.7"},
            ("5.104", "-0.1", False),
        ),
    ],
)
def test_bills(changes, event):
    """Each kind of bill is what it is; one that nobody knows is cash that moved."""
    told = READER.booking(BILL | changes, 7)

    if event is None:
        assert told is None
    else:
        kind, amount, flow = event
        assert CashMoved(7, NS, "okx", BILL["billId"], kind, D(amount), "BTC", flow) == told


def test_funding():
    """Funding is + where it was received, in the currency of its bill."""
    told = READER.booking(FUNDED, 7)

    assert told == FundingPaid(
        7, NS, "okx", "okx:BTC-USD-SWAP", BILL["billId"], D("-0.00007"), "BTC"
    )


@pytest.mark.parametrize("name", ["type", "balChg", "billId", "ts", "ccy"])
def test_a_bill_without_a_field(name):
    """A bill that lacks what it must have is refused by name, and is not 0."""
    with pytest.raises(Malformed, match=name):
        READER.booking(FUNDED | {name: ""}, 7)


@given(
    st.dictionaries(st.sampled_from(sorted(BILL)), st.none() | st.text(max_size=4) | st.floats())
)
def test_any_bill(changes):
    """Whatever stands in a bill: an event, nothing, or a refusal; never another error."""
    try:
        READER.booking(BILL | changes, 7)
    except Malformed:
        return


@pytest.mark.parametrize(
    ("name", "price", "moved", "ended"),
    [
        ("BTC-USD-260227", "98000", {}, True),
        ("BTC-USD-260227", "0", {}, False),
        ("BTC-USD-260227-90000-C", "100000", {"sz": "100", "pnl": "0.1"}, True),
        ("BTC-USD-260227-90000-C", "100000", {"sz": "100", "pnl": "-0.1"}, True),  # written
        ("BTC-USD-260227-90000-C", "90000", {"sz": "100", "pnl": "0.1"}, False),  # the strike
        ("BTC-USD-260227-90000-C", "0.1", {"sz": "100", "pnl": "0.1"}, False),  # its own worth
        ("BTC-USD-260227-90000-C", "80000", {"sz": "100", "pnl": "0"}, True),
        ("BTC-USD-260227-90000-P", "72000", {"sz": "100", "pnl": "0.25"}, True),
        ("BTC-USD-260227-90000-P", "72000", {}, True),  # nothing to judge by
    ],
)
def test_delivery_prices(name, price, moved, ended):
    """A price counts only where it explains what the bill moved: 100 contracts are 1 BTC."""
    assert ended is ended_at(name, moved, D(price), D("0.01"))


ORDER = {  # shape: http_get_orders_history.json
    "instId": "BTC-USDT-SWAP",
    "ordId": "2497956918703120384",
    "clOrdId": OURS,
    "side": "sell",
    "sz": "5",
    "accFillSz": "2",
    "state": "canceled",
    "ordType": "ioc",
    "cancelSource": "14",
    "uTime": str(T),
}


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({}, Ending.EXPIRED),
        ({"cancelSource": "1"}, Ending.CANCELED),
        ({"ordType": "limit"}, Ending.CANCELED),
        ({"state": "mmp_canceled", "ordType": "limit"}, Ending.CANCELED),
        ({"state": "filled", "accFillSz": "5"}, Ending.FILLED),
        ({"state": "live"}, None),
        ({"state": "partially_filled"}, None),
    ],
)
def test_orders(changes, ending):
    """How an order ended follows from its state, its type and who withdrew it."""
    told = rows.placed(ORDER | changes)

    assert ending is told.ending
    assert (D(-5), OURS, NS) == (told.quantity, told.label, told.ts)


@pytest.mark.parametrize("changes", [{"state": "lost"}, {"accFillSz": ""}, {"side": "long"}])
def test_orders_that_cannot_be(changes):
    """A state, a side or an amount that is none is refused."""
    with pytest.raises(Malformed):
        rows.placed(ORDER | changes)


HELD = {"instId": "BTC-USD-SWAP", "instType": "SWAP", "posSide": "net", "pos": "-7", "avgPx": "9.5"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ("okx:BTC-USD-SWAP", D(-7), D("9.5"))),
        ({"pos": "0", "avgPx": ""}, ("okx:BTC-USD-SWAP", D(0), None)),
        ({"posSide": "long"}, "posSide"),
        ({"posSide": ""}, "posSide"),
        ({"pos": ""}, "pos"),
        ({"instType": "MARGIN"}, "loan"),
    ],
)
@pytest.mark.trap("sign-of-a-position", "okx")
@pytest.mark.trap("hedge-mode", "okx")
def test_positions(changes, told):
    """In net mode a position carries its sign; anything else is refused."""
    if isinstance(told, tuple):
        assert told == rows.position(HELD | changes)
    else:
        with pytest.raises(Malformed, match=told):
            rows.position(HELD | changes)


BALANCE = {"ccy": "BTC", "cashBal": "2", "eq": "2.05", "imr": "0.1", "mmr": "0.05"}


@pytest.mark.parametrize(
    ("told", "price"), [("91000.5", D("91000.5")), ("", None), ("0", None), (None, None)]
)
@pytest.mark.trap("liquidation-price-is-not-there", "okx")
def test_no_liquidation_price(told, price):
    """Where nothing, or 0, stands no price takes the position down."""
    leg = rows.leg(HELD | {"liqPx": told, "mmr": "0.05"}, alone=True)

    assert (price, D("0.05")) == (leg.liquidation, leg.maintenance)


@pytest.mark.trap("okx-margin-ratio-is-upside-down", "okx")
def test_a_large_margin_ratio_is_safe():
    """OKX tells balance ÷ requirement: 41 there is a ratio of 1/41 here, and 1 is the end."""
    (pool,) = rows.pools({"adjEq": ""}, [BALANCE | {"mgnRatio": "41"}], ("BTC",))

    assert pool.maintenance / pool.balance == pytest.approx(D(1) / 41)
    assert (D("2.05"), "BTC", False) == (pool.equity, pool.currency, pool.together)
    assert D(1) == rows.standing(BALANCE | {"mgnRatio": "1"}, ("BTC",)).margin_ratio


def test_without_a_requirement_equity_counts():
    """Where nothing is required there is no ratio, and all that is owned counts."""
    (pool,) = rows.pools({}, [BALANCE | {"mmr": "0", "mgnRatio": ""}], ())

    assert (D("2.05"), D(0)) == (pool.balance, pool.maintenance)


def test_together():
    """Where collateral counts together there is one pool, in USD, by the account's own figures."""
    account = {"adjEq": "900", "totalEq": "1000", "imr": "90", "mmr": "30", "mgnRatio": "30"}
    (pool,) = rows.pools(account, [BALANCE | {"imr": "", "mmr": "", "mgnRatio": ""}], ("BTC",))

    assert (TOGETHER, True) == (pool.currency, pool.together)
    assert (D(1000), D(900), D(30), D(90)) == (
        *(pool.equity, pool.balance, pool.maintenance, pool.initial),
    )


@pytest.mark.parametrize("name", ["cashBal", "eq", "mmr", "imr"])
@pytest.mark.parametrize("crossed", [(), ("BTC",)])
def test_a_balance_without_a_figure(name, crossed):
    """A currency whose figures are not all there is no pool."""
    with pytest.raises(Malformed, match=name):
        rows.pools({}, [BALANCE | {name: ""}], crossed)


NOTHING = {"ccy": "OKB", "imr": "", "mmr": "", "mgnRatio": ""}


def test_a_currency_that_margins_nothing():
    """Margin is told of a currency with a position; of one without, nothing is asked."""
    pools = rows.pools({}, [BALANCE | {"mgnRatio": "41"}, BALANCE | NOTHING], ("BTC",))

    assert [("BTC", D("0.05")), ("OKB", D(0))] == [
        (each.currency, each.maintenance) for each in pools
    ]
    assert (D("2.05"), D(0)) == (pools[1].balance, pools[1].initial)
    with pytest.raises(Malformed, match="mmr"):
        rows.pools({}, [BALANCE | NOTHING], ("BTC", "OKB"))
    with pytest.raises(Malformed, match="imr"):  # missing is not empty
        rows.pools({}, [BALANCE | {"ccy": "OKB", "mmr": "0", "imr": None}], ())
    with pytest.raises(Malformed, match="mmr"):
        rows.pools({}, [BALANCE | NOTHING | {"mmr": None}], ())


def test_what_positions_are_margined_in():
    """An empty position margins nothing, and one that does not say in what is refused."""
    held = HELD | {"ccy": "BTC"}

    assert ["BTC"] == list(rows.margins([held, held | {"ccy": "ETH", "pos": "0"}]))
    with pytest.raises(Malformed, match="ccy"):
        rows.margins([HELD])


def test_recorded_payloads(recordings):
    """What others recorded of orders, positions and balances is read."""
    with gzip.open(recordings / "raw/payloads_okx.jsonl.gz") as lines:
        told = {each["file"]: each["msg"] for each in map(json.loads, lines)}
    (order_,) = told["http_get_orders_history.json"]["data"]
    (open_,) = told["http_get_orders_pending.json"]["data"]
    (account,) = told["http_get_account_balance.json"]["data"]
    (stop,) = told["http_get_orders_algo_pending_attached_oco.json"]["data"]
    (fraction,) = told["http_get_orders_algo_pending_close_fraction.json"]["data"]
    (long,) = told["http_get_positions.json"]["data"]

    assert (Ending.FILLED, D("0.03")) == (rows.placed(order_).ending, rows.placed(order_).filled)
    assert ("client-order-1", D("0.10")) == (rows.resting(open_).label, rows.resting(open_).left)
    assert D("94.42612990333333") == rows.cash(account["details"][0])
    assert not rows.together(account)
    assert (D("-0.01"), "O-attached-oco") == (rows.waiting(stop).left, rows.waiting(stop).label)
    assert rows.waiting(fraction).left is None  # it closes all, and tells no amount
    assert (
        D("0.000042")
        == -rows.Reader("okx", bool)
        .fill(TRADE | told["http_transaction_detail.json"] | {"fee": "0.000042"}, 7)
        .fee
    )
    with pytest.raises(Malformed, match="fee"):
        READER.fill(told["http_transaction_detail_empty_fee.json"], 7)
    with pytest.raises(Malformed, match="net"):
        rows.position(long)


# --- the account ------------------------------------------------------------------


def submit(place, name, quantity, price, label=""):
    """Let an immediate order of the account arrive."""
    return place.submit(Asked(ACCOUNT, name, quantity, price, TimeInForce.IOC, label=label))


@pytest.mark.proves("okx", "positions", "loopback")
async def test_a_pair_is_a_position():
    """A coin that the book trades as a pair is that pair's position, and else cash."""
    spot = {PAIR: INSTRUMENTS[PAIR], LINEAR: INSTRUMENTS[LINEAR]}
    async with make() as served:
        submit(served.place, PAIR, D("0.5"), D("100000.1"))
        async with at(served, instruments=spot) as opened:
            held = {each.instrument: each.quantity for each in await opened.venue.positions()}
            one = await opened.books.position(PAIR)
        async with at(served) as opened:
            cash = {each.instrument: each.quantity for each in await opened.venue.positions()}

    assert D("10.4995") == held[PAIR] == one == cash["okx:BTC"]
    assert "okx:BTC" not in held
    assert "okx:USDT" in held


async def test_a_currency_that_is_gone_is_nothing():
    """What contracts settle in, or a pair is paid with, is told where the venue lists none of it.

    Without an answer to read, nothing is told of anything.
    """
    async with desk(cash={"BTC": D(1)}) as opened:
        held = {each.instrument: each.quantity for each in await opened.venue.positions()}
        opened.loopback.script.add(Plan(Kind.ERROR_BEFORE, "GET account/balance"))
        with pytest.raises(Unavailable):
            await opened.venue.positions()

    assert {"okx:BTC": D(1), "okx:USDT": D(0)} == held


def test_pairs_beside_contracts():
    """A coin that contracts settle in is cash: there is one balance of it for both."""
    ether = known("okx:ETH-USDT")

    assert {"BTC": PAIR, "ETH": ether.id} == pairs([INSTRUMENTS[PAIR], ether, INSTRUMENTS[LINEAR]])
    assert {"ETH": ether.id} == pairs([INSTRUMENTS[PAIR], ether, INSTRUMENTS[INVERSE]])


async def test_what_is_empty_is_told_by_name():
    """No position of a known name is 0; of an unknown name nobody can tell."""
    async with desk() as opened:
        assert D(0) == await opened.books.position(LINEAR)
        assert await opened.books.position("okx:DOGE-USDT-SWAP") is None


@pytest.mark.proves("okx", "margin", "loopback")
@pytest.mark.trap("margin-by-the-account", "okx")
@pytest.mark.trap("X07", "okx")
async def test_figures():
    """Margin and liquidation prices are the venue's own, by currency and by position."""
    async with desk() as opened:
        place = opened.loopback.place
        submit(place, INVERSE, D(1_000), D("100000.1"))
        told = await opened.venue.margin()
        standing = place.standing(ACCOUNT, "BTC")
        price = place.exchange.liquidation_price(ACCOUNT, INVERSE)

    pools = {each.currency: each for each in told.pools}
    (leg,) = told.legs
    assert (D(0), D(500_000)) == (pools["USDT"].maintenance, pools["USDT"].balance)
    assert float(pools["BTC"].balance) == pytest.approx(float(standing.balance))
    assert (standing.maintenance, standing.initial) == (
        *(pools["BTC"].maintenance, pools["BTC"].initial),
    )
    assert (INVERSE, price, 0.2) == (leg.instrument, leg.liquidation, leg.queue)


async def test_figures_together():
    """Where collateral counts together the account has one pool."""
    async with desk(collateral={"BTC": D("0.9"), "USDT": D(1)}) as opened:
        submit(opened.loopback.place, LINEAR, D(100), D("100000.1"))
        told = await opened.venue.margin()

    (pool,) = told.pools
    assert (TOGETHER, True) == (pool.currency, pool.together)
    assert 0 < pool.maintenance < pool.balance < pool.equity
    assert [None] == [each.maintenance for each in told.legs]


@pytest.mark.trap("conditional-orders-lie-apart", "okx")
async def test_what_rests():
    """Open orders of anybody, pages of them, and the stops that people left."""
    async with desk() as opened:
        place, desk_ = opened.loopback.place, opened.loopback.host.desk
        for number in range(230):
            told = Asked(ACCOUNT, LINEAR, D("0.01"), D(90_000), TimeInForce.GTC, label=f"x{number}")
            place.submit(told)
        contract = INSTRUMENTS[LINEAR]
        desk_.stops.append(Stop("77", ACCOUNT, contract, D(-3), D(9), place.now()))
        shelf = await opened.venue.resting()

    assert 231 == len({each.order_id for each in shelf.orders})
    assert ("77", D(-3), "") == (
        *(shelf.orders[-1].order_id, shelf.orders[-1].left, shelf.orders[-1].label),
    )
    assert () == tuple(shelf.unread)


@pytest.mark.parametrize(
    "kind", ["conditional", "oco", "trigger", "move_order_stop", "iceberg", "twap", "chase"]
)
async def test_what_goes_on_ordering(kind):
    """An order that waits or orders by itself rests at the venue, whatever its kind."""
    async with desk() as opened:
        place, desk_ = opened.loopback.place, opened.loopback.host.desk
        left = Stop("77", ACCOUNT, INSTRUMENTS[LINEAR], D(-3), D(9), place.now(), kind)
        desk_.stops.append(left)
        shelf = await opened.venue.resting()

    assert [("77", D(-3))] == [(each.order_id, each.left) for each in shelf.orders]
    assert () == tuple(shelf.unread)


async def test_one_that_nobody_reads_hides_none(monkeypatch):
    """An open order that cannot be read is named, and the others are there."""
    before = shapes.order

    def odd(placed, filled=None):
        row = before(placed, filled)
        return row | ({"clOrdId": None} if row["clOrdId"] == "x1" else {})

    monkeypatch.setattr(shapes, "order", odd)
    async with desk() as opened:
        for number in range(3):
            told = Asked(ACCOUNT, LINEAR, D(1), D(90_000), TimeInForce.GTC, label=f"x{number}")
            opened.loopback.place.submit(told)
        shelf = await opened.venue.resting()

    assert ["x2", "x0"] == [each.label for each in shelf.orders]
    assert 1 == len(shelf.unread)


async def test_by_number():
    """An order is found by the venue's number with its instrument, and denied with another."""
    async with desk() as opened:
        accepted = await opened.venue.submit(order())
        found = await opened.books.by_id(accepted.venue_order_id, LINEAR)

        assert "rb01" == found.label
        assert await opened.books.by_id("123", LINEAR) is None
        assert await opened.books.by_id(accepted.venue_order_id, INVERSE) is None


# --- history ----------------------------------------------------------------------


def book(ledger, events):
    """Write what an account tells into a ledger, as the engine does."""
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


def opening(place):
    """Return a ledger with what an account begins with."""
    ledger = Ledger()
    for currency, cash in place.balances(ACCOUNT).items():
        books.credit(ledger, ACCOUNT, currency, cash)
    return ledger


LOTS = {INVERSE: D(1), LINEAR: D("0.01"), FUTURE: D(1), CALL: D(1)}


def hour(place, draw, ts):
    """Let a random hour pass: trades of every kind, prints, funding and cash."""
    for count in range(240):
        name = list(LOTS)[int(draw.integers(len(LOTS)))]
        quantity = LOTS[name] * (int(draw.integers(-40, 41)) or 1)
        book_ = place.book(name)
        side = book_.asks if quantity > 0 else book_.bids
        submit(place, name, quantity, side[-1][0], "rb01" if count % 3 else "")
        step = step_of(place.now(), int(draw.integers(-200, 200)))
        if count % 20 == 19:
            rate = float(draw.normal(0, 0.001))
            due = tuple(FundingDue(each, rate) for each in (INVERSE, LINEAR))
            step = replace(step, funding_due=due)
        place.tell(step)
        if count % 50 == 0:
            currency, kind = ("BTC", CashKind.DEPOSIT) if count else ("USDT", CashKind.WITHDRAWAL)
            sign = 1 if count else -1
            place.move_cash(CashRequest(ACCOUNT, kind, currency, sign * D("0.123456789")))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.proves("okx", "fills", "loopback")
@pytest.mark.proves("okx", "ledger", "loopback")
async def test_a_random_hour(seed):
    """Fills, fees, premiums, funding, cash and deliveries: the ledger is the venue's, exactly.

    More rows than two pages of either list; told twice, nothing is booked twice.
    """
    async with desk(ends=4 * SECOND) as opened:
        place = opened.loopback.place
        ledger, began = opening(place), place.now()
        hour(place, SeededRandomness(seed).generator("hour"), began)
        await asyncio.sleep(max((place.opened + 4 * SECOND - place.now()) / SECOND, 0) + 0.01)
        step = step_of(place.now(), 0)
        ends = (DeliveryDue(FUTURE, D("100123.4")), DeliveryDue(CALL, D("100123.4")))
        place.tell(replace(step, deliveries=ends))
        await asyncio.sleep(0.002)
        told = await opened.venue.history(began - SECOND)
        book(ledger, told.events)
        version = ledger.version
        book(ledger, (await opened.venue.history(began - SECOND)).events)
        reported = await opened.venue.positions()

    assert told.fault is None
    assert {Fill, FundingPaid, CashMoved, Delivered} == {type(each) for each in told.events}
    assert 200 < len(told.events)
    assert version == ledger.version
    assert {} == place.differences(ACCOUNT)
    assert {} == apart(ledger, place, ACCOUNT)  # to the last unit that a division leaves
    assert {} == differences(ledger, ACCOUNT, reported, KNOWN)
    assert [each.ts_venue for each in told.events] == sorted(each.ts_venue for each in told.events)


@pytest.mark.parametrize("named", [True, False])
async def test_trades_of_a_pair(named):
    """A pair that the book names is told by fills; of another each currency is cash that moved.

    Told twice, nothing is booked twice, and the ledger is the venue's either way.
    """
    book_ = {LINEAR: INSTRUMENTS[LINEAR]} | ({PAIR: INSTRUMENTS[PAIR]} if named else {})
    async with make() as served, at(served, instruments=book_) as opened:
        ledger, began = Ledger(), opened.clock.now()
        for report in await opened.venue.positions():
            if report.instrument == PAIR:
                adopting.adopt(ledger, report, INSTRUMENTS[PAIR], D(100_000), hedge=False)
            else:
                books.credit(ledger, ACCOUNT, report.instrument.partition(":")[2], report.quantity)
        for quantity, price in ((D("0.5"), D("100000.1")), (D("-0.2"), D("99999.9"))):
            submit(served.place, PAIR, quantity, price)
        submit(served.place, LINEAR, D(3), D("100000.1"))
        await asyncio.sleep(0.002)
        for _ in range(2):
            told = await opened.venue.history(began - SECOND)
            book(ledger, told.events)
        reported = await opened.venue.positions()

    moved = [(each.currency, each.amount) for each in told.events if isinstance(each, CashMoved)]
    bought, sold = (D("0.4995"), D("-50000.05")), (D("-0.2"), D("19999.98") * D("0.999"))
    alone = [("BTC", bought[0]), ("USDT", bought[1]), ("BTC", sold[0]), ("USDT", sold[1])]
    assert ([] if named else sorted(alone)) == sorted(moved)
    fills = [each.instrument for each in told.events if isinstance(each, Fill)]
    assert [*((PAIR, PAIR) if named else ()), LINEAR] == fills
    assert {} == differences(ledger, ACCOUNT, reported, book_)


@pytest.mark.parametrize("instrument", ["BTC-USDT", "ETH-BTC"])
def test_a_pair_that_nobody_names(instrument):
    """Its fill is none, and each of its bills moves the currency that it names."""
    own = {"instId": instrument, "instType": "SPOT", "ccy": "ETH", "balChg": "3", "pnl": "0"}
    told = READER.booking(BILL | own, 7)

    assert not READER.fills(TRADE | own)
    assert CashMoved(7, NS, "okx", BILL["billId"], "2.1", D(3), "ETH", False) == told
    named = replace(READER, pairs=frozenset({f"okx:{instrument}"}))
    assert named.fills(TRADE | own)
    assert named.booking(BILL | own, 7) is None


async def test_a_liquidation_is_told_as_one():
    """What the venue took down is a fill by force, and the ledger ends as the venue's books do."""
    async with desk(cash={"BTC": D(1), "USDT": D(40_000)}) as opened:
        place = opened.loopback.place
        ledger, began = opening(place), place.now()
        submit(place, LINEAR, D(300), D("100000.5"))
        for move in (-50_000, -90_000, -120_000, -150_000):  # ticks of 0.1
            place.tell(step_of(place.now(), move))
        await asyncio.sleep(0.002)
        told = (await opened.venue.history(began - SECOND)).events
        book(ledger, told)

    forced = [each for each in told if isinstance(each, Fill) and each.forced]
    assert {Forced.LIQUIDATION} == {each.forced for each in forced}
    assert all(each.quantity < 0 and each.trade_id.startswith("-") for each in forced)
    assert {} == apart(ledger, place, ACCOUNT)


@pytest.mark.proves("okx", "history", "loopback")
async def test_pages_to_the_end():
    """A list of more rows than a page has is read to its end, and each row once."""
    async with desk() as opened:
        place = opened.loopback.place
        began = place.now()
        for number in range(250):
            side = 1 if number % 2 else -1
            price = D("100000.1") if side > 0 else D("99999.9")
            submit(place, LINEAR, D("0.01") * side, price)
        told = (await opened.venue.history(began - SECOND)).events
        calls = [method for method, _ in opened.loopback.server.calls]

    assert 250 == len({each.trade_id for each in told}) == len(told)
    assert 3 == calls.count("GET trade/fills") == calls.count("GET account/bills")


async def test_old_lists_by_type():
    """A look further back than three days asks the long list of each type, then the short one."""
    async with desk() as opened:
        submit(opened.loopback.place, LINEAR, D(1), D("100000.1"))
        now = opened.clock.now()
        told = (await opened.venue.history(now - 4 * 24 * 3_600 * SECOND)).events
        calls = [method for method, _ in opened.loopback.server.calls]
        week = calls.count("GET account/bills-archive")
        await opened.venue.history(now - 8 * 24 * 3_600 * SECOND)
        calls = [method for method, _ in opened.loopback.server.calls]

    assert 1 == len(told)
    assert (10, 2) == tuple(calls.count(f"GET trade/{each}") for each in ("fills-history", "fills"))
    assert (0, 1) == (week, calls.count("GET account/bills-archive"))


async def test_a_bad_row_hides_no_other(monkeypatch):
    """A fill that cannot be read is a fault, and the others are told all the same."""
    before, seen = shapes.fill, []

    def odd(execution, bill):
        seen.append(bill)
        return before(execution, bill) | ({"fee": ""} if len(seen) == 2 else {})

    monkeypatch.setattr(shapes, "fill", odd)
    async with desk() as opened:
        began = opened.clock.now()
        for _ in range(3):
            submit(opened.loopback.place, LINEAR, D(1), D("100000.1"))
        told = await opened.venue.history(began - SECOND)

    assert 2 == len(told.events)
    assert "fee" in str(told.fault)


async def test_one_list_does_not_hide_the_other():
    """Where the fills are not answered the bills are, and what is missing is said."""
    async with desk() as opened:
        began = opened.clock.now()
        place = opened.loopback.place
        place.move_cash(CashRequest(ACCOUNT, CashKind.DEPOSIT, "BTC", D("0.5")))
        opened.loopback.script.add(Plan(Kind.ERROR_BEFORE, "GET trade/fills", times=None))
        told = await opened.venue.history(began - SECOND)

    assert [(D("0.5"), True)] == [(each.amount, each.flow) for each in told.events]
    assert "Fills" in str(told.fault)


@pytest.mark.parametrize(
    ("kind", "listed", "price"),
    [
        ("delivery", [{"ts": str(T), "details": [{"insId": "X", "px": "1"}]}], None),
        (
            "delivery",
            [
                {
                    "ts": str(T),
                    "details": [{"insId": CALL.partition(":")[2], "px": "125000", "type": "x"}],
                }
            ],
            D(125_000),
        ),
        (
            "settlement",
            [{"ts": str(T), "details": [{"instId": FUTURE.partition(":")[2], "settlePx": "99.5"}]}],
            D("99.5"),
        ),
    ],
)
async def test_prices_that_a_bill_leaves_out(monkeypatch, kind, listed, price):
    """Where a bill tells the strike, or no price, the venue's public list tells it, or nobody."""
    ends = {"type": "3", "subType": "170", "instId": CALL.partition(":")[2], "instType": "OPTION"}
    ends |= {"px": "100000", "sz": "100", "pnl": "0.2", "balChg": "0.2", "fee": "-0.0002"}
    session = {"type": "34", "subType": "355", "instId": FUTURE.partition(":")[2], "px": ""}
    session |= {"balChg": "0.01", "pnl": "0.01"}
    row = BILL | (ends if kind == "delivery" else session)
    async with desk() as opened:
        reader = opened.books._history

        async def ask(self, call, params, lane, bucket="other"):
            assert call in (okx_history._DELIVERIES, okx_history._SETTLEMENTS)
            return listed

        monkeypatch.setattr(type(reader._calls), "ask", ask)
        if price is None:
            with pytest.raises(Malformed, match="ended at a price"):
                await reader._booking(row)
            return
        told = await reader._booking(row)

    assert price == told.price
    assert {"delivery": Delivered, "settlement": Settled}[kind] is type(told)
    if kind == "delivery":
        assert D("0.0002") == told.fee


async def test_others_are_told_too():
    """What was done by hand is booked like anything else, and is nobody's order."""
    async with desk() as opened:
        began = opened.clock.now()
        deed = Deed(ACCOUNT, LINEAR, D(-5), label="hand")
        opened.loopback.script.add(Plan(Kind.MANUAL, "*", deed=deed))
        await opened.venue.positions()
        (told,) = (await opened.venue.history(began - SECOND)).events

    assert (D(-5), None, LINEAR) == (told.quantity, told.client_order_id, told.instrument)
