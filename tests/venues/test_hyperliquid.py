"""Hyperliquid through unmodified ccxt at a stand-in: its traps, each by name, and the account."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.commands import Query, TimeInForce
from rebalancer.core.events import (
    CashMoved,
    Ending,
    FeedStatus,
    Fill,
    Forced,
    FundingPaid,
    FundingRate,
    Index,
    Mark,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    Quote,
)
from rebalancer.errors import Unavailable
from rebalancer.venues import requests
from rebalancer.venues.connection import Misspelt
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.orders_ccxt import load
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.profiles import row_of
from rebalancer.venues.requests import Market
from rebalancer.venues.wanted import Wanted
from tests.venues.by_profile import connected, examined, hearing, until
from tests.venues.hyperliquid import AGENT, LIFETIMES, PERP, SECRET, WALLET, Hyperliquid, desk
from tests.venues.standin import gaps_of, name_of, now, trade

D = Decimal
ROW = row_of("hyperliquid")
KEYS = Credentials(Secret(WALLET), Secret(SECRET))
CLOID = "0x72" + name_of(1).removeprefix("rb").encode().hex()
ACTIONS = ("order", "cancel", "cancelByCloid")


def orders_of(opened):
    """Return the orders that reached the venue, as they were spelt."""
    told = [json.loads(each[3])["action"] for each in opened.server.asked("/exchange")]
    return [each for each in told if each["type"] == "order"]


# --- what goes out ---------------------------------------------------------------


@pytest.mark.trap("hyperliquid-builder", "hyperliquid")
@pytest.mark.trap("questions-inside-an-order", "hyperliquid")
async def test_no_builder_no_approval_no_referrer():
    """Nobody is paid, approved or named: nothing but the order is even asked of ccxt's sender."""
    async with desk() as opened:
        post, asked = opened.exchange.privatePostExchange, []

        async def heard(told):
            asked.append(told["action"]["type"])
            return await post(told)

        opened.exchange.privatePostExchange = heard
        await opened.venue.submit(opened.order(1))
        await opened.venue.submit(opened.order(2))
        actions = [json.loads(each[3])["action"] for each in opened.server.asked("/exchange")]

        assert ["order", "order"] == [each["type"] for each in actions] == asked
        assert not [each for each in opened.server.seen if "uilder" in each[3]]
        assert {"type", "orders", "grouping"} == set(actions[0])


@pytest.mark.trap("hyperliquid-builder", "hyperliquid")
async def test_loading_names_no_referrer():
    """With a key ccxt would name one as soon as it reads the markets: nothing of it is tried."""
    venue, asked = Hyperliquid(), []

    async def heard(told):
        asked.append(told)

    async with connected("hyperliquid", venue, KEYS) as (connection, _):
        connection.exchange.privatePostExchange = heard
        assert "BTC-PERP" in await load(connection)

    assert [] == asked


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.trap("hyperliquid-builder", "hyperliquid")
async def test_ccxt_by_itself_pays_a_builder(built):
    """As ccxt comes it approves a builder and names a referrer first: the wire refuses both.

    And where an approval was taken for made, the builder in an order as well.
    """
    async with desk() as opened:
        options = opened.exchange.options
        del options["builder"], options["refSet"]
        options |= {"builderFee": True, "approvedBuilderFee": built}
        answer = await opened.venue.submit(opened.order())
        sent = opened.server.asked("/exchange")

        assert isinstance(answer, OrderRejected if built else OrderAccepted)
        assert (not built) is bool(sent)
        if built:
            assert "builder must never be sent" in answer.reason
            assert not answer.sent
        assert not [each for each in sent if '"type":"order"' not in each[3]]


@pytest.mark.parametrize("kind", ["usdSend", "withdraw3", "approveBuilderFee", "setReferrer"])
async def test_nothing_but_orders_and_cancels(kind):
    """Whoever asks for it: a transfer or a withdrawal does not leave this machine."""
    async with desk() as opened:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - ccxt wraps what the wire says
            await opened.exchange.private_post_exchange({"action": {"type": kind}})

        assert isinstance(raised.value.__cause__, Misspelt)
        assert [] == opened.server.asked("/exchange")


