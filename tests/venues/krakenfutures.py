"""A stand-in for Kraken Futures: its REST calls and its websocket, by its documentation."""

import base64
import contextlib
import hashlib
import hmac
import json
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from tests.venues import standin
from tests.venues.standin import Linear, now, perpetual

D = Decimal
KEY, SECRET = "key-of-desk", base64.b64encode(b"secret of desk").decode()
UID = "f92fc7de-0000-4265-b806-4f3c1efb37ee"
PERP = perpetual("krakenfutures:PF_XBTUSD", "USD", "0.5", "0.0001")

TICKER = {
    "feed": "ticker",
    "product_id": "PF_XBTUSD",
    "bid": 64999.5,
    "ask": 65000.5,
    "bid_size": 1.5,
    "ask_size": 2,
    "markPrice": 65000,
    "index": 64990,
    "funding_rate": 0.78,  # USD a coin and hour
    "relative_funding_rate": 0.000012,  # of notional an hour
    "next_funding_rate_time": 1_800_000_000_000,
    "last": 65000,
}


def book(ms, bid="64999.5", ask="65000.5"):
    """Return a whole book; numbers are no texts there."""
    bids, asks = ([{"price": float(price), "qty": 5.0}] for price in (bid, ask))
    told = {"feed": "book_snapshot", "product_id": "PF_XBTUSD", "timestamp": ms, "seq": ms}
    return told | {"tickSize": None, "bids": bids, "asks": asks}


def iso(ms):
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def instrument(symbol, kind, places):
    return {
        "symbol": symbol,
        "type": kind,
        "tickSize": 0.5,
        "contractSize": 1,
        "tradeable": True,
        "contractValueTradePrecision": places,
    }


