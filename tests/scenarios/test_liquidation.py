"""Stories of the exchange model: a short squeezed out, the ladder, the fund, who is cut.

Numbers are worked by hand beside them. Maintenance is 1 % of notional and the
liquidation fee 0.5 % unless a story says else; contracts are whole coins.
"""

from decimal import Decimal

import pytest

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.orders import Order, TimeInForce
from rebalancer.exchange.records import (
    AutoDeleveraged,
    CashKind,
    CashMoved,
    Ended,
    Ending,
    Liquidated,
    LiquidationCalled,
    RejectReason,
    Taker,
)
from rebalancer.exchange.terms import AccountTerms, MarginMode, Schedule, VenueTerms

D = Decimal
PERP = Instrument("x:BTCUSDT", Kind.PERPETUAL, "BTC", "USDT", D(1), D("0.1"), D("0.1"), D("0.1"))
COIN = Instrument("x:BTC-PERPETUAL", Kind.PERPETUAL, "BTC", "BTC", D(1), D(10), D(10), D("0.5"))
LISTED = (PERP, COIN)
ONE_PERCENT = Schedule(((D(0), D("0.01")),))
CROSS = AccountTerms()
ISOLATED = AccountTerms(MarginMode.ISOLATED, leverage=D(10))
FREE = {kind: FeeSchedule(D(0), D(0)) for kind in Kind}


def short(name="short", quantity="-10", cash="15000", terms=CROSS):
    """Return an account that is short at 10,000: at 11,500 its 15,000 are gone."""
    held = (OpeningPosition(PERP.id, D(quantity), D(10_000)),)
    return OpeningAccount(name, {"USDT": D(cash)}, held, terms)


def long(name, quantity, cash, entry="10000"):
    held = (OpeningPosition(PERP.id, D(quantity), D(entry)),)
    return OpeningAccount(name, {"USDT": D(cash)}, held, CROSS)


def venue(*accounts, fund="0"):
    terms = VenueTerms(
        maintenance=dict.fromkeys((Kind.PERPETUAL,), ONE_PERCENT), insurance={"USDT": D(fund)}
    )
    return Exchange(LISTED, FREE, accounts, terms)


def show(exchange, ts, mark, asks=(), bids=()):
    """Show a market and let the risk engine look at it; return what is reported."""
    book = [(D(price), D(size)) for price, size in bids], [(D(p), D(size)) for p, size in asks]
    exchange.set_book(ts, PERP.id, *book)
    exchange.set_index(ts, "BTC", D(mark))
    exchange.set_mark(ts, PERP.id, D(mark))
    return exchange.judge(ts)


def told(records, *kinds):
    """Return the records of some kinds."""
    return [each for each in records if isinstance(each, kinds)]


def test_a_short_is_squeezed_out():
    """A rally takes a short down rung by rung, until what is left of it stands on its feet again.

    Short 10 at 10,000 with 15,000. Equity meets 1 % of notional where 115,000 - 10 P = 0.1 P:
    at 11,386.1. At 11,400 equity is 1,000 and maintenance 1,140. A first rung buys a quarter,
    2.5 at 11,402: equity 1,000 - 5 (above the mark) - 142.525 (fee, 0.5 % of 28,505) = 852.475
    against 855 for the 7.5 that are left: not enough. A second buys 1.8 of them at 11,402:
    852.475 - 3.6 - 102.618 = 746.257 against 649.8. That is sound, and the rest may stay.
    """
    exchange = venue(short())

    assert (
        D("11386.2")
        == (show(exchange, 1, "10000"), exchange.liquidation_price("short", PERP.id))[1]
    )
    assert () == show(exchange, 2, "11386.1", asks=[("11387", 100)])
    called, *rungs = show(exchange, 3, "11400", asks=[("11402", 100)])

    assert LiquidationCalled(3, "short", "USDT", None, D(1000), D(1140)) == called
    assert [(D("2.5"), D(11402), D("142.525")), (D("1.8"), D(11402), D("102.618"))] == [
        (each.quantity, each.price, each.fee) for each in rungs
    ]
    assert {Taker.MARKET} == {each.taker for each in rungs}
    assert D("-5.7") == exchange.position("short", PERP.id).quantity
    assert D("746.257") == exchange.equity("short", "USDT")
    assert D("245.143") == exchange.house.insurance.cash["USDT"]  # both fees
    assert () == exchange.judge(4)
    assert 0 == exchange.imbalance("USDT")