@pytest.mark.parametrize("lifetime", TimeInForce)
@pytest.mark.trap("flags-have-other-names", "hyperliquid")
async def test_time_in_force_on_the_wire(lifetime):
    """Ioc, Gtc and Alo, spelt as the venue does; what only reduces says so, nothing else does."""
    async with desk() as opened:
        told = opened.order(time_in_force=lifetime, reduce_only=True)
        where = opened.venue._markets["BTC-PERP"]
        sent = requests.request(told, where, ROW, 0)
        named = (sent.symbol, "limit", sent.side, sent.amount, sent.price)
        await opened.exchange.create_order(*named, dict(sent.params))
        (order,) = orders_of(opened)[0]["orders"]

        assert {"limit": {"tif": LIFETIMES[lifetime]}} == order["t"]
        assert order["r"] is True
        await opened.venue.submit(opened.order(2))
        assert orders_of(opened)[1]["orders"][0]["r"] is False


@pytest.mark.trap("X04", "hyperliquid")
async def test_what_may_rest_does_not_leave():
    """There is no dead-man switch here, so nothing that may rest is sent."""
    async with desk() as opened:
        answer = await opened.venue.submit(opened.order(time_in_force=TimeInForce.GTC))

        assert "dead-man" in answer.reason
        assert [] == orders_of(opened)


@pytest.mark.trap("client-id-has-its-own-name", "hyperliquid")
@pytest.mark.trap("X06", "hyperliquid")
async def test_client_id_there_and_back():
    """Our id is a number of 128 bits on the wire, and our id again wherever it is told."""
    async with desk() as opened:
        answer = await opened.venue.submit(opened.order(1))
        (order,) = orders_of(opened)[0]["orders"]
        (placed,) = await opened.books.placed(name_of(1), PERP.id)

        assert CLOID == order["c"]
        assert 34 == len(CLOID)
        assert (name_of(1), answer.venue_order_id) == (placed.label, placed.order_id)


@pytest.mark.trap("client-id-has-a-form", "hyperliquid")
async def test_id_that_is_none_of_ours_does_not_travel():
    """An id that cannot be told without loss is refused before anything is sent."""
    async with desk() as opened:
        answer = await opened.venue.submit(opened.order(client_order_id="rb01"))

        assert "its id must be one of our ids" in answer.reason
        assert [] == orders_of(opened)


@pytest.mark.parametrize(
    ("quantity", "price", "spelt"),
    [
        ("0.01", "65012.3", "65012"),  # a buy goes down
        ("-0.01", "64990.1", "64991"),  # and a sale up: no limit is loosened
        ("0.01", "9876.5", "9876.5"),
        ("0.01", "123456.7", "123456"),  # whole prices may have any number of digits
    ],
)
@pytest.mark.trap("hyperliquid-five-digits", "hyperliquid")
@pytest.mark.trap("amount-has-its-own-unit", "hyperliquid")
@pytest.mark.trap("price-is-rounded-to-the-nearest", "hyperliquid")
async def test_five_significant_digits(quantity, price, spelt):
    """A price is rounded to what the venue takes against the order, never to the nearest."""
    async with desk() as opened:
        opened.linear.offered = D(0)
        await opened.venue.submit(opened.order(quantity=D(quantity), price=D(price)))
        (order,) = orders_of(opened)[0]["orders"]

        assert (spelt, quantity.removeprefix("-")) == (order["p"], order["s"])


@pytest.mark.trap("hyperliquid-five-digits", "hyperliquid")
def test_steps_of_a_price():
    """The finest step comes of the decimals of a quantity, the coarser ones of the digits."""
    finest, steps = requests.digits(D("0.01"), ROW)

    where = Market("s", "n", True, D("0.01"), D("0.01"), finest, steps)
    told = {price: requests.rounded(D(price), D(1), where) for price in ("9.87654", "98.7654")}
    assert {"9.87654": D("9.8765"), "98.7654": D("98.765")} == told
    assert D("1234.6") == requests.rounded(D("1234.51"), D(-1), where)
    assert D("12346") == requests.rounded(D("12345.1"), D(-1), where)


