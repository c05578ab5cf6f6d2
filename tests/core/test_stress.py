"""The stress grid: what it says agrees with sums done one by one, and with where nothing moves."""

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from rebalancer.core import exposure, overlay, overview, pricing, worth
from rebalancer.core.band import place
from rebalancer.core.levels import factor
from rebalancer.core.params import NearParams, Numeraire
from rebalancer.core.stress import HERE, SPOTS, STILL, VOLS, measure_grid
from tests.scenarios.desk import (
    BTC,
    CALL,
    COINS,
    DOLLARS,
    EXPIRY,
    GUARDED,
    LINEAR,
    PARAMS,
    PERP,
    PUT,
    SPOT,
    START,
    build,
    margined,
)

YEAR = 365 * 86_400 * 10**9
DAY = 86_400 * 10**9


def sold(params=PARAMS, holdings=((CALL, "-3"), (PUT, "-2"), (COINS, "4"), (PERP, "-20000"))):
    """Return a desk that is short of options, valued at a vol of 60 %."""
    desk = build(params, holdings)
    desk.option(CALL, 0.6)
    desk.option(PUT, 0.65)
    return desk


def test_nothing_moves():
    """Where neither price nor vol moves nothing is earned and nothing is forced."""
    desk = sold()
    grid = measure_grid(desk.state, PARAMS, BTC)

    assert (len(VOLS), len(SPOTS)) == grid.profit.shape
    assert 0 == pytest.approx(grid.profit[STILL, HERE], abs=1e-6)
    assert 0 == grid.naked[STILL, HERE]


@pytest.mark.parametrize(("vol", "spot"), [(0, 0), (4, 20), (2, 5), (1, 14)])
def test_naked_is_a_revaluation(vol, spot):
    """Without hedges on the way a cell is the book revalued there, option by option."""
    desk = sold()
    grid = measure_grid(desk.state, PARAMS, BTC)
    price, years = 1e5 * (1 + SPOTS[spot]), (EXPIRY - desk.now) / YEAR

    def options(at, shock):
        one = pricing.inverse_price(at, 110_000, years, 0.6 * (1 + shock), 1)
        other = pricing.inverse_price(at, 90_000, years, 0.65 * (1 + shock), -1)
        return at * (-3 * float(one) - 2 * float(other))

    coins, perp = 4 * (price - 1e5), 200_000 * (1 - price / 1e5)
    expected = options(price, VOLS[vol]) - options(1e5, 0.0) + coins + perp

    assert pytest.approx(expected, rel=1e-9, abs=1e-4) == grid.naked[vol, spot]


def test_hedges_on_the_way():
    """The hedges on the way are traded step by step, and keep what each earned since."""
    own = replace(BTC, hedge_buy=(PERP,), hedge_sell=(PERP,))
    params = replace(PARAMS, underlyings={"BTC": own})
    desk = sold(params)
    grid = measure_grid(desk.state, params, own)
    book, row = desk.state.book("BTC"), STILL
    earned, held = 0.0, 0.0
    for place_ in range(HERE, 15):
        price = 1e5 * (1 + SPOTS[place_])
        if place_ > HERE:
            earned += held * (price - 1e5 * (1 + SPOTS[place_ - 1]))
        net = exposure.measure(book, price, desk.now).net
        held = -net if not place(own, 0.0, 0.0).contains(net) or place_ > HERE else 0.0
    assert pytest.approx(grid.naked[row, 14] + earned, rel=1e-6) == grid.profit[row, 14]
    assert pytest.approx(held, rel=1e-6) == grid.forced[row, 14]
    assert (grid.turnover[row] >= np.abs(grid.forced[row]) - 1e-9).all()


def test_margin_in_each_cell():
    """A pool's ratio in a cell is its maintenance over its balance after the hedges on the way."""
    params = margined(PARAMS, leverage=20.0)
    desk = build(params, [(SPOT, "10"), (LINEAR, "-10", "hedge")])
    desk.figures(200_000, 5_000, 50_000)
    (pool,) = measure_grid(desk.state, params, params.underlyings["BTC"]).pools
    for place_ in (0, 5, HERE, 12):
        move = SPOTS[place_]
        balance = 200_000 - 10 * 1e5 * move
        assert pytest.approx(5_000 * (1 + move) / balance) == pool.ratio[STILL, place_]
    assert math.isinf(pool.ratio[STILL, 15])  # + 25 %: nothing is left


