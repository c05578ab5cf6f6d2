"""The margin ladder, told as stories: what an account that nears its liquidation makes us do."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.commands import Purpose, Style
from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import (
    Adopted,
    Ending,
    OrderRejected,
    OutsideHolding,
    OutsideTold,
    Tick,
    Verb,
)
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.margin.rungs import Rung
from rebalancer.core.orders import OrderState
from rebalancer.core.params import BandKind, BandParams, ExecutionParams
from tests.scenarios.desk import (
    DOLLARS,
    LIMITS,
    LINEAR,
    SECOND,
    SPOT,
    START,
    WATCHED,
    build,
    margined,
    settings,
)

D = Decimal
WIDE = settings(limits=replace(LIMITS, net_delta=20.0))


def hedged(params=None, *, balance=120_000.0, coins="10"):
    """Return a desk whose ten coins are hedged by a short with 12 % of it as margin."""
    desk = build(
        margined(WIDE, leverage=20.0) if params is None else params,
        [(SPOT, coins), (LINEAR, f"-{coins}", "hedge")],
    )
    told(desk, balance)
    return desk


def told(desk, balance):
    """Let the venue tell what it reckons of the short now, liquidation where it truly is."""
    held = -float(desk.state.ledger.position("binanceusdm", LINEAR).quantity)
    asked = 0.005 * held * desk.price
    price = None if not held else (balance + held * desk.price) / (1.005 * held)
    return desk.figures(balance, asked, held * desk.price / 20, price)


def test_calm():
    """An account far from liquidation is left alone."""
    desk = hedged(balance=400_000)

    assert ([], []) == (desk.orders, desk.alerts)
    assert Reason.INSIDE_BAND is desk.decision.reason


@pytest.mark.parametrize(
    ("balance", "rung", "alert", "cuts"),
    [
        (255_000, Rung.WARN, "margin.warned", 0),  # 24.9 %
        (205_000, Rung.WIDEN, "margin.warned", 0),  # 19.9 %
        (155_000, Rung.REDUCE, "margin.warned", 1),  # 14.9 %
        (105_000, Rung.DERISK, "margin.critical", 1),  # 9.95 %
        (70_000, Rung.HALT, "margin.critical", 1),  # 6.5 %
    ],
)
def test_rungs(balance, rung, alert, cuts):
    """Each rung tells a person; from REDUCE on the hedge is bought back, inside the band too."""
    desk = hedged(balance=balance)

    assert rung is desk.state.ladders["binanceusdm:USDT"].rung
    assert alert == desk.alerts[0]
    assert cuts == len(desk.orders)
    assert all(order.quantity > 0 for order in desk.orders)


def test_arm_tells_anew():
    """Who arms while an account is still near its liquidation is told so, and it halts again."""
    desk = hedged(balance=70_000)
    desk.operate(Verb.ARM)
    desk.wait(1)

    assert 2 == desk.alerts.count("margin.critical")


@pytest.mark.parametrize(
    ("balance", "rung"),
    [
        (80_000, Rung.HALT),  # 7.5 % away; clear of a rung is a tenth further than it begins
        (90_000, Rung.DERISK),
        (120_000, Rung.REDUCE),
        (175_000, Rung.WIDEN),
        (230_000, Rung.WARN),
        (285_000, Rung.CALM),
    ],
)
def test_down_the_ladder(balance, rung):
    """The rung that was told falls as far as the account is clear; only calm ends the relief."""
    desk = hedged(balance=70_000)
    told(desk, balance)
    climb = desk.state.ladders["binanceusdm:USDT"]

    assert (rung, rung is not Rung.CALM) == (climb.rung, climb.relieved)
    assert (rung is Rung.CALM) == ("margin.recovered" in desk.alerts)


def test_a_second_fall_is_told():
    """Who recovered to a lower rung and falls again is told again."""
    desk = hedged(balance=105_000)
    told(desk, 175_000)
    told(desk, 105_000)

    assert 2 == desk.alerts.count("margin.critical")


@pytest.mark.parametrize(("balance", "relieved"), [(265_000, True), (285_000, False)])
def test_relief_after_arming(balance, relieved):
    """Armed by a person the ladder begins anew, and the relief still ends at calm."""
    desk = hedged(balance=105_000)
    desk.operate(Verb.ARM)
    told(desk, balance)
    climb = desk.state.ladders["binanceusdm:USDT"]

    assert (Rung.CALM, relieved) == (climb.rung, climb.relieved)


def test_an_emptied_pool_is_calm():
    """An account whose last position was closed is calm again, and that is told."""
    desk = hedged(balance=105_000)
    desk.trade_by_hand(LINEAR, "10")
    told(desk, 105_000)
    climb = desk.state.ladders["binanceusdm:USDT"]

    assert (Rung.CALM, False) == (climb.rung, climb.relieved)
    assert 1 == desk.alerts.count("margin.recovered")


def test_cut_closes():
    """What is bought back only closes, at a collar three times as wide, and before any hedge."""
    desk = hedged(balance=105_000)
    (order,) = desk.orders

    assert (Purpose.PROTECT, True, LINEAR) == (order.purpose, order.reduce_only, order.instrument)
    assert D("100900.0") == order.price
    assert (Action.ORDER, Reason.LIQUIDATION_NEAR) == (desk.decision.action, desk.decision.reason)


def test_cut_is_enough():
    """After the cut the account is clear of WIDEN with a tenth to spare, and no coin was wasted."""
    desk = hedged(balance=105_000)
    (order,) = desk.orders
    desk.execute(order)
    told(desk, 105_000)
    (pool,) = desk.state.margins.pools("binanceusdm", desk.now)
    (reading,) = desk.state.margins.readings(pool, WATCHED)

    assert 0.22 <= reading.distance < 0.222
    assert 1 == len(desk.orders)


def test_what_was_cut_is_not_sold_again():
    """The gap that a cut leaves is not closed by a hedge that makes the account thin again."""
    desk = hedged(balance=105_000)
    desk.execute(desk.orders[0])
    told(desk, 105_000)
    for _ in range(120):
        desk.wait(1)
        told(desk, 105_000)
    last = [each for each in desk.decisions if each.action is Action.REFUSE][-1]

    assert 1 == len(desk.orders)
    assert Reason.MARGIN_TOO_THIN is last.reason
    assert "delta.unhedged" in desk.alerts  # and a person knows


def test_collateral_brings_the_hedge_back():
    """Once somebody has added collateral the hedge grows again, and the ladder is calm."""
    desk = hedged(balance=105_000)
    desk.execute(desk.orders[0])
    told(desk, 105_000)
    desk.now += 6 * SECOND
    desk.market()
    told(desk, 500_000)

    assert desk.orders[-1].quantity < 0
    assert "margin.recovered" in desk.alerts


def test_halt_stops_hedging_and_not_protecting():
    """At HALT nothing is hedged until a person arms; the leg is still bought back."""
    desk = hedged(balance=70_000)
    desk.execute(desk.orders[0])
    told(desk, 70_000)
    assert TradingState.HALTED is desk.state.mode_of("BTC")

    desk.now += SECOND
    desk.market(108_000)  # and on it goes
    told(desk, 70_000 - 8_000 * 3.1)

    assert [Purpose.PROTECT] * 2 == [order.purpose for order in desk.orders]


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.REDUCE])
def test_protects_while_stopped(verb):
    """A book that is paused or reducing does not watch its own liquidation."""
    desk = build(margined(WIDE), [(SPOT, "10"), (LINEAR, "-10", "hedge")])
    desk.operate(verb)
    told(desk, 105_000)

    assert [Purpose.PROTECT] == [order.purpose for order in desk.orders]


@pytest.mark.parametrize("how", ["kill", "sealed", "leaving"])
def test_what_stops_protecting(how):
    """A kill, a pause of everything, or a daemon on its way out: not even these go."""
    desk = build(margined(WIDE), [(SPOT, "10"), (LINEAR, "-10", "hedge")])
    if how == "leaving":
        desk.state.activate(TradingState.DRAINING, "stopping")
    else:
        desk.operate(Verb.KILL if how == "kill" else Verb.PAUSE, everything=how == "sealed")
    told(desk, 105_000)

    assert [] == desk.orders
    assert Action.REFUSE in [each.action for each in desk.decisions]


def test_needs_no_delta():
    """Without an index nobody knows the delta; the account is protected by its mark alone."""
    desk = hedged(balance=400_000)
    desk.quiet = {"index"}
    desk.now += 10 * SECOND
    desk.market()
    told(desk, 105_000)

    assert [Purpose.PROTECT] == [order.purpose for order in desk.orders]


def test_unknown_order_does_not_block():
    """A hedge whose outcome is unknown blocks hedges, and no order that closes either way."""
    desk = hedged(balance=400_000)
    desk.trade_by_hand(SPOT, "1")
    desk.lose(desk.orders[0])
    told(desk, 105_000)

    assert [Purpose.HEDGE, Purpose.PROTECT] == [order.purpose for order in desk.orders]
    assert 0 < desk.orders[1].quantity <= 10


def test_unknown_protect_order_is_not_repeated():
    """A cut whose outcome is unknown may have closed already: only the rest may be closed too."""
    desk = hedged(balance=105_000)
    desk.lose(desk.orders[0])
    for _ in range(20):
        desk.now += SECOND
        desk.market()
        told(desk, 105_000)
    bought = sum(order.quantity for order in desk.orders)

    assert bought <= 10  # the position is never turned over, whatever became of each


def test_in_flight_is_waited_for():
    """While a cut is on its way no second one leaves."""
    desk = hedged(balance=105_000)
    desk.accept(desk.orders[0])
    desk.now += SECOND
    desk.market()
    told(desk, 105_000)

    assert 1 == len(desk.orders)


def test_isolated_goes_whole():
    """A part of an isolated position takes its margin with it: all of it is closed."""
    desk = build(margined(WIDE, isolated=True), [(SPOT, "10"), (LINEAR, "-10", "hedge")])
    desk.figures(105_000, 5_000, 333_333, instrument=LINEAR)

    assert [D("10.000")] == [order.quantity for order in desk.orders]


def test_inside_the_band():
    """The ladder does not ask where net delta is: it fires at a book that is perfectly hedged."""
    desk = hedged(balance=105_000)

    assert 0 == desk.decisions[-1].net_delta
    assert 1 == len(desk.orders)


def test_price_alone_fires():
    """Between two figures of the venue its own marks are enough to see the account thin out."""
    desk = hedged(balance=300_000)
    assert [] == desk.orders
    desk.now += SECOND
    desk.index(114_000)
    desk.index(114_000)  # a second word confirms the jump
    desk.mark(LINEAR, 114_000)

    assert [Purpose.PROTECT] == [order.purpose for order in desk.orders]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda desk: None, Reason.MARGIN_MISSING),
        (lambda desk: desk.figures(float("nan")), Reason.MARGIN_ABSURD),
        (lambda desk: desk.figures(500_000, -1.0), Reason.MARGIN_ABSURD),
    ],
)
def test_without_figures(make, reason):
    """Missing or absurd figures of the account hold what would grow a position, by name."""
    desk = build(margined(WIDE))
    make(desk)
    desk.trade_by_hand(SPOT, "1")

    assert (Action.REFUSE, reason) == (desk.decision.action, desk.decision.reason)


def test_stale_figures():
    """Figures that are too old hold too; what closes passes."""
    desk = hedged(balance=400_000)
    desk.wait(31)
    desk.trade_by_hand(SPOT, "1")
    assert Reason.MARGIN_STALE is desk.decision.reason

    desk.trade_by_hand(SPOT, "-3")

    assert [D("1.950")] == [order.quantity for order in desk.orders]


def test_liquidation_prices_apart():
    """A liquidation price that is not the venue's own is an alarm: our tiers are wrong."""
    desk = build(margined(WIDE), [(SPOT, "10"), (LINEAR, "-10", "hedge")])
    desk.figures(400_000, 5_000, 333_333, 143_000)  # ours: 139,303

    assert ["margin.disagreed"] == desk.alerts


