"""Conditions: what a band that minds costs has to know of its market and its book.

How fast net delta wanders follows from the holdings, what hedging costs from the
leg that would be traded next. The costs are looked at once a tick of the clock:
a spread that flickers must not move an edge with every quote.
"""

from rebalancer.core import allocation, costs
from rebalancer.core.band.width import Conditions, SideCost, Wander
from rebalancer.core.exposure import YEAR, Book, curvature, delta_per_contract
from rebalancer.core.params import UnderlyingParams, WidthParams
from rebalancer.core.state import State

DAY = 86_400_000_000_000  # ns for which carry counts where no setting says


def around(
    state: State, own: UnderlyingParams, width: WidthParams, book: Book, price: float
) -> Conditions:
    """Return what stands around the band of an underlying.

    Args:
        state: Quotes, rates, vols and positions.
        own: The underlying.
        width: What makes the width of its band.
        book: Its compiled holdings.
        price: Index, USD per coin.
    """
    turns = curvature(book, price, state.now)
    vol = turns.vol or state.prices.vol(own.name) or width.vol
    buying, selling = state.memory[own.name].sides or sides(state, own)
    return Conditions(
        price=price,
        vol=vol,
        years=turns.years,
        gamma=turns.gamma,
        wander=Wander(
            gamma=turns.gamma * price * vol,
            vanna=turns.vanna * width.vol_of_vol,
            flow=width.flow,
            correlation=width.correlation,
        ),
        buying=buying,
        selling=selling,
        horizon=_horizon(state) / YEAR,
        ceiling=own.limits.net_delta,
    )


def sides(state: State, own: UnderlyingParams) -> tuple[SideCost, SideCost]:
    """Return what hedging costs: of buying, of selling."""
    return _side(state, own, +1), _side(state, own, -1)


def _horizon(state: State) -> int:
    return DAY if state.params.funding is None else state.params.funding.horizon


def _side(state: State, own: UnderlyingParams, side: int) -> SideCost:
    """Return what hedging costs on one side; of no leg nothing is known, and all costs 0.

    Carry counts where the hedge grows the leg and the leg pays: what closes it saves
    that, and a band must not be drawn to whatever earns.
    """
    instrument = allocation.choose(state, own, buys=side > 0)
    if instrument is None:
        return SideCost()
    horizon = _horizon(state)
    told = costs.of(state, state.params, own, instrument, side, 1.0, horizon)
    held = state.ledger.position(instrument.venue, instrument.id).quantity
    grows = held * side >= 0
    index = state.prices.index_price(own.name, state.now)
    mark = state.prices.mark_price(instrument.id, state.now)
    floor = 0.0
    if index is not None and mark is not None:
        least = float(max(instrument.lot, instrument.minimum))
        floor = least * delta_per_contract(instrument, mark, index, own)
    return SideCost(
        fee=told.fee,
        half_spread=told.half_spread or 0.0,
        impact=told.impact or 0.0,
        carry=max(told.funding or 0.0, 0.0) * YEAR / horizon if grows else 0.0,
        floor=floor,
    )
