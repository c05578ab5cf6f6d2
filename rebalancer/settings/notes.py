"""Notes: what of a sound configuration could not be checked, or looks as if it were forgotten."""

from collections.abc import Iterator

from rebalancer.core.params import BandKind
from rebalancer.settings.context import Context
from rebalancer.settings.listing import hedge_ids
from rebalancer.settings.models import Mode, Role
from rebalancer.settings.ratios import doubtful
from rebalancer.settings.values import shown


def notes(context: Context) -> tuple[str, ...]:
    """Return the notes on a configuration, none of which keeps it from running."""
    found = []
    for name, underlying in context.settings.underlyings.items():
        for instrument_id in hedge_ids(underlying):
            instrument = context.listing.find(instrument_id)
            if instrument and instrument.inverse and name not in context.prices:
                found.append(
                    f"underlyings.{name}.band: not compared with the lot of {instrument_id}, "
                    f"which is counted in USD: no price of {name} was given"
                )
    for index, holding in enumerate(context.settings.holdings):
        held = context.listing.find(holding.instrument)
        if held and holding.role is not Role.OUTSIDE and held.venue not in context.settings.venues:
            found.append(
                f"holdings.{index}.instrument: {holding.instrument} is on no venue of the "
                f"configuration; it is counted as told here and never reconciled"
            )
        if held and held.underlying and held.underlying not in context.settings.underlyings:
            found.append(
                f"holdings.{index}.instrument: {holding.instrument} is not hedged; "
                f"there is no [underlyings.{held.underlying}]"
            )
    return (*found, *_wide(context), *doubtful(context), *_unheard(context))


def _unheard(context: Context) -> Iterator[str]:
    """Yield a note on a book for money of whose end nobody hears once its machine is gone."""
    settings = context.settings
    played = all(venue.loopback is not None for venue in settings.venues.values())
    if settings.book.mode is Mode.LIVE and not played and settings.alerts.heartbeat is None:
        yield (
            "alerts.heartbeat: not set; where the machine, its network or every channel fails, "
            "nobody outside hears that nobody hedges"
        )


def _wide(context: Context) -> Iterator[str]:
    """Yield a note on what is so wide that it would stop nothing."""
    for name, underlying in context.settings.underlyings.items():
        limits, band, held = underlying.limits, underlying.band, _held(context, name)
        if limits.net_delta > limits.position:
            yield (
                f"underlyings.{name}.limits: net_delta ({shown(limits.net_delta)}) is above "
                f"position ({shown(limits.position)}): what one may leave the other cannot hedge"
            )
        width = max(abs(band.lower or 0.0), abs(band.upper or 0.0))
        if band.kind is BandKind.FIXED and held is not None and width > held:
            yield (
                f"underlyings.{name}.band: {shown(width)} coins are more than the "
                f"{shown(held)} that the holdings name; they may stay unhedged"
            )


def _held(context: Context, coin: str) -> float | None:
    """Return coins that the holdings name of an underlying; None where a file or USD says it."""
    own = []
    for holding in context.settings.holdings:
        found = context.listing.find(holding.instrument)
        if found is None or found.underlying != coin:
            continue
        if holding.file is not None or found.inverse:
            return None
        own.append(abs(float(holding.quantity * found.size)))
    return sum(own) if own else None