@pytest.mark.parametrize(
    ("quantity", "spelt"), [("0.01234", "0.01234"), ("0.012345", None), ("0.000001", None)]
)
@pytest.mark.trap("amount-is-cut", "hyperliquid")
async def test_decimals_of_a_size(quantity, spelt):
    """A contract has its own number of decimals: more are refused here, and not cut by ccxt."""
    async with desk() as opened:
        opened.venue._instruments = {PERP.id: replace(PERP, lot=D("0.000001"))}  # as one might say
        answer = await opened.venue.submit(opened.order(quantity=D(quantity)))

        assert [spelt] * bool(spelt) == [each["orders"][0]["s"] for each in orders_of(opened)]
        assert spelt or ("a multiple of 0.00001" in answer.reason and not answer.sent)


@pytest.mark.trap("market-orders-have-a-hidden-price", "hyperliquid")
async def test_no_market_order_at_a_price_of_ccxts():
    """A market order is one at 5 % off, made up by ccxt: the price on the wire is ours, or none is.

    Whoever asks ccxt for one under an order of ours does not reach the venue.
    """
    async with desk() as opened:
        await opened.venue.submit(opened.order(1, price=D("65012")))
        create = opened.exchange.create_order

        async def worse(symbol, _kind, side, amount, price, params):
            return await create(symbol, "market", side, amount, price, params)

        opened.exchange.create_order = worse
        answer = await opened.venue.submit(opened.order(2, price=D("65012")))
        (only,) = [each["orders"][0] for each in orders_of(opened)]

        assert ("65012", {"limit": {"tif": "Ioc"}}) == (only["p"], only["t"])
        assert isinstance(answer, OrderRejected)
        assert not answer.sent


async def test_nonces_rise_within_a_millisecond():
    """A signature counts once: orders of one millisecond have numbers of their own, none twice."""
    async with desk() as opened:
        stopped = now()
        opened.exchange.milliseconds = lambda: stopped
        await asyncio.gather(*(opened.venue.submit(opened.order(each)) for each in range(1, 5)))
        told = [json.loads(each[3])["nonce"] for each in opened.server.asked("/exchange")]

        assert 4 == len(orders_of(opened)) == len(set(told))
        assert all(stopped <= each < stopped + 100 for each in told)


async def test_names_and_numbers():
    """A contract is named by its coin though ccxt counts it; a spot pair is not among them."""
    async with desk() as opened:
        await opened.venue.submit(opened.order())

        assert {"BTC-PERP", "ETH-PERP"} == set(opened.venue._markets)
        assert 1 == orders_of(opened)[0]["orders"][0]["a"]  # its place in the list


# --- outcomes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("Insufficient margin to place order. asset=1", OrderRejected),
        ("Price must be divisible by tick size. asset=1", OrderRejected),
        ("Order could not immediately match against any resting orders. asset=1", OrderRejected),
        ("Something nobody has heard of", OrderUnknown),
        ("Too many cumulative requests sent (2 > 1)", OrderRejected),
    ],
)
@pytest.mark.trap("X01", "hyperliquid")
async def test_words_of_an_error(error, kind):
    """The venue has no codes: a word that is listed proves something, any other nothing (X01)."""
    async with desk() as opened:
        opened.stand.refuse = error
        answer = await opened.venue.submit(opened.order())

        assert isinstance(answer, kind)
        assert not isinstance(answer, OrderRejected) or answer.sent


@pytest.mark.trap("no-answer-proves-nothing", "hyperliquid")
@pytest.mark.trap("found-by-our-id", "hyperliquid")
async def test_lost_answer_buys_once():
    """An answer that is lost: one order, unknown, then found by its id."""
    async with desk() as opened:
        opened.stand.lost = True
        answer = await opened.venue.submit(opened.order(1))
        told = await opened.venue.query(Query(name_of(1), "hyperliquid", PERP.id))

        assert isinstance(answer, OrderUnknown)
        assert 1 == len(orders_of(opened))
        assert [OrderAccepted, Fill, OrderEnded] == [type(each) for each in told]
        assert (Ending.FILLED, D("0.01")) == (told[-1].how, told[-1].filled)


