"""Guards of market, cost and book: each fires in a story, and says why."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import counters, gate
from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.decision import Action, Reason, Verdict
from rebalancer.core.events import CashMoved, Index, Quote
from rebalancer.core.orders import Order, OrderState
from tests.scenarios.desk import (
    BAND,
    BTC,
    COINS,
    DOLLARS,
    ETHER,
    GUARDED,
    LIMITS,
    LINEAR,
    MINUTE,
    SECOND,
    SPOT,
    build,
)

D = Decimal


def guarded(*, funding=0.0001, cash="2000000", **changes):
    """Return a desk with every guard set, and its markets told."""
    params = replace(GUARDED, **changes)
    desk = build(params, [(DOLLARS, cash), (COINS, "1"), (LINEAR, "-1", "hedge")], active=False)
    desk.market()
    desk.reconcile()
    if funding is not None:
        desk.funding(funding)
    return desk


def hedge(desk, coins="1"):
    """Let a coin be bought by hand where nobody hedges it yet."""
    desk.trade_by_hand(SPOT, coins)
    return desk


def wide_spread():
    """A book that opened up."""
    desk = guarded(collar=replace(GUARDED.collar, width=0.05))
    desk.quote(LINEAR, 99_000, 101_000)
    return hedge(desk)


def off_index():
    """A perpetual that came away from its index."""
    desk = guarded(collar=replace(GUARDED.collar, width=0.05))
    desk.quiet.add(LINEAR)
    desk.mark(LINEAR, 104_000)
    desk.quote(LINEAR, 104_000, 104_010)
    return hedge(desk)


def two_truths():
    """Two venues that do not agree on what the coin is worth."""
    desk = guarded()
    desk.take(Index(desk.now, desk.now, "bybit", "BTC", Decimal(103_000)))
    return hedge(desk)


def lost_peg():
    """A stablecoin that is worth ninety cents."""
    desk = guarded()
    desk.take(Index(desk.now, desk.now, "deribit", "USDT", Decimal("0.9")))
    return hedge(desk)


def thin_book():
    """A book that shows half a coin."""
    desk = guarded()
    half = Decimal("0.5")
    told = (LINEAR, Decimal(99_995), half, Decimal(100_005), half)
    desk.take(Quote(desk.now, desk.now, *told))
    return hedge(desk)


def dear():
    """A short that pays twice the cap."""
    return hedge(guarded(funding=-0.0008))


def nobody_tells():
    """A perpetual whose funding nobody told."""
    return hedge(guarded(funding=None))


def no_rate():
    """A rate that no venue charges, after one that was true: nobody knows it any more."""
    desk = guarded()
    desk.funding(0.5)
    return hedge(desk)


def geared():
    """A book that would hold six and a half times what it owns; five is what it may."""
    limits = replace(GUARDED.limits, turnover_per_day=1e9, counterparty=1.5)
    own = replace(GUARDED.underlyings["BTC"], limits=replace(LIMITS, order=1e3, position=1e3))
    desk = guarded(limits=limits, underlyings={"BTC": own}, cash="100000", market=None)
    return hedge(desk, "12")


def spent_turnover():
    """A day that traded what it may."""
    desk = guarded()
    counters.add(desk.state.behaviour.turnover, desk.now, Decimal(9_950_000))
    return hedge(desk)


def spent_fees():
    """A day that paid what it may."""
    desk = guarded()
    counters.add(desk.state.behaviour.fees, desk.now, Decimal(1_500))
    return hedge(desk)


def one_basket():
    """A venue that holds all but a little of the book."""
    return hedge(guarded(limits=replace(GUARDED.limits, counterparty=0.5)))


def in_haste():
    """Five hedges within a minute, and a sixth."""
    desk = guarded(underlyings={"BTC": replace(BTC, band=replace(BAND, min_interval=1))})
    for _ in range(6):
        desk.trade_by_hand(SPOT, "0.2")
        desk.execute(desk.orders[-1])
        desk.now += SECOND
        desk.market()
    return desk


STORIES = {
    wide_spread: ("spread", Reason.SPREAD_TOO_WIDE, []),
    off_index: ("basis", Reason.BASIS_TOO_WIDE, []),
    two_truths: ("divergence", Reason.INDEXES_DIVERGE, []),
    lost_peg: ("depeg", Reason.STABLE_DEPEGGED, []),
    thin_book: ("depth", Reason.DEPTH_TOO_THIN, ["-0.5"]),
    dear: ("funding", Reason.FUNDING_TOO_DEAR, []),
    nobody_tells: ("funding", Reason.FUNDING_UNKNOWN, []),
    no_rate: ("funding", Reason.FUNDING_UNKNOWN, []),
    geared: ("leverage", Reason.LEVERAGE_TOO_HIGH, ["-9"]),
    spent_turnover: ("turnover", Reason.TURNOVER_SPENT, ["-0.5"]),
    spent_fees: ("fees", Reason.FEES_SPENT, []),
    one_basket: ("counterparty", Reason.COUNTERPARTY_TOO_LARGE, []),
    in_haste: ("throttle", Reason.TOO_MANY_HEDGES, ["-0.15", *["-0.2"] * 4]),
}


@pytest.mark.parametrize("story", STORIES, ids=lambda each: each.__name__)
def test_fires(story):
    """The guard caps or refuses, by name, and every other one lets the whole hedge pass."""
    guard, reason, sent = STORIES[story]
    desk = story()
    acted = [each for each in desk.decisions if each.action is not Action.HOLD]
    told = next(each for each in reversed(acted) if each.verdicts)
    capped = [(each.guard, each.reason) for each in told.verdicts if each.reason is not None]

    assert [D(each) for each in sent] == [order.quantity for order in desk.orders]
    assert [(guard, reason)] == capped
    assert (Action.ORDER if sent and guard != "throttle" else Action.REFUSE) is told.action


@pytest.mark.parametrize("story", STORIES, ids=lambda each: each.__name__)
def test_without(story, monkeypatch):
    """Without the guard the same story sends more."""
    guard, _, sent = STORIES[story]
    monkeypatch.setattr(
        getattr(gate, guard), "judge", lambda intent, *_, **__: Verdict(guard, abs(intent.quantity))
    )
    desk = story()

    assert sum(abs(D(each)) for each in sent) < sum(abs(each.quantity) for each in desk.orders)


def test_quiet():
    """In a sane market all of them pass, and every one of them is asked."""
    told = hedge(guarded()).decision

    assert Action.ORDER is told.action
    assert not [each for each in told.verdicts if each.reason is not None]
    asked = {each.guard for each in told.verdicts}
    assert {guard for guard, _, _ in STORIES.values()} <= asked


def small_book():
    """A book that shows half a hundredth of a coin."""
    desk = guarded()
    little = D("0.005")
    told = (LINEAR, D(99_995), little, D(100_005), little)
    desk.take(Quote(desk.now, desk.now, *told))
    return hedge(desk)


def small_orders():
    """An order limit of half a hundredth of a coin."""
    own = replace(BTC, limits=replace(LIMITS, order=0.005))
    return hedge(guarded(underlyings={"BTC": own}))


def little_turnover():
    """A day that has half a hundredth of a coin left to trade."""
    desk = guarded()
    counters.add(desk.state.behaviour.turnover, desk.now, D(9_999_500))
    return hedge(desk)


@pytest.mark.parametrize(
    ("story", "reason", "sent"),
    [
        (small_book, Reason.DEPTH_TOO_THIN, ["-0.005"]),
        (small_orders, Reason.ORDER_TOO_LARGE, ["-0.005"]),
        (little_turnover, Reason.TURNOVER_SPENT, []),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_crumbs(story, reason, sent):
    """A crumb of a hedge is sent where the next order takes the rest, and else it is not."""
    desk = story()
    capped = {each.reason for each in desk.decision.verdicts if each.allows == D("0.005")}

    assert {reason} == capped
    assert [D(each) for each in sent] == [order.quantity for order in desk.orders]


@pytest.mark.parametrize(
    ("amount", "currency", "known"),
    [
        ("5", "DOGE", True),  # dust that nobody prices
        ("-5", "DOGE", False),  # a debt of nobody knows what
        ("5", "ETH", False),  # an underlying of the book whose index is missing
        ("-5", "USDT", True),
    ],
)
def test_dust(amount, currency, known):
    """Dust that nobody prices counts nothing; of a debt, or of an underlying, nobody knows."""
    ether = replace(BTC, name="ETH", hedge_buy=(ETHER,), hedge_sell=(ETHER,))
    desk = guarded(underlyings={"BTC": BTC, "ETH": ether})
    moved = ("deribit", "c1", "transfer", D(amount), currency, True)
    desk.take(CashMoved(desk.now, desk.now, *moved))
    hedge(desk)
    found = next(each for each in reversed(desk.decisions) if each.verdicts)

    assert known == (Reason.EQUITY_MISSING not in {each.reason for each in found.verdicts})
    assert known == bool(desk.orders)


@pytest.mark.parametrize(("minutes", "refused"), [(15, True), (16, False)])
def test_an_old_peg(minutes, refused):
    """What a stable currency was worth a quarter of an hour ago says nothing of now."""
    desk = guarded()
    desk.take(Index(desk.now, desk.now, "deribit", "USDT", D("0.9")))
    desk.now += minutes * MINUTE
    desk.market()
    hedge(desk)

    assert refused == (Reason.STABLE_DEPEGGED is desk.decision.reason)
    assert refused == (not desk.orders)


@pytest.mark.parametrize(("late", "reason"), [(0, None), (1, Reason.FUNDING_STALE)])
def test_an_old_rate(late, reason):
    """A rate may be half an hour older than its interval; then nobody knows it any more."""
    desk = guarded()
    desk.now += 510 * MINUTE + late
    desk.market()
    hedge(desk)
    (told,) = [each for each in desk.decision.verdicts if each.guard == "funding"]

    assert reason is told.reason
    assert (reason is None) == bool(desk.orders)


def test_an_order_that_nobody_describes():
    """An open order of an earlier start, in what left the settings, stops no guard."""
    desk = guarded()
    gone = Submit(
        client_order_id="rb1",
        account="binanceusdm",
        instrument="binanceusdm:SOL/USDT:USDT",
        quantity=D(1),
        price=D(200),
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        underlying="SOL",
        decided_at=desk.now,
    )
    desk.state.put(Order(gone, OrderState.UNKNOWN, desk.now, 1.0))
    hedge(desk)

    assert [LINEAR] == [order.instrument for order in desk.orders]
