"""The unified account: its rows as events, and a ledger that they alone bring to the venue's."""

import gzip
import json
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise, permutations

import pytest

from rebalancer.core import adopting, bookings
from rebalancer.core import ledger as ledgers
from rebalancer.core.events import (
    CashMoved,
    Delivered,
    Ending,
    Fill,
    Forced,
    FundingPaid,
    PositionReport,
    Settled,
)
from rebalancer.core.figures import TOGETHER, MarginTold, fault
from rebalancer.core.ledger import Ledger
from rebalancer.errors import Unavailable
from rebalancer.exchange.orders import CashRequest, TimeInForce
from rebalancer.exchange.records import CashKind
from rebalancer.market.records import Book, DeliveryDue, FundingDue, SettlementDue
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.reconcile import differences
from rebalancer.settings.catalogue import known
from rebalancer.simulation.accounts import Asked
from rebalancer.simulation.dress import apart
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.budget import Lane
from rebalancer.venues.bybit import calls as bybit_calls
from rebalancer.venues.bybit import rows
from rebalancer.venues.bybit.rows import Reader
from rebalancer.venues.outcome import KeyRefused, Malformed, Refused
from rebalancer.venues.profile import OTHER
from tests.venues.bybit_loopback import (
    ACCOUNT,
    CALL,
    ETH,
    INSTRUMENTS,
    INVERSE,
    KEY,
    PAIR,
    PERP,
    PUT,
    SOON,
    USDC,
    WITH_PAIR,
    at,
    desk,
    make,
    order,
    step,
)
from tests.venues.loopback import answering, json_of

D = Decimal
MS = 1_000_000
T = 1_700_000_000_123
READER = Reader(ACCOUNT, lambda label: label.startswith("rb"), {"BTC": PAIR})
PLAIN = replace(READER, pairs={})
# Shapes: docs/v5/account/transaction-log, execution/list and payloads_bybit; values of our own.
EXECUTION = {
    "symbol": "BTCUSDT",
    "orderId": "o-1",
    "orderLinkId": "rb01",
    "side": "Sell",
    "execPrice": "50000.5",
    "execQty": "0.2",
    "execType": "Trade",
    "execFee": "-1.25",
    "execId": "e-1",
    "feeCurrency": "",
    "execTime": str(T),
}
LINE = {
    "id": "592_X_1",
    "symbol": "BTCUSDT",
    "category": "linear",
    "side": "Buy",
    "type": "SETTLEMENT",
    "transactionTime": str(T),
    "currency": "USDT",
    "funding": "-0.5",
    "fee": "0",
    "cashFlow": "0",
    "change": "-0.5",
    "tradePrice": "50001.5",
    "qty": "0.2",
    "size": "0.2",
    "tradeId": "t-1",
}


def test_a_fill():
    """Signs, fee and currency of an execution; a rebate is a negative fee."""
    (fill,) = READER.executed(EXECUTION, "linear", 7)

    assert fill == Fill(
        *(7, T * MS, ACCOUNT, PERP, "e-1", "rb01", D("-0.2"), D("50000.5"), D("-1.25"), "USDT"),
    )


def test_a_foreign_fill():
    """An id that is none of ours belongs to nobody here."""
    (fill,) = READER.executed(EXECUTION | {"orderLinkId": "hand-1"}, "linear", 7)

    assert fill.client_order_id is None


@pytest.mark.parametrize(
    ("kind", "forced"),
    [("AdlTrade", Forced.DELEVERAGING), ("BustTrade", Forced.LIQUIDATION), ("BlockTrade", None)],
)
def test_forced(kind, forced):
    """The venue's own trades are told as what they are."""
    (fill,) = READER.executed(EXECUTION | {"execType": kind}, "linear", 7)

    assert forced is fill.forced


def test_a_fee_in_coins():
    """What a pair takes in coins leaves the position: cash and coins are the venue's after it."""
    row = EXECUTION | {"side": "Buy", "execFee": "0.0002", "feeCurrency": "BTC"}
    (fill,) = READER.executed(row, "spot", 7)
    ledger = Ledger()
    ledgers.book_fill(ledger, fill, known(PAIR), ours=True)

    assert "rb01" == fill.client_order_id
    assert D("0.1998") == ledger.position(ACCOUNT, PAIR).quantity
    assert D("-0.2") * D("50000.5") == ledger.balance(ACCOUNT, "USDT")
    assert 0 == ledger.balance(ACCOUNT, "BTC")
    assert {"BTC": D("0.0002")} == ledger.fees


