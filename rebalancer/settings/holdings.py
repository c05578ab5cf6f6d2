"""Holdings: what a row of the starting book demands of the rest."""

from collections.abc import Iterator

from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.params import Numeraire
from rebalancer.settings.context import Context
from rebalancer.settings.faults import HINTS, MISSING, Finding, Place
from rebalancer.settings.models import Holding, Mode, Role
from rebalancer.settings.values import shown

TOLD_BY_FILE = (Kind.CASH, Kind.SPOT, Kind.OPTION)  # what needs no entry to have a delta


def must_be_known(context: Context, instrument_id: str, index: int) -> str:
    """Return what an unknown instrument must be; `index` is its place in its list."""
    nearest = context.listing.nearest(instrument_id) if index < HINTS else None
    hint = f" (did you mean {nearest}?)" if nearest else ""
    return f"must be a known instrument{hint}"


def holdings(context: Context) -> Iterator[Finding]:
    """Yield what is wrong with the holdings."""
    first: dict[tuple[str, bool, str | None], int] = {}  # it may lie inside, outside, in a file
    ages: dict[str, tuple[int, int | None]] = {}  # file → first row, and its oldest age
    for index, holding in enumerate(context.settings.holdings):
        place: Place = ("holdings", index)
        key = (holding.instrument, holding.role is Role.OUTSIDE, holding.file)
        yield from _told_by_file(place, holding)
        if holding.file is not None:
            row, age = ages.setdefault(holding.file, (index, holding.max_age))
            if holding.max_age != age:
                must = f"must be the same as in holdings.{row}, which the file tells too"
                yield Finding((*place, "max_age"), must, "another")
        if key in first:
            must = f"must be named once; add it to holdings.{first[key]}"
            yield Finding((*place, "instrument"), must, shown(holding.instrument))
        first.setdefault(key, index)
        if context.settings.book.mode is Mode.LIVE and holding.role is not Role.OUTSIDE:
            must = "must be outside in mode live: the venues tell the rest"
            yield Finding((*place, "role"), must, shown(holding.role), "", (("book", "mode"),))
        instrument = context.listing.find(holding.instrument)
        if instrument is None:
            must = must_be_known(context, holding.instrument, index)
            yield Finding((*place, "instrument"), must, shown(holding.instrument))
        else:
            yield from _held(place, holding, instrument)
            yield from _belongs(context, place, holding, instrument)


def _told_by_file(place: Place, holding: Holding) -> Iterator[Finding]:
    """Yield what a row that a file tells must have and must not, and the other way round."""
    given, needs = holding.model_fields_set, ((*place, "file"),)
    if holding.file is None:
        if "quantity" not in given:
            must = "must be given, or a file that tells it"
            yield Finding((*place, "quantity"), must, MISSING, "", needs)
        if holding.max_age is not None:
            must = "must be absent without a file"
            yield Finding((*place, "max_age"), must, "given", "", needs)
        return
    for key in ("quantity", "entry"):
        if key in given:
            yield Finding((*place, key), "must be absent: the file tells it", "given", "", needs)
    if holding.max_age is None:
        must = "must say how old what the file tells may be, such as 1h"
        yield Finding((*place, "max_age"), must, MISSING, "", needs)
    if holding.role is not Role.OUTSIDE:
        must = "must be outside where a file tells what is held"
        yield Finding((*place, "role"), must, shown(holding.role), "", needs)


def _held(place: Place, holding: Holding, instrument: Instrument) -> Iterator[Finding]:
    needs: tuple[Place, ...] = ((*place, "instrument"),)
    if holding.file is not None:
        if instrument.kind not in TOLD_BY_FILE:
            must = "must be cash, a spot pair or an option: a file tells no entry"
            yield Finding((*place, "instrument"), must, shown(holding.instrument))
        return
    if holding.quantity == 0 and instrument.kind is not Kind.CASH:
        yield Finding((*place, "quantity"), "must not be 0", "0", "", needs)
    if holding.quantity % instrument.lot:
        must = f"must be a multiple of the lot of {instrument.id} ({instrument.lot})"
        yield Finding((*place, "quantity"), must, str(holding.quantity), "", needs)
    if holding.entry is not None and instrument.kind is Kind.CASH:
        yield Finding((*place, "entry"), "must be absent for cash", str(holding.entry), "", needs)


def _belongs(
    context: Context, place: Place, holding: Holding, instrument: Instrument
) -> Iterator[Finding]:
    """Yield faults of the underlying that a balance is said to belong to, or should be."""
    needs: tuple[Place, ...] = ((*place, "instrument"),)
    place = (*place, "underlying")
    underlyings = context.settings.underlyings
    stable = instrument.kind is Kind.CASH and instrument.settle in STABLE
    if holding.underlying is None:
        coin_books = [
            name for name, each in underlyings.items() if each.numeraire is Numeraire.COIN
        ]
        if stable and coin_books:
            must = f"must name the underlying of this cash, as {coin_books[0]} counts in coins"
            needs = (*needs, ("underlyings", coin_books[0], "numeraire"))
            yield Finding(place, must, MISSING, "", needs)
    elif holding.underlying not in underlyings and (stable or not instrument.underlying):
        must = "must be one of [underlyings]"
        yield Finding(
            place,
            must,
            shown(holding.underlying),
            "",
            (*needs, ("underlyings", holding.underlying)),
        )
    elif not stable and holding.underlying != instrument.underlying:
        must = f"must be {instrument.underlying}, which {instrument.id} is about"
        yield Finding(place, must, shown(holding.underlying), "", needs)
