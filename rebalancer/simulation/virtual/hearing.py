"""Hearing: what exchanges booked, and what of it the running process knows.

A process that falls forgets what it did not write down, and one that adopts an
account knows all that was booked there before.
"""

from collections.abc import Iterable

from rebalancer.core.events import Adopted, Booking, Event
from rebalancer.core.ids import decode
from rebalancer.exchange.records import AutoDeleveraged, CashMoved, Filled, Liquidated, Record

Key = tuple[str, str, str]  # account, kind of name, the venue's own name of a booking
OTHERS = (Filled, Liquidated, AutoDeleveraged, CashMoved)
Where = tuple[str, str]  # account, instrument; empty: its cash
NAMES = ("trade_id", "payment_id", "settlement_id", "delivery_id", "cash_id")


def booking_of(record: object) -> Key | None:
    """Return what names a booking for good; None for what is none."""
    for name in NAMES:
        told = getattr(record, name, None)
        if told is not None:
            return str(getattr(record, "account", "")), name, str(told)
    return None


class Hearing:
    """Watches one run."""

    def __init__(self) -> None:
        self.latest = 0  # ns of the youngest booking
        self._foreign: dict[Where, int] = {}  # ns of the youngest trade, cut or cash of others
        self.adopted: dict[str, int] = {}  # account → as of when it was adopted last, ns
        self._booked: dict[Key, int] = {}  # ns
        self._missing: dict[Key, int] = {}  # what the process does not know; ns
        self._others: dict[Key, str] = {}  # instrument of what somebody else than we traded
        self._told = -1  # ns at which it was last told what it did not know

    def whole(self, ts: int) -> bool:
        """Whether the process knew all at `ts`, ns: before what it was told at that instant."""
        return not self._missing and self._told != ts

    def surprised(self, instrument: str) -> bool:
        """Whether others traded an instrument of ours, or a venue cut it, and it is not known."""
        return any(self._others.get(key) == instrument for key in self._missing)

    @property
    def many(self) -> int:
        """How much was booked."""
        return len(self._booked)

    def moved(self, since: int) -> tuple[Where, ...]:
        """Return where others traded, moved cash or were cut from a time (ns) on."""
        return tuple(where for where, ts in self._foreign.items() if ts >= since)

    @property
    def missing(self) -> tuple[Key, ...]:
        """What the running process does not know."""
        return tuple(self._missing)

    def book(self, record: Record) -> bool:
        """Note what an exchange booked; False where it is no booking."""
        key = booking_of(record)
        if key is None:
            return False
        self._booked[key] = self._missing[key] = self.latest = record.ts
        if decode(getattr(record, "client_order_id", None) or "") is None:
            self._others[key] = str(getattr(record, "instrument", ""))
            if isinstance(record, OTHERS):
                self._foreign[key[0], self._others[key]] = record.ts
        return True

    def hear(self, event: Event, ts: int = -1) -> None:
        """Note what reached the process at `ts`, ns: news to it, or told again."""
        if isinstance(event, Adopted):
            as_of = event.ts_local if event.ts_venue is None else event.ts_venue
            self.adopted[event.account] = as_of
            for key in [key for key, ts in self._missing.items() if key[0] == event.account]:
                if self._missing[key] <= as_of:
                    del self._missing[key]
        elif isinstance(event, Booking):
            known = booking_of(event) or ("", "", "")
            if self._missing.pop(known, None) is not None:
                self._told = ts

    def begin(self, written: Iterable[Event]) -> None:
        """Note that another process begins, which knows what was written down."""
        self._missing = dict(self._booked)
        self.adopted.clear()
        for event in written:
            self.hear(event)

    def beside(self, account: str, within: int) -> bool:
        """Whether an account was booked within so many ns before it was adopted."""
        as_of = self.adopted.get(account)
        return as_of is not None and any(
            key[0] == account and as_of - within < ts <= as_of for key, ts in self._booked.items()
        )