def test_a_fee_in_dollars():
    """A sale pays in the quote currency, as any contract does."""
    row = EXECUTION | {"execFee": "9.5", "feeCurrency": "USDT"}
    (fill,) = READER.executed(row, "spot", 7)

    assert (PAIR, D("9.5"), "USDT") == (fill.instrument, fill.fee, fill.fee_currency)


def test_a_pair_that_nobody_named():
    """Its coins are cash: the log's two lines move them, and no fill does."""
    row = LINE | {"category": "spot", "type": "TRADE", "change": "0.2", "currency": "BTC"}

    assert () == PLAIN.executed(EXECUTION | {"feeCurrency": "BTC"}, "spot", 7)
    (moved,) = PLAIN.booked(row, 7)
    assert ("BTC", D("0.2"), False) == (moved.currency, moved.amount, moved.flow)
    assert () == READER.booked(row, 7)


@pytest.mark.parametrize("funding", ["-0.5", "0.25"])
def test_funding(funding):
    """Funding has the sign of what it does to the balance: + received."""
    (paid,) = READER.booked(LINE | {"funding": funding, "change": funding}, 7)

    expected = FundingPaid(7, T * MS, ACCOUNT, PERP, "592_X_1", D(funding), "USDT")
    assert expected == paid


def test_a_session_of_usdc():
    """A USDC contract's session moves its profit into cash at the mark, beside the funding."""
    row = LINE | {"symbol": "BTCPERP", "currency": "USDC", "cashFlow": "12.5", "change": "12"}
    paid, settled = READER.booked(row, 7)

    assert (FundingPaid, D("-0.5")) == (type(paid), paid.amount)
    assert Settled(7, T * MS, ACCOUNT, USDC, "592_X_1", D("50001.5")) == settled


@pytest.mark.parametrize("kind", ["TRADE", "LIQUIDATION", "ADL", "DELIVERY"])
def test_told_elsewhere(kind):
    """Trades are told by their fills and deliveries by their record."""
    assert () == READER.booked(LINE | {"type": kind}, 7)


@pytest.mark.parametrize(
    ("kind", "flow"),
    [("TRANSFER_IN", True), ("TRANSFER_OUT", True), ("INTEREST", False), ("NEW_IN_2027", False)],
)
def test_cash(kind, flow):
    """Whatever else moves cash is cash that moved; what somebody brings or takes is no profit."""
    row = LINE | {"type": kind, "symbol": "", "category": "", "change": "5.5", "tradeId": ""}
    (moved,) = READER.booked(row, 7)

    expected = CashMoved(7, T * MS, ACCOUNT, "592_X_1", kind, D("5.5"), "USDT", flow)
    assert expected == moved


def test_a_liquidation_fee():
    """A line of a liquidation without its trade is a fee that no fill tells."""
    (moved,) = READER.booked(LINE | {"type": "LIQUIDATION", "tradeId": "", "change": "-3"}, 7)

    assert (D(-3), "LIQUIDATION") == (moved.amount, moved.kind)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (LINE | {"type": "INTEREST", "change": ""}, "change"),
        (LINE | {"cashFlow": ""}, "cashFlow"),
        (LINE | {"transactionTime": ""}, "transactionTime"),
        (LINE | {"type": ""}, "type"),
        (LINE | {"category": "other"}, "category"),
        (LINE | {"id": ""}, "id"),
    ],
)
def test_a_line_that_lacks_something(row, name):
    """An empty text is never 0: a line without its figure is malformed."""
    with pytest.raises(Malformed, match=name):
        READER.booked(row, 7)


@pytest.mark.parametrize(
    ("changes", "category", "words"),
    [
        ({"execQty": ""}, "linear", "execQty"),
        ({"execFee": ""}, "linear", "execFee"),
        ({"side": "None"}, "linear", "side"),
        ({"execType": "Novel"}, "linear", "execType"),
        ({"feeCurrency": ""}, "spot", "feeCurrency"),
    ],
)
def test_an_execution_that_lacks_something(changes, category, words):
    """A fill without its size, fee, side or currency is malformed, not guessed."""
    with pytest.raises(Malformed, match=words):
        READER.executed(EXECUTION | changes, category, 7)


ORDER = {
    "orderId": "o-1",
    "orderLinkId": "rb01",
    "symbol": "BTCUSDT",
    "side": "Sell",
    "orderStatus": "Cancelled",
    "cancelType": "UNKNOWN",
    "timeInForce": "IOC",
    "qty": "0.3",
    "cumExecQty": "0.1",
    "updatedTime": str(T),
}


