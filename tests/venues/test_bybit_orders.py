"""The live venue through unmodified ccxt against the loopback Bybit: sent once, then proved."""

import json
from dataclasses import replace
from decimal import Decimal

import ccxt
import pytest

from rebalancer.core import adopting
from rebalancer.core import ledger as ledgers
from rebalancer.core.commands import Query, TimeInForce
from rebalancer.core.events import (
    Ending,
    Fill,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
)
from rebalancer.core.ledger import Ledger
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.reconcile import differences
from rebalancer.settings.catalogue import known
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.orders_ccxt import LONG_OVER
from tests.venues import contract
from tests.venues.bybit_loopback import (
    ACCOUNT,
    ASK,
    BID,
    CALL,
    ETH,
    INSTRUMENTS,
    INVERSE,
    PAIR,
    PERP,
    PUT,
    READER,
    SIZE,
    USDC,
    WITH_PAIR,
    at,
    desk,
    make,
    order,
)
from tests.venues.contract import Subject
from tests.venues.loopback import answering, json_of, pause

D = Decimal
NAME = "rb01"
QUERY = Query(NAME, ACCOUNT, PERP)
CREATE, TRADES = "private/post/order/create", "private/get/execution/list"
OPEN, ENDED = "private/get/order/realtime", "private/get/order/history"


@pytest.mark.parametrize("story", contract.STORIES, ids=lambda story: story.__name__)
async def test_contract(story):
    """The live venue keeps the contract of every venue; its stream tells what answers leave out."""
    async with desk(stream=True) as opened:
        tested = Subject(
            *(opened.venue, opened.clock, INSTRUMENTS[PERP], BID, ASK, SIZE, opened.delivered),
            100_000_000,
        )
        await contract.check(story, tested)


@pytest.mark.trap("bybit-answer-is-two-ids", "bybit")
async def test_an_answer_is_two_ids():
    """create_order answers with ids alone: taken is all that follows, and nothing is delivered."""
    async with desk() as opened:
        answer = await opened.venue.submit(order())
        await pause()

        assert isinstance(answer, OrderAccepted)
        assert opened.orders(NAME)[0].order_id == answer.venue_order_id
        assert [] == opened.delivered


@pytest.mark.trap("questions-inside-an-order", "bybit")
async def test_an_order_is_one_request():
    """Ccxt's questions about the account do not go out inside an order."""
    async with desk() as opened:
        before = len(opened.loopback.server.calls)
        await opened.venue.submit(order())

        assert [(CREATE, "rest")] == list(opened.loopback.server.calls)[before:]


@pytest.mark.parametrize(
    "kind", [Kind.DROP_AFTER, Kind.TRUNCATE, Kind.HTML, Kind.ERROR_AFTER], ids=str
)
@pytest.mark.proves("bybit", "once", "loopback")
@pytest.mark.trap("no-answer-proves-nothing", "bybit")
@pytest.mark.trap("cut-answer-looks-final", "bybit")
@pytest.mark.trap("page-with-status-200", "bybit")
@pytest.mark.trap("status-without-a-code", "bybit")
async def test_lost_answer_buys_once(kind):
    """One drop is one order: unknown, then found among those that ended."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(kind, CREATE, times=None))
        answer = await opened.venue.submit(order())
        told = await opened.venue.query(QUERY)

        assert isinstance(answer, OrderUnknown)
        assert 1 == len(opened.orders(NAME)) == len(opened.asked("order/create"))
        assert [OrderAccepted, Fill, OrderEnded] == [type(event) for event in told]
        assert (Ending.FILLED, D("0.1")) == (told[-1].how, told[-1].filled)


@pytest.mark.parametrize("kind", [Kind.DROP_BEFORE, Kind.ERROR_BEFORE], ids=str)
async def test_lost_before_acceptance(kind):
    """What never reached the books is unknown as well, and the query finds nothing."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(kind, CREATE, times=None))
        answer = await opened.venue.submit(order())
        (told,) = await opened.venue.query(QUERY)

        assert isinstance(answer, OrderUnknown)
        assert [] == opened.orders()
        assert isinstance(told, OrderNotFound)
        assert 0 == told.position


