"""Margin: what lies between an account and its liquidation.

    liquidation  the price at which one position meets its maintenance, in closed form
    schedule     what a venue asks of a notional, tier by tier
    pool         what stands together for losses, revalued at other prices and after an order
    rungs        how near it is, by ratio, by distance and in sigmas: the steps of the ladder

The modules import one another in that order. None of them knows the book: who
holds what, and what a venue told of it, is `core.cushions`.
"""

from rebalancer.core.margin.liquidation import liquidation_price

__all__ = ["liquidation_price"]
