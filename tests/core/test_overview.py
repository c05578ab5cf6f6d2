"""The overview: each guard and rung, with its limit, its reading and what lies between."""

from decimal import Decimal

import pytest

from rebalancer.core import overview
from rebalancer.core.decision import Reason
from rebalancer.core.events import Tick
from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from rebalancer.core.overview import Line
from tests.scenarios.desk import GUARDED, LINEAR, MINUTE, SPOT, build, margined, settings

D = Decimal
SHORT = [(SPOT, "10"), (LINEAR, "-10", "hedge")]


def desk(balance=400_000, queue=None):
    """Return a guarded desk whose ten coins are hedged, and whose venue told its figures."""
    made = build(margined(GUARDED, leverage=20.0), SHORT)
    made.funding(0.0001)
    numbers = [D(str(each)) for each in (balance, balance, 5_000, 50_000)]
    legs = (LegFigures(LINEAR, D(5_000), None, queue),)
    made.take(MarginTold(made.now, made.now, "binanceusdm", (PoolFigures("USDT", *numbers),), legs))
    return made


def lines(made):
    """Return the overview by name."""
    return {each.name: each for each in overview.lines(made.state, made.params)}


def test_every_guard():
    """Each guard is there once, and passes; the ladder is there with where REDUCE begins."""
    found = list(overview.lines((made := desk()).state, made.params))
    names = [each.name for each in found]

    assert len(names) == len(set(names))
    assert {"trading_state", "margin", "turnover", "throttle", "margin_ratio"} <= set(names)
    assert [] == [each.name for each in found if each.allows == 0]
    assert (0.15, "calm") == (
        lines(made)["margin_distance"].limit,
        lines(made)["margin_distance"].reason,
    )


@pytest.mark.parametrize(
    ("line", "headroom"),
    [
        (Line("turnover", "BTC", 100.0, 30.0, None), 70.0),
        (Line("basis", "BTC", 0.02, -0.05, None), -0.03),  # as far on either side
        (Line("margin_distance", "v:USDT", 0.15, 0.40, None), 0.25),  # its limit is the least
        (Line("margin", "BTC", 0.20, 0.15, None), -0.05),
        (Line("margin", "BTC", 0.20, None, None), None),
        (Line("collar", "BTC", None, 0.1, None), None),
    ],
)
def test_headroom(line, headroom):
    """What lies between reading and limit is below 0 beyond it, and unknown where either is."""
    assert (None if headroom is None else pytest.approx(headroom)) == line.headroom


def test_collateral_short():
    """An account that is not calm shows what it lacks."""
    found = lines(desk(105_000))["collateral"]

    assert ("binanceusdm:USDT", "USDT") == (found.scope, found.reason)
    assert 100_000 < found.measured < 250_000


def test_no_index():
    """Without an index no order can be asked about: that is the one line of the coin."""
    made = desk()
    made.now += 10 * MINUTE
    made.take(Tick(made.now))
    made.state.markets.indexes.clear()
    (found,) = [each for each in overview.lines(made.state, made.params) if each.scope == "BTC"]

    assert ("index", Reason.INDEX_MISSING, D(0)) == (found.name, found.reason, found.allows)


def test_no_instrument():
    """Nor without anything to hedge with on that side."""
    made = build(settings(hedge_buy=(), hedge_sell=()), [(SPOT, "1")])
    (found,) = overview.lines(made.state, made.params)

    assert ("instrument", Reason.NO_HEDGE_INSTRUMENT) == (found.name, found.reason)


def test_deleveraging_queue():
    """Where a venue tells who is closed first for others' losses, it is shown by position."""
    found = lines(desk(queue=0.6))["deleveraging"]

    assert (LINEAR, 0.6, 0.8) == (found.scope, found.measured, found.limit)
    assert pytest.approx(0.2) == found.headroom
    assert "deleveraging" not in lines(desk())
