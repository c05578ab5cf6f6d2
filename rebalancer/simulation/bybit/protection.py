"""Disconnection protect: what rests goes some time after the last stream of it ended.

It is played as documented: it is on for some products of an account, each with a
window of 3 to 300 s; a private connection that subscribed to a product's topic
watches over it; once all of those are gone for the window, every open order of the
product is cancelled. A connection is gone when it ends, or when nothing was heard on
it for as long as its address says (`max_active_time`, ten minutes else).
"""

import re
from collections.abc import Mapping
from typing import Any

from rebalancer.core.instruments import Instrument
from rebalancer.ports import SECOND, Timer
from rebalancer.simulation.bybit.desk import Asking, Desk, category_of
from rebalancer.simulation.bybit.envelope import amount, text
from rebalancer.simulation.bybit.errors import invalid
from rebalancer.simulation.bybit.session import Session

TOPICS: Mapping[str, str] = {
    "dcp.future": "DERIVATIVES",
    "dcp.spot": "SPOT",
    "dcp.option": "OPTIONS",
}
PRODUCTS = {"spot": "SPOT", "option": "OPTIONS"}  # of a category; else derivatives
WINDOWS = range(3, 301)  # s
_ACTIVE = re.compile(r"max_active_time=(\d+)(s|m)")
_USUAL = 600 * SECOND  # ns of silence on a connection


def told(asking: Asking) -> Any:
    """Return what is protected, and for how long a stream may be gone."""
    rows = [
        {"product": name, "dcpStatus": "ON", "timeWindow": str(seconds)}
        for name, seconds in asking.desk.protected.items()
    ]
    return {"dcpInfos": rows}


def change(asking: Asking) -> Any:
    """Set the window of a product."""
    product = text(asking.params, "product", "OPTIONS")
    seconds = amount(asking.params, "timeWindow")
    if product not in TOPICS.values():
        raise invalid("product", "is none")
    if seconds is None or seconds not in WINDOWS:
        raise invalid("timeWindow", "must be 3 to 300")
    if product not in asking.desk.protected:
        raise invalid("product", "has no dcp; apply for it")
    asking.desk.protected[product] = int(seconds)
    return {}


def product_of(contract: Instrument) -> str:
    """Return under what an order in a contract is protected."""
    return PRODUCTS.get(category_of(contract), "DERIVATIVES")


class Protection:
    """Who watches over which orders.

    Args:
        desk: The venue.
        sessions: Those that are open, by number of their line.
    """

    def __init__(self, desk: Desk, sessions: Mapping[int, Session]) -> None:
        self._desk, self._sessions = desk, sessions
        self._idle: dict[int, Timer] = {}  # by number of a line: until it counts as dead

    def heard(self, session: Session) -> None:
        """Take note that a connection said something, perhaps that it watches from now on."""
        products = _watched(session)
        if not products:
            return
        for each in products:
            self._desk.timers.wind(_owner(session), 0, each)
        self._forget(session)
        clock, line = self._desk.place.clock, session.line
        self._idle[line.number] = clock.call_at(clock.now() + _patience(line.target), line.cut)

    def ended(self, session: Session) -> None:
        """Count from now on where it was the last that watched over a product."""
        self._forget(session)
        owner = _owner(session)
        others = [each for each in self._sessions.values() if _owner(each) == owner]
        watched = {name: None for each in others for name in _watched(each)}
        for each in _watched(session):
            if each not in watched and each in self._desk.protected:
                self._count(owner, each)

    def _count(self, owner: str, product: str) -> None:
        span = self._desk.protected[product] * SECOND
        self._desk.timers.wind(owner, span, product, lambda one: product_of(one) == product)

    def _forget(self, session: Session) -> None:
        timer = self._idle.pop(session.line.number, None)
        if timer is not None:
            timer.cancel()


def _owner(session: Session) -> str:
    return "" if session.key is None else session.key.account


def _watched(session: Session) -> list[str]:
    """Return the products that a connection watches over."""
    return [TOPICS[each] for each in session.account if each in TOPICS]


def _patience(target: str) -> int:
    """Return ns of silence after which a connection at an address counts as dead."""
    told = _ACTIVE.search(target)
    if told is None:
        return _USUAL
    return int(told[1]) * (60 if told[2] == "m" else 1) * SECOND
