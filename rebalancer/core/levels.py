"""Levels: prices near which delta turns fast, and a hedge must follow more closely.

Barriers and the like come from the settings; strikes of held options count by
themselves once they are about to expire: there gamma is concentrated.
"""

import numpy as np

from rebalancer.core.exposure import Book
from rebalancer.core.params import NearParams


def factor(own: NearParams | None, book: Book, price: float, ts: int) -> float:
    """Return what a band's width is multiplied by now, in (0, 1].

    Args:
        own: Levels and how near is near; None: there are none.
        book: What is held.
        price: Index, USD per coin.
        ts: ns.
    """
    if own is None:
        return 1.0
    if any(abs(price / level - 1.0) <= own.within for level in own.levels):
        return own.factor
    lines = book.options
    if not lines.ids or not own.strikes:
        return 1.0
    left = lines.expiry - ts
    soon = (left > 0) & (left <= own.strikes)
    near = soon & (np.abs(price / lines.strike - 1.0) <= own.within)
    return own.factor if bool(near.any()) else 1.0
