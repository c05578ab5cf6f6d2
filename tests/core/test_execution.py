"""How an order is to be executed, from what is known alone."""

from decimal import Decimal

import pytest

from rebalancer.core import execution
from rebalancer.core.band import Band
from rebalancer.core.commands import Style, TimeInForce
from rebalancer.core.decision import Reason
from rebalancer.core.events import Quote
from rebalancer.core.execution import Plan, Pressure, Resting, Terms
from rebalancer.core.memory import Attempt
from rebalancer.core.params import ExecutionParams
from tests.scenarios.desk import INSTRUMENTS, LINEAR, SECOND

D = Decimal
RESTS, CHASES = ExecutionParams(Style.POST_ONLY), ExecutionParams(Style.CHASE)
CALM = {"widths": 1.2, "exceeds": False, "strained": False}
CALM |= {"deviations": 0.0, "curved": False, "stamp": None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"widths": 1.49}, None),
        ({"widths": 1.5}, Reason.FAR_OUTSIDE),
        ({"exceeds": True, "widths": 9.0}, Reason.LIMIT_EXCEEDED),
        ({"strained": True}, Reason.MARGIN_STRAINED),
        ({"deviations": 3.0}, None),
        ({"deviations": -3.1}, Reason.PRICE_JUMPED),
        ({"curved": True}, Reason.EXPIRY_NEAR),
        ({"stamp": 31 * SECOND}, None),
        ({"stamp": 30 * SECOND}, Reason.FUNDING_NEAR),
    ],
)
def test_hurry(changes, reason):
    """What hurries is named, the gravest first."""
    assert reason == execution.hurry(RESTS, Pressure(**(CALM | changes)))


@pytest.mark.parametrize(
    ("style", "age", "unrested", "hurries", "expected"),
    [
        (Style.POST_ONLY, None, 0, None, (Style.POST_ONLY, None)),
        (Style.POST_ONLY, 19, 0, None, (Style.POST_ONLY, None)),
        (Style.POST_ONLY, 20, 0, None, (Style.IOC, Reason.PATIENCE_OVER)),
        (Style.CHASE, 5, 1, None, (Style.CHASE, None)),
        (Style.CHASE, 5, 2, None, (Style.IOC, Reason.NOTHING_RESTS)),
        (Style.CHASE, None, 2, None, (Style.IOC, Reason.NOTHING_RESTS)),  # of the hedge before
        (Style.TWAP, 5, 2, None, (Style.TWAP, None)),  # a slice takes: it can fail as any does
        (Style.TWAP, 20, 0, None, (Style.IOC, Reason.PATIENCE_OVER)),
        (Style.POST_ONLY, 1, 0, Reason.PRICE_JUMPED, (Style.IOC, Reason.PRICE_JUMPED)),
        (Style.IOC, 99, 9, Reason.PRICE_JUMPED, (Style.IOC, None)),
    ],
)
def test_plan(style, age, unrested, hurries, expected):
    """A hedge is as patient as the settings until something hurries or patience is over."""
    attempt = None if age is None else Attempt(0, True, Reason.OUTSIDE_BAND)
    found = execution.plan(ExecutionParams(style), attempt, unrested, hurries, (age or 0) * SECOND)

    assert Plan(*expected) == found


@pytest.mark.parametrize(
    ("buys", "offset", "worst", "expected"),
    [
        (True, 0, "200", "100.0"),
        (True, 2, "200", "99.8"),
        (True, 0, "99.95", "99.9"),  # the collar's edge, on the tick inside it
        (False, 0, "1", "100.5"),
        (False, 2, "1", "100.7"),
        (False, 0, "100.55", "100.6"),
        (True, 5000, "200", "0.1"),  # never below a tick
    ],
)
def test_resting_price(buys, offset, worst, expected):
    """It rests at the best of its own side or behind it, on a tick, inside the collar."""
    own = ExecutionParams(Style.POST_ONLY, offset_ticks=offset)
    quote = Quote(1, 1, LINEAR, D("100.0"), D(1), D("100.5"), D(1))
    price = execution.resting_price(own, quote, INSTRUMENTS[LINEAR], D(worst), buys=buys)

    assert D(expected) == price
    assert price < quote.ask if buys else price > quote.bid