def test_orders_go_first():
    """Open orders of the pool are canceled before anything is closed; others' stay."""
    exchange = venue(short(), long("long", "1", "10000"))
    show(exchange, 1, "10000", bids=[("9990", 5)], asks=[("10010", 5)])
    for name in ("short", "long"):
        order = Order("bid", name, PERP.id, D("0.1"), D(9000), TimeInForce.GTC)
        exchange.submit(2, order)

    records = show(exchange, 3, "11400", asks=[("11402", 100)])

    assert [("short", Ending.CANCELED)] == [(e.account, e.how) for e in told(records, Ended)]
    assert ["long"] == [each.order.account for each in exchange.open_orders("long")]
    assert records.index(told(records, Ended)[0]) < records.index(told(records, Liquidated)[0])


def test_a_thin_book_is_waited_for():
    """Where the book offers nothing at the bankruptcy price, what is left is not given away.

    At 11,480 equity is 200 against 1,148, and the only offer is at 11,600, beyond bankruptcy at
    11,500. Nothing is traded until somebody offers at 11,485: 2.5, for 12.5 and a fee of 143.5625.
    """
    exchange = venue(short())

    called = show(exchange, 1, "11480", asks=[("11600", 100)])
    assert [LiquidationCalled] == [type(each) for each in called]
    assert () == exchange.judge(2)  # said once
    first, *_ = show(exchange, 3, "11480", asks=[("11485", "2.5"), ("11600", 100)])

    assert (D("2.5"), D(11485), D("143.5625")) == (first.quantity, first.price, first.fee)


def test_without_any_book_a_rung_costs_a_penalty():
    """What is quoted nowhere is closed at the mark and one percent, never beyond bankruptcy.

    At 11,400 equity is 1,000 against 1,140, bankrupt at 11,500; one percent above the mark would
    be 11,514. So the fund takes a quarter at 11,500: equity 750 against 855, and so on.
    """
    exchange = venue(short(), fund="5000")
    exchange.set_mark(1, PERP.id, D(11400))

    called, *rungs = exchange.judge(1)

    assert isinstance(called, LiquidationCalled)
    assert (D("2.5"), D(11500), Taker.INSURANCE) == (
        *(rungs[0].quantity, rungs[0].price, rungs[0].taker),
    )
    assert exchange.equity("short", "USDT") >= 0
    assert 0 == exchange.imbalance("USDT")


def test_the_fund_takes_over_what_is_bankrupt():
    """A gap takes all that there was: the fund takes the rest at bankruptcy, and trades it off.

    At 11,520 equity is 115,000 - 115,200 = -200. The fund takes over 10 short at 11,500 and is
    200 behind by the mark. The next book has 4 at 11,470 and 50 at 11,490: it buys them back and
    keeps 4 x 30 + 6 x 10 = 180.
    """
    exchange = venue(short(), fund="5000")

    called, taken = show(exchange, 1, "11520", asks=[("11600", 100)])

    assert D(-200) == called.balance
    assert (D(10), D(11500), D(0), Taker.INSURANCE) == (
        *(taken.quantity, taken.price, taken.fee, taken.taker),
    )
    assert {"USDT": D(0)} == exchange.balances("short")
    assert D(-10) == exchange.house.insurance.holding(PERP.id).quantity
    exchange.set_book(2, PERP.id, [], [(D(11470), D(4)), (D(11490), D(50))])
    assert D(0) == exchange.house.insurance.holding(PERP.id).quantity
    assert D(5180) == exchange.house.insurance.cash["USDT"]
    assert (D(11490), D(44)) == exchange.book(PERP.id).asks[0]  # the fund ate of the book
    assert 0 == exchange.imbalance("USDT")


