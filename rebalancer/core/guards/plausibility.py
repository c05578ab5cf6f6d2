"""Plausibility guard: hedge only where the index, which the delta rests on, can be true.

The collar holds the order's price against a reference; nothing in it sees the
index. One false word there makes a false delta and a real order. So the index
has to lie near the hedge instrument's own book: where the two are far apart
one of them is wrong, and nobody knows which. And a jump is only believed when
a second word confirms it: a false print comes alone.
"""

from decimal import Decimal
from typing import NamedTuple

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.events import Quote

NAME = "plausibility"


class Told(NamedTuple):
    """What is said of the price that the delta rests on."""

    price: float  # the index, USD per coin, > 0
    settled: float | None  # last one that was believed; None: there was none before
    jumped: bool  # whether the index lies a jump away from it, unconfirmed
    width: float  # most that index and book may lie apart, fraction of the index, > 0
    jump: float  # most that one word may move the index, fraction, > 0


def judge(intent: HedgeIntent, quote: Quote | None, told: Told) -> Verdict:
    """Return a whole pass, or none where the index contradicts the book or its own past.

    Args:
        intent: The order to judge; one that protects needs no index.
        quote: Top of the hedge instrument's book; an empty one is the collar's to refuse.
        told: The index and how far to trust it.
    """
    whole, none = abs(intent.quantity), Decimal(0)
    if intent.purpose is Purpose.PROTECT:
        return Verdict(NAME, whole)
    if told.jumped and told.settled is not None:
        moved = told.price / told.settled - 1.0
        return Verdict(NAME, none, Reason.INDEX_JUMPED, moved, told.jump, intent.underlying)
    bid, ask = (None, None) if quote is None else (quote.bid, quote.ask)
    if not bid and not ask:
        return Verdict(NAME, whole)
    middle = float(bid + ask) / 2 if bid and ask else float(bid or ask or 0)
    apart = middle / told.price - 1.0
    if abs(apart) <= told.width:
        return Verdict(NAME, whole, None, apart, told.width, intent.instrument)
    return Verdict(NAME, none, Reason.INDEX_IMPLAUSIBLE, apart, told.width, intent.instrument)
