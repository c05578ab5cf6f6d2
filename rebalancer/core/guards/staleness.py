"""Staleness guard: a hedge rests only on inputs that are known and young enough."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason, Verdict

NAME = "staleness"
_SECOND = 1_000_000_000


class InputAge(NamedTuple):
    """How old one input of a decision is."""

    subject: str  # instrument, or venue:underlying of an index
    age: int | None  # ns since it advanced; None: never told
    limit: int  # ns
    missing: Reason  # what to say when it was never told
    stale: Reason  # what to say when it is too old
    protects: bool = False  # whether an order that protects rests on it too


def judge(intent: HedgeIntent, inputs: Iterable[InputAge]) -> Verdict:
    """Return a whole pass, or none with the first input that is missing or too old.

    Protect orders that only close need no fresh delta: only what is held, and
    how the account stands, must be known.
    """
    whole = abs(intent.quantity)
    protects = intent.purpose is Purpose.PROTECT and intent.closing == whole
    oldest, most = None, -math.inf  # measured against its limit
    for told in inputs:
        if protects and not told.protects:
            continue
        if told.age is None:
            return Verdict(NAME, Decimal(0), told.missing, subject=told.subject)
        if told.age > told.limit:
            age, limit = told.age / _SECOND, told.limit / _SECOND
            return Verdict(NAME, Decimal(0), told.stale, age, limit, told.subject)
        used = told.age / told.limit
        if used > most:
            oldest, most = (told.age, told.limit, told.subject), used
    if oldest is None:
        return Verdict(NAME, whole)
    return Verdict(NAME, whole, None, oldest[0] / _SECOND, oldest[1] / _SECOND, oldest[2])
