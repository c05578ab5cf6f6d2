"""Expected funding: what a track remembers, what it foresees, and when a hedge moves."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import funding
from rebalancer.core.funding import (
    DAY,
    HOUR,
    Candidate,
    Choice,
    Expected,
    Rule,
    Standing,
    Terms,
    Track,
    per_day,
)

YEAR = 365
EIGHT = 8 * HOUR


def told(*rates, terms=None):
    """Return a track of rates per eight hours, one each."""
    track = Track(terms or Terms())
    for place, rate in enumerate(rates):
        assert funding.note(track, place * EIGHT, rate, EIGHT)
    return track


# --- what is remembered -------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "hours", "daily"),
    [(0.0001, 8, 0.0003), (0.0000125, 1, 0.0003), (-0.0002, 4, -0.0012), (0.001, 24, 0.001)],
)
def test_per_day(rate, hours, daily):
    """Venues with different intervals are compared by the day."""
    assert pytest.approx(daily, rel=1e-12) == per_day(rate, hours * HOUR)


@pytest.mark.parametrize(
    ("ts", "rate", "interval"),
    [
        (EIGHT, math.nan, EIGHT),
        (EIGHT, math.inf, EIGHT),
        (EIGHT, -math.inf, EIGHT),
        (EIGHT, 0.0401, EIGHT),  # more than any venue charges
        (EIGHT, -0.0401, EIGHT),
        (EIGHT, 0.0001, 0),
        (EIGHT, 0.0001, -HOUR),
        (-1, 0.0001, EIGHT),  # from before the latest
    ],
)
def test_absurd(ts, rate, interval):
    """A rate that cannot be true is refused and changes nothing."""
    track = told(0.0001)
    before = replace(track)

    assert not funding.note(track, ts, rate, interval)
    assert before == track


def test_absurd_first():
    """A refused rate is no rate: nothing is known after it either."""
    track = Track()

    assert not funding.note(track, 0, math.nan, EIGHT)
    assert funding.expected(track, DAY) is None


@pytest.mark.parametrize(
    ("rate", "charged"), [(0.01, 0.003), (0.003, 0.003), (0.001, 0.001), (-0.01, -0.002)]
)
def test_venue_cap(rate, charged):
    """Beyond its venue's cap or floor a rate counts as these: they are what is charged."""
    track = told(rate, terms=Terms(floor=-0.002, cap=0.003))

    assert pytest.approx(3 * charged) == track.rate


def test_first():
    """The first rate is all that is known: it is the mean too, and its error is large."""
    track = told(0.0001)
    week = funding.expected(track, 7 * DAY)

    assert pytest.approx(7 * 0.0003) == week.mean
    assert pytest.approx(0.0003) == track.mean
    assert week.deviation > week.mean / 2


def test_half_life():
    """After its half-life a rate counts half in the slow mean."""
    track = told(*[0.0001] * 400, *[0.0] * 42)  # fourteen days of nothing

    assert pytest.approx(0.00015, rel=1e-3) == track.mean
    assert 0.0 == track.rate


@pytest.mark.parametrize("pieces", [2, 8, 480])
def test_often(pieces):
    """However often a venue repeats a rate, the memory of it is the same."""
    rates = [0.0001 * (place % 7) for place in range(40)]
    often, step = told(rates[0]), EIGHT // pieces
    for place, rate in enumerate(rates[1:]):
        for piece in range(1, pieces + 1):
            funding.note(often, place * EIGHT + piece * step, rate, EIGHT)

    assert pytest.approx(told(*rates).mean) == often.mean
    assert pytest.approx(told(*rates).weight) == often.weight


def test_shortest():
    """A first rate for the shortest interval there is still is all that is known."""
    track = Track()

    assert funding.note(track, 0, 1e-15, 1)
    assert pytest.approx(1e-15 * DAY) == track.mean == track.rate


def test_same_moment():
    """A word on the same moment replaces the latest rate and weighs nothing."""
    track = told(0.0001, 0.0002)
    mean, weight = track.mean, track.weight

    assert funding.note(track, EIGHT, 0.0009, EIGHT)
    assert (0.0027, mean, weight) == (pytest.approx(track.rate), track.mean, track.weight)


def test_silence():
    """A silence fades the memory, and what ends it counts for one interval only."""
    track = told(*[0.0001] * 400)
    funding.note(track, 400 * EIGHT + 14 * DAY, 0.0031, EIGHT)

    fresh = 1 - 0.5 ** (1 / 42)
    kept = 0.5 ** (43 / 42)  # the silence and the interval
    expected = (kept * 0.0003 + fresh * 0.0093) / (kept + fresh)
    assert pytest.approx(expected, rel=2e-3) == track.mean


