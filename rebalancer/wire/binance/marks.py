"""Mark, index, funding and bundled trades: what Binance's futures tell beside prices and depth.

USD-M tells the index with the mark; COIN-M has a channel of the index by itself, named by
the pair. The rate told is the one that the next stamp would charge; how long an
interval is stands in no stream (`fundingInfo` tells it), and a dated contract has
neither: its rate is empty and its stamp 0.
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Mark-Price-Stream
https://developers.binance.com/docs/derivatives/coin-margined-futures/websocket-market-streams/Index-Price-Stream
"""

from decimal import Decimal

import msgspec

from rebalancer.core.events import FundingRate, Index, Mark, Trade
from rebalancer.wire.binance.values import (
    Count,
    Millis,
    Symbol,
    missing,
    ns,
    number_fault,
    price_fault,
    size_fault,
)


class MarkPrice(msgspec.Struct, frozen=True, gc=False):
    """Mark and funding of one contract: `SYMBOL@markPrice@1s`."""

    event_ms: Millis = msgspec.field(name="E")
    symbol: Symbol = msgspec.field(name="s")
    mark: Decimal = msgspec.field(name="p")
    rate: str = msgspec.field(name="r")  # per interval, + longs pay; empty: there is none
    stamp_ms: Count = msgspec.field(name="T")  # next funding; 0: there is none
    index: Decimal | None = msgspec.field(name="i", default=None)  # None on COIN-M


class IndexPrice(msgspec.Struct, frozen=True, gc=False):
    """The index of a pair: `PAIR@indexPrice@1s`; COIN-M only."""

    event_ms: Millis = msgspec.field(name="E")
    pair: Symbol = msgspec.field(name="i")  # e.g. BTCUSD
    price: Decimal = msgspec.field(name="p")


class AggTrade(msgspec.Struct, frozen=True, gc=False):
    """Public trades of one taker at one price: `SYMBOL@aggTrade`."""

    event_ms: Millis = msgspec.field(name="E")
    symbol: Symbol = msgspec.field(name="s")
    number: Count = msgspec.field(name="a")
    price: Decimal = msgspec.field(name="p")
    size: Decimal = msgspec.field(name="q")  # contracts
    matched_ms: Millis = msgspec.field(name="T")
    buyer_made: bool = msgspec.field(name="m")  # True: the taker sold


def fault(told: MarkPrice | IndexPrice | AggTrade) -> str | None:
    """Return why a message cannot be believed, or None."""
    match told:
        case MarkPrice():
            return _mark_fault(told)
        case IndexPrice():
            return price_fault(told.price)
        case AggTrade():
            return price_fault(told.price) or size_fault(told.size, zero=False)


def _mark_fault(told: MarkPrice) -> str | None:
    reason = price_fault(told.mark)
    if reason is None and told.index is not None:
        reason = price_fault(told.index)
    if reason is None and bool(told.rate) is not bool(told.stamp_ms):
        reason = missing("T" if told.rate else "r")
    return reason or (number_fault("r", Decimal(told.rate)) if told.rate else None)


def mark(told: MarkPrice, instrument: str, ts_local: int) -> Mark:
    """Return the venue's mark of `instrument`, quote currency a coin."""
    return Mark(ts_local, ns(told.event_ms), instrument, told.mark)


def index(told: MarkPrice | IndexPrice, venue: str, underlying: str, ts_local: int) -> Index | None:
    """Return the index of a coin; None where the message has none. USDT and USDC count as USD."""
    price = told.index if isinstance(told, MarkPrice) else told.price
    if price is None:
        return None
    return Index(ts_local, ns(told.event_ms), venue, underlying, price)


def funding(
    told: MarkPrice, instrument: str, interval: int | None, ts_local: int
) -> FundingRate | None:
    """Return the rate that the next stamp charges.

    Args:
        told: The message.
        instrument: Id.
        interval: ns between two stamps; None: nobody has told it yet.
        ts_local: ns.

    Returns:
        None where the contract has no funding, or where its interval is unknown:
        a rate without one says nothing.
    """
    if not told.rate or interval is None:
        return None
    stamp = ns(told.stamp_ms)
    return FundingRate(ts_local, ns(told.event_ms), instrument, float(told.rate), interval, stamp)


def trade(told: AggTrade, instrument: str, ts_local: int) -> Trade:
    """Return public trades of one taker as one, + when it bought."""
    quantity = -told.size if told.buyer_made else told.size
    return Trade(ts_local, ns(told.matched_ms), instrument, told.price, quantity)
