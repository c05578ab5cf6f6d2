"""Portfolio margin: the worst that moves of price and vol would do to a whole portfolio.

Everything of one underlying that settles in one currency is valued anew under
each scenario, so that hedges count, and what the scenarios leave out is added
as contingencies. The moves, the dependence of the vol shock on time to expiry
and the damped extremes have the shape of Deribit's grid; the numbers are
`terms.Grid`'s.

Source:
    https://support.deribit.com/hc/en-us/articles/25944756247837-Portfolio-Margin
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange import black
from rebalancer.exchange.contracts import reciprocal
from rebalancer.exchange.exact import ceiling
from rebalancer.exchange.fixing import open_share
from rebalancer.exchange.terms import Grid

YEAR = 365 * 86_400 * 1e9  # ns
DAY = 86_400 * 1e9
MONTH = 30.0  # days
LEAST = 1e-6  # of the index: no forward falls further, wherever it stood before a move


@dataclass(frozen=True, slots=True)
class OptionModel:
    """What stands behind an option's mark."""

    vol: float  # per year
    forward: float  # USD per coin, of what it settles on


@dataclass(frozen=True, slots=True)
class Leg:
    """One position as a scenario sees it."""

    instrument: Instrument
    quantity: float  # contracts, signed
    mark: float  # quote currency
    model: OptionModel | None = None  # options only


@dataclass(frozen=True, slots=True)
class Scenario:
    """One cell of the grid."""

    move: float  # of the price, fraction
    vol: int  # +1 up, 0 same, -1 down
    counts: float  # share of the loss that is held against the account


def scenarios(grid: Grid) -> Iterator[Scenario]:
    """Yield every cell: ordinary moves with three vols, then the damped extremes."""
    half = grid.buckets // 2
    for step in range(-half, half + 1):
        for vol in (1, 0, -1):
            yield Scenario(grid.reach * step / half, vol, 1.0)
    for move in grid.extended:
        yield Scenario(move, 1, min(1.0, grid.reach / abs(move)))


def requirement(grid: Grid, legs: Sequence[Leg], index: float, now: int) -> Decimal:
    """Return the maintenance margin of a portfolio of one underlying and settle currency.

    Args:
        grid: Moves and contingencies.
        legs: Positions of one underlying that settle in one currency.
        index: USD per coin.
        now: ns.

    Returns:
        Settle currency, >= 0, rounded up to 1e-12.
    """
    worst = max(
        -cell.counts * sum(_gain(grid, leg, cell, index, now) for leg in legs)
        for cell in scenarios(grid)
    )
    return ceiling(max(worst, 0.0) + _contingencies(grid, legs, index))


def first(grid: Grid, maintenance: Decimal) -> Decimal:
    """Return the initial margin that goes with a maintenance margin."""
    return maintenance * Decimal(repr(grid.initial_factor))


def _gain(grid: Grid, leg: Leg, cell: Scenario, index: float, now: int) -> float:
    """Return what a leg gains in a cell, settle currency."""
    contract, size = leg.instrument, leg.quantity * float(leg.instrument.size)
    if contract.kind is not Kind.OPTION:
        share = 1.0 if contract.expiry is None else open_share(contract.expiry, now)
        after = leg.mark * (1 + cell.move * share)
        return (
            size * (1 / leg.mark - 1 / after) if reciprocal(contract) else size * (after - leg.mark)
        )
    return size * (_option(grid, leg, cell, index, now) - leg.mark)


def _option(grid: Grid, leg: Leg, cell: Scenario, index: float, now: int) -> float:
    """Return the price of an option in a cell, settle currency per coin."""
    contract, model = leg.instrument, leg.model
    if model is None or contract.strike is None or contract.expiry is None:
        return leg.mark
    left = max(contract.expiry - now, 0)
    forward = model.forward + index * cell.move * open_share(contract.expiry, now)
    forward = max(forward, index * LEAST)
    days = max(left / DAY, 1.0)
    power = grid.near_power if days < MONTH else grid.far_power
    shift = {1: grid.vol_up, 0: 0.0, -1: -grid.vol_down}[cell.vol] * (MONTH / days) ** power
    deviation = model.vol * max(1 + shift, 0.0) * (left / YEAR) ** 0.5
    worth = black.price(forward, float(contract.strike), deviation, contract.sign)
    return worth / forward if contract.inverse else worth


def _contingencies(grid: Grid, legs: Sequence[Leg], index: float) -> float:
    """Return what is asked for what no scenario shows: basis, and short options as such."""
    asked, short = 0.0, dict[tuple[int | None, int], float]()
    for leg in legs:
        size = leg.quantity * float(leg.instrument.size)
        if leg.instrument.kind is Kind.OPTION:
            key = leg.instrument.expiry, leg.instrument.sign
            unit = 1.0 if leg.instrument.inverse else index
            short[key] = short.get(key, 0.0) - size * unit
        else:
            worth = size / leg.mark if reciprocal(leg.instrument) else size * leg.mark
            asked += grid.linear_contingency * abs(worth)
    return asked + grid.short_option_contingency * sum(max(net, 0.0) for net in short.values())