@pytest.mark.parametrize(
    ("changes", "ending", "rejected"),
    [
        ({}, Ending.EXPIRED, ""),
        ({"orderStatus": "Rejected", "cumExecQty": "0", "rejectReason": "EC_X"}, None, "EC_X"),
        ({"orderStatus": "New", "cumExecQty": "0"}, None, ""),
    ],
)
def test_placed(changes, ending, rejected):
    """An order as the venue shows it."""
    found = rows.placed(ORDER | changes, "linear")

    assert (PERP, D("-0.3"), ending, rejected) == (
        found.instrument,
        found.quantity,
        found.ending,
        found.rejected,
    )


def test_an_open_order_that_cannot_be_read():
    """A person's stop without its numbers is named, and what is left of it is unknown."""
    found = rows.resting(ORDER | {"qty": "", "orderStatus": "Untriggered"}, "linear")

    assert ("rb01", PERP, None) == (found.label, found.instrument, found.left)


# --- at the venue -----------------------------------------------------------------


@pytest.mark.proves("bybit", "positions", "loopback")
@pytest.mark.trap("bybit-one-settlement-a-call", "bybit")
@pytest.mark.trap("bybit-options-asked-apart", "bybit")
@pytest.mark.trap("sign-of-a-position", "bybit")
async def test_positions_of_every_settlement():
    """Contracts of both dollars, inverse ones and options are all told, each with its sign."""
    async with desk() as opened:
        asked = {PERP: "-0.5", ETH: "2", USDC: "0.25", INVERSE: "-300", CALL: "-0.5", PUT: "0.4"}
        for number, (name, size) in enumerate(asked.items()):
            _trade(opened.place, name, D(size), f"hand-{number}")
        told = {each.instrument: each for each in await opened.venue.positions()}

        assert {name: D(size) for name, size in asked.items()} == {
            name: each.quantity for name, each in told.items() if name in asked
        }
        assert {"bybit:USDT", "bybit:USDC", "bybit:BTC"} == set(told) - set(asked)
        assert D("99999.9") == told[PERP].entry
        for name, size in asked.items():
            assert D(size) == await opened.books.position(name)


@pytest.mark.trap("bybit-positions-in-pages", "bybit")
async def test_a_list_of_positions_ends_with_its_last_page(monkeypatch):
    """Positions come two hundred a page; here one: every page of every coin is asked for."""
    monkeypatch.setattr("rebalancer.venues.bybit.account.POSITIONS_PAGE", 1)
    async with desk() as opened:
        opened.loopback.host.desk.limit = 1
        held = (PERP, ETH, USDC, CALL, PUT)
        for number, name in enumerate(held):
            _trade(opened.place, name, D("0.5"), f"hand-{number}")
        told = {each.instrument for each in await opened.venue.positions()}
        _, legs = await opened.books.figures()

        assert set(held) <= told
        assert set(held) == {each.instrument for each in legs}


@pytest.mark.trap("bybit-one-settlement-a-call", "bybit")
async def test_ccxt_sees_one_settlement_currency():
    """Why the reader asks by settle coin: the unified call means USDT and leaves out the rest."""
    async with desk() as opened:
        for number, name in enumerate((PERP, USDC)):
            _trade(opened.place, name, D("0.5"), f"hand-{number}")
        told = await opened.line.connection.exchange.fetch_positions()

        assert ["BTCUSDT"] == [each["info"]["symbol"] for each in told]
        held = {each.instrument for each in await opened.venue.positions()}
        assert {PERP, USDC} <= held


async def test_a_coin_is_the_position_of_its_pair():
    """Where the book names the one pair of a coin its balance is that position, else cash."""
    async with desk(instruments=WITH_PAIR) as opened:
        told = {each.instrument: each.quantity for each in await opened.venue.positions()}
        assert (D(10), True) == (told[PAIR], "bybit:BTC" not in told)
        assert D(10) == await opened.books.position(PAIR)
    async with desk() as opened:
        told = {each.instrument: each.quantity for each in await opened.venue.positions()}
        assert (D(10), True) == (told["bybit:BTC"], PAIR not in told)


