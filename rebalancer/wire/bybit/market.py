"""Bybit's public market data: typed messages, when to believe them, and their core events.

A ticker of a perpetual or future is told whole once and then as what changed in
it (`tickers`); an option's is whole each time. Funding comes with its interval,
which is the symbol's own; where it is not told, nothing is.
https://bybit-exchange.github.io/docs/v5/websocket/public/ticker
"""

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from rebalancer.core.events import FundingRate, Index, Mark, OptionMark, Trade
from rebalancer.core.figures import OpenInterest
from rebalancer.wire.bybit.values import (
    HOUR,
    VENUE,
    ZERO,
    Category,
    Count,
    Level,
    Millis,
    Name,
    Side,
    amount_fault,
    coin,
    in_dollars,
    instrument_id,
    is_perpetual,
    levels_fault,
    missing,
    native,
    ns,
    number,
    price_fault,
    signed,
)

_HIGHEST_VOL = 1_000.0  # per year


class Ticker(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What a ticker tells of a symbol; None where this message leaves it out."""

    symbol: Name
    mark_price: str | None = None
    index_price: str | None = None
    usd_index_price: str | None = None  # spot
    bid1_price: str | None = None
    bid1_size: str | None = None
    ask1_price: str | None = None
    ask1_size: str | None = None
    bid_price: str | None = None  # options
    bid_size: str | None = None
    ask_price: str | None = None
    ask_size: str | None = None
    mark_price_iv: str | None = None  # per year, 0.65 is 65 %
    underlying_price: str | None = None  # forward, USD per coin
    delta: str | None = None  # of Black and Scholes
    gamma: str | None = None
    vega: str | None = None
    theta: str | None = None
    funding_rate: str | None = None  # of the next stamp
    funding_interval_hour: str | None = None
    next_funding_time: str | None = None  # ms
    open_interest: str | None = None  # coins; inverse: USD


class Levels(msgspec.Struct, frozen=True, gc=False):
    """A whole order book, or what changed in it: `orderbook.DEPTH.SYMBOL`."""

    symbol: Name = msgspec.field(name="s")
    bids: tuple[Level, ...] = msgspec.field(name="b")
    asks: tuple[Level, ...] = msgspec.field(name="a")
    update: Count = msgspec.field(name="u")  # grows by one a message; 1: it starts anew


class Print(msgspec.Struct, frozen=True, gc=False):
    """One public trade: in `publicTrade.SYMBOL`."""

    ts: Millis = msgspec.field(name="T")
    symbol: Name = msgspec.field(name="s")
    side: Side = msgspec.field(name="S")  # of the taker
    size: Decimal = msgspec.field(name="v")
    price: Decimal = msgspec.field(name="p")
    trade: Name = msgspec.field(name="i")


MarketBody: TypeAlias = Ticker | Levels | tuple[Print, ...]
Type: TypeAlias = Literal["snapshot", "delta"]


# --- belief -----------------------------------------------------------------


def fault(body: MarketBody, kind: Type) -> str | None:
    """Return why a message cannot be believed, or None; a ticker is judged when it is whole."""
    match body:
        case Ticker():
            return None
        case Levels():
            return levels_fault(body.bids, body.asks, whole=kind == "snapshot")
        case _:
            found = (price_fault(each.price) or amount_fault(each.size) for each in body)
            return next((reason for reason in found if reason), None)


def ticker_fault(told: Ticker, category: Category) -> str | None:
    """Return why a whole ticker cannot be believed, or None.

    Raises:
        ValueError: A field is no number.
    """
    if category == "spot":
        return None
    mark, index = number(told.mark_price), number(told.index_price)
    if mark is None or index is None:
        return missing("markPrice" if mark is None else "indexPrice")
    reason = price_fault(mark, zero=category == "option") or price_fault(index)
    if reason is None and category == "option":
        reason = _option_fault(told)
    bid, ask = touch(told)
    if reason is None and bid and ask and bid >= ask:
        reason = f"bid must be below ask, was {bid} and {ask}"
    return reason


def _option_fault(told: Ticker) -> str | None:
    vol, forward = number(told.mark_price_iv), number(told.underlying_price)
    if vol is None or forward is None:
        return missing("markPriceIv" if vol is None else "underlyingPrice")
    if not 0 < vol < _HIGHEST_VOL:
        return f"markPriceIv must be positive, was {vol}"
    return price_fault(forward)


# --- translation ------------------------------------------------------------


def touch(told: Ticker) -> tuple[Decimal | None, Decimal | None]:
    """Return best bid and ask; a price of 0 or none is an empty side."""
    bid = number(told.bid1_price) or number(told.bid_price)
    ask = number(told.ask1_price) or number(told.ask_price)
    return bid or None, ask or None


def mark(told: Ticker, category: Category, ts: int, ts_local: int) -> Mark | OptionMark | None:
    """Return the venue's mark, with what is behind it where the symbol is an option.

    Args:
        told: A whole ticker that can be believed.
        category: Of its socket.
        ts: Of the message, ms.
        ts_local: ns.
    """
    price, name = number(told.mark_price), instrument_id(category, told.symbol)
    if price is None or category == "spot":
        return None
    if category != "option":
        return Mark(ts_local, ns(ts), name, price)
    vol, forward = number(told.mark_price_iv) or ZERO, number(told.underlying_price) or ZERO
    delta = None if not told.delta else float(told.delta)
    return OptionMark(ts_local, ns(ts), name, price, float(vol), float(forward), delta)


def index(told: Ticker, category: Category, ts: int, ts_local: int) -> Index | None:
    """Return the index price of an underlying; None where it is not in US dollars."""
    price = number(told.usd_index_price if category == "spot" else told.index_price)
    if not price or not in_dollars(category, told.symbol):
        return None
    return Index(ts_local, ns(ts), VENUE, coin(native(category, told.symbol)), price)


def funding(told: Ticker, category: Category, ts: int, ts_local: int) -> FundingRate | None:
    """Return the funding rate of a perpetual; None where rate or interval is not told."""
    rate, hours = number(told.funding_rate), number(told.funding_interval_hour)
    if rate is None or not hours or hours <= 0 or not is_perpetual(category, told.symbol):
        return None
    stamp, name = number(told.next_funding_time), instrument_id(category, told.symbol)
    due = ns(int(stamp)) if stamp else None
    return FundingRate(ts_local, ns(ts), name, float(rate), int(hours * HOUR), due)


def open_interest(told: Ticker, category: Category, ts: int, ts_local: int) -> OpenInterest | None:
    """Return how much of a perpetual or future all hold together; None where it tells nothing."""
    held = number(told.open_interest)
    if held is None or held <= 0 or category not in ("linear", "inverse"):
        return None
    return OpenInterest(ts_local, ns(ts), instrument_id(category, told.symbol), held)


def trade(told: Print, category: Category, ts_local: int) -> Trade:
    """Return a public trade, + when the taker bought; inverse contracts: USD."""
    name, quantity = instrument_id(category, told.symbol), signed(told.size, told.side)
    return Trade(ts_local, ns(told.ts), name, told.price, quantity)
