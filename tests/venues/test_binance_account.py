"""Binance accounts against the loopback: the wire, looking up, pages, and a ledger to the digit."""

from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest

from rebalancer.core import adopting
from rebalancer.core import ledger as books
from rebalancer.core.commands import Cancel, Query, TimeInForce
from rebalancer.core.events import (
    CashMoved,
    Delivered,
    Fill,
    Forced,
    FundingPaid,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
)
from rebalancer.core.foreign import unwound
from rebalancer.core.ledger import Ledger
from rebalancer.errors import Unavailable
from rebalancer.exchange.orders import CashRequest
from rebalancer.exchange.records import CashKind
from rebalancer.market.records import DeliveryDue, FundingDue
from rebalancer.settings.catalogue import known
from rebalancer.simulation.binance.desk import Stop
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.key import Key
from rebalancer.venues.binance import calls
from rebalancer.venues.outcome import KeyRefused, Malformed
from rebalancer.venues.requests import request
from tests.venues import binance_desk
from tests.venues.binance_desk import (
    COINM,
    FIRST,
    LOTS,
    SPOT,
    USDM,
    D,
    desk,
    make,
    order,
    step,
)
from tests.venues.loopback import pause

ALL = (USDM, COINM, SPOT)
MARGINED = (USDM, COINM)
BOOK = {
    Fill: lambda ledger, event, own: books.book_fill(ledger, event, own, ours=False),
    FundingPaid: lambda ledger, event, _: books.book_funding(ledger, event),
    CashMoved: lambda ledger, event, _: books.book_cash(ledger, event),
    Delivered: books.book_delivery,
}


def book(ledger, events):
    """Book what a history told; return how many were new."""
    new = 0
    for event in events:
        name = getattr(event, "instrument", None)
        new += BOOK[type(event)](ledger, event, None if name is None else known(name))
    return new


async def opened(found):
    """Return a ledger that holds what the account holds now."""
    ledger = Ledger()
    for report in await found.books.positions():
        adopting.adopt(ledger, report, known(report.instrument), report.entry or D(1))
    return ledger


def apart(found, ledger):
    """Return ledger less the exchange's own books, where they differ at all."""
    place, gaps = found.loopback.place, {}
    for currency, cash in place.balances("desk").items():
        gap = ledger.balance(found.name, currency) - cash
        if abs(gap) > D("1e-12"):
            gaps[currency] = gap
    for name, quantity in place.positions("desk").items():
        gap = ledger.position(found.name, name).quantity - quantity
        if gap:
            gaps[name] = gap
    return gaps


def sent(found, path):
    """Let the loopback keep the parameters of requests to a path; return where."""
    kept, perform = [], found.loopback.host.perform

    def listen(call, at=None):
        if call.method.endswith(path):
            kept.append(dict(call.params))
        return perform(call, at)

    found.loopback.host.perform = listen
    return kept


# --- orders at the wire -------------------------------------------------------------------


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.proves("binanceusdm", "amounts", "loopback")
@pytest.mark.proves("binancecoinm", "amounts", "loopback")
@pytest.mark.proves("binance", "amounts", "loopback")
@pytest.mark.trap("amount-has-its-own-unit", "binanceusdm", "binancecoinm", "binance")
@pytest.mark.trap("client-id-has-its-own-name", "binanceusdm", "binancecoinm", "binance")
@pytest.mark.trap("X05", "binanceusdm", "binancecoinm", "binance")
@pytest.mark.trap("X06", "binanceusdm", "binancecoinm", "binance")
async def test_immediate_order(venue):
    """An order is accepted, filled and ended; what it must say is on the wire, once.

    X02: one request. X05: it may travel for two seconds. X06: our id, not a broker's.
    """
    async with desk(venue) as found:
        kept = sent(found, "/order")
        answer = await found.venue.submit(order(venue))
        await pause()

    assert isinstance(answer, OrderAccepted)
    (told,) = kept
    assert ("IOC", "LIMIT", "rb01", "2000") == (
        told["timeInForce"], told["type"], told["newClientOrderId"], told["recvWindow"]
    )  # fmt: skip
    assert LOTS[venue] == D(told["quantity"])  # contracts of COIN-M, coins elsewhere
    assert "reduceOnly" not in told
    assert 1 == len(found.held("rb01"))
    (end,) = [each for each in found.delivered if isinstance(each, OrderEnded)]
    assert LOTS[venue] == end.filled