def test_calm_and_wild():
    """A rate that strays is foreseen less surely than one that never did."""
    calm = told(*[0.0001] * 200)
    wild = told(*[0.0001, 0.0021] * 100)

    week = [funding.expected(track, 7 * DAY).deviation for track in (calm, wild)]

    assert 3 * week[0] < week[1]


# --- what is foreseen ---------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "mean", "naive"),
    [(1, 0.00090910, 0.00109589), (7, 0.00323472, 0.00767), (30, 0.00832877, 0.0329)],
)
def test_reversion(days, mean, naive):
    """From 40 % a year back to 8 % at k = 1/(2 d): theory.md §5.3."""
    terms = Terms(reverts=round(2 * DAY * math.log(2)))
    track = Track(terms, ts=0, rate=0.40 / YEAR, mean=0.08 / YEAR)

    assert pytest.approx(mean, abs=5e-9) == funding.expected(track, days * DAY).mean
    assert pytest.approx(naive, rel=1e-2) == track.rate * days


@pytest.mark.parametrize(
    ("yearly", "half_life", "bound"), [(0.20, 2.0, 15.8), (0.20, 0.5, 4.0), (0.05, 5.0, 9.9)]
)
def test_spike(yearly, half_life, bound):
    """All that a spread ever brings is d·hl ÷ ln 2, in bp of notional: theory.md §5.4."""
    terms = Terms(reverts=round(half_life * DAY))
    here, there = Track(terms, ts=0, rate=yearly / YEAR), Track(terms, ts=0)

    apart = [
        funding.expected(here, days * DAY).mean - funding.expected(there, days * DAY).mean
        for days in (1, 7, 60, 3_650)
    ]

    assert sorted(apart) == apart
    assert pytest.approx(bound, abs=0.06) == 1e4 * apart[-1]


@given(
    st.floats(-0.01, 0.01),
    st.floats(-0.01, 0.01),
    st.integers(1, 365 * DAY),
    st.integers(HOUR, 30 * DAY),
)
def test_between(rate, mean, horizon, reverts):
    """What is foreseen lies between the latest rate and the slow mean, all the time."""
    track = Track(Terms(reverts=reverts), ts=0, rate=rate, mean=mean, weight=0.5)
    told = funding.expected(track, horizon)
    low, high = sorted((rate * horizon / DAY, mean * horizon / DAY))

    assert low - 1e-12 <= told.mean <= high + 1e-12
    assert 0.0 <= told.deviation <= math.sqrt(2 * track.variance) * horizon / DAY + 1e-12


@given(st.lists(st.floats(-0.04, 0.04), min_size=1, max_size=60))
def test_mean_is_an_average(rates):
    """The slow mean never leaves the rates that it is made of, and nothing ever blows up."""
    track = told(*rates)
    margin = 1e-12

    assert 3 * min(rates) - margin <= track.mean <= 3 * max(rates) + margin
    assert 0.0 < track.weight <= 1.0
    assert 0.0 <= track.variance <= (6 * 0.04) ** 2


