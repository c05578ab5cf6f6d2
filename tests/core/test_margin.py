"""Liquidation prices: both directions, tiers, collateral in coins, and what has no price."""

import numpy as np
import pytest

from rebalancer.core import margin

FLAT = [(0.0, 0.005)]
# Amounts 0, 500, 5500 USD.
STEPS = [(0.0, 0.005), (100_000.0, 0.01), (500_000.0, 0.02)]


@pytest.mark.parametrize(
    ("quantity", "entry", "collateral", "price"),
    [
        (+1.0, 100_000.0, 10_000.0, 90_000 / 0.995),
        (-1.0, 100_000.0, 10_000.0, 110_000 / 1.005),
        (+1.0, 100_000.0, 100_000.0, None),  # 1× long: only at zero
        (+1.0, 100_000.0, 150_000.0, None),
        (-1.0, 100_000.0, 100_000.0, 200_000 / 1.005),
        (-1.0, 100_000.0, -100_001.0, None),  # lost at every price
        (+1.0, 100_000.0, -20_000.0, 120_000 / 0.995),  # drawn out: above entry, mark lies higher
        (-1.0, 100_000.0, -20_000.0, 80_000 / 1.005),
        (0.0, 100_000.0, 10_000.0, None),  # nothing to liquidate
    ],
)
def test_linear(quantity, entry, collateral, price):
    """A linear position ends where its collateral and loss leave just the maintenance."""
    found = margin.liquidation_price(quantity, entry, collateral, FLAT)

    assert (price is None) == (found is None)
    assert found is None or found == pytest.approx(price, rel=1e-14)


@pytest.mark.parametrize(
    ("quantity", "collateral", "price"),
    [
        (+100_000.0, 0.1, 100_500 / 1.1),
        (-100_000.0, 0.1, 99_500 / 0.9),
        (+100_000.0, 1.0, 100_500 / 2.0),
        (-100_000.0, 1.0, None),  # 1× short: a synthetic dollar
        (-100_000.0, 1.5, None),
        (+100_000.0, -1.5, None),  # lost at every price
        (0.0, 1.0, None),
    ],
)
def test_inverse(quantity, collateral, price):
    """An inverse position ends in coins; a short covered by its own coins never does."""
    found = margin.liquidation_price(quantity, 100_000.0, collateral, FLAT, inverse=True)

    assert (price is None) == (found is None)
    assert found is None or found == pytest.approx(price, rel=1e-14)


@pytest.mark.parametrize(
    ("quantity", "price"),
    [
        # P = (q·entry ∓ (collateral + amount))/(q·(1 ∓ rate)) of the tier at that price
        (+0.5, (45_000 - 0) / (0.5 * 0.995)),  # notional 45 226
        (-2.0, (205_000 + 500) / (2 * 1.01)),  # notional 203 465
        (-5.0, (505_000 + 5500) / (5 * 1.02)),  # entered at the floor, notional 500 490
    ],
)
def test_tier_at_the_liquidation_price(quantity, price):
    """The tier is that of the notional at the liquidation price, with its amount."""
    found = margin.liquidation_price(quantity, 100_000.0, 5_000.0, STEPS)

    assert found == pytest.approx(price, rel=1e-14)


def test_root_on_a_floor():
    """A root that falls on a floor, shared by two tiers, is found."""
    # At 100 000 USD the maintenance is 500 USD, and so is what is left of the collateral.
    assert margin.liquidation_price(-1.0, 90_000.0, 10_500.0, STEPS) == 100_000.0


@pytest.mark.parametrize("quantity", [+1.0, -1.0])
def test_fee_adds_to_the_rate(quantity):
    """A liquidation fee works like that much more maintenance rate."""
    with_fee = margin.liquidation_price(quantity, 100_000.0, 10_000.0, FLAT, fee=0.002)
    with_rate = margin.liquidation_price(quantity, 100_000.0, 10_000.0, [(0.0, 0.007)])

    assert with_rate == pytest.approx(with_fee, rel=1e-14)


@pytest.mark.parametrize("inverse", [False, True])
def test_other_positions_add_up(inverse):
    """Other positions' profit and maintenance count like collateral gained and lost."""
    quantity, unit = (-100_000.0, 0.01) if inverse else (-1.0, 1000.0)
    beside = margin.liquidation_price(
        quantity,
        100_000.0,
        10 * unit,
        FLAT,
        inverse=inverse,
        other_pnl=3 * unit,
        other_maintenance=2 * unit,
    )
    alone = margin.liquidation_price(quantity, 100_000.0, 11 * unit, FLAT, inverse=inverse)

    assert alone == pytest.approx(beside, rel=1e-14)


def test_coins_of_an_inverse_account():
    """In an inverse account coins of collateral are collateral."""
    apart = margin.liquidation_price(1e5, 1e5, 0.1, FLAT, inverse=True, coins=0.2)
    together = margin.liquidation_price(1e5, 1e5, 0.1 + 0.2, FLAT, inverse=True)

    assert together == apart


