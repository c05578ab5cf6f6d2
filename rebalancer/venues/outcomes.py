"""Outcomes: what an answer, or the lack of one, proves about an order.

An error class is no verdict: ccxt maps one venue's "system error" and another's
"duplicate" to classes that sound final, and reads a truncated body as a refusal.
Only a code that stands in `CODES` proves something, and only when it came in the
venue's own answer. What never left the machine was not sent. All else is unknown
and has to be looked up.

Texts of ccxt's errors carry signed addresses. Nothing of them is passed on but
class, code and the venue's own short word.
"""

import json
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp
import ccxt

from rebalancer.errors import Unavailable

_WORD = re.compile(r"[^A-Za-z0-9_ .,:;()<>=-]+")  # what may not stand in a reason
_LONGEST = 120  # characters of a venue's own word


class Outcome(StrEnum):
    """What became of an order."""

    REJECTED = "rejected"  # the venue proved that it holds no such order
    UNKNOWN = "unknown"  # nobody can say
    DUPLICATE = "duplicate"  # one with this id is there: look that up
    NOT_SENT = "not sent"  # it never left this machine
    LIMITED = "rate limited"  # refused before it was looked at: too many requests


@dataclass(frozen=True, slots=True)
class Judgement:
    """An outcome and what it rests on."""

    outcome: Outcome
    reason: str
    code: str | None = None  # the venue's own


class Refused(Unavailable):
    """A venue answered with an error to something that is no order.

    Args:
        text: What was asked and what it said.
        code: The venue's own.
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Malformed(Unavailable):
    """A venue's answer lacks what it must have; nothing is concluded from it."""


class KeyRefused(Unavailable):
    """A venue does not accept our key, or the key may not do this."""

    exit_code = 77


def _all(outcome: Outcome, codes: str) -> dict[str, Outcome]:
    return dict.fromkeys(codes.split(), outcome)


CODES: Mapping[str, Mapping[str, Outcome]] = {
    # docs.deribit.com, "RPC Error Codes", July 2026
    "deribit": {
        **_all(Outcome.REJECTED, "10002 10003"),  # quantity too low, own order opposite
        **_all(Outcome.REJECTED, "10005 10006 10007 10008 10011 10023 10026 10043"),  # price
        **_all(Outcome.REJECTED, "10009 10032"),  # funds, cost too low
        **_all(Outcome.REJECTED, "10012 13019"),  # book closed
        **_all(Outcome.REJECTED, "10013 10014 10015 10016 10017 10018 10019"),  # account's limits
        **_all(Outcome.REJECTED, "10020 13020"),  # no such instrument
        **_all(Outcome.REJECTED, "10021 10022 10024 10027 10031 10036"),  # amount, arguments
        **_all(Outcome.REJECTED, "10041"),  # settlement: "that time trading is paused"
        **_all(Outcome.REJECTED, "11029 11030 11037 11038 11039 11043 11046 11047 11048 11049"),
        **_all(Outcome.REJECTED, "11050 11054"),  # not parsed; post-only would have crossed
        **_all(Outcome.REJECTED, "9999 10000 11042 13002 13004 13009 13012 13021"),  # key
        **_all(Outcome.REJECTED, "-32602 -32601 -32700 -32000"),  # JSON-RPC: not understood
        **_all(Outcome.LIMITED, "10028 10047 10066"),
        # 10001 error, 10040 retry, 11031 other_error, 11051 maintenance ("system is under
        # maintenance", and no word of orders), 11094 internal, 13028 and 13888 (too
        # slow) prove nothing.
    },
    # developers.binance.com, USD-M "Error Code"; -1000 … -1007 and -1008 prove nothing
    "binanceusdm": {
        **_all(Outcome.REJECTED, "-1013 -1021 -1022 -1102 -1106 -1111 -1116 -1117 -1121"),
        **_all(Outcome.REJECTED, "-2010 -2014 -2015 -2018 -2019 -2021 -2022 -2027"),
        **_all(Outcome.REJECTED, "-4003 -4004 -4005 -4014 -4023 -4061 -4131 -4164 -5021 -5022"),
        **_all(Outcome.LIMITED, "-1003 -1015"),
        **_all(Outcome.DUPLICATE, "-4116"),
    },
    # bybit-exchange.github.io, v5 "Error Codes"; 10016 "system error" proves nothing
    "bybit": {
        **_all(Outcome.REJECTED, "10001 10002 10003 10004 10005 110003 110004 110007 110012"),
        **_all(Outcome.REJECTED, "110017 110094 170131 170136 170140"),
        **_all(Outcome.LIMITED, "10006 10018"),
        **_all(Outcome.DUPLICATE, "110072 170141"),
    },
    # okx.com/docs-v5, "Error Code"; 50004 and 51149 prove nothing
    "okx": {
        **_all(Outcome.REJECTED, "50101 50102 50103 50105 50111 50113 51000 51001 51008"),
        **_all(Outcome.REJECTED, "51020 51119 51121 51131 51169"),
        **_all(Outcome.LIMITED, "50011 50013 50061"),
        **_all(Outcome.DUPLICATE, "51016"),
    },
}
"""(venue, code) → outcome. What is not listed is unknown."""