async def test_the_entry_after_a_session():
    """A USDC contract's profit moved into cash at the mark: its entry is that, not its price.

    Its average price does not change, and a USDT contract has no sessions.
    """
    async with desk() as opened:
        for name in (USDC, PERP):
            _trade(opened.place, name, D("0.5"), f"hand-{name}")
        before = {each.instrument: each.entry for each in await opened.venue.positions()}
        due = (SettlementDue(USDC, D("100020.5")),)
        opened.place.tell(step(opened.clock.now(), 105, settlements=due))
        _trade(opened.place, USDC, D("0.5"), "hand-more")
        after = {each.instrument: each.entry for each in await opened.venue.positions()}
        (row,) = [row async for category, row in opened.books._held() if row["symbol"] == "BTCPERP"]
        (settled,) = [
            each
            for each in (await opened.venue.history(opened.place.opened)).events
            if isinstance(each, Settled)
        ]

    assert (D("100010.1"), D("100000.1")) == (before[USDC], before[PERP])
    assert (USDC, D("100020.5")) == (settled.instrument, settled.price)
    assert (D("100020.5") + D("100020.6")) / 2 == after[USDC] == D(row["sessionAvgPrice"])
    assert (D("100010.1") + D("100020.6")) / 2 == D(row["avgPrice"])
    assert before[PERP] == after[PERP]


async def test_a_session_in_the_ledger():
    """Adopted after a session, or booked through it: a ledger ends as the venue's books."""
    async with desk() as opened:
        place, through, late = opened.place, Ledger(), Ledger()
        for report in await opened.venue.positions():
            adopting.adopt(through, report, known(report.instrument), D(1))
        _trade(place, USDC, D("0.5"), "hand-1")
        due = (SettlementDue(USDC, D("100020.5")),)
        place.tell(step(opened.clock.now(), 105, settlements=due))
        await _look(opened, through, place.opened)
        for report in await opened.venue.positions():
            adopting.adopt(late, report, known(report.instrument), report.entry or D(1))
        await opened.clock.sleep(2 * MS)
        since = opened.clock.now()
        _trade(place, USDC, D("-0.5"), "hand-2")
        told = (await opened.venue.history(since - MS)).events
        for ledger in (through, late):
            for event in told:
                bookings.book(ledger, event, known(event.instrument), {}, ours=False)
            gaps = apart(ledger, place, ACCOUNT).values()
            assert [] == [gap for gap in gaps if abs(gap) > D("1e-7")]  # balances have 8 digits


async def test_what_is_borrowed_is_owed():
    """A balance is what is there less what is owed: a coin that was borrowed and sold is short."""
    async with desk(cash={"ETH": D("-0.06142")}) as opened:
        opened.loopback.host.desk.borrowed |= {"ETH": D("0.06142"), "USDT": D(200)}
        told = {each.instrument: each.quantity for each in await opened.venue.positions()}
        raw = await opened.books._wallet(Lane.POLL)

    shown = {each["coin"]: (each["walletBalance"], each["spotBorrow"]) for each in raw["coin"]}
    assert (("0", "0.06142"), ("1000200", "200")) == (shown["ETH"], shown["USDT"])
    assert (D("-0.06142"), D(1_000_000)) == (told["bybit:ETH"], told["bybit:USDT"])


async def test_a_pair_that_was_sold_short():
    """The position of a pair is what is owned of its coin."""
    async with desk(instruments=WITH_PAIR) as opened:
        opened.loopback.host.desk.borrowed["BTC"] = D("0.5")

        assert D(10) == await opened.books.position(PAIR)


@pytest.mark.parametrize(
    ("name", "owned"),
    [
        ("http_get_wallet_balance_spot_short.json", {"ETH": D("-0.06142"), "USDT": D(2500)}),
        ("http_get_wallet_balance_with_spot_borrow.json", {"USDT": D(1000)}),
    ],
)
def test_recorded_loans(recordings, name, owned):
    """What is owned is what the venue reckons the value of: the sign is its own."""
    with gzip.open(recordings / "raw/payloads_bybit.jsonl.gz") as lines:
        (told,) = (each["msg"] for each in map(json.loads, lines) if each["file"] == name)
    row = rows.wallet(told["result"])

    assert owned == rows.coins(row)
    for each in row["coin"]:
        assert (owned[each["coin"]] < 0) == (D(each["usdValue"]) < 0)


