"""Parameters: validated settings become what the core decides by."""

import math
from collections.abc import Mapping
from dataclasses import replace

from rebalancer.core import breaker, outside
from rebalancer.core.funding import Rule
from rebalancer.core.instruments import Instrument, Kind, cash_instrument
from rebalancer.core.margin.rungs import Ladder as Rungs
from rebalancer.core.margin.schedule import schedule
from rebalancer.core.params import (
    AccountTerms,
    BandParams,
    BehaviourParams,
    BookLimits,
    CollarParams,
    ExecutionParams,
    FundingParams,
    ImpactParams,
    MarginParams,
    MarketParams,
    NearParams,
    Numeraire,
    OrderParams,
    OutsideParams,
    Params,
    SmileParams,
    StalenessParams,
    UnderlyingLimits,
    UnderlyingParams,
    WidthParams,
)
from rebalancer.core.smile import Regime
from rebalancer.settings.guarding import (
    SECOND,
    BehaviourGuard,
    FundingGuard,
    Ladder,
    MarginGuard,
)
from rebalancer.settings.listing import Listing, listing, stable_cash
from rebalancer.settings.models import (
    GIVEN,
    Band,
    Holding,
    Limits,
    Near,
    Role,
    Settings,
    Smile,
    Underlying,
    Venue,
)
from rebalancer.settings.ratios import in_use

READINGS = 3  # of an account that may fail in a row before it counts as unread
READING = 30 * SECOND  # ns between two readings of what an account holds; a tick, if that is longer
TAKER = 0.0005  # fee where the settings name none, fraction of notional
DAYS = 365  # in a year
FIGURES = 5  # ticks between two readings of how an account stands


def to_params(
    settings: Settings,
    epoch: int,
    instruments: Mapping[str, Instrument] | None = None,
    tick: int = SECOND,
) -> Params:
    """Return the parameters of one start of a book.

    Args:
        settings: Settings without faults.
        epoch: Start counter of the book, from its journal.
        instruments: All instruments of the mode; None is the built-in catalogue.
        tick: ns between two looks at the clock.
    """
    reading, figures = max(READING, tick), FIGURES * tick
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
        margin=_margin(settings.guards.margin, figures),
        limits=_limits(settings.limits),
        market=MarketParams(**settings.guards.market.model_dump()),
        behaviour=_behaviour(settings.guards.behaviour),
        funding=_funding(settings.guards.funding),
        terms={name: _terms(each) for name, each in settings.venues.items()},
        impacts={
            name: ImpactParams(each.volume_per_day, each.impact)
            for name, each in settings.costs.items()
        },
    )


def _limits(limits: Limits) -> BookLimits:
    return BookLimits(
        leverage=limits.leverage,
        turnover_per_day=limits.turnover_per_day,
        loss_per_day=limits.loss_per_day,
        drawdown=limits.drawdown,
        fees_per_day=limits.fees_per_day,
        counterparty=limits.counterparty,
    )


def _behaviour(told: BehaviourGuard) -> BehaviourParams:
    return BehaviourParams(
        told.hedges_per_minute,
        breaker.Limits(
            told.misses, told.effect, told.sides, told.window, told.remains, told.rejections
        ),
    )


def _funding(told: FundingGuard | None) -> FundingParams | None:
    """Return what it may cost to hold a hedge; None: the settings say nothing of it."""
    if told is None:
        return None
    rule = Rule(horizon=told.move_horizon, factor=told.move_factor)
    return FundingParams(told.cap_per_day, told.horizon, told.budget_per_day, rule, told.moves)


def _margin(margin: MarginGuard | None, figures: int) -> MarginParams | None:
    """Return what keeps accounts from liquidation; None: the settings say nothing of it."""
    if margin is None:
        return None
    return MarginParams(
        ladder=Rungs(
            ratio=_rungs(margin.ratio),
            distance=_rungs(margin.distance),
            min_sigmas=margin.min_sigmas,
            reaction_time=margin.reaction_time,
            margin=margin.clear_by,
        ),
        tail=margin.tail,
        least_vol=margin.least_vol,
        most_vol=margin.most_vol,
        max_age=max(margin.max_age, READINGS * figures),
        disagreement=margin.disagreement,
    )


def _rungs(told: Ladder) -> tuple[float, ...]:
    return (told.warn, told.widen, told.reduce, told.derisk, told.halt)


def _terms(venue: Venue) -> AccountTerms:
    return AccountTerms(
        isolated=venue.margin == "isolated",
        portfolio=venue.margin == "portfolio",
        leverage=venue.leverage,
        taker=TAKER if venue.fees is None else venue.fees.taker,
        schedule=None if venue.tiers is None else schedule(venue.tiers),
        collateral=venue.collateral,
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
        limits=UnderlyingLimits(
            limits.order, limits.position, limits.net_delta, limits.gamma, limits.vega
        ),
        include=underlying.include,
        exclude=underlying.exclude,
        near=_near(underlying.near),
        placement=underlying.placement,
        ratios=in_use(underlying),
        smile=_smile(underlying.smile),
        execution=ExecutionParams(**underlying.execution.model_dump()),
    )


def _smile(smile: Smile | None) -> SmileParams | None:
    """Return how deltas follow the smile; None: not at all."""
    if smile is None or smile.delta is Regime.STICKY_STRIKE:
        return None
    told = smile.coefficients
    return SmileParams(smile.delta, smile.ratio or 0.0, told, smile.cap)


def _near(near: Near | None) -> NearParams | None:
    if near is None:
        return None
    return NearParams(near.levels, near.within, near.factor, near.strikes or 0)


def _band(band: Band) -> BandParams:
    moved, fixed = band.move_filter, band.kind in GIVEN
    return BandParams(
        kind=band.kind,
        lower=band.lower or 0.0,
        upper=band.upper or 0.0,
        reset=band.reset,
        least_trade=band.least_trade,
        width=None if fixed else _width(band),
        min_interval=band.min_interval,
        max_interval=band.max_interval,
        move_trigger=band.move_trigger,
        move_filter=None if moved is None else moved.move,
        move_window=None if moved is None else moved.window,
    )


def _width(band: Band) -> WidthParams:
    plain = WidthParams()
    return WidthParams(
        risk_aversion=band.risk_aversion,
        spend_per_day=band.spend_per_day,
        pnl_sd=band.pnl_sd,
        fixed_cost=band.fixed_cost or 0.0,
        flow=band.flow * math.sqrt(DAYS),
        vol_of_vol=band.vol_of_vol,
        correlation=band.correlation,
        monitored=band.monitored,
        residual=band.residual,
        vol=plain.vol if band.vol is None else band.vol,
        sigmas=plain.sigmas if band.sigmas is None else band.sigmas,
        over=plain.over if band.over is None else band.over,
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