def test_liquidation_prices_of_before_a_fill():
    """The venue's price of what was held before a fill is held against nothing of after it."""
    desk = build(margined(WIDE), [(SPOT, "10"), (LINEAR, "-10", "hedge")])
    desk.figures(400_000, 5_000, 333_333, 139_303)
    desk.wait(1)
    desk.trade_by_hand(LINEAR, "4")
    desk.wait(1)
    assert "margin.disagreed" not in desk.alerts

    desk.figures(400_000, 5_000, 333_333, 139_303)  # the venue knows, and still says so

    assert "margin.disagreed" in desk.alerts


def test_no_guard():
    """Without margin settings nobody looks."""
    desk = build(WIDE, [(SPOT, "10"), (LINEAR, "-10", "hedge")])
    told(desk, 70_000)

    assert ([], []) == (desk.orders, desk.alerts)


def test_required_may_go_further():
    """Beyond the limit of net delta the required part may bring the account down to WIDEN."""
    params = margined(settings(limits=replace(LIMITS, net_delta=2.0)), leverage=20.0)
    desk = build(params)
    desk.figures(80_000)
    desk.trade_by_hand(SPOT, "6")

    (order,) = desk.orders
    assert D(-4) == order.quantity  # 4 of 6 bring net delta to its limit; clear of WIDEN: 3.5