@pytest.mark.parametrize(
    ("venue", "lifetime", "flags"),
    [
        (USDM, TimeInForce.GTC, {"timeInForce": "GTC"}),
        (USDM, TimeInForce.POST_ONLY, {"timeInForce": "GTX"}),
        (COINM, TimeInForce.POST_ONLY, {"timeInForce": "GTX"}),
        (SPOT, TimeInForce.POST_ONLY, {"type": "LIMIT_MAKER"}),
    ],
)
@pytest.mark.proves("binanceusdm", "flags", "loopback")
@pytest.mark.proves("binancecoinm", "flags", "loopback")
@pytest.mark.proves("binance", "flags", "loopback")
@pytest.mark.trap("flags-have-other-names", "binanceusdm", "binancecoinm", "binance")
async def test_lifetimes_on_the_wire(venue, lifetime, flags):
    """What rests is sent as what it is, by the flags that the profile names."""
    async with desk(venue) as found:
        kept, told = sent(found, "/order"), order(venue, time_in_force=lifetime)
        where = found.venue._markets[known(told.instrument).name]
        asked = request(told, where, found.line.profile, found.clock.now())
        price = str(D(asked.price) - 1000)
        await found.exchange.create_order(
            asked.symbol, "limit", asked.side, asked.amount, price, dict(asked.params)
        )

    assert flags.items() <= kept[0].items()
    assert flags == dict(found.line.profile.wire_flags[lifetime])


@pytest.mark.parametrize("venue", MARGINED)
@pytest.mark.trap("flags-have-other-names", "binanceusdm", "binancecoinm")
async def test_reduce_only(venue):
    """An order that only reduces says so, and what would grow a position is rejected."""
    async with desk(venue) as found:
        kept = sent(found, "/order")
        grows = await found.venue.submit(order(venue, reduce_only=True))
        await found.venue.submit(order(venue, "rb02"))
        sells = order(venue, "rb03", reduce_only=True, quantity=-LOTS[venue], price=D(97_000))
        closes = await found.venue.submit(sells)

    assert "true" == kept[0]["reduceOnly"]
    assert isinstance(grows, OrderRejected)
    assert "-2022" in grows.reason
    assert isinstance(closes, OrderAccepted)


async def test_spot_takes_nothing_that_only_reduces():
    """On spot an order that only reduces does not leave."""
    async with desk(SPOT) as found:
        answer = await found.venue.submit(order(SPOT, reduce_only=True))

    assert isinstance(answer, OrderRejected)
    assert not answer.sent


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.proves("binanceusdm", "once", "loopback")
@pytest.mark.proves("binancecoinm", "once", "loopback")
@pytest.mark.proves("binance", "once", "loopback")
@pytest.mark.trap("no-answer-proves-nothing", "binanceusdm", "binancecoinm", "binance")
@pytest.mark.trap("found-by-our-id", "binanceusdm", "binancecoinm", "binance")
async def test_one_drop_is_one_order(venue):
    """A connection that drops after the order was taken leaves one order, found by our id."""
    async with desk(venue) as found:
        found.loopback.script.add(Plan(Kind.DROP_AFTER, "signed/POST */order"))
        answer = await found.venue.submit(order(venue))
        told = await found.venue.query(Query("rb01", venue, FIRST[venue]))

    assert isinstance(answer, OrderUnknown)
    assert 1 == len(found.held("rb01"))
    assert [OrderAccepted, Fill, OrderEnded] == [type(each) for each in told]
    assert "rb01" == told[1].client_order_id


@pytest.mark.trap("X04", "binanceusdm")
async def test_x04_dead_man():
    """X04: ccxt's unified call knows no countdown here; what may rest does not leave unarmed."""
    async with desk(USDM) as found:
        answer = await found.venue.submit(order(USDM, time_in_force=TimeInForce.GTC))

    assert not found.exchange.has.get("cancelAllOrdersAfter")
    assert isinstance(answer, OrderRejected)
    assert (False, []) == (answer.sent, found.held())


