"""Guards of what is traded: its book, its basis, the indexes, the currency it settles in."""

from decimal import Decimal

import pytest

from rebalancer.core.decision import Reason
from rebalancer.core.events import Quote
from rebalancer.core.guards import basis, depeg, depth, divergence, spread
from rebalancer.core.guards.basis import Basis
from rebalancer.core.guards.depth import Depth
from tests.core.guards.orders import CLOSES, GROWS, PROTECTS, TURNS, order

D = Decimal
MUST = order("-5", required="4")


def number(value):
    return None if value is None else D(value)


def quote(bid, ask):
    return Quote(1, 1, "v:X", number(bid), D(1), number(ask), D(1))


@pytest.mark.parametrize(
    ("intent", "book", "allows", "reason"),
    [
        (GROWS, quote("99.95", "100.05"), "5", None),  # 0.001 of mid, which is the limit
        (GROWS, quote("99.96", "100.05"), "5", None),
        (GROWS, quote("99.94", "100.05"), "0", Reason.SPREAD_TOO_WIDE),
        (CLOSES, quote("99.94", "100.05"), "0", Reason.SPREAD_TOO_WIDE),  # it can wait
        (MUST, quote("99.94", "100.05"), "4", Reason.SPREAD_TOO_WIDE),
        (order("-5", required="5"), quote("90", "110"), "5", None),
        (GROWS, quote("100.05", "99.95"), "5", None),  # crossed: the collar's to refuse
        (GROWS, quote("100", None), "0", Reason.QUOTE_MISSING),
        (GROWS, quote(None, "100"), "0", Reason.QUOTE_MISSING),
        (MUST, quote(None, None), "0", Reason.QUOTE_MISSING),
        (MUST, None, "0", Reason.QUOTE_MISSING),
        (PROTECTS, quote("90", "110"), "5", None),
        (PROTECTS, None, "5", None),
    ],
)
def test_spread(intent, book, allows, reason):
    """In a wide book only what is required is traded, and nothing in one with a side missing."""
    told = spread.judge(intent, book, limit=0.001)

    assert (D(allows), reason) == (told.allows, told.reason)


def test_spread_measured():
    """The spread is told as a fraction of mid, beside its limit and its book."""
    told = spread.judge(GROWS, quote("99", "101"), limit=0.001)

    assert (0.02, 0.001, "v:X") == (told.measured, told.limit, told.subject)


def there(shown, interest=None):
    """Return a depth of which an order takes 10 % and a position is 2 %."""
    return Depth(number(shown), 0.1, number(interest), 0.02)


@pytest.mark.parametrize(
    ("intent", "depth_", "allows", "reason"),
    [
        (GROWS, there("50"), "5", None),
        (GROWS, there("50.01"), "5", None),
        (GROWS, there("49.99"), "4.999", Reason.DEPTH_TOO_THIN),  # exactly
        (GROWS, there("0"), "0", Reason.DEPTH_TOO_THIN),
        (GROWS, there(None), "0", Reason.DEPTH_MISSING),
        (CLOSES, there("20"), "2", Reason.DEPTH_TOO_THIN),
        (CLOSES, there(None), "0", Reason.DEPTH_MISSING),
        (order("-5", required="5"), there("20"), "2", Reason.DEPTH_TOO_THIN),
        (PROTECTS, there("1"), "5", None),
        (PROTECTS, there(None), "5", None),
        (GROWS, there("50", "350"), "5", None),  # 7 after it, of 7
        (GROWS, there("50", "351"), "5", None),
        (GROWS, there("50", "349"), "4.98", Reason.OPEN_INTEREST_SHARE),
        (GROWS, there("50", "50"), "0", Reason.OPEN_INTEREST_SHARE),  # is beyond already
        (GROWS, there("50", "0"), "0", Reason.OPEN_INTEREST_SHARE),
        (TURNS, there("50", "100"), "5", None),  # 2 after it, of 2
        (TURNS, there("50", "75"), "4.5", Reason.OPEN_INTEREST_SHARE),
        (TURNS, there("50", "0"), "3", Reason.OPEN_INTEREST_SHARE),
        (CLOSES, there("50", "0"), "5", None),
        (PROTECTS, there("50", "0"), "5", None),
        (GROWS, there("40", "300"), "4", Reason.DEPTH_TOO_THIN),  # both 4: the book is named
        (GROWS, there("40", "250"), "3", Reason.OPEN_INTEREST_SHARE),  # the tighter one
        (GROWS, there("20", "300"), "2", Reason.DEPTH_TOO_THIN),
    ],
)
def test_depth(intent, depth_, allows, reason):
    """An order takes its share of the book, and its position its share of the open interest."""
    told = depth.judge(intent, depth_)

    assert (D(allows), reason) == (told.allows, told.reason)


@pytest.mark.parametrize(
    ("depth_", "measured", "limit"),
    [(there("40"), 5, 4), (there("400"), 5, 40), (there("400", "300"), 7, 6)],
)
def test_depth_measured(depth_, measured, limit):
    """What is measured is contracts: the order by the book, the position by the interest."""
    told = depth.judge(GROWS, depth_)

    assert (measured, limit, "v:X") == (told.measured, told.limit, told.subject)