@pytest.mark.proves("bybit", "margin", "loopback")
@pytest.mark.trap("X07", "bybit")
@pytest.mark.trap("margin-by-the-account", "bybit")
async def test_one_pool():
    """The account stands as one pool in USD; each position has its maintenance and its price."""
    async with desk() as opened:
        _trade(opened.place, PERP, D("-1"), "hand-1")
        pools, legs = await opened.books.figures()
        (standing,) = await opened.books.standing()
        ratio = pools[0].maintenance / pools[0].balance
        (truth,) = opened.place.exchange.standings(ACCOUNT).values()

        assert [(TOGETHER, True)] == [(each.currency, each.together) for each in pools]
        assert fault(MarginTold(1, 1, ACCOUNT, pools, tuple(legs))) is None
        assert [PERP] == [each.instrument for each in legs]
        assert 0.4 == legs[0].queue
        assert legs[0].liquidation is None or legs[0].liquidation > 100_000
        assert 0 < ratio < D("0.01")
        assert standing.margin_ratio == ratio
        for ours, its in (
            (pools[0].equity, truth.equity),
            (pools[0].balance, truth.balance),
            (pools[0].maintenance, truth.maintenance),
            (pools[0].initial, truth.initial),
        ):
            assert abs(ours - its) < D("1e-4")


@pytest.mark.parametrize(
    ("told", "price"), [("91000.5", D("91000.5")), ("", None), ("0", None), (None, None)]
)
@pytest.mark.trap("liquidation-price-is-not-there", "bybit")
async def test_no_liquidation_price(told, price):
    """Where nothing, or 0, stands no price takes the position down."""
    async with desk() as opened:
        _trade(opened.place, PERP, D("-1"), "hand-1")
        ask = opened.line.connection.exchange.privateGetV5PositionList

        async def changed(params):
            answer = await ask(params)
            for row in answer["result"]["list"]:
                row["liqPrice"] = told
            return answer

        opened.line.connection.exchange.privateGetV5PositionList = changed
        _, (leg,) = await opened.books.figures()

    assert price == leg.liquidation
    assert leg.maintenance > 0


@pytest.mark.trap("missing-is-not-zero", "bybit")
async def test_isolated_margin_tells_no_pool():
    """Where each position has margin of its own the totals are empty: no figures, never zeros."""
    async with desk() as opened:
        opened.loopback.host.desk.margin = "ISOLATED_MARGIN"
        with pytest.raises(Malformed, match="totalEquity"):
            await opened.books.figures()


@pytest.mark.proves("bybit", "history", "loopback")
async def test_history_pages_to_the_end():
    """Fills and lines come page after page, and none is told twice or left out."""
    async with desk() as opened:
        for number in range(130):
            _trade(opened.place, PERP, D("0.001"), f"hand-{number}")
        for _ in range(70):
            opened.place.move_cash(CashRequest(ACCOUNT, CashKind.DEPOSIT, "USDT", D("1.5")))
        told = await opened.venue.history(opened.place.opened)
        fills = [each for each in told.events if isinstance(each, Fill)]
        moved = [each for each in told.events if isinstance(each, CashMoved)]

        assert told.fault is None
        assert 130 == len(fills) == len({each.trade_id for each in fills})
        assert 70 == len(moved) == len({each.cash_id for each in moved})
        stamps = [each.ts_venue for each in told.events]
        assert sorted(stamps) == stamps


async def test_trades_of_one_millisecond():
    """Of one millisecond, trades keep the order in which the venue booked them."""
    async with desk() as opened:
        for number in range(30):
            _trade(opened.place, PERP, D("0.01") * (number % 3 - 1 or 2), f"hand-{number}")
        told = (await opened.venue.history(opened.place.opened)).events
        fills = opened.place.fills(ACCOUNT)

        assert [each.quantity for each in fills] == [each.quantity for each in told]
        assert len({each.ts_venue for each in told}) < 30


@pytest.mark.parametrize("listed", list(permutations(range(4))))
async def test_a_list_without_an_order(listed):
    """Of one millisecond the list has no order: it is the match's, then what its order lacked."""
    made = [
        EXECUTION | {"execId": "d", "execTime": str(T - 1), "seq": 9, "leavesQty": "0"},
        EXECUTION | {"execId": "b", "execTime": str(T), "seq": 10, "leavesQty": "0.4"},
        EXECUTION | {"execId": "c", "execTime": str(T), "seq": 10, "leavesQty": "0.1"},
        EXECUTION | {"execId": "a", "execTime": str(T), "seq": 11, "leavesQty": "0.7"},
    ]
    told = await look({"execution/list": [made[each] for each in listed]})

    assert ["d", "b", "c", "a"] == [each.trade_id for each in told.events]
    assert [9, 10, 10, 11] == [each.number for each in told.events]