@pytest.mark.trap("X07", "binanceusdm")
async def test_x07_place_in_the_queue():
    """X07: how near a position is to being cut for others' losses comes with its figures."""
    async with desk(USDM) as found:
        found.trades(-1)
        _, (leg,) = await found.books.figures()

    assert 0.5 == leg.queue


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.proves("binanceusdm", "lookup", "loopback")
@pytest.mark.proves("binancecoinm", "lookup", "loopback")
@pytest.mark.proves("binance", "lookup", "loopback")
async def test_nothing_arrived(venue):
    """An order that never arrived is not found, and the position is told with it."""
    async with desk(venue) as found:
        found.loopback.script.add(Plan(Kind.DROP_BEFORE, "signed/POST */order"))
        answer = await found.venue.submit(order(venue))
        (told,) = await found.venue.query(Query("rb01", venue, FIRST[venue]))

    assert isinstance(answer, OrderUnknown)
    assert isinstance(told, OrderNotFound)
    assert 0 == told.position


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.trap("duplicate-id-is-no-refusal", "binanceusdm", "binancecoinm", "binance")
async def test_an_id_twice_while_open(venue):
    """An id that an open order bears is a duplicate, not a refusal: it is looked up (X01)."""
    async with desk(venue) as found:
        found.trades(LOTS[venue])  # somebody's; then one that rests far away under our id
        resting = order(venue, price=D(50_000), time_in_force=TimeInForce.GTC)
        await found.exchange.create_order(
            found.venue._markets[known(FIRST[venue]).name].symbol,
            *("limit", "buy", str(resting.quantity), "50000"),
            {"newClientOrderId": "rb01", "timeInForce": "GTC"},
        )
        answer = await found.venue.submit(order(venue))

    assert isinstance(answer, OrderUnknown)
    assert "one with this id is there" in answer.reason


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.trap("binance-id-is-free-after-its-end", "binanceusdm", "binancecoinm", "binance")
async def test_an_id_twice_after_the_end(venue):
    """Once an order has ended its id may be used again: Binance checks open ones only.

    So an order without an answer is looked up, and what ended is found as well as what rests.
    """
    async with desk(venue) as found:
        first = await found.venue.submit(order(venue))
        told = await found.venue.query(Query("rb01", venue, FIRST[venue]))
        second = await found.venue.submit(order(venue))

    assert isinstance(first, OrderAccepted)
    assert [OrderAccepted, Fill, OrderEnded] == [type(each) for each in told]
    assert isinstance(second, OrderAccepted)
    assert 2 == len(found.held("rb01"))


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.trap("absence-is-no-proof", "binanceusdm", "binancecoinm", "binance")
async def test_lag_is_no_absence(venue):
    """An order that was accepted and does not show yet is not called absent.

    Where nobody saw an acceptance a lagging venue says not found: evidence, not proof.
    """
    async with desk(venue) as found:
        found.loopback.script.add(
            Plan(Kind.LAG, "signed/GET *", times=None, seconds=60),
            Plan(Kind.DROP_AFTER, "signed/POST */order", first=2),
        )
        await found.venue.submit(order(venue))
        with pytest.raises(Unavailable, match="may be behind"):
            await found.venue.query(Query("rb01", venue, FIRST[venue]))
        lost = await found.venue.submit(order(venue, "rb02"))
        (early,) = await found.venue.query(Query("rb02", venue, FIRST[venue]))
        found.loopback.script.clear()
        late = await found.venue.query(Query("rb02", venue, FIRST[venue]))

    assert isinstance(lost, OrderUnknown)
    assert isinstance(early, OrderNotFound)
    assert [OrderAccepted, Fill, OrderEnded] == [type(each) for each in late]


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.trap("get-is-sent-twice", "binanceusdm", "binancecoinm", "binance")
async def test_a_dropped_cancel_is_sent_once(venue):
    """A cancel is a DELETE, which aiohttp would repeat: it leaves once, and so does a question."""
    async with desk(venue) as found:
        symbol = found.venue._markets[known(FIRST[venue]).name].symbol
        await found.exchange.create_order(
            *(symbol, "limit", "buy", str(LOTS[venue]), "50000"),
            {"newClientOrderId": "rb01", "timeInForce": "GTC"},
        )
        found.loopback.script.add(
            Plan(Kind.DROP_AFTER, "signed/DELETE */order", times=None),
            Plan(Kind.DROP_BEFORE, "signed/GET */openOrders", times=None),
        )
        before = len(found.loopback.server.calls)
        with pytest.raises(Unavailable):
            await found.venue.cancel(Cancel("rb01", venue, FIRST[venue]))
        with pytest.raises(Unavailable):
            await found.venue.resting()
        sent = [method for method, _ in found.loopback.server.calls][before:]

    assert 1 == len([each for each in sent if "DELETE" in each])
    assert 1 == len([each for each in sent if "openOrders" in each])
    assert "cancelled" == found.held("rb01")[0].state.value


@pytest.mark.parametrize("venue", MARGINED)
@pytest.mark.trap("questions-inside-an-order", "binanceusdm", "binancecoinm")
async def test_positions_ask_for_no_brackets(venue):
    """An order is one request, and positions are the two that tell them: ccxt asks more before."""
    async with desk(venue) as found:
        before = len(found.loopback.server.calls)
        await found.venue.submit(order(venue))
        ordered = len(found.loopback.server.calls)
        await found.books.positions()
        told = [method for method, _ in found.loopback.server.calls]
        symbols = [each["symbol"] for each in await found.exchange.fetch_positions()]
        more = [method for method, _ in found.loopback.server.calls][len(told) :]

    assert 1 == ordered - before
    assert {"account", "positionRisk"} == {each.rpartition("/")[2] for each in told[ordered:]}
    assert "leverageBracket" in {each.rpartition("/")[2] for each in more}
    assert 1 == len(symbols)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (-1006, OrderUnknown),
        (-1007, OrderUnknown),
        (-1000, OrderUnknown),
        (-1008, OrderUnknown),
        (-1021, OrderRejected),
        (-2019, OrderRejected),
        (-4164, OrderRejected),
        (-4116, OrderUnknown),
        (-9999, OrderUnknown),
    ],
)
@pytest.mark.proves("binanceusdm", "codes", "loopback")
@pytest.mark.proves("binancecoinm", "codes", "loopback")
@pytest.mark.proves("binance", "codes", "loopback")
@pytest.mark.trap("X01", "binanceusdm")
async def test_codes(code, answer):
    """A code proves a refusal only where the venue's own table says so (X01)."""
    async with desk(USDM) as found:
        found.loopback.script.add(Plan(Kind.CODE, "signed/POST */order", code=code))
        told = await found.venue.submit(order(USDM))

    assert answer is type(told)
    assert str(code) in told.reason


