"""Deribit's JSON-RPC frames: bytes → typed message; REST results → typed records.

One socket carries notifications of channels, answers to requests, and
heartbeats. `decode` never raises: what it does not know is `Unknown`, what it
knows but cannot believe is `Refused` with the reason, and neither spoils the
frames after it. `read` does the same for one result whose type the caller knows.
Bodies are in `market` and `account`, with their translations.
https://docs.deribit.com/#json-rpc
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import msgspec

from rebalancer.wire.deribit import account as deribit_account
from rebalancer.wire.deribit import market as deribit_market
from rebalancer.wire.deribit.account import AccountBody, Order, Portfolio, UserTrade
from rebalancer.wire.deribit.market import (
    BookChange,
    Interest,
    Levels,
    MarketBody,
    PriceIndex,
    Print,
    Prints,
    Ticker,
    Touch,
)
from rebalancer.wire.deribit.values import Refused, Unknown, missing

Body: TypeAlias = MarketBody | AccountBody
Shape = TypeVar("Shape")


class Told(msgspec.Struct, frozen=True, gc=False):
    """A notification of a channel."""

    channel: str  # e.g. ticker.BTC-PERPETUAL.100ms
    body: Body


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life of the venue; a test asks for one of ours."""

    test: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A request was done; `read` its result."""

    id: int | str | None
    result: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Failure:
    """A request was not done."""

    id: int | str | None
    code: int
    message: str


Known: TypeAlias = Told | Heartbeat | Answer | Failure
Message: TypeAlias = Known | Unknown | Refused

_ABSENT = msgspec.Raw()  # msgspec reads a union with Raw as the union without it


class _Error(msgspec.Struct, gc=False):
    code: int
    message: str = ""


class _Params(msgspec.Struct, gc=False):
    channel: str | None = None
    type: str | None = None
    data: msgspec.Raw = _ABSENT


class _Head(msgspec.Struct, gc=False):
    """What tells the frames apart; the rest is skipped unread."""

    method: str | None = None
    params: _Params | None = None
    id: int | str | None = None
    result: msgspec.Raw = _ABSENT
    error: _Error | None = None


_HEAD = msgspec.json.Decoder(_Head)
_USER: Mapping[str, msgspec.json.Decoder[Any]] = {
    "trades": msgspec.json.Decoder(tuple[UserTrade, ...]),
    "orders": msgspec.json.Decoder(Order | tuple[Order, ...]),  # raw: one; 100ms: a list
    "portfolio": msgspec.json.Decoder(Portfolio),
}
_BOOK: Mapping[int, msgspec.json.Decoder[Any]] = {
    3: msgspec.json.Decoder(BookChange),  # book.NAME.INTERVAL
    5: msgspec.json.Decoder(Levels),  # book.NAME.GROUP.DEPTH.INTERVAL
}
_MARKET: Mapping[str, msgspec.json.Decoder[Any]] = {
    "ticker": msgspec.json.Decoder(Ticker),
    "quote": msgspec.json.Decoder(Touch),
    "trades": msgspec.json.Decoder(tuple[Print, ...]),
    "deribit_price_index": msgspec.json.Decoder(PriceIndex),
    "perpetual": msgspec.json.Decoder(Interest),
}


def decode(payload: bytes | msgspec.Raw) -> Message:
    """Return the message in a frame.

    Args:
        payload: The JSON text of one frame, or of one REST response.

    Returns:
        A known message that can be believed, `Unknown`, or `Refused` with the
        reason: not an object, a field missing or of another type, a number out
        of range, a price not positive, bid not below ask.
    """
    try:
        return _decode(payload)
    # A NaN that is compared is an ArithmeticError; nesting without end a RecursionError.
    except (ValueError, ArithmeticError, RecursionError) as error:
        return Refused(str(error) or type(error).__name__)


def _decode(payload: bytes | msgspec.Raw) -> Message:
    head = _HEAD.decode(payload)
    if head.method == "subscription" and head.params is not None:
        return _notification(head.params)
    if head.method == "heartbeat" and head.params is not None:
        return Heartbeat(test=head.params.type == "test_request")
    if head.method is not None:
        return Unknown(head.method)
    if head.error is not None:
        return Failure(head.id, head.error.code, head.error.message)
    return Unknown(None) if head.result is _ABSENT else Answer(head.id, head.result)


def _notification(params: _Params) -> Message:
    channel = params.channel
    if channel is None:
        return Refused(missing("channel"))
    decoder = _decoder(channel)
    if decoder is None:
        return Unknown(channel)
    if params.data is _ABSENT:
        return Refused(missing("data"))
    body: Body = decoder.decode(params.data)
    private = channel.startswith("user.")
    reason = deribit_account.fault(body) if private else deribit_market.fault(body)  # type: ignore[arg-type]
    return Told(channel, body) if reason is None else Refused(reason)


@lru_cache(maxsize=8192)  # a socket speaks of a few thousand channels, for ever the same
def _decoder(channel: str) -> msgspec.json.Decoder[Any] | None:
    """Return what reads the notifications of a channel: its words are parted by dots."""
    words = channel.split(".")
    match words[0]:
        case "user":
            return _USER.get(words[1]) if len(words) > 1 else None
        case "book":
            return _BOOK.get(len(words))
        case kind:
            return _MARKET.get(kind)


def instrument_of(channel: str) -> str:
    """Return the native name in a channel of the market.

    >>> instrument_of("book.BTC_USDC-PERPETUAL.none.20.100ms")
    'BTC_USDC-PERPETUAL'
    """
    return channel.split(".", 2)[1]


def read(result: bytes | msgspec.Raw | object, shape: type[Shape]) -> Shape | Refused:
    """Return a result as the type that its request promises, or `Refused` with the reason.

    Args:
        result: `Answer.result`, its JSON text, or what another library made of
            it: dicts and lists, numbers as int, float or text.
        shape: A body of `market` or `account`, or a tuple of
            `Position`, `Order` or `UserTrade`, e.g. `tuple[Position, ...]`.
    """
    try:
        if isinstance(result, bytes | msgspec.Raw):
            body = msgspec.json.decode(result, type=shape)
        else:
            body = msgspec.convert(result, shape)
        reason = _fault(body)
    except (ValueError, ArithmeticError, RecursionError) as error:
        return Refused(str(error) or type(error).__name__)
    return body if reason is None else Refused(reason)


def _fault(body: Any) -> str | None:
    public = isinstance(body, Ticker | Touch | Levels | BookChange | Prints | PriceIndex | Interest)
    return deribit_market.fault(body) if public else deribit_account.fault(body)
