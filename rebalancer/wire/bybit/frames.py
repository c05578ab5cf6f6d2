"""Bybit's websocket frames: bytes → typed message.

One socket a category carries the market, one the account: topics, answers to
requests, pongs. `decode` never raises: what it does not know is `Unknown`, what
it knows but cannot believe is `Refused` with the reason, and neither spoils the
frames after it. `read` does the same for one row of a REST answer.
https://bybit-exchange.github.io/docs/v5/ws/connect
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import msgspec

from rebalancer.wire.bybit import account as bybit_account
from rebalancer.wire.bybit import market as bybit_market
from rebalancer.wire.bybit.account import AccountBody, Execution, Order, Position, Wallet
from rebalancer.wire.bybit.market import Levels, MarketBody, Print, Ticker, Type
from rebalancer.wire.bybit.values import Millis, Refused, Unknown, missing

Row = TypeVar("Row", Execution, Order, Position, Wallet)


@dataclass(frozen=True, slots=True)
class Told:
    """What a topic of the market says."""

    topic: str  # e.g. tickers.BTCUSDT
    kind: Type
    ts: int  # ms
    body: MarketBody


@dataclass(frozen=True, slots=True)
class Booked:
    """What a topic of the account says."""

    topic: str  # execution, order, position, wallet
    records: AccountBody


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request; a pong is one to a ping."""

    op: str  # empty: it does not say
    request: str  # the number that we gave it; empty: it does not say
    done: bool
    message: str = ""
    code: int | None = None
    failed: tuple[str, ...] = ()  # topics that cannot be had, where it names them


Known: TypeAlias = Told | Booked | Answer
Message: TypeAlias = Known | Unknown | Refused

_ABSENT = msgspec.Raw()


class _Topics(msgspec.Struct, gc=False, rename="camel"):
    fail_topics: tuple[str, ...] = ()
    success_topics: tuple[str, ...] = ()


class _Head(msgspec.Struct, gc=False):
    """What tells the frames apart; the rest is skipped unread."""

    topic: str | None = None
    type: str | None = None
    ts: Millis | None = None
    data: msgspec.Raw = _ABSENT
    op: str | None = None
    success: bool | None = None
    ret_msg: str | None = None
    req_id: str | None = None
    code: int | None = msgspec.field(name="retCode", default=None)
    text: str | None = msgspec.field(name="retMsg", default=None)


_HEAD = msgspec.json.Decoder(_Head)
_TOPICS = msgspec.json.Decoder(_Topics)
_MARKET: Mapping[str, msgspec.json.Decoder[Any]] = {
    "tickers": msgspec.json.Decoder(Ticker),
    "orderbook": msgspec.json.Decoder(Levels),
    "publicTrade": msgspec.json.Decoder(tuple[Print, ...]),
}
_ACCOUNT: Mapping[str, msgspec.json.Decoder[Any]] = {  # not strict: times are texts
    "execution": msgspec.json.Decoder(tuple[Execution, ...], strict=False),
    "order": msgspec.json.Decoder(tuple[Order, ...], strict=False),
    "position": msgspec.json.Decoder(tuple[Position, ...], strict=False),
    "wallet": msgspec.json.Decoder(tuple[Wallet, ...], strict=False),
}


def decode(payload: bytes | msgspec.Raw) -> Message:
    """Return the message in a frame.

    Args:
        payload: The JSON text of one frame.

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
    if head.topic is not None:
        return _topic(head, head.topic)
    if head.type == "COMMAND_RESP" and head.data is not _ABSENT:  # the sockets of options
        told = _TOPICS.decode(head.data)
        done = bool(head.success) and not told.fail_topics
        return Answer("", head.req_id or "", done, head.ret_msg or "", failed=told.fail_topics)
    if head.op is None:
        return Unknown(None)
    done = head.success if head.success is not None else head.code == 0
    if head.op == "pong" or head.ret_msg == "pong":
        return Answer("ping", head.req_id or "", True)
    words = head.ret_msg or head.text or ""
    return Answer(head.op, head.req_id or "", bool(done), words, head.code)


def _topic(head: _Head, topic: str) -> Message:
    family = topic.partition(".")[0]
    if topic in _ACCOUNT:
        if head.data is _ABSENT:
            return Refused(missing("data"))
        records: AccountBody = _ACCOUNT[topic].decode(head.data)
        reason = next((told for each in records if (told := bybit_account.fault(each))), None)
        return Booked(topic, records) if reason is None else Refused(reason)
    decoder = _MARKET.get(family)
    if decoder is None:
        return Unknown(topic)
    if head.data is _ABSENT or head.ts is None:
        return Refused(missing("data" if head.data is _ABSENT else "ts"))
    kind: Type = "delta" if head.type == "delta" else "snapshot"
    if head.type != kind:
        return Refused(f"type must be snapshot or delta, was {head.type}")
    body: MarketBody = decoder.decode(head.data)
    reason = bybit_market.fault(body, kind)
    return Told(topic, kind, head.ts, body) if reason is None else Refused(reason)


def read(row: object, shape: type[Row]) -> Row | Refused:
    """Return a row of a REST answer as a record, or `Refused` with the reason.

    Args:
        row: What another library made of it: a dict, its numbers as text.
        shape: The record that the call promises.
    """
    try:
        record = msgspec.convert(row, shape, strict=False)
        reason = bybit_account.fault(record)
    except (ValueError, ArithmeticError, RecursionError) as error:
        return Refused(str(error) or type(error).__name__)
    return record if reason is None else Refused(reason)