@pytest.mark.parametrize("kind", [Kind.TRUNCATE, Kind.HTML, Kind.ERROR_AFTER])
@pytest.mark.trap("cut-answer-looks-final", "binanceusdm")
@pytest.mark.trap("page-with-status-200", "binanceusdm")
@pytest.mark.trap("status-without-a-code", "binanceusdm")
async def test_answers_that_prove_nothing(kind):
    """Half an answer, a page for people or a 5xx are unknown, and found by asking."""
    async with desk(USDM) as found:
        found.loopback.script.add(Plan(kind, "signed/POST */order", code=502))
        answer = await found.venue.submit(order(USDM))
        told = await found.venue.query(Query("rb01", USDM, FIRST[USDM]))

    assert isinstance(answer, OrderUnknown)
    assert OrderAccepted is type(told[0])


async def test_insufficient_balance_keeps_its_code():
    """Where ccxt keeps the text alone of a spot refusal, it still proves that nothing rests."""
    async with desk(SPOT) as found:
        answer = await found.venue.submit(order(SPOT, quantity=D(19)))

    assert isinstance(answer, OrderRejected)
    assert "-2010" in answer.reason


@pytest.mark.trap("X05", "binanceusdm")
async def test_late_request_is_refused():
    """A request that was signed too long ago is refused by the venue: it never trades."""
    async with desk(USDM) as found:
        found.exchange.options["timeDifference"] = 20_000  # ms that our signature is behind
        answer = await found.venue.submit(order(USDM))

    assert isinstance(answer, OrderRejected)
    assert "-1021" in answer.reason
    assert [] == found.held()


@pytest.mark.trap("X08", "binanceusdm")
async def test_signature_of_another():
    """A wrong secret is a refused key; no secret and no signed address is told (X08)."""
    async with desk(USDM, Key("key-of-desk", "wrong", "desk")) as found:
        with pytest.raises(KeyRefused) as caught:
            await found.books.positions()

    assert "wrong" not in str(caught.value)
    assert "signature" not in str(caught.value).lower().replace("signature for this", "")
    assert "timestamp=" not in str(caught.value)


@pytest.mark.parametrize("venue", ALL)
async def test_cancel(venue):
    """What rests is withdrawn by our id, once; a second time there is nothing."""
    async with desk(venue) as found:
        symbol = found.venue._markets[known(FIRST[venue]).name].symbol
        await found.exchange.create_order(
            *(symbol, "limit", "buy", str(LOTS[venue]), "50000"),
            {"newClientOrderId": "rb01", "timeInForce": "GTC"},
        )
        (lies,) = (await found.venue.resting()).orders
        await found.venue.cancel(Cancel("rb01", venue, FIRST[venue]))
        again = await found.books.cancel("rb01", FIRST[venue])
        (told,) = await found.books.placed("rb01", FIRST[venue])

    assert ("rb01", LOTS[venue], FIRST[venue]) == (lies.label, lies.left, lies.instrument)
    assert 0 == again
    assert "canceled" == told.ending


@pytest.mark.trap("conditional-orders-lie-apart", "binanceusdm")
async def test_what_waits_for_a_price():
    """A person's stop orders are told with what rests, though their list is another one.

    One that closes whatever is held then tells no amount.
    """
    async with desk(USDM) as found:
        contract, now = known(FIRST[USDM]), found.clock.now()
        for number, size in ((7, D("-0.5")), (8, None)):
            stop = Stop(number, "desk", contract, size, D(90_000), now)
            found.host.stops.append(stop)
        found.host.stops.append(Stop(9, "somebody", contract, D(1), D(90_000), now))
        plain = await found.exchange.fapiPrivateGetOpenOrders({})
        shelf = await found.venue.resting()

    assert [] == plain
    assert [
        ("algo-7", "web_7", FIRST[USDM], D("-0.5")),
        ("algo-8", "web_8", FIRST[USDM], None),
    ] == [(each.order_id, each.label, each.instrument, each.left) for each in shelf.orders]
    assert () == tuple(shelf.unread)


async def test_one_that_waits_and_nobody_reads():
    """What waits and cannot be named hides no other."""
    async with desk(USDM) as found:
        contract = known(FIRST[USDM])
        found.host.stops.append(Stop(7, "desk", contract, D(1), D(90_000), found.clock.now()))
        ask = found.exchange.fapiPrivateGetOpenAlgoOrders

        async def amiss(params):
            (row,) = await ask(params)
            return [{**row, "algoId": None}, {**row, "quantity": ""}]

        found.exchange.fapiPrivateGetOpenAlgoOrders = amiss
        shelf = await found.venue.resting()

    assert [("algo-7", None)] == [(each.order_id, each.left) for each in shelf.orders]
    assert ["algoId"] == [word for each in shelf.unread for word in each.split() if "Id" in word]


async def test_lookup_by_number():
    """An order is found by symbol and number too: numbers count within a symbol."""
    async with desk(USDM) as found:
        answer = await found.venue.submit(order(USDM))
        told = await found.books.by_id(answer.venue_order_id, USDM)
        nobody = await found.books.by_id("ETHUSDT-1", USDM)

    assert "BTCUSDT-" == answer.venue_order_id[:8]
    assert ("rb01", LOTS[USDM]) == (told.label, told.filled)
    assert nobody is None


