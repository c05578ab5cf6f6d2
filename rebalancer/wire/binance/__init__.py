"""Binance's wire, three venues of one family: spot, USD-M and COIN-M futures.

values   times, names, numbers
market   what recordings hold too: best prices, trades, depth
marks    mark, index and funding; trades as streams bundle them
account  orders, fills and balances of the user's own stream
frames   a frame of a socket: an event, an answer, or neither

What stands in `market` can be had from here: readers of recordings ask for no more.
"""

from rebalancer.wire.binance.market import (
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    Known,
    Market,
    Message,
    TradePrint,
    decode,
    quote,
    trade,
    translate,
)
from rebalancer.wire.binance.values import MILLISECOND, Level, Refused, Unknown

__all__ = [
    "MILLISECOND",
    "BookTicker",
    "DepthSnapshot",
    "DepthUpdate",
    "Known",
    "Level",
    "Market",
    "Message",
    "Refused",
    "TradePrint",
    "Unknown",
    "decode",
    "quote",
    "trade",
    "translate",
]