@pytest.mark.parametrize(
    ("intent", "facts", "allows", "reason", "subject"),
    [
        # limit 1/64, so that the floats are exact
        (GROWS, (65.0, 64.0, 0.0), "5", None, "v:X"),
        (GROWS, (63.0, 64.0, 0.0), "5", None, "v:X"),
        (GROWS, (65.125, 64.0, 0.0), "0", Reason.BASIS_TOO_WIDE, "v:X"),
        (GROWS, (62.875, 64.0, 0.0), "0", Reason.BASIS_TOO_WIDE, "v:X"),  # too cheap is as far
        (GROWS, (67.0, 64.0, 2 / 64), "5", None, "v:X"),  # a future at its usual basis, almost
        (GROWS, (67.125, 64.0, 2 / 64), "0", Reason.BASIS_TOO_WIDE, "v:X"),
        (GROWS, (64.0, 64.0, 2 / 64), "0", Reason.BASIS_TOO_WIDE, "v:X"),  # it lost it
        (TURNS, (70.0, 64.0, 0.0), "3", Reason.BASIS_TOO_WIDE, "v:X"),
        (order("-5", required="5"), (70.0, 64.0, 0.0), "5", None, ""),  # must be
        (CLOSES, (70.0, 64.0, 0.0), "5", None, ""),
        (PROTECTS, (70.0, 64.0, 0.0), "5", None, ""),
        (TURNS, (None, 64.0, 0.0), "3", Reason.MARK_MISSING, "v:X"),
        (TURNS, (64.0, None, 0.0), "3", Reason.INDEX_MISSING, "BTC"),
        (TURNS, (64.0, 64.0, None), "3", Reason.BASIS_MISSING, "v:X"),
        (CLOSES, (None, None, None), "5", None, ""),
        (PROTECTS, (None, None, None), "5", None, ""),
    ],
)
def test_basis(intent, facts, allows, reason, subject):
    """Nothing grows in a contract that left its index, or of which nobody knows."""
    told = basis.judge(intent, Basis(*facts, limit=1 / 64))

    assert (D(allows), reason, subject) == (told.allows, told.reason, told.subject)


def test_basis_measured():
    """What is told is how much dearer than usual the contract is."""
    told = basis.judge(GROWS, Basis(62.0, 64.0, 2 / 64, limit=1 / 64))

    assert (-4 / 64, 1 / 64) == (told.measured, told.limit)


def indexes(*prices):
    return tuple(zip("abcd", map(D, prices), strict=False))


@pytest.mark.parametrize(
    ("intent", "told", "reason", "subject"),
    [
        (GROWS, indexes(), None, ""),
        (GROWS, indexes("100"), None, ""),
        (GROWS, indexes("100", "101"), None, "BTC"),  # 1 %, which is the limit
        (GROWS, indexes("101", "100"), None, "BTC"),
        (GROWS, indexes("100", "100.99"), None, "BTC"),
        (GROWS, indexes("100", "101.01"), Reason.INDEXES_DIVERGE, "a"),  # nobody knows which
        (GROWS, indexes("101.01", "100"), Reason.INDEXES_DIVERGE, "a"),
        (GROWS, indexes("100", "100.1", "102"), Reason.INDEXES_DIVERGE, "c"),
        (GROWS, indexes("97", "100.1", "100"), Reason.INDEXES_DIVERGE, "a"),
        (GROWS, indexes("100", "101", "97", "100"), Reason.INDEXES_DIVERGE, "c"),
        (CLOSES, indexes("100", "120"), Reason.INDEXES_DIVERGE, "a"),
        (order("-5", required="5"), indexes("100", "120"), Reason.INDEXES_DIVERGE, "a"),
        (PROTECTS, indexes("100", "120"), None, ""),
    ],
)
def test_divergence(intent, told, reason, subject):
    """Where the venues do not agree nothing is hedged, and the odd one is named."""
    verdict = divergence.judge(intent, told, limit=0.01)

    assert (D(0 if reason else 5), reason) == (verdict.allows, verdict.reason)
    assert subject == verdict.subject


def test_divergence_measured():
    """What is told is how far the highest lies above the lowest."""
    told = divergence.judge(GROWS, indexes("100", "125", "110"), limit=0.01)

    assert (0.25, 0.01) == (told.measured, told.limit)


@pytest.mark.parametrize(
    ("intent", "price", "allows", "reason"),
    [
        (GROWS, "1", "5", None),
        (GROWS, "0.99", "5", None),
        (GROWS, "1.01", "5", None),
        (GROWS, "0.9899", "0", Reason.STABLE_DEPEGGED),
        (GROWS, "1.0101", "0", Reason.STABLE_DEPEGGED),
        (TURNS, "0.8", "3", Reason.STABLE_DEPEGGED),
        (order("-5", required="5"), "0.8", "5", None),  # must be
        (CLOSES, "0.8", "5", None),
        (PROTECTS, "0.8", "5", None),
        (GROWS, None, "5", None),  # nobody tells
    ],
)
def test_depeg(intent, price, allows, reason):
    """Nothing grows that settles in a currency off its peg."""
    told = depeg.judge(intent, "USDT", number(price), limit=0.01)

    assert (D(allows), reason) == (told.allows, told.reason)
    assert ("USDT" if reason else told.subject) == told.subject


def test_depeg_measured():
    """What is told is the way from the peg, and whose."""
    told = depeg.judge(GROWS, "USDC", D("0.88"), limit=0.01)

    assert (-0.12, 0.01, "USDC") == (told.measured, told.limit, told.subject)