@pytest.mark.parametrize("listed", list(permutations(range(3))))
async def test_a_crossing_realises_by_its_order(listed):
    """A long is sold through 0 and bought back within a millisecond: each realises its own part."""
    made = [
        EXECUTION | {"execId": "c", "execQty": "1", "side": "Buy", "seq": 1},
        EXECUTION | {"execId": "b", "execQty": "2", "execPrice": "50100.5", "seq": 2},
        EXECUTION
        | {"execId": "a", "execQty": "3", "execPrice": "50050.5", "side": "Buy", "seq": 3},
    ]
    told = await look({"execution/list": [made[each] for each in listed]})
    ledger = Ledger()
    for fill in [told.events[each] for each in listed]:  # a stream may lose one, told later
        ledgers.book_fill(ledger, fill, known(PERP), ours=False)

    assert 100 + 50 + 3 * D("1.25") == ledger.balance(ACCOUNT, "USDT")  # the fees are rebates
    assert D(2) == ledger.position(ACCOUNT, PERP).quantity


def test_a_long_past_is_asked_week_by_week():
    """No span is longer than the venue answers, none is left out between two."""
    week, now = 7 * 86_400 * 1_000, 30 * 86_400 * 1_000
    spans = list(bybit_calls.weeks(0, now * MS))

    assert all(0 < last - first < week for first, last in spans)
    assert all(before[1] >= after[0] for before, after in pairwise(spans))
    assert (0, now + bybit_calls.AHEAD) == (spans[0][0], spans[-1][1])


async def test_a_cursor_that_stands_still():
    """A venue that answers the same page for ever is malformed, not an endless look."""

    async def act(request):
        again = "transaction-log" in request.path
        page = {"list": [LINE] if again else [], "nextPageCursor": "again" if again else ""}
        return json_of(json.dumps({"retCode": 0, "result": page}))

    async with answering(act) as (_, address), at(None, address=address) as opened:
        told = await opened.venue.history(opened.clock.now())

    assert isinstance(told.fault, Malformed)
    assert "cursor" in str(told.fault)


async def test_a_list_that_fails_takes_nothing_from_the_others():
    """Executions are not answered: the log is told all the same, and the fault beside it."""
    async with desk() as opened:
        opened.place.move_cash(CashRequest(ACCOUNT, CashKind.DEPOSIT, "USDT", D(5)))
        opened.loopback.script.add(Plan(Kind.ERROR_BEFORE, "*execution/list", times=None))
        told = await opened.venue.history(opened.place.opened)

        assert [CashMoved] == [type(each) for each in told.events]
        assert told.fault is not None


async def test_too_many_reads():
    """The venue says so with status 200 and a code: the budget rests, and what polls with it."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.LIMIT, "*position/list"))
        with pytest.raises(Refused, match="10006"):
            await opened.venue.positions()
        budget = opened.line.budget

        assert (1, False) == (budget.complaints, budget.banned)
        assert budget.take(OTHER, Lane.POLL) > SECOND // 2
        assert 0 == budget.take(OTHER, Lane.CANCEL)


async def test_an_address_that_is_banned():
    """After an answer 403 nothing but cancels is asked for ten minutes."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.ERROR_BEFORE, "*position/list", code=403))
        with pytest.raises(Unavailable):
            await opened.venue.positions()
        budget = opened.line.budget

        assert (1, True) == (budget.complaints, budget.banned)
        assert budget.take(OTHER, Lane.POLL) > 590 * SECOND


def telling(lists):
    """Return a venue that answers calls by the end of their path, and all else with nothing."""

    async def act(request):
        told = next((rows for end, rows in lists.items() if request.path.endswith(end)), [])
        mine = request.query.get("category", "linear") == "linear"
        page = {"list": told if mine or "delivery" in request.path else []}
        symbol = request.query.get("symbol")
        page["list"] = [each for each in page["list"] if symbol in (None, each["symbol"])]
        return json_of(json.dumps({"retCode": 0, "result": page}))

    return act


async def look(lists):
    """Return what the history is of a venue that answers with these lists."""
    async with (
        answering(telling(lists)) as (_, address),
        at(None, address=address) as opened,
    ):
        return await opened.venue.history(opened.clock.now())


BAD = [
    {"execType": "SessionSettlePnL"},
    {"execQty": ""},
    {"execFee": ""},
    {"side": "None"},
]


@pytest.mark.parametrize("changes", BAD)
@pytest.mark.parametrize("first", [True, False])
async def test_an_execution_that_hides_none(changes, first):
    """One row that nobody can read is a fault; those around it are told all the same."""
    bad = EXECUTION | {"execId": "e-2"} | changes
    listed = [bad, EXECUTION] if first else [EXECUTION, bad]
    told = await look({"execution/list": listed})

    assert ["e-1"] == [each.trade_id for each in told.events]
    assert isinstance(told.fault, Malformed)


