"""From a gap in coins to an order in contracts: the one place where models meet lots.

The order is rounded to the lot that lands inside the band nearest the goal,
never past the band's far side. Where no order of at least the venue's minimum
lands inside, the gap is held and not chased.
"""

import math
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Context, Decimal
from typing import NamedTuple

from rebalancer.core.band import Band
from rebalancer.core.instruments import Instrument

_FINE = Decimal("1e-8")  # contracts: finer than any lot
_WIDE = Context(prec=60)  # a float's integer part may have more digits than the default


def lots(instrument: Instrument, contracts: Decimal) -> Decimal:
    """Return `contracts` cut to whole lots, towards zero; signed."""
    count = (contracts / instrument.lot).to_integral_value(rounding=ROUND_DOWN)
    return int(count) * instrument.lot  # the lot's own digits: never 1E+2


def lots_up(instrument: Instrument, contracts: Decimal) -> Decimal:
    """Return `contracts` raised to whole lots and the smallest order, >= 0; for what must close."""
    count = (contracts / instrument.lot).to_integral_value(rounding=ROUND_CEILING)
    return max(int(count), _ceil_lots(instrument)) * instrument.lot


def contracts(
    instrument: Instrument, delta_per_contract: float, net: float, goal: float, band: Band
) -> Decimal:
    """Return the order that brings `net` nearest to `goal`, contracts, signed.

    Args:
        instrument: Lot and smallest order, contracts.
        delta_per_contract: Coins that one bought contract adds, != 0.
        net: Net delta now, coins.
        goal: Where it should land, inside the band, coins.
        band: Edges in coins.

    Returns:
        0 when no order of at least the smallest size lands inside the band; a
        hedge that is due inside the band is 0 also when it would not come nearer.
    """
    lot, smallest = float(instrument.lot), _ceil_lots(instrument)
    exact = (goal - net) / delta_per_contract / lot
    if not math.isfinite(exact):
        return Decimal(0)
    way = 1 if exact > 0 else -1
    counts = {math.floor(exact), math.ceil(exact), way * smallest}
    fit = [
        count
        for count in sorted(counts)
        if count * way >= smallest and band.contains(net + count * lot * delta_per_contract)
    ]
    if not fit:
        return _partial(instrument, exact, smallest, net, band)
    best = min(fit, key=lambda count: (abs(count - exact), abs(count)))
    nearer = abs(net + best * lot * delta_per_contract - goal) < abs(net - goal)
    return best * instrument.lot if nearer or not band.contains(net) else Decimal(0)


def _partial(
    instrument: Instrument, exact: float, smallest: int, net: float, band: Band
) -> Decimal:
    """Return the cut order where no lot lands inside: short of the goal, not past it."""
    count = math.trunc(exact)
    if abs(count) < smallest or band.contains(net):
        return Decimal(0)
    return count * instrument.lot


def _ceil_lots(instrument: Instrument) -> int:
    count = (instrument.minimum / instrument.lot).to_integral_value(rounding=ROUND_CEILING)
    return max(int(count), 1)


class Parts(NamedTuple):
    """What of an order closes, hedges and is required; contracts, >= 0."""

    closing: Decimal  # brings the instrument's position towards 0
    hedging: Decimal  # lowers |net delta|
    required: Decimal  # brings |net delta| back to its limit


def parts(
    quantity: Decimal, position: Decimal, net: float, per_contract: float, net_limit: float
) -> Parts:
    """Split an order into what the guards treat differently.

    Args:
        quantity: The order, contracts, signed.
        position: Contracts held of the instrument, signed.
        net: Net delta, coins.
        per_contract: Coins that one bought contract adds.
        net_limit: Limit of |net delta|, coins.
    """
    size = abs(quantity)
    closing = min(size, abs(position)) if quantity * position < 0 else Decimal(0)
    lowers = net * per_contract * float(quantity) < 0
    if not lowers:
        return Parts(closing, Decimal(0), Decimal(0))
    excess = max(abs(net) - net_limit, 0.0)
    return Parts(
        closing,
        min(size, _upwards(abs(net / per_contract))),
        min(size, _upwards(excess / abs(per_contract))),
    )


def _upwards(amount: float) -> Decimal:
    return Decimal(amount).quantize(_FINE, rounding=ROUND_CEILING, context=_WIDE)


def worst_price(instrument: Instrument, reference: float, width: float, buys: bool) -> Decimal:
    """Return the limit price `width` away from a reference, on the tick inside the collar.

    Args:
        instrument: Its tick.
        reference: Independent price, quote currency, > 0.
        width: Fraction of the reference, > 0.
        buys: Whether the order buys.
    """
    # In Decimal: a float product just below a tick would lose that tick.
    share = Decimal(repr(width if buys else -width))
    edge = Decimal(repr(reference)) * (1 + share)
    rounding = ROUND_FLOOR if buys else ROUND_CEILING
    return (edge / instrument.tick).to_integral_value(rounding=rounding) * instrument.tick
