"""Days: rows end with the last sample of a UTC day and add up to what was earned."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.attribution import Parts
from rebalancer.research.days import DAY, GROUPS, Days, Stand, between, grouped
from rebalancer.research.legs import LegSums
from rebalancer.research.worth import Sums

HOUR = DAY // 24


def stand(ts, worth=0.0, **facts):
    """Return a stand of which only these facts are not nothing."""
    return Stand(ts, worth, 0.0, Sums(), LegSums(), Parts(), **facts)


def rows(*stands):
    days = Days()
    for each in stands:
        days.take(each)
    return days.rows()


def test_midnight_ends_a_day():
    """A sample at midnight belongs to the day that it ends."""
    at = (0, 6, 24, 30, 48, 50)
    told = rows(*(stand(DAY + hour * HOUR, float(hour)) for hour in at))

    assert [("1970-01-02", 24.0), ("1970-01-03", 24.0), ("1970-01-04", 2.0)] == [
        (row.date, row.change) for row in told
    ]


def test_day_without_samples():
    """What was earned while nobody looked belongs to the day of the next look."""
    told = rows(stand(HOUR), stand(2 * HOUR, 1.0), stand(3 * DAY + HOUR, 5.0))

    assert [("1970-01-01", 1.0), ("1970-01-04", 4.0)] == [(row.date, row.change) for row in told]
    assert 2 * HOUR == told[1].start


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_tell(count):
    """One sample is no step, and makes no row."""
    assert () == rows(*(stand(HOUR) for _ in range(count)))


def test_deposits_are_no_profit():
    """What was brought in is told by itself and is in no source."""
    then = stand(HOUR, 100.0)
    now = replace(stand(2 * HOUR, 1_107.0), sums=Sums(flows=1_000.0, cash=7.0))

    (row,) = rows(then, now)

    assert (7.0, 1_000.0) == (row.change, row.flows)
    assert 7.0 == sum(row.parts.values())


def test_books_apart():
    """What the models' books gained beside the follower's is told apart from the residual."""
    then, now = stand(HOUR, 100.0, model=100.5), stand(2 * HOUR, 90.0, model=90.25)

    (row,) = rows(then, now)

    assert (-0.25, 0.0) == (row.accounting, row.parts["residual"])


def test_every_source_is_in_one_group():
    """Nothing is told twice and nothing is lost between sources and groups."""
    sources = between(stand(0), stand(1))

    assert sorted(sources) == sorted(name for names in GROUPS.values() for name in names)


@pytest.mark.parametrize(
    ("parts", "alert"),
    [
        (Parts(gamma=-60.0, theta=39.0, residual=11.1), True),  # of 110.1
        (Parts(gamma=-60.0, theta=39.0, residual=-11.1), True),
        (Parts(gamma=-60.0, theta=39.0, residual=10.9), False),
        (Parts(), False),
    ],
)
def test_residual_that_is_large(parts, alert):
    """A residual above a tenth of all parts is marked, whatever its sign."""
    (row,) = rows(stand(HOUR), replace(stand(2 * HOUR), parts=parts))

    assert alert == row.alert


def test_residual_that_is_rare():
    """A residual three standard deviations off is marked, small as it is against the parts."""
    whole, stands = Parts(), [stand(HOUR)]
    for day in range(1, 14):
        whole = whole + Parts(gamma=-1_000.0, residual=50.0 if day == 9 else (-1.0) ** day)
        stands.append(replace(stand(day * DAY), parts=whole))

    assert ["1970-01-09"] == [row.date for row in rows(*stands) if row.alert]


def test_own_funding_is_no_cost():
    """What the book's own perpetuals pay would be paid without hedges too."""
    paid = replace(stand(2 * HOUR, -9.0), sums=Sums(fees=2.0, funding=-7.0, carried=-1.0))

    (row,) = rows(stand(HOUR), paid)

    assert (3.0, 3.0) == (row.costs, paid.costs)
    assert (-1.0, -6.0) == (row.parts["funding"], row.parts["own_funding"])


AMOUNTS = st.floats(-1e5, 1e5)
STANDS = st.lists(
    st.tuples(st.integers(1, 3 * DAY), *(AMOUNTS for _ in range(6))), min_size=2, max_size=12
)


@given(STANDS)
def test_days_are_the_whole(told):
    """Days add up to the change of worth less flows, and so does each source, to the cent."""
    stands, ts = [], 0
    for wait, delta, basis, fees, funding, flows, slippage in told:
        ts += wait
        sums = Sums(fees=fees, funding=funding, carried=funding / 4, flows=flows)
        legs = LegSums(basis=basis, slippage=slippage)
        worth = delta + basis + funding + flows - fees - slippage
        stands.append(Stand(ts, worth, 0.0, sums, legs, Parts(delta=delta)))
    days = rows(*stands)

    earned = stands[-1].earned - stands[0].earned
    assert pytest.approx(earned, abs=0.005) == sum(day.change for day in days)
    assert pytest.approx(earned, abs=0.005) == sum(sum(day.parts.values()) for day in days)
    assert pytest.approx(stands[-1].costs - stands[0].costs, abs=0.005) == sum(
        day.costs for day in days
    )
    for day in days:
        assert pytest.approx(day.change, abs=0.005) == sum(grouped(day.parts).values())
