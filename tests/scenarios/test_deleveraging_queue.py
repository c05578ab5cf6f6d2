"""The queue of who is closed for others' losses: near its front a person hears of it once."""

from decimal import Decimal

from rebalancer.core.events import Verb
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
    """What cannot be a place is none; the account stays watched, and its hedge protected."""
    desk = hedged()
    queued(desk, 0.2, 4.0, float("nan"), -1.0)

    assert desk.state.margins.pools("binanceusdm", desk.now) is not None
    assert [] == desk.alerts


def test_a_silence_is_no_calm():
    """A place that is not told for once changes nothing."""
    assert 1 == queued(hedged(), 0.9, None, 0.9, None, 0.9)


def test_closed_and_opened_again():
    """A position that is gone has left its queue: the next one near its front is news."""
    desk = hedged()
    queued(desk, 0.9)
    desk.trade_by_hand(LINEAR, "10")
    queued(desk, None)
    desk.trade_by_hand(LINEAR, "-10")

    assert 2 == queued(desk, 0.95)


def test_arm_tells_anew():
    """Who arms hears of what is still near the front."""
    desk = hedged()
    queued(desk, 0.9)
    desk.operate(Verb.ARM)

    assert 2 == queued(desk, 0.9)
