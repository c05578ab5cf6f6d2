"""Binance's public market messages: bytes → typed message → core event.

Spot and USD-M futures (COIN-M speaks the latter's dialect too) share four
messages: `bookTicker`, `trade`, `depthUpdate` and the REST depth snapshot; they
differ in which times they tell and in how updates are chained. `decode` never
raises: what it does not know is `Unknown`, and what it knows but cannot
believe is `Refused` with the reason. Prices and sizes come from the number
text, never through a float. Keys of the payloads are Binance's; names are ours:
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from rebalancer.core.events import Quote, Trade
from rebalancer.wire.binance.values import (
    MILLISECOND,
    TOO_LARGE,
    ZERO,
    Count,
    Level,
    Millis,
    Refused,
    Symbol,
    Unknown,
    price_fault,
    size_fault,
)


class Market(StrEnum):
    """Which of Binance's two dialects is spoken."""

    SPOT = "spot"  # no event time on bookTicker, updates chained by U and u
    FUTURES = "futures"  # every message is timed, updates chained by pu


class BookTicker(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask, told whenever either changes."""

    update: Count = msgspec.field(name="u")  # order book update id: newer is larger
    symbol: Symbol = msgspec.field(name="s")
    bid: Decimal = msgspec.field(name="b")
    bid_size: Decimal = msgspec.field(name="B")
    ask: Decimal = msgspec.field(name="a")
    ask_size: Decimal = msgspec.field(name="A")
    event_ms: Millis | None = msgspec.field(name="E", default=None)  # sent; None on spot
    matched_ms: Millis | None = msgspec.field(name="T", default=None)  # so; None on spot


class TradePrint(msgspec.Struct, frozen=True, gc=False):
    """One public trade."""

    event_ms: Millis = msgspec.field(name="E")
    matched_ms: Millis = msgspec.field(name="T")
    symbol: Symbol = msgspec.field(name="s")
    trade: Count = msgspec.field(name="t")  # trade id
    price: Decimal = msgspec.field(name="p")
    size: Decimal = msgspec.field(name="q")  # contracts, > 0
    buyer_made: bool = msgspec.field(name="m")  # True: the taker sold


class DepthUpdate(msgspec.Struct, frozen=True, gc=False):
    """Levels that changed; each size replaces the old one, 0 removes the level."""

    event_ms: Millis = msgspec.field(name="E")
    symbol: Symbol = msgspec.field(name="s")
    first: Count = msgspec.field(name="U")  # first update id inside
    last: Count = msgspec.field(name="u")  # last update id inside
    bids: tuple[Level, ...] = msgspec.field(name="b")
    asks: tuple[Level, ...] = msgspec.field(name="a")
    previous: Count | None = msgspec.field(name="pu", default=None)  # `last` before; futures only
    matched_ms: Millis | None = msgspec.field(name="T", default=None)  # None on spot


class DepthSnapshot(msgspec.Struct, frozen=True, gc=False):
    """A whole book, the answer of the REST depth call; it does not name its symbol."""

    last: Count = msgspec.field(name="lastUpdateId")  # last update id inside
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    event_ms: Millis | None = msgspec.field(name="E", default=None)  # None on spot
    matched_ms: Millis | None = msgspec.field(name="T", default=None)  # None on spot


Known: TypeAlias = BookTicker | TradePrint | DepthUpdate | DepthSnapshot
Message: TypeAlias = Known | Unknown | Refused


_ABSENT = msgspec.Raw()  # msgspec reads a union with Raw as the union without it


class _Head(msgspec.Struct, gc=False):
    """What tells the types apart; the rest is skipped unread."""

    stream: str | None = None
    data: msgspec.Raw = _ABSENT
    e: str | None = None
    last_update: msgspec.Raw = msgspec.field(name="lastUpdateId", default=_ABSENT)
    bid_size: msgspec.Raw = msgspec.field(name="B", default=_ABSENT)
    ask_size: msgspec.Raw = msgspec.field(name="A", default=_ABSENT)


_SNAPSHOT = "lastUpdateId"  # a snapshot has no name but its first key
_HEAD = msgspec.json.Decoder(_Head)
_DECODERS: Mapping[str, msgspec.json.Decoder[Any]] = {
    "bookTicker": msgspec.json.Decoder(BookTicker),
    "trade": msgspec.json.Decoder(TradePrint),
    "depthUpdate": msgspec.json.Decoder(DepthUpdate),
    _SNAPSHOT: msgspec.json.Decoder(DepthSnapshot),
}


def decode(payload: bytes | msgspec.Raw, market: Market) -> Message:
    """Return the message in a payload, with or without its {"stream", "data"} envelope.

    Args:
        payload: The JSON text of one message.
        market: Dialect that the message must be whole in.

    Returns:
        A known message that can be believed, `Unknown`, or `Refused` with the
        reason: not an object, a field missing or of another type, a number
        that is not finite, a price not positive, a negative size, bid not below ask.
    """
    try:
        return _decode(payload, market)
    # A NaN that is compared is an ArithmeticError; nesting without end a RecursionError.
    except (ValueError, ArithmeticError, RecursionError) as error:
        return Refused(str(error) or type(error).__name__)


def _decode(payload: bytes | msgspec.Raw, market: Market) -> Message:
    head = _HEAD.decode(payload)
    name = _name(head)
    decoder = None if name is None else _DECODERS.get(name)
    if decoder is None:
        return Unknown(name)
    body = payload if head.stream is None else head.data
    if body is _ABSENT:
        return Refused("Object missing required field `data`")
    message: Known = decoder.decode(body)
    reason = fault(message, market)
    return message if reason is None else Refused(reason)


def _name(head: _Head) -> str | None:
    if head.stream is not None:
        # symbol@channel[@speed], or !channel for all symbols. A "depth20" is no update: it
        # looks like a snapshot and is cut off after 20 levels, so it stays unknown.
        symbol, separator, rest = head.stream.partition("@")
        channel = rest.partition("@")[0] if separator else symbol.lstrip("!")
        return "depthUpdate" if channel == "depth" else channel
    if head.e is not None:
        return head.e
    if head.last_update is not _ABSENT:
        return _SNAPSHOT
    # Spot's bookTicker alone does not name itself.
    sized = head.bid_size is not _ABSENT and head.ask_size is not _ABSENT
    return "bookTicker" if sized else None


# --- belief -----------------------------------------------------------------


def fault(message: Known, market: Market = Market.SPOT) -> str | None:
    """Return why a message cannot be believed, or None; spot's dialect demands less."""
    match message:
        case TradePrint():
            return price_fault(message.price) or size_fault(message.size, zero=False)
        case BookTicker():
            levels = ((message.bid, message.bid_size),), ((message.ask, message.ask_size),)
            return _time_fault(message, market) or _book_fault(*levels, zero=False)
        case DepthUpdate():
            return (
                _time_fault(message, market)
                or _chain_fault(message, market)
                or _book_fault(message.bids, message.asks, zero=True)
            )
        case DepthSnapshot():
            return _book_fault(message.bids, message.asks, zero=False)


def _time_fault(message: BookTicker | DepthUpdate, market: Market) -> str | None:
    if market is Market.FUTURES and (message.event_ms is None or message.matched_ms is None):
        return f"Object missing required field `{'E' if message.event_ms is None else 'T'}`"
    return None


def _chain_fault(update: DepthUpdate, market: Market) -> str | None:
    if market is Market.FUTURES and update.previous is None:
        return "Object missing required field `pu`"
    if update.first > update.last:
        return f"U must be at most u, was {update.first} and {update.last}"
    return None


def _book_fault(bids: Iterable[Level], asks: Iterable[Level], *, zero: bool) -> str | None:
    best_bid, best_ask = ZERO, TOO_LARGE
    for price, size in bids:
        if not (ZERO < price < TOO_LARGE and ZERO < size < TOO_LARGE):
            if reason := price_fault(price) or size_fault(size, zero=zero):
                return reason
        elif price > best_bid:
            best_bid = price
    for price, size in asks:
        if not (ZERO < price < TOO_LARGE and ZERO < size < TOO_LARGE):
            if reason := price_fault(price) or size_fault(size, zero=zero):
                return reason
        elif price < best_ask:
            best_ask = price
    if best_bid >= best_ask:
        return f"bid must be below ask, was {best_bid} and {best_ask}"
    return None


# --- translation ------------------------------------------------------------


def quote(ticker: BookTicker, instrument: str, ts_local: int) -> Quote:
    """Return a book ticker as a quote of `instrument`; spot tells no venue time."""
    ts_venue = None if ticker.matched_ms is None else ticker.matched_ms * MILLISECOND
    return Quote(
        ts_local, ts_venue, instrument, ticker.bid, ticker.bid_size, ticker.ask, ticker.ask_size
    )


def trade(told: TradePrint, instrument: str, ts_local: int) -> Trade:
    """Return a print as a trade of `instrument`, + when the taker bought."""
    quantity = -told.size if told.buyer_made else told.size
    return Trade(ts_local, told.matched_ms * MILLISECOND, instrument, told.price, quantity)


def translate(message: Message, instrument: str, ts_local: int) -> Quote | Trade | None:
    """Return the core event in a message; None where it holds none (depth, unknown, refused)."""
    match message:
        case BookTicker():
            return quote(message, instrument, ts_local)
        case TradePrint():
            return trade(message, instrument, ts_local)
        case _:
            return None
