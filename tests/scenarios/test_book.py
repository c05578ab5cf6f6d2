"""Stories of what is in the book: limits, scope, coverage, sides, coins, settlements."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.decision import Reason
from rebalancer.core.events import Delivered, FundingPaid
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.params import BandKind, Numeraire
from tests.scenarios.desk import (
    BAND,
    CALL,
    COINS,
    DOLLARS,
    EXPIRY,
    LIMITS,
    LINEAR,
    PARAMS,
    PERP,
    SETTLEMENT,
    SPOT,
    build,
    settings,
)

D = Decimal


def quantities(desk):
    return [str(order.quantity) for order in desk.orders]


def play_on(desk, most=20):
    """Execute orders as they come."""
    while len(desk.orders) < most and desk.state.open_orders():
        desk.execute(desk.orders[-1])


def test_order_cap():
    """A gap beyond the order's cap is closed in several orders, one after the other."""
    desk = build(settings(limits=replace(LIMITS, order=1.0)), [(SPOT, "3.5")])
    assert (["-1.000"], "-3.450") == (quantities(desk), str(desk.decision.wanted))

    play_on(desk)
    assert ["-1.000", "-1.000", "-1.000", "-0.450"] == quantities(desk)


def test_order_cap_below_the_smallest_order():
    """A cap under the venue's smallest order refuses and says so."""
    desk = build(settings(limits=replace(LIMITS, order=0.0005)), [(SPOT, "2")])

    assert ([], Reason.ORDER_TOO_LARGE) == (desk.orders, desk.decision.reason)


def test_position_cap():
    """The hedge position grows to its cap and no further."""
    desk = build(settings(limits=replace(LIMITS, position=1.5)), [(SPOT, "3")])
    play_on(desk)

    assert ["-1.500"] == quantities(desk)
    assert Reason.POSITION_TOO_LARGE == desk.decision.reason


def test_position_cap_lets_close():
    """What brings the position towards nothing passes, whatever the cap."""
    params = settings(limits=replace(LIMITS, position=1.0))
    desk = build(params, [(LINEAR, "5"), (SPOT, "-2")])

    assert ["-2.950"] == quantities(desk)


def test_excluded_position():
    """A directional position that is out of scope is not hedged away."""
    desk = build(settings(exclude=(PERP,)), [(SPOT, "0.01"), (PERP, "50000")])
    desk.wait(3)
    assert ([], 0.01) == (desk.orders, desk.decision.net_delta)

    included = build(holdings=[(SPOT, "0.01"), (PERP, "50000")])
    assert ["-4.960"] == quantities(included)


def test_half_coverage():
    """Half of what is there without hedging is left, however often it is asked."""
    desk = build(settings(coverage=0.5), [(SPOT, "10")])
    assert (["-4.950"], 5.0) == (quantities(desk), desk.decision.aim)

    play_on(desk)
    desk.wait(5, 120_000)
    assert ["-4.950"] == quantities(desk)
    assert (5.0, 5.05) == pytest.approx((desk.decision.aim, desk.decision.net_delta))

    desk.trade_by_hand(SPOT, "-2")
    assert 4.0 == pytest.approx(desk.decision.aim)
    assert ["-4.950", "0.900"] == quantities(desk)


def test_half_coverage_in_the_same_contract():
    """A hedge in the very contract that it hedges is not taken for the book's own."""
    desk = build(settings(coverage=0.5), [(LINEAR, "10")])
    play_on(desk)
    desk.wait(3)
    assert (["-4.950"], 5.0) == (quantities(desk), pytest.approx(desk.decision.aim))

    flat = build(settings(coverage=1.0, band=replace(BAND, reset=1.0)), [(LINEAR, "10")])
    play_on(flat)
    assert flat.state.ledger.position("binanceusdm", LINEAR).quantity == 0
    assert 10.0 == pytest.approx(flat.state.book("BTC").linear.own.coins)


@pytest.mark.parametrize(
    ("coins", "instrument", "quantity"), [("2", LINEAR, "-1.950"), ("-2", PERP, "19500")]
)
def test_instrument_of_each_side(coins, instrument, quantity):
    """Each side has its own hedge instruments."""
    desk = build(settings(hedge_buy=(PERP,), hedge_sell=(LINEAR,)), [(SPOT, coins)])

    assert [(instrument, D(quantity))] == [(o.instrument, o.quantity) for o in desk.orders]


def test_no_instrument_for_a_side():
    """A side without a hedge instrument refuses and says so."""
    desk = build(settings(hedge_buy=()), [(SPOT, "-2")])

    assert ([], Reason.NO_HEDGE_INSTRUMENT) == (desk.orders, desk.decision.reason)


def test_second_choice():
    """While the first instrument's quote is old, the next one is traded."""
    desk = build(settings(hedge_sell=(PERP, LINEAR)))
    desk.quiet = {PERP}
    desk.wait(4)
    desk.trade_by_hand(SPOT, "1")

    assert [(LINEAR, D("-0.950"))] == [(o.instrument, o.quantity) for o in desk.orders]


INVERSE = {"hedge_buy": (PERP,), "hedge_sell": (PERP,)}


def test_coin_book():
    """Who counts in coins hedges no coins, but what would change how many there are."""
    params = settings(numeraire=Numeraire.COIN, **INVERSE)
    desk = build(params, [(COINS, "10"), (PERP, "20000")])
    play_on(desk)
    assert ["-19500"] == quantities(desk)
    assert 0.05 == pytest.approx(desk.decision.net_delta)

    dollars = build(settings(numeraire=Numeraire.COIN), [(COINS, "10"), (DOLLARS, "200000")])
    assert (["1.950"], -2.0) == (quantities(dollars), dollars.decision.net_delta)