@pytest.mark.trap("binance-one-name-twice", "binance")
async def test_spot_markets_are_spot():
    """Of the names that spot shares with futures, spot's own are loaded."""
    async with desk(SPOT) as found:
        asked = [method for method, _ in found.loopback.server.calls]

    assert "BTC/USDT" == found.venue._markets["BTCUSDT"].symbol
    assert [] == [each for each in asked if "fapi" in each or "dapi" in each]


# --- what it holds ------------------------------------------------------------------------


@pytest.mark.parametrize("venue", MARGINED)
@pytest.mark.proves("binanceusdm", "positions", "loopback")
@pytest.mark.proves("binancecoinm", "positions", "loopback")
@pytest.mark.proves("binance", "positions", "loopback")
@pytest.mark.proves("binanceusdm", "margin", "loopback")
@pytest.mark.proves("binancecoinm", "margin", "loopback")
@pytest.mark.trap("sign-of-a-position", "binanceusdm", "binancecoinm")
@pytest.mark.trap("balance-is-not-equity", "binanceusdm", "binancecoinm")
@pytest.mark.trap("margin-by-the-account", "binanceusdm", "binancecoinm")
async def test_positions_and_figures(venue):
    """Positions are contracts with their entry, cash is the wallet, pools are assets."""
    async with desk(venue) as found:
        found.trades(-5 * LOTS[venue])
        told = {each.instrument: each for each in await found.books.positions()}
        pools, (leg,) = await found.books.figures()
        held = found.loopback.place.positions("desk")[FIRST[venue]]
        cash = found.loopback.place.balances("desk")
        alone = await found.books.position(FIRST[venue])
        settle = known(FIRST[venue]).settle
        truth = found.loopback.place.standing("desk", settle)
    position = told[FIRST[venue]]

    assert held == position.quantity == alone == -5 * LOTS[venue]
    assert abs(D("99999.9") - position.entry) < D("1e-6")
    assert abs(cash[settle] - told[f"{venue}:{settle}"].quantity) < D("1e-8")
    (pool,) = [each for each in pools if each.currency == settle]
    assert 0 < pool.maintenance < pool.balance
    for ours, its in (
        (pool.equity, truth.equity),
        (pool.balance, truth.balance),
        (pool.maintenance, truth.maintenance),
        (pool.initial, truth.initial),
    ):
        assert abs(ours - its) < D("1e-6")
    assert (FIRST[venue], pool.maintenance) == (leg.instrument, leg.maintenance)
    assert leg.liquidation is None or leg.liquidation > 100_000


@pytest.mark.parametrize("venue", MARGINED)
@pytest.mark.parametrize("told", ["0", "0.0", "", None])
@pytest.mark.trap("liquidation-price-is-not-there", "binanceusdm", "binancecoinm")
async def test_no_liquidation_price(venue, told):
    """Where the venue writes 0 or nothing no price takes the position down."""
    async with desk(venue) as found:
        found.trades(LOTS[venue])
        amend(found, venue, "PositionRisk", lambda row: {**row, "liquidationPrice": told})
        _, (leg,) = await found.books.figures()

    assert leg.liquidation is None
    assert leg.maintenance > 0


def amend(found, venue, name, change, into=""):
    """Let a question be answered with rows that are a little different."""
    exchange = found.exchange
    call = f"fapiPrivateV3Get{name}" if venue == USDM else f"dapiPrivateGet{name}"
    call = f"privateGet{name}" if venue == SPOT else call
    ask = getattr(exchange, call)

    async def changed(params):
        answer = await ask(params)
        if not into:
            return [change(each) for each in answer]
        return {**answer, into: [change(each) for each in answer[into]]}

    setattr(exchange, call, changed)


@pytest.mark.parametrize(
    ("venue", "name", "into", "field"),
    [
        *((each, "Account", "assets", "walletBalance") for each in MARGINED),
        *((each, "Account", "assets", "marginBalance") for each in MARGINED),
        *((each, "Account", "assets", "maintMargin") for each in MARGINED),
        *((each, "Account", "positions", "positionAmt") for each in MARGINED),
        *((each, "PositionRisk", "", "positionSide") for each in MARGINED),
        (SPOT, "Account", "balances", "free"),
        (SPOT, "Account", "balances", "locked"),
    ],
)
@pytest.mark.parametrize("value", ["", None, "absent"])
@pytest.mark.trap("missing-is-not-zero", "binanceusdm", "binancecoinm", "binance")
async def test_a_missing_field_is_named(venue, name, into, field, value):
    """A field that is empty, null or absent is never 0: nothing is told of the account at all."""

    def lacking(row):
        told = {key: each for key, each in row.items() if key != field}
        return told if value == "absent" else {**told, field: value}

    async with desk(venue) as found:
        found.trades(LOTS[venue])
        amend(found, venue, name, lacking, into)
        with pytest.raises(Malformed, match=field):
            await found.books.positions()


