"""Executing: how patient the settings may let hedges be.

A person is woken for a gap that stays open. A hedge that rests must be over
before: its patience, the withdrawal of what rests and the order that takes the
rest all fit into that time.
"""

from collections.abc import Iterator

from rebalancer.core.commands import Style
from rebalancer.core.execution import LEAST
from rebalancer.core.guards.throttle import left
from rebalancer.settings.context import Context
from rebalancer.settings.faults import MISSING, Finding, Place
from rebalancer.settings.styles import Execution

SECOND = 1_000_000_000  # ns
MINUTE = 60 * SECOND
_THROTTLE = (("guards", "behaviour", "hedges_per_minute"),)
ANSWERS = 2  # a withdrawal and the order after it, each with the time that a venue has to answer


def executing(context: Context) -> Iterator[Finding]:
    """Yield what is wrong with the patience of hedges."""
    for name, underlying in context.settings.underlyings.items():
        own, place = underlying.execution, ("underlyings", name, "execution")
        if own.style is Style.IOC:
            continue
        yield from _patience(context, own, place)
        if own.style is Style.TWAP:
            yield from _slices(own, place)
            yield from _pace(context, own.every, (*place, "every"))
        if own.style is Style.CHASE:
            yield from _pace(context, own.reprice, (*place, "reprice"))
            yield from _drift(context, own, place)
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


def _pace(context: Context, pause: int, place: Place) -> Iterator[Finding]:
    """Yield a pause (ns) so short that the throttle would stop an attempt in its middle."""
    most = context.settings.guards.behaviour.hedges_per_minute
    if pause < SECOND or pause * (left(most) - 1) < MINUTE:
        least = MINUTE / max(left(most) - 1, 1)
        must = f"must be at least {least / SECOND:.1f}s under {most} hedges_per_minute"
        yield Finding(place, must, _seconds(pause), "", _THROTTLE)


def _drift(context: Context, own: Execution, place: Place) -> Iterator[Finding]:
    """Yield a patience in which a market that runs away could use up the throttle."""
    told = context.settings.guards.behaviour.hedges_per_minute
    most = LEAST * left(told)
    if most < min(own.patience, MINUTE):
        must = (
            f"must be at most {_seconds(most)} under {told} hedges_per_minute:"
            f" a chase may put its price anew every {_seconds(LEAST)}"
        )
        yield Finding((*place, "patience"), must, _seconds(own.patience), "", _THROTTLE)


def _seconds(ns: int) -> str:
    return f"{ns / SECOND:g}s"
