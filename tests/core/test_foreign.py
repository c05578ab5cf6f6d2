"""Tests of fills without an order of ours: by hand, or by force."""

from decimal import Decimal

import pytest

from rebalancer.core import foreign
from rebalancer.core.commands import Severity
from rebalancer.core.events import Fill, Forced
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.positions import Position

D = Decimal
PERP = Instrument("deribit:BTC-PERPETUAL", Kind.PERPETUAL, "BTC", "BTC", D(1), D(10), D(10))


def fill(quantity="100", forced=None):
    price, fee = D(100_000), D(0)
    names = ("deribit", PERP.id, "t1", None)
    return Fill(1, 1, *names, D(quantity), price, fee, "BTC", forced)


@pytest.mark.parametrize(
    ("forced", "name", "severity"),
    [
        (None, "fill.foreign", Severity.WARNING),
        (Forced.DELEVERAGING, "position.deleveraged", Severity.WARNING),
        (Forced.LIQUIDATION, "position.liquidated", Severity.ERROR),
        (Forced.EXPIRY, "position.delivered", Severity.INFO),  # nobody is woken at an expiry
    ],
)
def test_alert(forced, name, severity):
    """A liquidation wakes a person, a hand or a deleveraging is told; all name what was traded."""
    told = foreign.alert(fill("-100", forced), PERP)

    assert (name, severity, "BTC") == (told.event, told.severity, told.scope)
    assert "t1" in told.text
    assert PERP.id in told.text


@pytest.mark.parametrize(
    ("hedge", "quantity", "forced", "unwound"),
    [
        ("-300", "100", Forced.LIQUIDATION, "100"),
        ("-300", "300", Forced.DELEVERAGING, "300"),
        ("-300", "300", Forced.EXPIRY, "300"),
        ("-300", "310", Forced.LIQUIDATION, "300"),  # the rest was the book's own
        ("300", "-310", Forced.LIQUIDATION, "-300"),
        ("-300", "-100", Forced.LIQUIDATION, "0"),  # the same way
        ("0", "100", Forced.LIQUIDATION, "0"),
        ("-300", "100", None, "0"),  # by hand: whoever traded meant it
    ],
)
def test_unwound(hedge, quantity, forced, unwound):
    """What a venue takes by force is the hedge's as far as hedging had put it there."""
    held = Position(D("-500"), D("-0.005"), D(hedge))

    assert D(unwound) == foreign.unwound(held, fill(quantity, forced))
