"""Listings: whether what the book hedges with and holds is still traded, on the terms it knows.

Each instrument is asked after by itself, hourly and as soon as an order is
answered with "no such instrument": to load all of a venue's markets would stop
the event loop for half a second. What is gone, closed or changed is told to the
book, and no order of ours leaves for it until a look has found it fit. A venue
that takes no orders anyhow is not asked: what is locked is not delisted.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import ccxt

from rebalancer.core.events import Event, InstrumentUnfit, Unfit
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock, Log
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.connection import Connection
from rebalancer.venues.hold import VenueHold
from rebalancer.venues.outcome import Malformed, Refused
from rebalancer.venues.outcomes import heed
from rebalancer.venues.payloads import Row, optional, table
from rebalancer.venues.profile import NOT_LISTED, OTHER, Profile
from rebalancer.venues.requests import Market, coarser
from rebalancer.venues.terms import resized

EVERY = 3_600 * SECOND  # ns between two looks
AGAIN = 10 * SECOND  # ns after one that was not answered, or that found a book locked
LAST = 60 * SECOND  # ns before its expiry in which nobody asks after an instrument any more
DENIED = "the venue says that there is none, and is asked"


@dataclass(frozen=True, slots=True)
class _Found:
    """What one look found of one instrument."""

    how: Unfit | None = None  # None: it is fit
    what: str = ""
    passing: bool = False  # whether it is closed in a way that ends by itself
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a watch sits."""

    connection: Connection
    profile: Profile
    budget: Budget
    clock: Clock
    log: Log
    hold: VenueHold


