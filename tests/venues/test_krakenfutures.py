"""Kraken Futures through unmodified ccxt at a stand-in: its traps by name, and the account."""

import asyncio
import contextlib
from dataclasses import replace
from decimal import Decimal

import ccxt
import pytest

from rebalancer.core import anchors, cushions
from rebalancer.core.commands import Query, TimeInForce
from rebalancer.core.events import (
    CashMoved,
    Ending,
    Fill,
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
from rebalancer.core.instruments import Kind as Kinds
from rebalancer.core.ledger import Ledger
from rebalancer.core.params import Params
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.venues import requests, skew
from rebalancer.venues.budget import Lane
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.findings import Grade
from rebalancer.venues.generic import words
from rebalancer.venues.generic.build import dialect_of
from rebalancer.venues.generic.tap import Kind, Word
from rebalancer.venues.orders_ccxt import LONG_OVER
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.profiles import row_of
from tests.venues.by_profile import examined, hearing, until
from tests.venues.deribit_frames import Lines
from tests.venues.krakenfutures import KEY, PERP, SECRET, TICKER, UID, Kraken, desk
from tests.venues.standin import gaps_of, name_of, now, trade

D = Decimal
ROW = row_of("krakenfutures")
KEYS = Credentials(Secret(KEY), Secret(SECRET))
IOC = TimeInForce.IOC
QUERY = Query(name_of(1), "krakenfutures", PERP.id)


def orders_of(opened):
    """Return the orders that reached the venue, as they were spelt."""
    return [each[2] for each in opened.server.asked("/sendorder")]


# --- what goes out ---------------------------------------------------------------


@pytest.mark.trap("krakenfutures-capital-ioc", "krakenfutures")
async def test_capital_ioc_becomes_an_order_that_rests():
    """A limit order is what ccxt makes of an "IOC": read before it leaves, it does not."""
    async with desk() as opened:
        trap = replace(ROW, order_flags={**ROW.order_flags, IOC: {"timeInForce": "IOC"}})
        opened.venue._line = replace(opened.line, profile=trap)
        answer = await opened.venue.submit(opened.order())

        assert isinstance(answer, OrderRejected)
        assert not answer.sent
        assert "orderType must be ioc, was lmt" in answer.reason
        assert [] == orders_of(opened)
        assert {} == opened.linear.orders


@pytest.mark.trap("features-promise-too-much", "krakenfutures")
async def test_features_of_ccxt():
    """They say that fill-or-kill is there: what goes out is an order that rests. Ours does not."""
    async with desk() as opened:
        told = opened.exchange.features["swap"]["linear"]["createOrder"]["timeInForce"]
        await opened.exchange.create_order(
            *("BTC/USD:USD", "limit", "buy", "0.01", "60000"), {"timeInForce": "FOK"}
        )
        rested = [each["orderType"] for each in orders_of(opened)]
        trap = replace(ROW, order_flags={**ROW.order_flags, IOC: {"timeInForce": "FOK"}})
        opened.venue._line = replace(opened.line, profile=trap)
        answer = await opened.venue.submit(opened.order())

        assert told["FOK"]
        assert ["lmt"] == rested
        assert "orderType must be ioc, was lmt" in answer.reason
        assert 1 == len(orders_of(opened))


@pytest.mark.trap("client-id-has-its-own-name", "krakenfutures")
@pytest.mark.trap("amount-has-its-own-unit", "krakenfutures")
@pytest.mark.trap("X06", "krakenfutures")
async def test_ioc_on_the_wire():
    """Spelt in small letters it is one; our id, the size, the price and a time limit beside it."""
    async with desk() as opened:
        await opened.venue.submit(opened.order(1, price=D("65100.5")))
        (told,) = orders_of(opened)

        assert ("ioc", name_of(1)) == (told["orderType"], told["cliOrdId"])
        assert ("0.01", "65100.5", "buy") == (told["size"], told["limitPrice"], told["side"])
        assert told["processBefore"].endswith("Z")
        assert "reduceOnly" not in told


@pytest.mark.parametrize(
    ("lifetime", "spelt"), [(IOC, "ioc"), (TimeInForce.GTC, "lmt"), (TimeInForce.POST_ONLY, "post")]
)
@pytest.mark.trap("flags-have-other-names", "krakenfutures")
async def test_flags_of_each_lifetime(lifetime, spelt):
    """What unmodified ccxt spells is what the profile says, also of what only reduces."""
    async with desk() as opened:
        told = opened.order(time_in_force=lifetime, reduce_only=True)
        sent = requests.request(told, opened.venue._markets["PF_XBTUSD"], ROW, 0)
        named = (sent.symbol, "limit", sent.side, sent.amount, sent.price)
        await opened.exchange.create_order(*named, dict(sent.params))
        (order,) = orders_of(opened)

        assert (spelt, "true") == (order["orderType"], order["reduceOnly"].lower())
        wanted = requests.wording(told, sent, ROW)
        assert wanted.fault(tuple(order.items())) is None


@pytest.mark.trap("krakenfutures-inverse-apart", "krakenfutures")
async def test_inverse_contracts_are_not_traded():
    """Each has a wallet of its own, which nobody reads: the row takes linear ones only."""
    async with desk() as opened:
        inverse = replace(PERP, id="krakenfutures:PI_XBTUSD", settle="BTC")
        opened.venue._instruments = {inverse.id: inverse}
        answer = await opened.venue.submit(opened.order(instrument=inverse.id, quantity=D(1)))

        assert isinstance(answer, OrderRejected)
        assert not answer.sent
        assert [] == orders_of(opened)


# --- outcomes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("insufficientAvailableFunds", OrderRejected),
        ("iocWouldNotExecute", OrderRejected),
        ("marketSuspended", OrderRejected),
        ("clientOrderIdAlreadyExist", OrderUnknown),
        ("somethingNew", OrderUnknown),
    ],
)
@pytest.mark.trap("X01", "krakenfutures")
@pytest.mark.trap("duplicate-id-is-no-refusal", "krakenfutures")
async def test_statuses_of_an_order(status, kind):
    """They come in ccxt's own words: what is listed proves something (X01)."""
    async with desk() as opened:
        opened.stand.refuse = status
        answer = await opened.venue.submit(opened.order())

        assert isinstance(answer, kind)
        assert not isinstance(answer, OrderRejected) or (answer.sent and status in answer.reason)


