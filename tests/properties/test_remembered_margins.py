"""Margins keep what they worked out; whoever asks must never be told what is no longer so."""

from copy import copy
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import cushions
from rebalancer.core.events import Tick
from rebalancer.core.figures import MarginTold, PoolFigures
from rebalancer.core.margins import Margins
from tests.scenarios.desk import (
    CALL,
    INSTRUMENTS,
    LINEAR,
    MINUTE,
    PERP,
    PUT,
    SECOND,
    SETTLEMENT,
    SPOT,
    WATCHED,
    build,
    margined,
)

PARAMS = margined()
ACCOUNTS = ("binanceusdm", "deribit")
MOVE = st.sampled_from([0.97, 0.999, 1.0, 1.004, 1.3])
WAIT = st.sampled_from(
    [0, 1, SECOND // 5, SECOND, 2 * SECOND, 5 * SECOND, 5 * SECOND + 1, 31 * SECOND, MINUTE + 1]
)


def reckons(desk, account, balance):
    """Let a venue tell how an account stands."""
    numbers = [Decimal(balance)] * 2 + [Decimal(balance) / 20] * 2
    currency = {"binanceusdm": "USDT", "deribit": "BTC"}[account]
    told = PoolFigures(currency, *numbers)
    desk.take(MarginTold(desk.now, desk.now, account, (told,)))


HAPPENS = st.one_of(
    st.tuples(st.just("index"), MOVE, st.sampled_from(["deribit", "binanceusdm"])),
    st.tuples(st.just("mark"), st.sampled_from([LINEAR, PERP]), MOVE),
    st.tuples(st.just("option"), st.sampled_from([CALL, PUT]), st.sampled_from([0.5, 0.6, 0.9])),
    st.tuples(st.just("reckons"), st.sampled_from(ACCOUNTS), st.integers(10, 500_000)),
    st.tuples(st.just("trade"), st.sampled_from([LINEAR, PERP, CALL, PUT]), st.integers(-3, 3)),
    st.tuples(st.just("tick")),
    st.tuples(st.just("wait"), WAIT),
)


def happen(desk, what, *how):
    """Let one thing happen."""
    match what:
        case "index":
            desk.index(round(desk.price * how[0], 1), how[1])
        case "mark":
            desk.mark(how[0], round(desk.price * how[1], 1))
        case "option":
            desk.option(how[0], how[1])
        case "reckons":
            reckons(desk, *how)
        case "trade" if how[1]:
            desk.trade_by_hand(how[0], str(how[1] * 10 if how[0] == PERP else how[1]))
        case "wait":
            desk.now += how[0]
        case _:
            desk.take(Tick(desk.now))


def plain(pools):
    """Return pools as values that can be compared."""
    return pools and [
        (
            each.name,
            each.balance,
            each.maintenance,
            each.legs,
            each.coins,
            [(name, price, *(column.tolist() for column in columns(curve)))
             for name, price, curve in each.curves],
        )
        for each in pools
    ]  # fmt: skip


def columns(curve):
    return curve.prices, curve.value, curve.maintenance


def anew(margins, account, now):
    """Return the pools of an account by figures and curves alone, none of it remembered."""
    known = copy(margins.cushions)
    known.members, known.worked, known.options = {}, {}, dict(known.options)
    known.anchors, known.rates = dict(known.anchors), dict(known.rates)
    return cushions.pools(known, account, margins.around(now))


@given(
    before=st.sampled_from([0, 30 * MINUTE + 20 * SECOND, 12 * MINUTE]),
    story=st.lists(HAPPENS, min_size=5, max_size=40),
)
def test_remembered(before, story):
    """Pools and readings that are remembered are those that would be worked out now."""
    desk = build(PARAMS, [(SPOT, "3"), (LINEAR, "-2", "hedge"), (PERP, "-30"), (CALL, "4")])
    if before:  # near the end of what the options settle on, their curves last shorter
        desk.now = (INSTRUMENTS[CALL].expiry or SETTLEMENT) - before
        desk.market()
    desk.option(CALL, 0.6)
    for account in ACCOUNTS:
        reckons(desk, account, 200_000 if account == "binanceusdm" else 40)

    for what, *how in story:
        happen(desk, what, *how)
        state, now = desk.state, max(desk.state.now, desk.now)
        for account in ACCOUNTS:
            fresh = anew(state.margins, account, now)
            kept = state.margins.pools(account, now)
            assert plain(fresh) == plain(kept), (what, how, account)
            for pool in kept or ():
                unread = Margins(state.instruments, PARAMS, state.ledger, state.prices)
                again = unread.readings(pool, WATCHED)
                assert again == state.margins.readings(pool, WATCHED), (what, how, pool.name)