class ListingWatch:
    """A `ports.Feed` of instruments that are not what the book takes them for.

    Args:
        seat: Venue, clock, budget and log.
        hedges: Ids of what orders go to.
        instruments: By id; cash and what lies elsewhere is passed over.
        markets: What orders are made by; changed only when an operator arms.
    """

    def __init__(
        self,
        seat: Seat,
        hedges: Iterable[str],
        instruments: Mapping[str, Instrument],
        markets: MutableMapping[str, Market],
    ) -> None:
        self._seat, self._listing = seat, seat.profile.listing
        self._hedges, self._markets = tuple(hedges), markets
        self._wanted: dict[str, Instrument] = {}
        self._first: dict[str, Row] = {}  # id → terms that hold
        self._last: dict[str, Row] = {}  # id → terms that were told last
        self._barred: dict[str, str] = {}  # id → why no order leaves for it
        self._wake = asyncio.Event()
        self._unread = False  # whether the log knows that a look was not answered
        self._left: dict[str, None] = {}  # ids that are still to be asked after
        self._due = seat.clock.monotonic()  # ns of the next look at all of them
        self.hold((), instruments)

    def hold(self, held: Iterable[str], instruments: Mapping[str, Instrument]) -> None:
        """Look after the hedge instruments, and these."""
        known = [instruments[each] for each in (*self._hedges, *held) if each in instruments]
        venue = self._seat.connection.venue
        own = (each for each in known if each.venue == venue and each.kind is not Kind.CASH)
        wanted = {each.id: each for each in own}
        new = wanted.keys() - self._wanted.keys()
        if new:
            self._left |= {name: None for name in wanted if name in new}
            self._wake.set()
        self._wanted = wanted

    def refusal(self, instrument: str) -> str | None:
        """Return why no order may go to an instrument; None where one may."""
        why = self._barred.get(instrument)
        return None if why is None else f"{instrument}: {why}"

    def heard(self, instrument: str, error: BaseException, code: str | None) -> None:
        """Take note of how an order failed: where there is no such instrument, look at once."""
        if code in self._listing.denied or isinstance(error, ccxt.BadSymbol):
            self._barred.setdefault(instrument, DENIED)
            self._left[instrument] = None
            self._wake.set()

    def now(self) -> None:
        """Look at all of them at once."""
        self._due = self._seat.clock.monotonic()
        self._wake.set()

    def armed(self) -> None:
        """Take over new steps and minima, which an operator has seen, and look at once."""
        for name, row in self._last.items():
            if not _changes(self._first[name], row, self._listing.grave):
                self._first[name] = row
                self._retell(name, row)
        self.now()

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Look until canceled."""
        while True:
            self._wake.clear()
            clock = self._seat.clock
            timer = clock.call_at(clock.now() + await self.look(deliver), self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()

    async def look(self, deliver: Callable[[Event], None]) -> int:
        """Ask after all, once an hour, else after what is left; return ns until the next look.

        One that is not answered ends the look and comes last in the next one.
        """
        now = self._seat.clock.monotonic()
        if now >= self._due:
            self._left |= dict.fromkeys(self._wanted)
            self._due = now + EVERY
        whole: list[Row] = []  # the answer that tells all of them, while this look lasts
        for name in tuple(self._left):
            instrument = self._wanted.get(name)
            if instrument is None or self._over(instrument) or not self._listing.call:
                self._left.pop(name, None)
                continue
            if self._seat.hold.refusal() is not None:
                return AGAIN
            self._left.pop(name, None)
            try:
                found = await self._ask(name, instrument.name, whole)
            except Unavailable as error:
                self._left[name] = None
                self._say_unread(name, error)
                return AGAIN
            if self._seat.hold.refusal() is not None or not self._judge(name, found, deliver):
                self._left[name] = None
        self._unread = self._unread and bool(self._left)
        return AGAIN if self._left else max(self._due - self._seat.clock.monotonic(), 1)

    def _say_unread(self, name: str, error: Unavailable) -> None:
        if not self._unread:
            self._seat.log.warning("instrument.unread", instrument=name, error=str(error))
        self._unread = True

    def _over(self, instrument: Instrument) -> bool:
        """Whether an instrument is delivered, or is in its last minute by a clock that may lag."""
        now = self._seat.clock.now()
        return instrument.expiry is not None and instrument.expiry - now <= LAST

    def _judge(self, name: str, found: _Found, deliver: Callable[[Event], None]) -> bool:
        """Bar or free an instrument; return whether it is what it is for good."""
        if found.row is not None:
            self._last[name] = found.row
        if found.passing:
            if name in self._hedges:
                self._barred[name] = found.what
                self._seat.hold.bar(name, "its listing", found.what)
            return False
        if name in self._hedges:
            self._seat.hold.bar(name, "its listing", None)
        if found.how is None:
            if name not in self._left:  # else an order was denied after this was asked
                self._barred.pop(name, None)
        else:
            self._barred[name] = found.what
            deliver(InstrumentUnfit(self._seat.clock.now(), name, found.how, found.what))
        return True

    async def _ask(self, name: str, native: str, whole: list[Row]) -> _Found:
        seat, listing = self._seat, self._listing
        params = {listing.name: native} if listing.asks is None else dict(listing.asks(native))
        answer: Any = whole[0] if whole else None
        try:
            if answer is None:
                await seat.budget.wait(OTHER, Lane.POLL)
                answer = await getattr(seat.connection.exchange, listing.call)(params)
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry addresses
            told = heed(seat.budget, seat.connection.venue, listing.call, error)
            code = told.code if isinstance(told, Refused) else None
            seat.hold.heard(code)
            if code in listing.unknown:
                return _Found(Unfit.GONE, f"{seat.connection.venue} knows none of this name")
            raise told from None
        answer = table(answer, listing.call)
        told = listing.read(answer)
        if not params:
            whole[:] = [answer]
            told = table(told, listing.call).get(native, NOT_LISTED)
        if told is NOT_LISTED:
            return _Found(Unfit.GONE, f"{seat.connection.venue} lists none of this name")
        row = listing.row(table(told, listing.call))
        if row.get(listing.name) != params.get(listing.name, native):
            raise Malformed(f"{listing.call}: must be about {native}")
        return self._read(row, name)

    def _read(self, row: Row, name: str) -> _Found:
        """Return what an answer means, held against the terms that hold."""
        listing, first = self._listing, self._first.setdefault(name, row)
        state = str(row.get(listing.state) or "")
        if state in listing.passing:
            return _Found(what=f"its book is {state}", passing=True, row=row)
        active = row.get(listing.active) is True if listing.active else bool(state)
        if not active or (state and state not in listing.open):
            return _Found(Unfit.CLOSED, f"not traded ({state or 'inactive'})", row=row)
        changed = _changes(first, row, {**listing.grave, **listing.steps})
        if changed:
            return _Found(Unfit.CHANGED, ", ".join(changed), row=row)
        wrong = resized(self._wanted[name], row, self._seat.profile)
        if wrong is not None:
            return _Found(Unfit.CHANGED, wrong, row=row)
        return _Found(row=row)

    def _retell(self, name: str, row: Row) -> None:
        """Make orders by new steps from now on."""
        native, steps = self._wanted[name].name, self._listing.steps
        where = self._markets.get(native)
        tick, least = (optional(row, steps.get(each, "")) for each in ("tick", "minimum"))
        if where is not None and tick and least:
            step = (optional(row, steps["step"]) or where.step) if "step" in steps else least
            told = replace(where, step=step, minimum=least, tick=tick, coarser=coarser(row))
            self._markets[native] = told


def _changes(first: Row, row: Row, fields: Mapping[str, str]) -> list[str]:
    """Return what is not as it was, in words."""
    return [
        f"{what} was {_spelled(first.get(own))}, is {_spelled(row.get(own))}"
        for what, own in fields.items()
        if _spelled(first.get(own)) != _spelled(row.get(own))
    ]


def _spelled(value: Any) -> str:
    """Return a value so that equal ones look alike: 10.0 is 10."""
    number = optional({"": value}, "") if not isinstance(value, list | Mapping) else None
    if number is not None:
        return format(number.normalize() + Decimal(0), "f")
    if isinstance(value, list):
        return f"[{', '.join(_spelled(each) for each in value)}]"
    if isinstance(value, Mapping):
        return json.dumps({str(key): _spelled(each) for key, each in sorted(value.items())})
    return str(value)
