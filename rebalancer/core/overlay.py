"""Overlay: which options would bring gamma and vega back inside their limits; it is only told.

Of the options that are valued now the one that does it with the least premium
is named: greeks per contract against what is beyond the limits, the larger of
the two needs counting.
"""

from decimal import Decimal

from rebalancer.core import exposure, pricing
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.params import UnderlyingParams
from rebalancer.core.sizing import lots_up
from rebalancer.core.state import State
from rebalancer.core.volatility import YEAR

LEAST_DAYS = 1  # until expiry: what ends sooner is no overlay


def propose(state: State, own: UnderlyingParams, price: float) -> str:
    """Return in words what to buy or sell; delta is hedged by itself once it is done.

    Args:
        state: What is held, and which options are valued.
        own: The underlying and its limits.
        price: Index, USD per coin.
    """
    held = exposure.greeks(state.book(own.name), price, state.now)
    gamma = _beyond(held.gamma * price / 100, own.limits.gamma)
    vega = _beyond(held.vega / 100, own.limits.vega)
    best: tuple[float, str] | None = None
    for instrument in state.instruments.values():
        if instrument.kind is not Kind.OPTION or instrument.underlying != own.name:
            continue
        found = _option(state, instrument, price, (gamma, vega))
        if found is not None and (best is None or found < best):
            best = found
    return "no option that is valued now would bring it back" if best is None else best[1]


def _beyond(value: float, limit: float | None) -> float:
    """Return what must be added for a greek to be at its limit; 0 inside."""
    if limit is None or abs(value) <= limit:
        return 0.0
    return (limit if value > 0 else -limit) - value


def _option(
    state: State, instrument: Instrument, price: float, needs: tuple[float, float]
) -> tuple[float, str] | None:
    """Return (premium in USD, words) of what one option could do; None: nothing, or unknown."""
    told, expiry = state.prices.option_input(instrument.id), instrument.expiry or 0
    years = (expiry - state.now) / YEAR
    if told is None or years * 365 < LEAST_DAYS:
        return None
    vol, carry, _ = told
    size, strike = float(instrument.size), float(instrument.strike or 0)
    unit = pricing.greeks(price * carry, strike, years, vol, instrument.sign)
    each = (float(unit.gamma) * size * price / 100, float(unit.vega) * size / 100)
    counts = [need / one for need, one in zip(needs, each, strict=True) if need and one > 0]
    if not counts or min(counts) * max(counts) < 0:
        return None  # what helps one would hurt the other
    most = max(counts, key=abs)
    contracts = float(lots_up(instrument, Decimal(repr(abs(most)))))
    premium = contracts * size * float(unit.price)
    way = "buy" if most > 0 else "sell"
    words = f"{way} {contracts:g} {instrument.id} ({premium:,.0f} USD of premium) to bring it back"
    return premium, words