async def test_order_that_never_arrived():
    """What the venue denies is not found, with the position as it is."""
    async with desk() as opened:
        (told,) = await opened.venue.query(Query(name_of(7), "hyperliquid", PERP.id))

        assert isinstance(told, OrderNotFound)
        assert 0 == told.position


@pytest.mark.trap("absence-is-no-proof", "hyperliquid")
async def test_accepted_and_not_shown():
    """An order that was accepted and that the venue shows nowhere is not called absent."""
    async with desk() as opened:
        await opened.venue.submit(opened.order(1))
        opened.linear.orders.clear()
        opened.linear.executions.clear()
        with pytest.raises(Unavailable, match="may be behind"):
            await opened.venue.query(Query(name_of(1), "hyperliquid", PERP.id))


async def test_part_of_an_order():
    """An answer that fills less says nothing of the end; the venue's own word does."""
    async with desk() as opened:
        opened.linear.offered = D("0.004")
        await opened.venue.submit(opened.order(1))
        await asyncio.sleep(0.01)
        assert [] == opened.delivered
        told = await opened.venue.query(Query(name_of(1), "hyperliquid", PERP.id))

        assert (Ending.EXPIRED, D("0.004")) == (told[-1].how, told[-1].filled)
        assert D("0.004") == told[1].quantity


async def test_answer_that_names_no_order():
    """An answer without a number is no acceptance: nobody knows."""
    async with desk() as opened:
        opened.stand._status = lambda order: {"filled": {"totalSz": "0.01"}}
        answer = await opened.venue.submit(opened.order())

        assert isinstance(answer, OrderUnknown)


# --- the account -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
async def test_ledger_is_the_venues_books(seed):
    """After trades, funding and a deposit our books are the venue's, long or short."""
    async with desk() as opened:
        await trade(opened, seed)
        opened.linear.move("deposit", D(500))
        opened.linear.move("accountClassTransfer", D(-20), toPerp=False)
        gaps, told = await gaps_of(opened)

        assert {} == gaps
        assert told.fault is None
        ours = [each for each in told.events if isinstance(each, Fill)]
        assert all(each.client_order_id is not None for each in ours)
        flows = [each.flow for each in told.events if isinstance(each, CashMoved)]
        assert [True, True] == flows


async def test_fundings_of_one_hash():
    """Each payment bears the same hash: they are told apart by their hour."""
    async with desk() as opened:
        for amount in ("1.5", "-0.25", "0.125"):
            opened.linear.fund(D(amount))
            await asyncio.sleep(0.002)
        told = (await opened.venue.history(0)).events

        assert [D("1.5"), D("-0.25"), D("0.125")] == [
            each.amount for each in told if isinstance(each, FundingPaid)
        ]


async def test_booking_without_a_sign_is_a_difference():
    """A row whose sign no rule knows is not booked: the cash differs, and a person sees it."""
    async with desk() as opened:
        opened.linear.move("withdraw", D(-101))
        gaps, told = await gaps_of(opened)

        assert {"hyperliquid:USDC": D(-101)} == gaps
        assert [] == list(told.events)


@pytest.mark.parametrize(
    ("destination", "sign"), [(WALLET.upper().replace("X", "x"), 1), ("0x" + "00" * 20, 0)]
)
async def test_transfer_to_us_and_by_us(destination, sign):
    """What comes in is booked; what goes out costs nobody knows what, and is a difference."""
    async with desk() as opened:
        opened.linear.move("internalTransfer", D(30 if sign else -31), destination=destination)
        gaps, told = await gaps_of(opened)

        assert (sign == 1) is (gaps == {})
        assert [D(30)] * sign == [each.amount for each in told.events]


async def test_fee_of_the_venue_and_not_of_ccxt():
    """`fee` holds a builder's already; ccxt adds it once more."""
    async with desk() as opened:
        await opened.venue.submit(opened.order())
        paid = opened.linear.executions[0].fee
        own = opened.stand.fill
        opened.stand.fill = lambda each: own(each) | {"builderFee": "0.1"}
        (fill,) = (await opened.venue.history(0)).events
        (unified,) = await opened.exchange.fetch_my_trades(since=0)

        assert paid == fill.fee
        assert paid + D("0.1") == D(unified["fee"]["cost"])


