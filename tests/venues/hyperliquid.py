"""A stand-in for Hyperliquid: `info`, `exchange` and the websocket, by its documentation."""

import contextlib
import json
from decimal import Decimal

from aiohttp import WSMsgType, web

from rebalancer.core.commands import TimeInForce
from tests.venues import standin
from tests.venues.standin import Linear, now, perpetual

D = Decimal
WALLET = "0x" + "ab" * 20
SECRET = "0x" + "11" * 32
AGENT = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a"  # of that key
PERP = perpetual("hyperliquid:BTC-PERP", "USDC", "0.1", "0.00001")
CONTEXT = {
    "funding": "0.0000125",
    "openInterest": "10",
    "prevDayPx": "64000.0",
    "dayNtlVlm": "1.0",
    "premium": "0.0001",
    "oraclePx": "64990.0",
    "markPx": "65000.0",
    "midPx": "65000.0",
    "impactPxs": ["64000.0", "66000.0"],  # of a large order: no touch
}


def text(number):
    return format(number.normalize() + 0, "f")


class Hyperliquid:
    """One account of one agent."""

    def __init__(self, cash="10000"):
        self.linear = Linear(D(cash))
        self.refuse = None  # an error of the next order
        self.role = {"role": "agent", "data": {"user": WALLET}}
        self.abstraction = "default"
        self.lost = False  # whether answers to orders are
        self.foreign = []  # more fills
        self.extra = []  # more rows of the ledger
        self.sockets, self.subscribed = [], []
        self.changes = {}  # of a position's row

    # --- REST ----------------------------------------------------------------------

    async def handle(self, request, body):
        told = json.loads(body)
        if request.path.endswith("/exchange"):
            return self._exchange(request, told)
        answer = getattr(self, f"_{told['type']}")(told)
        return web.json_response(answer)

    def _exchange(self, request, told):
        action = told["action"]
        if action["type"] == "cancel":
            for each in action["cancels"]:
                self.linear.orders[each["o"]].status = "canceled"
            done = {"type": "cancel", "data": {"statuses": ["success"]}}
            return web.json_response({"status": "ok", "response": done})
        assert "order" == action["type"]
        (order,) = action["orders"]
        sign = 1 if order["b"] else -1
        status = {"error": self.refuse}
        if self.refuse is None:
            kind = order["t"]["limit"]["tif"].lower()
            mine = self.linear.take(order["c"], sign * D(order["s"]), D(order["p"]), kind)
            status = self._status(mine)
        if self.lost:
            request.transport.abort()
        done = {"type": "order", "data": {"statuses": [status]}}
        return web.json_response({"status": "ok", "response": done})

    def _status(self, order):
        if order.status == "rejected":
            return {"error": "Order could not immediately match against any resting orders."}
        if order.status == "open":
            return {"resting": {"oid": order.number}}
        filled = {"totalSz": text(abs(order.filled)), "avgPx": "65001.0", "oid": order.number}
        return {"filled": filled}

    def _exchangeStatus(self, _):
        return {"specialStatuses": None, "time": now()}

    def _userRole(self, told):
        return self.role if told["user"].lower() == AGENT else {"role": "missing"}

    def _userAbstraction(self, _):
        return self.abstraction

    def _metaAndAssetCtxs(self, _):
        universe = [
            {"name": "ETH", "szDecimals": 4, "maxLeverage": 50},
            {"name": "BTC", "szDecimals": 5, "maxLeverage": 50},
        ]
        return [{"universe": universe}, [CONTEXT | {"markPx": "3500.1"}, CONTEXT]]

    def _spotMeta(self, _):
        token = {"szDecimals": 8, "weiDecimals": 8, "tokenId": "0x", "isCanonical": True}
        return {
            "tokens": [token | {"name": "USDC", "index": 0}, token | {"name": "BTC", "index": 1}],
            "universe": [{"name": "@1", "tokens": [1, 0], "index": 0, "isCanonical": False}],
        }

    def _spotMetaAndAssetCtxs(self, _):
        context = {"coin": "@1", "markPx": "65000.0", "midPx": "65000.0", "prevDayPx": "1"}
        return [self._spotMeta(None), [context | {"dayNtlVlm": "1", "circulatingSupply": "1"}]]

    def _clearinghouseState(self, told):
        assert WALLET == told["user"]
        held, rows = self.linear, []
        if held.quantity:
            row = {
                "coin": "BTC",
                "szi": text(held.quantity),
                "entryPx": text(round(held.basis / held.quantity, 0)),  # rounded, as it is shown
                "positionValue": text(abs(held.quantity) * held.mark),
                "unrealizedPnl": text(held.profit),
                "liquidationPx": None,
                "leverage": {"type": "cross", "value": 3},
                "marginUsed": "1.0",
                "cumFunding": {"allTime": "0.0"},
            }
            rows = [{"position": row | self.changes, "type": "oneWay"}]
        summary = {"accountValue": text(held.equity), "totalMarginUsed": "12.5"}
        return {
            "assetPositions": rows,
            "marginSummary": summary,
            "crossMarginSummary": summary,
            "crossMaintenanceMarginUsed": "6.25",
            "withdrawable": "1.0",
            "time": now(),
        }

    def _orderStatus(self, told):
        oid = told["oid"]
        found = [each for each in self.linear.orders.values() if oid in (each.number, each.label)]
        if not found:
            return {"status": "unknownOid"}
        (order,) = found
        row = self._row(order) | {"tif": order.kind.capitalize(), "orderType": "Limit"}
        status = "iocCancelRejected" if order.status == "rejected" else order.status
        inner = {"order": row, "status": status, "statusTimestamp": order.ts}
        return {"status": "order", "order": inner}

    def _row(self, order):
        return {
            "coin": "BTC",
            "side": "B" if order.quantity > 0 else "A",
            "limitPx": text(order.price),
            "sz": text(abs(order.quantity - order.filled)),
            "origSz": text(abs(order.quantity)),
            "oid": order.number,
            "cloid": order.label,
            "timestamp": order.ts,
        }

    def _frontendOpenOrders(self, _):
        return [self._row(each) for each in self.linear.open()]

    def _userFillsByTime(self, told):
        mine = [self.fill(each) for each in self.linear.executions]
        rows = [each for each in (*mine, *self.foreign) if each["time"] >= told["startTime"]]
        return rows[:2000]

    def fill(self, each):
        return {
            "coin": "BTC",
            "px": text(each.price),
            "sz": text(abs(each.quantity)),
            "side": "B" if each.quantity > 0 else "A",
            "time": each.ts,
            "dir": "Open Long",
            "closedPnl": text(each.profit),
            "hash": "0x01",
            "oid": each.order,
            "tid": each.number,
            "crossed": True,
            "fee": text(each.fee),
            "feeToken": "USDC",
        }

    def _userFunding(self, told):
        rows = [
            {
                "time": ts,
                "hash": "0x" + "0" * 64,
                "delta": {
                    "type": "funding",
                    "coin": "BTC",
                    "usdc": text(amount),
                    "szi": text(position),
                    "fundingRate": "0.00001",
                },
            }
            for ts, amount, position in self.linear.payments
        ]
        return [each for each in rows if each["time"] >= told["startTime"]][:500]

    def _userNonFundingLedgerUpdates(self, told):
        rows = [
            {
                "time": ts,
                "hash": f"0x{number:064x}",
                "delta": {"type": kind, "usdc": text(abs(amount)), **more},
            }
            for number, (ts, kind, amount, more) in enumerate(self.linear.moved)
        ]
        return [each for each in (*rows, *self.extra) if each["time"] >= told["startTime"]]

    # --- websocket -----------------------------------------------------------------

    async def stream(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = json.loads(message.data)
                self.subscribed.append(asked.get("subscription", {}).get("type"))
                answer = {"channel": "subscriptionResponse", "data": asked}
                await socket.send_json(answer)
        return socket

    async def say(self, channel, data):
        await self.sockets[-1].send_json({"channel": channel, "data": data})


@contextlib.asynccontextmanager
async def desk(venue=None, **changes):
    """Yield a desk at a stand-in."""
    venue = venue or Hyperliquid()
    async with (
        standin.serving(venue.handle, venue.stream) as (server, address),
        standin.desk(address, server, venue.linear, PERP, (WALLET, SECRET), **changes) as opened,
    ):
        opened.stand, opened.address = venue, address
        yield opened


LIFETIMES = {TimeInForce.IOC: "Ioc", TimeInForce.GTC: "Gtc", TimeInForce.POST_ONLY: "Alo"}