BAND = Band(0.0, -1.0, 1.0)


@pytest.mark.parametrize(
    ("net", "filled", "rest", "outside", "gone"),
    [
        (1.2, 0.0, -0.7, True, False),
        (0.95, 0.0, -0.7, True, False),  # flickers
        (0.89, 0.0, -0.7, True, True),  # came back by itself
        (0.8, -0.4, -0.3, True, False),  # by its own fills
        (0.4, -0.4, -0.3, True, True),  # would be inside without them
        (0.3, -1.0, -0.7, True, True),  # its rest would go further past than it is away
        (-0.2, -1.4, -0.7, True, True),  # past already
        (0.8, 0.0, -0.7, False, False),  # sent for an interval: inside is no reason
        (0.3, 0.0, -0.7, False, True),
        (-1.2, 0.0, 0.7, True, False),
        (-0.8, 0.0, 0.7, True, True),
    ],
)
def test_unneeded(net, filled, rest, outside, gone):
    """What is left of an order is needed while it mends what the order was sent for."""
    order = Resting(D(1), buys=rest > 0, since=0, net=net, filled=filled, rest=rest)

    assert gone == execution.unneeded(BAND, order, outside=outside)


@pytest.mark.parametrize(
    ("net", "rest", "outside", "gone"),
    [
        (-2.5, 2.5, True, False),
        (-1.9, 2.2, True, False),  # to the far edge
        (-1.9, 2.21, True, True),  # inside, and it would be outside after
        (-1.9, 2.21, False, True),
        (-2.2, 2.55, True, False),  # outside: a lot past the far edge may be rounding …
        (-2.2, 2.65, True, True),  # … more is not
    ],
)
@pytest.mark.parametrize("way", [1.0, -1.0])
def test_unneeded_past_the_far_edge(way, net, rest, outside, gone):
    """What would carry net delta out of its band on the other side is needed no more."""
    net, rest, band = way * net, way * rest, Band(0.0, *sorted((way * -2.0, way * 0.3)))
    order = Resting(D(1), buys=rest > 0, since=0, net=net, filled=0.0, rest=rest, lot=0.1)

    assert gone == execution.unneeded(band, order, outside=outside)


@pytest.mark.parametrize(
    ("style", "target", "seconds", "expected"),
    [
        (Style.CHASE, "100.0", 99, False),
        (Style.CHASE, "99.0", 99, False),  # alone in front
        (Style.CHASE, "100.1", 4, False),
        (Style.CHASE, "100.1", 5, True),
        (Style.CHASE, "101.0", 2, False),  # ten ticks
        (Style.CHASE, "101.1", 2, True),
        (Style.CHASE, "101.1", 1, False),  # not each second
        (Style.POST_ONLY, "105.0", 99, False),  # waits where it is
    ],
)
def test_behind(style, target, seconds, expected):
    """Only one that follows falls behind: far at once, a little after a while."""
    order = Resting(D("100.0"), buys=True, since=0, net=-2.0, filled=0.0, rest=1.0)
    told = (ExecutionParams(style), order, D(target), D("0.1"), seconds * SECOND)

    assert expected == execution.behind(*told)


@pytest.mark.parametrize(
    ("quantity", "slice_", "share", "shown", "expected"),
    [
        ("2", 0.5, 1.0, "9", "0.500"),
        ("-2", 0.5, 1.0, "9", "-0.500"),
        ("0.2", 0.5, 1.0, "9", "0.200"),
        ("2", 0.5, 0.1, "3", "0.300"),
        ("2", 0.5, 0.0, "3", "0.001"),  # the smallest that the venue takes
        ("2", 0.5, 1.0, None, "0.500"),
    ],
)
def test_slice(quantity, slice_, share, shown, expected):
    """A slice is bounded by the settings and by the book, and no smaller than the venue takes."""
    own = ExecutionParams(Style.TWAP, slice=slice_, participation=share)
    size = None if shown is None else D(shown)
    quote = Quote(1, 1, LINEAR, D(100), size, D(101), size)
    most = Terms(TimeInForce.IOC, D(101), D(quantity), None)
    found = execution.terms(own, Plan(Style.TWAP), quote, INSTRUMENTS[LINEAR], most)

    assert Terms(TimeInForce.IOC, D(101), D(expected), None) == found
