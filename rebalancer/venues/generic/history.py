"""History of an account by its profile: fills, funding and the ledger, each as far as it is told.

A fill needs the id of its order and its fee. Where its row has no id the order
is asked, once; where it has no fee the list that knows it is. A fill whose fee
is not told yet is held back: the position then differs, and is told later. What
no rule gives a sign is not booked either, and shows as a difference of cash.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rebalancer.core.events import AccountEvent, Fill
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock
from rebalancer.settings.profiling import ReadingTable
from rebalancer.venues.accounts import History, Placed
from rebalancer.venues.budget import Lane
from rebalancer.venues.generic import paths
from rebalancer.venues.generic.calls import GenericCalls
from rebalancer.venues.generic.rows import Reader
from rebalancer.venues.outcome import KeyRefused, Malformed
from rebalancer.venues.payloads import Row

AROUND = 60 * SECOND  # ns before a fill from where its fee is looked for


@dataclass(slots=True)
class _Look:
    """One look at the past: a list that several questions ask is asked for once."""

    calls: GenericCalls
    since: int
    lane: Lane
    _known: dict[str, list[Row]] = field(default_factory=dict)

    async def rows(self, reading: ReadingTable) -> list[Row]:
        """Return the rows of a question since the beginning of the look."""
        key = f"{reading.call} {reading.given} {reading.params} {reading.rows}"
        if key not in self._known:
            self._known[key] = await self.calls.pages(reading, self.since, self.lane)
        return self._known[key]


class GenericHistory:
    """Reads what one account was booked.

    Args:
        calls: Ask the venue.
        clock: For the events' times.
        reader: Of rows.
        by_id: Returns an order by the venue's own id, and that of its instrument.
    """

    def __init__(
        self,
        calls: GenericCalls,
        clock: Clock,
        reader: Reader,
        by_id: Callable[[str, str], Awaitable[Placed | None]],
    ) -> None:
        self._calls, self._clock, self._reader = calls, clock, reader
        self._by_id = by_id
        self.labels: dict[str, str] = {}  # the venue's id of an order → its label, as far as known

    async def read(self, since: int) -> History:
        """Return the bookings since a time, by venue time, each once.

        A list that is not answered takes nothing away from the others.

        Raises:
            KeyRefused: All of them would be refused.
        """
        look = _Look(self._calls, since, Lane.POLL)
        found: dict[tuple[str, str, str], AccountEvent] = {}
        fault: Unavailable | None = None
        for part in (self._fills, self._funding, self._moved):
            try:
                events, wrong = await part(look)
            except KeyRefused:
                raise
            except Unavailable as error:
                fault = fault or error
                continue
            fault = fault or wrong
            for key, event in events:
                found.setdefault(key, event)
        ordered = sorted(
            found.values(), key=lambda it: (it.ts_venue or 0, not isinstance(it, Fill))
        )
        return History(ordered, fault)

    async def fills(
        self, since: int, wanted: Callable[[str, str], bool], lane: Lane
    ) -> Sequence[Fill]:
        """Return the fills since a time of wanted orders, oldest first.

        Args:
            since: ns.
            wanted: Whether an order is, by the venue's id and its label.
            lane: Of the questions.

        Raises:
            Unavailable: One of them cannot be told yet.
        """
        look = _Look(self._calls, since, lane)
        told, fault = await self._told(look, wanted)
        if fault is not None:
            raise fault
        fills = {each.trade_id: each for each in told}
        return sorted(fills.values(), key=lambda each: each.ts_venue or 0)

    async def _fills(self, look: _Look) -> "_Booked":
        told, fault = await self._told(look, lambda *_: True)
        return [(("fill", each.instrument, each.trade_id), each) for each in told], fault

    async def _told(
        self, look: _Look, wanted: Callable[[str, str], bool]
    ) -> tuple[list[Fill], Unavailable | None]:
        reading = self._calls.reading("fills")
        at, where = reading.fields, f"{self._reader.account} fill"
        fees: Mapping[str, tuple[Decimal, str]] | None = None
        found: list[Fill] = []
        fault: Unavailable | None = None
        for row in await look.rows(reading):
            if self._reader.names.elsewhere(paths.word(row, at["name"], where)):
                continue
            order = paths.word(row, at["order"], where)
            label = await self._label(row, reading, order)
            if not wanted(order, label):
                continue
            if "fee" in at:
                fee = paths.number(row, at["fee"], where)
                currency = self._reader.code(paths.word(row, at["fee_currency"], where))
                told: tuple[Decimal, str] | None = (fee, currency)
            else:
                fees = await self._fees(look) if fees is None else fees
                told = fees.get(paths.word(row, at["id"], where))
            if told is None:
                name = paths.word(row, at["id"], where)
                fault = fault or Malformed(f"{where}: the fee of {name} must be told, was not yet")
                continue
            found.append(self._reader.fill(row, self._clock.now(), told, label))
        return found, fault

    async def _label(self, row: Row, reading: ReadingTable, order: str) -> str:
        """Return the label of a fill's order; asked for once where fills bear none.

        A venue may leave it out of a single row: what is known of the order counts.
        """
        if "label" in reading.fields:
            told = self._reader.label(row, reading.fields, f"{self._reader.account} fill")
            return told or self.labels.get(order, "")
        if order not in self.labels:
            name = paths.word(row, reading.fields["name"], f"{self._reader.account} fill")
            placed = await self._by_id(order, self._reader.names.instrument(name))
            self.labels[order] = "" if placed is None else placed.label
        return self.labels[order]

    async def _fees(self, look: _Look) -> Mapping[str, tuple[Decimal, str]]:
        """Return what was paid for each fill, by its id."""
        reading, reader = self._calls.reading("fees"), self._reader
        at, where = reading.fields, f"{reader.account} fee"
        found: dict[str, tuple[Decimal, str]] = {}
        for row in await look.rows(reading):
            key, fee = paths.word(row, at["id"], where), paths.amount(row, at["fee"], where)
            currency = paths.word(row, at["currency"], where)
            if key and fee is not None and reader.names.market(currency) is None:
                before = found.get(key, (Decimal(0), ""))[0]
                found[key] = (before + fee, reader.code(currency))
        return found

    async def _funding(self, look: _Look) -> "_Booked":
        reader, ts = self._reader, self._clock.now()
        rows = await look.rows(self._calls.reading("funding"))
        told = (reader.funding(row, ts) for row in rows)
        return [
            ((each.instrument, "funding", each.payment_id), each) for each in told if each
        ], None

    async def _moved(self, look: _Look) -> "_Booked":
        reader, ts, values = self._reader, self._clock.now(), self._calls.own()
        rows = await look.rows(self._calls.reading("ledger"))
        told = (reader.moved(row, ts, values) for row in rows)
        return [((each.currency, "cash", each.cash_id), each) for each in told if each], None


_Booked = tuple[list[tuple[tuple[str, str, str], AccountEvent]], Unavailable | None]
