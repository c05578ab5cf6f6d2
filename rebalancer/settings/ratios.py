"""Ratios: which measured hedge ratios may be hedged by, and which of them count as 1."""

from collections.abc import Iterator

from rebalancer.core.instruments import Kind
from rebalancer.core.ratio import DOUBT, LEAST
from rebalancer.settings.context import Context
from rebalancer.settings.faults import Finding, Place
from rebalancer.settings.listing import hedge_ids
from rebalancer.settings.models import HedgeRatio, Underlying
from rebalancer.settings.values import shown


def is_one(told: HedgeRatio) -> bool:
    """Whether a ratio is not surely another than 1, so that 1 is used."""
    return abs(told.ratio - 1.0) <= DOUBT * told.standard_error


def in_use(underlying: Underlying) -> dict[str, float]:
    """Return the ratios that an underlying is hedged by, without those that count as 1."""
    return {name: told.ratio for name, told in underlying.ratios.items() if not is_one(told)}


def ratios(context: Context) -> Iterator[Finding]:
    """Yield what is wrong with hedge ratios."""
    for coin, underlying in context.settings.underlyings.items():
        hedges: Place = ("underlyings", coin, "hedge")
        for name, told in underlying.ratios.items():
            place: Place = ("underlyings", coin, "ratios", name)
            instrument = context.listing.find(name)
            if name not in hedge_ids(underlying):
                must = f"must be one of underlyings.{coin}.hedge"
                yield Finding(place, must, shown(name), "", (hedges,))
            elif instrument is not None and instrument.kind is Kind.SPOT:
                must = "must be a perpetual or a future: a coin hedges itself one for one"
                yield Finding(place, must, name, "", (hedges,))
            if told.effectiveness < LEAST:
                must = f"must be at least {shown(LEAST)}, or this is no hedge"
                yield Finding((*place, "effectiveness"), must, shown(told.effectiveness))


def doubtful(context: Context) -> Iterator[str]:
    """Yield a note on each ratio that counts as 1."""
    for coin, underlying in context.settings.underlyings.items():
        for name, told in underlying.ratios.items():
            if is_one(told):
                yield (
                    f"underlyings.{coin}.ratios.{name}: {shown(told.ratio)} lies within "
                    f"{DOUBT:g} standard errors ({shown(told.standard_error)}) of 1 and counts as 1"
                )
