"""Stories of what must not go on in silence: a gap, or a delta that nobody knows."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.commands import Alert, Severity
from rebalancer.core.events import OrderAccepted, PositionReport, ShutOut, Verb
from rebalancer.core.figures import MarginTold, PoolFigures
from rebalancer.core.guards.trading_state import TradingState
from tests.scenarios.desk import CALL, LINEAR, SPOT, build, margined


def test_shut_out():
    """A venue that bans this machine halts the book and wakes somebody at once."""
    desk = build()
    desk.take(ShutOut(desk.now, "binanceusdm", "banned"))
    desk.trade_by_hand(LINEAR, "1")

    assert ["rate.banned"] == [each for each in desk.alerts if each != "fill.foreign"]
    assert (TradingState.HALTED, []) == (desk.state.mode, desk.orders)
    desk.operate(Verb.ARM)
    desk.wait(1)
    assert 1 == len(desk.orders)


def test_unhedged_for_a_minute():
    """A gap that stays wakes a person once, and its end is told once."""
    desk = build(holdings=[(SPOT, "2")], active=False)
    desk.operate(Verb.PAUSE)
    desk.market()
    desk.reconcile()
    desk.wait(59)
    assert [] == desk.alerts

    desk.wait(120)
    assert ["delta.unhedged"] == desk.alerts

    desk.operate(Verb.RESUME)
    desk.execute(desk.orders[0])
    desk.wait(120)
    assert ["delta.unhedged", "delta.restored"] == desk.alerts


def test_a_new_gap_is_a_new_alarm():
    """Each episode has its own minute and its own alarm."""
    desk = build()
    desk.operate(Verb.PAUSE)
    for _ in range(2):
        desk.trade_by_hand(LINEAR, "1")
        desk.wait(61)
        desk.trade_by_hand(LINEAR, "-1")
        desk.wait(1)

    told = [name for name in desk.alerts if name.startswith("delta")]
    assert ["delta.unhedged", "delta.restored"] * 2 == told


def test_a_short_gap_is_no_alarm():
    """A gap that closes within the minute starts the next one's minute anew."""
    desk = build()
    desk.operate(Verb.PAUSE)
    for _ in range(4):
        desk.trade_by_hand(LINEAR, "1")
        desk.wait(50)
        desk.trade_by_hand(LINEAR, "-1")
        desk.wait(1)

    assert ["fill.foreign"] * 8 == desk.alerts


@pytest.mark.parametrize(
    ("quiet", "alarmed"),
    [
        ({"index"}, True),
        ({LINEAR}, False),  # the hedge's quote: nothing to hedge, nothing unknown
    ],
)
def test_blind_inside_the_band(quiet, alarmed):
    """A delta that nobody can know is alarming even where the last one known was inside."""
    desk = build()
    desk.quiet = quiet
    desk.wait(5 + 1 + 60)
    assert (["delta.unhedged"] if alarmed else []) == desk.alerts

    desk.quiet = set()
    desk.wait(2)
    assert (["delta.unhedged", "delta.restored"] if alarmed else []) == desk.alerts


def test_no_index_at_all():
    """Without any price a person is woken, too."""
    desk = build(active=False)
    desk.reconcile()
    desk.quiet = {"index"}
    desk.wait(62)

    assert ["delta.unhedged"] == desk.alerts


def test_stale_option():
    """An option whose vol stopped coming is told after a minute of being too old."""
    desk = build(holdings=[(CALL, "0.1")])
    desk.option(CALL, 0.6)
    desk.wait(30 + 60)
    assert [] == desk.alerts
    desk.wait(1)

    assert ["delta.unhedged"] == desk.alerts


@pytest.mark.parametrize(
    ("held", "told", "seconds"),
    [
        ("-1", False, [60]),  # nobody ever told figures
        ("-1", True, [91]),  # they are too old after thirty seconds
        ("0", False, []),
        ("0", True, []),
    ],
)
def test_margin_that_nobody_knows(held, told, seconds):
    """Positions on margin whose figures are missing or too old wake a person, by their account."""
    desk = build(margined(), [(SPOT, held.strip("-")), (LINEAR, held, "hedge")])
    if told:
        desk.figures(400_000, 500 if held == "-1" else 0)

    assert seconds == told_at(desk, 100)
    assert all(
        "margin of binanceusdm missing or too old" in each.text
        for each in desk.all(Alert)
        if each.event == "delta.unhedged"
    )


