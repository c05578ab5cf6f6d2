"""Unmodified ccxt.pro over websockets: it hears what happens."""

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from tests.simulation.fair import ACCOUNT, PERP, ccxt_pro, fair, step_of, wire

D = Decimal
SYMBOL = "BTC/USD:BTC"


def subscribed(loopback):
    """Return every channel that somebody listens to."""
    return [name for session in loopback.host.sessions.values() for name in session.channels]


@asynccontextmanager
async def moving(loopback):
    """Let the market move by a tick every 50 ms, with a print each time."""

    async def move():
        count = 0
        while True:
            await asyncio.sleep(0.05)
            count += 1
            trade = (PERP, D(100_000), D(10))
            loopback.place.tell(step_of(loopback.place.clock.now(), count % 3, [trade]))

    task = asyncio.create_task(move())
    try:
        yield
    finally:
        task.cancel()


async def test_market():
    """Ticker, quote, book and trades arrive, the book whole and then by what changes."""
    async with fair() as loopback, ccxt_pro(loopback) as exchange, moving(loopback):
        await exchange.load_markets()
        ticker = await exchange.watch_ticker(SYMBOL)
        quotes = await exchange.watch_bids_asks([SYMBOL])
        trades = await exchange.watch_trades(SYMBOL)
        for _ in range(4):
            book = await exchange.watch_order_book(SYMBOL)

    assert abs(ticker["bid"] - 100_000) < 2
    assert abs(quotes[SYMBOL]["ask"] - 100_000) < 3
    assert (100_000, "buy", 10) == tuple(trades[-1][each] for each in ("price", "side", "amount"))
    assert 5 == len(book["bids"]) == len(book["asks"])
    assert book["bids"][0][0] < book["asks"][0][0]


async def test_grouped_book():
    """A trap: grouped levels have no action before them, as recorded, and ccxt reads one."""
    async with fair() as loopback, ccxt_pro(loopback) as exchange:
        await exchange.load_markets()
        channel = "book.BTC-PERPETUAL.none.20.100ms"
        async with wire(loopback) as line:
            await line.ask("public/subscribe", channels=[channel])
            (data,) = await line.until(channel)
        message = {"params": {"channel": channel, "data": data}}
        with pytest.raises(IndexError):
            exchange.handle_order_book(None, message)

    assert [99_999.5, 10_000] == data["bids"][0]


async def test_account():
    """An order and its fill arrive after a login by signature; so does the new balance."""
    async with fair() as loopback, ccxt_pro(loopback) as exchange:
        await exchange.load_markets()
        heard = [
            asyncio.create_task(each)
            for each in (
                exchange.watch_orders(),
                exchange.watch_my_trades(),
                exchange.watch_balance(),
            )
        ]
        while len(subscribed(loopback)) < 6:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        await exchange.create_order(SYMBOL, "market", "buy", 10, None, {"label": "rb3"})
        orders, trades, balance = await asyncio.wait_for(asyncio.gather(*heard), 3)

    (placed,) = loopback.place.orders(ACCOUNT)
    assert (placed.order_id, "rb3") == (orders[-1]["id"], orders[-1]["info"]["label"])
    assert (placed.order_id, 10) == (trades[-1]["order"], trades[-1]["amount"])
    truth = loopback.place.exchange.equity(ACCOUNT, "BTC")
    assert float(round(truth, 8)) == balance["BTC"]["BTC"]["total"]