KEY_CODES: Mapping[str, frozenset[str]] = {
    "deribit": frozenset(["9999", "10000", "11042", "13002", "13004", "13009", "13012", "13021"]),
    "binanceusdm": frozenset(["-2014", "-2015", "-1022"]),
    "bybit": frozenset(["10003", "10004", "10005"]),
    "okx": frozenset(["50105", "50111", "50113"]),
}
"""Codes that speak of the key and not of the request."""


def judge(venue: str, error: BaseException, sends: Sequence[str]) -> Judgement:
    """Return what an error proves about the order that was to be sent.

    Args:
        venue: ccxt id.
        error: What ccxt raised.
        sends: The attempts that reached the wire, as `connection.sending` counted.
    """
    reason, cause = _name(error), error.__cause__
    if cause is not None:
        reason = f"{reason} ({_name(cause)})"
    if not sends or isinstance(
        cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | socket.gaierror
    ):
        return Judgement(Outcome.NOT_SENT, reason)
    if cause is not None or not isinstance(error, ccxt.BaseError):
        return Judgement(Outcome.UNKNOWN, reason)
    code, word = said(venue, error)
    if code is None:
        return Judgement(Outcome.UNKNOWN, reason)
    outcome = CODES.get(venue, {}).get(code, Outcome.UNKNOWN)
    return Judgement(outcome, f"{code} {word}".strip(), code)


def explain(venue: str, what: str, error: BaseException) -> Unavailable:
    """Return the error to raise when something other than an order failed.

    Args:
        venue: ccxt id.
        what: What was asked for.
        error: What ccxt raised; its text stays here.
    """
    if isinstance(error, Unavailable):
        return error
    code, word = said(venue, error)
    cause = error.__cause__
    detail = f"{code} {word}".strip() if code else _name(error)
    if cause is not None:
        detail = f"{detail} ({_name(cause)})"
    text = f"{venue} did not answer {what}: {detail}"
    if code in KEY_CODES.get(venue, frozenset()) or (
        code is None and isinstance(error, ccxt.AuthenticationError)
    ):
        return KeyRefused(f"{venue} refused our key for {what}: {detail}")
    if code is not None:
        return Refused(f"{venue} refused {what}: {detail}", code)
    return Unavailable(text)


def said(venue: str, error: BaseException) -> tuple[str | None, str]:
    """Return the code and the short word of a venue's answer; (None, "") where there is none."""
    if not isinstance(error, ccxt.BaseError) or error.__cause__ is not None:
        return None, ""
    body = str(error).removeprefix(f"{venue} ")
    try:
        answer = json.loads(body)
    except ValueError:
        return None, ""
    code, word = _READERS.get(venue, _none)(answer) if isinstance(answer, dict) else (None, "")
    if code is None or isinstance(code, bool) or not isinstance(code, int | str):
        return None, ""
    return str(code), _WORD.sub(" ", str(word))[:_LONGEST].strip()


def _deribit(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    error = answer.get("error")
    if not isinstance(error, dict):
        return None, ""
    data = error.get("data")
    detail = data.get("reason") if isinstance(data, dict) else None
    word = error.get("message", "")
    return error.get("code"), f"{word} {detail}" if detail else word


def _binance(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    return answer.get("code"), answer.get("msg", "")


def _bybit(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    return answer.get("retCode"), answer.get("retMsg", "")


def _okx(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    """Read an order's own code: the outer one only says that some failed."""
    data = answer.get("data")
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    if first.get("sCode"):
        return first["sCode"], first.get("sMsg", "")
    return answer.get("code"), answer.get("msg", "")


def _none(_answer: Mapping[str, Any]) -> tuple[Any, Any]:
    return None, ""


_READERS: Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, Any]]] = {
    "deribit": _deribit,
    "binanceusdm": _binance,
    "bybit": _bybit,
    "okx": _okx,
}


def _name(error: BaseException) -> str:
    return type(error).__name__