async def test_foreign_and_forced_fills():
    """What somebody else did is nobody's order of ours; what the venue did says by what force."""
    async with desk() as opened:
        foreign = opened.linear.take("0x" + "00" * 16, D("0.002"), D(70_000), "ioc")
        liquidated = opened.linear.take(None, D("0.001"), D(70_000), "ioc")
        own = opened.stand.fill
        opened.stand.fill = lambda each: (
            own(each)
            | ({"dir": "Liquidated Cross Long"} if each.order == liquidated.number else {})
        )
        told = (await opened.venue.history(0)).events

        assert [(None, None), (None, Forced.LIQUIDATION)] == [
            (each.client_order_id, each.forced) for each in told
        ]
        assert D("0.002") == foreign.filled


async def test_spot_fills_are_of_another_wallet():
    """A trade of a spot pair moves nothing here."""
    async with desk() as opened:
        bought = FILL_TOLD | {"coin": "@1", "time": now(), "feeToken": "BTC"}
        opened.stand.foreign = [bought]
        assert [] == list((await opened.venue.history(0)).events)


async def test_pages_of_fills():
    """A full page is followed by the next, to the end, and each fill is told once."""
    async with desk() as opened:
        await opened.venue.submit(opened.order())
        (first,) = opened.linear.executions
        count = 4_500
        opened.linear.executions[:] = [
            replace(first, number=number, ts=first.ts + number // 3) for number in range(count)
        ]
        told = (await opened.venue.history(0)).events

        assert count == len({each.trade_id for each in told}) == len(told)


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.trap("sign-of-a-position", "hyperliquid")
@pytest.mark.trap("balance-is-not-equity", "hyperliquid")
async def test_position_as_the_venue_signs_it(short):
    """The sign is in the size; the entry explains the profit, as the shown one is rounded."""
    async with desk() as opened:
        size, price = (D("-0.01"), D(64_000)) if short else (D("0.01"), D(66_000))
        await opened.venue.submit(opened.order(quantity=size, price=price))
        opened.linear.mark = D("65123")
        held, cash = await opened.venue.positions()

        assert (size, D(64_999 if short else 65_001)) == (held.quantity, held.entry)
        assert opened.linear.cash == cash.quantity


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"szi": None}, "szi must be there"),
        ({"szi": ""}, "szi must be a number"),
        ({"unrealizedPnl": None}, "unrealizedPnl must be there"),
    ],
)
@pytest.mark.trap("missing-is-not-zero", "hyperliquid")
async def test_field_that_is_missing(changes, word):
    """A null or an empty text is no zero: the whole answer means nothing."""
    async with desk() as opened:
        await opened.venue.submit(opened.order())
        opened.stand.changes = changes
        with pytest.raises(Malformed, match=word):
            await opened.venue.positions()


@pytest.mark.trap("margin-by-the-account", "hyperliquid")
@pytest.mark.trap("positions-without-margin-figures", "hyperliquid")
@pytest.mark.trap("liquidation-price-is-not-there", "hyperliquid")
async def test_margin():
    """The account's own figures, and of a position what the venue tells: no more."""
    async with desk() as opened:
        await opened.venue.submit(opened.order())
        told = await opened.venue.margin()
        (pool,), (leg,) = told.pools, told.legs

        assert ("USDC", D("6.25"), D("12.5")) == (pool.currency, pool.maintenance, pool.initial)
        assert pool.balance == pool.equity == opened.linear.equity
        assert (None, None) == (leg.maintenance, leg.liquidation)
        opened.stand.changes = {"liquidationPx": "12000.5"}
        assert D("12000.5") == (await opened.venue.margin()).legs[0].liquidation
        opened.stand.changes = {"leverage": {"type": "isolated", "value": 3}}
        with pytest.raises(Malformed, match="margin mode of hyperliquid:BTC-PERP must be cross"):
            await opened.venue.margin()


async def test_cancel_by_our_id():
    """An order of an earlier start that rests is found by our id, and withdrawn by the venue's."""
    async with desk() as opened:
        opened.linear.take(CLOID, D("0.01"), D(60_000), "gtc")
        (shown,) = (await opened.venue.resting()).orders
        count = await opened.books.cancel(name_of(1), PERP.id)

        assert (name_of(1), D("0.01")) == (shown.label, shown.left)
        assert 1 == count
        assert () == tuple((await opened.venue.resting()).orders)
        assert not [each for each in opened.server.asked("/exchange") if "uilder" in each[3]]


