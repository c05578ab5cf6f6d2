"""What one step of the world tells: market events, and what an exchange must do by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.events import (
    FundingRate,
    Index,
    Mark,
    MarketEvent,
    OptionMark,
    Quote,
    Trade,
)

Level = tuple[Decimal, Decimal]  # price in quote currency, on tick; contracts, whole lots; both > 0


@dataclass(frozen=True, slots=True)
class Book:
    """Displayed depth, best first; replaces what was displayed before."""

    instrument: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


def quote_of(book: Book, ts: int) -> Quote:
    """Return the touch of a book as it is told at `ts`; an empty side is None."""
    bid, bid_size = book.bids[0] if book.bids else (None, None)
    ask, ask_size = book.asks[0] if book.asks else (None, None)
    return Quote(ts, ts, book.instrument, bid, bid_size, ask, ask_size)


@dataclass(frozen=True, slots=True)
class FundingDue:
    """A funding stamp passed: who holds pays `rate` of notional at mark, + longs pay."""

    instrument: str
    rate: float  # fraction of notional, for the interval that ended


@dataclass(frozen=True, slots=True)
class SettlementDue:
    """A session ended: open profit moves into cash at `price`."""

    instrument: str
    price: Decimal  # mark, USD per coin


@dataclass(frozen=True, slots=True)
class DeliveryDue:
    """A dated contract ended at `price`; nothing is told of it any more."""

    instrument: str
    price: Decimal  # mean index of the last half hour, USD per coin


@dataclass(frozen=True, slots=True)
class WorldStep:
    """All that is true at `ts`; what the public sees of it, `market_events` says."""

    ts: int  # ns since 1970 UTC, also every event's ts_venue and ts_local
    books: tuple[Book, ...]
    quotes: tuple[Quote, ...]  # the touch of `books`
    trades: tuple[Trade, ...]  # false prints among them
    marks: tuple[Mark, ...]  # spot pairs, perpetuals, futures
    indexes: tuple[Index, ...]
    option_marks: tuple[OptionMark, ...]
    funding_rates: tuple[FundingRate, ...]
    funding_due: tuple[FundingDue, ...]
    settlements: tuple[SettlementDue, ...]
    deliveries: tuple[DeliveryDue, ...]
    silent: tuple[str, ...]  # instruments whose public feed is frozen


def market_events(step: WorldStep) -> tuple[MarketEvent, ...]:
    """Return what a feed shows of a step, in order: nothing of a silent instrument."""
    # The index moves the delta, so the books of the same moment come before it; a forward
    # is told against the index of its moment, so option marks come after.
    events: tuple[MarketEvent, ...] = (
        *step.marks,
        *step.quotes,
        *step.indexes,
        *step.option_marks,
        *step.funding_rates,
        *step.trades,
    )
    if not step.silent:
        return events
    return tuple(
        event for event in events if isinstance(event, Index) or event.instrument not in step.silent
    )


def join(ts: int, parts: Sequence[WorldStep]) -> WorldStep:
    """Return the steps of the world's parts as one, in their order."""
    return WorldStep(
        ts,
        books=tuple(each for part in parts for each in part.books),
        quotes=tuple(each for part in parts for each in part.quotes),
        trades=tuple(each for part in parts for each in part.trades),
        marks=tuple(each for part in parts for each in part.marks),
        indexes=tuple(each for part in parts for each in part.indexes),
        option_marks=tuple(each for part in parts for each in part.option_marks),
        funding_rates=tuple(each for part in parts for each in part.funding_rates),
        funding_due=tuple(each for part in parts for each in part.funding_due),
        settlements=tuple(each for part in parts for each in part.settlements),
        deliveries=tuple(each for part in parts for each in part.deliveries),
        silent=tuple(each for part in parts for each in part.silent),
    )
