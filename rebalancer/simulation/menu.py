"""The menu: what can go wrong at a venue of a book that hedges often, one thing at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from rebalancer.core.instruments import Instrument
from rebalancer.core.sizing import lots
from rebalancer.ports import SECOND
from rebalancer.settings import Settings, load, resolve
from rebalancer.settings.models import Underlying
from rebalancer.simulation.faults import Deed, Kind, Plan
from rebalancer.simulation.played import PLAYED
from rebalancer.simulation.spoken import Names

VENUE, PERP = "deribit", "deribit:BTC-PERPETUAL"
_DROPS = (Kind.DROP_BEFORE, Kind.DROP_AFTER)
_SPOILT = (Kind.ERROR_BEFORE, Kind.ERROR_AFTER, Kind.TRUNCATE, Kind.HTML)
FAR = Decimal("0.5")  # of the price: where an order rests that nobody takes


@dataclass(frozen=True, slots=True)
class Scene:
    """A book, and the venue of it where things go wrong."""

    config: Path
    venue: str = VENUE

    @property
    def names(self) -> Names:
        """By which the venue's calls and channels are known."""
        return PLAYED[self.venue].names

    def settings(self) -> Settings:
        """Return a book that hedges all the time, and at the venue wherever it can."""
        told = settings_of(self.config)
        coins = {coin: self._there(own) for coin, own in told.underlyings.items()}
        return told.model_copy(update={"underlyings": coins})

    def _there(self, own: Underlying) -> Underlying:
        def away(name: str) -> bool:
            return name.partition(":")[0] != self.venue

        sides = {"buy": sorted(own.hedge.buy, key=away), "sell": sorted(own.hedge.sell, key=away)}
        hedge = own.hedge.model_copy(update={side: tuple(own) for side, own in sides.items()})
        return own.model_copy(update={"hedge": hedge})

    def leg(self) -> tuple[Instrument, float]:
        """Return the first hedge instrument there, and the price that its coin begins at, USD."""
        settings = load(self.config)
        known = resolve(settings)
        for coin, own in settings.underlyings.items():
            for name in own.hedge.sell:
                if known[name].venue == self.venue:
                    return known[name], settings.market.prices[coin]
        raise ValueError(f"{self.config} hedges with nothing on {self.venue}")

    def deed(self, coins: float, label: str = "") -> Deed:
        """Return what somebody else does with the account; what has a label rests far away."""
        leg, price = self.leg()
        each = float(leg.size) / price if leg.inverse else float(leg.size)
        quantity = lots(leg, Decimal(repr(coins / each)))
        tick = leg.tick
        rests = Decimal(repr(price)) * FAR // tick * tick
        return Deed(self.venue, leg.id, quantity, rests if label else None, label)


def desk_of(venue: str) -> str:
    """Return the name of the configuration of a venue's own desk."""
    return PLAYED[venue].desk or f"demo-{venue}.toml"


def trials_of(scene: Scene) -> Mapping[str, Sequence[Plan]]:
    """Return what may go wrong at a venue, one thing at a time."""
    names = scene.names
    return {
        "none": (),
        "drop before acceptance": (Plan(Kind.DROP_BEFORE, names.order, times=2),),
        "drop after acceptance": (Plan(Kind.DROP_AFTER, names.order, times=2),),
        "5xx before acceptance": (Plan(Kind.ERROR_BEFORE, names.order, code=503),),
        "5xx after acceptance": (Plan(Kind.ERROR_AFTER, names.order, code=502),),
        "truncated answer": (Plan(Kind.TRUNCATE, names.order, times=2),),
        "HTML with 200": (Plan(Kind.HTML, names.order, times=2),),
        "429": (Plan(Kind.LIMIT, names.order, times=2),),
        "answer after 7 s": (Plan(Kind.SLOW, names.order, seconds=7),),
        "taken after 7 s": (Plan(Kind.LATE, names.order, seconds=7),),
        "drop, and queries behind by 4 s": (
            Plan(Kind.DROP_AFTER, names.order),
            Plan(Kind.LOSE, names.trades, times=None, lasts=20),
            Plan(Kind.LAG, names.query, times=None, seconds=4, lasts=20),
        ),
        "drop, and queries fail for 10 s": (
            Plan(Kind.DROP_AFTER, names.order),
            Plan(Kind.LOSE, names.trades, times=None, lasts=20),
            Plan(Kind.ERROR_BEFORE, names.reads, times=None, lasts=10, code=500),
        ),
        "fills lost on the stream": (Plan(Kind.LOSE, names.trades, times=None, lasts=20),),
        "every event twice": (Plan(Kind.DUPLICATE, names.trades, times=None, lasts=20),),
        "events out of order": (Plan(Kind.REORDER, names.trades, times=None, lasts=20),),
        "frozen market, live heartbeats": (Plan(Kind.FREEZE, names.market, times=None, lasts=8),),
        "silent market, live heartbeats": (Plan(Kind.STALL, names.market, times=None, lasts=8),),
        "socket closed": (Plan(Kind.CLOSE, names.touch, first=20),),
        "socket cut": (Plan(Kind.CUT, names.touch, first=20),),
        "a frame that is no JSON": (Plan(Kind.GARBAGE, names.touch, first=20),),
        "old events replayed on reconnect": (
            Plan(Kind.CUT, names.trades),  # the account's own socket, where it has one
            Plan(Kind.REPLAY, "*", times=None),
        ),
        "half-open socket": (
            Plan(Kind.CUT, names.touch, first=20),
            Plan(Kind.HALF_OPEN, "connect"),
        ),
        "a foreign order rests": (
            Plan(Kind.FOREIGN, names.reads, first=8, deed=scene.deed(0.01, "hand")),
        ),
        "maintenance for 8 s": (Plan(Kind.MAINTENANCE, names.order, seconds=8),),
        "settlement for 6 s": (Plan(Kind.SETTLEMENT, names.order, seconds=6),),
        "somebody trades by hand": (
            Plan(Kind.MANUAL, names.reads, first=8, deed=scene.deed(-0.2)),
        ),
    }


def mix_of(scene: Scene) -> Sequence[Plan]:
    """Return everything that may go wrong at a venue, at random."""
    names = scene.names
    return (
        *(Plan(kind, names.order, times=None, chance=0.06) for kind in _DROPS),
        *(Plan(kind, names.order, times=None, chance=0.05) for kind in _SPOILT),
        Plan(Kind.SLOW, names.order, times=None, chance=0.05, seconds=7),
        Plan(Kind.LAG, names.query, times=None, chance=0.1, seconds=3),
        *(Plan(kind, names.trades, times=None, chance=0.1) for kind in (Kind.LOSE, Kind.DUPLICATE)),
        Plan(Kind.REORDER, names.trades, times=None, chance=0.1),
        *(Plan(kind, names.touch, times=None, chance=0.003) for kind in (Kind.CUT, Kind.GARBAGE)),
    )


def settings_of(config: Path) -> Settings:
    """Return a demo's book with a narrow band in a wild market: it hedges all the time."""
    settings = load(config)
    market = settings.market.model_copy(update={"vols": dict.fromkeys(settings.underlyings, 1.5)})
    underlyings = {}
    for coin, own in settings.underlyings.items():
        edges = {"lower": (own.band.lower or 0.0) / 25, "upper": (own.band.upper or 0.0) / 25}
        band = own.band.model_copy(update={**edges, "min_interval": SECOND})
        underlyings[coin] = own.model_copy(update={"band": band})
    return settings.model_copy(update={"market": market, "underlyings": underlyings})
