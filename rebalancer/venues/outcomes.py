"""Outcomes: what an answer, or the lack of one, proves about an order.

An error class is no verdict: ccxt maps one venue's "system error" and another's
"duplicate" to classes that sound final, and reads a truncated body as a refusal.
Only a code that stands in the venue's `codes` proves something, and only when it came in the
venue's own answer. What never left the machine was not sent. All else is unknown
and has to be looked up.

Texts of ccxt's errors carry signed addresses. Nothing of them is passed on but
class, code and the venue's own short word.
"""

import json
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp
import ccxt

from rebalancer.errors import Unavailable
from rebalancer.venues.binance import codes as binance
from rebalancer.venues.budget import Budget
from rebalancer.venues.bybit import codes as bybit
from rebalancer.venues.deribit import codes as deribit
from rebalancer.venues.okx import codes as okx
from rebalancer.venues.outcome import Codes, KeyRefused, Outcome, Refused
from rebalancer.venues.wording import WORDS, Barred, Misspelt

_WORD = re.compile(r"[^A-Za-z0-9_ .,:;()<>=-]+")  # what may not stand in a reason
_LONGEST = 120  # characters of a venue's own word


@dataclass(frozen=True, slots=True)
class Judgement:
    """An outcome and what it rests on."""

    outcome: Outcome
    reason: str
    code: str | None = None  # the venue's own


CODES: Mapping[str, Codes] = {
    "deribit": deribit.CODES,
    "binance": binance.CODES,
    "binanceusdm": binance.CODES,
    "binancecoinm": binance.CODES,
    "bybit": bybit.CODES,
    "okx": okx.CODES,
}
"""Venue → what its codes prove."""
NONE = Codes({}, frozenset(), lambda _: (None, ""))


def judge(
    venue: str, error: BaseException, sends: Sequence[str], codes: Codes | None = None
) -> Judgement:
    """Return what an error proves about the order that was to be sent.

    Args:
        venue: ccxt id.
        error: What ccxt raised.
        sends: The attempts that reached the wire, as `connection.sending` counted.
        codes: What the venue's codes prove; None: as its package has them.
    """
    reason, cause = _name(error), error.__cause__
    if cause is not None:
        reason = f"{reason} ({_name(cause)})"
    if not sends and isinstance(cause, Misspelt):
        return Judgement(Outcome.NOT_SENT, f"its request is misspelt: {cause}")
    if not sends and isinstance(cause, Barred):
        return Judgement(Outcome.NOT_SENT, str(cause))
    if not sends or isinstance(
        cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | socket.gaierror
    ):
        return Judgement(Outcome.NOT_SENT, reason)
    if cause is not None or not isinstance(error, ccxt.BaseError):
        return Judgement(Outcome.UNKNOWN, reason)
    codes = CODES.get(venue, NONE) if codes is None else codes
    code, word = said(venue, error, codes)
    if code is None:
        return Judgement(Outcome.UNKNOWN, reason)
    outcome = codes.proofs.get(code, Outcome.UNKNOWN)
    return Judgement(outcome, f"{code} {word}".strip(), code)


def explain(venue: str, what: str, error: BaseException, codes: Codes | None = None) -> Unavailable:
    """Return the error to raise when something other than an order failed.

    Args:
        venue: ccxt id.
        what: What was asked for.
        error: What ccxt raised; its text stays here.
        codes: What the venue's codes prove; None: as its package has them.
    """
    if isinstance(error, Unavailable):
        return error
    codes = CODES.get(venue, NONE) if codes is None else codes
    code, word = said(venue, error, codes)
    cause = error.__cause__
    detail = f"{code} {word}".strip() if code else _name(error)
    if cause is not None:
        detail = f"{detail} ({_name(cause)})"
    text = f"{venue} did not answer {what}: {detail}"
    if code in codes.key or (code is None and isinstance(error, ccxt.AuthenticationError)):
        return KeyRefused(f"{venue} refused our key for {what}: {detail}")
    if code is not None:
        return Refused(f"{venue} refused {what}: {detail}", code)
    return Unavailable(text)


def heed(
    budget: Budget, venue: str, what: str, error: BaseException, codes: Codes | None = None
) -> Unavailable:
    """Return what `explain` does; the budget rests where the answer's code says "too many".

    Some venues say so with an HTTP status, which the connection hears, others in
    the words of an answer like any other.
    """
    codes = CODES.get(venue, NONE) if codes is None else codes
    code, _ = said(venue, error, codes)
    if code is not None and codes.proofs.get(code) is Outcome.LIMITED:
        budget.complained()
    return explain(venue, what, error, codes)


def said(venue: str, error: BaseException, codes: Codes | None = None) -> tuple[str | None, str]:
    """Return the code and the short word of a venue's answer; (None, "") where there is none."""
    if not isinstance(error, ccxt.BaseError) or error.__cause__ is not None:
        return None, ""
    codes = CODES.get(venue, NONE) if codes is None else codes
    body = str(error).removeprefix(f"{venue} ")
    if body in codes.words:
        return codes.words[body], body
    try:
        answer = json.loads(body[max(body.find("{"), 0) :])  # ccxt may put words of its own before
    except ValueError:
        worded = None if codes.worded is None else codes.worded.search(body)
        return (None, "") if worded is None else (worded[1], "")
    code, word = codes.said(answer) if isinstance(answer, dict) else (None, "")
    if code is None or isinstance(code, bool) or not isinstance(code, int | str):
        return None, ""
    word = str(word) if len(body) <= WORDS else ""  # nobody looked for secrets in what is longer
    return str(code), _WORD.sub(" ", word)[:_LONGEST].strip()


def _name(error: BaseException) -> str:
    return type(error).__name__
