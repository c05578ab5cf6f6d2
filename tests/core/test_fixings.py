"""Fixings: the mean of a settlement that is being taken, and the delta that it leaves."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import exposure
from rebalancer.core.exposure import Holding, OptionInput
from rebalancer.core.fixings import AVERAGING, Fixing, take
from rebalancer.exchange.fixing import Trail, average
from tests.scenarios.desk import BTC, CALL, EXPIRY, INSTRUMENTS, PUT

MINUTE = 60 * 10**9
CARRY = 1.0


def fixed(*words):
    """Return fixings after (minutes to expiry, price)."""
    found: dict[int, Fixing] = {}
    for minutes, price in words:
        take(found, [EXPIRY], EXPIRY - int(minutes * MINUTE), price)
    return found


@given(
    st.lists(
        st.tuples(st.integers(-AVERAGING, AVERAGING), st.integers(50_000, 150_000)),
        min_size=1,
        max_size=30,
    )
)
def test_same_as_the_exchange(words):
    """The mean is that of the exchange, which keeps every price, when both hear the first alike."""
    told = sorted(words)
    found: dict[int, Fixing] = {}
    trail = Trail()
    first = next((price for since, price in told if since >= 0), None)
    if first is not None:
        trail.add(EXPIRY - 2 * AVERAGING, Decimal(first))
    for since, price in told:
        ts = EXPIRY - AVERAGING + since
        counts = take(found, [EXPIRY], ts, float(price))
        assert counts is (since >= 0)
        if counts:
            trail.add(ts, Decimal(price))
    assert bool(found) is (first is not None)
    for expiry, each in found.items():
        theirs = average(trail, expiry, each.ts)
        assert each.mean() == pytest.approx(first if theirs is None else float(theirs))


@pytest.mark.parametrize(
    ("words", "mean"),
    [
        ([(31, 100_000.0)], None),
        ([(30, 100_000.0)], 100_000.0),
        ([(10, 100_000.0)], 100_000.0),  # as if it had stood since the window began
        ([(30, 100_000.0), (15, 120_000.0), (0, 120_000.0)], 110_000.0),
        ([(30, 100_000.0), (15, 120_000.0), (-9, 90_000.0)], 110_000.0),  # after the end
    ],
)
def test_mean(words, mean):
    found = fixed(*words)

    assert mean == (found[EXPIRY].mean() if found else None)


def delta(name, price, minutes, fixings):
    """Return the dollar delta of one contract at some minutes before its expiry, coins."""
    option = OptionInput(0.6, CARRY)
    held = [Holding(INSTRUMENTS[name], 1.0, 0.0, 0.0)]
    book = exposure.compile_book(BTC, held, {name: option}, {}, fixings)
    return exposure.measure(book, price, EXPIRY - int(minutes * MINUTE)).net


@pytest.mark.parametrize(
    ("name", "strike", "before", "after"),
    [
        (CALL, 110_000, 112_000.0, 140_000.0),
        (CALL, 110_000, 108_000.0, 140_000.0),  # far outside when most of it was taken
        (PUT, 90_000, 88_000.0, 70_000.0),
    ],
)
def test_jump_at_the_end(name, strike, before, after):
    """After a jump in the last minute an option pays what the half hour before made of it."""
    found = fixed((30, before), (0.2, after))
    share = 0.2 / 30
    mean = share * after + (1 - share) * before
    sign = INSTRUMENTS[name].sign
    coins = max(sign * (mean - strike), 0.0) / mean
    moves = share * after / mean * (sign * (coins > 0) - coins)

    assert coins + moves == pytest.approx(delta(name, after, 0.2, found), abs=2e-3)