@pytest.mark.trap("duplicate-id-is-no-refusal", "bybit")
async def test_an_id_seen_twice():
    """Our id is taken once; the second is told to be there, which proves nothing against us."""
    async with desk() as opened:
        first = await opened.venue.submit(order())
        second = await opened.venue.submit(order())

        assert isinstance(first, OrderAccepted)
        assert isinstance(second, OrderUnknown)
        assert "110072" in second.reason
        assert 1 == len(opened.orders(NAME))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (110007, OrderRejected),
        (110066, OrderRejected),
        (10006, OrderRejected),
        (10002, OrderRejected),
        (10016, OrderUnknown),
        (10000, OrderUnknown),
        (999999, OrderUnknown),
    ],
)
@pytest.mark.proves("bybit", "codes", "loopback")
@pytest.mark.trap("X01", "bybit")
async def test_codes(code, kind):
    """X01: a code that proves non-acceptance rejects; one that does not leaves it unknown."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.CODE, CREATE, code=code))
        answer = await opened.venue.submit(order())

        assert isinstance(answer, kind)
        assert str(code) in answer.reason


async def test_a_key_that_may_not_trade():
    """A key that only reads is refused its order, and that proves that there is none."""
    async with desk(READER) as opened:
        answer = await opened.venue.submit(order())

        assert isinstance(answer, OrderRejected)
        assert "10005" in answer.reason


@pytest.mark.trap("X05", "bybit")
async def test_taken_too_late():
    """X05: what is signed is refused two seconds later, so an order cannot arrive long after."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.LATE, CREATE, seconds=2.2))
        answer = await opened.venue.submit(order())

        assert isinstance(answer, OrderRejected)
        assert "10002" in answer.reason
        assert [] == opened.orders()


@pytest.mark.trap("too-many-requests", "bybit")
async def test_too_many_requests():
    """The venue's own word for it is a rejection, and the budget rests."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.LIMIT, CREATE))
        answer = await opened.venue.submit(order())

        assert isinstance(answer, OrderRejected)
        assert 1 == opened.line.budget.complaints
        again = await opened.venue.submit(order("rb02"))
        assert "rate budget" in again.reason


# --- what stands in the request -------------------------------------------------

# instrument, contracts, ask, bid, category, amount, currency of the fee of buying
CONTRACTS = [
    (PERP, D("0.7"), D("100000.1"), D("99999.9"), "linear", "0.7", "USDT"),
    (ETH, D("3.5"), D("3500.01"), D("3499.99"), "linear", "3.5", "USDT"),
    (USDC, D("0.007"), D("100010.1"), D("100009.9"), "linear", "0.007", "USDC"),
    (INVERSE, D(700), D("99990.1"), D("99989.9"), "inverse", "700", "BTC"),
    (CALL, D("0.3"), D(35_005), D(34_995), "option", "0.3", "USDT"),
    (PUT, D("0.03"), D(20_005), D(19_995), "option", "0.03", "USDC"),
    (PAIR, D("0.25"), D("100000.01"), D("99999.99"), "spot", "0.25", "BTC"),
]
each_kind = pytest.mark.parametrize(
    ("name", "quantity", "ask", "bid", "category", "amount", "currency"),
    CONTRACTS,
    ids=[name.partition(":")[2] for name, *_ in CONTRACTS],
)


@each_kind
@pytest.mark.proves("bybit", "fills", "loopback")
@pytest.mark.trap("balance-is-not-equity", "bybit")
async def test_bought_and_sold(name, quantity, ask, bid, category, amount, currency):
    """Fills, fees, cash and positions of each kind are those of the venue's own books."""
    pair = name == PAIR  # then the coin's balance is the pair's position
    named, cash = (WITH_PAIR, {"BTC": D(0)}) if pair else (INSTRUMENTS, None)
    async with desk(instruments=named, cash=cash) as opened:
        ledger = Ledger()
        for report in await opened.venue.positions():
            adopting.adopt(ledger, report, known(report.instrument), D(1))
        began = opened.clock.now() - 1_000_000_000
        await opened.venue.submit(order("rb01", instrument=name, quantity=quantity, price=ask))
        arrived = D("0.24975") if pair else quantity  # a pair's fee is coins
        assert arrived == opened.place.positions(ACCOUNT)[name]
        sold = D("-0.2") if pair else -2 * quantity
        await opened.venue.submit(order("rb02", instrument=name, quantity=sold, price=bid))
        told = (await opened.venue.history(began)).events
        fills = [each for each in told if isinstance(each, Fill)]

        assert [quantity, sold] == [each.quantity for each in fills]
        paid = [currency, "USDT" if pair else currency]
        assert paid == [each.fee_currency for each in fills]
        assert all(each.fee > 0 for each in fills)
        for each in fills:
            ledgers.book_fill(ledger, each, WITH_PAIR[name], ours=True)
        balances = opened.place.balances(ACCOUNT)
        assert balances == {coin: ledger.balance(ACCOUNT, coin) for coin in balances}
        held = await opened.venue.positions()
        assert {} == differences(ledger, ACCOUNT, held, named)


