"""Venues: what the tables of venues demand of the book, the holdings and one another."""

import re
from collections.abc import Iterator, Mapping

from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.settings import catalogue
from rebalancer.settings.context import Context
from rebalancer.settings.faults import HINTS, MISSING, Finding, Place, near
from rebalancer.settings.guarding import SECOND
from rebalancer.settings.listing import hedge_ids
from rebalancer.settings.models import Mode, Role, Settings, Venue
from rebalancer.settings.profiling import ORDERS, UNIFIED_CALLS, lacking, merged, unmarked
from rebalancer.settings.values import shown

_VENUE = re.compile(r"[a-z][a-z0-9]{0,31}")


def venues(context: Context) -> Iterator[Finding]:
    """Yield what is wrong with the venues: names, pins, credentials, fees, margin."""
    settings, book = context.settings, ("book", "mode")
    if not settings.venues:
        yield Finding(("venues",), "must name at least one venue", "an empty table")
    for name, venue in settings.venues.items():
        place: Place = ("venues", name)
        if not _VENUE.fullmatch(name):
            yield Finding(place, "must be named by its ccxt id, such as deribit", shown(name))
        if settings.book.mode is Mode.LIVE and venue.account is None:
            yield Finding(
                (*place, "account"), "must pin the uid in mode live", MISSING, "", (book,)
            )
        if settings.book.mode is not Mode.PAPER and venue.credentials is None:
            must = f"must name a credential in mode {settings.book.mode}"
            yield Finding((*place, "credentials"), must, MISSING, "", (book,))
        if settings.book.mode is Mode.PAPER and venue.fees is None:
            must = "must name maker and taker: paper without fees would be kinder than any venue"
            yield Finding((*place, "fees"), must, MISSING, "", (book,))
        yield from _leverage(place, venue)
        yield from _collateral(context, place, name, venue)
        yield from _profile(place, name, venue)
        if name not in catalogue.VENUES and _at_a_venue(context.settings):
            yield from _options(context, place, name, venue)
            yield from _funding(context, place, name, venue)
        yield from _dead_man(place, name, venue)


SILENCES: Mapping[str, tuple[int, int]] = {
    "binanceusdm": (5, 300),  # the venue names no bounds: ours, between two breaths and a nap
    "binancecoinm": (5, 300),
    "okx": (10, 120),
    "bybit": (3, 300),
}
"""Venue → least and most seconds of silence after which it can take away what rests."""


def _dead_man(place: Place, name: str, venue: Venue) -> Iterator[Finding]:
    """Yield a span of silence that the venue does not know."""
    told, own = venue.dead_man, (*place, "dead_man")
    if told is None:
        return
    if name not in SILENCES:
        must = f"must not be set: no span at {name}"
        yield Finding(own, must, f"{shown(told / SECOND)} s")
        return
    least, most = SILENCES[name]
    if told % SECOND or not least * SECOND <= told <= most * SECOND:
        must = f"must be whole seconds, {least} to {most}, at {name}"
        yield Finding(own, must, f"{shown(told / SECOND)} s")


CONTINUOUS = frozenset({"deribit"})  # venues whose funding flows at every moment


def continuous_funding(name: str, venue: Venue) -> bool:
    """Whether a venue charges funding all the time instead of at stamps; Deribit does."""
    return name in CONTINUOUS if venue.funding is None else venue.funding == "continuous"


def _leverage(place: Place, venue: Venue) -> Iterator[Finding]:
    """Yield a leverage that opens every position below its maintenance margin."""
    if venue.leverage is None or venue.tiers is None:
        return
    rate = venue.tiers[0][1]
    if venue.leverage * rate >= 1:
        must = f"must be below 1 ÷ the first maintenance rate ({shown(1 / rate)})"
        needs = ((*place, "tiers"),)
        yield Finding((*place, "leverage"), must, shown(venue.leverage), "", needs)


def _profile(place: Place, name: str, venue: Venue) -> Iterator[Finding]:
    """Yield what a profile lacks that is said to be finished, and what of it means nothing."""
    table = None if venue.profile is None else merged(name, venue.profile)
    if table is None:
        return
    own: Place = (*place, "profile")
    for missing in lacking(table) if table.finished else ():
        yield Finding((*own, *missing), "must be there in a finished profile", MISSING)
    for lookup in table.lookups:
        if lookup not in ORDERS:
            must = f"must be of {', '.join(ORDERS)}"
            yield Finding((*own, "lookups"), must, shown(lookup))
    if table.stream.funding and table.stream.funding_interval is None:
        must = "must be there beside funding: a rate without its time means nothing"
        yield Finding((*own, "stream", "funding_interval"), must, MISSING)