async def test_a_line_that_hides_none():
    """A line of the log without its change hides neither the next lines nor the fills."""
    bad = LINE | {"id": "592_X_2", "type": "INTEREST", "change": ""}
    told = await look({"execution/list": [EXECUTION], "transaction-log": [bad, LINE]})

    assert [Fill, FundingPaid] == [type(each) for each in told.events]
    assert "change" in str(told.fault)


async def test_a_delivery_that_holds_up_none():
    """Of two deliveries one has no price yet: the other is told, and what the log goes on with."""
    lines = [
        LINE | {"id": name, "type": "DELIVERY", "category": "option", "symbol": symbol}
        for name, symbol in (("592_X_2", "BTC-27FEB26-8000-P"), ("592_X_3", "BTC-27FEB26-9000-P"))
    ]
    record = {"symbol": "BTC-27FEB26-9000-P", "deliveryPrice": "9500", "fee": "0.1"}
    told = await look({"transaction-log": [*lines, LINE], "delivery-record": [record]})

    ended = [each for each in told.events if isinstance(each, Delivered)]
    assert [("bybit:BTC-27FEB26-9000-P", D(9500))] == [(e.instrument, e.price) for e in ended]
    assert [FundingPaid] == [type(each) for each in told.events if each not in ended]
    assert "BTC-27FEB26-8000-P" in str(told.fault)


async def test_fills_of_an_order_are_whole_or_not_told():
    """What an order filled is never told in part: a row that cannot be read is an error."""
    lists = {"execution/list": [EXECUTION, EXECUTION | {"execId": "e-2", "execQty": ""}]}
    async with (
        answering(telling(lists)) as (_, address),
        at(None, address=address) as opened,
    ):
        with pytest.raises(Malformed, match="execQty"):
            await opened.books.fills_labelled("rb01", PERP, opened.clock.now())


async def test_a_key_that_is_refused():
    """A wrong secret is told as such, and says no secret."""
    wrong = replace(KEY, secret="other")
    async with make() as loopback:
        with pytest.raises(KeyRefused, match="10004") as raised:
            async with at(loopback, wrong):
                pass

    assert "other" not in str(raised.value)


async def test_a_delivery_waits_for_its_price():
    """The log knows that an option ended before the record tells at what price: then nothing is."""
    async with desk(instruments=soon()) as opened:
        _trade(opened.place, SOON, D("-0.5"), "hand-1")
        await deliver(opened, D(120_000))
        opened.loopback.script.add(Plan(Kind.LAG, "*delivery-record", seconds=60))
        first = await opened.venue.history(opened.place.opened)
        second = await opened.venue.history(opened.place.opened)

        assert isinstance(first.fault, Malformed)
        assert [] == [each for each in first.events if isinstance(each, Delivered)]
        (ended,) = [each for each in second.events if isinstance(each, Delivered)]
        assert (SOON, D(120_000), True) == (ended.instrument, ended.price, ended.fee > 0)


# --- the ledger ---------------------------------------------------------------------

LOTS = {PERP: "0.05", ETH: "1", USDC: "0.05", INVERSE: "900", CALL: "0.1", PUT: "0.1"}


def _trade(place, name, quantity, label):
    """Let the account trade at the market."""
    asked = Asked(ACCOUNT, name, quantity, None, TimeInForce.IOC, label=label)
    outcome = place.submit(asked)
    assert outcome.rejected is None, (name, outcome.rejected)


def soon():
    """Return the instruments with an option that ends in a second."""
    ended = replace(known(SOON), expiry=WallClock().now() + SECOND)
    return INSTRUMENTS | {SOON: ended}


