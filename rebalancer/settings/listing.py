"""Listing: the instruments that one configuration can speak of.

Its own `[[instruments]]` come first, then those of the mode: the demo's world,
what a venue told, or else the catalogue.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rebalancer.core.instruments import STABLE, Instrument, Kind, cash_instrument
from rebalancer.settings import catalogue
from rebalancer.settings.faults import near
from rebalancer.settings.models import DeclaredInstrument, Settings, Underlying

_SIGNS = {"call": 1, "put": -1, None: 0}


@dataclass(frozen=True, slots=True)
class Listing:
    """Where an instrument id is looked up."""

    own: Mapping[str, Instrument]
    given: Mapping[str, Instrument] | None  # None: the catalogue

    def find(self, instrument_id: str) -> Instrument | None:
        """Return the instrument of this id, None when nobody knows it."""
        if instrument_id in self.own:
            return self.own[instrument_id]
        if self.given is None:
            return catalogue.known(instrument_id)
        return self.given.get(instrument_id)

    def nearest(self, instrument_id: str) -> str | None:
        """Return the known id that is nearest to an unknown one, None when none is near."""
        given = catalogue.LISTED if self.given is None else tuple(self.given)
        return near(instrument_id, (*self.own, *given))


def listing(settings: Settings, given: Mapping[str, Instrument] | None = None) -> Listing:
    """Return the listing of a configuration.

    Args:
        settings: The configuration, whose own instruments win.
        given: All instruments of the mode; None is the built-in catalogue.
    """
    return Listing({each.id: record(each) for each in settings.instruments}, given)


def record(declared: DeclaredInstrument) -> Instrument:
    """Return the record of an instrument that the configuration describes."""
    return Instrument(
        id=declared.id,
        kind=declared.kind,
        underlying=declared.underlying,
        settle=declared.settle,
        size=declared.size,
        lot=declared.lot,
        minimum=declared.lot if declared.minimum is None else declared.minimum,
        tick=declared.tick,
        expiry=declared.expiry,
        strike=declared.strike,
        sign=_SIGNS[declared.type],
    )


def resolve(
    settings: Settings, given: Mapping[str, Instrument] | None = None
) -> dict[str, Instrument]:
    """Return every instrument that valid settings name, and the cash that each settles in.

    Args:
        settings: Settings without faults.
        given: All instruments of the mode; None is the built-in catalogue.
    """
    known = listing(settings, given)
    found: dict[str, Instrument] = {}
    for name in _named(settings):
        instrument = known.find(name)
        if instrument is not None:
            found[name] = instrument
    for instrument in tuple(found.values()):
        account = f"{instrument.venue}:{instrument.settle}"
        own = known.find(account) or cash_instrument(instrument.venue, instrument.settle)
        found.setdefault(account, own)
    return found


def _named(settings: Settings) -> Iterator[str]:
    for underlying in settings.underlyings.values():
        yield from (*underlying.hedge.buy, *underlying.hedge.sell)
    yield from smile_points(settings)
    yield from (holding.instrument for holding in settings.holdings)
    yield from (declared.id for declared in settings.instruments)
    if settings.replay is not None:
        replay = settings.replay
        yield from (*replay.bars, *replay.funding, *replay.streams, *replay.vols)
        yield from replay.index.values()


def smile_points(settings: Settings) -> tuple[str, ...]:
    """Return the options that are watched for the smiles of what is held, each once."""
    smiles = (each.smile for each in settings.underlyings.values() if each.smile is not None)
    return tuple(dict.fromkeys(name for each in smiles for name in each.points))


def hedge_ids(underlying: Underlying) -> tuple[str, ...]:
    """Return the instruments of both sides, each once, in their order."""
    return tuple(dict.fromkeys((*underlying.hedge.buy, *underlying.hedge.sell)))


def stable_cash(
    listing: Listing, underlying: Underlying, held: Iterable[Instrument] = ()
) -> tuple[str, ...]:
    """Return the stable balances that an underlying settles in, each once.

    Args:
        listing: Where hedges are looked up.
        underlying: Its hedges settle somewhere.
        held: What the book holds of the underlying settles somewhere too.
    """
    hedges = (listing.find(instrument_id) for instrument_id in hedge_ids(underlying))
    found = (each for each in (*hedges, *held) if each and each.kind is not Kind.CASH)
    accounts = [f"{each.venue}:{each.settle}" for each in found if each.settle in STABLE]
    return tuple(dict.fromkeys(accounts))
