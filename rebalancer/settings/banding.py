"""Banding: which keys a kind of band takes, and what they demand of one another."""

from collections.abc import Iterator

from rebalancer.core.params import BandKind
from rebalancer.settings.faults import MISSING, Finding, Place
from rebalancer.settings.models import GIVEN, Band, Underlying
from rebalancer.settings.values import shown

_EDGES = ("lower", "upper")
_BUDGETS = ("risk_aversion", "spend_per_day", "pnl_sd")
_CAUSES = ("flow", "vol_of_vol", "correlation", "monitored", "vol")  # of whatever wanders
_SCALE = ("sigmas", "over")
_TAKES = {
    BandKind.FIXED: _EDGES,
    BandKind.PERCENT: _EDGES,
    BandKind.WHALLEY_WILMOTT: (*_BUDGETS, *_CAUSES, "fixed_cost", "residual"),
    BandKind.INVENTORY: (*_BUDGETS, *_CAUSES, "fixed_cost", "residual"),
    BandKind.ZAKAMOULINE: (*_BUDGETS, *_CAUSES),
    BandKind.SCALED: (*_SCALE, *_CAUSES),
}
_SOME = tuple(dict.fromkeys(key for keys in _TAKES.values() for key in keys))


def bands(place: Place, underlying: Underlying) -> Iterator[Finding]:
    """Yield what is wrong with the band of an underlying at a place."""
    own = underlying.band
    yield from _strangers(place, own)
    if own.kind in GIVEN:
        yield from _edges(place, own)
    elif own.kind is BandKind.SCALED:
        yield from _there(place, own, _SCALE)
    else:
        yield from _budget(place, own)
    if own.fixed_cost and own.reset:
        must = "must be absent beside fixed_cost, which says where a hedge ends"
        needs = ((*place, "band", "fixed_cost"),)
        yield Finding((*place, "band", "reset"), must, shown(own.reset), "", needs)
    limit = underlying.limits.net_delta
    widest = (
        max(abs(own.lower or 0.0), abs(own.upper or 0.0)) if own.kind is BandKind.FIXED else 0.0
    )
    if own.least_trade and own.least_trade + widest >= limit:
        must = f"must be below limits.net_delta ({shown(limit)})"
        needs = ((*place, "limits", "net_delta"),)
        yield Finding((*place, "band", "least_trade"), must, shown(own.least_trade), "", needs)


def _strangers(place: Place, own: Band) -> Iterator[Finding]:
    """Yield keys that this kind has no use for: whoever wrote them expects that it has."""
    for key in _SOME:
        if key in own.model_fields_set and key not in _TAKES[own.kind]:
            must = f"must be absent with kind {own.kind}"
            needs = ((*place, "band", "kind"),)
            yield Finding((*place, "band", key), must, shown(getattr(own, key)), "", needs)


def _there(place: Place, own: Band, keys: tuple[str, ...]) -> Iterator[Finding]:
    for key in keys:
        if getattr(own, key) is None:
            must, needs = f"must be given with kind {own.kind}", ((*place, "band", "kind"),)
            yield Finding((*place, "band", key), must, MISSING, "", needs)


def _edges(place: Place, own: Band) -> Iterator[Finding]:
    yield from _there(place, own, _EDGES)
    if own.lower is None or own.upper is None:
        return
    lower, upper = (*place, "band", "lower"), (*place, "band", "upper")
    if own.lower > 0:
        yield Finding(lower, "must be at most 0: it is relative to the aim", shown(own.lower))
    if own.upper < 0:
        yield Finding(upper, "must be at least 0: it is relative to the aim", shown(own.upper))
    if own.lower <= 0 <= own.upper and own.lower == own.upper:
        must = f"must be above lower ({shown(own.lower)})"
        yield Finding(upper, must, shown(own.upper), "", (lower,))
    if own.kind is BandKind.PERCENT and max(-own.lower, own.upper) > 1:
        kind = (*place, "band", "kind")
        must = "must have fractions of gross from -1 to 1 for kind percent"
        was = f"{shown(own.lower)} to {shown(own.upper)}"
        yield Finding((*place, "band"), must, was, "", (lower, upper, kind))


def _budget(place: Place, own: Band) -> Iterator[Finding]:
    """Yield where it is not said, or said twice, how much risk is minded."""
    told = [key for key in _BUDGETS if getattr(own, key) is not None]
    needs = tuple((*place, "band", key) for key in ("kind", *_BUDGETS))
    must = "must have one of risk_aversion, spend_per_day and pnl_sd"
    if len(told) != 1:
        was = " and ".join(told) if told else "none of them"
        yield Finding((*place, "band"), must, was, "", needs)
        return
    if told[0] != "risk_aversion":
        yield from _beside_a_budget(place, own, needs)
    if own.kind is BandKind.INVENTORY and not own.flow and own.residual is None:
        must = "must be given with kind inventory, or residual: else nothing wanders"
        yield Finding((*place, "band", "flow"), must, MISSING, "", needs)


def _beside_a_budget(place: Place, own: Band, needs: tuple[Place, ...]) -> Iterator[Finding]:
    """Yield what would move a width away from the budget that it was found for."""
    if own.residual is not None:
        must = "must be absent without risk_aversion, which it is weighed by"
        yield Finding((*place, "band", "residual"), must, "a time", "", needs)
    for key in ("fixed_cost", "least_trade"):
        if getattr(own, key):
            must = "must be absent beside a budget, which it would not keep; say risk_aversion"
            yield Finding((*place, "band", key), must, shown(getattr(own, key)), "", needs)