class Kraken:
    """One account, its wallet the flex one."""

    def __init__(self, cash="10000"):
        self.linear = Linear(D(cash))
        self.refuse = None  # a status of the next order
        self.lost = False  # whether answers to orders are
        self.labels = {}  # number → client id
        self.realised = {}  # number of an execution → funding that came with it
        self.late = 0  # newest rows of the log that are not written down yet
        self.forgets = False  # whether what ended is shown no more
        self.page = 100
        self.accounts = {}  # changes of the flex wallet
        self.sockets, self.subscribed = [], []

    async def handle(self, request, body):
        path = request.path.partition("futures.kraken.com")[2]
        if "/derivatives/api/v3/" in path and "Authent" in request.headers:
            self._check(request, path)
        name = path.rpartition("/v3/")[2].replace("/", "_").replace("-", "_")
        told = dict(parse_qsl(request.url.query_string, keep_blank_values=True))
        answer = getattr(self, f"_{name}")(request, told)
        if isinstance(answer, web.StreamResponse):
            return answer
        return web.json_response({"result": "success", "serverTime": iso(now()), **answer})

    def _check(self, request, path):
        endpoint = path.replace("/derivatives", "", 1)
        digest = hashlib.sha256(f"{request.url.raw_query_string}{endpoint}".encode()).digest()
        made = hmac.new(base64.b64decode(SECRET), digest, hashlib.sha512).digest()
        assert base64.b64encode(made).decode() == request.headers["Authent"]

    def _instruments(self, *_):
        rows = [
            instrument("PF_XBTUSD", "flexible_futures", 4),
            instrument("PI_XBTUSD", "futures_inverse", 0),
        ]
        return {"instruments": rows}

    def _feeschedules(self, *_):
        return {"feeSchedules": []}

    def _sendorder(self, request, told):
        status = self.refuse
        events = []
        number = 0
        if status is None:
            sign = 1 if told["side"] == "buy" else -1
            size, price = sign * D(told["size"]), D(told["limitPrice"])
            mine = self.linear.take(told.get("cliOrdId"), size, price, told["orderType"])
            number, status = mine.number, "placed"
            self.labels[number] = told.get("cliOrdId")
            events = [
                {
                    "type": "EXECUTION",
                    "executionId": f"fill-{each.number}",
                    "price": float(each.price),
                    "amount": float(abs(each.quantity)),
                    "orderPriorEdit": None,
                    "orderPriorExecution": self._order(mine),
                    "takerReducedQuantity": None,
                }
                for each in self.linear.executions
                if each.order == number
            ]
            if mine.status == "rejected":
                status, number, events = "iocWouldNotExecute", 0, []
            elif mine.status == "open":
                events = [{"type": "PLACE", "order": self._order(mine), "reducedQuantity": None}]
        if self.lost:
            request.transport.abort()
        told_status = {"status": status, "receivedTime": iso(now()), "orderEvents": events}
        return {"sendStatus": told_status | ({"order_id": f"order-{number}"} if number else {})}

    def _order(self, order):
        return {
            "type": "ORDER",
            "orderId": f"order-{order.number}",
            "cliOrdId": order.label,
            "symbol": "PF_XBTUSD",
            "side": "buy" if order.quantity > 0 else "sell",
            "quantity": float(abs(order.quantity)),
            "filled": float(abs(order.filled)),
            "limitPrice": float(order.price),
            "reduceOnly": False,
            "timestamp": iso(order.ts),
            "lastUpdateTimestamp": iso(order.ts),
        }

    def _orders_status(self, request, told):
        words = {"open": "ENTERED_BOOK", "filled": "FULLY_EXECUTED", "canceled": "CANCELLED"}
        labels, numbers = (
            request.query.getall("cliOrdIds", []),
            request.query.getall("orderIds", []),
        )
        found = [
            {"order": self._order(each), "status": words.get(each.status, "REJECTED"),
             "updateReason": None, "error": None}
            for each in self.linear.orders.values()
            if each.label in labels or f"order-{each.number}" in numbers
            if each.status == "open" or not self.forgets
        ]  # fmt: skip
        return {"orders": found}

    def _openorders(self, *_):
        rows = [
            {
                "order_id": f"order-{each.number}",
                "cliOrdId": each.label,
                "symbol": "PF_XBTUSD",
                "side": "buy" if each.quantity > 0 else "sell",
                "orderType": each.kind,
                "limitPrice": float(each.price),
                "unfilledSize": float(abs(each.quantity - each.filled)),
                "filledSize": float(abs(each.filled)),
                "status": "untouched",
                "receivedTime": iso(each.ts),
                "lastUpdateTime": iso(each.ts),
                "reduceOnly": False,
            }
            for each in self.linear.open()
        ]
        return {"openOrders": rows}

    def _cancelorder(self, request, told):
        number = int(told["order_id"].removeprefix("order-"))
        self.linear.orders[number].status = "canceled"
        return {"cancelStatus": {"status": "cancelled", "order_id": told["order_id"]}}

    def _fills(self, request, told):
        until = told.get("lastFillTime", "9")
        rows = [
            {
                "fillTime": iso(each.ts),
                "order_id": f"order-{each.order}",
                "fill_id": f"fill-{each.number}",
                "symbol": "PF_XBTUSD",
                "side": "buy" if each.quantity > 0 else "sell",
                "size": float(abs(each.quantity)),
                "price": float(each.price),
                "fillType": "taker",
                **({"cliOrdId": self.labels[each.order]} if self.labels.get(each.order) else {}),
            }
            for each in reversed(self.linear.executions)
        ]
        return {"fills": [each for each in rows if each["fillTime"] < until][: self.page]}

    def _openpositions(self, *_):
        held = self.linear
        if not held.quantity:
            return {"openPositions": []}
        row = {
            "side": "long" if held.quantity > 0 else "short",
            "symbol": "PF_XBTUSD",
            "price": str(held.basis / held.quantity),
            "fillTime": iso(now()),
            "size": str(abs(held.quantity)),
            "unrealizedFunding": None,
        }
        return {"openPositions": [row]}

    def _accounts(self, *_):
        held = self.linear
        flex = {
            "type": "multiCollateralMarginAccount",
            "currencies": {"USD": {"quantity": str(held.cash), "value": str(held.cash)}},
            "initialMargin": "10",
            "initialMarginWithOrders": "12",
            "maintenanceMargin": "5",
            "portfolioValue": str(held.equity),
            "marginEquity": str(held.equity),
            "pnl": str(held.profit),
        }
        cash = {"type": "cashAccount", "balances": {"usd": "7"}}
        told = {name: each for name, each in (flex | self.accounts).items() if each is not None}
        return {"accounts": {"cash": cash, "flex": told}}

    def _account_log(self, request, told):
        booked = [(each.ts, each) for each in self.linear.executions]
        booked += [(ts, amount) for ts, amount, _ in self.linear.payments]
        booked += [(ts, (kind, amount)) for ts, kind, amount, _ in self.linear.moved]
        rows, balance, size = [], D(10_000), D(0)
        for ts, each in sorted(booked, key=lambda it: it[0]):
            row = {
                "asset": "usd",
                "date": iso(ts),
                "contract": None,
                "execution": None,
                "fee": None,
            }
            row |= {"margin_account": "flex"}
            row |= {"realized_funding": None, "realized_pnl": None, "old_balance": str(balance)}
            if isinstance(each, Decimal):
                balance += each
                row |= {"info": "funding rate change", "contract": "pf_xbtusd"}
                row |= {"realized_funding": str(each), "fee": 0}
            elif isinstance(each, tuple):
                balance += each[1]
                row |= {"info": each[0]}
            else:
                leg = row | {"asset": "pf_xbtusd", "info": "futures trade", "fee": 0}
                leg |= {"contract": "pf_xbtusd", "execution": f"fill-{each.number}"}
                leg |= {"old_balance": str(size), "new_balance": str(size + each.quantity)}
                size += each.quantity
                rows.append(leg | {"id": len(rows)})
                more = self.realised.get(each.number)
                balance += each.profit - each.fee + (more or 0)
                row |= {"realized_funding": None if more is None else str(more)}
                row |= {"info": "futures trade", "contract": "pf_xbtusd", "fee": str(each.fee)}
                row |= {"execution": f"fill-{each.number}", "realized_pnl": str(each.profit)}
            rows.append(row | {"id": len(rows), "new_balance": str(balance)})
            if row["info"] == "transfer":  # from the cash wallet, which has a row too
                other = row | {"margin_account": "cash", "old_balance": "500", "new_balance": "0"}
                rows.append(other | {"id": len(rows)})
        shown = rows[: len(rows) - self.late] if self.late else rows
        start = iso(int(told.get("since", 0)))
        found = [each for each in shown if each["date"] >= start][: int(told["count"])]
        return web.json_response({"accountUid": UID, "logs": found})

    # --- websocket -----------------------------------------------------------------

    async def stream(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            if asked["event"] == "challenge":
                await socket.send_json({"event": "challenge", "message": "challenge-of-desk"})
            else:
                self.subscribed.append(asked["feed"])
                await socket.send_json({**asked, "event": "subscribed"})
        return socket

    async def say(self, told):
        await self.sockets[-1].send_json(told)


@contextlib.asynccontextmanager
async def desk(venue=None, **changes):
    """Yield a desk at a stand-in."""
    venue = venue or Kraken()
    async with (
        standin.serving(venue.handle, venue.stream) as (server, address),
        standin.desk(address, server, venue.linear, PERP, (KEY, SECRET), **changes) as opened,
    ):
        opened.stand, opened.address = venue, address
        yield opened
