"""Unmodified ccxt over REST: what it reads is what the exchange model holds."""

from decimal import Decimal

import ccxt
import pytest

from rebalancer.simulation.accounts import OrderState
from rebalancer.simulation.faults import Kind, Plan
from tests.simulation.fair import ACCOUNT, CALL, KEY, PERP, POOR, ccxt_rest, fair, step_of

D = Decimal
SYMBOL, OPTION = "BTC/USD:BTC", "BTC/USD:BTC-371225-100000-C"


async def test_markets():
    """Perpetuals and options are read with their sizes, ticks and settle currency."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        markets = await exchange.load_markets()

    perpetual, option = markets[SYMBOL], markets[OPTION]
    assert {"BTC-PERPETUAL", "ETH-PERPETUAL", "BTC-25DEC37-100000-C", "BTC-25DEC37-90000-P"} == {
        each["id"] for each in markets.values()
    }
    assert (True, "BTC", 10, 0.5) == (
        *(perpetual["inverse"], perpetual["settle"]),
        *(perpetual["limits"]["amount"]["min"], perpetual["precision"]["price"]),
    )
    assert ("call", 100_000, 1) == (
        *(option["optionType"], option["strike"]),
        option["contractSize"],
    )


async def test_prices():
    """Ticker and book are those of the model, in Deribit's units."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        ticker = await exchange.fetch_ticker(SYMBOL)
        option = await exchange.fetch_ticker(OPTION)
        book = await exchange.fetch_order_book(SYMBOL)
        moment = await exchange.fetch_time()
        state = await exchange.fetch_status()

    assert (99_999.5, 100_000.5, 10_000, 100_000, 100_000) == (
        *(ticker["bid"], ticker["ask"], ticker["bidVolume"]),
        *(ticker["markPrice"], ticker["indexPrice"]),
    )
    assert (0.35, 60.0) == (option["markPrice"], option["info"]["mark_iv"])
    assert 0 < option["info"]["greeks"]["delta"] < 1
    assert [[100_000.5, 10_000], [100_001.0, 10_000]] == [each[:2] for each in book["asks"][:2]]
    assert abs(moment - loopback.place.now() / 1e6) < 5_000
    assert "ok" == state["status"]


@pytest.mark.parametrize(
    ("kind", "price", "more", "state", "filled"),
    [
        ("limit", 100_000.5, {"timeInForce": "IOC"}, "closed", 5_000),
        ("limit", 99_000, {"timeInForce": "IOC"}, "canceled", 0),
        ("limit", 99_000, {}, "open", 0),
        ("limit", 99_000, {"postOnly": True}, "open", 0),
        ("market", None, {}, "closed", 5_000),
    ],
)
@pytest.mark.proves("deribit", "flags", "loopback")
async def test_orders(kind, price, more, state, filled):
    """Each kind of order ends as it must, and stands in the books under its label."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        order = await exchange.create_order(
            SYMBOL, kind, "buy", 5_000, price, {"label": "rb1", **more}
        )
        (placed,) = loopback.place.orders(ACCOUNT, "rb1")

    assert (state, filled, placed.order_id) == (order["status"], order["filled"], order["id"])
    assert D(filled) == placed.filled
    assert D(filled) == loopback.place.positions(ACCOUNT).get(PERP, 0)


async def test_order_that_comes_too_late():
    """What arrives after the time it names is refused, and is never in the books."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        await exchange.load_markets()
        now = loopback.place.clock.now() // 1_000_000
        asked = SYMBOL, "limit", "buy", 10, 100_000.5
        with pytest.raises(ccxt.ExchangeError, match="timed_out"):
            await exchange.create_order(*asked, {"valid_until": now, "label": "late"})
        await exchange.create_order(*asked, {"valid_until": now + 5_000, "label": "timely"})

        assert ["timely"] == [each.asked.label for each in loopback.place.orders(ACCOUNT)]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ((SYMBOL, "limit", "buy", 5_000, 100_000.5, {"postOnly": True}), ccxt.InvalidOrder),
        ((SYMBOL, "limit", "sell", 5_000, 100, {"reduceOnly": True}), ccxt.ExchangeError),
        ((SYMBOL, "limit", "buy", 10_000_000, 99_000, {}), ccxt.InsufficientFunds),
        ((OPTION, "limit", "buy", 1, 0.0513, {}), ccxt.InvalidOrder),  # coarser above 0.005
        ((SYMBOL, "market", "buy", 5_000, None, {"amount": 5_003}), ccxt.BadRequest),
    ],
)
async def test_rejected(asked, error):
    """What the venue rejects is an error of its kind, and never in the books."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        with pytest.raises(error) as caught:
            await exchange.create_order(*asked)

    assert caught.value.__cause__ is None
    assert [] == loopback.place.orders(ACCOUNT)


async def test_an_order_lives_and_ends():
    """An order is found open, changed, found by its label, cancelled, and cancelled only once."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        label = {"label": "rb2"}
        order = await exchange.create_order(SYMBOL, "limit", "buy", 5_000, 99_000, label)
        (opened,) = await exchange.fetch_open_orders(SYMBOL)
        edited = await exchange.edit_order(order["id"], SYMBOL, "limit", "buy", 6_000, 98_000)
        asked = {"currency": "BTC", "label": "rb2"}
        found = await exchange.private_get_get_order_state_by_label(asked)
        ended = await exchange.cancel_order(order["id"])
        with pytest.raises(ccxt.InvalidOrder, match="not_open_order"):
            await exchange.cancel_order(order["id"])
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.fetch_order("BTC-1")
        left = await exchange.fetch_open_orders(SYMBOL)

    assert ("rb2", 99_000, 5_000) == (opened["info"]["label"], opened["price"], opened["amount"])
    assert (98_000, 6_000) == (edited["price"], edited["amount"])
    assert [order["id"]] == [each["order_id"] for each in found["result"]]
    assert ("canceled", []) == (ended["status"], left)


