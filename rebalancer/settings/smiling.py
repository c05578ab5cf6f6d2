"""Smiling: what the regime of a smile demands of the keys beside it."""

from collections.abc import Iterator

from rebalancer.core.instruments import Kind
from rebalancer.core.smile import Regime
from rebalancer.settings.context import Context
from rebalancer.settings.faults import MISSING, Finding, Place
from rebalancer.settings.holdings import must_be_known
from rebalancer.settings.models import Smile
from rebalancer.settings.values import shown

STEEPEST = 5.0  # of |ratio|: no market was seen to turn its smile faster

_OF = {  # key → the regime that has a use for it
    "ratio": Regime.STICKY_MONEYNESS,
    "points": Regime.STICKY_MONEYNESS,
    "coefficients": Regime.MINIMUM_VARIANCE,
}


def smiles(context: Context) -> Iterator[Finding]:
    """Yield what is wrong with the smiles of the underlyings."""
    for name, underlying in context.settings.underlyings.items():
        if underlying.smile is not None:
            place: Place = ("underlyings", name, "smile")
            yield from _keys(place, underlying.smile)
            yield from _points(context, place, underlying.smile, name)


def _keys(place: Place, own: Smile) -> Iterator[Finding]:
    needs = ((*place, "delta"),)
    for key, regime in _OF.items():
        if key in own.model_fields_set and own.delta is not regime:
            was = shown(getattr(own, key))
            yield Finding((*place, key), f"must be absent with delta {own.delta}", was, "", needs)
    if own.delta is Regime.MINIMUM_VARIANCE and own.coefficients is None:
        must = f"must be given with delta {own.delta}: three numbers, as `rebalancer smile` fits"
        yield Finding((*place, "coefficients"), must, MISSING, "", needs)
    if own.ratio is not None and abs(own.ratio) > STEEPEST:
        must = f"must be between {-STEEPEST:g} and {STEEPEST:g}"
        yield Finding((*place, "ratio"), must, shown(own.ratio))


def _points(context: Context, place: Place, own: Smile, underlying: str) -> Iterator[Finding]:
    for index, name in enumerate(own.points):
        at, instrument = (*place, "points", index), context.listing.find(name)
        if instrument is None:
            yield Finding(at, must_be_known(context, name, index), shown(name))
        elif instrument.kind is not Kind.OPTION or instrument.underlying != underlying:
            yield Finding(at, f"must be an option of {underlying}", shown(name))
