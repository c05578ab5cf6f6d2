"""A flight as a recording: what the markets told a book that ran, for other settings to hedge.

Only the words of markets are taken from it. Orders, fills and positions of the
book that ran are its own; the exchange model plays those of each point. What a
venue books by the clock follows from the words: a settlement of funding at the
stamp that was told and at the last rate told for it, continuous funding each
hour, the session at 08:00 UTC, a delivery at its expiry.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any, get_args

from rebalancer.core.events import FundingRate, MarketEvent, Quote
from rebalancer.core.instruments import Instrument
from rebalancer.core.outside import OUTSIDE, is_outside
from rebalancer.core.positions import entry_price
from rebalancer.errors import ConfigError, DataError, Fault
from rebalancer.recordings import merge
from rebalancer.research.calendar import dated
from rebalancer.research.markets import RecordedMarket, Window, priced
from rebalancer.settings import Settings
from rebalancer.settings.venues import continuous_funding
from rebalancer.storage import codec
from rebalancer.storage.flight import snapshot
from rebalancer.storage.flight.reader import Reel, starts
from rebalancer.venues.feeds import Timed
from rebalancer.venues.paper import Depth, FundingAccrual, FundingStamp

SECOND = 1_000_000_000  # ns
HOUR = 3_600 * SECOND
DECIMALS = 12  # of a holding taken from a flight
WORDS = frozenset(each.__name__ for each in get_args(MarketEvent))


def open_flight(
    settings: Settings,
    folder: Path,
    instruments: Mapping[str, Instrument],
    held: Sequence[Instrument],
    window: Window,
) -> RecordedMarket:
    """Open the flight of a book as a market.

    Args:
        settings: Of the point.
        folder: Of the flight's files.
        instruments: Every instrument of the book, by id; words of others are passed over.
        held: What the book holds at the start.
        window: What to play.

    Raises:
        ConfigError: Nothing was recorded in the window.
        DataError: There is no flight, or a file cannot be trusted.
    """
    playing = merge.between(_words(folder, instruments), window.start, window.end)
    first = next(playing, None)
    if first is None:
        must = "must hold something between from and to"
        raise ConfigError(settings.book.id, (Fault("sweep.flight", must, "nothing"),))
    flowing = tuple(n for n, each in settings.venues.items() if continuous_funding(n, each))
    items = dated(_funded(first, playing, flowing), instruments, held, priced(settings, held))
    told = (f"flight of {folder}", "depth: the best level that was told")
    tick = (
        SECOND if settings.replay is None or settings.replay.tick is None else settings.replay.tick
    )
    return RecordedMarket(items, first[0], told, {}, "seconds", tick)


def holdings(folder: Path) -> list[dict[str, Any]]:
    """Return what the book held where its flight begins, as rows of a configuration.

    What is partly a hedge has one role, that of its larger part.

    Args:
        folder: Of the flight's files.

    Raises:
        DataError: There is no flight, or it was recorded by another release.
    """
    first = next(iter(starts(folder).values()))[0]
    state = snapshot.thaw(Reel(first).header().snapshot)
    found: list[dict[str, Any]] = []
    for (account, name), held in state.ledger.positions.items():
        instrument, outside = state.instruments[name], is_outside(account)
        entry = entry_price(instrument, held) if instrument.margined else None
        told = {"instrument": name} | ({} if entry is None else {"entry": _few(entry)})
        mostly = abs(held.hedge) > abs(held.quantity - held.hedge)
        role = "outside" if outside else "hedge" if mostly else "book"
        if held.quantity:
            found.append({**told, "quantity": held.quantity, "role": role})
    for (account, currency), balance in state.ledger.cash.items():
        if balance:
            where = account.removeprefix(f"{OUTSIDE}:") if is_outside(account) else account
            row = {"instrument": f"{where}:{currency}", "quantity": _few(balance)}
            found.append({**row, "role": "outside" if is_outside(account) else "book"})
    return found


def _few(number: Decimal) -> Decimal:
    """Return a number with no more decimals than a configuration takes."""
    return round(number, DECIMALS).normalize() + 0


def _words(folder: Path, instruments: Mapping[str, Instrument]) -> Iterator[Timed]:
    """Yield what markets said, in the order in which the book heard it."""
    last = 0
    for paths in starts(folder).values():
        for path in paths:
            reel = Reel(path)
            reel.header()
            for row in reel:
                if row.type not in WORDS:
                    continue
                if not row.intact:
                    must = "must be what was recorded there, is not"
                    raise DataError(f"{path}: line {reel.line}: {must}")
                event = codec.decode(row.record)
                name = getattr(event, "instrument", None)
                if name is not None and name not in instruments:
                    continue
                last = max(last, event.ts_local)
                if isinstance(event, Quote):
                    yield last, _depth(event)
                yield last, event


def _depth(quote: Quote) -> Depth:
    """Return what a quote shows of the book: orders reach no further."""
    bid, ask = (quote.bid, quote.bid_size), (quote.ask, quote.ask_size)
    return Depth(quote.instrument, _levels(*bid), _levels(*ask))


def _levels(price: Decimal | None, size: Decimal | None) -> tuple[tuple[Decimal, Decimal], ...]:
    return () if price is None or not size else ((price, size),)


def _funded(first: Timed, rest: Iterator[Timed], flowing: Sequence[str]) -> Iterator[Timed]:
    """Yield the items with the settlements of funding that fall between them."""
    stamps: dict[str, tuple[int, FundingStamp]] = {}
    hour = first[0] // HOUR
    for ts, item in _chained(first, rest):
        due: list[Timed] = [each for each in stamps.values() if each[0] <= ts]
        stamps = {name: each for name, each in stamps.items() if each[0] > ts}
        if ts // HOUR > hour:
            hour = ts // HOUR
            due += [(hour * HOUR, FundingAccrual(venue)) for venue in flowing]
        yield from sorted(due, key=itemgetter(0))
        stamp = _stamp(ts, item, flowing)
        if stamp is not None:
            stamps[stamp[1].instrument] = stamp
        yield ts, item


def _stamp(ts: int, item: object, flowing: Sequence[str]) -> tuple[int, FundingStamp] | None:
    """Return the settlement that a rate is told for; None where it tells none."""
    if not isinstance(item, FundingRate) or item.next_ts is None or item.next_ts <= ts:
        return None
    if item.instrument.partition(":")[0] in flowing:
        return None
    return item.next_ts, FundingStamp(item.instrument, item.rate)


def _chained(first: Timed, rest: Iterator[Timed]) -> Iterator[Timed]:
    yield first
    yield from rest