@pytest.mark.trap("found-by-our-id", "krakenfutures")
@pytest.mark.trap("no-answer-proves-nothing", "krakenfutures")
async def test_found_by_client_id_through_the_raw_call():
    """A lost answer is found by `cliOrdIds`, spelt as the venue reads it."""
    async with desk() as opened:
        opened.stand.lost = True
        answer = await opened.venue.submit(opened.order(1))
        told = await opened.venue.query(QUERY)
        asked = [each[2] for each in opened.server.asked("/orders/status")]

        assert isinstance(answer, OrderUnknown)
        assert [{"cliOrdIds": name_of(1)}] == asked
        assert 1 == len(orders_of(opened))
        assert [OrderAccepted, Fill, OrderEnded] == [type(each) for each in told]


@pytest.mark.trap("unified-lookup-asks-for-another", "krakenfutures")
async def test_unified_lookup_asks_something_else():
    """Asked the unified way no id goes out, and a list travels as Python spells it."""
    async with desk() as opened:
        asked = opened.exchange
        with contextlib.suppress(ccxt.OrderNotFound):
            await asked.fetch_order_with_client_order_id(name_of(1), "BTC/USD:USD")
        await asked.private_get_orders_status({"cliOrdIds": [name_of(1)]})
        first, second = (each[2] for each in opened.server.asked("/orders/status"))

        assert "cliOrdIds" not in first
        assert f"['{name_of(1)}']" == second["cliOrdIds"]


async def test_venue_that_forgets_what_ended():
    """It shows an order for some seconds: afterwards its trades tell how it ended."""
    async with desk() as opened:
        opened.linear.offered = D("0.004")
        await opened.venue.submit(opened.order(1))
        opened.stand.forgets = True
        with_fill = await opened.venue.query(QUERY)
        sent = opened.line.sent
        sent.note(name_of(1), opened.line.clock.now() - LONG_OVER - SECOND, hasty=True)
        told = await opened.venue.query(QUERY)

        assert [Fill] == [type(each) for each in with_fill]  # it may still be told
        assert (Ending.EXPIRED, D("0.004")) == (told[-1].how, told[-1].filled)


