"""Notes: what of a sound configuration could not be checked, or looks as if it were forgotten."""

from rebalancer.settings.context import Context
from rebalancer.settings.listing import hedge_ids
from rebalancer.settings.models import Role
from rebalancer.settings.ratios import doubtful


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
    return (*found, *doubtful(context))
