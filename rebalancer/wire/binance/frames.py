"""Frames of Binance's sockets: events, answers to what was asked there, and what is neither.

Market sockets answer a request with its `id` and a `result`, or with an `error`;
the websocket API of spot answers with a `status` too, and wraps the events of an
account. `decode` never raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import DecimalException
from typing import Any, TypeAlias, TypeVar, get_args

import msgspec

from rebalancer.wire.binance import account, market, marks
from rebalancer.wire.binance.account import AccountBody, AccountUpdate, Coins, Expired, OrderUpdate
from rebalancer.wire.binance.account import Report as ExecutionReport
from rebalancer.wire.binance.market import Market
from rebalancer.wire.binance.marks import AggTrade, IndexPrice, MarkPrice
from rebalancer.wire.binance.values import Refused, Unknown

OK = 200  # status of an answer of the websocket API

MarksBody: TypeAlias = MarkPrice | IndexPrice | AggTrade
Event: TypeAlias = market.Known | MarksBody | AccountBody
T = TypeVar("T")
_ABSENT = msgspec.Raw()


@dataclass(frozen=True, slots=True)
class Answer:
    """A request was done."""

    id: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A request was refused."""

    id: int | None
    code: int
    message: str


Frame: TypeAlias = Event | Answer | Failure | Unknown | Refused


class _Error(msgspec.Struct, gc=False):
    code: int
    msg: str = ""


class _Head(msgspec.Struct, gc=False):
    """What tells the frames apart; the rest is skipped unread."""

    e: str | None = None
    id: int | str | None = None
    result: msgspec.Raw = _ABSENT
    error: _Error | None = None
    status: int | None = None
    event: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT  # of a combined stream
    code: int | None = None
    msg: str = ""


_HEAD = msgspec.json.Decoder(_Head)
_DECODERS: Mapping[str, msgspec.json.Decoder[Any]] = {
    "markPriceUpdate": msgspec.json.Decoder(MarkPrice),
    "indexPriceUpdate": msgspec.json.Decoder(IndexPrice),
    "aggTrade": msgspec.json.Decoder(AggTrade),
    "ORDER_TRADE_UPDATE": msgspec.json.Decoder(OrderUpdate),
    "ACCOUNT_UPDATE": msgspec.json.Decoder(AccountUpdate),
    "listenKeyExpired": msgspec.json.Decoder(Expired),
    "executionReport": msgspec.json.Decoder(ExecutionReport),
    "outboundAccountPosition": msgspec.json.Decoder(Coins),
    "eventStreamTerminated": msgspec.json.Decoder(Expired),
}


def decode(payload: bytes | msgspec.Raw, dialect: Market) -> Frame:
    """Return what a frame is.

    Args:
        payload: The JSON text of one frame.
        dialect: Of the market messages in it.
    """
    try:
        return _decode(payload, dialect)
    except (ValueError, DecimalException, RecursionError) as error:
        return Refused(str(error) or type(error).__name__)


def _decode(payload: bytes | msgspec.Raw, dialect: Market) -> Frame:
    head = _HEAD.decode(payload)
    if head.event is not _ABSENT:
        return _decode(head.event, dialect)
    if head.data is not _ABSENT:
        inside = _decode(head.data, dialect)
        return market.decode(payload, dialect) if isinstance(inside, Unknown) else inside
    decoder = None if head.e is None else _DECODERS.get(head.e)
    if decoder is not None:
        return _believed(decoder.decode(payload))
    if head.e is None and head.id is not None:
        return _answer(head)
    if head.e is None and head.error is not None:
        return Failure(None, head.error.code, head.error.msg)
    return market.decode(payload, dialect)


def _believed(body: MarksBody | AccountBody) -> Event | Refused:
    known = isinstance(body, get_args(MarksBody))
    reason = marks.fault(body) if known else account.fault(body)  # type: ignore[arg-type]
    return body if reason is None else Refused(reason)


def _answer(head: _Head) -> Frame:
    number = _number(head.id)
    if head.error is not None:
        return Failure(number, head.error.code, head.error.msg)
    if head.code is not None:
        return Failure(number, head.code, head.msg)
    if number is None:
        return Unknown("answer")
    if head.status is not None and head.status != OK:
        return Failure(number, head.status, "")
    return Answer(number)


def _number(told: int | str | None) -> int | None:
    """Return the number of a request; some answers tell it as a text."""
    if isinstance(told, str):
        return int(told) if told.isascii() and told.isdigit() else None
    return told


def read(told: Any, kind: type[T]) -> T | Refused:
    """Return a REST answer, of which the JSON is read already, as a message of a kind."""
    try:
        return msgspec.convert(told, kind)
    except (ValueError, DecimalException, RecursionError) as error:
        return Refused(str(error) or type(error).__name__)
