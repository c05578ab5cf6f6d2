"""Pools: what they are at other prices and after an order, and what chords promise of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.margin.pool import (
    FACTORS,
    Coins,
    Curve,
    Leg,
    Pool,
    Trial,
    distances,
    gaps,
    needed,
    revalued,
    room,
)
from rebalancer.core.margin.schedule import charge, flat, schedule

HALF = flat(0.005)
ONE = np.ones(1)


def leg(size, *, inverse=False, asked=HALF, coin="BTC", mark=100_000.0):
    kind = "PERP" if inverse else "USDT"
    return Leg(f"v:{coin}-{kind}", coin, size, inverse, mark, asked)


def pool(balance, *legs, coins=(), curves=(), instrument=""):
    """Return a pool that is asked for what its legs are asked for."""
    in_coin = bool(legs) and legs[0].inverse and not coins
    asked = sum(
        float(charge(each.schedule, np.array([abs(each.size)]))[0]) / (each.mark if in_coin else 1)
        if each.inverse
        else float(charge(each.schedule, np.array([abs(each.size) * each.mark]))[0])
        for each in legs
    )
    unit = "USD" if coins else "BTC" if in_coin else "USDT"
    return Pool("v", unit, instrument, balance, asked, legs, coins, curves)


@pytest.mark.parametrize(
    ("held", "price", "rel"),
    [
        # From first principles; the inverse ones lie on curves, between whose points it is guessed.
        (pool(10_000.0, leg(-1.0)), 109_452.7363, 1e-9),
        (pool(0.1, leg(-100_000.0, inverse=True)), 110_555.5556, 1e-4),
        (pool(1.0, leg(+100_000.0, inverse=True)), 50_250.0, 1e-4),
        # 1 BTC of collateral at 95 % against a short of 1.
        (pool(95_000.0, leg(-1.0), coins=(Coins("BTC", 1.0, 0.95, 1e5),)), 1_818_182.0, 1e-6),
    ],
)
def test_published(held, price, rel):
    """Liquidation lies where the closed formulas put it."""
    factors = [factor for factor in distances(held) if factor is not None]

    assert [pytest.approx(price, rel=rel)] == [100_000.0 * factor for factor in factors]


@pytest.mark.parametrize(
    ("held", "sides"),
    [
        (pool(1.0, leg(-100_000.0, inverse=True)), (None, None)),  # a synthetic dollar
        (pool(150_000.0, leg(+1.0)), (None, None)),
        (pool(500.0, leg(+1.0)), (1.0, 1.0)),  # all that is left is asked for
        (pool(-1.0), (1.0, 1.0)),
        (pool(0.0, leg(+1.0), leg(-1.0)), (1.0, 1.0)),
        (pool(20_000.0, leg(+1.0)), (0.8 / 0.995, None)),
        (pool(20_000.0, leg(-1.0)), (None, 1.2 / 1.005)),
    ],
)
def test_distances(held, sides):
    """A pool is taken down below, above, nowhere, or here."""
    found = distances(held)

    assert sides == tuple(None if each is None else pytest.approx(each) for each in found)


def test_both_sides():
    """Short options at two strikes lie in wait on either side."""
    prices = np.array([50_000.0, 100_000.0, 150_000.0])
    curve = Curve(prices, np.zeros(3), np.array([3.0, 1.0, 5.0]))
    held = Pool("v", "BTC", "", 2.0, 1.0, (), curves=(("BTC", 100_000.0, curve),))

    assert (pytest.approx(0.75), pytest.approx(1.125)) == distances(held)
    assert (None, None) == distances(held, ("ETH",))


@pytest.mark.parametrize(
    ("among", "balance", "asked"),
    [
        (None, 10_000 + 10_000 - 4_000, 550 + 220),  # BTC long gains, ETH short loses
        (("BTC",), 10_000 + 10_000, 550 + 200),
        (("ETH",), 10_000 - 4_000, 500 + 220),
        ((), 10_000, 700),
    ],
)
def test_coins_that_move(among, balance, asked):
    """Only the coins that are named move."""
    held = pool(10_000.0, leg(+1.0), leg(-10.0, coin="ETH", mark=4_000.0))

    found = revalued(held, np.array([1.1]), among)

    assert (pytest.approx(balance), pytest.approx(asked)) == tuple(float(each[0]) for each in found)


def test_order_in_what_stands_still():
    """An order counts in a leg whose price does not move too."""
    held = pool(10_000.0, leg(+1.0), leg(0.0, coin="ETH", mark=4_000.0))
    order = Trial("v:ETH-USDT", -10.0, 3_990.0)

    balance, asked = revalued(held, np.array([1.1]), ("BTC",), order)

    assert (pytest.approx(10_000 + 10_000 - 100), pytest.approx(550 + 200)) == (
        float(balance[0]),
        float(asked[0]),
    )


@pytest.mark.parametrize(
    ("inverse", "size", "price", "balance", "asked"),
    [
        (False, -0.5, 99_000.0, 10_000 - 500, 250),  # sold below the mark
        (False, -2.0, 100_000.0, 10_000, 500),  # turned over
        (False, +1.0, 101_000.0, 10_000 - 1_000, 1_000),
        (True, -50_000.0, 99_000.0, 1 - 50_000 / 99_000 + 0.5, 0.0025),
        (True, +100_000.0, 100_000.0, 1.0, 0.01),
    ],
)
def test_order(inverse, size, price, balance, asked):
    """An order costs what lies between its price and the mark; what it leaves is asked for."""
    held = pool(1.0, leg(100_000.0, inverse=True)) if inverse else pool(10_000.0, leg(1.0))
    order = Trial(held.legs[0].instrument, size, price)

    found = revalued(held, ONE, None, order)

    assert (pytest.approx(balance), pytest.approx(asked)) == tuple(float(each[0]) for each in found)


def test_margin_that_comes_along():
    """What an order locks stands for it."""
    held = pool(0.0, leg(0.0), instrument="v:BTC-USDT")
    order = Trial("v:BTC-USDT", 1.0, 100_000.0, locks=10_000.0)

    assert [9_500.0] == gaps(held, ONE, None, 1.0, order).tolist()


@pytest.mark.parametrize(
    ("amount", "factor", "balance"),
    [
        (+1.0, 1.2, 0.9 * 120_000),
        (+1.0, 0.5, 0.9 * 50_000),
        (-1.0, 1.2, -120_000),  # what is owed counts whole
    ],
)
def test_collateral(amount, factor, balance):
    """Coins count at their share of what they are worth, and whole where they are owed."""
    now = amount * 100_000 * (0.9 if amount > 0 else 1.0)
    held = pool(now, coins=(Coins("BTC", amount, 0.9, 100_000.0),))

    assert pytest.approx(balance) == float(revalued(held, np.array([factor]))[0][0])


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5, 10.0])
def test_inverse_against_dollars(factor):
    """Where collateral stands together an inverse leg is asked for the same USD at any price."""
    coins = (Coins("BTC", 2.0, 0.9, 100_000.0),)
    held = pool(180_000.0, leg(-100_000.0, inverse=True), coins=coins)

    assert pytest.approx(500.0) == float(revalued(held, np.array([factor]))[1][0])


def test_asked_for_at_least_nothing():
    """What is asked is never below 0, whatever the venue's word lay below our sums."""
    held = replace(pool(10_000.0, leg(1.0)), maintenance=100.0)

    assert 0.0 == float(revalued(held, np.array([0.5]))[1][0])


