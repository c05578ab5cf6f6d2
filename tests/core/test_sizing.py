"""From a gap in coins to whole lots, and what of an order does what."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import sizing
from rebalancer.core.band import Band
from rebalancer.core.sizing import Parts
from tests.scenarios.desk import INSTRUMENTS, LINEAR, PERP

D = Decimal

COIN = replace(INSTRUMENTS[LINEAR], lot=D("0.1"), minimum=D("0.1"), tick=D("0.5"))
BIG = replace(COIN, minimum=D(1))  # ten lots at least
ODD = replace(COIN, minimum=D("0.25"))  # not a whole number of lots
FACE = INSTRUMENTS[PERP]  # 10 USD a contract
WIDE = Band(0.0, -1.0, 1.0)
THIN = Band(0.0, -0.01, 0.01)


@pytest.mark.parametrize(
    ("instrument", "per", "net", "goal", "band", "expected"),
    [
        # whole lots
        (COIN, 1.0, 3.0, 1.0, WIDE, "-2.0"),
        (COIN, 1.0, -3.0, -1.0, WIDE, "2.0"),
        (COIN, 1.0, 3.0, 0.0, WIDE, "-3.0"),
        (FACE, 1e-4, 2.0, 0.0, WIDE, "-20000"),
        (FACE, 1e-4, -2.0, 0.0, WIDE, "20000"),
        (FACE, -1e-4, 2.0, 0.0, WIDE, "20000"),  # an instrument that falls when the coin rises
        # to the lot inside the band nearest the goal
        (COIN, 1.0, 3.04, 1.0, WIDE, "-2.1"),  # -2.0 would stay outside
        (COIN, 1.0, 3.04, 0.0, WIDE, "-3.0"),
        (COIN, 1.0, 3.06, 0.0, WIDE, "-3.1"),
        (COIN, 1.0, 0.104, 0.0, THIN, "-0.1"),
        (COIN, 1.0, 0.096, 0.0, THIN, "-0.1"),  # past the aim, inside the band
        # never past the far side; short of the goal where no lot lands inside
        (COIN, 1.0, 0.34, 0.0, THIN, "-0.3"),
        (COIN, 1.0, 0.38, 0.0, THIN, "-0.3"),
        (COIN, 1.0, 0.05, 0.0, THIN, "0"),
        (COIN, 1.0, -0.05, 0.0, THIN, "0"),
        # the smallest order
        (BIG, 1.0, 1.4, 1.0, WIDE, "-1.0"),  # more than needed, inside the band
        (BIG, 1.0, 1.4, 1.0, Band(1.0, 0.5, 1.2), "0"),  # would fly out on the far side
        (BIG, 1.0, 0.5, 0.0, THIN, "0"),
        (BIG, 1.0, 1.52, 0.0, THIN, "-1.5"),
        (ODD, 1.0, 1.1, 1.0, WIDE, "-0.3"),
        # due inside the band: only what comes nearer
        (COIN, 1.0, 0.5, 0.0, WIDE, "-0.5"),
        (COIN, 1.0, 0.04, 0.0, WIDE, "0"),
        (COIN, 1.0, 0.06, 0.0, WIDE, "-0.1"),
        (COIN, 1.0, 0.0, 0.0, WIDE, "0"),
        (BIG, 1.0, 0.4, 0.0, WIDE, "0"),
        (BIG, 1.0, 0.6, 0.0, WIDE, "-1.0"),
        # nothing that a number can say
        (COIN, 1.0, float("nan"), 0.0, WIDE, "0"),
        (COIN, 1e-320, 3.0, 0.0, WIDE, "0"),
    ],
)
def test_contracts(instrument, per, net, goal, band, expected):
    """The order is the lot that lands inside the band nearest the goal, or none."""
    assert D(expected) == sizing.contracts(instrument, per, net, goal, band)


@pytest.mark.parametrize(
    ("contracts", "expected"),
    [("1.99", "1.9"), ("-1.99", "-1.9"), ("0.09", "0"), ("2", "2")],
)
def test_lots(contracts, expected):
    """A cut order is cut towards nothing."""
    assert D(expected) == sizing.lots(COIN, D(contracts))


@pytest.mark.parametrize(("contracts", "expected"), [("100", "100.0"), ("1E+2", "100.0")])
def test_lots_are_written_out(contracts, expected):
    """A quantity has the digits of its lot, as a venue wants to read it."""
    assert expected == str(sizing.lots(COIN, D(contracts)))


@pytest.mark.parametrize(
    ("quantity", "position", "net", "per", "expected"),
    [
        # (closing, hedging, required); the limit of |net| is 2
        ("-3", "0", 3.0, 1.0, ("0", "3", "1")),  # opens a short, all of it hedges
        ("-3", "2", 3.0, 1.0, ("2", "3", "1")),  # closes a long first
        ("-3", "9", 3.0, 1.0, ("3", "3", "1")),
        ("-3", "-9", 3.0, 1.0, ("0", "3", "1")),  # grows a short
        ("3", "-9", 3.0, 1.0, ("3", "0", "0")),  # closes, and makes the delta worse
        ("-5", "0", 3.0, 1.0, ("0", "3", "1")),  # beyond flat it hedges nothing
        ("3", "0", -3.0, 1.0, ("0", "3", "1")),
        ("-3", "0", 1.5, 1.0, ("0", "1.5", "0")),  # inside the limit nothing is required
        ("-30000", "0", 3.0, 1e-4, ("0", "30000", "10000")),  # inverse: contracts, not coins
        ("30000", "0", 3.0, -1e-4, ("0", "30000", "10000")),
        ("3", "0", 0.0, 1.0, ("0", "0", "0")),
    ],
)
def test_parts(quantity, position, net, per, expected):
    """An order is split into what closes, what hedges and what is required."""
    told = sizing.parts(D(quantity), D(position), net, per, net_limit=2.0)

    assert Parts(*map(D, expected)) == told


@pytest.mark.parametrize(
    ("reference", "width", "buys", "expected"),
    [
        (100_000.0, 0.003, True, "100300.0"),
        (100_000.0, 0.003, False, "99700.0"),
        (100_000.3, 0.003, True, "100300.0"),  # down to the tick: inside the collar
        (100_000.3, 0.003, False, "99700.5"),  # up to the tick
    ],
)
def test_worst_price(reference, width, buys, expected):
    """The limit price lies on a tick and never outside the collar."""
    assert D(expected) == sizing.worst_price(COIN, reference, width, buys)