def test_who_gained_most_with_least_is_cut_first():
    """A gap through the bankruptcy price, an empty fund: the winners on the other side are cut.

    Short 10 at 10,000 with 15,000: bankrupt at 11,500. The mark jumps to 12,000, where closing
    would cost 5,000 more than there is, and the fund holds 1,000. Three are long. `lucky` has
    gained 20 % on 6 at a leverage of 72,000 / 14,000 = 5.1, `calm` the same 20 % on 6 at
    72,000 / 112,000 = 0.6; `late` bought at 12,500 and loses. So lucky is cut whole, calm by the
    4 that are left, both at 11,500: they keep 1,500 a coin of the 2,000 they had on paper.
    """
    lucky, calm = long("lucky", "6", "2000"), long("calm", "6", "100000")
    late = long("late", "9", "50000", entry="12500")
    exchange = venue(short(), calm, late, lucky, fund="1000")

    called, closed, *cut = show(exchange, 1, "12000", asks=[("12010", 100)])

    assert (D(-5000), D(1200)) == (called.balance, called.maintenance)
    assert isinstance(closed, Liquidated)
    assert (D(10), D(11500), Taker.COUNTERPARTY) == (closed.quantity, closed.price, closed.taker)
    assert [("lucky", D(-6), 1), ("calm", D(-4), 2)] == [
        (each.account, each.quantity, each.rank) for each in told(cut, AutoDeleveraged)
    ]
    assert {D(11500)} == {each.price for each in cut}
    assert (D(2000) + 6 * 1500, D(0)) == (
        exchange.balance("lucky", "USDT"),
        exchange.position("lucky", PERP.id).quantity,
    )
    assert (D(100_000) + 4 * 1500, D(2)) == (
        exchange.balance("calm", "USDT"),
        exchange.position("calm", PERP.id).quantity,
    )
    assert D(9) == exchange.position("late", PERP.id).quantity
    assert {"USDT": D(0)} == exchange.balances("short")
    assert D(1000) == exchange.house.insurance.cash["USDT"]
    assert 0 == exchange.imbalance("USDT")


def test_the_rest_of_the_market_is_cut_too():
    """Where the accounts here are not enough, whoever else is long in the market is cut."""
    exchange = venue(short(), long("lucky", "3", "9000"))

    _, closed, cut = show(exchange, 1, "12000")

    assert (D(10), D(-3)) == (closed.quantity, cut.quantity)
    assert {"USDT": D(0)} == exchange.balances("short")
    assert D(0) == exchange.house.account.holding(PERP.id).quantity
    assert 0 == exchange.imbalance("USDT")


def test_an_isolated_position_falls_alone():
    """Isolated, a position is lost with its own margin, and the rest of the account is untouched.

    10 short at 10,000 with 10 times leverage lock 10,000 of 50,000: bankrupt at 11,000. At 10,900
    equity is 1,000 against 1,090. One rung buys 2.5 at 10,905: 1,000 - 12.5 - 136.3125 (fee) =
    851.1875 against 817.5 for the rest. What it realised stays in this margin.
    """
    exchange = venue(short(cash="50000", terms=ISOLATED))
    show(exchange, 1, "10000")
    assert D("10891.1") == exchange.liquidation_price("short", PERP.id)  # 110,000 / 10.1

    called, rung = show(exchange, 2, "10900", asks=[("10905", 100)])

    assert (PERP.id, D(1000), D(1090)) == (called.instrument, called.balance, called.maintenance)
    assert (D("2.5"), D("136.3125")) == (rung.quantity, rung.fee)
    alone, rest = exchange.standings("short").values()
    assert (D("851.1875"), D("817.5")) == (alone.balance, alone.maintenance)
    assert D(40_000) == rest.balance
    assert 0 == exchange.imbalance("USDT")


def test_an_isolated_gap_costs_no_more_than_its_margin():
    """A jump beyond bankruptcy takes the locked margin and nothing else; the fund bears the rest.

    At 12,000 the position has lost 20,000 and had 10,000. The fund takes it at 11,000, a loss of
    10,000 by the mark.
    """
    exchange = venue(short(cash="50000", terms=ISOLATED), fund="20000")

    _, taken = show(exchange, 1, "12000")

    assert (D(11000), Taker.INSURANCE) == (taken.price, taken.taker)
    assert {"USDT": D(40_000)} == exchange.balances("short")
    assert D(0) == exchange.position("short", PERP.id).quantity


def test_an_inverse_long_in_a_crash():
    """A coin-margined long loses coins ever faster: its bankruptcy price comes from 1 ÷ price.

    Long 100,000 USD at 10,000 is 10 BTC long, with 2 BTC. At 8,400 equity is
    2 + 10 - 11.904762 = 0.095238 against 0.119048. Bankrupt where 100,000 / P = 12: at 8,333.33,
    on the tick from above 8,333.5, half a dollar more than anybody bids. At 8,330 nothing is left,
    and neither has the fund 0.005 BTC to bear the loss.
    """
    held = (OpeningPosition(COIN.id, D(100_000), D(10_000)),)
    exchange = venue(OpeningAccount("long", {"BTC": D(2)}, held, CROSS))
    exchange.set_book(1, COIN.id, [(D(8333), D(10**6))], [])
    exchange.set_mark(1, COIN.id, D(8400))
    exchange.set_index(1, "BTC", D(8400))

    (called,) = exchange.judge(1)
    exchange.set_mark(2, COIN.id, D(8330))
    (closed,) = exchange.judge(2)

    assert D("0.095238095238") == called.balance
    assert (D(-100_000), D("8333.5"), Taker.COUNTERPARTY) == (
        *(closed.quantity, closed.price, closed.taker),
    )
    # what the tick left over: 12 - 100,000 / 8,333.5 coins
    assert D("0.000239995200") == exchange.balance("long", "BTC")
    assert 0 == exchange.imbalance("BTC")