def test_words():
    """A pool is named for its account and currency, or for the position that it is."""
    coin = pool(1.0, leg(1.0, inverse=True))
    curve = Curve(np.ones(1), np.ones(1), np.ones(1))
    mixed = replace(coin, coins=(Coins("ETH", 1.0, 1.0, 1.0),), curves=(("SOL", 1.0, curve),))

    assert "v:BTC" == coin.name
    assert "v:BTC-PERP" == replace(coin, instrument="v:BTC-PERP").name
    assert [True, False, False] == [each.in_coin for each in (coin, mixed, pool(1.0, leg(1.0)))]
    assert ("BTC", "ETH", "SOL") == mixed.underlyings


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ([10.0], [5.0], 1.0),
        ([10.0], [-10.0], 0.5),
        ([10.0, 10.0], [-10.0, -30.0], 0.25),  # the least counts
        ([10.0], [0.0], 1.0),
        ([0.0], [-1.0], 0.0),
        ([-5.0], [-6.0], 0.0),
        ([-5.0], [-4.0], 1.0),  # too little, but better
        ([], [], 1.0),
    ],
)
def test_room(before, after, share):
    """As much of an order passes as leaves every gap at 0, or makes it no worse."""
    assert share == room(before, after)


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ([5.0], [-5.0], 0.0),  # nothing is needed
        ([-5.0], [5.0], 0.5),
        ([-5.0, -15.0], [5.0, 5.0], 0.75),  # the most counts
        ([-5.0], [0.0], 1.0),
        ([-5.0], [-1.0], None),
        ([], [], 0.0),
    ],
)
def test_needed(before, after, share):
    """As much of an order is needed as lifts every gap to 0; None where all of it does not."""
    assert share == needed(before, after)