@pytest.mark.parametrize(
    ("coins", "collateral", "price"),
    [
        (1.1, 0.0, None),  # coins gain more than the short and its maintenance take
        (1.005, 0.0, None),  # as much
        (1.1, -150_000.0, 50_000 / 0.095),  # a loan: the coins must be worth something
        (0.5, 10_000.0, 110_000 / 0.505),
        (-1.0, 10_000.0, 110_000 / 2.005),  # a coin owed is one more short
    ],
)
def test_short_against_coins(coins, collateral, price):
    """A short hedged by coins of collateral ends late, or not at all."""
    found = margin.liquidation_price(-1.0, 100_000.0, collateral, FLAT, coins=coins)

    assert (price is None) == (found is None)
    assert found is None or found == pytest.approx(price, rel=1e-12)


def test_nearest_of_two_roots():
    """Between a root below and one above, the nearer to entry is meant."""
    tiers = [(0.0, 0.005), (120_000.0, 0.5)]  # 0.495·120 000 is the amount
    account = {"tiers": tiers, "coins": 1.1}
    # Equity − maintenance: 0.095·P − 9000 up to 120 000 USD, then 50 400 − 0.4·P.
    below, above = 9_000 / 0.095, 50_400 / 0.4

    assert margin.liquidation_price(-1.0, 100_000.0, -109_000.0, **account) == pytest.approx(below)
    assert margin.liquidation_price(-1.0, 115_000.0, -124_000.0, **account) == pytest.approx(above)


def test_rounding_makes_no_price():
    """A 1× position whose terms do not add up to zero in floats has no liquidation price."""
    assert 0.1 + 0.2 - 30 / 100 != 0
    assert margin.liquidation_price(-30.0, 100.0, 0.1, FLAT, inverse=True, coins=0.2) is None


@pytest.mark.parametrize(
    ("quantity", "entry", "collateral", "inverse"),
    [(-1e-320, 1.0, 1.0, False), (-1e300, 1e300, 1 - 1e-12, True)],
)
def test_no_double_no_price(quantity, entry, collateral, inverse):
    """A root that is beyond every float is none."""
    assert margin.liquidation_price(quantity, entry, collateral, FLAT, inverse=inverse) is None


def test_broadcast():
    """Arrays give arrays, NaN where a scalar gives None, each row as if alone."""
    quantity, collateral = np.array([[1.0], [-1.0], [0.0]]), np.array([10_000.0, 150_000.0])
    found = margin.liquidation_price(quantity, 100_000.0, collateral, STEPS, fee=[0.0, 0.001])
    alone = [
        [
            margin.liquidation_price(held, 100_000.0, money, STEPS, fee=fee)
            for money, fee in ((10_000.0, 0.0), (150_000.0, 0.001))
        ]
        for held in (1.0, -1.0, 0.0)
    ]

    assert (3, 2) == found.shape
    np.testing.assert_array_equal(np.array(alone, float), found)


def test_empty():
    """No positions, no prices."""
    assert (0,) == margin.liquidation_price(np.array([]), 1.0, 1.0, STEPS).shape


def test_scalar_is_a_float():
    """Scalars give a plain float, fit for a record."""
    assert float is type(margin.liquidation_price(1.0, 100.0, 10.0, FLAT))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quantity", np.nan),
        ("quantity", np.inf),
        ("entry", 0.0),
        ("entry", -1.0),
        ("entry", [100.0, np.nan]),
        ("collateral", np.nan),
        ("coins", -np.inf),
        ("fee", -0.001),
        ("fee", 1.0),
        ("other_pnl", np.nan),
        ("other_maintenance", -1.0),
        ("tiers", []),
        ("tiers", [(0.0, 0.005, 0.0)]),
        ("tiers", [(1.0, 0.005)]),  # what is owed below it?
        ("tiers", [(0.0, 0.005), (0.0, 0.01)]),
        ("tiers", [(0.0, 0.005), (2.0, 0.01), (1.0, 0.02)]),
        ("tiers", [(0.0, 0.005), (1.0, 0.004)]),
        ("tiers", [(0.0, -0.005)]),
        ("tiers", [(0.0, 1.01)]),
        ("tiers", [(0.0, np.nan)]),
        ("tiers", [(0.0, 0.005), (np.inf, 0.01)]),
    ],
)
def test_refused(name, value):
    """What makes no sense is refused by its name."""
    account = {"quantity": 1.0, "entry": 100.0, "collateral": 10.0, "tiers": FLAT, name: value}

    with pytest.raises(ValueError, match=rf"^{name}: "):
        margin.liquidation_price(**account)


def test_refusal_says_the_range():
    """A refusal says what must hold and what was found."""
    with pytest.raises(ValueError, match=r"^fee: must be finite and >= 0 and < 1, was 1\.5$"):
        margin.liquidation_price(1.0, 100.0, 10.0, FLAT, fee=1.5)
