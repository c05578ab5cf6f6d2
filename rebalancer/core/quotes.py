"""What the markets last said, and how old each word is.

The age of an input runs from when its venue time, or else its content, last
*advanced*: a feed that repeats an old price is as old as that price. A word
that cannot be true (not finite, not positive) is not taken down and counted.
"""

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from rebalancer.core.events import FundingRate, Index, Mark, MarketEvent, OptionMark, Quote
from rebalancer.core.figures import OpenInterest

Key = TypeVar("Key")
Word = TypeVar("Word", Quote, Mark, OptionMark, FundingRate, Index, OpenInterest)


@dataclass(slots=True)
class Markets:
    """Latest inputs by instrument (indexes by venue and underlying), and when each advanced."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    options: dict[str, OptionMark] = field(default_factory=dict)
    funding: dict[str, FundingRate] = field(default_factory=dict)
    indexes: dict[tuple[str, str], Index] = field(default_factory=dict)
    interests: dict[str, OpenInterest] = field(default_factory=dict)
    advanced: dict[tuple[str, str], int] = field(default_factory=dict)  # (kind, subject) → ns
    refused: int = 0  # inputs not taken down


LEAST, MOST = 1e-12, 1e12  # a price or size beyond is a fault of whoever sent it
VOL_MOST = 10.0  # per year; above it somebody sent per cent
SKEW = 1_000_000_000  # ns that two clocks may differ by; beyond it nothing is traded


def _finite(number: Decimal | float) -> bool:
    return number.is_finite() if isinstance(number, Decimal) else math.isfinite(number)


def _sound(number: Decimal | float | None) -> bool:
    return number is None or (_finite(number) and LEAST <= float(number) <= MOST)


def believable(event: MarketEvent) -> bool:
    """Whether every number of a market event can be true at all.

    An empty side of a quote is None and may be; zero, negative, NaN and
    infinite prices, sizes, vols and forwards may not, nor a vol above 1,000 %.
    A rate may have any sign. Nothing can have happened later than now.
    """
    if event.ts_venue is not None and event.ts_venue > event.ts_local + SKEW:
        return False
    match event:
        case Quote():
            return all(map(_sound, (event.bid, event.bid_size, event.ask, event.ask_size)))
        case OptionMark():
            priced = event.price == 0 or _sound(event.price)
            return priced and _sound(event.vol) and event.vol <= VOL_MOST and _sound(event.forward)
        case FundingRate():
            return math.isfinite(event.rate) and event.interval > 0
        case OpenInterest():
            return _sound(event.contracts)
        case _:
            return _sound(event.price)


def _slot(event: MarketEvent) -> tuple[str, str]:
    subject = f"{event.venue}:{event.underlying}" if isinstance(event, Index) else event.instrument
    return type(event).__name__, subject


def _content(event: MarketEvent | None) -> tuple[object, ...]:
    match event:
        case Quote():
            return event.bid, event.bid_size, event.ask, event.ask_size
        case OptionMark():
            return event.price, event.vol, event.forward
        case FundingRate():
            return event.rate, event.next_ts
        case OpenInterest():
            return (event.contracts,)
        case None:
            return ()
        case _:
            return (event.price,)


def take_down(markets: Markets, event: MarketEvent) -> bool:
    """Write down a market event; False when it was old, doubled or unbelievable.

    An event whose venue time is before the last one's is dropped: streams that
    reconnect replay the past. New content under the same venue time is taken
    but makes the input no younger: where a venue tells the time, a clock of
    its that stands still is a reason for doubt. Trades are not kept: a last
    price decides nothing.
    """
    if not believable(event):
        markets.refused += 1
        return False
    match event:
        case Quote():
            return _put(markets, markets.quotes, event.instrument, event)
        case Mark():
            return _put(markets, markets.marks, event.instrument, event)
        case OptionMark():
            return _put(markets, markets.options, event.instrument, event)
        case FundingRate():
            return _put(markets, markets.funding, event.instrument, event)
        case Index():
            return _put(markets, markets.indexes, (event.venue, event.underlying), event)
        case OpenInterest():
            return _put(markets, markets.interests, event.instrument, event)
        case _:
            return False


def _put(markets: Markets, shelf: dict[Key, Word], key: Key, event: Word) -> bool:
    last = shelf.get(key)
    changed = _content(event) != _content(last)
    if last is not None and event.ts_venue is not None and last.ts_venue is not None:
        if event.ts_venue < last.ts_venue:
            return False
        moved = event.ts_venue > last.ts_venue
    else:
        moved = changed
    if moved:
        markets.advanced[_slot(event)] = true_since(event)
    if moved or changed:
        shelf[key] = event
    return moved or changed


def true_since(event: MarketEvent) -> int:
    """Return since when a word is true, ns: when it came, unless the venue says much earlier."""
    late = event.ts_venue is not None and event.ts_local - event.ts_venue > SKEW
    return event.ts_venue if late and event.ts_venue is not None else event.ts_local


def age(markets: Markets, kind: type, subject: str, ts: int) -> int | None:
    """Return ns since an input last advanced; None when it was never told."""
    at = markets.advanced.get((kind.__name__, subject))
    return None if at is None else ts - at
