"""Prices to judge an account by: as they are, or as they would be."""

from collections import ChainMap
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from rebalancer.core.instruments import STABLE, Instrument


class Prices(NamedTuple):
    """Marks by instrument, quote currency, and indexes by underlying, USD per coin."""

    marks: Mapping[str, Decimal]
    indexes: Mapping[str, Decimal]

    def usd(self, currency: str) -> Decimal | None:
        """Return USD per unit of a currency; None while its index is not known."""
        return Decimal(1) if currency in STABLE else self.indexes.get(currency)


def moved(prices: Prices, instrument: Instrument, price: Decimal) -> Prices:
    """Return prices in which an instrument's mark and its underlying's index are `price`.

    Everything else stays: that is what a liquidation price of one position means.
    """
    marks = ChainMap({instrument.id: price}, dict(prices.marks))
    indexes = ChainMap({instrument.underlying: price}, dict(prices.indexes))
    return Prices(marks, indexes)
