"""Where a band lies, when a hedge is due, and how far it goes."""

from dataclasses import replace

import pytest

from rebalancer.core import band as bands
from rebalancer.core.band import Band, Due, Pulse
from rebalancer.core.decision import Reason
from rebalancer.core.params import BandKind
from tests.scenarios.desk import BAND, BTC

STILL = Pulse(since_start=0, since_hedge=None, price=100.0, hedge_price=100.0, moved=None)


@pytest.mark.parametrize(
    ("target", "coverage", "unhedged", "aim"),
    [
        (0.0, 1.0, 10.0, 0.0),
        (0.0, 0.5, 10.0, 5.0),
        (0.0, 0.0, 10.0, 10.0),  # hedges nothing
        (0.0, 1.5, 10.0, -5.0),
        (0.0, 0.5, -10.0, -5.0),
        (2.0, 1.0, 10.0, 2.0),
        (2.0, 0.5, 10.0, 6.0),
        (2.0, 0.0, 10.0, 10.0),
        (-2.0, 1.5, 10.0, -8.0),
    ],
)
def test_aim(target, coverage, unhedged, aim):
    """The aim lies between the target and what is there without hedging."""
    own = replace(BTC, target=target, coverage=coverage)

    assert aim == bands.aim(own, unhedged)
    edges = (aim - 0.05, aim + 0.05)
    assert Band(aim, *edges, edges) == bands.place(own, unhedged, gross=99.0)


@pytest.mark.parametrize(
    ("kind", "lower", "upper", "gross", "expected"),
    [
        (BandKind.FIXED, -0.2, 0.1, 50.0, (-0.2, 0.1)),
        (BandKind.PERCENT, -0.02, 0.01, 50.0, (-1.0, 0.5)),
        (BandKind.PERCENT, -0.02, 0.01, 0.0, (0.0, 0.0)),
    ],
)
def test_width(kind, lower, upper, gross, expected):
    """A percent band scales with what there is to hedge; a fixed one does not."""
    own = replace(BTC, band=replace(BAND, kind=kind, lower=lower, upper=upper))
    placed = bands.place(own, unhedged=0.0, gross=gross)

    assert expected == (placed.lower, placed.upper)


@pytest.mark.parametrize(
    ("net", "inside"),
    [(-1.0, True), (2.0, True), (0.0, True), (-1.001, False), (2.001, False)],
)
def test_edges_belong_to_the_band(net, inside):
    """On an edge is inside, as far as floats can tell."""
    assert inside == Band(0.0, -1.0, 2.0).contains(net)
    assert Band(0.0, -1.0, 2.0).contains(2.0 + 4e-16)


@pytest.mark.parametrize(
    ("net", "reset", "goal"),
    [
        (3.0, 0.0, 2.0),  # to the edge
        (3.0, 1.0, 0.5),  # to the aim
        (3.0, 0.5, 1.25),
        (-3.0, 0.0, -1.0),
        (-3.0, 1.0, 0.5),
        (-3.0, 0.5, -0.25),
    ],
)
def test_reset(net, reset, goal):
    """A hedge goes back to the violated edge, to the aim, or between."""
    own = replace(BTC, target=0.5, band=replace(BAND, lower=-1.5, upper=1.5, reset=reset))
    band = bands.place(own, unhedged=0.0, gross=0.0)

    assert (0.5, -1.0, 2.0) == (band.aim, band.lower, band.upper)
    assert Due(Reason.OUTSIDE_BAND, goal) == bands.due(own.band, band, net, STILL)


@pytest.mark.parametrize(
    ("net", "due"),
    [(2.1, None), (2.26, 2.0), (-1.2, None), (-1.26, -1.0)],
)
def test_least_trade(net, due):
    """A hedge that would be smaller than the least waits, and a larger one goes to the edge."""
    plain = replace(BAND, lower=-1.5, upper=1.5, least_trade=0.25)
    band = bands.place(replace(BTC, target=0.5, band=plain), unhedged=0.0, gross=0.0)
    expected = None if due is None else Due(Reason.OUTSIDE_BAND, due)

    assert expected == bands.due(plain, band, net, STILL)


@pytest.mark.parametrize(
    ("settings", "pulse", "reason"),
    [
        ({}, {}, None),
        ({"max_interval": 10}, {"since_hedge": 9}, None),
        ({"max_interval": 10}, {"since_hedge": 10}, Reason.MAX_INTERVAL),
        ({"max_interval": 10}, {"since_hedge": 9, "since_start": 99}, None),
        ({"max_interval": 10}, {"since_start": 10}, Reason.MAX_INTERVAL),  # never hedged
        ({"move_trigger": 0.01}, {"price": 101.01}, Reason.MOVE_TRIGGERED),
        ({"move_trigger": 0.01}, {"price": 98.99}, Reason.MOVE_TRIGGERED),
        ({"move_trigger": 0.01}, {"price": 100.99}, None),
        ({"move_trigger": 0.01}, {"hedge_price": None, "price": 200.0}, None),
    ],
)
def test_due_inside(settings, pulse, reason):
    """Inside the band only time or a move makes a hedge due, and it goes to the aim."""
    told = bands.due(replace(BAND, **settings), Band(0.5, -1, 2), 0.0, STILL._replace(**pulse))

    assert (None if reason is None else Due(reason, 0.5)) == told


@pytest.mark.parametrize(
    ("settings", "pulse", "gap", "reason"),
    [
        ({}, {}, 1.0, None),
        ({"min_interval": 10}, {}, 1.0, None),  # nothing to be patient after
        ({"min_interval": 10}, {"since_hedge": 9}, 1.0, Reason.MIN_INTERVAL),
        ({"min_interval": 10}, {"since_hedge": 10}, 1.0, None),
        ({"min_interval": 10}, {"since_hedge": 9}, 2.0, Reason.MIN_INTERVAL),
        ({"min_interval": 10}, {"since_hedge": 9}, 2.1, None),  # beyond the limit
        ({"min_interval": 10}, {"since_hedge": 9}, -2.1, None),
        ({"move_filter": 0.01}, {"moved": 0.009}, 1.0, Reason.MOVE_FILTERED),
        ({"move_filter": 0.01}, {"moved": 0.01}, 1.0, None),
        ({"move_filter": 0.01}, {"moved": 0.009}, -2.1, None),
        ({"move_filter": 0.01}, {"moved": None}, 1.0, None),
    ],
)
def test_held_back(settings, pulse, gap, reason):
    """A shortest interval or a small move holds a hedge back, but not beyond the limit."""
    told = bands.held_back(replace(BAND, **settings), STILL._replace(**pulse), gap, net_limit=2.0)

    assert reason == told
