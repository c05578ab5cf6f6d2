"""OKX's websocket frames: bytes → typed message.

A socket carries pushes of channels, answers to what was asked, notices of the
venue and the bare word `pong`. `decode` never raises: what it does not know is
`Unknown`, what it knows but cannot believe is `Refused` with the reason, and
neither spoils the frames after it. A summary of options tells a whole family: a
row of it that cannot be believed spoils none of the others. Bodies are in
`market` and `account`.
https://www.okx.com/docs-v5/en/#overview-websocket
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from rebalancer.wire.okx import account as okx_account
from rebalancer.wire.okx import market as okx_market
from rebalancer.wire.okx.account import Account, Order, Position
from rebalancer.wire.okx.market import (
    BookChange,
    Funding,
    IndexTicker,
    Interest,
    MarkPrice,
    Print,
    Summary,
    Ticker,
    Touch,
)
from rebalancer.wire.okx.values import Refused, Unknown

PING, PONG = b"ping", b"pong"
PRIVATE = frozenset({"orders", "account", "positions"})  # channels of an account
APART = "opt-summary"  # a channel whose rows are judged one by one
_ABSENT = msgspec.Raw()  # msgspec reads a union with Raw as the union without it
_WHOLE = "snapshot"


class Told(msgspec.Struct, frozen=True, gc=False):
    """A push of a channel; its rows are of one kind."""

    channel: str  # as `channel_of` names it
    subject: str  # what it is about: an instrument, a family; empty: an account
    rows: tuple[Any, ...]
    whole: bool = True  # False: only what changed since the last one
    spoiled: tuple[str, ...] = ()  # why rows were left out, one each


@dataclass(frozen=True, slots=True)
class Pong:
    """A sign of life that was asked for."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A channel was subscribed, or is no longer."""

    channel: str
    on: bool


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The key was accepted."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that was asked was not done."""

    id: str | None  # of the request; None: it does not say
    code: str
    message: str
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """The venue announces something, e.g. that it will close the socket."""

    code: str
    message: str


Known: TypeAlias = Told | Pong | Subscribed | LoggedIn | Failure | Notice
Message: TypeAlias = Known | Unknown | Refused


class _Arg(msgspec.Struct, gc=False):
    channel: str | None = None
    instrument: str = msgspec.field(name="instId", default="")
    family: str = msgspec.field(name="instFamily", default="")
    type: str = msgspec.field(name="instType", default="")


class _Head(msgspec.Struct, gc=False):
    """What tells the frames apart; the rest is skipped unread."""

    event: str | None = None
    arg: _Arg | None = None
    action: str = _WHOLE
    data: msgspec.Raw = _ABSENT
    id: str | None = None
    code: str | None = None
    message: str = msgspec.field(name="msg", default="")


_HEAD = msgspec.json.Decoder(_Head)


def _rows(kind: Any) -> msgspec.json.Decoder[Any]:
    """Return what reads a list of rows; whole numbers stand in texts."""
    return msgspec.json.Decoder(tuple[kind, ...], strict=False)


_CHANNELS: Mapping[str, msgspec.json.Decoder[Any]] = {
    "bbo-tbt": _rows(Touch),
    "books": _rows(BookChange),
    "tickers": _rows(Ticker),
    "trades": _rows(Print),
    "mark-price": _rows(MarkPrice),
    "index-tickers": _rows(IndexTicker),
    "funding-rate": _rows(Funding),
    "open-interest": _rows(Interest),
    APART: _rows(msgspec.Raw),
    "orders": _rows(Order),
    "account": _rows(Account),
    "positions": _rows(Position),
}


_SUMMARY = msgspec.json.Decoder(Summary, strict=False)


def decode(payload: bytes | msgspec.Raw) -> Message:
    """Return the message in a frame.

    Args:
        payload: The text of one frame.

    Returns:
        A known message that can be believed, `Unknown`, or `Refused` with the
        reason: not an object, a field missing or of another type, a number out
        of range, a price not positive, bid not below ask. Of a summary of options
        only where no row can be believed.
    """
    if payload == PONG:
        return Pong()
    try:
        return _decode(payload)
    # A NaN that is compared is an ArithmeticError; nesting without end a RecursionError.
    except (ValueError, ArithmeticError, RecursionError) as error:
        return Refused(str(error) or type(error).__name__)


def _decode(payload: bytes | msgspec.Raw) -> Message:
    head = _HEAD.decode(payload)
    if head.event is not None:
        return _event(head, head.event)
    if head.arg is None or head.arg.channel is None:
        return Unknown(None)
    decoder = _CHANNELS.get(head.arg.channel)
    if decoder is None:
        return Unknown(head.arg.channel)
    if head.data is _ABSENT:
        return Refused("Object missing required field `data`")
    rows, whole = decoder.decode(head.data), head.action == _WHOLE
    if head.arg.channel == APART:
        return _apart(head.arg, rows)
    for row in rows:
        if reason := _fault(row, whole):
            return Refused(reason)
    return Told(_key(head.arg), _subject(head.arg), rows, whole)


def _apart(arg: _Arg, told: Sequence[msgspec.Raw]) -> Told | Refused:
    """Return the rows that can be believed, of a channel that tells of many things at once."""
    read = [_summary(raw) for raw in told]
    rows = tuple(each for each in read if isinstance(each, Summary))
    spoiled = tuple(each for each in read if isinstance(each, str))
    if spoiled and not rows:
        return Refused(spoiled[0])
    return Told(_key(arg), _subject(arg), rows, spoiled=spoiled)


def _summary(raw: msgspec.Raw) -> Summary | str:
    """Return a row, or why it cannot be believed."""
    try:
        row = _SUMMARY.decode(raw)
        return okx_market.fault(row) or row
    except (ValueError, ArithmeticError, RecursionError) as error:
        return str(error) or type(error).__name__


def _event(head: _Head, event: str) -> Message:
    channel = None if head.arg is None or head.arg.channel is None else _key(head.arg)
    match event:
        case "subscribe" | "unsubscribe" if channel is not None:
            return Subscribed(channel, on=event == "subscribe")
        case "login" if head.code in (None, "0"):
            return LoggedIn()
        case "error" | "login" | "channel-conn-count-error":
            return Failure(head.id, head.code or event, head.message, channel)
        case "notice":
            return Notice(head.code or "", head.message)
        case _:
            return Unknown(event)


def _fault(row: Any, whole: bool) -> str | None:
    if isinstance(row, Order | Account | Position):
        return okx_account.fault(row)
    return okx_market.fault(row, whole=whole)


def _subject(arg: _Arg) -> str:
    return "" if arg.channel in PRIVATE else arg.instrument or arg.family or arg.type


def _key(arg: _Arg) -> str:
    return channel_of(str(arg.channel), _subject(arg))


def channel_of(channel: str, subject: str = "") -> str:
    """Return how a channel is called here: with what it is about.

    >>> channel_of("books", "BTC-USD-SWAP"), channel_of("orders")
    ('books:BTC-USD-SWAP', 'orders')
    """
    return f"{channel}:{subject}" if subject else channel