def test_deviation_is_of_the_process():
    """The deviation is that of the integral of a first-order process, in the limit too."""
    terms = Terms(forgets=10**6 * DAY, reverts=round(math.log(2) * DAY))  # k is 1 a day
    track = Track(terms, ts=0, variance=1.0, weight=1.0)

    short = funding.expected(track, DAY // 100).deviation
    long = funding.expected(track, 100 * DAY).deviation

    assert pytest.approx(math.sqrt(2 / 3 * 0.01**3), rel=1e-2) == short  # σ²H³/3, σ² = 2kv
    assert pytest.approx(math.sqrt(2 * (100 - 1.5)), rel=1e-2) == long


@pytest.mark.parametrize(
    ("forward", "spot", "remaining", "horizon", "mean"),
    [
        (102.0, 100.0, 90, 30, 0.02 / 3),
        (99.0, 100.0, 90, 45, -0.005),
        (102.0, 100.0, 30, 30, 0.02),
        (102.0, 100.0, 29, 30, None),  # nobody knows what follows
    ],
)
def test_dated(forward, spot, remaining, horizon, mean):
    """A dated future costs its long the part of the basis that melts within the horizon."""
    told = funding.dated(forward, spot, remaining * DAY, horizon * DAY)

    assert (mean is None) == (told is None)
    if told is not None:
        assert (pytest.approx(mean), 0.0) == (told.mean, told.deviation)


# --- the choice ---------------------------------------------------------------

RULE = Rule(horizon=7 * DAY, factor=2.0, penalty=1.0)


def candidate(name, mean, cost=0.0005, deviation=0.0):
    foreseen = None if mean is None else Expected(mean, deviation, RULE.horizon)
    return Candidate(name, foreseen, cost)


@pytest.mark.parametrize(
    ("side", "here", "there", "moves"),
    [
        (-1, 0.0, 0.0021, True),  # a short is paid 21 bp more, a move costs 10, twice is asked
        (-1, 0.0, 0.0019, False),
        (-1, 0.0, -0.0021, False),
        (+1, 0.0, -0.0021, True),
        (+1, 0.0021, 0.0, True),
        (+1, 0.0, 0.0021, False),
        (-1, 0.0, None, False),  # unknown is never a target
        (-1, None, 0.0021, False),  # and says nothing of a gain
    ],
)
def test_move(side, here, there, moves):
    """A hedge moves where it saves more than twice the cost of the move."""
    pair = (candidate("a", here), candidate("b", there))

    told = funding.choose(side, Standing("a"), pair, 0, RULE)

    assert ("b" if moves else "a") == told.instrument


def test_numbers():
    """The choice says what it weighed, whether it moves or not."""
    pair = (candidate("a", 0.001, 0.0004, 0.003), candidate("b", 0.0, 0.0006, 0.004))

    told = funding.choose(+1, Standing("a"), pair, 0, RULE)

    assert "a" == told.instrument
    assert pytest.approx((0.001, 0.001, 0.005)) == (told.gain, told.cost, told.uncertainty)


@pytest.mark.parametrize(
    ("deviation", "penalty", "moves"),
    [(0.0, 1.0, True), (0.0005, 1.0, True), (0.001, 1.0, False), (0.001, 0.5, True)],
)
def test_penalty(deviation, penalty, moves):
    """What is not sure counts for less."""
    pair = (candidate("a", 0.0, deviation=deviation), candidate("b", 0.0028))

    told = funding.choose(-1, Standing("a"), pair, 0, replace(RULE, penalty=penalty))

    assert moves == (told.instrument == "b")


@pytest.mark.parametrize(
    ("flipped", "interval", "moves"),
    [(None, EIGHT, True), (92, EIGHT, True), (93, EIGHT, False), (98, HOUR, True)],
)
def test_rests(flipped, interval, moves):
    """It moves at most once in an interval of where it stands."""
    pair = (candidate("a", 0.0), candidate("b", 0.01))
    standing = Standing("a", interval, None if flipped is None else flipped * HOUR)

    told = funding.choose(-1, standing, pair, 100 * HOUR, RULE)

    assert moves == (told.instrument == "b")


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ((), None),
        ((candidate("a", None),), None),
        ((candidate("a", None), candidate("b", -0.5)), "b"),
        ((candidate("a", 0.001), candidate("b", 0.002)), "b"),
        ((candidate("a", 0.001), candidate("b", 0.002, cost=0.002)), "a"),
        ((candidate("a", 0.001), candidate("b", 0.002, deviation=0.002)), "a"),
        ((candidate("a", 0.001), candidate("b", 0.001)), "a"),
    ],
)
def test_enters(candidates, expected):
    """From nowhere the best of the known ones is entered, entry and doubt counted."""
    assert expected == funding.choose(-1, Standing(), candidates, 0, RULE).instrument


def test_alone():
    """Where there is nothing else, or nothing is known of it, a hedge stays where it is."""
    for others in ((), (candidate("a", 0.001),), (candidate("b", 0.001),)):
        assert Choice("a") == funding.choose(-1, Standing("a"), others, 0, RULE)


def test_best():
    """Of several that are worth a move the one is taken that leaves most."""
    three = (candidate("a", 0.0), candidate("b", 0.01), candidate("c", 0.011, cost=0.002))

    assert "b" == funding.choose(-1, Standing("a"), three, 0, RULE).instrument


means = st.none() | st.floats(-0.05, 0.05)


@given(
    st.sampled_from((-1, 1)),
    st.lists(st.tuples(means, st.floats(0, 0.01), st.floats(0, 0.05)), min_size=1, max_size=5),
    st.floats(1, 4),
    st.floats(0, 2),
)
def test_pays(side, numbers, factor, penalty):
    """Every move pays for itself by what is expected, is to a known one, and has no way back."""
    listed = [candidate(str(place), *each) for place, each in enumerate(numbers)]
    rule = replace(RULE, factor=factor, penalty=penalty)

    told = funding.choose(side, Standing("0"), listed, 0, rule)

    if told.instrument != "0":
        target = listed[int(told.instrument)]
        assert target.expected is not None
        assert told.gain > factor * told.cost + penalty * told.uncertainty
        assert "0" != funding.choose(side, Standing(told.instrument), listed, 1, rule).instrument
