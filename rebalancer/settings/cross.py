"""Cross: what one key of a configuration demands of another.

Every rule is a generator of findings over settings that parse. Where a value
was already found wrong a stand-in is in its place; `rests_on` names the values
that a finding needs, so that none is built on a stand-in.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import pairwise

from rebalancer.core.exposure import in_scope
from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.params import BandKind, Numeraire
from rebalancer.settings import alerting
from rebalancer.settings.banding import bands
from rebalancer.settings.context import Context
from rebalancer.settings.deadlines import deadlines
from rebalancer.settings.executing import executing
from rebalancer.settings.exposing import serving
from rebalancer.settings.faults import MISSING, Finding, Place
from rebalancer.settings.guarding import Ladder
from rebalancer.settings.holdings import holdings, must_be_known
from rebalancer.settings.listing import hedge_ids, stable_cash
from rebalancer.settings.models import Role, Underlying
from rebalancer.settings.ratios import ratios
from rebalancer.settings.smiling import smiles
from rebalancer.settings.values import shown
from rebalancer.settings.venues import venues

HEDGES = (Kind.SPOT, Kind.PERPETUAL, Kind.FUTURE)  # what can bring a delta back
_COIN = re.compile(r"[A-Z0-9]{1,16}")
_RUNGS = ("warn", "widen", "reduce", "derisk", "halt")


Rule = Callable[[Context], Iterable[Finding]]


def contradictions(context: Context, suspects: Iterable[Place]) -> list[Finding]:
    """Return what the rules find, except where it rests on a value that is wrong already."""
    wrong = frozenset(suspects)
    holding = frozenset(place[:depth] for place in wrong for depth in range(len(place)))
    return [
        finding
        for rule in RULES
        for finding in rule(context)
        if not any(_touch(each, wrong, holding) for each in (finding.place, *finding.rests_on))
    ]


def _touch(place: Place, wrong: frozenset[Place], holding: frozenset[Place]) -> bool:
    """Whether a place holds, or lies in, a value that is wrong."""
    return place in holding or any(place[:depth] in wrong for depth in range(len(place) + 1))


# --- underlyings ------------------------------------------------------------


def _underlyings(context: Context) -> Iterator[Finding]:
    if not context.settings.underlyings:
        yield Finding(("underlyings",), "must name at least one underlying", "an empty table")
    for name, underlying in context.settings.underlyings.items():
        place: Place = ("underlyings", name)
        if not _COIN.fullmatch(name):
            yield Finding(place, "must be named by its coin in capitals, such as BTC", shown(name))
        yield from bands(place, underlying)
        yield from _intervals(place, underlying)


def _intervals(place: Place, underlying: Underlying) -> Iterator[Finding]:
    least, most = underlying.band.min_interval, underlying.band.max_interval
    if most is not None and most <= least:
        other = (*place, "band", "min_interval")
        must, was = "must be longer than min_interval", "not longer"
        yield Finding((*place, "band", "max_interval"), must, was, "", (other,))


def _hedges(context: Context) -> Iterator[Finding]:
    for name, underlying in context.settings.underlyings.items():
        yield from _patterns(context, name, underlying)
        place: Place = ("underlyings", name, "hedge")
        for index, instrument_id in enumerate(hedge_ids(underlying)):
            instrument = context.listing.find(instrument_id)
            if instrument is None:
                yield Finding(
                    place, must_be_known(context, instrument_id, index), shown(instrument_id)
                )
                continue
            yield from _hedge(context, place, instrument, name)
            yield from _lots(context, name, underlying, instrument)


def _patterns(context: Context, name: str, own: Underlying) -> Iterator[Finding]:
    """Yield patterns that are whole names and name nothing: a slip of the pen unhedges a book."""
    for key in ("include", "exclude"):
        for index, pattern in enumerate(getattr(own, key)):
            if not set(pattern) & set("*?[") and context.listing.find(pattern) is None:
                place: Place = ("underlyings", name, key, index)
                yield Finding(place, must_be_known(context, pattern, index), shown(pattern))


def _hedge(
    context: Context, place: Place, instrument: Instrument, underlying: str
) -> Iterator[Finding]:
    if instrument.kind not in HEDGES:
        must = "must be a spot pair, a perpetual or a future"
        yield Finding(place, must, f"{instrument.id}, {_a(instrument.kind)}")
    if instrument.underlying != underlying:
        must = f"must be about {underlying}: what another coin hedges rests on two indexes"
        yield Finding(place, must, f"{instrument.id}, about {instrument.underlying or 'no coin'}")
    own = context.settings.underlyings[underlying]
    if not in_scope(own, instrument):
        must = (
            "must be in scope: an include or exclude pattern leaves it out, and its fills with it"
        )
        yield Finding(place, must, instrument.id)
    if instrument.venue not in context.settings.venues:
        must = f"must be on a venue of the configuration; [venues.{instrument.venue}] is missing"
        venues = (("venues", instrument.venue),)
        yield Finding(place, must, instrument.id, "", venues)


def _a(kind: Kind) -> str:
    return {Kind.CASH: "cash", Kind.OPTION: "an option"}.get(kind, f"a {kind}")


def lot_in_coins(instrument: Instrument, price: float | None) -> Decimal | None:
    """Return what one lot moves the delta by, coins; None for an inverse one without a price."""
    if not instrument.inverse:
        return instrument.lot * instrument.size
    if price is None:
        return None
    return instrument.lot * instrument.size / Decimal(str(price))


def _lots(
    context: Context, name: str, underlying: Underlying, instrument: Instrument
) -> Iterator[Finding]:
    """Yield where a band or an order is smaller than the smallest step of a hedge."""
    lot = lot_in_coins(instrument, context.prices.get(name))
    if lot is None or instrument.underlying != name or instrument.kind not in HEDGES:
        return
    place: Place = ("underlyings", name)
    must = f"must be at least one lot ({shown(float(lot))} {name} on {instrument.id})"
    prices: tuple[Place, ...] = (("market", "prices"),) if instrument.inverse else ()
    hedge = (*place, "hedge")
    band = underlying.band
    width = Decimal(str(band.upper or 0)) - Decimal(str(band.lower or 0))
    if band.kind is BandKind.FIXED and 0 < width < lot:
        needs = tuple((*place, "band", key) for key in ("kind", "lower", "upper"))
        yield Finding((*place, "band"), must, shown(float(width)), "", (*needs, hedge, *prices))
    order = underlying.limits.order
    if Decimal(str(order)) < lot:
        yield Finding((*place, "limits", "order"), must, shown(order), "", (hedge, *prices))


def _shared_cash(context: Context) -> Iterator[Finding]:
    """Yield coin books whose hedges settle in cash that could belong to several of them."""
    owners: dict[str, str] = {}
    given = {each.instrument for each in context.settings.holdings if each.underlying is not None}
    for name, underlying in context.settings.underlyings.items():
        if underlying.numeraire is not Numeraire.COIN:
            continue
        place: Place = ("underlyings", name)
        found = (context.listing.find(holding.instrument) for holding in context.settings.holdings)
        held = [each for each in found if each is not None and each.underlying == name]
        for account in stable_cash(context.listing, underlying, held):
            owner = owners.setdefault(account, name)
            if owner != name and account not in given:
                must = "must settle in cash that a holding gives to one underlying"
                needs = tuple(
                    ("underlyings", each, key)
                    for each in (name, owner)
                    for key in ("numeraire", "hedge")
                )
                yield Finding(
                    (*place, "hedge"),
                    must,
                    f"{account}, shared with {owner}",
                    "",
                    (("holdings",), *needs),
                )


def _pairs(context: Context) -> Iterator[Finding]:
    """Yield pairs whose coin has another claim on its balance: an account has only one of it."""
    named: dict[str, tuple[Place, Instrument]] = {}
    for place, name in _named(context):
        instrument = context.listing.find(name)
        if instrument is not None:
            named.setdefault(name, (place, instrument))
    for place, pair in named.values():
        if pair.kind is not Kind.SPOT:
            continue
        rivals = [each for each in named.values() if _rival(each[1], pair)]
        if rivals:
            must = "must hold its coin alone: one pair, no cash and no contract that settles in it"
            was = f"{pair.id} beside {', '.join(each.id for _, each in rivals)}"
            yield Finding(place, must, was, "", tuple(other for other, _ in rivals))


def _named(context: Context) -> Iterator[tuple[Place, str]]:
    for coin, own in context.settings.underlyings.items():
        yield from ((("underlyings", coin, "hedge"), each) for each in hedge_ids(own))
    for index, holding in enumerate(context.settings.holdings):
        if holding.role is not Role.OUTSIDE:
            yield ("holdings", index, "instrument"), holding.instrument


def _rival(other: Instrument, pair: Instrument) -> bool:
    if other.venue != pair.venue or other.id == pair.id:
        return False
    coin = other.underlying if other.kind is Kind.SPOT else other.settle
    return coin == pair.underlying


# --- declared instruments ---------------------------------------------------


def _declared(context: Context) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, each in enumerate(context.settings.instruments):
        place: Place = ("instruments", index)
        if each.id in seen:
            yield Finding((*place, "id"), "must be declared only once", f"{shown(each.id)} twice")
        seen.add(each.id)
        dated, option = each.kind in (Kind.FUTURE, Kind.OPTION), each.kind is Kind.OPTION
        for key, needed in (("expiry", dated), ("strike", option), ("type", option)):
            given = getattr(each, key) is not None
            if given != needed:
                must = f"must be {'given' if needed else 'absent'} for {_a(each.kind)}"
                was = "given" if given else MISSING
                yield Finding((*place, key), must, was, "", ((*place, "kind"),))
        if not each.underlying and not (each.kind is Kind.CASH and each.settle in STABLE):
            must = "must be given, except for a stable currency"
            needs = ((*place, "kind"), (*place, "settle"))
            yield Finding((*place, "underlying"), must, "empty", "", needs)


# --- guards and replay ------------------------------------------------------


def _margin(context: Context) -> Iterator[Finding]:
    margin = context.settings.guards.margin
    if margin is None:
        return
    yield from _ladder(("guards", "margin", "ratio"), margin.ratio, rising=True)
    yield from _ladder(("guards", "margin", "distance"), margin.distance, rising=False)
    calm = margin.least_vol * margin.tail
    if margin.most_vol < calm:
        place: Place = ("guards", "margin", "most_vol")
        rests_on = (("guards", "margin", "least_vol"), ("guards", "margin", "tail"))
        must = f"must be at least least_vol × tail ({shown(calm)})"
        yield Finding(place, must, shown(margin.most_vol), "", rests_on)
    yield from _tiers(context)


def _tiers(context: Context) -> Iterator[Finding]:
    """Yield venues whose tiers the margin guard would miss: no hedge could grow there."""
    named: dict[str, Place] = {}
    for coin, underlying in context.settings.underlyings.items():
        for instrument_id in hedge_ids(underlying):
            hedge = context.listing.find(instrument_id)
            if hedge is not None and hedge.margined and in_scope(underlying, hedge):
                named.setdefault(hedge.venue, ("underlyings", coin, "hedge"))
    for name, hedged in named.items():
        venue = context.settings.venues.get(name)
        if venue is not None and venue.tiers is None:
            must = "must list the venue's maintenance tiers where [guards.margin] watches a hedge"
            yield Finding(("venues", name, "tiers"), must, MISSING, "", (hedged,))


def _ladder(place: Place, ladder: Ladder, *, rising: bool) -> Iterator[Finding]:
    for rung, after in pairwise(_RUNGS):
        value, limit = getattr(ladder, rung), getattr(ladder, after)
        if value >= limit if rising else value <= limit:
            must = f"must be {'below' if rising else 'above'} {after} ({shown(limit)})"
            yield Finding((*place, rung), must, shown(value), "", ((*place, after),))


def _replay(context: Context) -> Iterator[Finding]:
    replay = context.settings.replay
    if replay is None:
        return
    for key in ("bars", "marks", "funding", "streams", "vols"):
        for index, instrument_id in enumerate(getattr(replay, key)):
            place: Place = ("replay", key, instrument_id)
            instrument = context.listing.find(instrument_id)
            if instrument is None:
                yield Finding(
                    place, must_be_known(context, instrument_id, index), shown(instrument_id)
                )
            elif key == "vols" and instrument.kind is not Kind.OPTION:
                yield Finding(place, "must be an option", f"{instrument_id}, {_a(instrument.kind)}")
    for index, (coin, instrument_id) in enumerate(replay.index.items()):
        place = ("replay", "index", coin)
        if context.listing.find(instrument_id) is None:
            yield Finding(place, must_be_known(context, instrument_id, index), shown(instrument_id))
        if coin not in context.settings.underlyings:
            must = "must be one of [underlyings]"
            yield Finding(place, must, shown(coin), "", (("underlyings", coin),))


def _costs(context: Context) -> Iterator[Finding]:
    for index, name in enumerate(context.settings.costs):
        if context.listing.find(name) is None:
            yield Finding(("costs", name), must_be_known(context, name, index), shown(name))


def _control(context: Context) -> Iterator[Finding]:
    """Yield rights that nobody could use: the socket is open to its own user alone."""
    own = context.settings.control
    if own.named and own.group is None:
        must = "must name a group that may open the socket, or [control] gives rights in vain"
        yield Finding(("control", "group"), must, MISSING)


def _alerts(context: Context) -> Iterator[Finding]:
    for place, must, was in alerting.faults(context.settings.alerts):
        yield Finding(("alerts", *place), must, was)


RULES: tuple[Rule, ...] = (
    venues,
    _underlyings,
    _hedges,
    ratios,
    _shared_cash,
    _pairs,
    holdings,
    _declared,
    _margin,
    deadlines,
    executing,
    _replay,
    _costs,
    smiles,
    serving,
    _control,
    _alerts,
)