@each_kind
@pytest.mark.proves("bybit", "amounts", "loopback")
@pytest.mark.trap("amount-has-its-own-unit", "bybit")
@pytest.mark.trap("client-id-has-its-own-name", "bybit")
async def test_sent_in_the_unit_of_the_venue(name, quantity, ask, bid, category, amount, currency):
    """What stands in the request: dollars of an inverse contract, coins of every other."""
    async with desk(instruments=WITH_PAIR) as opened:
        await opened.venue.submit(order("rb01", instrument=name, quantity=quantity, price=ask))
        sent = json.loads(opened.line.connection.exchange.last_request_body)

        assert (amount, f"{ask.normalize():f}") == (sent["qty"], sent["price"])
        assert (category, name.partition(":")[2].replace("/", "")) == (
            sent["category"],
            sent["symbol"],
        )
        assert ("rb01", "IOC", "Limit") == tuple(
            sent[each] for each in ("orderLinkId", "timeInForce", "orderType")
        )


@each_kind
async def test_found_after_a_lost_answer(name, quantity, ask, bid, category, amount, currency):
    """Our id is looked for in the category that the contract is listed under."""
    async with desk(instruments=WITH_PAIR) as opened:
        opened.loopback.script.add(Plan(Kind.DROP_AFTER, CREATE, times=None))
        answer = await opened.venue.submit(
            order("rb01", instrument=name, quantity=quantity, price=ask)
        )
        told = await opened.venue.query(Query("rb01", ACCOUNT, name))

        assert isinstance(answer, OrderUnknown)
        assert [OrderAccepted, Fill, OrderEnded] == [type(each) for each in told]
        assert quantity == told[-1].filled == told[1].quantity
        assert currency == told[1].fee_currency


@pytest.mark.parametrize(
    ("life", "price", "flag"),
    [
        (TimeInForce.IOC, ASK, "IOC"),
        (TimeInForce.GTC, BID, "GTC"),
        (TimeInForce.POST_ONLY, BID, "PostOnly"),
    ],
)
@pytest.mark.parametrize("reduces", [True, False])
@pytest.mark.proves("bybit", "flags", "loopback")
@pytest.mark.trap("flags-have-other-names", "bybit")
@pytest.mark.trap("X06", "bybit")
async def test_flags_on_the_wire(life, price, flag, reduces):
    """Time in force and reduce-only stand in the request as the row of the venue says."""
    async with desk() as opened:
        await opened.venue.submit(order(quantity=D("-0.5"), price=BID))
        name = "rb02"
        await opened.venue.submit(order(name, time_in_force=life, price=price, reduce_only=reduces))
        sent = json.loads(opened.line.connection.exchange.last_request_body)

        assert (name, flag) == (sent["orderLinkId"], sent["timeInForce"])
        assert reduces is sent.get("reduceOnly", False)
        assert (
            flag
            == {"ioc": "IOC", "gtc": "GTC", "post_only": "PostOnly"}[
                opened.orders(name)[0].asked.time_in_force.value
            ]
        )


# --- found again ------------------------------------------------------------------


def blind(*calls):
    """Return plans by which calls are answered from before anything happened."""
    return [Plan(Kind.LAG, call, times=None, seconds=60) for call in calls]


RESTING = order(price=BID, time_in_force=TimeInForce.GTC)
STORY = [OrderAccepted, Fill, OrderEnded]


@pytest.mark.parametrize(
    ("sent", "lost", "without", "told"),
    [
        (order(), True, (OPEN, TRADES), [OrderAccepted, OrderEnded]),  # among the ended ones
        (RESTING, True, (ENDED, TRADES), [OrderAccepted]),  # among the open ones
        (order(), True, (OPEN, ENDED), [Fill]),  # by its trades
        (order(), True, (OPEN, ENDED, TRADES), [OrderNotFound]),  # nowhere
        (order(), False, (), STORY),
    ],
)
@pytest.mark.proves("bybit", "lookup", "loopback")
@pytest.mark.trap("found-by-our-id", "bybit")
@pytest.mark.trap("absence-is-no-proof", "bybit")
async def test_found(sent, lost, without, told):
    """One question that sees is enough, whichever it is; an unknown order is found in the end."""
    async with desk() as opened:
        if lost:
            opened.loopback.script.add(Plan(Kind.ERROR_AFTER, CREATE))
        answer = await opened.venue.submit(sent)
        opened.loopback.script.add(*blind(*without))
        found = await opened.venue.query(QUERY)
        opened.loopback.script.clear()
        whole = await opened.venue.query(QUERY)

        assert isinstance(answer, OrderUnknown) is lost
        assert told == [type(each) for each in found]
        assert ([OrderAccepted] if sent is RESTING else STORY) == [type(each) for each in whole]
        if OrderNotFound in told:
            assert D("0.1") == found[0].position  # which speaks against it: it is not believed


