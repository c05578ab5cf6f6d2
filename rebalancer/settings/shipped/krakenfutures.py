"""Kraken Futures: multi-collateral perpetuals (PF_) in the flex wallet.

docs.kraken.com, "Futures API", and ccxt 4.5. Its inverse contracts (PI_) have a
wallet of their own each, which is not read here: they are refused.
"""

from collections.abc import Mapping
from typing import Any

_LOG = {
    "call": "historyGetAccountLog",
    "params": {"since": "{since}", "sort": "asc", "count": 500},
    "rows": "logs.*",
    "page": 500,
    "bucket": "log",
}

TABLE: Mapping[str, Any] = {
    "finished": False,
    "client_id": "cliOrdId",
    "client_id_length": 18,  # documented are 100; some of its answers are said to cut at 18
    "wire_id": "cliOrdId",
    "wire_amount": "size",
    "wire_price": "limitPrice",
    "deadline": "processBefore",
    "deadline_form": "iso",
    "units": {"perpetual": "coin"},
    # ccxt knows "ioc" in small letters alone; an "IOC" becomes a limit order that rests
    "flags": {
        "ioc": {"given": {"timeInForce": "ioc"}, "wire": {"orderType": "ioc"}},
        "gtc": {"given": {}, "wire": {"orderType": "lmt"}},
        "post_only": {"given": {"postOnly": True}, "wire": {"orderType": "post"}},
    },
    "reduce_only": {"name": "reduceOnly", "value": True},
    "name": "{id}",
    "upper": True,  # the log spells contracts in lower case
    "types": ["swap"],
    "settles": ["USD"],  # the inverse ones settle in their coin
    "margin_modes": ["none"],  # of what tells a fixed leverage; with one it is isolated
    "refuses_duplicates": True,
    "statuses": {
        "placed": "open",
        "ENTERED_BOOK": "open",
        "TRIGGER_PLACED": "open",
        "PARTIALLY_FILLED": "open",
        "FULLY_EXECUTED": "filled",
        "CANCELLED": "canceled",
        "REJECTED": "rejected",
        "TRIGGER_ACTIVATION_FAILURE": "rejected",
        "untouched": "open",
        "partiallyFilled": "open",
    },
    "sides": {"buy": "buy", "sell": "sell", "long": "buy", "short": "sell"},
    "forced": {
        "liquidation": "liquidation",
        "unwindBankrupt": "liquidation",
        "unwindCounterparty": "deleveraging",
    },
    "readings": {
        # A list would travel as Python spells one, brackets and all: one id goes as a text.
        # The venue tells what is open, or ended within its last seconds.
        "by_label": {
            "call": "privateGetOrdersStatus",
            "params": {"cliOrdIds": "{label}"},
            "rows": "orders.*",
            "fields": {
                "id": "order.orderId",
                "label": "order.cliOrdId",
                "name": "order.symbol",
                "side": "order.side",
                "amount": "order.quantity",
                "filled": "order.filled",
                "status": "status",
                "ts": "order.lastUpdateTimestamp",
                "reason": "updateReason?",
            },
        },
        "by_id": {
            "call": "privateGetOrdersStatus",
            "params": {"orderIds": "{order_id}"},
            "rows": "orders.*",
            "fields": {
                "id": "order.orderId",
                "label": "order.cliOrdId?",
                "name": "order.symbol",
                "side": "order.side",
                "amount": "order.quantity",
                "filled": "order.filled",
                "status": "status",
                "ts": "order.lastUpdateTimestamp",
                "reason": "updateReason?",
            },
        },
        "open": {
            "call": "privateGetOpenorders",
            "rows": "openOrders.*",
            "fields": {
                "id": "order_id",
                "label": "cliOrdId?",
                "name": "symbol",
                "side": "side",
                "amount": "filledSize + unfilledSize",
                "filled": "filledSize",
                "status": "status",
                "ts": "lastUpdateTime",
            },
        },
        "answer": {
            "fields": {
                "id": "info.order_id",
                "status": "info.status",
                "filled": "info.orderEvents.*?.amount",  # of those that are executions
                "ts": "info.receivedTime",
            }
        },
        "cancel": {"call": "privatePostCancelorder", "params": {"order_id": "{order_id}"}},
        # No fee: what ccxt tells is its table's rate times a price. The log knows it.
        "fills": {
            "call": "privateGetFills",
            "params": {"lastFillTime": "{until_iso}"},
            "rows": "fills.*",
            "page": 100,
            "backwards": True,
            "fields": {
                "id": "fill_id",
                "order": "order_id",
                "label": "cliOrdId?",
                "name": "symbol",
                "side": "side",
                "amount": "size",
                "price": "price",
                "ts": "fillTime",
                "forced": "fillType?",
            },
        },
        "fees": {
            **_LOG,
            "fields": {"id": "execution?", "ts": "date", "fee": "fee?", "currency": "asset"},
        },
        # no margin, no liquidation price, and no profit in some answers
        "positions": {
            "call": "privateGetOpenpositions",
            "rows": "openPositions.*",
            "fields": {
                "name": "symbol",
                "side": "side",
                "amount": "size",
                "entry": "price",
                "mode": "maxFixedLeverage?",
            },
        },
        "cash": {
            "call": "privateGetAccounts",
            "rows": "accounts.flex.currencies.*",
            "fields": {"currency": "@key", "amount": "quantity"},
        },
        "figures": {
            "call": "privateGetAccounts",
            "rows": "accounts.flex",
            "fields": {
                "currency": "=USD",
                "equity": "portfolioValue",
                "balance": "marginEquity",
                "maintenance": "maintenanceMargin",
                "initial": "initialMarginWithOrders",
            },
        },
        # also of rows of trades: a change of the position realises what has run up
        "funding": {
            **_LOG,
            "fields": {
                "id": "id",
                "name": "contract?",
                "ts": "date",
                "amount": "realized_funding?",
                "currency": "asset",
            },
        },
        "ledger": {
            **_LOG,
            "fields": {"id": "id", "ts": "date", "currency": "asset", "kind": "info"},
        },
        "clock": {"call": "publicGetFeeschedules", "fields": {"time": "serverTime"}},
    },
    "together": True,
    # Each row tells the balance before and after: what moved is certain, whatever it is called.
    "rules": [
        {"kind": "futures *", "amount": ""},
        {"kind": "covered liquidation", "amount": ""},
        {"kind": "funding rate change", "amount": ""},
        {
            "kind": "*transfer*",
            "when": {"margin_account": "flex"},  # the other wallets have rows of their own
            "amount": "new_balance - old_balance",
            "flow": True,
        },
        {
            "kind": "*",
            "when": {"margin_account": "flex"},
            "amount": "new_balance - old_balance",
        },
    ],
    "facts": [
        {
            "name": "account",
            "call": "historyGetAccountLog",
            "params": {"count": 1},
            "value": "accountUid",
            "one_of": ["{account}"],
            "must": "the account that the settings pin",
        },
    ],
    "codes": {
        "code": ["sendStatus.status", "error", "errors.*.message"],
        "text": "failed due to ([A-Za-z]+)$",
        "rejected": [
            *("invalidOrderType", "invalidSide", "invalidSize", "invalidPrice", "selfFill"),
            *("insufficientAvailableFunds", "tooManySmallOrders", "maxPositionViolation"),
            *("marketSuspended", "marketInactive", "clientOrderIdTooLong", "outsidePriceCollar"),
            *("postWouldExecute", "iocWouldNotExecute", "wouldNotReducePosition"),
            *("authenticationError", "requiredArgumentMissing", "invalidArgument*"),
            *("contractNotFound", "nonceBelowThreshold", "nonceDuplicate", "invalidAccount"),
            *("accountInactive", "invalidUnit", "invalidAmount", "Bad Request"),
        ],
        "duplicate": ["clientOrderIdAlreadyExist"],
        "limited": ["apiLimitExceeded"],
        "key": ["authenticationError"],
        "absent": ["notFound", "filled"],
    },
    # ticker_lite, which ccxt watches for bids and asks, tells no sizes
    "stream": {
        "watch": ["watch_ticker", "watch_trades"],
        "quotes": "ticker",
        "mark": "markPrice",
        "index": "indexPrice",
        "funding": "info.relative_funding_rate",
        "funding_interval": "1h",
        "funding_next": "info.next_funding_rate_time",
        "time": "info.time",
    },
    # 500 in ten seconds, of which an order costs 10; the histories 100 in ten minutes
    "rates": {"matching": [3, 20], "other": [5, 20], "log": [0.05, 20]},
}
