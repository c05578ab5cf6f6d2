"""Stories of a settlement that is being averaged: what a restart knows of it, and who tells it.

Truth is the exchange's: its trail heard every price, and its mark of an option is
of what it would settle on.
"""

import json
import math
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import kept
from rebalancer.core.decision import Reason
from rebalancer.core.events import Index, OptionMark
from rebalancer.core.state import State
from rebalancer.exchange import black
from rebalancer.exchange.fixing import Trail, average, open_share
from tests.scenarios.desk import (
    CALL,
    DOLLARS,
    EXPIRY,
    INSTRUMENTS,
    LINEAR_CALL,
    PARAMS,
    PUT,
    SECOND,
    Desk,
    hold,
)

VOL = 0.6
YEAR = 365 * 86_400 * SECOND
D = Decimal


class Place:
    """An exchange's index and marks of the last half hour, in seconds to the expiry."""

    def __init__(self):
        self.trail, self.now, self.price = Trail(), EXPIRY - 3_600 * SECOND, 0.0

    def index(self, left, price):
        """Let the index be a price from some seconds before the expiry on."""
        self.now, self.price = EXPIRY - left * SECOND, price
        self.trail.add(self.now, D(repr(price)))
        return Index(self.now, self.now, "deribit", "BTC", D(repr(price)))

    def worth(self, name, price):
        """Return (settlement, worth of one coin in USD) if the index stands at a price."""
        told, share = INSTRUMENTS[name], open_share(EXPIRY, self.now)
        fixed = average(self.trail, EXPIRY, self.now)
        settled = share * price + (1 - share) * (price if fixed is None else float(fixed))
        spread = VOL * math.sqrt(max(EXPIRY - self.now, 0) / YEAR) * share / math.sqrt(3)
        return settled, black.price(settled, float(told.strike), spread, told.sign)

    def mark(self, name, told=None, *, mixed=True):
        """Return an option's mark; `mixed`: the forward has the mean in it."""
        settled, worth = self.worth(name, self.price)
        price = round(worth / settled, 4) if INSTRUMENTS[name].inverse else round(worth, 2)
        price, forward = price if told is None else told, settled if mixed else self.price
        return OptionMark(self.now, self.now, name, D(repr(price)), VOL, forward)

    def delta(self, name):
        """Return the slope of an option's worth, coins a coin."""
        low, high = (
            (*self.worth(name, price), price)
            for price in (self.price * (1 - 1e-6), self.price * (1 + 1e-6))
        )
        worths = [
            worth / settled * price if INSTRUMENTS[name].inverse else worth
            for settled, worth, price in (low, high)
        ]
        return (worths[1] - worths[0]) / (2e-6 * self.price)


def start(*names, now):
    """Return a start that knows nothing but what is held: ten of each option, sold."""
    state = State(INSTRUMENTS, PARAMS, now)
    hold(state, DOLLARS, "1000000")
    for name in names:
        hold(state, name, "-10", entry="0.01")
    return state


def net(state, place):
    """Return net delta as the book has it, coins; None: an input of it is missing."""
    book = state.book("BTC")
    return None if book.missing else state.prices.measure(book, place.price, place.now).net


def late(before, after, left):
    """Return a place where the index stood, and then jumped some seconds before the expiry."""
    place = Place()
    place.index(3_600, before)
    return place, place.index(left, after)


@pytest.mark.parametrize("name", [CALL, PUT, LINEAR_CALL])
@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("left", [1_500, 600, 30])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (100_000.0, 108_000.0),
        (100_000.0, 120_000.0),
        (118_000.0, 100_000.0),
        (84_000.0, 95_000.0),
        (96_000.0, 80_000.0),
        (112_000.0, 111_000.0),
    ],
)
def test_a_start_within_the_window(name, mixed, left, before, after):
    """What nobody here heard is not invented: an option's own mark tells it.

    One whose forward has no mean in it may have to say so twice.
    """
    place, word = late(before, after, left)
    state = start(name, now=place.now)
    state.apply(word)

    assert net(state, place) is None
    assert state.prices.option_input(name) is None
    state.apply(place.mark(name, mixed=mixed))
    if net(state, place) is None:
        assert not mixed
        state.apply(place.mark(name, mixed=mixed))  # the same word again
        assert net(state, place) is None
        state.apply(place.index(left - 1, after))
        state.apply(place.mark(name, mixed=mixed))
    told = state.prices.option_input(name)  # for the margin of its pool
    assert told[2] == state.prices.fixings["BTC"][EXPIRY].mean()
    assert net(state, place) == pytest.approx(-10 * place.delta(name), abs=0.02)

    state.apply(place.index(left - 5, after * 1.003))  # and goes on from there
    assert net(state, place) == pytest.approx(-10 * place.delta(name), abs=0.35 * left / 1_800)