# --- who it is -------------------------------------------------------------------


async def found_of(venue, account=WALLET):
    """Return the findings on an account."""
    return await examined(venue, account, KEYS, PERP)


async def test_account_that_is_meant():
    """An agent of the pinned account, its margin by itself, its contract as it is declared."""
    found = await found_of(Hyperliquid())

    assert [] == [each for each in found.values() if not each.ok]
    assert {"account", "permission.withdraw", "permission.trade", "margin.pool"} <= set(found)
    assert {"reach", "clock", "cash.USDC", f"instrument.{PERP.id}"} <= set(found)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"role": {"role": "user"}}, "permission.withdraw"),
        ({"role": {"role": "agent", "data": {"user": AGENT}}}, "permission.trade"),
        ({"abstraction": "unifiedAccount"}, "margin.pool"),
    ],
)
async def test_account_that_is_refused(changes, name):
    """A key that can withdraw, somebody else's agent, and a pool with the spot wallet."""
    venue = Hyperliquid()
    venue.__dict__.update(changes)
    found = await found_of(venue)

    assert not found[name].ok


async def test_other_account_than_is_pinned():
    """The address must be the one that the settings pin."""
    found = await found_of(Hyperliquid(), "0x" + "cd" * 20)

    assert not found["account"].ok
    assert not found["permission.trade"].ok


# --- the stream ------------------------------------------------------------------


@pytest.mark.trap("mark-is-not-in-the-ticker", "hyperliquid")
@pytest.mark.trap("hyperliquid-slow-ticker", "hyperliquid")
async def test_stream():
    """The book tells quotes, the context mark, index and funding; fills are a hint and no more."""
    venue = Hyperliquid()
    async with desk(venue) as opened, hearing(opened, KEYS, "BTC-PERP") as heard:
        await until(lambda: len(venue.subscribed) >= 5)
        book = [
            [{"px": "64999.0", "sz": "1.5", "n": 1}],
            [{"px": "65001.0", "sz": "2", "n": 1}],
        ]
        await venue.say("l2Book", {"coin": "BTC", "time": now(), "levels": book})
        await venue.say("activeAssetCtx", {"coin": "BTC", "ctx": CONTEXT_TOLD})
        fills = {"isSnapshot": True, "user": WALLET, "fills": [FILL_TOLD]}
        await venue.say("userFills", fills)
        await until(lambda: heard.reasons and FundingRate in heard.newest)
        told = heard.newest

        assert (D("64999.0"), D("65001.0")) == (told[Quote].bid, told[Quote].ask)
        assert {Quote, Mark, Index, FundingRate} == set(told) - {FeedStatus}
        assert "hyperliquid:BTC-PERP" == told[Mark].instrument
        assert (D("65000.0"), D("64990.0")) == (told[Mark].price, told[Index].price)
        rate = told[FundingRate]
        assert (0.0000125, 3_600 * 10**9) == (rate.rate, rate.interval)
        assert 0 == rate.next_ts % rate.interval
        assert ["hyperliquid told of a fill"] == heard.reasons
        heard.feed.want(Wanted(("ETH-PERP",)), 0)
        await until(lambda: len(venue.sockets) >= 2 and len(venue.subscribed) >= 10)


CONTEXT_TOLD = {
    "dayNtlVlm": "1.0",
    "prevDayPx": "1.0",
    "markPx": "65000.0",
    "midPx": "65000.0",
    "oraclePx": "64990.0",
    "funding": "0.0000125",
    "openInterest": "1.0",
    "premium": "0",
    "impactPxs": ["60000.0", "70000.0"],  # of a large order: no touch
}
FILL_TOLD = {
    "coin": "BTC",
    "px": "65000",
    "sz": "1",
    "side": "B",
    "time": 1,
    "oid": 5,
    "tid": 9,
    "startPosition": "0",
    "dir": "Open Long",
    "closedPnl": "0",
    "hash": "0x",
    "fee": "1",
    "crossed": True,
}
