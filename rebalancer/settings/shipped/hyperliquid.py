"""Hyperliquid: perpetuals in USDC, signed for by a wallet of its own.

hyperliquid.gitbook.io, "For developers", and ccxt 4.5. The key's file holds the
address of the account as `key` and the private key of an agent, an "API
wallet", as `secret`: an agent can trade and can take nothing out.
"""

from collections.abc import Mapping
from typing import Any

_ORDER = {
    "id": "info.order.oid",
    "label": "info.order.cloid?",
    "name": "info.order.coin",
    "side": "info.order.side",
    "amount": "info.order.origSz",
    "filled": "info.order.origSz - info.order.sz",
    "status": "info.status",
    "ts": "info.statusTimestamp",
    "lifetime": "info.order.tif?",
}
_STATE = {"type": "clearinghouseState", "user": "{wallet}"}

TABLE: Mapping[str, Any] = {
    "finished": False,
    "client_id": "clientOrderId",
    "client_id_length": 34,
    "client_id_form": "hex",  # 0x and 32 digits
    "wire_id": "orders.c",
    "wire_amount": "orders.s",
    "wire_price": "orders.p",
    "units": {"perpetual": "coin"},
    "flags": {
        "ioc": {"given": {"timeInForce": "IOC"}, "wire": {"limit.tif": "Ioc"}},
        "gtc": {"given": {"timeInForce": "GTC"}, "wire": {"limit.tif": "Gtc"}},
        "post_only": {"given": {"postOnly": True}, "wire": {"limit.tif": "Alo"}},
    },
    "reduce_only": {"name": "orders.r", "value": True},
    # ccxt would approve a builder who is paid, and name a referrer. An address that is none
    # makes it give up the first before anything is signed; whatever is tried, the wire refuses.
    "options": {
        "builderFee": False,
        "builder": "none",
        "approvedBuilderFee": False,
        "refSet": True,
        "enableUnifiedMargin": False,  # which a fact below holds against the account
        "fetchMarkets": {"types": ["spot", "swap"]},
    },
    "never": ["builder"],
    "only": {"action.type": ["order", "cancel", "cancelByCloid"]},
    "credentials": ["walletAddress", "privateKey"],
    "name": "{baseName}-PERP",  # ccxt's id is a number in a list
    "alias": "baseName",
    "types": ["swap"],
    "settles": ["USDC"],
    "significant_digits": 5,
    "price_decimals": 6,
    "margin_modes": ["cross"],
    "statuses": {
        "open": "open",
        "triggered": "open",
        "filled": "filled",
        "canceled": "canceled",
        "*Canceled": "canceled",
        "scheduledCancel": "canceled",
        "rejected": "rejected",
        "*Rejected": "rejected",
    },
    "sides": {"B": "buy", "A": "sell"},
    "forced": {"Liquidated*": "liquidation", "Auto-Deleveraging": "deleveraging"},
    "readings": {
        "by_label": {"call": "fetch_order", "given": {"id": "{label}"}, "fields": _ORDER},
        "by_id": {"call": "fetch_order", "given": {"id": "{order_id}"}, "fields": _ORDER},
        "open": {
            "call": "fetch_open_orders",
            "fields": {
                "id": "info.oid",
                "label": "info.cloid?",
                "name": "info.coin",
                "side": "info.side",
                "amount": "info.origSz",
                "filled": "info.origSz - info.sz",
                "status": "=open",
                "ts": "info.timestamp",
            },
        },
        # {"resting": {"oid"}} or {"filled": {"totalSz", "avgPx", "oid"}}; nothing of what was sent
        "answer": {"fields": {"id": "id", "filled": "info.filled?.totalSz"}},
        "cancel": {
            "call": "cancel_order",
            "given": {"id": "{order_id}", "symbol": "{symbol}"},
        },
        # no cloid: whose order it was, the order tells. ccxt adds a builder's fee to `fee`,
        # which holds it already.
        "fills": {
            "call": "fetch_my_trades",
            "given": {"since": "{since}"},
            "page": 2000,
            "fields": {
                "id": "info.tid",
                "order": "info.oid",
                "name": "info.coin",
                "side": "info.side",
                "amount": "info.sz",
                "price": "info.px",
                "ts": "info.time",
                "fee": "info.fee",
                "fee_currency": "info.feeToken",
                "forced": "info.dir?",
            },
        },
        # ccxt's side of an empty position is short; the sign is in szi
        "positions": {
            "call": "publicPostInfo",
            "params": _STATE,
            "rows": "assetPositions.*.position",
            "fields": {
                "name": "coin",
                "quantity": "szi",
                "value": "positionValue",
                "profit": "unrealizedPnl",
                "liquidation": "liquidationPx?",
                "mode": "leverage.type",
                "leverage": "leverage.value",
            },
        },
        "cash": {
            "call": "publicPostInfo",
            "params": _STATE,
            "fields": {
                "currency": "=USDC",
                "amount": "marginSummary.accountValue - assetPositions.*.position.unrealizedPnl",
            },
        },
        "figures": {
            "call": "publicPostInfo",
            "params": _STATE,
            "fields": {
                "currency": "=USDC",
                "equity": "marginSummary.accountValue",
                "balance": "crossMarginSummary.accountValue",
                "maintenance": "crossMaintenanceMarginUsed",
                "initial": "crossMarginSummary.totalMarginUsed",
            },
        },
        # every payment bears the same hash: the hour and the coin name one
        "funding": {
            "call": "fetch_funding_history",
            "given": {"since": "{since}"},
            "page": 500,
            "fields": {
                "id": "info.time,info.delta.coin",
                "name": "info.delta.coin",
                "ts": "info.time",
                "amount": "info.delta.usdc",
                "currency": "=USDC",
            },
        },
        "ledger": {
            "call": "fetch_ledger",
            "given": {"since": "{since}"},
            "page": 2000,
            "fields": {
                "id": "info.hash,info.time",
                "ts": "info.time",
                "currency": "=USDC",
                "kind": "info.delta.type",
            },
        },
    },
    # Amounts have no sign. What is not listed here, a withdrawal and what it costs for one,
    # is not booked: it shows as a difference, until a person adopts it.
    "rules": [
        {"kind": "deposit", "amount": "info.delta.usdc", "flow": True},
        {
            "kind": "accountClassTransfer",
            "when": {"info.delta.toPerp": "true"},
            "amount": "info.delta.usdc",
            "flow": True,
        },
        {
            "kind": "accountClassTransfer",
            "when": {"info.delta.toPerp": "false"},
            "amount": "- info.delta.usdc",
            "flow": True,
        },
        {
            "kind": "internalTransfer",
            "when": {"info.delta.destination": "{wallet}"},
            "amount": "info.delta.usdc",
            "flow": True,
        },
        {
            "kind": "subAccountTransfer",
            "when": {"info.delta.destination": "{wallet}"},
            "amount": "info.delta.usdc",
            "flow": True,
        },
    ],
    "facts": [
        {
            "name": "account",
            "value": "={wallet}",
            "one_of": ["{account}"],
            "must": "the address that the settings pin",
        },
        {
            "name": "permission.withdraw",
            "call": "publicPostInfo",
            "params": {"type": "userRole", "user": "{signer}"},
            "value": "role",
            "one_of": ["agent"],
            "must": "an agent of the account: a key that can withdraw is refused",
        },
        {
            "name": "permission.trade",
            "call": "publicPostInfo",
            "params": {"type": "userRole", "user": "{signer}"},
            "value": "data?.user",
            "one_of": ["{account}"],
            "must": "an agent of this account",
        },
        {
            "name": "margin.pool",
            "call": "publicPostInfo",
            "params": {"type": "userAbstraction", "user": "{wallet}"},
            "value": "",
            "one_of": ["default", "disabled"],
            "must": "default or disabled: a pool with the spot wallet is read elsewhere",
        },
    ],
    "codes": {
        "code": ["response.data.statuses.*.error", "response", "error", "status"],
        "rejected": [
            "Price must be divisible by tick size*",
            "Order must have minimum value of*",
            "Insufficient margin to place order*",
            "Reduce only order would increase position*",
            "Post only order would have immediately matched*",
            "Order could not immediately match against any resting orders*",
            "Order has invalid size*",
            "Order has zero size*",
            "Order price cannot be more than 80%*",
            "User or API Wallet*",
        ],
        "limited": ["Too many cumulative requests sent*"],
        "key": ["User or API Wallet*"],
        "absent": ["unknownOid", "Order was never placed, already canceled, or filled*"],
    },
    # ccxt takes the impact prices of the ticker for bid and ask; the book tells them
    "stream": {
        "watch": ["watch_ticker", "watch_order_book", "watch_trades"],
        "quotes": "book",
        "mark": "info.markPx",
        "index": "info.oraclePx",
        "funding": "info.funding",
        "funding_interval": "1h",
    },
    "rates": {"matching": [5, 20], "other": [1, 20]},  # 1200 a minute; most questions weigh 20
}