def test_dollar_book_of_coins():
    """Who counts in dollars sells the coins; a short of their worth is a dollar for ever."""
    desk = build(settings(**INVERSE), [(COINS, "10")])
    play_on(desk)
    for price in (60_000, 150_000, 90_000):
        desk.wait(3, price)

    assert ["-99500"] == quantities(desk)
    assert 0.05 == pytest.approx(desk.decision.net_delta, abs=1e-6)


def test_two_numeraires_of_an_option():
    """A coin-settled option has its plain delta in dollars, less its price in coins."""
    dollars = build(holdings=[(CALL, "1")])
    dollars.option(CALL, 0.6, 100_000)
    coins = build(settings(numeraire=Numeraire.COIN), [(CALL, "1")])
    coins.option(CALL, 0.6, 100_000)
    price = dollars.decision.net_delta - coins.decision.net_delta

    assert 0.031 == pytest.approx(price, abs=0.005)


@pytest.mark.parametrize("numeraire", list(Numeraire))
@pytest.mark.parametrize("kind", [BandKind.FIXED, BandKind.PERCENT])
@pytest.mark.parametrize("coverage", [1.0, 0.5])
@pytest.mark.parametrize(("hedge", "final"), [(PERP, 80_000), (PERP, 130_000), (LINEAR, 80_000)])
def test_settlement_causes_no_hedge(numeraire, kind, coverage, hedge, final):
    """At 08:00 profit moves into cash; one second before and after, the delta is the same."""
    width = 0.02 if kind is BandKind.PERCENT else 0.05
    band = replace(BAND, kind=kind, lower=-width, upper=width)
    params = settings(
        band, numeraire=numeraire, coverage=coverage, hedge_buy=(hedge,), hedge_sell=(hedge,)
    )
    desk = build(params, [(COINS, "10"), (DOLLARS, "100000"), (PERP, "30000")])
    play_on(desk)
    desk.now = SETTLEMENT - 12 * 1_000_000_000
    desk.wait(11, final)
    play_on(desk)
    desk.wait(1)
    before, sent = desk.decision, len(desk.orders)
    for name in (PERP, LINEAR):
        desk.settle(name)
    desk.wait(1)
    after = desk.decision

    assert Reason.INSIDE_BAND == before.reason
    assert sent == len(desk.orders)
    for part in ("net_delta", "aim", "lower", "upper"):
        assert getattr(before, part) == pytest.approx(getattr(after, part), abs=1e-9)


def test_funding_in_coins():
    """Funding that is paid in coins is delta."""
    desk = build(holdings=[(COINS, "0.04")])
    desk.take(FundingPaid(desk.now, desk.now, "deribit", PERP, "f1", D("0.02"), "BTC"))

    assert 0.06 == pytest.approx(desk.decision.net_delta)
    assert ["-0.010"] == quantities(desk)


def test_delivery():
    """A call's delta runs into the coins that it pays while its settlement is averaged."""
    desk = build(holdings=[(CALL, "1")], active=False)
    desk.now = EXPIRY - 2_000_000_000
    desk.market(121_000)
    desk.reconcile()
    desk.option(CALL, 0.6)
    assert ["-0.042"] == quantities(desk)  # 1 - 110/121 coins are all that is left of it
    desk.execute(desk.orders[0])
    desk.wait(3)

    desk.take(Delivered(desk.now, desk.now, "deribit", CALL, "d1", D(121_000)))
    desk.wait(2)
    assert 1 == len(desk.orders)
    assert float(1 - D(110) / D(121)) == pytest.approx(
        float(desk.state.ledger.balance("deribit", "BTC"))
    )


@pytest.mark.parametrize(
    ("before", "quantity"),
    [
        (31, "-0.950"),  # a whole call, less the band
        (15, "-0.496"),  # half of what lies above its 0.0909 coins is still open
        (3, "-0.132"),
    ],
)
def test_settlement_window(before, quantity):
    """In the last half hour only the open share of the average moves with the price."""
    desk = build(holdings=[(CALL, "1")], active=False)
    desk.now = EXPIRY - before * 60_000_000_000
    desk.market(121_000)
    desk.reconcile()
    desk.option(CALL, 0.6)

    assert [quantity] == quantities(desk)


def test_undescribed_instrument(desk):
    """A trade in something that no setting describes halts the book: its size is a guess."""
    order = replace(desk.orders[0], instrument=LINEAR)
    desk.execute(order)
    desk.take(FundingPaid(desk.now, desk.now, "deribit", "deribit:NEW", "f1", D(1), "BTC"))

    assert ["reconcile.differed"] == desk.alerts
    assert TradingState.HALTED is desk.state.mode
    desk.wait(1)
    assert 1 == len(desk.orders)


def test_two_underlyings():
    """What happens to one underlying decides nothing for the other."""
    own = PARAMS.underlyings["BTC"]
    params = replace(PARAMS, underlyings={"BTC": own, "ETH": replace(own, name="ETH")})
    desk = build(params, [(SPOT, "2")])
    order = desk.orders[0]
    desk.lose(order)
    desk.wait(61)

    assert TradingState.HALTED is desk.state.mode_of("BTC")
    assert TradingState.ACTIVE is desk.state.mode_of("ETH")
    assert {"BTC"} == {d.underlying for d in desk.index().decisions}
