"""The calendar: what a venue does by the clock, put between the items of a recording.

Deribit moves open profit into cash daily at 08:00 UTC; held contracts end at
their expiry. Both use the last price known before that moment.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from rebalancer.core.events import Index, Mark, OptionMark
from rebalancer.core.instruments import Instrument
from rebalancer.errors import Defect
from rebalancer.venues.feeds import Timed
from rebalancer.venues.paper import Delivery, MarketItem, SessionEnd

DAY = 86_400_000_000_000  # ns
SETTLEMENT = 8 * 3_600_000_000_000  # ns after midnight UTC


def dated(
    items: Iterator[Timed],
    instruments: Mapping[str, Instrument],
    held: Sequence[Instrument],
    traded: Sequence[str],
) -> Iterator[Timed]:
    """Yield the items with the settlements and deliveries that fall between them.

    Args:
        items: In time order.
        instruments: By id.
        held: What the book holds at the start.
        traded: Ids of what is held or hedged with and has no curvature.
    """
    indexes: dict[str, Decimal] = {}
    marks: dict[str, Decimal] = {}
    due: list[tuple[int, MarketItem]] = []
    settled = [name for name in traded if _settles(instruments[name])]
    started = False
    for ts, item in items:
        if not started:
            started, due = True, _due(settled, held, ts)
        while due and due[0][0] <= ts:
            at, planned = due.pop(0)
            yield from _happen(instruments, at, planned, (indexes, marks))
            if isinstance(planned, SessionEnd):
                due.append((at + DAY, planned))
                due.sort(key=lambda each: each[0])
        match item:
            case Index():
                indexes[item.underlying] = item.price
            case Mark():
                marks[item.instrument] = item.price
            case OptionMark() if _over(instruments[item.instrument], ts):
                continue
            case _:
                pass
        yield ts, item


def _settles(instrument: Instrument) -> bool:
    return instrument.venue == "deribit" and instrument.margined


def _over(instrument: Instrument, ts: int) -> bool:
    return instrument.expiry is not None and ts >= instrument.expiry


def _due(
    settled: Sequence[str], held: Sequence[Instrument], start: int
) -> list[tuple[int, MarketItem]]:
    """Return what is due from `start` on, in time order; settlements repeat daily."""
    nowhere = Decimal(1)  # replaced by the price of the moment
    ends = [
        (each.expiry, Delivery(each.id))
        for each in held
        if each.expiry is not None and each.expiry >= start
    ]
    eight = start // DAY * DAY + SETTLEMENT
    first = eight if eight >= start else eight + DAY
    daily = [(first, SessionEnd(name, nowhere)) for name in settled]
    return sorted([*daily, *ends], key=lambda each: each[0])


def _happen(
    instruments: Mapping[str, Instrument],
    ts: int,
    planned: MarketItem,
    known: tuple[Mapping[str, Decimal], Mapping[str, Decimal]],
) -> Iterator[Timed]:
    """Yield a planned item at the price of the moment; nothing where no price is known."""
    indexes, marks = known
    match planned:
        case SessionEnd(instrument=name):
            if name in marks:
                yield ts, SessionEnd(name, marks[name])
        case Delivery(instrument=name):
            if instruments[name].underlying in indexes:
                yield ts, Delivery(name)
        case _:
            raise Defect(f"{type(planned).__name__} is not planned ahead")