async def test_cancel_all():
    """Everything open goes, everything else stays as it ended."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        for price in (99_000, 98_000, 97_000):
            await exchange.create_order(SYMBOL, "limit", "buy", 10, price)
        await exchange.cancel_all_orders(SYMBOL)

    assert [OrderState.CANCELLED] * 3 == [each.state for each in loopback.place.orders(ACCOUNT)]


async def test_account():
    """Positions, balance and trades are the model's, to the last unit of a number."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        await exchange.create_order(SYMBOL, "market", "sell", 25_000)
        await exchange.create_order(OPTION, "limit", "buy", 2, 0.36)
        positions = {
            each["info"]["instrument_name"]: each for each in await exchange.fetch_positions()
        }
        balance = await exchange.fetch_balance()
        trades = await exchange.fetch_my_trades(limit=100)
        place = loopback.place

        truth = place.exchange.equity(ACCOUNT, "BTC")
        fills = place.fills(ACCOUNT)
    short, option = positions["BTC-PERPETUAL"], positions["BTC-25DEC37-100000-C"]
    assert (-25_000, 2) == (short["contracts"], option["contracts"])
    assert place.positions(ACCOUNT) == {PERP: D(-25_000), CALL: D(2)}
    assert float(round(truth, 8)) == balance["BTC"]["total"]
    assert {} == place.differences(ACCOUNT)
    assert [(float(each.price), float(abs(each.quantity)), float(each.fee)) for each in fills] == [
        (each["price"], each["amount"], each["fee"]["cost"]) for each in trades
    ]


async def test_what_else_it_reads():
    """Funding, trades, all tickers, greeks, chains, one position and what is past."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        now, print_ = loopback.place.clock.now(), (PERP, D(100_000), D(-10))
        loopback.place.tell(step_of(now, 0, [print_]))
        order = await exchange.create_order(SYMBOL, "market", "buy", 20_000)
        rate = await exchange.fetch_funding_rate(SYMBOL)
        past = await exchange.fetch_funding_rate_history(SYMBOL)
        trades = await exchange.fetch_trades(SYMBOL)
        tickers = await exchange.fetch_tickers([SYMBOL])
        greeks = await exchange.fetch_greeks(OPTION)
        chain = await exchange.fetch_option_chain("BTC")
        position = await exchange.fetch_position(SYMBOL)
        closed = await exchange.fetch_closed_orders(SYMBOL)
        fills = await exchange.fetch_order_trades(order["id"])
        accounts = await exchange.fetch_balance({"code": "ETH"})

    assert pytest.approx(0.0001) == rate["fundingRate"]
    assert 1 == len(past)
    assert [("sell", 10), ("buy", 10_000), ("buy", 10_000)] == [
        (each["side"], each["amount"]) for each in trades
    ]
    assert 100_000 == tickers[SYMBOL]["info"]["mark_price"]
    assert (60.0, True) == (greeks["markImpliedVolatility"], 0 < greeks["delta"] < 1)
    assert 2 == len(chain)
    assert (20_000, "long") == (position["contracts"], position["side"])
    assert [order["id"]] == [each["id"] for each in closed]
    assert [10_000, 10_000] == [each["amount"] for each in fills]
    assert 100 == accounts["ETH"]["total"]


async def test_wrong_key():
    """A wrong secret opens nothing; a key that may only read buys nothing."""
    async with fair() as loopback:
        async with ccxt_rest(loopback, secret="wrong") as exchange:
            with pytest.raises(ccxt.AuthenticationError, match="13004"):
                await exchange.fetch_balance()
        async with ccxt_rest(loopback, POOR) as exchange:
            await exchange.fetch_balance()
            with pytest.raises(ccxt.PermissionDenied, match="13021"):
                await exchange.create_order(SYMBOL, "market", "buy", 10)

    assert [] == loopback.place.orders(ACCOUNT)


async def test_a_get_that_is_dropped_buys_twice():
    """The danger: aiohttp sends an unanswered GET again, and nothing tells ccxt's caller."""
    async with fair() as loopback, ccxt_rest(loopback, KEY) as exchange:
        await exchange.load_markets()
        loopback.script.add(Plan(Kind.DROP_AFTER, "private/buy"))
        order = await exchange.create_order(SYMBOL, "market", "buy", 10, None, {"label": "once"})
        bought = loopback.place.orders(ACCOUNT, "once")
        sent = [method for method, _ in loopback.server.calls if method == "private/buy"]

    assert ("closed", 2) == (order["status"], len(sent))
    assert [D(10), D(10)] == [each.filled for each in bought]
    assert D(20) == loopback.place.positions(ACCOUNT)[PERP]
