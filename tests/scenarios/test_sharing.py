"""Stories of one account that hedges two underlyings, and of orders that keep others out."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.commands import Style, TimeInForce
from rebalancer.core.decision import Action, Reason
from rebalancer.core.events import Ending, Index, Tick
from rebalancer.core.params import (
    AT_ONCE,
    BandKind,
    BandParams,
    ExecutionParams,
    UnderlyingLimits,
)
from tests.scenarios import desk as desks
from tests.scenarios.desk import DOLLARS, ETHER, SECOND, SPOT, build, margined, settings

D = Decimal
BAND = BandParams(BandKind.FIXED, lower=-1.0, upper=1.0, reset=0.5)
RESTS = ExecutionParams(Style.POST_ONLY, patience=50 * SECOND)
CHASES = ExecutionParams(Style.CHASE, patience=50 * SECOND)
COINS = "binance:ETH/USDT"


@pytest.fixture
def coins(monkeypatch):
    """Let a pair of another coin be known."""
    spot = replace(desks.INSTRUMENTS[SPOT], id=COINS, underlying="ETH")
    monkeypatch.setitem(desks.INSTRUMENTS, COINS, spot)


def opened(execution, other, *, watched=True, held=()):
    """Return a desk whose first underlying is outside its band; the other shares its account."""
    params = settings(BAND, execution=execution)
    params = margined(params) if watched else params
    wide = replace(BAND, lower=-5.0, upper=5.0)
    ether = replace(
        params.underlyings["BTC"],
        name="ETH",
        hedge_buy=(ETHER,),
        hedge_sell=(ETHER,),
        execution=other,
        band=wide,
        limits=UnderlyingLimits(order=100.0, position=500.0, net_delta=10.0),
    )
    params = replace(params, underlyings={**params.underlyings, "ETH": ether})
    desk = build(params, [(SPOT, "1.2"), (DOLLARS, "600000"), *held])
    talk(desk)
    return desk


def talk(desk):
    """Let the markets and the venue of both speak."""
    desk.mark(ETHER, 3000.0)
    desk.quote(ETHER, 2999.9, 3000.1)
    desk.take(Index(desk.now, desk.now, "binanceusdm", "ETH", D(3000)))
    desk.figures(balance=600_000)
    desk.market()
    desk.take(Tick(desk.now))


@pytest.mark.usefixtures("coins")
def test_an_order_that_rests_gives_way():
    """Who waits for the account of an order that rests has it withdrawn, and comes soon."""
    desk = opened(RESTS, AT_ONCE)
    first = desk.orders[0]
    desk.accept(first)
    desk.now += SECOND
    talk(desk)
    assert [] == desk.cancels

    desk.trade_by_hand(COINS, "30")
    assert [first.client_order_id] == desk.cancels  # in the same step
    told = next(each for each in desk.decisions if each.action is Action.WITHDRAW)
    assert (Reason.ACCOUNT_NEEDED, "BTC") == (told.reason, told.underlying)

    desk.end(first, Ending.CANCELED, "0")
    taken = desk.orders[-1]
    assert ("BTC", TimeInForce.IOC) == (taken.underlying, taken.time_in_force)
    assert Reason.ACCOUNT_NEEDED == desk.decision.hurried
    desk.execute(taken)
    desk.now += SECOND
    talk(desk)
    assert ("ETH", D("-27.500")) == (desk.orders[-1].underlying, desk.orders[-1].quantity)


@pytest.mark.usefixtures("coins")
def test_nothing_rests_before_the_other_had_its_turn():
    """A fill makes the figures old, and the other waits for new ones: no order rests meanwhile."""
    desk = opened(RESTS, AT_ONCE)
    first = desk.orders[0]
    desk.accept(first)
    desk.trade_by_hand(COINS, "30")
    desk.now += SECOND // 10
    desk.fill(first, "-0.1")
    desk.end(first, Ending.CANCELED, "-0.1")
    desk.quote(ETHER, 2999.9, 3000.1)
    assert [Reason.MARGIN_STALE] * 2 == [desk.decisions[-1].reason, desk.decisions[-2].reason]
    desk.now += SECOND
    talk(desk)

    assert TimeInForce.IOC == desk.orders[1].time_in_force


@pytest.mark.usefixtures("coins")
def test_who_is_inside_its_band_keeps_nobody():
    """An order goes on resting where the other underlying needs nothing."""
    desk = opened(RESTS, AT_ONCE)
    desk.accept(desk.orders[0])
    desk.trade_by_hand(COINS, "4")
    for _ in range(5):
        desk.now += SECOND
        talk(desk)

    assert [] == desk.cancels


@pytest.mark.usefixtures("coins")
def test_a_chase_does_not_starve_the_other():
    """However often a chase puts its price anew, the other has its turn."""
    desk = opened(CHASES, AT_ONCE, held=[(COINS, "30")])
    done = 0
    for _ in range(8):
        for order in desk.orders[done:]:
            rests = order.time_in_force is TimeInForce.POST_ONLY
            (desk.accept if rests else desk.execute)(order)
            done += 1
        for name in desk.cancels:
            order = desk.state.orders[name]
            if order.open:
                desk.end(order.submit, Ending.CANCELED, "0")
        desk.now += SECOND
        desk.price -= 2
        talk(desk)

    assert "ETH" in [each.underlying for each in desk.orders]


@pytest.mark.usefixtures("coins")
def test_one_order_rests_in_an_account():
    """Where one order rests already, the next one takes."""
    desk = opened(RESTS, RESTS, watched=False)
    desk.accept(desk.orders[0])
    desk.trade_by_hand(COINS, "6")

    assert [("BTC", TimeInForce.POST_ONLY), ("ETH", TimeInForce.IOC)] == [
        (each.underlying, each.time_in_force) for each in desk.orders
    ]
    assert Reason.ACCOUNT_NEEDED == desk.decision.hurried