@pytest.mark.parametrize("name", [CALL, PUT, LINEAR_CALL])
@pytest.mark.parametrize("late", [0, 8])
@pytest.mark.parametrize("off", [-2.0, 0.0, 2.0])
def test_at_the_strike_in_the_last_minute(name, late, off):
    """The mean goes on with the price between two words, and one that is late counts from when.

    A settlement a dollar or two off the strike is on one side of it, and stays there.
    """
    place, strike = Place(), float(INSTRUMENTS[name].strike)
    state = start(name, now=place.now)
    jump = 1_600.0  # of which the last 45 s count
    before = strike + off - jump * 45 / 1_800
    words = [(left, before) for left in range(1_890, 50, -30)] + [(45, before + jump)]
    for left, price in words:
        told = place.index(left, price)
        state.apply(replace(told, ts_local=told.ts_local + late * SECOND))
    state.apply(place.mark(name))
    for left in (36, 33, 29, 25):
        place.now = EXPIRY - left * SECOND
        assert net(state, place) == pytest.approx(-10 * place.delta(name), abs=0.002)


def test_a_mark_before_any_index():
    """A mark that was told before the first index tells the mean once there is one."""
    place, word = late(84_000.0, 95_000.0, 600)
    state = start(PUT, now=place.now)
    state.apply(place.mark(PUT))
    state.apply(word)

    assert net(state, place) == pytest.approx(-10 * place.delta(PUT), abs=0.02)


def test_a_false_first_word():
    """A false mark that only a mean could excuse is believed by nobody, if it comes alone."""
    place, word = late(101_000.0, 100_000.0, 142)
    state = start(CALL, now=place.now)
    state.apply(word)
    true = place.mark(CALL)
    false = replace(true, price=Decimal("0.01"), vol=6.68, forward=100_000.0)
    for _ in range(2):  # told again, it is no other word
        state.apply(false)
        assert net(state, place) is None

    state.apply(true)  # it contradicts what was told before it
    state.apply(place.index(140, 100_000.0))
    state.apply(place.mark(CALL))
    assert net(state, place) == pytest.approx(-10 * place.delta(CALL), abs=0.02)


def test_a_mark_that_no_mean_makes():
    """A mark that asks for what the index can never have been tells nothing: nobody knows."""
    place, word = late(100_000.0, 101_000.0, 1_600)
    state = start(CALL, now=place.now)
    state.apply(word)
    state.apply(place.mark(CALL))
    state.apply(place.index(1_599, 101_000.0))
    state.apply(place.mark(CALL, 0.21))

    assert net(state, place) is None
    assert state.prices.option_input(CALL) is None
    state.apply(place.index(1_598, 101_000.0))
    state.apply(place.mark(CALL))
    assert net(state, place) == pytest.approx(-10 * place.delta(CALL), abs=0.02)


@pytest.mark.parametrize("seconds", [20, 80])
def test_a_restart(seconds):
    """What was heard of a settlement outlives a restart, whatever the first price after it."""
    place = Place()
    state = start(PUT, now=EXPIRY - 1_860 * SECOND)
    for left in range(1_860, 599, -30):
        state.apply(place.index(left, 84_000.0))
    values = json.loads(json.dumps(kept.kept(state)))
    again = start(PUT, now=place.now + seconds * SECOND)
    kept.restore(again, values, worth=True)
    again.apply(place.index(600 - seconds, 95_000.0))
    again.apply(place.mark(PUT))
    found = again.prices.fixings["BTC"][EXPIRY]

    assert (True, seconds * SECOND) == (found.known, found.unheard)
    # the way between is taken for straight: half of it is off by what the index jumped
    bound = 10 * 11_000 / 90_000 * seconds / 2 / 1_800 + 0.01
    assert net(again, place) == pytest.approx(-10 * place.delta(PUT), abs=bound)


def test_heard_before_anything_was_held():
    """What was told before a book took over its holdings counts into what they settle on."""
    place = Place()
    state = State(INSTRUMENTS, PARAMS, EXPIRY - 1_860 * SECOND)
    for left in range(1_860, 599, -30):
        state.apply(place.index(left, 84_000.0))
    for left in (590, 589):  # a jump is believed at the second word
        state.apply(place.index(left, 95_000.0))
    hold(state, PUT, "-10", entry="0.01")
    hold(state, DOLLARS, "1000000")
    state.apply(place.mark(PUT))

    assert 0 == state.prices.fixings["BTC"][EXPIRY].unheard
    assert net(state, place) == pytest.approx(-10 * place.delta(PUT), abs=0.01)


def test_a_silent_feed():
    """Minutes that a living process did not hear count as unknown, and refuse until told."""
    place = Place()
    state = start(PUT, now=EXPIRY - 1_860 * SECOND)
    desk = Desk(PARAMS, state, now=EXPIRY - 1_860 * SECOND)

    def tell(left, price, *, mark):
        desk.now = EXPIRY - left * SECOND
        desk.price, word = price, place.index(left, price)
        desk.market()
        if mark:
            desk.take(place.mark(PUT))
        desk.take(word)

    tell(1_860, 84_000.0, mark=True)
    desk.reconcile()
    for left in range(1_850, 1_199, -30):
        tell(left, 84_000.0, mark=True)
    held = len(desk.orders)
    place.index(900, 95_000.0)  # nobody hears it
    for left in (600, 598):  # a jump is believed at the second word
        tell(left, 95_000.0, mark=False)

    assert Reason.OPTION_MISSING is desk.decision.reason
    assert held == len(desk.orders)
    desk.take(place.mark(PUT))
    assert net(state, place) == pytest.approx(-10 * place.delta(PUT), abs=0.02)
    assert 622 * SECOND == state.prices.fixings["BTC"][EXPIRY].unheard
