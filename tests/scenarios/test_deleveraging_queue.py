"""The queue of who is closed for others' losses: near its front a person hears of it once."""

from decimal import Decimal

from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from tests.scenarios.desk import LINEAR, SECOND, SPOT, build, margined

D = Decimal


def queued(desk, *places):
    """Let the venue tell one place in the queue after the other."""
    numbers = D(400_000), D(400_000), D(5_000), D(50_000)
    for place in places:
        desk.now += SECOND
        desk.market()
        legs = (LegFigures(LINEAR, D(5_000), None, place),)
        pools = (PoolFigures("USDT", *numbers),)
        desk.take(MarginTold(desk.now, desk.now, "binanceusdm", pools, legs))
        desk.wait(1)
    return desk.alerts.count("margin.queued")


def hedged():
    return build(margined(), [(SPOT, "10"), (LINEAR, "-10", "hedge")])


def test_told_once():
    """At the last but one of five lights; again only after it was well below."""
    desk = hedged()

    assert 0 == queued(desk, 0.2, 0.79)
    assert 1 == queued(desk, 0.8, 1.0, 0.65, 0.8)
    assert 2 == queued(desk, 0.6, 0.8)
    assert [] == desk.orders


def test_not_told():
    """A venue that tells no place, or tells it of nothing that is held, warns nobody."""
    assert 0 == queued(hedged(), None, None)
    assert 0 == queued(build(margined()), 1.0)


def test_no_place_at_all():
    """A place outside 0 … 1 is no figure; none of that word counts."""
    desk = hedged()
    queued(desk, 0.2)
    queued(desk, 4.0)

    assert "binanceusdm" in desk.state.margins.cushions.faults
