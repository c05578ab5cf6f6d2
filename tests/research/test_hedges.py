"""Hedges: each with its reason, reference, cost, and what it made until the next."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.decision import Action, Decision, Reason, Verdict
from rebalancer.core.events import Quote
from rebalancer.exchange.records import Ended, Ending, Filled, Liquidated, Taker
from rebalancer.research import hedges as module
from rebalancer.research import verdict
from rebalancer.research import worth as books
from rebalancer.research.hedges import Hedges
from rebalancer.settings import known

INVERSE, LINEAR = known("deribit:BTC-PERPETUAL"), known("binanceusdm:BTCUSDT")
LISTED = {each.id: each for each in (INVERSE, LINEAR)}


def decision(order, instrument=LINEAR, net_delta=0.3):
    """Return the decision that ordered; None: one that holds."""
    told = Decision(
        7, 1, "BTC", Action.HOLD, Reason.INSIDE_BAND, net_delta, 0.0, 0.0, -0.1, 0.1, price=100.0
    )
    if order is None:
        return told
    facts = {"action": Action.ORDER, "reason": Reason.OUTSIDE_BAND, "client_order_id": order}
    return replace(told, instrument=instrument.id, **facts)


def quote(instrument, bid, ask):
    prices = (None if each is None else Decimal(each) for each in (bid, ask))
    bid, ask = prices
    return Quote(0, 0, instrument.id, bid, Decimal(1), ask, Decimal(1))


class Book:
    """Books with the hedges beside them, as a replay has them."""

    def __init__(self, index=100.0):
        self.worth = books.begin([], {})
        books.price_index(self.worth, "BTC", index)
        self.hedges = Hedges(self.worth, LISTED)

    def mark(self, instrument, price):
        line = books.Line(instrument, 0.0, 0.0, 0.0, 0.0)
        self.worth.lines.setdefault(instrument.id, line).mark = price

    def fill(self, ts, order, quantity, price, instrument=LINEAR, fee="0", forced=False):
        names, amounts = ("x", instrument.id), (Decimal(quantity), Decimal(price), Decimal(fee))
        if forced:
            record = Liquidated(ts, *names, order, *amounts, instrument.settle, Taker.MARKET)
        else:
            facts = (*amounts, instrument.settle, False)
            record = Filled(ts, *names, order, "o", f"{order}-{ts}", *facts)
        books.book(self.worth, record, LISTED)
        return self.hedges.filled(record)


def test_story():
    """Two hedges: the first is told with its cost, and with what it made until the second."""
    book = Book()
    book.mark(LINEAR, 100.0)
    book.hedges.quote(quote(LINEAR, "100", "101"))
    book.hedges.decided(decision("a"))
    lost = book.fill(2, "a", "-2", "99.5", fee="0.1")
    book.hedges.decided(decision(None, net_delta=0.1))
    book.hedges.decided(decision(None, net_delta=0.9))  # later: no more of its doing
    book.mark(LINEAR, 90.0)
    book.hedges.decided(decision("b", net_delta=-0.3))
    book.fill(5, "b", "1", "101")
    book.mark(LINEAR, 92.0)
    book.hedges.close(9)

    first, second = book.hedges.rows()
    assert pytest.approx(2.0) == lost  # two coins sold a dollar below the mid
    assert ("outside_band", 7, -2.0, 99.5, 100.5) == (
        first.reason,
        first.sequence,
        first.quantity,
        first.price,
        first.reference,
    )
    assert pytest.approx((2.0, 0.1, 1e4 * 2 / 199)) == (
        first.slippage,
        first.fee,
        first.slippage_bp,
    )
    assert (0.3, -0.1, 0.1, 0.1) == (first.before, first.lower, first.upper, first.after)
    assert pytest.approx((2 * (100.5 - 90), 5)) == (first.made, first.until)
    assert pytest.approx((92 - 100.5, 9)) == (second.made, second.until)


def test_fills_of_one_order():
    """An order filled in pieces is one hedge, at the price that all of them come to."""
    book = Book(index=50.0)
    book.mark(INVERSE, 50.0)
    book.hedges.decided(decision("a", INVERSE))
    for ts, quantity, price in ((2, "100", "50"), (3, "100", "40")):
        book.fill(ts, "a", quantity, price, INVERSE, fee="0.01")

    (row,) = book.hedges.rows()
    assert (2, 200.0, 2) == (row.fills, row.quantity, row.ts)
    assert pytest.approx(200 / (100 / 50 + 100 / 40)) == row.price
    assert pytest.approx(2 * 0.01 * 50) == row.fee
    assert pytest.approx(-100 * (50 / 40 - 1)) == row.slippage  # the second was cheaper: a gain


@pytest.mark.parametrize(
    ("told", "reference"),
    [(("100", "104"), 102.0), ((None, "104"), 99.0), (None, 99.0)],
)
def test_reference(told, reference):
    """The mid of the decision's moment is the reference; without one, the mark."""
    book = Book()
    book.mark(LINEAR, 99.0)
    if told is not None:
        book.hedges.quote(quote(LINEAR, *told))
    book.hedges.decided(decision("a"))
    book.hedges.quote(quote(LINEAR, "1", "2"))  # after the decision: not what it was made by
    book.mark(LINEAR, 98.0)
    book.fill(2, "a", "1", "100")

    assert reference == book.hedges.rows()[0].reference


def test_forced():
    """What the venue closed is no decision of ours: it is told as what it is, from the mark."""
    book = Book()
    book.mark(LINEAR, 100.0)
    book.fill(2, "t", "1", "103", forced=True)

    (row,) = book.hedges.rows()
    assert ("liquidated", None, 100.0, 3.0) == (
        row.reason,
        row.sequence,
        row.reference,
        row.slippage,
    )
    assert "liquidated by the venue" == verdict.why(row)


def test_why():
    """Why a hedge was made is told in words, with the band and with what cut it."""
    book = Book()
    book.mark(LINEAR, 100.0)
    cut = Verdict("margin", Decimal(1), Reason.MARGIN_TOO_THIN)
    facts = {"wanted": Decimal(3), "allowed": Decimal(1)}
    passed = Verdict("order_size", Decimal(3))
    book.hedges.decided(replace(decision("a"), verdicts=(passed, cut), **facts))
    book.fill(2, "a", "1", "100")

    assert (
        "net delta had left its band; cut by margin: margin_too_thin: "
        "+0.3000 against -0.1000 … +0.1000"
    ) == verdict.why(book.hedges.rows()[0])


def test_long_replays(monkeypatch):
    """Of very many hedges the largest are kept, in order, and the others counted."""
    monkeypatch.setattr(module, "MOST", 5)
    book = Book()
    book.mark(LINEAR, 100.0)
    for ts in range(1, 40):
        book.hedges.decided(decision(f"a{ts}"))
        book.fill(ts, f"a{ts}", "9" if ts == 3 else "1", "100")
        book.hedges.ended(Ended(ts, "x", LINEAR.id, f"a{ts}", "o", Ending.FILLED, Decimal(1)))
    rows = book.hedges.rows()

    assert len(rows) <= 10
    assert 39 == len(rows) + book.hedges.left_out
    assert 3 == rows[0].ts
    assert sorted(row.ts for row in rows) == [row.ts for row in rows]
