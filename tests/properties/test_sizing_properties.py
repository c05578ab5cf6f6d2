"""Sizing lands inside the band where it can, never beyond it, and never chases a gap."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rebalancer.core import exposure, sizing
from rebalancer.core.band import SLACK, Band
from rebalancer.core.exposure import Holding
from rebalancer.core.params import Numeraire
from tests.scenarios.desk import BTC, INSTRUMENTS, LINEAR, LINEAR_FUTURE, PERP, SPOT

D = Decimal

LOTS = st.sampled_from([D("0.00001"), D("0.001"), D("0.1"), D(1), D(10)])


@st.composite
def problems(draw):
    """Return (instrument, delta per contract, net, goal, band)."""
    lot = draw(LOTS)
    minimum = lot * draw(st.sampled_from([D(1), D("0.5"), D("2.5"), D(5), D(100)]))
    instrument = replace(INSTRUMENTS[LINEAR], lot=lot, minimum=minimum)
    per = draw(st.floats(1e-5, 10)) * draw(st.sampled_from([1, -1]))
    centre = draw(st.floats(-50, 50))
    below, above = draw(st.floats(0, 5)), draw(st.floats(0, 5))
    band = Band(centre, centre - below, centre + above)
    goal = min(max(centre + draw(st.floats(-5, 5)), band.lower), band.upper)
    return instrument, per, draw(st.floats(-200, 200)), goal, band


def after(problem, count):
    _, per, net, _, _ = problem
    return net + float(count) * per


@given(problems())
def test_an_order_is_one(problem):
    """An order is whole lots, at least the smallest, and turns the delta towards the goal."""
    instrument, per, net, goal, _ = problem
    count = sizing.contracts(*problem)

    assert 0 == count % instrument.lot
    assert not count or abs(count) >= instrument.minimum
    assert float(count) * per * (goal - net) >= 0


@given(problems())
def test_never_past_the_far_side(problem):
    """Where an order lands it is inside the band, or still on the side that it came from."""
    *_, net, goal, band = problem
    count = sizing.contracts(*problem)
    assume(count)
    landed = after(problem, count)

    if not band.contains(landed):
        assert not band.contains(net)
        assert abs(landed - goal) < abs(net - goal)
        if net > band.upper:
            assert landed >= goal - SLACK
        else:
            assert landed <= goal + SLACK


@given(problems())
def test_nearest_lot(problem):
    """No neighbouring order that a venue would take lands inside the band and nearer."""
    instrument, _, net, goal, band = problem
    count = sizing.contracts(*problem)
    assume(band.contains(after(problem, count)) and count)
    own = abs(after(problem, count) - goal)
    for other in (count - instrument.lot, count + instrument.lot):
        allowed = abs(other) >= instrument.minimum and other * count > 0
        if allowed and band.contains(after(problem, other)):
            assert own <= abs(after(problem, other) - goal) + 1e-9 * (1 + abs(net))


@given(problems())
def test_no_chase(problem):
    """After its order the same question asks for nothing more, or once for a last lot."""
    instrument, per, net, goal, band = problem
    orders = []
    while len(orders) < 4:
        count = sizing.contracts(instrument, per, net, goal, band)
        if not count:
            break
        orders.append(count)
        net += float(count) * per

    assert len(orders) <= 2
    if len(orders) == 2:
        assert abs(orders[1]) <= max(instrument.lot, instrument.minimum)


@given(problems())
def test_inside_stays(problem):
    """A hedge that is due inside the band leaves it neither inside nor farther from its goal."""
    *_, net, goal, band = problem
    assume(band.contains(net))
    landed = after(problem, sizing.contracts(*problem))

    assert band.contains(landed)
    assert abs(landed - goal) <= abs(net - goal)


@settings(max_examples=60)
@given(
    st.sampled_from([PERP, LINEAR, LINEAR_FUTURE, SPOT]),
    st.sampled_from(Numeraire),
    st.floats(-30, 30),
    st.floats(40_000, 200_000),
    st.floats(0.95, 1.05),
)
def test_the_right_way(name, numeraire, coins, index, carry):
    """Whatever the contract and numeraire, the order brings the whole book inside its band.

    The book is measured anew with the order in it, paid for in cash.
    """
    own, instrument = replace(BTC, numeraire=numeraire), INSTRUMENTS[name]
    price = index * carry if name == LINEAR_FUTURE else index
    free = Holding(INSTRUMENTS[LINEAR], coins, coins * index, 0.0)
    carries = {LINEAR_FUTURE: carry}
    net = exposure.measure(exposure.compile_book(own, [free], {}, carries), index, 0).net
    band = Band(0.0, -0.05, 0.05)
    assume(not band.contains(net))
    face = float(instrument.size)
    per = face / price if instrument.inverse else face * price / index
    count = float(sizing.contracts(instrument, per, net, 0.0, band))
    size = count * face
    basis = size / price if instrument.inverse else size * price
    dollars = -basis if name == SPOT else 0.0
    held = [
        free,
        Holding(instrument, count, basis, count),
        Holding(INSTRUMENTS["binanceusdm:USDT"], dollars, 0.0, 0.0),
    ]
    hedged = exposure.measure(exposure.compile_book(own, held, {}, carries), index, 0)

    assert band.contains(hedged.net)


@given(
    st.integers(-10_000, 10_000).filter(bool),
    st.integers(-10_000, 10_000),
    st.floats(-100, 100),
    st.floats(1e-4, 10) | st.floats(-10, -1e-4),
    st.floats(0, 50),
)
def test_parts(quantity, position, net, per, limit):
    """Parts are within the order, and do what their names say."""
    told = sizing.parts(D(quantity), D(position), net, per, limit)
    size, way = abs(quantity), 1 if quantity > 0 else -1
    dust = 2e-8 * abs(per)  # parts are rounded up to a hundred-millionth of a contract
    left = [abs(net + way * float(part) * per) for part in (told.hedging, told.required)]

    assert all(0 <= part <= size for part in (told.closing, told.hedging, told.required))
    assert abs(position + way * told.closing) == abs(position) - told.closing
    assert told.required <= told.hedging
    if net * per * way < 0:
        assert left[0] <= abs(net) + dust
        assert told.hedging == size or left[0] <= dust
        assert told.required == size or left[1] <= limit + dust or abs(net) <= limit
    else:
        assert told.hedging == 0