@pytest.mark.trap("absence-is-no-proof", "krakenfutures")
async def test_accepted_and_not_shown():
    """An order that was accepted and that the venue shows nowhere is not called absent."""
    async with desk() as opened:
        await opened.venue.submit(opened.order(1))
        opened.linear.orders.clear()
        opened.linear.executions.clear()
        with pytest.raises(Unavailable, match="may be behind"):
            await opened.venue.query(QUERY)


async def test_order_that_never_arrived():
    """What the venue does not show and has no trade of is not found."""
    async with desk() as opened:
        (told,) = await opened.venue.query(QUERY)

        assert isinstance(told, OrderNotFound)
        assert 0 == told.position


# --- the clock -------------------------------------------------------------------


@pytest.mark.trap("krakenfutures-tells-no-time", "krakenfutures")
async def test_clock_without_fetch_time():
    """No call of ccxt tells the venue's clock: it stands in every answer."""
    async with desk() as opened:
        assert not opened.exchange.has["fetchTime"]
        apart, _ = await skew.skew(opened.line.connection, opened.line.clock)
        watch = skew.SkewWatch(opened.line.connection, opened.line.clock, Lines())
        assert watch.refusal() is not None  # nothing leaves before it was measured
        await watch.look()

        assert abs(apart) < SECOND
        assert watch.refusal() is None
        assert {"/futures.kraken.com/derivatives/api/v3/feeschedules"} == {
            each[1] for each in opened.server.asked("feeschedules")
        }


# --- the account -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
async def test_ledger_is_the_venues_books(seed):
    """After trades, funding and transfers our books are the venue's, long or short."""
    async with desk() as opened:
        opened.stand.page = 5  # fills come in pages, the newest first
        reading = opened.books._calls.table.readings["fills"]
        paged = reading.model_copy(update={"page": 5})
        opened.books._calls.table.readings["fills"] = paged
        try:
            await trade(opened, seed)
            opened.linear.move("transfer", D(500))
            opened.linear.move("kfee applied", D("-0.5"))
            gaps, told = await gaps_of(opened)
            rows = await opened.books._calls.pages(paged, 0, Lane.POLL)
        finally:
            opened.books._calls.table.readings["fills"] = reading
        ids = list(dict.fromkeys(each["fill_id"] for each in rows))

        assert {} == gaps
        assert told.fault is None
        assert ids == [f"fill-{each.number}" for each in opened.linear.executions]  # oldest first
        assert [True, False] == [each.flow for each in told.events if isinstance(each, CashMoved)]
        assert all(
            each.instrument == PERP.id for each in told.events if isinstance(each, FundingPaid)
        )


async def test_fees_are_the_logs_and_not_ccxts():
    """The list of fills tells no fee, and ccxt makes one up of its table."""
    async with desk() as opened:
        opened.linear.fee = D("0.0001")
        await opened.venue.submit(opened.order())
        (told,) = (await opened.venue.history(0)).events
        (unified,) = await opened.exchange.fetch_my_trades()

        assert opened.linear.executions[0].fee == told.fee
        assert D(unified["fee"]["cost"]) == 5 * told.fee


async def test_fill_whose_fee_is_not_told_yet():
    """It is held back, and said to be: the position differs until the log has caught up."""
    async with desk() as opened:
        await opened.venue.submit(opened.order())
        opened.stand.late = 1
        gaps, told = await gaps_of(opened)

        assert D("0.01") == gaps[PERP.id]
        assert "the fee of fill-" in str(told.fault)
        opened.stand.late = 0
        gaps, told = await gaps_of(opened)
        assert ({}, None) == (gaps, told.fault)


async def test_fill_that_lost_its_label():
    """A row of a fill may lack our id: whose order it was is known from the answer."""
    async with desk() as opened:
        await opened.venue.submit(opened.order(1))
        opened.stand.labels.clear()
        (told,) = (await opened.venue.history(0)).events

        assert name_of(1) == told.client_order_id