def test_text_says_where_and_why(desk):
    """The alarm names the gap, the reason and where to look."""
    desk.lose(desk.orders[0])
    desk.wait(61)
    [told] = [
        alert
        for outcome in desk.outcomes
        for alert in outcome.commands
        if getattr(alert, "event", "") == "delta.unhedged"
    ]

    assert (Severity.ERROR, "BTC") == (told.severity, told.scope)
    assert all(word in told.text for word in ("2.0000", "outcome_unknown", "why"))


def test_foreign_order(desk):
    """News of an order that is not ours is told and changes nothing."""
    before = dict(desk.state.orders)
    desk.take(OrderAccepted(desk.now, desk.now, "web_1", "v9"))

    assert (["order.foreign"], before) == (desk.alerts, desk.state.orders)


def test_report_is_for_the_reconciler(desk):
    """A position report by itself books nothing."""
    version = desk.state.ledger.version
    desk.take(PositionReport(desk.now, desk.now, "binanceusdm", LINEAR, 7))

    assert version == desk.state.ledger.version


def test_a_lasting_gap_is_told_again():
    """A gap that nobody closes is told after one minute, five and twenty-one, and its end once."""
    desk = build()
    desk.operate(Verb.PAUSE)
    desk.trade_by_hand(LINEAR, "1")
    told = []
    for second in range(1, 22 * 60):
        before = desk.alerts.count("delta.unhedged")
        desk.wait(1, every=3)
        if before < desk.alerts.count("delta.unhedged"):
            told.append(second)
    assert [60, 300, 1_260] == told

    desk.trade_by_hand(LINEAR, "-1")
    assert "delta.restored" == desk.alerts[-1]


def told_at(desk, seconds):
    """Return the seconds within a span at which a person is woken."""
    found = []
    for second in range(1, seconds + 1):
        before = desk.alerts.count("delta.unhedged")
        desk.wait(1, every=3)
        found += [second] * (desk.alerts.count("delta.unhedged") - before)
    return found


def test_blindness_hushes_no_gap():
    """A gap that opens while an input is long missing wakes somebody after its own minute."""
    desk = build(holdings=[(CALL, "0.0001")])  # an option that nobody marks
    desk.wait(60 * 60, every=3)
    assert desk.alerts.count("delta.unhedged") in range(3, 6)  # ever more rarely by now
    desk.operate(Verb.PAUSE)
    desk.trade_by_hand(LINEAR, "1")

    assert [60] == told_at(desk, 100)


def test_a_gap_that_grows_is_told_anew():
    """One that doubled since it was told wakes somebody again, a minute after the last time."""
    desk = build()
    desk.operate(Verb.PAUSE)
    desk.trade_by_hand(LINEAR, "1")
    desk.wait(30 * 60, every=3)
    desk.trade_by_hand(LINEAR, "0.5")
    assert [] == told_at(desk, 300)  # half as much again is the same gap

    before = desk.alerts.count("delta.unhedged")
    desk.trade_by_hand(LINEAR, "0.5")
    assert 1 == desk.alerts.count("delta.unhedged") - before
    assert [240] == told_at(desk, 300)  # and from there on more rarely again


def test_one_cause_ends_before_the_other():
    """That all is well again is told when both causes are over, and once."""
    desk = build()
    desk.operate(Verb.PAUSE)
    desk.quiet = {"index"}
    desk.trade_by_hand(LINEAR, "1")
    desk.wait(100)
    desk.quiet = set()
    desk.wait(5)
    assert "delta.restored" not in desk.alerts
    desk.trade_by_hand(LINEAR, "-1")
    desk.wait(5)

    assert 1 == desk.alerts.count("delta.restored")


def test_a_pool_that_nobody_can_work_out_wakes_a_person():
    """Young figures, no tiers, nothing told of the leg: the ladder is blind, and says so."""
    desk = build(replace(margined(), terms={}), [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    for _ in range(100):
        pool = PoolFigures(
            "USDT", Decimal(6_000), Decimal(6_000), Decimal(500), Decimal(5_000)
        )  # 5.5 % from liquidation
        desk.take(MarginTold(desk.now, desk.now, "binanceusdm", (pool,)))
        desk.wait(1)

    assert "delta.unhedged" in desk.alerts
