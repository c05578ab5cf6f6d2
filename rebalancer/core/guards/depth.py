"""Depth guard: take no more than a share of what is there, of the book and of the contract.

An order that takes most of what a book shows moves the price against itself.
A position that is much of a contract's open interest cannot be left again
without doing so, so growth ends before; what closes it passes.
"""

from decimal import Decimal
from typing import NamedTuple

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason, Verdict
from rebalancer.core.growth import exact, within

NAME = "depth"


class Depth(NamedTuple):
    """How much there is of the hedge instrument, and what part of it may be ours."""

    shown: Decimal | None  # on the side that the order hits, contracts; None: nobody tells
    share: float  # most of it that one order takes, fraction, > 0
    interest: Decimal | None  # open interest, contracts; None: not told, so not judged
    owned: float  # most of it that the position after the order may be, fraction, > 0


def judge(intent: HedgeIntent, depth: Depth) -> Verdict:
    """Return as much as book and open interest bear.

    Args:
        intent: The order to judge; one that protects takes what there is.
        depth: What there is. The book caps also what closes and what is
            required: the rest of it has the next book.

    Returns:
        A pass for the smaller of both caps, measured in contracts: the order
        against its share of the book, or the position after it against its
        share of the open interest.
    """
    whole = abs(intent.quantity)
    if intent.purpose is Purpose.PROTECT:
        return Verdict(NAME, whole)
    if depth.shown is None:
        return Verdict(NAME, Decimal(0), Reason.DEPTH_MISSING, subject=intent.instrument)
    of_book = _capped(intent, depth.shown * exact(depth.share))
    if depth.interest is None:
        return of_book
    return min(of_book, _owned(intent, depth.interest * exact(depth.owned)), key=_allows)


def _capped(intent: HedgeIntent, most: Decimal) -> Verdict:
    """Return what of an order the book bears."""
    whole = abs(intent.quantity)
    told = (float(whole), float(most), intent.instrument)
    if whole <= most:
        return Verdict(NAME, whole, None, *told)
    return Verdict(NAME, most, Reason.DEPTH_TOO_THIN, *told)


def _owned(intent: HedgeIntent, most: Decimal) -> Verdict:
    """Return what of an order the open interest bears."""
    whole = abs(intent.quantity)
    stays = Decimal(0) if intent.closing else abs(intent.position)
    allowed = within(intent, most - stays, Decimal(1))
    after = float(abs(intent.position + intent.quantity))
    reason = None if allowed == whole else Reason.OPEN_INTEREST_SHARE
    return Verdict(NAME, allowed, reason, after, float(most), intent.instrument)


def _allows(verdict: Verdict) -> Decimal:
    return verdict.allows