IOC = order(quantity=D(5))  # the book has 2
LATER = LONG_OVER + SECOND


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("accepted", [True, False])
async def test_what_the_venue_forgot(accepted, forgotten):
    """An order in part filled that is shown no more has ended with what its trades tell.

    Only long after its time, when what was signed cannot be taken any more.
    """
    async with desk() as opened:
        if not accepted:
            opened.loopback.script.add(Plan(Kind.ERROR_AFTER, CREATE))
        await opened.venue.submit(IOC)
        if forgotten:
            opened.loopback.host.desk.remembers = -1
        early = await opened.venue.query(QUERY)
        opened.line.sent._at[NAME] -= LATER
        late = await opened.venue.query(QUERY)

        assert ([Fill] if forgotten else STORY) == [type(each) for each in early]
        assert ([Fill, OrderEnded] if forgotten else STORY) == [type(each) for each in late]
        assert (Ending.EXPIRED, SIZE) == (late[-1].how, late[-1].filled)


async def test_what_the_venue_forgot_and_nothing_was_filled():
    """An order that was accepted, filled nothing and is shown no more has ended with nothing."""
    async with desk() as opened:
        await opened.venue.submit(order(price=BID))
        opened.loopback.host.desk.remembers = -1
        with pytest.raises(Unavailable, match="may be behind"):
            await opened.venue.query(QUERY)
        opened.line.sent._at[NAME] -= LATER
        (end,) = await opened.venue.query(QUERY)

        assert (Ending.EXPIRED, D(0)) == (end.how, end.filled)


async def test_found_by_its_number():
    """An order that was accepted is asked for by the venue's number, in every category."""
    async with desk() as opened:
        await opened.venue.submit(order())
        (made,) = opened.orders(NAME)
        found = await opened.books.by_id(made.order_id, made.instrument.id)

        assert (NAME, Ending.FILLED, D("0.1")) == (found.label, found.ending, found.filled)
        await opened.venue.submit(
            order("rb02", instrument=USDC, quantity=D("-0.1"), price=D(99_000))
        )
        (_, made) = opened.orders()
        assert "rb02" == (await opened.books.by_id(made.order_id, USDC)).label
        assert await opened.books.by_id("none-of-this-number", USDC) is None


@pytest.mark.trap("bybit-order-needs-a-confession", "bybit")
async def test_ccxt_reads_no_order_unasked():
    """Ccxt refuses to read an order: it would miss what is older than the last 500. We do not.

    Open or ended, an order is asked for by its id, in lists that are filtered by it.
    """
    async with desk() as opened:
        await opened.venue.submit(order())
        (made,) = opened.orders(NAME)
        exchange = opened.line.connection.exchange
        with pytest.raises(ccxt.ArgumentsRequired, match="500"):
            await exchange.fetch_order(made.order_id, "BTC/USDT:USDT")
        before = len(opened.loopback.server.calls)
        told = await opened.venue.query(QUERY)
        asked = [method for method, _ in opened.loopback.server.calls][before:]

    assert STORY == [type(each) for each in told]
    assert {OPEN, ENDED} <= set(asked)


async def test_a_row_without_its_id_is_no_proof():
    """An order row that lacks orderLinkId may be ours: nothing is concluded."""
    row = {"symbol": "BTCUSDT", "orderId": "1"}
    page = {"retCode": 0, "result": {"list": [row], "nextPageCursor": ""}}

    async def act(_request):
        return json_of(json.dumps(page))

    async with answering(act) as (_, address), at(None, address=address) as opened:
        with pytest.raises(Unavailable, match="orderLinkId must be a text"):
            await opened.books.placed(NAME, PERP)


async def test_withdrawn_once():
    """A cancel says how many there were; of what is over there are none."""
    async with desk() as opened:
        await opened.venue.submit(RESTING)
        shelf = await opened.venue.resting()

        assert [(NAME, PERP, D("0.1"))] == [
            (each.label, each.instrument, each.left) for each in shelf.orders
        ]
        assert [1, 0] == [await opened.books.cancel(NAME, PERP) for _ in range(2)]
        assert () == tuple((await opened.venue.resting()).orders)


@pytest.mark.trap("unified-lookup-asks-for-another", "bybit")
async def test_ccxt_looks_up_the_wrong_order():
    """Why the lookup is raw: the unified call does not send our id, and finds what comes first."""
    async with make() as loopback, at(loopback) as opened:
        for name in (NAME, "rb02"):
            await opened.venue.submit(replace(RESTING, client_order_id=name))
        exchange = opened.line.connection.exchange
        found = await exchange.fetch_order_with_client_order_id(
            NAME, "BTC/USDT:USDT", {"acknowledged": True}
        )

        assert "orderLinkId" not in exchange.last_request_url
        assert "rb02" == found["clientOrderId"]