@st.composite
def trials(draw):
    """A pool on up to four tiers, in either unit or with coins, and an order in it."""
    inverse, together = draw(st.booleans()), draw(st.booleans())
    floors = sorted(draw(st.sets(st.floats(1e4, 1e6), max_size=3)))
    rates = sorted(draw(st.floats(0.001, 0.3)) for _ in range(len(floors) + 1))
    asked = schedule(tuple(zip([0.0, *floors], rates, strict=True)))
    unit = 100_000.0 if inverse else 1.0
    size = draw(st.floats(-10.0, 10.0)) * unit
    coins = (Coins("BTC", draw(st.floats(-2.0, 5.0)), draw(st.floats(0.0, 1.0)), 1e5),)
    money = draw(st.floats(0.0, 1.0)) * (1.0 if inverse and not together else 1e5)
    held = pool(money, leg(size, inverse=inverse, asked=asked), coins=coins if together else ())
    price = draw(st.floats(0.99, 1.01)) * 1e5
    locks = draw(st.sampled_from([0.0, 0.1])) * money
    order = Trial(held.legs[0].instrument, draw(st.floats(-20.0, 20.0)) * unit, price, locks)
    return held, order


def part(order, share):
    return order._replace(size=order.size * share, locks=order.locks * share)


def slack(*found):
    return 1e-9 * (1 + max(float(np.abs(each).max()) for each in found))


@given(case=trials(), share=st.floats(0.0, 1.0))
def test_concave(case, share):
    """At each price the gap of a part of an order lies above the chord."""
    held, order = case
    before, after = gaps(held, FACTORS), gaps(held, FACTORS, trial=order)
    between = gaps(held, FACTORS, trial=part(order, share))

    assert (between >= (1 - share) * before + share * after - slack(before, after)).all()


@given(case=trials())
def test_room_is_never_too_much(case):
    """After the part that passes every gap that was not below 0 is not, at any price."""
    held, order = case
    before, after = gaps(held, FACTORS), gaps(held, FACTORS, trial=order)
    passed = gaps(held, FACTORS, trial=part(order, room(before.tolist(), after.tolist())))

    assert (passed >= np.minimum(before, 0.0) - slack(before, after)).all()


@given(case=trials())
def test_needed_is_never_too_little(case):
    """After the part that is needed no gap that was below 0 is, at any price."""
    held, order = case
    before, after = gaps(held, FACTORS), gaps(held, FACTORS, trial=order)
    helped = (before < 0) & (after >= 0)
    share = needed(before[helped].tolist(), after[helped].tolist())
    lifted = gaps(held, FACTORS, trial=part(order, share))

    assert (lifted[helped] >= -slack(before, after)).all()
