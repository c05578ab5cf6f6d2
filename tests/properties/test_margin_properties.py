"""What holds of every liquidation price, against equity and maintenance spelled out here."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rebalancer.core import margin


@dataclass(frozen=True)
class Account:
    """The arguments of one liquidation price."""

    quantity: float
    entry: float
    collateral: float
    tiers: tuple[tuple[float, float], ...]
    inverse: bool
    coins: float
    fee: float
    other_pnl: float
    other_maintenance: float

    @property
    def price(self):
        return margin.liquidation_price(
            self.quantity,
            self.entry,
            self.collateral,
            self.tiers,
            inverse=self.inverse,
            coins=self.coins,
            fee=self.fee,
            other_pnl=self.other_pnl,
            other_maintenance=self.other_maintenance,
        )


def notional(account, price):
    return abs(account.quantity) / price if account.inverse else abs(account.quantity) * price


def maintenance(account, price):
    """Each slice of notional between two floors at its own rate: no cumulative amounts."""
    whole = notional(account, price)
    ceilings = [floor for floor, _ in account.tiers[1:]] + [math.inf]
    owed = account.fee * whole + account.other_maintenance
    for (floor, rate), ceiling in zip(account.tiers, ceilings, strict=True):
        owed = owed + rate * (np.clip(whole, floor, ceiling) - floor)
    return owed


def equity(account, price):
    fixed = account.collateral + account.other_pnl
    if account.inverse:
        return fixed + account.coins + account.quantity * (1 / account.entry - 1 / price)
    return fixed + account.coins * price + account.quantity * (price - account.entry)


def gap(account, price):
    """Equity above maintenance as a share of the money that moves: rounding stays below 1e-12."""
    size = abs(account.quantity)
    scale = abs(account.collateral) + abs(account.other_pnl) + account.other_maintenance
    if account.inverse:
        scale = scale + abs(account.coins) + size / account.entry + size / price
    else:
        scale = scale + abs(account.coins) * price + size * (account.entry + price)
    return (equity(account, price) - maintenance(account, price)) / scale


@st.composite
def accounts(draw):
    """Accounts around 1× to 100×, healthy or not, on up to five tiers."""
    inverse = draw(st.booleans())
    entry = draw(st.floats(0.01, 1e6))
    worth = draw(st.floats(1e-3, 1e3)) * (1.0 if inverse else entry)  # notional at entry
    size = worth * entry if inverse else worth / entry
    shares = st.floats(-0.3, 1.3)
    coins = draw(st.sampled_from([0.0, 1.0])) * draw(shares) * (worth / (1 if inverse else entry))
    floors = [0.0, *(worth * f for f in sorted(draw(st.sets(st.floats(0.1, 10.0), max_size=4))))]
    rates = sorted(draw(st.floats(0.0, 0.6)) for _ in floors)
    return Account(
        quantity=draw(st.sampled_from([-1.0, 1.0])) * size,
        entry=entry,
        collateral=draw(shares) * worth,
        tiers=tuple(zip(floors, rates, strict=True)),
        inverse=inverse,
        coins=coins,
        fee=draw(st.floats(0.0, 0.02)),
        other_pnl=draw(st.floats(-0.1, 0.1)) * worth,
        other_maintenance=draw(st.floats(0.0, 0.1)) * worth,
    )


def distance(account):
    """Return how far from entry an account ends, infinite when it does not."""
    return math.inf if account.price is None else abs(account.price - account.entry)


def one_sided(values):
    """Tell whether `values` never cross zero, rounding aside."""
    return not ((values > 1e-12).any() and (values < -1e-12).any())


@given(account=accounts())
def test_root(account):
    """At the liquidation price equity is maintenance."""
    assume(account.price is not None)

    assert account.price > 0
    assert abs(gap(account, account.price)) < 1e-12


@given(account=accounts())
def test_nearest(account):
    """Nearer to entry than the liquidation price, equity never crosses maintenance."""
    assume(account.price is not None)
    reach = abs(account.price - account.entry)
    least, most = account.entry - reach, account.entry + reach
    between = np.linspace(max(least, 1e-6 * account.entry), most, 1001)[1:-1]

    assert one_sided(gap(account, between))


@given(account=accounts())
def test_none(account):
    """Where there is no liquidation price, equity crosses maintenance at no price."""
    everywhere = account.entry * np.geomspace(1e-9, 1e9, 1001)

    assert account.price is not None or one_sided(gap(account, everywhere))


@given(account=accounts(), more=st.floats(1e-6, 2.0))
def test_more_collateral(account, more):
    """More collateral never brings the liquidation price of a sound account nearer."""
    assume(gap(account, account.entry) > 1e-9)
    worth = notional(account, account.entry)
    richer = replace(account, collateral=account.collateral + more * worth)

    assert distance(account) <= distance(richer) * (1 + 1e-9)


@given(account=accounts(), factor=st.sampled_from([0.125, 0.5, 4.0, 1024.0]))
def test_size_does_not_matter(account, factor):
    """Twice the account, floors included, ends at the same price."""
    scaled = replace(
        account,
        quantity=account.quantity * factor,
        collateral=account.collateral * factor,
        coins=account.coins * factor,
        tiers=tuple((floor * factor, rate) for floor, rate in account.tiers),
        other_pnl=account.other_pnl * factor,
        other_maintenance=account.other_maintenance * factor,
    )

    assert account.price == scaled.price


@given(account=accounts(), factor=st.sampled_from([0.125, 0.5, 4.0, 1024.0]))
def test_currency_does_not_matter(account, factor):
    """In cents instead of dollars the liquidation price is the same, in cents."""
    money = 1.0 if account.inverse else factor  # an inverse account holds coins
    scaled = replace(
        account,
        quantity=account.quantity * (factor if account.inverse else 1.0),
        entry=account.entry * factor,
        collateral=account.collateral * money,
        tiers=tuple((floor * money, rate) for floor, rate in account.tiers),
        other_pnl=account.other_pnl * money,
        other_maintenance=account.other_maintenance * money,
    )

    assert (None if account.price is None else account.price * factor) == scaled.price


@given(account=accounts(), cover=st.floats(1.0, 3.0))
def test_covered_inverse_short(account, cover):
    """An inverse short whose coins cover it at entry has no liquidation price."""
    assume(account.inverse)
    covered = replace(
        account,
        quantity=-abs(account.quantity),
        collateral=cover * notional(account, account.entry),
        coins=0.0,
        other_pnl=account.other_maintenance,
    )

    assert covered.price is None


@given(account=accounts(), spare=st.floats(1e-9, 1.0))
def test_covered_linear_short(account, spare):
    """A linear short held against coins enough for it and its maintenance never ends."""
    assume(not account.inverse)
    size = abs(account.quantity)
    covered = replace(
        account,
        quantity=-size,
        collateral=0.0,
        coins=size * (1 + account.tiers[-1][1] + account.fee + spare),
        other_pnl=account.other_maintenance,
    )

    assert covered.price is None


@given(rows=st.lists(accounts(), min_size=1, max_size=5))
def test_rows_are_alone(rows):
    """Each row of an array is found as if it were alone."""
    shared = [replace(row, inverse=False, tiers=rows[0].tiers) for row in rows]
    names = ("quantity", "entry", "collateral")
    options = ("coins", "fee", "other_pnl", "other_maintenance")
    found = margin.liquidation_price(
        *(np.array([getattr(row, name) for row in shared]) for name in names),
        rows[0].tiers,
        **{name: np.array([getattr(row, name) for row in shared]) for name in options},
    )

    expected = np.array([row.price for row in shared], float)
    assert found == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
