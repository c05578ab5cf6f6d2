"""Each guard by itself: what it lets pass, and what it says when it does not."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent, Reason
from rebalancer.core.events import Quote
from rebalancer.core.guards import (
    collar,
    order_size,
    plausibility,
    position_size,
    staleness,
    trading_state,
)
from rebalancer.core.guards.staleness import InputAge
from rebalancer.core.guards.trading_state import TradingState, stricter

D = Decimal

SECOND = 1_000_000_000


def intent(quantity, position="0", closing="0", hedging="0", *, protect=False, per=1.0):
    return HedgeIntent(
        purpose=Purpose.PROTECT if protect else Purpose.HEDGE,
        underlying="BTC",
        account="v",
        instrument="v:X",
        quantity=D(quantity),
        position=D(position),
        closing=D(closing),
        hedging=D(hedging),
        required=D(0),
        delta_per_contract=per,
        price=D(100),
    )


HEDGE = intent("-5", position="3", closing="3", hedging="4")
PROTECT = intent("-5", position="9", closing="5", hedging="0", protect=True)
S = TradingState


@pytest.mark.parametrize(
    ("order", "state", "flags", "allows"),
    [
        (HEDGE, S.ACTIVE, "", 5),
        (HEDGE, S.REDUCING, "", 3),  # what both hedges and closes
        (replace(HEDGE, hedging=D(2)), S.REDUCING, "", 2),
        (replace(HEDGE, closing=D(5), hedging=D(5)), S.REDUCING, "", 5),
        (HEDGE, S.PAUSED, "", 0),
        (HEDGE, S.HALTED, "", 0),
        (HEDGE, S.STARTING, "", 0),
        (HEDGE, S.RECONCILING, "", 0),
        (HEDGE, S.STANDBY, "", 0),
        (HEDGE, S.DRAINING, "", 0),
        (PROTECT, S.ACTIVE, "", 5),
        (PROTECT, S.REDUCING, "", 5),
        (PROTECT, S.PAUSED, "", 5),  # a halted daemon must not watch its own liquidation
        (PROTECT, S.HALTED, "", 5),
        (PROTECT, S.PAUSED, "sealed", 0),
        (PROTECT, S.HALTED, "sealed", 0),
        (replace(PROTECT, closing=D(2)), S.HALTED, "", 2),
        (HEDGE, S.ACTIVE, "killed", 0),
        (PROTECT, S.ACTIVE, "killed", 0),
        (PROTECT, S.HALTED, "killed", 0),
    ],
)
def test_trading_state(order, state, flags, allows):
    """Hedges need an active book, closing protects any that is not killed or sealed."""
    told = trading_state.judge(order, state, killed="killed" in flags, sealed="sealed" in flags)
    reason = Reason.KILLED if "killed" in flags else Reason.NOT_ACTIVE

    assert D(allows) == told.allows
    assert (None if allows == 5 else reason) == told.reason


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (S.ACTIVE, S.REDUCING, S.REDUCING),
        (S.HALTED, S.ACTIVE, S.HALTED),
        (S.PAUSED, S.REDUCING, S.PAUSED),
        (S.RECONCILING, S.PAUSED, S.RECONCILING),
        (S.DRAINING, S.HALTED, S.HALTED),
    ],
)
def test_stricter(one, other, expected):
    """Of two states the stricter wins, whoever is asked first."""
    assert expected is stricter(one, other)
    assert expected is stricter(other, one)


def age(seconds, limit=3, *, protects=False, subject="v:X"):
    told = None if seconds is None else int(seconds * SECOND)
    return InputAge(subject, told, limit * SECOND, Reason.MARK_MISSING, Reason.MARK_STALE, protects)


@pytest.mark.parametrize(
    ("order", "inputs", "reason", "measured"),
    [
        (HEDGE, [], None, None),
        (HEDGE, [age(0), age(3)], None, 3.0),  # the nearest to its limit is told
        (HEDGE, [age(9, limit=30), age(2)], None, 2.0),
        (HEDGE, [age(0), age(3.5)], Reason.MARK_STALE, 3.5),
        (HEDGE, [age(None), age(9)], Reason.MARK_MISSING, None),  # the first is named
        (PROTECT, [age(None), age(9)], None, None),  # needs no greeks
        (PROTECT, [age(9, protects=True)], Reason.MARK_STALE, 9.0),  # but to know the account
        (replace(PROTECT, closing=D(4)), [age(9)], Reason.MARK_STALE, 9.0),  # not only closing
    ],
)
def test_staleness(order, inputs, reason, measured):
    """A hedge rests on young inputs only; a refusal names the one that is not."""
    told = staleness.judge(order, inputs)

    assert (reason, measured) == (told.reason, told.measured)
    assert D(0 if reason else 5) == told.allows
    assert ("v:X" if reason or measured is not None else "") == told.subject


def quote(bid, ask):
    def number(value):
        return None if value is None else D(value)

    return Quote(1, 1, "v:X", number(bid), D(1), number(ask), D(1))


SELL, BUY = intent("-5"), intent("5")


@pytest.mark.parametrize(
    ("order", "book", "reference", "reason"),
    [
        (SELL, quote(100, 101), 100.0, None),
        (BUY, quote(100, 101), 100.0, None),
        (SELL, quote("98.1", 101), 100.0, None),
        (SELL, quote(97, 101), 100.0, Reason.PRICE_OUTSIDE_COLLAR),
        (SELL, quote(103, 104), 100.0, Reason.PRICE_OUTSIDE_COLLAR),  # too good is wrong, too
        (BUY, quote(97, 101), 100.0, None),  # the other side does not matter
        (BUY, quote(100, 103), 100.0, Reason.PRICE_OUTSIDE_COLLAR),
        (BUY, quote(101, 100), 100.0, Reason.QUOTE_CROSSED),
        (BUY, quote(100, 100), 100.0, Reason.QUOTE_CROSSED),  # locked
        (BUY, quote(100, None), 100.0, Reason.QUOTE_MISSING),
        (SELL, quote(100, None), 100.0, None),
        (SELL, quote(None, 101), 100.0, Reason.QUOTE_MISSING),
        (SELL, None, 100.0, Reason.QUOTE_MISSING),
        (SELL, quote(100, 101), None, Reason.REFERENCE_MISSING),
        (PROTECT, quote(50, 150), 100.0, None),  # a gap fills what it can
        (PROTECT, quote(101, 100), 100.0, None),
        (PROTECT, None, 100.0, None),
        (PROTECT, quote(100, 101), None, Reason.REFERENCE_MISSING),
    ],
)
def test_collar(order, book, reference, reason):
    """The near side of the book must agree with the reference, unless the order protects."""
    told = collar.judge(order, book, reference, width=0.02)

    assert reason == told.reason
    assert D(0 if reason else 5) == told.allows


@pytest.mark.parametrize(
    ("order", "limit", "allows"),
    [
        (SELL, 5.0, "5"),
        (SELL, 4.0, "4.0"),
        (intent("50000", per=1e-4), 5.0, "50000"),  # contracts are not coins
        (intent("-50000", per=1e-4), 2.0, "20000"),
        (intent("-50000", per=-1e-4), 2.0, "20000"),
        (intent("-5", per=1e6), 5.0, "0.000005"),  # a slip of the contract size
    ],
)
def test_order_size(order, limit, allows):
    """No order moves more coins than its limit."""
    told = order_size.judge(order, limit)

    assert float(allows) == pytest.approx(float(told.allows))
    assert (told.allows < abs(order.quantity)) == (told.reason is Reason.ORDER_TOO_LARGE)


@pytest.mark.parametrize(
    ("order", "limit", "allows"),
    [
        (intent("-5"), 5.0, 5),
        (intent("-5"), 3.0, 3),
        (intent("-5", position="-2"), 5.0, 3),  # grows what is there
        (intent("-5", position="-9"), 5.0, 0),  # is beyond already
        (intent("-5", position="2", closing="2"), 2.0, 4),  # closes 2, opens 2
        (intent("-5", position="9", closing="5"), 2.0, 5),  # only closes
        (intent("-5", position="5", closing="5"), 0.1, 5),
        (intent("5", position="-2", closing="2"), 1.0, 3),
        (intent("-50000", per=1e-4), 3.0, 30000),
    ],
)
def test_position_size(order, limit, allows):
    """A hedge position stays within its limit; what closes it always passes."""
    told = position_size.judge(order, limit)

    assert float(allows) == pytest.approx(float(told.allows))
    assert (told.allows < abs(order.quantity)) == (told.reason is Reason.POSITION_TOO_LARGE)


def trusted(index, settled=None, *, jumped=False):
    """Return an index that may lie 5 % from the book and 10 % from its last word."""
    return plausibility.Told(index, settled, jumped, width=0.05, jump=0.1)


@pytest.mark.parametrize(
    ("order", "book", "index", "measured"),
    [
        (SELL, quote(99, 101), 100.0, None),
        (SELL, quote(103, "106.9"), 100.0, None),
        (SELL, quote("94.1", 96), 100.0, None),
        (SELL, quote(105, 107), 100.0, 0.06),
        (BUY, quote(93, 95), 100.0, -0.06),
        (BUY, quote(93, None), 100.0, -0.07),  # the side that there is
        (BUY, quote(None, 107), 100.0, 0.07),
        (BUY, quote(80, 120), 100.0, None),  # the middle counts, the width is the collar's
        (BUY, quote(None, None), 1.0, None),  # no book: the collar's to refuse
        (BUY, None, 1.0, None),
        (PROTECT, quote(50, 60), 100.0, None),  # rests on no index
    ],
)
def test_plausibility(order, book, index, measured):
    """Where index and book contradict one another nobody knows which is true: no hedge."""
    told = plausibility.judge(order, book, trusted(index))
    reason = None if measured is None else Reason.INDEX_IMPLAUSIBLE

    assert (reason, D(5 if measured is None else 0)) == (told.reason, told.allows)
    assert measured is None or measured == pytest.approx(told.measured)


@pytest.mark.parametrize(
    ("order", "jumped", "settled", "reason"),
    [
        (SELL, True, 80.0, Reason.INDEX_JUMPED),
        (SELL, True, 130.0, Reason.INDEX_JUMPED),
        (SELL, False, 80.0, None),  # confirmed since
        (SELL, True, None, None),  # the first word of all
        (PROTECT, True, 80.0, None),
    ],
)
def test_jump(order, jumped, settled, reason):
    """A jump that no second word confirmed makes no hedge, even where the book went with it."""
    told = plausibility.judge(order, quote(99, 101), trusted(100.0, settled, jumped=jumped))

    assert (reason, D(0 if reason else 5)) == (told.reason, told.allows)
    if reason:
        assert 100 / settled - 1 == pytest.approx(told.measured)
