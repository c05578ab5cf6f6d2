"""Unified: what ccxt's own records say, as far as it copies them from the venue's answer.

Cash, margin and the ledger are not among them: what ccxt calls a balance is equity
at one venue and a wallet at the next.
"""

from collections.abc import Mapping
from typing import Any

_ORDER = {
    "id": "id",
    "label": "clientOrderId",
    "name": "symbol",
    "side": "side",
    "amount": "amount",
    "filled": "filled",
    "status": "status",
    "ts": "timestamp",
    "lifetime": "timeInForce?",
}

TABLE: Mapping[str, Any] = {
    "flags": {
        "ioc": {"given": {"timeInForce": "IOC"}},
        "gtc": {"given": {"timeInForce": "GTC"}},
        "post_only": {"given": {"postOnly": True}},
    },
    "statuses": {
        "open": "open",
        "closed": "filled",
        "canceled": "canceled",
        "expired": "expired",
        "rejected": "rejected",
    },
    "sides": {"buy": "buy", "sell": "sell", "long": "buy", "short": "sell"},
    "readings": {
        "by_label": {
            "call": "fetch_order_with_client_order_id",
            "given": {"clientOrderId": "{label}", "symbol": "{symbol}"},
            "fields": _ORDER,
        },
        "by_id": {
            "call": "fetch_order",
            "given": {"id": "{order_id}", "symbol": "{symbol}"},
            "fields": _ORDER,
        },
        "open": {"call": "fetch_open_orders", "fields": _ORDER},
        "answer": {"fields": {"id": "id", "filled": "filled?", "status": "status?"}},
        "cancel": {
            "call": "cancel_order",
            "given": {"id": "{order_id}", "symbol": "{symbol}"},
        },
        "fills": {
            "call": "fetch_my_trades",
            "given": {"since": "{since}"},
            "fields": {
                "id": "id",
                "order": "order",
                "name": "symbol",
                "side": "side",
                "amount": "amount",
                "price": "price",
                "ts": "timestamp",
                "fee": "fee.cost",
                "fee_currency": "fee.currency",
            },
        },
        "positions": {
            "call": "fetch_positions",
            "fields": {
                "name": "symbol",
                "side": "side",
                "amount": "contracts",
                "entry": "entryPrice",
            },
        },
        "funding": {
            "call": "fetch_funding_history",
            "given": {"since": "{since}"},
            "fields": {
                "id": "id",
                "name": "symbol",
                "ts": "timestamp",
                "amount": "amount",
                "currency": "code",
            },
        },
        "mark": {"call": "fetch_ticker", "given": {"symbol": "{symbol}"},
                 "fields": {"price": "markPrice"}},
    },
}  # fmt: skip