async def test_funding_that_a_trade_realises():
    """A row of a trade may hold funding too, and is booked as both; a row of funding once."""
    async with desk() as opened:
        await opened.venue.submit(opened.order())
        (made,) = opened.linear.executions
        opened.stand.realised[made.number] = D("-0.05")
        opened.linear.cash -= D("0.05")
        await asyncio.sleep(0.002)
        opened.linear.fund(D("-0.0002"))
        gaps, told = await gaps_of(opened)

        assert {} == gaps
        assert [D("-0.05"), D("-0.0002")] == [
            each.amount for each in told.events if isinstance(each, FundingPaid)
        ]


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.trap("sign-of-a-position", "krakenfutures")
@pytest.mark.trap("balance-is-not-equity", "krakenfutures")
async def test_position_has_its_sign_by_its_side(short):
    """The size has none; a short is negative."""
    async with desk() as opened:
        size, price = (D("-0.01"), D(64_000)) if short else (D("0.01"), D(66_000))
        await opened.venue.submit(opened.order(quantity=size, price=price))
        held, cash = await opened.venue.positions()

        assert (size, PERP.id) == (held.quantity, held.instrument)
        assert ("krakenfutures:USD", opened.linear.cash) == (cash.instrument, cash.quantity)


@pytest.mark.trap("missing-is-not-zero", "krakenfutures")
async def test_answer_without_positions():
    """A degraded answer is no flat account."""
    async with desk() as opened:
        opened.stand._openpositions = lambda *_: {}
        with pytest.raises(Malformed, match="openPositions"):
            await opened.venue.positions()


@pytest.mark.trap("margin-by-the-account", "krakenfutures")
async def test_margin():
    """The figures are those of the wallet as a whole, whatever its positions say."""
    async with desk() as opened:
        await opened.venue.submit(opened.order())
        opened.linear.mark = D(66_000)
        (pool,) = (await opened.venue.margin()).pools

        assert ("USD", D(5), D(12)) == (pool.currency, pool.maintenance, pool.initial)
        assert opened.linear.equity == pool.equity == pool.balance
        assert opened.linear.equity != opened.linear.cash


@pytest.mark.parametrize(
    "name", ["maintenanceMargin", "portfolioValue", "marginEquity", "initialMarginWithOrders"]
)
@pytest.mark.trap("missing-is-not-zero", "krakenfutures")
async def test_margin_that_is_missing_is_named(name):
    """Without one of the wallet's figures there are none: the missing one is said."""
    async with desk() as opened:
        opened.stand.accounts = {name: None}
        with pytest.raises(Malformed, match=f"{name} must be there, was missing"):
            await opened.venue.margin()


@pytest.mark.trap("positions-without-margin-figures", "krakenfutures")
@pytest.mark.trap("liquidation-price-is-not-there", "krakenfutures")
async def test_positions_without_margin_figures():
    """Of a position the venue tells neither margin nor liquidation: None, and nobody guesses.

    With no tiers in the settings either nobody knows what it needs, so no hedge grows.
    """
    async with desk() as opened:
        await opened.venue.submit(opened.order())
        told = await opened.venue.margin()
        (leg,) = told.legs
        kept = anchors.Cushions(told={"krakenfutures": told})
        around = cushions.Around(Ledger(), {PERP.id: PERP}, _params(), None, 0)

        assert (PERP.id, None, None) == (leg.instrument, leg.maintenance, leg.liquidation)
        assert cushions.schedule_of(kept, "krakenfutures", PERP, (0.01, 65_000.0), around) is None


def _params():
    told = object.__new__(Params)
    object.__setattr__(told, "terms", {})
    return told


# --- who it is -------------------------------------------------------------------


async def found_of(venue, account=UID):
    """Return the findings on an account."""
    return await examined(venue, account, KEYS, PERP)


async def test_account_that_is_meant():
    """Pinned by the uid of its log; what cannot be asked of the key is said."""
    found = await found_of(Kraken())

    assert [] == [each for each in found.values() if not each.ok]
    assert Grade.WARNED is found["permission.withdraw"].grade
    assert found["account"].ok


async def test_other_account_than_is_pinned():
    """Another account than the settings name is refused."""
    assert not (await found_of(Kraken(), "somebody"))["account"].ok


async def test_isolated_position_is_refused():
    """One with a fixed leverage stands for itself, by figures that nobody tells."""
    venue = Kraken()
    venue.linear.quantity, venue.linear.basis = D("0.01"), D(650)
    own = venue._openpositions

    def isolated(*told):
        rows = own(*told)["openPositions"]
        return {"openPositions": [rows[0] | {"maxFixedLeverage": 5.0}]}

    venue._openpositions = isolated
    assert not (await found_of(venue))[f"margin.{PERP.id}"].ok


