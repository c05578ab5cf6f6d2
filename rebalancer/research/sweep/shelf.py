"""The shelf: recordings that were read once stay, merged and dated, for the next point.

An item takes some 300 bytes where bars are played and 500 where a flight is, so
that the longest recording that stays takes half a GB, and a process keeps two. A
longer one never stays: each point reads it from disk, which takes longer and no memory.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from rebalancer.core.instruments import Instrument
from rebalancer.research.markets import RecordedMarket, Window, open_market
from rebalancer.research.replay import Open
from rebalancer.research.sweep import flights
from rebalancer.research.sweep.spec import Source
from rebalancer.settings import Settings
from rebalancer.settings.listing import smile_points
from rebalancer.settings.venues import continuous_funding
from rebalancer.venues.feeds import Timed

MOST = 1_000_000  # items of a recording that stays
STAY = 2  # recordings in a process; points of one sweep mostly share one


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a recording is opened by; two are the same where their keys are."""

    key: str
    open: Open = field(compare=False)
    told: tuple[Settings, Path, Mapping[str, Instrument], Sequence[Instrument], Window] = field(
        compare=False
    )


def opener(source: Source, stamps: Sequence[tuple[str, int, int]]) -> Open:
    """Return what opens the recordings of a sweep, once a process.

    Args:
        source: Folder of recordings, or of a flight.
        stamps: Of its files: one that changed is read again.
    """
    opens = flights.open_flight if source.flight else open_market

    def opened(
        settings: Settings,
        folder: Path,
        instruments: Mapping[str, Instrument],
        held: Sequence[Instrument],
        window: Window,
    ) -> RecordedMarket:
        told = (settings, folder, instruments, held, window)
        key = json.dumps([*_plain(settings), [each.id for each in held], str(window), stamps])
        kept = _read(_Asked(key, opens, told))
        return opens(*told) if kept is None else replace(kept[0], items=iter(kept[1]))

    return opened


def _plain(settings: Settings) -> list[object]:
    """Return what of the settings says which items are played, see `markets` and `flights`."""
    replay = "" if settings.replay is None else settings.replay.model_dump_json()
    own = [each.model_dump_json() for each in settings.instruments]
    hedges = [each.hedge.model_dump_json() for each in settings.underlyings.values()]
    held = [each.model_dump_json() for each in settings.holdings]
    flowing = [n for n, each in settings.venues.items() if continuous_funding(n, each)]
    return [replay, own, hedges, held, smile_points(settings), [*settings.venues], flowing]


@lru_cache(maxsize=STAY)
def _read(asked: _Asked) -> tuple[RecordedMarket, tuple[Timed, ...]] | None:
    """Return a recording with its items; None where they are too many to stay."""
    market = asked.open(*asked.told)
    items = tuple(islice(market.items, MOST + 1))
    return None if len(items) > MOST else (market, items)