async def deliver(opened, price):
    """Wait until it has ended, and let it be delivered."""
    while opened.clock.now() < opened.place.tape.instruments[SOON].expiry:
        await opened.clock.sleep(SECOND // 20)
    due = DeliveryDue(SOON, price)
    opened.place.tell(step(opened.clock.now(), deliveries=(due,)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.proves("bybit", "ledger", "loopback")
async def test_an_hour_at_random(seed):
    """Trades of every kind, funding, a delivery and cash: the ledger ends as the venue's books.

    It hears of them by overlapping looks, and knows what it has booked.
    """
    draw = SeededRandomness(seed).generator("hour")
    async with desk(instruments=soon()) as opened:
        place, ledger = opened.place, Ledger()
        _trade(place, SOON, D(int(draw.integers(1, 9))) / 10, "hand-first")
        for report in await opened.venue.positions():
            adopting.adopt(ledger, report, known(report.instrument), report.entry or D(1))
        ledger.adopted[ACCOUNT] = opened.clock.now()
        await opened.clock.sleep(2 * MS)  # the venue tells milliseconds
        names, since = list(LOTS), place.opened
        for count in range(60):
            name = names[int(draw.integers(len(names)))]
            if name in place.active:
                size = int(draw.integers(-4, 5)) or 1
                _trade(place, name, size * D(LOTS[name]), f"hand-{count}")
            move = int(draw.integers(-300, 300))
            told = step(opened.clock.now(), move)
            if count % 10 == 9:
                rate = float(draw.normal(0, 0.0005))
                dues = tuple(FundingDue(each, rate) for each in (PERP, ETH, USDC, INVERSE))
                told = replace(told, funding_due=dues)
            place.tell(told)
            if count == 45:
                await deliver(opened, D(104_321))
            if count % 20 == 5:
                place.move_cash(CashRequest(ACCOUNT, CashKind.DEPOSIT, "USDT", D("12.345678")))
            if count % 15 == 14:
                await _look(opened, ledger, since)
        await _look(opened, ledger, since)

        assert {} == apart(ledger, place, ACCOUNT)
        assert len(place.fills(ACCOUNT)) > 50
        assert {} == differences(ledger, ACCOUNT, await opened.venue.positions(), INSTRUMENTS)
        assert {} == place.differences(ACCOUNT)


async def _look(opened, ledger, since):
    told = await opened.venue.history(since, whole=False)
    assert told.fault is None
    for event in told.events:
        if isinstance(event, CashMoved):
            ledgers.book_cash(ledger, event)
        elif not isinstance(event, PositionReport):
            bookings.book(ledger, event, known(event.instrument), {}, ours=False)


async def test_a_liquidation():
    """What the venue takes down is told as forced, with its fee, and the ledger is its books."""
    poor = {"USDT": D(30_000), "USDC": D(0), "BTC": D(0)}
    async with desk(cash=poor) as opened:
        place, ledger = opened.place, Ledger()
        for report in await opened.venue.positions():
            adopting.adopt(ledger, report, known(report.instrument), D(1))
        _trade(place, PERP, D(2), "hand-1")
        now = opened.clock.now()
        fallen = Book(PERP, ((D("85200"), D(9)),), ((D("85200.1"), D(9)),))
        market = step(now)
        marks = tuple(
            replace(each, price=D(85_200)) if each.instrument == PERP else each
            for each in market.marks
        )
        books = tuple(fallen if each.instrument == PERP else each for each in market.books)
        for _ in range(12):
            place.tell(replace(market, marks=marks, books=books))
        await _look(opened, ledger, place.opened)
        told = (await opened.venue.history(place.opened)).events

        assert {None, Forced.LIQUIDATION} == {
            each.forced for each in told if isinstance(each, Fill)
        }
        assert not [each for each in told if isinstance(each, CashMoved)]
        assert {} == apart(ledger, place, ACCOUNT)


async def test_pairs_at_random():
    """The same of a pair whose coin is a position."""
    draw = SeededRandomness(3).generator("pairs")
    async with desk(instruments=WITH_PAIR, cash={"BTC": D(0)}) as opened:
        place, ledger = opened.place, Ledger()
        for report in await opened.venue.positions():
            adopting.adopt(ledger, report, known(report.instrument), D(1))
        _trade(place, PAIR, D("1.5"), "hand-first")
        for count in range(20):
            place.tell(step(opened.clock.now(), int(draw.integers(-300, 300))))
            _trade(place, PAIR, int(draw.integers(-4, 5) or 1) * D("0.01"), f"hand-{count}")
        await _look(opened, ledger, place.opened)

        assert place.balances(ACCOUNT)["USDT"] == ledger.balance(ACCOUNT, "USDT")
        assert {} == differences(ledger, ACCOUNT, await opened.venue.positions(), WITH_PAIR)


async def test_an_order_of_ours_in_the_history():
    """The fill of our order bears our id; one that is none of ours bears nobody's."""
    async with desk() as opened:
        name = "rb0100020000e1v7v"
        await opened.venue.submit(order(name))
        _trade(opened.place, PERP, D("0.1"), "hand-1")
        told = await opened.venue.history(opened.place.opened)

        assert [name, None] == [each.client_order_id for each in told.events]
