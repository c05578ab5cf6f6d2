"""Bands: how far net delta may stray, where that lies, and when a hedge is due.

    widths   the half-width that cost and risk together make best, in closed form
    placing  the band around its aim; whether a hedge is due, and how far it goes

None of them knows the book: what it costs to trade, and how fast net delta
wanders, is gathered elsewhere and handed in.
"""

from rebalancer.core.band.placing import SLACK, Band, Due, Pulse, aim, due, held_back, place
from rebalancer.core.band.widths import (
    Trigger,
    Zakamouline,
    for_deviation,
    for_spending,
    implied_aversion,
    inventory,
    overshoot,
    residual,
    trigger_and_reset,
    whalley_wilmott,
    zakamouline,
)

__all__ = [
    "SLACK",
    "Band",
    "Due",
    "Pulse",
    "Trigger",
    "Zakamouline",
    "aim",
    "due",
    "for_deviation",
    "for_spending",
    "held_back",
    "implied_aversion",
    "inventory",
    "overshoot",
    "place",
    "residual",
    "trigger_and_reset",
    "whalley_wilmott",
    "zakamouline",
]