@pytest.mark.trap("balance-is-not-equity", "binance")
async def test_spot_coin_is_its_pair():
    """A coin that the book holds by a pair is that pair's position; locked coins are held too.

    A thousandth of what was bought is the fee.
    """
    async with desk(SPOT) as found:
        await found.venue.submit(order(SPOT, quantity=D(1)))
        await found.exchange.create_order(
            "BTC/USDT", "limit", "sell", "0.4", "150000", {"timeInForce": "GTC"}
        )
        told = {each.instrument: each.quantity for each in await found.books.positions()}
        pools, legs = await found.books.figures()

    assert D("0.999") == told["binance:BTCUSDT"]
    assert 0 == told["binance:ETHUSDT"]
    assert "binance:BTC" not in told
    assert {"BTC": D("0.999")} == {
        each.currency: each.balance for each in pools if each.currency == "BTC"
    }
    assert 0 == sum(each.maintenance for each in pools)
    assert [] == list(legs)


@pytest.mark.trap("hedge-mode", "binanceusdm")
async def test_hedge_mode_is_no_position():
    """Long and short side by side are refused, not summed."""
    async with desk(USDM) as found:
        found.trades(1)
        answer = await found.exchange.fapiPrivateV3GetPositionRisk({})
        assert "BOTH" == answer[0]["positionSide"]
        rows = [{**answer[0], "positionSide": "LONG"}]

        async def split(_params):
            return rows

        found.exchange.fapiPrivateV3GetPositionRisk = split
        with pytest.raises(Malformed, match="one-way"):
            await found.books.positions()


# --- bookings -----------------------------------------------------------------------------


async def _an_hour(found, seed, looks=24):
    """Trade at random by hand and through us, with funding and cash; yield after each look."""
    chance = np.random.default_rng(seed)
    venue, place, move = found.name, found.loopback.place, 0
    names = {USDM: ("BTCUSDT", "ETHUSDT"), COINM: ("BTCUSD_PERP", "ETHUSD_PERP")}
    for number in range(looks):
        move += int(chance.integers(-40, 41))
        told = step(venue, place.now(), move)
        if number % 5 == 4 and venue != SPOT:
            due = tuple(FundingDue(f"{venue}:{name}", 0.000_123_4) for name in names[venue])
            told = replace(told, funding_due=due)
        place.tell(told)
        size = LOTS[venue] * int(chance.integers(1, 30)) * (1 if chance.random() < 0.55 else -1)
        if venue == SPOT:
            size = (
                abs(size) if size > 0 or place.positions("desk").get(FIRST[SPOT], 0) < 1 else size
            )
        found.trades(size)
        if number % 7 == 3:
            currency = known(FIRST[venue]).settle
            place.move_cash(CashRequest("desk", CashKind.DEPOSIT, currency, D("12.5")))
        if number % 4 == 1:
            name = f"rb{number:02}"
            await found.venue.submit(order(venue, name, price=D(103_000)))
        yield number


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.proves("binanceusdm", "fills", "loopback")
@pytest.mark.proves("binanceusdm", "ledger", "loopback")
@pytest.mark.proves("binanceusdm", "history", "loopback")
@pytest.mark.proves("binancecoinm", "fills", "loopback")
@pytest.mark.proves("binancecoinm", "ledger", "loopback")
@pytest.mark.proves("binancecoinm", "history", "loopback")
@pytest.mark.proves("binance", "fills", "loopback")
@pytest.mark.proves("binance", "ledger", "loopback")
@pytest.mark.proves("binance", "history", "loopback")
async def test_ledger_equals_the_books(venue, seed):
    """After an hour of trading by hand the bookings alone bring the ledger to the venue's books."""
    async with desk(venue) as found:
        ledger, since = await opened(found), found.clock.now()
        async for _ in _an_hour(found, seed):
            pass
        told = await found.books.history(since)
        new = book(ledger, told.events)
        again = book(ledger, (await found.books.history(since)).events)
        gaps = apart(found, ledger)
    kinds = {type(each) for each in told.events}

    assert {} == gaps
    assert (None, 0) == (told.fault, again)
    assert new > 30
    assert Fill in kinds
    assert venue == SPOT or FundingPaid in kinds
    assert [each.ts_venue for each in told.events] == sorted(each.ts_venue for each in told.events)
    assert "rb01" in {getattr(each, "client_order_id", None) for each in told.events}


@pytest.mark.parametrize("venue", MARGINED)
async def test_looks_that_overlap(venue, monkeypatch):
    """Looks that overlap, one a few bookings, book each of them once."""
    monkeypatch.setattr(calls, "WEIGHTS", {})  # all at once
    async with desk(venue) as found:
        ledger, since = await opened(found), found.clock.now()
        async for _ in _an_hour(found, 3, 6):
            book(ledger, (await found.books.history(since)).events)
        gaps = apart(found, ledger)

    assert {} == gaps


async def test_pages_to_the_end(monkeypatch):
    """Trades and income are asked for page by page, also within a moment."""
    monkeypatch.setattr(calls, "WEIGHTS", {})  # all at once
    monkeypatch.setattr(calls, "PAGE", 3)
    async with desk(USDM) as found:
        ledger, since = await opened(found), found.clock.now()
        async for _ in _an_hour(found, 5, 14):
            pass
        told = await found.books.history(since)
        book(ledger, told.events)
        gaps = apart(found, ledger)

    assert {} == gaps
    assert told.fault is None