def _at_a_venue(settings: Settings) -> bool:
    """Whether a book follows a venue itself, and neither the seeded world nor a recording."""
    if settings.book.mode is not Mode.PAPER:
        return True
    return "market" not in settings.model_fields_set and settings.replay is None


def _named(context: Context, venue: str) -> Iterator[Instrument]:
    """Yield what the book holds, trades or describes at a venue."""
    settings = context.settings
    ids = [each.instrument for each in settings.holdings]
    ids += [name for own in settings.underlyings.values() for name in hedge_ids(own)]
    ids += [each.id for each in settings.instruments]
    for name in dict.fromkeys(ids):
        found = context.listing.find(name)
        if found is not None and found.venue == venue:
            yield found


def _options(context: Context, place: Place, name: str, venue: Venue) -> Iterator[Finding]:
    """Yield what is not said of options that nobody could value else.

    Where ccxt's own record is read, only what the venue itself said in it counts: ccxt
    fills a price of its list of markets in, which is as old as that list.
    """
    options = [each for each in _named(context, name) if each.kind is Kind.OPTION]
    if not options:
        return
    table = merged(name, venue.profile)
    own: Place = (*place, "profile", "stream", "options")
    for missing in unmarked(table):
        must = f"must say how {options[0].id} is marked: no vol and no forward is made up"
        yield Finding((*own, *missing), must, MISSING)
        return
    if table is None:
        return
    told = table.stream.options
    for field in ("mark", "vol", "forward", "ts"):
        path = told.fields.get(field, "")
        if path and told.call.startswith(UNIFIED_CALLS) and not path.startswith("info."):
            must = "must be of what the venue itself said, such as info.mark_iv"
            yield Finding((*own, "fields", field), must, shown(path))
    for option in options:
        unit = "coin" if option.inverse else "USD"
        if told.mark_unit != unit:
            must = f"must be {unit}: {option.id} settles in {option.settle}"
            yield Finding((*own, "mark_unit"), must, shown(told.mark_unit))
            return


def _funding(context: Context, place: Place, name: str, venue: Venue) -> Iterator[Finding]:
    """Yield a perpetual whose funding nobody would tell the model of."""
    table = merged(name, venue.profile)
    if context.settings.book.mode is not Mode.PAPER or table is None or table.stream.funding:
        return
    if any(each.kind is Kind.PERPETUAL for each in _named(context, name)):
        must = "must say where the rate stands: paper without funding would be kinder"
        yield Finding((*place, "profile", "stream", "funding"), must, MISSING)


def _collateral(context: Context, place: Place, name: str, venue: Venue) -> Iterator[Finding]:
    """Yield shares of currencies that mean nothing there, and cash that has no share."""
    if venue.collateral is None:
        return
    held = {}
    for index, holding in enumerate(context.settings.holdings):
        found = context.listing.find(holding.instrument)
        if found is not None and found.venue == name and holding.role is not Role.OUTSIDE:
            held[index] = found
    used = {each.settle for each in held.values()}
    for underlying in context.settings.underlyings.values():
        for instrument_id in (*underlying.hedge.buy, *underlying.hedge.sell):
            hedge = context.listing.find(instrument_id)
            if hedge is not None and hedge.venue == name:
                used.add(hedge.settle)
    told = context.settings.book.mode is not Mode.PAPER  # what is held, the venue tells
    known = {*used, *_currencies(context, name)} if told else used
    for index, currency in enumerate(each for each in venue.collateral if each not in known):
        must = "must be a currency that the book holds or settles in there"
        if told:
            nearest = near(currency, sorted(known)) if index < HINTS else None
            hint = f" (did you mean {nearest}?)" if nearest else ""
            must = f"must be a currency known at {name}, or of its [[instruments]]{hint}"
        yield Finding((*place, "collateral", currency), must, shown(currency))
    for row, instrument in held.items():
        if instrument.kind is Kind.CASH and instrument.settle not in venue.collateral:
            must = f"must count at a share: name {instrument.settle}, if only with 0"
            needs: tuple[Place, ...] = (("holdings", row, "instrument"),)
            yield Finding((*place, "collateral"), must, MISSING, "", needs)


def _currencies(context: Context, name: str) -> Iterator[str]:
    """Yield the currencies in which something may lie at a venue that tells of it by itself."""
    yield from (*sorted(STABLE), *catalogue.COINS)
    for each in (*context.listing.own.values(), *(context.listing.given or {}).values()):
        if each.venue == name:
            yield from filter(None, (each.settle, each.underlying))
