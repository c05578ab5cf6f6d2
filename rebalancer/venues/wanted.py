"""Wanted: what a book follows on a venue, by native names, whatever is spoken there.

Of a hedge instrument everything: quotes, levels, mark, funding, trades; of a held
option its mark, vol and forward, and so of the points of its smile; of each
underlying its index. Nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.settings.listing import smile_points
from rebalancer.settings.models import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a book follows on one venue, by native names."""

    hedge: tuple[str, ...] = ()
    options: tuple[str, ...] = ()  # held, and points of the smiles of their expiries


def followed(
    venue: str,
    settings: Settings,
    instruments: Mapping[str, Instrument],
    held: Iterable[str],
    now: int = 0,
) -> Wanted:
    """Return what a book must follow: hedge instruments, and whatever else moves its delta.

    Args:
        venue: ccxt id; what lies elsewhere is left out.
        settings: Name the hedge instruments.
        instruments: By id; what is not among them is left out.
        held: Ids of what the book holds.
        now: ns; what expired before it is left out, for nobody tells anything of it.
    """
    own = settings.underlyings.values()
    named = [each for one in own for each in (*one.hedge.buy, *one.hedge.sell)]
    hedges = [each for each in named if not _over(instruments.get(each), now)]
    known = [instruments[each] for each in held if each in instruments]
    known = [each for each in known if not _over(each, now)]
    futures = [each.id for each in known if each.margined]
    options = [each for each in known if each.kind is Kind.OPTION]
    marked = (*(each.id for each in options), *_points(settings, instruments, options))
    return Wanted(_native(venue, (*hedges, *futures)), _native(venue, marked))


def _points(
    settings: Settings, instruments: Mapping[str, Instrument], held: Iterable[Instrument]
) -> list[str]:
    """Return what the settings watch of the expiries that options are held of."""
    expiries = {(each.underlying, each.expiry) for each in held}
    found = [instruments[name] for name in smile_points(settings) if name in instruments]
    return [each.id for each in found if (each.underlying, each.expiry) in expiries]


def _over(instrument: Instrument | None, now: int) -> bool:
    expiry = None if instrument is None else instrument.expiry
    return expiry is not None and expiry <= now


def _native(venue: str, ids: Iterable[str]) -> tuple[str, ...]:
    parts = (each.partition(":") for each in dict.fromkeys(ids))
    return tuple(own for place, _, own in parts if place == venue)