async def test_income_of_one_millisecond(monkeypatch):
    """A page of income whose rows all bear one time is followed by the next one."""
    monkeypatch.setattr(calls, "PAGE", 2)
    async with desk(USDM) as found:
        ledger, since = await opened(found), found.clock.now()
        place = found.loopback.place
        found.trades(1)
        stamp = place.now()
        monkeypatch.setattr(place, "now", lambda: stamp)
        for _ in range(5):
            request = CashRequest("desk", CashKind.DEPOSIT, "USDT", D(1))
            place.move_cash(request)
        told = await found.books.history(since)
        book(ledger, told.events)
        gaps = apart(found, ledger)

    assert {} == gaps
    assert 5 == len([each for each in told.events if isinstance(each, CashMoved)])


async def test_windows_of_trades():
    """A look further back than a week asks week by week, and none asks for more than one."""
    async with desk(USDM) as found:
        kept, week = sent(found, "/userTrades"), 7 * 86_400 * 10**9
        found.trades(1)
        told = await found.books.history(found.clock.now() - 3 * week)
    spans = [int(each["endTime"]) - int(each["startTime"]) for each in kept]

    assert 4 * 2 == len(kept)
    assert max(spans) < week // 10**6
    assert 1 == len([each for each in told.events if isinstance(each, Fill)])


async def test_a_symbol_that_nobody_named():
    """What somebody trades in a symbol that the book does not know is told by its income."""
    async with make(USDM) as loopback, desk(USDM, loopback=_Open(loopback)) as found:
        found.books._holder.symbols.pop("ETHUSDT")
        since = found.clock.now()
        found.trades(2, "binanceusdm:ETHUSDT")
        told = await found.books.history(since)

    assert ["binanceusdm:ETHUSDT"] == [each.instrument for each in told.events]


class _Open:
    """A loopback that is open already, and stays open."""

    def __init__(self, loopback):
        self._loopback = loopback

    async def __aenter__(self):
        return self._loopback

    async def __aexit__(self, *_):
        pass


async def test_a_list_that_fails_takes_nothing_from_the_others():
    """Income that is not answered leaves the fills told, and says that something is missing."""
    async with desk(USDM) as found:
        found.trades(1)
        found.loopback.script.add(Plan(Kind.ERROR_BEFORE, "signed/GET */income", code=500))
        told = await found.books.history(found.clock.now() - 10**10)

    assert told.fault is not None
    assert [Fill] == [type(each) for each in told.events]


async def test_withdrawn_order_of_a_label_is_remembered_once():
    """Whose a trade is, is asked for once an order, however often its trades are read."""
    async with desk(USDM) as found:
        found.trades(1)
        kept = sent(found, "signed/GET /fapi/v1/order")
        since = found.clock.now() - 10**10
        for _ in range(3):
            told = await found.books.history(since)

    assert 1 == len(kept)
    assert [None] == [each.client_order_id for each in told.events]


async def test_what_came_in_and_went_out_of_spot():
    """Deposits, withdrawals and transfers are told once each, with their signs, as flows."""
    async with desk(SPOT) as found:
        ledger, since = await opened(found), found.clock.now()
        place = found.loopback.place
        for kind, amount in (
            (CashKind.DEPOSIT, D("100.5")),
            (CashKind.WITHDRAWAL, D("-40")),
        ):
            place.move_cash(CashRequest("desk", kind, "USDT", amount))
        told = await found.books.history(since)
        book(ledger, told.events)
        again = await found.books.history(since)
        gaps = apart(found, ledger)

    assert {} == gaps
    assert [D("100.5"), D("-40")] == sorted((each.amount for each in told.events), reverse=True)
    assert all(each.flow for each in told.events)
    assert 0 == book(ledger, again.events)


async def test_a_dated_contract_ends():
    """A contract that is delivered is told with the price it ended at, and leaves the ledger."""
    async with dated() as found:
        ledger, since = await opened(found), found.clock.now()
        found.trades(2, DATED)
        deliver(found)
        told = await found.books.history(since)
        book(ledger, told.events)
        gaps = apart(found, ledger)
        held = await found.books.positions()
    (ended,) = [each for each in told.events if isinstance(each, Delivered)]

    assert {} == gaps
    assert (DATED, D(101_000)) == (ended.instrument, ended.price)
    assert DATED not in {each.instrument for each in held}


async def test_a_delivery_without_a_price():
    """A delivery whose price nobody tells is no delivery at 0: something is missing."""
    async with dated() as found:
        since = found.clock.now()
        found.trades(2, DATED)
        deliver(found)

        async def none(_params):
            return []

        found.exchange.fapiDataGetDeliveryPrice = none
        due = FundingDue(FIRST[USDM], 0.001)
        found.trades(1)
        found.loopback.place.tell(
            replace(step(USDM, found.loopback.place.now()), funding_due=(due,))
        )
        told = await found.books.history(since)

    assert "no price is told" in str(told.fault)
    assert [] == [each for each in told.events if isinstance(each, Delivered)]
    assert 1 == len([each for each in told.events if isinstance(each, FundingPaid)])