def test_other_collateral_is_sold_for_what_is_owed():
    """A book that stands together pays a lost short out of its coins, at the index.

    2 BTC at a share of 0.9 and 1,000 USDT against 10 short at 10,000: at 11,800 the coins count
    21,240, the short has lost 18,000, so 4,240 stand against 1,180 — and at 12,500 22,500 + 1,000
    - 25,000 = -1,500. But equity without the haircut is 25,000 + 1,000 - 25,000 = 1,000: bankrupt
    100 higher, at 12,600. The book sells at 12,510, and 24,000 and the fees are owed, which the
    coins pay at 12,500 each.
    """
    terms = AccountTerms(collateral={"USDT": D(1), "BTC": D("0.9")})
    held = (OpeningPosition(PERP.id, D(-10), D(10_000)),)
    account = OpeningAccount("desk", {"USDT": D(1000), "BTC": D(2)}, held, terms)
    exchange = venue(account)

    assert () == show(exchange, 1, "11800", asks=[("11810", 100)])
    called, *rest = show(exchange, 2, "12500", asks=[("12510", 100)])

    assert ("USD", D(-1500)) == (called.currency, called.balance)
    rungs, moved = told(rest, Liquidated), told(rest, CashMoved)
    assert D(10) == sum(each.quantity for each in rungs)
    fees = sum(each.fee for each in rungs)
    owed = 24_000 + 10 * 10 + fees
    assert [CashKind.CONVERSION] * 2 == [each.kind for each in moved]
    assert [("BTC", -owed / 12_500), ("USDT", owed)] == [
        (each.currency, each.amount) for each in moved
    ]
    assert D(0) == exchange.balance("desk", "USDT")
    assert 0 == exchange.imbalance("USDT") == exchange.imbalance("BTC")


def test_half_a_moment_takes_nobody_down():
    """Coins and a short against them are judged when both prices of a moment are told."""
    terms = AccountTerms(collateral={"BTC": D(1)})
    held = (OpeningPosition(PERP.id, D("-0.9"), D(10_000)),)
    exchange = venue(OpeningAccount("desk", {"BTC": D(1)}, held, terms))
    show(exchange, 1, "10000")

    exchange.set_mark(2, PERP.id, D(30_000))  # the coins still count 10,000, the short owes 18,000
    exchange.set_index(2, "BTC", D(30_000))

    assert () == exchange.judge(2)


def test_nobody_waits_for_the_question():
    """What was told at one time is judged before anything happens at a later one."""
    exchange = venue(short())
    exchange.set_book(1, PERP.id, [], [(D(11402), D(100))])
    exchange.set_mark(1, PERP.id, D(11400))

    late = Order("buy", "short", PERP.id, D(1), None, TimeInForce.IOC)
    called, *_ = exchange.submit(2, late)

    assert (LiquidationCalled, 1) == (type(called), called.ts)


def test_a_refused_order_beside_a_thin_margin():
    """An account that may keep its position may still not add to it; closing is always allowed."""
    exchange = venue(short())
    show(exchange, 1, "11300", bids=[("11290", 50)], asks=[("11310", 50)])  # 2,000 against 1,130

    sold = exchange.submit(2, Order("s", "short", PERP.id, D(-9), None, TimeInForce.IOC))
    bought = exchange.submit(3, Order("b", "short", PERP.id, D(9), None, TimeInForce.IOC))

    assert RejectReason.INSUFFICIENT_MARGIN == sold[0].reason
    assert Ending.FILLED == bought[-1].how


@pytest.mark.parametrize("mark", ["11386.1", "11386.2"])
def test_the_scan_says_where(mark):
    """The liquidation price that an account can ask for is the tick at which it happens."""
    exchange = venue(short())
    show(exchange, 1, "10000")
    said = exchange.liquidation_price("short", PERP.id)

    assert (D(mark) >= said) == bool(show(exchange, 2, mark, asks=[("11387", 100)]))