def test_outside_holdings_do_not_help():
    """Coins elsewhere gain what the short loses, and no venue counts them."""
    desk = hedged(balance=105_000)
    told_again = OutsideTold(desk.now, desk.now, "vault", (OutsideHolding(SPOT, D(100)),))
    desk.take(told_again)

    assert Purpose.PROTECT is desk.orders[0].purpose


def test_a_cut_that_fills_nothing_pays_more():
    """A gap between mark and book does not block: each try waits, and pays twice as much."""
    desk = hedged(balance=105_000)
    prices, start = [], desk.now
    for _ in range(60):
        order = desk.orders[-1]
        if not prices or prices[-1][1] != order.price:
            prices.append(((order.decided_at - start) // SECOND, order.price))
            desk.accept(order)
            desk.end(order, Ending.EXPIRED, "0")
        desk.now += SECOND
        desk.market()
        told(desk, 105_000)

    assert [
        (0, D("100900.0")),
        (1, D("101800.0")),
        (3, D("103600.0")),
        (7, D("105000.0")),
    ] == prices


def test_a_cut_that_never_left_pays_no_more():
    """What was held back here tells nothing of the price: it goes again for no more."""
    desk = hedged(balance=105_000)
    for _ in range(30):
        desk.take(OrderRejected(desk.now, None, desk.orders[-1].client_order_id, "old", sent=False))
        desk.now += SECOND
        desk.market()
        told(desk, 105_000)

    assert len(desk.orders) > 20
    assert {D("100900.0")} == {order.price for order in desk.orders}


def test_adoption_is_no_loss():
    """What was declared to be the book's was in the figures before: they are asked for anew."""
    desk = build(margined(WIDE))
    desk.figures(105_000, 5_000, 50_000)
    told = ("binanceusdm", LINEAR, D(-10), D(100_000))
    desk.take(Adopted(desk.now, desk.now, *told))

    assert desk.state.margins.pools("binanceusdm", desk.now) is None
    assert [] == desk.orders
    assert not any(each.relieved for each in desk.state.ladders.values())


def test_cut_beside_what_rests():
    """What rests is withdrawn each second while its account must be cut; nobody waits for its end.

    The cut goes for what only closes, whether the rest of the order fills or not.
    """
    band = BandParams(BandKind.FIXED, lower=-1.0, upper=1.0, reset=0.5)
    params = margined(settings(band, execution=ExecutionParams(Style.POST_ONLY)))
    desk = build(params, [(SPOT, "3"), (LINEAR, "-1.8", "hedge"), (DOLLARS, "60000")])
    desk.figures(balance=60_000, maintenance=900)
    first = desk.orders[0]
    desk.accept(first)
    desk.wait(2)
    assert [] == desk.cancels
    for _ in range(8):
        desk.now += SECOND
        desk.figures(balance=1_200, maintenance=900)
        desk.market()
        desk.take(Tick(desk.now))

    cuts = [each for each in desk.orders if each.purpose is Purpose.PROTECT]
    assert START + 3 * SECOND == cuts[0].decided_at
    assert 1 < cuts[0].quantity
    assert sum(each.quantity for each in cuts) <= D("1.8")
    assert [first.client_order_id] * 8 == desk.cancels
    assert OrderState.UNKNOWN is desk.state.orders[first.client_order_id].state
