"""Fixings: the mean of a settlement that is being taken, and what of it nobody heard."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import exposure, fixings
from rebalancer.core.exposure import Holding, OptionInput
from rebalancer.core.fixings import AVERAGING, EARLY, SMALL, STANDS, Fixing, settles, take
from rebalancer.exchange.fixing import Trail, average
from tests.scenarios.desk import BTC, CALL, EXPIRY, INSTRUMENTS, PUT

SECOND = 10**9
MINUTE = 60 * SECOND
BEGAN = EXPIRY - AVERAGING
CARRY = 1.0


def told(found, minutes, price):
    """Note a price at some minutes before the expiry; return whether it counted."""
    return take(found, [EXPIRY], EXPIRY - int(minutes * MINUTE), price)


def heard(*spells):
    """Return fixings after (from minutes, to minutes, price): told each minute."""
    found: dict[int, Fixing] = {}
    for since, until, price in spells:
        for each in range(int((since - until) * 60), -1, -60):
            told(found, until + each / 60, price)
    return found


@given(
    words=st.lists(
        st.tuples(st.integers(SECOND, STANDS), st.integers(50_000, 150_000)),
        min_size=35,
        max_size=120,
    ),
    joined=st.integers(0, 119),
)
def test_same_as_the_exchange(words, joined):
    """What was heard counts as the exchange counts it, and the rest is known as unheard.

    The exchange has heard all of it since before the window; the daemon begins somewhere.
    """
    found: dict[int, Fixing] = {}
    trail, ts, first = Trail(), BEGAN - STANDS, None
    for turn, (wait, price) in enumerate(words):
        trail.add(ts, Decimal(price), EXPIRY)  # what is not delivered yet is not forgotten
        if turn >= joined:
            take(found, [EXPIRY], ts, float(price))
            first = ts if first is None else first
        ts += wait
    if first is None or not found:
        return
    each, now = found[EXPIRY], min(ts, EXPIRY)
    missed = min(max(first - BEGAN, 0), AVERAGING)
    whole = average(trail, EXPIRY, now)

    assert missed == each.unheard
    if whole is None:
        return
    before = average(trail, EXPIRY, first) if missed else None
    corrected = each if before is None else replace(each, guess=float(before))
    assert settles(corrected, now, float(words[-1][1])) == pytest.approx(
        float(average(extended(trail, now, words[-1][1]), EXPIRY, EXPIRY)), rel=1e-9
    )
    if missed and abs(float(before) - each.guess) > 1:  # the first price had not always stood
        assert settles(corrected, now, 1e5) != pytest.approx(settles(each, now, 1e5), rel=1e-9)


def extended(trail, ts, price):
    """Return a trail on which a price stands from `ts` on."""
    after = Trail(trail.told.copy())
    if ts >= after.told[-1][0]:
        after.add(ts, Decimal(price))
    return after


@pytest.mark.parametrize(
    ("spells", "mean", "unheard"),
    [
        ([(33, 33, 100_000.0)], None, None),
        ([(31, 31, 100_000.0)], 100_000.0, 0),
        ([(30, 30, 100_000.0)], 100_000.0, 0),
        ([(10, 10, 100_000.0)], 100_000.0, 20),  # nobody knows what it was before
        ([(30, 15, 100_000.0), (15, 0, 120_000.0)], 110_000.0, 0),
        ([(30, 15, 100_000.0), (15, 0, 120_000.0), (-9, -9, 90_000.0)], 110_000.0, 0),  # its end
        ([(30, 20, 100_000.0), (10, 0, 120_000.0)], 110_000.0, 10),  # straight between the two
        ([(31, 31, 90_000.0), (27, 27, 120_000.0)], 108_750.0, 3),  # from 97,500 at its begin
    ],
)
def test_mean(spells, mean, unheard):
    """Each price counts while it stands; over what was not heard the way was straight."""
    found = heard(*spells).get(EXPIRY)

    assert mean == (found and pytest.approx(found.mean()))
    assert unheard == (found and found.unheard / MINUTE)


@given(st.integers(0, 12 * 60))
def test_mean_goes_on(seconds):
    """With the price the mean goes on: what is settled on if it stays there remains the same."""
    each = heard((30, 20, 100_000.0), (20, 10, 120_000.0))[EXPIRY]
    ts = min(each.ts + seconds * SECOND, EXPIRY)
    share = (EXPIRY - ts) / AVERAGING

    assert share * each.price + (1 - share) * each.mean(ts) == pytest.approx(
        settles(each, each.ts, each.price), rel=1e-12
    )


def test_a_clock_that_was_set_back():
    """Words from before what is known are of a clock that was wrong: it begins anew."""
    found = heard((30, 10, 100_000.0))

    assert told(found, 10.5, 120_000.0)
    assert 0 == found[EXPIRY].unheard
    assert told(found, 20, 120_000.0)
    assert 10 * MINUTE == found[EXPIRY].unheard
    assert not found[EXPIRY].known


def test_what_was_delivered_is_forgotten():
    """Settlements of days ago are not kept; one that may still be delivered is."""
    day, found = 86_400 * SECOND, {}
    expiries = [EXPIRY + days * day for days in range(5)]
    for each in expiries:
        take(found, expiries, each - MINUTE, 100_000.0)

    assert expiries[2:] == list(found)


@pytest.mark.parametrize(("seconds", "known"), [(5, True), (85, True), (95, False), (600, False)])
def test_a_restart(seconds, known):
    """What was kept goes on after a restart, the way between straight; too long is unknown."""
    found = heard((30, 15, 100_000.0))
    again = fixings.restored(json.loads(json.dumps(fixings.kept(found))))
    told(again, 15 - seconds / 60, 120_000.0)
    each, missed = again[EXPIRY], seconds * SECOND
    total = 100_000.0 * 15 * MINUTE + 110_000.0 * missed

    assert total / (15 * MINUTE + missed) == pytest.approx(each.mean())
    assert (known, missed) == (each.known, each.unheard)
    told(again, 14 - seconds / 60, 120_000.0)
    assert missed == each.unheard  # from here on it is heard again
    assert (AVERAGING, EARLY, SMALL) > (EARLY, STANDS, STANDS)


def delta(name, price, minutes, found):
    """Return the dollar delta of one contract at some minutes before its expiry, coins."""
    option = OptionInput(0.6, CARRY)
    held = [Holding(INSTRUMENTS[name], 1.0, 0.0, 0.0)]
    book = exposure.compile_book(BTC, held, {name: option}, {}, found)
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
    found = heard((30, 0.2, before), (0.2, 0.2, after))
    share = 0.2 / 30
    mean = share * after + (1 - share) * before
    sign = INSTRUMENTS[name].sign
    coins = max(sign * (mean - strike), 0.0) / mean
    moves = share * after / mean * (sign * (coins > 0) - coins)

    assert coins + moves == pytest.approx(delta(name, after, 0.2, found), abs=2e-3)