DATED = "binanceusdm:BTCUSDT_261225"


def deliver(found):
    """Let the venue's time reach the end of the dated contract; we sign by its time."""
    place, ahead = found.loopback.place, known(DATED).expiry - found.clock.now()
    place._ts = known(DATED).expiry
    found.exchange.options["timeDifference"] = -ahead // 10**6
    ends = DeliveryDue(DATED, D(101_000))
    place.tell(replace(step(USDM, place.now()), deliveries=(ends,)))


@asynccontextmanager
async def dated():
    """Yield a desk at a venue that lists a dated contract too."""
    listed = binance_desk.LISTED
    binance_desk.LISTED = {**listed, USDM: (*listed[USDM], DATED)}
    try:
        async with desk(USDM) as found:
            yield found
    finally:
        binance_desk.LISTED = listed


async def test_a_trade_before_its_order():
    """A young trade whose order is not shown yet is nobody's: it is told once the order is."""
    async with desk(USDM) as found:
        since = found.clock.now() - 10**10
        found.trades(1, label="rb77")
        found.loopback.script.add(Plan(Kind.CODE, "signed/GET */order", code=-2013))
        early = await found.books.history(since)
        later = await found.books.history(since)

    assert (0, False) == (len(early.events), early.fault is None)
    assert 1 == len(later.events)


@pytest.mark.parametrize("label", ["adl_autoclose_12345", "autoclose-insurance-5678"])
@pytest.mark.parametrize("venue", MARGINED)
async def test_states_of_what_the_venue_trades(venue, label):
    """An order of the venue's own hides no fill of its symbol, whatever its state is called."""
    async with desk(venue) as found:
        since = found.clock.now() - 10**10
        found.trades(LOTS[venue], label=label)
        found.trades(LOTS[venue], label="rb77")
        told = await found.books.history(since)
        number = next(each for each in found.books._orders._labels)
        placed = await found.books.by_id(number, FIRST[venue])

    assert told.fault is None
    assert [True, False] == [each.forced is not None for each in told.events]
    assert (label, None) == (placed.label, placed.ending)


@pytest.mark.parametrize(
    ("venue", "label"),
    [
        (USDM, "settlement_autoclose-9999"),
        (COINM, "delivery_autoclose-12345"),
        (COINM, "delivery-12345"),
    ],
)
async def test_a_contract_that_the_venue_ends(venue, label):
    """What it closes of a hedge is no foreign trade: the hedge is gone, and no phantom stays."""
    own, lot = known(FIRST[venue]), LOTS[venue]
    async with desk(venue) as found:
        ledger, since = await opened(found), found.clock.now() - 10**10
        found.trades(-lot, label="rb77")
        found.trades(lot, label=label)
        told = await found.books.history(since)
        for each in told.events:
            ours = each.client_order_id is None and each.forced is None
            held = ledger.position(venue, own.id)
            books.book_fill(ledger, each, own, ours=ours, unwound=unwound(held, each))
        gaps = apart(found, ledger)

    assert [None, Forced.EXPIRY] == [each.forced for each in told.events]
    assert {} == gaps
    assert (0, 0) == (ledger.position(venue, own.id).quantity, ledger.position(venue, own.id).hedge)


@pytest.mark.parametrize("first", [False, True])
async def test_assets_that_are_counted_otherwise(first):
    """An account that is switched is not the examined one: its figures are none until it is."""
    async with desk(USDM) as found:
        found.trades(1)
        found.host.together = first
        before, _ = await found.books.figures()
        found.host.together = not first
        for _ in range(2):
            with pytest.raises(
                Malformed, match=f"must be {first}, as at the start, was {not first}"
            ):
                await found.books.figures()
        found.host.together = first
        after, _ = await found.books.figures()

    assert {first} == {each.together for each in (*before, *after)}


@pytest.mark.parametrize("venue", MARGINED)
async def test_an_order_of_the_venues_that_is_denied(venue):
    """Where the venue shows its own order in its own list alone, the symbol's fills are told."""
    async with desk(venue) as found:
        since = found.clock.now() - 10**10
        found.trades(LOTS[venue], label="autoclose-1")
        denied = Plan(Kind.CODE, "signed/GET */order", code=-2013, times=None)
        found.loopback.script.add(denied)
        told = await found.books.history(since)

    assert told.fault is None
    assert [Forced.LIQUIDATION] == [each.forced for each in told.events]


async def test_liquidation_is_forced():
    """What the venue trades for an account is told as forced, from its own label."""
    async with desk(USDM) as found:
        found.trades(15)
        found.trades(15)
        place = found.loopback.place
        since = place.now() - 10**10
        place.tell(step(USDM, place.now(), -49_900))
        place.tell(step(USDM, place.now(), -49_900))
        told = await found.books.history(since)

    assert "liquidation" in {each.forced for each in told.events if isinstance(each, Fill)}
