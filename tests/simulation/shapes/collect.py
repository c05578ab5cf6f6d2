"""One of each message that the loopback sends, by the name that the table knows it by."""

import asyncio
from dataclasses import replace
from decimal import Decimal

from rebalancer.market.records import SettlementDue
from tests.simulation.fair import PERP, fair, get, step_of, wire

D = Decimal
BTC = {"currency": "BTC"}
PERPETUAL = {"instrument_name": "BTC-PERPETUAL"}
OPTION = {"instrument_name": "BTC-25DEC37-100000-C"}
CHANNELS = {
    "ticker.perpetual": "ticker.BTC-PERPETUAL.100ms",
    "ticker.option": "ticker.BTC-25DEC37-100000-C.100ms",
    "quote": "quote.BTC-PERPETUAL",
    "book.grouped": "book.BTC-PERPETUAL.none.10.100ms",
    "trades": "trades.BTC-PERPETUAL.100ms",
    "perpetual": "perpetual.BTC-PERPETUAL.100ms",
    "index": "deribit_price_index.btc_usd",
    "option marks": "markprice.options.btc_usd",
}
OWN = {
    "user.orders": "user.orders.any.any.raw",
    "user.trades": "user.trades.any.any.raw",
    "user.portfolio": "user.portfolio.btc",
    "user.changes": "user.changes.BTC-PERPETUAL.raw",
}
ASKED = {
    "time": ("public/get_time", {}),
    "test": ("public/test", {}),
    "currencies": ("public/get_currencies", {}),
    "instrument.perpetual": ("public/get_instrument", PERPETUAL),
    "instrument.option": ("public/get_instrument", OPTION),
    "rest ticker": ("public/ticker", PERPETUAL),
    "rest book": ("public/get_order_book", PERPETUAL),
    "rest book.option": ("public/get_order_book", OPTION),
    "rest trades": ("public/get_last_trades_by_instrument", PERPETUAL),
    "book summary": ("public/get_book_summary_by_currency", BTC),
    "position.perpetual": ("private/get_position", PERPETUAL),
    "position.option": ("private/get_position", OPTION),
    "summaries": ("private/get_account_summaries", {"extended": True}),
    "summary": ("private/get_account_summary", BTC),
    "user trade page": ("private/get_user_trades_by_instrument", PERPETUAL),
    "log": ("private/get_transaction_log", BTC),
    "cancel on disconnect": ("private/get_cancel_on_disconnect", {}),
}


async def _frames(line, names):
    """Return the whole frame that each channel sent first."""
    found = {}
    while not set(names.values()) <= set(found):
        told = line.heard.pop(0) if line.heard else await line.next()
        channel = told["params"]["channel"]
        found.setdefault(channel, told)
    return {name: found[channel] for name, channel in names.items()}


async def _market(loopback, line, found):
    move, now = loopback.place.tell, loopback.place.clock.now
    move(step_of(now(), 1, [(PERP, D(100_000), D(10))]))
    found["subscribe"] = await line.ask("public/subscribe", channels=list(CHANNELS.values()))
    move(step_of(now(), 2, [(PERP, D(100_000), D(10)), (PERP, D(100_001), D(20))]))
    found |= await _frames(line, CHANNELS)
    channel = "book.BTC-PERPETUAL.100ms"
    await line.ask("public/unsubscribe", channels=list(CHANNELS.values()))
    await line.ask("public/subscribe", channels=[channel])
    found["book.snapshot"] = (await _frames(line, {"x": channel}))["x"]
    move(step_of(now(), 1))
    found["book.change"] = (await _frames(line, {"x": channel}))["x"]
    await line.ask("public/unsubscribe", channels=[channel])


async def _account(loopback, line, found):
    found["auth"] = await line.log_in()
    await line.ask("private/subscribe", channels=list(OWN.values()))
    bid = {**PERPETUAL, "type": "limit", "price": 99_000}
    passive = {"post_only": True, "reject_post_only": True}
    found["buy"] = await line.ask("private/buy", **bid, amount=100, label="x", **passive)
    order = found["buy"]["result"]["order"]["order_id"]
    found["edit"] = await line.ask("private/edit", order_id=order, amount=90, price=98_000)
    found["cancel"] = await line.ask("private/cancel", order_id=order)
    found["taken"] = await line.ask("private/buy", **PERPETUAL, type="market", amount=100)
    await line.ask("private/sell", **PERPETUAL, type="market", amount=40)
    await line.ask("private/buy", **OPTION, type="limit", price=0.36, amount=1)
    found |= await _frames(line, OWN)
    step = step_of(loopback.place.clock.now(), 40)
    loopback.place.tell(replace(step, settlements=(SettlementDue(PERP, step.marks[0].price),)))


async def _collect():
    found = {}
    async with fair() as loopback, wire(loopback) as line:
        await _market(loopback, line, found)
        await _account(loopback, line, found)
        for name, (method, params) in ASKED.items():
            found[name] = await line.ask(method, **params)
        found["error"] = await line.ask("public/nonsense")
        _, found["rest envelope"] = await get(loopback, "public/test")
        loopback.host.desk.heartbeat_least = 1
        await line.ask("public/set_heartbeat", interval=1)
        line.heard.clear()
        found["heartbeat"], found["test request"] = await line.next(), await line.next()
    return found


def collect():
    """Return name → message as it stood on the wire."""
    return asyncio.run(_collect())
