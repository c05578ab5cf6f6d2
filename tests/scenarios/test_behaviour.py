"""Behaviour that ends by itself: no effect, ping-pong, rejections, losses; all of it latches."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import counters
from rebalancer.core.commands import Alert
from rebalancer.core.events import (
    CashMoved,
    Ending,
    Fill,
    Index,
    OutsideHolding,
    OutsideTold,
    Tick,
    Verb,
)
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.params import OutsideParams
from tests.scenarios.desk import (
    BAND,
    BTC,
    CALL,
    COINS,
    DOLLARS,
    ETHER,
    GUARDED,
    LIMITS,
    LINEAR,
    MINUTE,
    PARAMS,
    PUT,
    SECOND,
    SPOT,
    build,
)

D = Decimal
FILE = "vault"
QUICK = replace(BTC, band=replace(BAND, min_interval=SECOND))


def opened(params=GUARDED, holdings=()):
    """Return a desk with every guard set and plenty of cash."""
    desk = build(params, [(DOLLARS, "2000000"), (COINS, "1"), (LINEAR, "-1", "hedge"), *holdings])
    desk.funding(0.0001)
    desk.market()
    return desk


def tell(desk, coins):
    """Let the vault say how many coins it holds."""
    held = (OutsideHolding(SPOT, D(str(coins))),)
    return desk.take(OutsideTold(desk.now, desk.now, FILE, held))


def minute(desk):
    """Let a minute pass in which the market talks."""
    for _ in range(6):
        desk.now += 10 * SECOND
        desk.market()


def test_hedges_without_effect():
    """A source that takes back what each hedge did halts the underlying after three of them."""
    params = replace(
        GUARDED,
        underlyings={"BTC": QUICK},
        outside=(OutsideParams(FILE, 100 * MINUTE, ("BTC",)),),
    )
    desk = opened(params)
    coins = 1.0
    tell(desk, coins)
    for _ in range(8):
        sent = len(desk.orders)
        if sent and desk.state.open_orders():
            order = desk.orders[-1]
            coins -= float(order.quantity)  # the echo: it is as if nothing had been sold
            desk.accept(order)
            desk.fill(order)
            desk.take(OutsideTold(desk.now, desk.now, FILE, (OutsideHolding(SPOT, D(str(coins))),)))
            desk.end(order, Ending.FILLED, order.quantity)
        minute(desk)

    assert 3 == len(desk.orders)
    assert "hedge.missed" in desk.alerts
    assert TradingState.HALTED is desk.state.mode_of("BTC")


def test_a_wild_vol_is_no_miss():
    """Vol has moved on when a hedge of a short put is judged: the hedge had its effect."""
    desk = opened(replace(GUARDED, underlyings={"BTC": QUICK}), [(PUT, "-5")])
    for vol in (0.30, 0.35, 0.40, 0.46, 0.53, 0.62, 0.74):  # steps of some 0.15 coins
        desk.now += 15 * SECOND
        desk.market()
        desk.option(PUT, vol)
        for order in desk.state.open_orders():
            desk.execute(order.submit)

    assert 7 == len(desk.orders)
    assert "hedge.missed" not in desk.alerts
    assert 0 == desk.state.behaviour.breaker("BTC").missed


def test_ping_pong():
    """Hedges to and fro against somebody who trades the hedge too halt the underlying."""
    hasty = replace(GUARDED.behaviour, hedges_per_minute=60)
    desk = opened(replace(GUARDED, underlyings={"BTC": QUICK}, behaviour=hasty))
    for turn in range(8):
        desk.trade_by_hand(LINEAR, "0.5" if turn % 2 == 0 else "-0.5")
        if desk.state.open_orders():
            desk.execute(desk.orders[-1])
        desk.now += 5 * SECOND
        desk.market()

    assert "hedge.alternated" in desk.alerts
    assert TradingState.HALTED is desk.state.mode_of("BTC")


@pytest.mark.parametrize("by_hand", ["0", "0.001"])
def test_a_market_that_goes_to_and_fro(by_hand):
    """Near a strike gamma makes hedges turn with the price, whoever trades a little beside it."""
    own = replace(QUICK, band=replace(BAND, lower=-0.02, upper=0.02, min_interval=1))
    hasty = replace(GUARDED.behaviour, hedges_per_minute=60)
    desk = opened(replace(GUARDED, underlyings={"BTC": own}, behaviour=hasty), [(PUT, "-5")])
    for turn in range(60):
        desk.price = 91_000.0 if turn % 2 else 92_500.0
        desk.now += 4 * SECOND
        desk.index()
        desk.index()
        desk.market()
        if by_hand != "0":
            desk.trade_by_hand(LINEAR, by_hand)
        desk.option(PUT, 0.6)
        for order in desk.state.open_orders():
            desk.execute(order.submit)

    assert 60 <= len(desk.orders)
    assert len({order.quantity > 0 for order in desk.orders[-4:]}) == 2
    assert "hedge.alternated" not in desk.alerts


def test_rejections():
    """A venue that rejects one order after the other halts the underlying."""
    desk = opened()
    desk.trade_by_hand(SPOT, "1")
    for _ in range(30):
        if desk.state.open_orders():
            desk.reject(desk.orders[-1])
        minute(desk)
        minute(desk)

    assert 10 == len(desk.orders)
    assert "order.rejected_often" in desk.alerts


def test_arm_forgives():
    """Armed by a person the breaker begins anew: one more rejection does not halt again."""
    desk = opened()
    desk.trade_by_hand(SPOT, "1")
    for _ in range(30):
        if desk.state.open_orders():
            desk.reject(desk.orders[-1])
        minute(desk)
        minute(desk)
    desk.operate(Verb.ARM)
    desk.reject(desk.orders[-1])

    assert 11 == len(desk.orders)
    assert TradingState.ACTIVE is desk.state.mode_of("BTC")


@pytest.mark.parametrize(
    ("fall", "mode", "told"),
    [
        (9_000, TradingState.ACTIVE, 0),  # 90,000 USD of ten coins; the limit is 100,000
        (10_100, TradingState.REDUCING, 1),
        (13_000, TradingState.HALTED, 1),
    ],
)
def test_loss(fall, mode, told):
    """What is lost in a day stops growth at the limit, and all hedging a quarter beyond it."""
    own = replace(BTC, target=10.0, limits=replace(LIMITS, net_delta=20.0))
    desk = build(replace(GUARDED, underlyings={"BTC": own}), [(DOLLARS, "2000000"), (SPOT, "10")])
    desk.funding(0.0001)
    desk.wait(1)
    for price in range(100_000, 100_000 - fall - 1, -100):
        desk.price = float(price)
        desk.now += 100_000_000
        desk.index()
    desk.wait(1)

    assert mode is desk.state.mode
    assert told == desk.alerts.count("limit.reached")


def test_a_false_print_is_no_loss():
    """An index that one word lets fall by a seventh, and the next takes back, lost nothing."""
    own = replace(BTC, target=10.0, limits=replace(LIMITS, net_delta=20.0))
    desk = build(replace(GUARDED, underlyings={"BTC": own}), [(DOLLARS, "2000000"), (SPOT, "10")])
    desk.wait(1)
    desk.now += SECOND
    desk.index(85_000.0)
    desk.take(Tick(desk.now))
    desk.index(100_000.0)
    desk.wait(1)

    assert TradingState.ACTIVE is desk.state.mode
    assert "limit.reached" not in desk.alerts
    assert 0 == desk.state.behaviour.performance.drawdown


def test_deposit_is_no_profit():
    """What somebody brings or takes away is neither profit nor loss."""
    desk = opened()
    desk.wait(1)
    before = desk.state.behaviour.performance.profit
    gone = ("binanceusdm", "w1", "withdrawal", D(-1_500_000), "USDT", True)
    desk.take(CashMoved(desk.now, desk.now, *gone))
    desk.wait(2)

    assert before == pytest.approx(desk.state.behaviour.performance.profit)
    assert "limit.reached" not in desk.alerts


def test_what_follows_a_deposit_counts():
    """The price that falls right after a deposit, before the next look, is a loss."""
    own = replace(BTC, target=10.0, limits=replace(LIMITS, net_delta=20.0))
    desk = build(replace(GUARDED, underlyings={"BTC": own}), [(DOLLARS, "2000000"), (SPOT, "10")])
    desk.wait(1)
    brought = ("binanceusdm", "d1", "deposit", D(1_000), "USDT", True)
    desk.take(CashMoved(desk.now, desk.now, *brought))
    desk.index(99_000.0)
    desk.take(Tick(desk.now))

    assert pytest.approx(-10_000) == desk.state.behaviour.performance.profit


def test_arm_accepts_a_loss():
    """A person who arms has seen the loss; the day and the drawdown begin anew."""
    own = replace(BTC, target=10.0, limits=replace(LIMITS, net_delta=20.0))
    desk = build(replace(GUARDED, underlyings={"BTC": own}), [(DOLLARS, "2000000"), (SPOT, "10")])
    desk.wait(1)
    for price in range(100_000, 89_000, -100):
        desk.price = float(price)
        desk.now += 100_000_000
        desk.index()
    desk.wait(1)
    assert TradingState.REDUCING is desk.state.mode
    desk.operate(Verb.ARM)
    desk.reconcile()
    desk.wait(2)

    assert TradingState.ACTIVE is desk.state.mode
    assert 0 == desk.state.behaviour.performance.drawdown


@pytest.mark.parametrize(
    ("fee", "currency", "dollars"),
    [
        ("1.5", "USDT", "1.5"),
        ("0.001", "BTC", "100"),
        ("0.01", "ETH", "40"),
        ("0.1", "BNB", "60"),
        ("-0.1", "BNB", "-60"),
        ("0.1", "DOGE", "7.8"),  # nobody tells its price: a thousandth of what was traded
        ("-0.1", "DOGE", "0"),  # and what is given back counts as nothing
    ],
)
def test_fees(fee, currency, dollars):
    """A fee counts at the price of what it is paid in, whatever was traded."""
    ether = replace(BTC, name="ETH", hedge_buy=(ETHER,), hedge_sell=(ETHER,))
    desk = build(replace(PARAMS, underlyings={"BTC": BTC, "ETH": ether}))
    for coin, price in (("ETH", 4_000), ("BNB", 600)):
        desk.take(Index(desk.now, desk.now, "deribit", coin, D(price)))
    desk.mark(ETHER, 4_000.0)
    desk.quote(ETHER, 3_999.9, 4_000.1)
    desk.trade_by_hand(ETHER, "2")
    (order,) = desk.orders
    told = ("binanceusdm", ETHER, "f1", order.client_order_id, order.quantity, D(4_000))
    desk.take(Fill(desk.now, desk.now, *told, D(fee), currency))

    assert D(dollars) == counters.total(desk.state.behaviour.fees, desk.now)


@pytest.mark.parametrize(("between", "told"), [("4.8", 1), ("4.4", 2)])
def test_greeks_again(between, told):
    """Within the hour a person hears again only of what was well inside its limit."""
    limits = replace(LIMITS, vega=427.5)  # of five puts
    own = replace(BTC, limits=limits)
    desk = build(replace(GUARDED, underlyings={"BTC": own}), [(PUT, "-5.2"), (DOLLARS, "1000000")])
    desk.option(PUT, 0.6)
    desk.wait(1)
    for quantity in (between, "5.2"):
        held = desk.state.ledger.position("deribit", PUT).quantity
        desk.trade_by_hand(PUT, str(-D(quantity) - held))
        desk.wait(1)

    assert told == desk.alerts.count("greeks.exceeded")


def test_greeks():
    """Gamma and vega beyond their limits are told once an hour, with what brings them back."""
    limits = replace(LIMITS, gamma=0.01, vega=50.0)
    own = replace(BTC, limits=limits)
    desk = build(replace(GUARDED, underlyings={"BTC": own}), [(PUT, "-5"), (DOLLARS, "1000000")])
    desk.option(PUT, 0.6)
    desk.option(CALL, 0.6)
    desk.wait(120)
    (alert,) = [each for each in desk.all(Alert) if each.event == "greeks.exceeded"]

    assert "gamma -" in alert.text
    assert "vega -" in alert.text
    assert "buy" in alert.text
    assert CALL in alert.text or PUT in alert.text
