"""Executing: how patient the settings may let hedges be.

A person is woken for a gap that stays open. A hedge that rests must be over
before: its patience, the withdrawal of what rests and the order that takes the
rest all fit into that time.
"""

from collections.abc import Iterator

from rebalancer.core.params import Style
from rebalancer.settings.context import Context
from rebalancer.settings.faults import MISSING, Finding, Place
from rebalancer.settings.styles import Execution

SECOND = 1_000_000_000  # ns
MINUTE = 60 * SECOND
ANSWERS = 2  # a withdrawal and the order after it, each with the time that a venue has to answer
SPARE = 4  # orders of a minute that a chase leaves to the throttle: the first, the last, and two


def executing(context: Context) -> Iterator[Finding]:
    """Yield what is wrong with the patience of hedges."""
    for name, underlying in context.settings.underlyings.items():
        own, place = underlying.execution, ("underlyings", name, "execution")
        if own.style is Style.IOC:
            continue
        yield from _patience(context, own, place)
        if own.style is Style.TWAP:
            yield from _slices(own, place)
        if own.style is Style.CHASE:
            yield from _pace(context, own, place)
        if own.urgent == 1:
            must = "must be above 1: at 1 every hedge is urgent"
            yield Finding((*place, "urgent"), must, "1")


def _patience(context: Context, own: Execution, place: Place) -> Iterator[Finding]:
    settings = context.settings
    alarm, answer = settings.guards.unhedged_alert, settings.orders.timeout
    most = alarm - ANSWERS * answer
    if own.patience > most:
        must = (
            f"must be at most {_seconds(max(most, 0))}: guards.unhedged_alert"
            f" less {ANSWERS} times orders.timeout"
        )
        needs = (("guards", "unhedged_alert"), ("orders", "timeout"))
        yield Finding((*place, "patience"), must, _seconds(own.patience), "", needs)


def _slices(own: Execution, place: Place) -> Iterator[Finding]:
    if own.slice is None:
        yield Finding((*place, "slice"), "must be given for style twap, in coins", MISSING)
    if own.every >= own.patience:
        must = f"must be shorter than patience ({_seconds(own.patience)}), else nothing is sliced"
        needs = ((*place, "patience"),)
        yield Finding((*place, "every"), must, _seconds(own.every), "", needs)


def _pace(context: Context, own: Execution, place: Place) -> Iterator[Finding]:
    """Yield a pace that the throttle would stop in the middle of a chase."""
    most = context.settings.guards.behaviour.hedges_per_minute
    if own.reprice < SECOND or own.reprice * (most - SPARE) < MINUTE:
        least = MINUTE / max(most - SPARE, 1)
        must = f"must be at least {least / SECOND:.1f}s under {most} hedges_per_minute"
        needs = (("guards", "behaviour", "hedges_per_minute"),)
        yield Finding((*place, "reprice"), must, _seconds(own.reprice), "", needs)


def _seconds(ns: int) -> str:
    return f"{ns / SECOND:g}s"
