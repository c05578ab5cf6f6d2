"""A hedge ratio scales what a contract hedges: in the order, on its way, and once it is held."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import exposure, stress
from rebalancer.core.commands import Submit
from rebalancer.core.exposure import Holding
from rebalancer.core.hedger import view_of
from rebalancer.core.params import Numeraire
from rebalancer.core.stress import HERE, STILL
from tests.scenarios.desk import (
    BAND,
    BTC,
    COINS,
    FUTURE,
    GUARDED,
    INSTRUMENTS,
    LINEAR,
    LINEAR_FUTURE,
    PERP,
    SECOND,
    SPOT,
    START,
    build,
)

D = Decimal
PRICE = 100_000.0


def book(name, ratio, numeraire=Numeraire.USD):
    """Return settings that hedge with one instrument, whose ratio is not 1."""
    own = replace(
        BTC,
        numeraire=numeraire,
        hedge_buy=(name,),
        hedge_sell=(name,),
        ratios={name: ratio},
        band=replace(BAND, reset=1.0, min_interval=SECOND),
    )
    return replace(GUARDED, underlyings={"BTC": own}, market=None, limits=None, funding=None)


@pytest.mark.parametrize(
    ("name", "ratio", "quantity"),
    [
        (LINEAR, 1.25, "-2.500"),
        (LINEAR, 0.8, "-1.600"),
        (PERP, 1.25, "-25000"),
        (PERP, 0.8, "-16000"),
    ],
)
def test_order(name, ratio, quantity):
    """Two coins take twice the ratio of the hedge, on its way and once it is held."""
    desk = build(book(name, ratio), [(SPOT, "2")])
    (order,) = desk.orders
    desk.now += SECOND
    desk.market()

    assert D(quantity) == order.quantity
    assert pytest.approx(-2.0) == desk.decision.pending
    desk.execute(order)
    for _ in range(30):
        desk.now += SECOND
        desk.market()
    assert [order] == desk.orders
    assert pytest.approx(0.0, abs=1e-9) == desk.decision.net_delta


def test_effect_is_what_was_promised():
    """Hedges of a leg with a ratio have their whole effect, so nobody is called."""
    desk = build(book(LINEAR, 1.9))
    for _ in range(6):
        desk.now += 15 * SECOND
        desk.market()
        desk.trade_by_hand(SPOT, "1")
        desk.execute(desk.orders[-1])
        desk.wait(12)

    assert 6 == len(desk.all(Submit))
    assert ["fill.foreign"] * 6 == desk.alerts


def worth(name, quantity, entry, index, ratio):
    """Return the USD worth of a contract whose price moves 1 ÷ ratio times as far as the index."""
    told, price = INSTRUMENTS[name], PRICE * (1 + (index / PRICE - 1) / ratio)
    size = quantity * float(told.size)
    return index * size * (1 / entry - 1 / price) if told.inverse else size * (price - entry)


@pytest.mark.parametrize("numeraire", Numeraire)
@pytest.mark.parametrize("entry", [80_000.0, 100_000.0, 130_000.0])
@pytest.mark.parametrize(("name", "quantity"), [(LINEAR, -2.0), (PERP, -20_000.0)])
def test_delta_follows_from_value(name, quantity, entry, numeraire):
    """The delta is the slope of the worth when the contract moves by its ratio, in either unit."""
    told, ratio, step = INSTRUMENTS[name], 1.25, 1.0
    size = quantity * float(told.size)
    basis = size / entry if told.inverse else size * entry
    own = book(name, ratio, numeraire).underlyings["BTC"]
    compiled = exposure.compile_book(own, [Holding(told, quantity, basis, quantity)], {}, {})

    def unit(index):
        dollars = worth(name, quantity, entry, index, ratio)
        return dollars if numeraire is Numeraire.USD else dollars / index

    slope = (unit(PRICE + step) - unit(PRICE - step)) / (2 * step)
    slope *= 1.0 if numeraire is Numeraire.USD else PRICE
    found = exposure.measure(compiled, PRICE, START)

    assert pytest.approx(slope, rel=1e-8) == found.net
    assert pytest.approx(slope, rel=1e-8) == exposure.straight(compiled, PRICE)
    assert pytest.approx(slope, rel=1e-8) == exposure.by_holding(compiled, PRICE, START)[name]
    assert pytest.approx(worth(name, quantity, entry, PRICE, ratio)) == exposure.value(
        compiled, PRICE, START
    )
    each = exposure.delta_per_contract(told, PRICE, PRICE, own)
    assert pytest.approx(quantity * each) == found.hedge


def test_dated_future_keeps_its_share():
    """While its settlement is averaged, a dated future loses what it has, ratio and all."""
    own = book(LINEAR_FUTURE, 1.25).underlyings["BTC"]
    told = INSTRUMENTS[LINEAR_FUTURE]
    held = Holding(told, -2.0, -200_000.0, -2.0)
    compiled = exposure.compile_book(own, [held], {}, {LINEAR_FUTURE: 1.01})
    half = told.expiry - 15 * 60 * SECOND

    before = exposure.measure(compiled, PRICE, START)
    assert pytest.approx(-2.0 * 1.01 / 1.25) == before.net == pytest.approx(before.hedge)
    assert pytest.approx(before.net / 2) == exposure.measure(compiled, PRICE, half).net


def test_what_is_the_book_s_own_counts_alike():
    """A contract hedges as much whoever put it there; what was not named hedges one for one."""
    own = book(PERP, 1.25).underlyings["BTC"]
    told = [
        Holding(INSTRUMENTS[PERP], -10_000.0, -1.0, 0.0),
        Holding(INSTRUMENTS[FUTURE], -10_000.0, -1.0, 0.0),
        Holding(INSTRUMENTS[COINS], 3.0, 0.0, 0.0),
    ]
    compiled = exposure.compile_book(own, told, {}, {FUTURE: 1.0})

    assert pytest.approx(-0.8 - 1.0 + 3.0) == exposure.measure(compiled, PRICE, START).net


@pytest.mark.parametrize("numeraire", Numeraire)
def test_stress_begins_where_the_book_stands(numeraire):
    """In the grid's cell where nothing moves, nothing is traded that the band would not trade."""
    params = book(PERP, 1.25, numeraire)
    desk = build(params, [(SPOT, "2"), (PERP, "-24000", "hedge")])
    view = view_of(desk.state, params.underlyings["BTC"])
    told = stress.measure_grid(desk.state, params, params.underlyings["BTC"])

    assert view is not None
    assert told is not None
    missing = view.band.aim - view.exposure.net
    inside = view.band.contains(view.exposure.net)
    assert pytest.approx(0.0 if inside else missing, abs=1e-9) == told.forced[STILL, HERE]


@pytest.mark.parametrize("numeraire", Numeraire)
def test_gamma_of_what_counts_otherwise(numeraire):
    """What a ratio adds to an inverse leg's delta turns with the price, and gamma knows."""
    own = book(PERP, 2.0, numeraire).underlyings["BTC"]
    held = [Holding(INSTRUMENTS[PERP], -20_000.0, -2.5, -20_000.0)]
    compiled = exposure.compile_book(own, held, {}, {})
    up, down = (exposure.measure(compiled, PRICE + step, START).net for step in (5.0, -5.0))

    assert (up - down) / 10 == pytest.approx(
        exposure.curvature(compiled, PRICE, START).gamma, rel=1e-4
    )
