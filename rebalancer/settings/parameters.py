"""Parameters: validated settings become what the core decides by."""

from collections.abc import Mapping
from dataclasses import replace

from rebalancer.core import outside
from rebalancer.core.instruments import Instrument, Kind, cash_instrument
from rebalancer.core.params import (
    BandParams,
    CollarParams,
    Numeraire,
    OrderParams,
    OutsideParams,
    Params,
    StalenessParams,
    UnderlyingLimits,
    UnderlyingParams,
)
from rebalancer.settings.listing import Listing, listing, stable_cash
from rebalancer.settings.models import SECOND, Band, Holding, Role, Settings, Underlying

READINGS = 3  # of an account that may fail in a row before it counts as unread


def to_params(
    settings: Settings,
    epoch: int,
    instruments: Mapping[str, Instrument] | None = None,
    reading: int = 30 * SECOND,
) -> Params:
    """Return the parameters of one start of a book.

    Args:
        settings: Settings without faults.
        epoch: Start counter of the book, from its journal.
        instruments: All instruments of the mode; None is the built-in catalogue.
        reading: ns between two readings of an account: a few may fail.
    """
    staleness, collar, orders = settings.guards.staleness, settings.guards.collar, settings.orders
    return Params(
        book=settings.book.id,
        accounts=tuple(settings.venues),
        epoch=epoch,
        underlyings={name: _underlying(name, each) for name, each in settings.underlyings.items()},
        staleness=StalenessParams(
            quote=staleness.quote,
            index=staleness.index,
            mark=staleness.mark,
            option=staleness.option,
            positions=max(staleness.positions, READINGS * reading),
        ),
        collar=CollarParams(collar.width, collar.protect_factor, collar.index_width, collar.jump),
        orders=OrderParams(
            timeout=orders.timeout,
            max_decision_age=orders.max_decision_age,
            absent_after=orders.absent_after,
            absent_answers=orders.absent_answers,
            unknown_halt=orders.unknown_halt,
        ),
        unhedged_alert=settings.guards.unhedged_alert,
        cash_underlying=_cash_underlying(settings, listing(settings, instruments)),
        outside=_outside(settings, listing(settings, instruments)),
    )


def _outside(settings: Settings, known: Listing) -> tuple[OutsideParams, ...]:
    """Return the files that tell holdings, each with those whose delta rests on it."""
    found: dict[str, OutsideParams] = {}
    for holding in settings.holdings:
        instrument = known.find(holding.instrument)
        if holding.file is None or holding.max_age is None or instrument is None:
            continue
        own = found.get(holding.file, OutsideParams(holding.file, holding.max_age, ()))
        about = holding.underlying or instrument.underlying
        names = dict.fromkeys((*own.underlyings, about) if about else own.underlyings)
        found[holding.file] = replace(own, underlyings=tuple(names))
    return tuple(found.values())


def _underlying(name: str, underlying: Underlying) -> UnderlyingParams:
    limits = underlying.limits
    return UnderlyingParams(
        name=name,
        numeraire=underlying.numeraire,
        target=underlying.target,
        coverage=underlying.coverage,
        hedge_buy=underlying.hedge.buy,
        hedge_sell=underlying.hedge.sell,
        band=_band(underlying.band),
        limits=UnderlyingLimits(limits.order, limits.position, limits.net_delta),
        include=underlying.include,
        exclude=underlying.exclude,
    )


def _band(band: Band) -> BandParams:
    moved = band.move_filter
    return BandParams(
        kind=band.kind,
        lower=band.lower,
        upper=band.upper,
        reset=band.reset,
        min_interval=band.min_interval,
        max_interval=band.max_interval,
        move_trigger=band.move_trigger,
        move_filter=None if moved is None else moved.move,
        move_window=None if moved is None else moved.window,
    )


def account_of(holding: Holding, instrument: Instrument) -> str:
    """Return the account that a holding is kept under: its venue, or one outside."""
    if holding.file is not None:
        return outside.account_of(holding.file)
    return outside.OUTSIDE if holding.role is Role.OUTSIDE else instrument.venue


def _held(settings: Settings, known: Listing, underlying: str) -> list[Instrument]:
    found = (known.find(holding.instrument) for holding in settings.holdings)
    return [each for each in found if each is not None and each.underlying == underlying]


def _cash_underlying(settings: Settings, known: Listing) -> dict[str, str]:
    """Return which underlying a balance belongs to, where that is not its own coin.

    What a holding says comes first. The cash that hedges and holdings of a coin
    book settle in belongs to it without being named: a live book names no holdings
    of its own, and profit must not land where no underlying counts it.
    """
    found = {}
    for holding in settings.holdings:
        instrument = known.find(holding.instrument)
        if instrument and instrument.kind is Kind.CASH and holding.underlying is not None:
            account = account_of(holding, instrument)
            found[cash_instrument(account, instrument.settle).id] = holding.underlying
    for name, underlying in settings.underlyings.items():
        if underlying.numeraire is Numeraire.COIN:
            for account in stable_cash(known, underlying, _held(settings, known, name)):
                found.setdefault(account, name)
    return found
