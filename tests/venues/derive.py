"""A stand-in for Derive's public side: markets, a perpetual's ticker and book, an option's pricing.

docs.derive.xyz: `public/get_all_instruments`, `public/get_ticker`, channels `ticker_slim` and
`orderbook`.
"""

import json
import math
from decimal import Decimal

from aiohttp import WSMsgType, web

from tests.venues.standin import now

D = Decimal
EXPIRY = 1_923_724_800  # s: 2030-12-17 08:00 UTC
OPTION = "derive:BTC-20301217-100000-C"
PROFILE = """
[venues.derive.profile]
units = { perpetual = "coin", option = "coin" }
types = ["swap", "option"]
settles = ["USDC"]
rates = { other = [50, 50] }
[venues.derive.profile.stream]
watch = ["watch_ticker", "watch_order_book"]
funding = "info.f"
funding_interval = "1h"
[venues.derive.profile.stream.options]
call = "fetch_greeks"
given = { symbol = "{symbol}" }
fields = { mark = "info.M", vol = "info.option_pricing.i", forward = "info.option_pricing.f", ts = "info.t" }
vol_unit = "fraction"
mark_unit = "USD"
every = "1s"
"""  # noqa: E501


def row(kind, name, **more):
    return {
        "instrument_type": kind,
        "instrument_name": name,
        "is_active": True,
        "tick_size": "0.1",
        "minimum_amount": "0.01",
        "maximum_amount": "10000",
        "amount_step": "0.01",
        "maker_fee_rate": "0.0001",
        "taker_fee_rate": "0.0003",
        "base_fee": "0",
        "base_currency": "BTC",
        "quote_currency": "USDC",
        "option_details": None,
        **more,
    }


OPTION_DETAILS = {"index": "BTC-USD", "expiry": EXPIRY, "strike": "100000", "option_type": "C"}
ROWS = {
    "erc20": [],
    "perp": [row("perp", "BTC-PERP")],
    "option": [row("option", OPTION.partition(":")[2], option_details=OPTION_DETAILS)],
}


def worth(ms):
    """Return the price of the option by Black's formula, USD: 66 000 forward, 62 % a year."""
    years = (EXPIRY - ms / 1_000) / (365 * 86_400)
    spread = 0.62 * math.sqrt(years)
    first = math.log(66_000 / 100_000) / spread + spread / 2
    above, below = ((1 + math.erf(x / math.sqrt(2))) / 2 for x in (first, first - spread))
    return 66_000 * above - 100_000 * below


class Derive:
    """One perpetual and one option."""

    hedge, settle, lot, tick, size = "derive:BTC-PERP", "USDC", "0.01", "0.1", "1"
    more = PROFILE

    def __init__(self):
        self.venue, self.sockets, self.subscribed = self, [], []
        self.refuses, self.pricing = False, {}  # what is changed of an option's pricing

    async def handle(self, request, body):
        name = request.path.rpartition("/")[2]
        told = json.loads(body) if body else {}
        if name == "get_all_instruments":
            rows = ROWS[told["instrument_type"]]
            result = {"instruments": rows, "pagination": {"num_pages": 1, "count": len(rows)}}
        elif name == "get_ticker":
            if self.refuses:
                return web.json_response({}, status=503)
            assert OPTION.endswith(told["instrument_name"])
            result = self.option()
        else:
            assert name == "get_all_currencies"
            result = []
        return web.json_response({"id": "1", "result": result})

    def option(self):
        price = f"{worth(now()):.1f}"
        pricing = {"d": "0.4", "i": "0.62", "f": "66000", "m": price, "df": "1"}
        told = {"t": now(), "a": "0", "A": "0", "b": "0", "B": "0", "f": None}
        return told | {"I": "64990", "M": price, "option_pricing": pricing | self.pricing}

    async def stream(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = json.loads(message.data)
                self.subscribed += asked["params"]["channels"]
                status = dict.fromkeys(asked["params"]["channels"], "ok")
                await socket.send_json({"id": asked["id"], "result": {"status": status}})
        return socket

    async def say(self, ms):
        slim = {"t": ms, "a": "65001", "A": "5", "b": "64999", "B": "5", "f": "0.0000125"}
        slim |= {"option_pricing": None, "I": "64990", "M": "65000", "stats": {}}
        told = {"timestamp": ms, "instrument_ticker": slim}
        await self._say("ticker_slim.BTC-PERP.100", told)
        book = {"timestamp": ms, "instrument_name": "BTC-PERP", "publish_id": ms}
        book |= {"bids": [["64999", "5"]], "asks": [["65001", "5"]]}
        await self._say("orderbook.BTC-PERP.10.10", book)

    async def _say(self, channel, data):
        params = {"channel": channel, "data": data}
        await self.sockets[-1].send_json({"method": "subscription", "params": params})
