"""The ends of the ladder: pools that are empty, gone, or of which nothing true is told."""

from decimal import Decimal

from rebalancer.core.commands import Alert, Severity
from rebalancer.core.figures import MarginTold, PoolFigures
from tests.scenarios.desk import LINEAR, SECOND, SPOT, build, margined
from tests.scenarios.test_ladder import WIDE, hedged, told

D = Decimal


def test_a_debt_does_not_flap():
    """An account that was emptied and owes something is told once."""
    desk = hedged(balance=105_000)
    desk.trade_by_hand(LINEAR, "10")
    sent = len(desk.alerts)
    for _ in range(6):
        desk.now += SECOND
        desk.market()
        told(desk, -100)

    assert ["margin.critical"] == [n for n in desk.alerts[sent:] if n.startswith("margin.")]


def test_an_isolated_pool_that_is_gone_is_calm():
    """A pool that the venue tells no more of, before a tick saw it empty, leaves the ladder."""
    desk = build(margined(WIDE, isolated=True), [(SPOT, "10"), (LINEAR, "-10", "hedge")])
    desk.figures(105_000, 5_000, 333_333, instrument=LINEAR)
    desk.execute(desk.orders[0])
    desk.now += SECOND
    desk.figures(500_000)
    desk.wait(60)

    assert LINEAR not in desk.state.ladders
    assert 1 == desk.alerts.count("margin.recovered")


def test_what_cannot_be_true_is_told():
    """Figures that are refused blind the ladder: a person hears why at once, and once."""
    desk = hedged(balance=400_000)
    numbers = D("NaN"), D(400_000), D(5_000), D(50_000)
    for _ in range(3):
        desk.now += SECOND
        desk.take(MarginTold(desk.now, desk.now, "binanceusdm", (PoolFigures("USDT", *numbers),)))
    (alert,) = [each for each in desk.all(Alert) if each.event == "margin.refused"]

    assert (Severity.ERROR, "binanceusdm") == (alert.severity, alert.scope)
    assert "must be finite" in alert.text

    told(desk, 400_000)
    desk.take(MarginTold(desk.now, desk.now, "binanceusdm", (PoolFigures("USDT", *numbers),)))
    assert 2 == desk.alerts.count("margin.refused")
