"""A leg moves to where it costs less to hold: by steps inside the band, and not for nothing."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.decision import Reason
from rebalancer.core.events import Tick, VenueHeld
from rebalancer.core.figures import MarginTold, PoolFigures
from rebalancer.core.funding import Rule
from rebalancer.core.margin.schedule import flat
from rebalancer.core.params import AccountTerms, FundingParams
from tests.scenarios.desk import (
    BAND,
    BTC,
    COINS,
    GUARDED,
    LINEAR,
    MINUTE,
    PARAMS,
    PERP,
    SECOND,
    SPOT,
    WATCHED,
    build,
)

D = Decimal
HOUR = 60 * MINUTE
DAYS = 10
OWN = replace(
    BTC,
    hedge_buy=(LINEAR, PERP),
    hedge_sell=(LINEAR, PERP),
    band=replace(BAND, lower=-0.2, upper=0.2, min_interval=SECOND),
)
CARRY = FundingParams(cap_per_day=0.01, moves=True, rule=Rule(horizon=60 * 24 * HOUR))
MOVES = replace(PARAMS, underlyings={"BTC": OWN}, funding=CARRY)


def told(desk, here, there):
    """Let both venues tell their funding rates, three times a day for ten days."""
    for _ in range(3 * DAYS):
        desk.now += 8 * HOUR
        desk.funding(here, LINEAR)
        desk.funding(there, PERP)


def short(params=MOVES):
    """Return a desk whose coin is hedged by the linear perpetual."""
    return build(params, [(SPOT, "1"), (LINEAR, "-1", "hedge")])


def let_go_on(desk, steps=40):
    """Let the market talk, and each order be filled."""
    for _ in range(steps):
        desk.now += 2 * SECOND
        desk.market()
        for order in desk.state.open_orders():
            desk.execute(order.submit)
        desk.take(Tick(desk.now))


def begin(desk, free=None):
    """Let the market talk until the first order of a move leaves, for two minutes at most."""
    for _ in range(60):
        if not desk.orders:
            desk.now += 2 * SECOND
            if free is not None:
                stands(desk, "deribit", *free)
            desk.market()


def held(desk):
    """Return what is held of both perpetuals, contracts."""
    ledger = desk.state.ledger
    return tuple(ledger.position(name.partition(":")[0], name).quantity for name in (LINEAR, PERP))


def test_moves():
    """A short that pays moves to where it is paid, and net delta never leaves the band."""
    desk = short()
    told(desk, -0.0003, 0.0003)
    let_go_on(desk)
    linear, inverse = held(desk)

    assert 0 == linear
    assert 98_000 <= -inverse * 10 <= 102_000
    acted = [each for each in desk.decisions if each.client_order_id]
    assert {Reason.CHEAPER_ELSEWHERE} == {each.reason for each in acted}
    assert all(abs(each.net_delta) <= 0.2 + 1e-6 for each in desk.decisions)


def test_stays_for_little():
    """A spread that would not pay twice the move in time moves nothing."""
    desk = short()
    told(desk, 0.0001, 0.000102)
    let_go_on(desk)

    assert [] == desk.orders


def test_one_flip_an_interval():
    """When the rates turn over at once, the leg does not run back before an interval is over."""
    desk = short()
    told(desk, -0.0003, 0.0003)
    let_go_on(desk)
    sent = len(desk.orders)
    for _ in range(3):
        desk.now += 2 * HOUR
        desk.funding(0.03, LINEAR)
        desk.funding(-0.03, PERP)
        let_go_on(desk, 2)

    assert sent == len(desk.orders)


def test_only_when_asked():
    """Without `moves` a leg stays where it is, whatever it costs."""
    desk = short(replace(MOVES, funding=replace(CARRY, moves=False)))
    told(desk, -0.0003, 0.0003)
    let_go_on(desk)

    assert [] == desk.orders


def test_unknown_is_no_target():
    """Where nobody tells the rate of the other venue nothing moves there."""
    desk = short()
    for _ in range(3 * DAYS):
        desk.now += 8 * HOUR
        desk.funding(-0.0003, LINEAR)
    let_go_on(desk)

    assert [] == desk.orders


def test_stale_is_no_target():
    """Nor where its last word is two intervals old."""
    desk = short()
    told(desk, -0.0003, 0.0003)
    for _ in range(6):
        desk.now += 8 * HOUR
        desk.funding(-0.0003, LINEAR)
    let_go_on(desk)

    assert [] == desk.orders


def test_grows_where_it_is_cheap():
    """A new hedge goes where a guard would not cut it for its funding."""
    dear = replace(CARRY, cap_per_day=0.0005, moves=False)
    desk = build(replace(MOVES, funding=dear), [(SPOT, "1"), (LINEAR, "-1", "hedge")])
    told(desk, -0.0003, 0.0003)
    desk.now += SECOND
    desk.market()
    desk.trade_by_hand(SPOT, "1")

    assert [PERP] == [order.instrument for order in desk.orders]


@pytest.mark.parametrize(("coins", "instrument"), [("0.5", PERP), ("-0.5", LINEAR)])
def test_hedges_during_a_move(coins, instrument):
    """What grows goes to where a leg moves to; what closes is taken from where it still is."""
    desk = short(replace(MOVES, funding=None))
    desk.state.behaviour.placed["BTC"] = PERP
    desk.trade_by_hand(SPOT, coins)

    assert [instrument] == [order.instrument for order in desk.orders]


def test_a_move_is_judged():
    """A step of a move passes the gate like any order: a limit that is spent stops it."""
    params = replace(GUARDED, underlyings={"BTC": OWN}, funding=CARRY, market=None)
    desk = build(params, [(SPOT, "1"), (LINEAR, "-1", "hedge"), (COINS, "0")])
    told(desk, -0.0003, 0.0003)
    desk.state.standing.limited["drawdown"] = "test"
    let_go_on(desk)

    assert all(order.quantity > 0 for order in desk.orders)  # it closes, and opens nothing


def reckoned(params=MOVES):
    """Return settings under which the margin of both venues is watched."""
    terms = AccountTerms(leverage=20.0, schedule=flat(0.005))
    return replace(params, margin=WATCHED, terms=dict.fromkeys(("binanceusdm", "deribit"), terms))


def stands(desk, account, balance, initial=0):
    """Let a venue tell how an account stands."""
    currency = "BTC" if account == "deribit" else "USDT"
    numbers = (D(balance), D(balance), D(0), D(initial))
    return desk.take(MarginTold(desk.now, desk.now, account, (PoolFigures(currency, *numbers),)))


@pytest.mark.parametrize(
    ("here", "there", "grows"),
    [
        (0, 0, LINEAR),  # as the settings list them
        (None, 0, PERP),
        (31, 0, PERP),  # older than the half minute that figures may be
        (30, 0, LINEAR),
        (0, None, LINEAR),
        (None, None, None),
    ],
)
def test_grows_where_margin_is_known(here, there, grows):
    """A new hedge goes where figures of margin are young; nowhere, where none are."""
    desk = build(reckoned(replace(MOVES, funding=None)))
    start = desk.now
    for seconds in range(32):
        desk.now = start + seconds * SECOND
        desk.market()
        for account, age in (("binanceusdm", here), ("deribit", there)):
            if age == 31 - seconds:
                stands(desk, account, 1_000_000)
    desk.trade_by_hand(SPOT, "1")

    assert ([] if grows is None else [grows]) == [order.instrument for order in desk.orders]


@pytest.mark.parametrize(
    ("free", "moves"),
    [((5, 0), True), ((5, 5), False), ((5, 6), False), (None, False)],
)
def test_moves_to_what_is_paid_for(free, moves):
    """A leg does not move to where nothing is free, or nobody told what is."""
    desk = short(reckoned())
    told(desk, -0.0003, 0.0003)
    begin(desk, free)

    assert ({"BTC": PERP} if moves else {}) == desk.state.behaviour.placed
    assert moves == bool(desk.orders)


def test_a_move_that_cannot_begin():
    """Where nothing is held yet of what a leg moves to, and it closes, the move is over."""
    desk = short()
    told(desk, -0.0003, 0.0003)
    begin(desk)
    assert ({"BTC": PERP}, 0) == (desk.state.behaviour.placed, held(desk)[1])
    desk.take(VenueHeld(desk.now, "deribit", "maintenance"))
    let_go_on(desk)
    desk.take(VenueHeld(desk.now, "deribit", None))
    let_go_on(desk)

    assert {} == desk.state.behaviour.placed
    assert [LINEAR] == [order.instrument for order in desk.orders]


def test_a_move_that_began():
    """Where some of it is held already, a move waits for what it moves to to open again."""
    desk = short()
    told(desk, -0.0003, 0.0003)
    begin(desk)
    let_go_on(desk, 2)
    assert all(held(desk))
    desk.take(VenueHeld(desk.now, "deribit", "maintenance"))
    let_go_on(desk)
    assert {"BTC": PERP} == desk.state.behaviour.placed
    desk.take(VenueHeld(desk.now, "deribit", None))
    let_go_on(desk)

    assert 0 == held(desk)[0]


def test_no_move_on_figures_that_are_too_old():
    """A leg does not begin to move to where it could not grow (MARGIN_STALE)."""
    desk = short(reckoned())
    told(desk, -0.0003, 0.0003)
    stands(desk, "deribit", 5)
    desk.now += 31 * SECOND
    begin(desk)

    assert [] == desk.orders