def test_a_debt_without_a_contract_is_paid():
    """Options that ended leave a debt: spot is sold for it first, then the fund pays."""
    spot = Instrument("x:BTC/USDT", Kind.SPOT, "BTC", "USDT", D(1), D("0.01"), D("0.01"), D("0.1"))
    held = (OpeningPosition(spot.id, D(1), D(10_000)),)
    account = OpeningAccount("desk", {"USDT": D(-12_000)}, held, CROSS)
    terms = VenueTerms(
        maintenance=dict.fromkeys((Kind.PERPETUAL,), ONE_PERCENT), insurance={"USDT": D(5000)}
    )
    exchange = Exchange((*LISTED, spot), FREE, [account], terms)
    exchange.set_book(1, spot.id, [(D(9_990), D(5))], [])
    exchange.set_mark(1, spot.id, D(10_000))

    sold, paid = exchange.judge(1)

    assert (D(-1), D(9_990)) == (sold.quantity, sold.price)
    assert (CashKind.INSURANCE, D(2010)) == (paid.kind, paid.amount)
    assert {"USDT": D(0)} == exchange.balances("desk")
    assert D(2990) == exchange.house.insurance.cash["USDT"]
    assert 0 == exchange.imbalance("USDT")


def test_the_loss_lands_on_the_losing_contract():
    """A bankrupt pool of a winner and a loser is closed at the mark and at one bankruptcy price.

    Long 10 BTC from 10,000, now 11,000: 10,000 won. Short 20 ETH from 1,000, now 2,000: 20,000
    lost, with 5,000 of cash: 5,000 are missing. The BTC goes at its mark. The ETH goes 250 under
    its own, at 1,750, to the one who is long, and nobody in BTC is cut.
    """
    ether = Instrument(
        "x:ETHUSDT", Kind.PERPETUAL, "ETH", "USDT", D(1), D("0.1"), D("0.1"), D("0.1")
    )
    held = (
        OpeningPosition(PERP.id, D(10), D(10_000)),
        OpeningPosition(ether.id, D(-20), D(1_000)),
    )
    desk = OpeningAccount("desk", {"USDT": D(5000)}, held, CROSS)
    winner = OpeningAccount(
        "winner", {"USDT": D(50_000)}, (OpeningPosition(ether.id, D(20), D(1_000)),), CROSS
    )
    other = OpeningAccount(
        "other", {"USDT": D(90_000)}, (OpeningPosition(PERP.id, D(-10), D(10_000)),), CROSS
    )
    terms = VenueTerms(maintenance=dict.fromkeys((Kind.PERPETUAL,), ONE_PERCENT))
    exchange = Exchange((*LISTED, ether), FREE, [desk, other, winner], terms)
    for name, price in ((PERP.id, D(11_000)), (ether.id, D(2_000))):
        exchange.set_book(1, name, [], [])
        exchange.set_mark(1, name, price)

    records = exchange.judge(1)

    assert [("x:BTCUSDT", D(11_000)), ("x:ETHUSDT", D(1_750))] == [
        (each.instrument, each.price) for each in told(records, Liquidated)
    ]
    assert [("winner", D(-20))] == [(e.account, e.quantity) for e in told(records, AutoDeleveraged)]
    assert D(-10) == exchange.position("other", PERP.id).quantity
    assert D(50_000) + 20 * 750 == exchange.balance("winner", "USDT")
    assert {"USDT": D(0)} == exchange.balances("desk")
    assert 0 == exchange.imbalance("USDT")


def test_a_flip_of_an_isolated_position_is_paid_for():
    """To turn an isolated position over takes margin for all of the new one."""
    held = (OpeningPosition(PERP.id, D(10), D(10_000)),)
    exchange = venue(OpeningAccount("desk", {"USDT": D(10_000)}, held, ISOLATED))
    show(exchange, 1, "9200", bids=[("9199", 100)])

    (refused,) = exchange.submit(2, Order("f", "desk", PERP.id, D(-20), None, TimeInForce.IOC))

    assert RejectReason.INSUFFICIENT_MARGIN == refused.reason


def test_funding_that_flows_counts_before_it_is_booked():
    """What is owed of continuous funding is gone, though no booking says so yet."""
    exchange = venue(short())
    show(exchange, 1, "10000")
    exchange.set_funding_rate(1, PERP.id, D("-0.14"), 10, None)  # shorts pay 14 % in 10 ns

    exchange.set_mark(11, PERP.id, D(10_000))
    (called,) = exchange.judge(11)

    assert D(1000) == called.balance  # 15,000 less 14 % of 100,000