# --- the stream ------------------------------------------------------------------


@pytest.mark.trap("funding-rate-is-emulated", "krakenfutures")
async def test_stream():
    """The ticker tells sizes, its own time, mark, index and an hourly rate; fills are a hint."""
    venue = Kraken()
    async with desk(venue) as opened:
        async with hearing(opened, KEYS, "PF_XBTUSD") as heard:
            await until(lambda: len(venue.subscribed) >= 4)
            await venue.say(TICKER | {"time": now()})
            await venue.say({"feed": "fills", "fills": [FILL]})
            await until(lambda: heard.reasons and len(heard.events) >= 4)
        told = heard.newest

        assert {"ticker", "trade", "fills", "open_orders"} == set(venue.subscribed)
        quote = told[Quote]
        assert (D("64999.5"), D("1.5"), D("65000.5")) == (quote.bid, quote.bid_size, quote.ask)
        assert quote.ts_venue is not None
        assert (D("65000"), D("64990")) == (told[Mark].price, told[Index].price)
        rate = told[FundingRate]
        assert (0.000012, 3_600 * SECOND, 1_800_000_000_000 * 10**6) == (
            *(rate.rate, rate.interval),
            rate.next_ts,
        )
        assert ["krakenfutures told of a fill"] == heard.reasons
        assert Fill not in told


@pytest.mark.parametrize("sign", [+1, -1])
@pytest.mark.trap("funding-rate-is-emulated", "krakenfutures")
async def test_funding_is_the_relative_rate_of_an_hour(sign):
    """The venue tells USD a coin as `funding_rate`: what counts is the fraction, + longs pay."""
    table = ROW.table
    dialect = dialect_of(table, ROW)
    told = TICKER | {"funding_rate": sign * 0.78, "relative_funding_rate": sign * 0.000012}
    market = {"id": "PF_XBTUSD", "base": "BTC"}
    word = Word(Kind.TICKER, {"info": told, "timestamp": 5})
    (rate,) = [
        each for each in words.events(word, market, "krakenfutures", 7, dialect)
        if isinstance(each, FundingRate)
    ]  # fmt: skip

    assert (sign * 0.000012, 3_600 * SECOND) == (rate.rate, rate.interval)
    assert 1_800_000_000_000 * 10**6 == rate.next_ts


@pytest.mark.trap("client-id-has-a-form", "krakenfutures")
async def test_client_id_is_ours_as_it_is():
    """Plain, and at most 18 characters: what its answers may cut an id to is all of ours."""
    async with desk() as opened:
        await opened.venue.submit(opened.order(1))
        await opened.venue.submit(opened.order(36**7 - 1))
        told = [each["cliOrdId"] for each in orders_of(opened)]

        assert [name_of(1), name_of(36**7 - 1)] == told
        assert all(len(each) <= 18 for each in told)


@pytest.mark.parametrize("quantity", ["0.0001", "1.2345", "-0.5"])
@pytest.mark.trap("amount-has-its-own-unit", "krakenfutures")
@pytest.mark.trap("amount-is-cut", "krakenfutures")
async def test_amount_is_coins(quantity):
    """A linear contract is counted in coins: the size on the wire is ours, and nothing is cut."""
    async with desk() as opened:
        price = D("65100" if D(quantity) > 0 else "64900")
        await opened.venue.submit(opened.order(quantity=D(quantity), price=price))
        answer = await opened.venue.submit(opened.order(2, quantity=D("0.00015")))
        (told,) = orders_of(opened)

        assert (quantity.removeprefix("-"), D(quantity)) == (told["size"], opened.linear.quantity)
        assert "a multiple of 0.0001" in answer.reason
        assert not answer.sent


FILL = {
    "instrument": "PF_XBTUSD",
    "time": 1,
    "price": 65000.0,
    "buy": True,
    "qty": 1,
    "order_id": "order-1",
    "fill_id": "fill-1",
    "fill_type": "taker",
    "fee_paid": 1,
    "fee_currency": "USD",
}


def test_kinds():
    """The row takes perpetuals and nothing else."""
    assert {Kinds.PERPETUAL} == set(ROW.amounts)