def test_coins_are_protected():
    """A book that counts coins is at its aim when its coin delta is."""
    own = replace(BTC, numeraire=Numeraire.COIN, hedge_buy=(PERP,), hedge_sell=(PERP,))
    params = replace(PARAMS, underlyings={"BTC": own})
    desk = sold(params, [(CALL, "-3"), (COINS, "4")])
    grid = measure_grid(desk.state, params, own)
    net = exposure.measure(desk.state.book("BTC"), 1.1e5, desk.now).net

    assert pytest.approx(-net, rel=1e-6) == grid.forced[STILL, 12]


def test_unknown():
    """Without an index, or with an option that nobody values, there is no grid."""
    desk = build(PARAMS, [(CALL, "-3")])
    assert measure_grid(desk.state, PARAMS, BTC) is None
    assert measure_grid(build(active=False).state, PARAMS, BTC) is None


@pytest.mark.parametrize(
    ("price", "ts", "expected"),
    [
        (95_000.0, START, 0.5),  # at a level
        (95_900.0, START, 0.5),
        (96_100.0, START, 1.0),
        (110_000.0, EXPIRY - DAY, 0.5),  # at a strike that is about to expire
        (110_000.0, EXPIRY - 3 * DAY, 1.0),
        (110_000.0, EXPIRY + 1, 1.0),  # over
    ],
)
def test_levels(price, ts, expected):
    """Near a level, and near a strike about to expire, the band is narrower."""
    desk = sold()
    near = NearParams((95_000.0,), 0.01, 0.5, 2 * DAY)

    assert expected == factor(near, desk.state.book("BTC"), price, ts)
    assert 1.0 == factor(None, desk.state.book("BTC"), price, ts)


def test_narrow_band():
    """A narrower band hedges what a wider one would leave."""
    near = NearParams((100_000.0,), 0.01, 0.5, 0)
    params = replace(PARAMS, underlyings={"BTC": replace(BTC, near=near)})

    assert [] == build(holdings=[(SPOT, "0.04")]).orders
    assert 1 == len(build(params, [(SPOT, "0.04")]).orders)


def test_overview():
    """Every guard has a line with its headroom, every pool its rungs, and what it lacks."""
    params = margined(GUARDED, leverage=20.0)
    desk = build(params, [(DOLLARS, "2000000"), (LINEAR, "-10", "hedge"), (SPOT, "10")])
    desk.funding(0.0001)
    desk.figures(220_000, 5_000, 50_000)
    told = {(line.name, line.scope): line for line in overview.lines(desk.state, params)}

    assert pytest.approx(0.15) == told["margin_distance", "binanceusdm:USDT BTC"].limit
    assert 0 < told["margin_distance", "binanceusdm:USDT BTC"].headroom < 0.07
    assert told["collateral", "binanceusdm:USDT"].measured > 0
    assert told["leverage", "BTC"].headroom > 4
    assert Decimal("0.001") == told["turnover", "BTC"].allows
    assert {"spread", "basis", "funding", "throttle"} <= {name for name, _ in told}


def test_overview_of_nothing():
    """A book without an index says so and nothing else."""
    (line,) = overview.lines(build(active=False).state, PARAMS)

    assert ("index", Decimal(0)) == (line.name, line.allows)
    assert line.headroom is None


def test_worth():
    """What the book is worth is the sum of its parts; a venue's is what it owes us."""
    desk = sold(holdings=((COINS, "2"), (DOLLARS, "50000"), (LINEAR, "1"), (SPOT, "3")))
    desk.mark(LINEAR, 101_000)
    params = replace(PARAMS, cash_underlying={})
    told = worth.now(build(params, [(COINS, "2"), (DOLLARS, "50000"), (SPOT, "3")]).state).accounts

    assert {"deribit": 200_000, "binanceusdm": 50_000, "binance": 300_000, "bybit": 0} == told
    assert 551_000 == pytest.approx(worth.now(desk.state).equity)
    assert 101_000 == pytest.approx(worth.now(desk.state).gross)


def test_worth_unknown():
    """A price that is missing makes a venue's part unknown, and all of it."""
    desk = build(PARAMS, [(CALL, "-3"), (COINS, "1")])

    assert worth.now(desk.state).accounts["deribit"] is None
    assert worth.now(desk.state).equity is None
    assert worth.parts(desk.state) is None
    assert worth.total(None) is None


def test_overlay_prefers_less_premium():
    """Of two options that would do it, the one with less premium is named; sold ones too."""
    limits = replace(BTC.limits, gamma=0.01, vega=20.0)
    own = replace(BTC, limits=limits)
    desk = sold(replace(PARAMS, underlyings={"BTC": own}))
    short = overlay.propose(desk.state, own, 1e5)
    long = overlay.propose(sold(holdings=((CALL, "5"),)).state, own, 1e5)
    calm = overlay.propose(desk.state, BTC, 1e5)

    assert short.startswith("buy")
    assert long.startswith("sell")
    assert "no option" in calm
