"""Recovery: the ledger of an earlier start comes back from its journal, to the last unit."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import adopting, ids, recovery
from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.events import (
    Adopted,
    CashMoved,
    Delivered,
    Ending,
    Fill,
    Forced,
    FundingPaid,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    Settled,
)
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.orders import OrderState
from rebalancer.core.positions import Position
from rebalancer.storage import codec
from tests.scenarios.desk import BTC

D = Decimal
PERP = Instrument("v:PERP", Kind.PERPETUAL, "BTC", "BTC", size=D(1))
CALL = Instrument("v:CALL", Kind.OPTION, "BTC", "BTC", strike=D(80_000), sign=+1, expiry=9)
COINS = Instrument("v:BTC", Kind.CASH, "BTC", "BTC")
LISTED = {each.id: each for each in (PERP, CALL, COINS)}
OWN = ids.encode(ids.ClientOrderId(account=1, epoch=3, sequence=7))
OURS = {OWN}


def fill(key, instrument, quantity, price, order=None, forced=None):
    names = ("v", instrument.id, key, order)
    return Fill(1, 1, *names, D(quantity), D(price), D("0.0001"), "BTC", forced)


BOOKINGS = [
    Adopted(1, 1, "v", COINS.id, D(10), D(1)),
    Adopted(1, 1, "v", CALL.id, D(-5), D("0.04")),
    Adopted(1, 1, "v", PERP.id, D(-20_000), D(100_000)),
    fill("t1", PERP, "-30000", "99000", OWN),
    fill("t2", PERP, "5000", "98000", "by hand"),
    FundingPaid(1, 1, "v", PERP.id, "f1", D("0.002"), "BTC"),
    Settled(1, 1, "v", PERP.id, "s1", D(97_000)),
    fill("t3", PERP, "10000", "99500", None, Forced.DELEVERAGING),
    CashMoved(1, 1, "v", "c1", "deposit", D("0.5"), "BTC"),
    Delivered(1, 1, "v", CALL.id, "d1", D(100_000), D("0.0003")),
]


def test_rebook():
    """What was booked comes back as it was: quantities, bases, hedges, cash, totals and ids."""
    first = Ledger()
    assert () == recovery.rebook(first, BOOKINGS, LISTED, {}, OURS)
    told = [codec.decode(codec.encode(each)) for each in BOOKINGS]
    again = Ledger()

    assert () == recovery.rebook(again, told, LISTED, {}, OURS)

    assert first == again
    assert (D(-35_000), D(-20_000)) == (
        first.position("v", PERP.id).quantity,
        first.position("v", PERP.id).hedge,  # 30,000 by our order, of which 10,000 were taken
    )
    assert "v:CALL" not in {name for _, name in first.positions}


@pytest.mark.parametrize("place", range(3, len(BOOKINGS)))
def test_told_again(place):
    """What the venue tells once more after a restart changes nothing."""
    once = Ledger()
    recovery.rebook(once, BOOKINGS, LISTED, {}, OURS)
    cash, positions = dict(once.cash), dict(once.positions)

    recovery.rebook(once, [BOOKINGS[place]], LISTED, {}, OURS)

    assert (cash, positions) == (once.cash, once.positions)


def test_not_described_any_more():
    """What no setting describes any more is named, and the rest is booked."""
    found = Ledger()

    assert ("v:CALL",) == recovery.rebook(
        found, BOOKINGS, {PERP.id: PERP, COINS.id: COINS}, {}, OURS
    )
    assert D(-35_000) == found.position("v", PERP.id).quantity


@pytest.mark.parametrize(
    ("quantity", "hedge"), [("-50", "-30"), ("-20", "-20"), ("10", "0"), ("0", "0")]
)
def test_adopted_keeps_the_hedge(quantity, hedge):
    """What is declared to be held keeps the part that hedging put there, as far as it is held."""
    book = Ledger(positions={("v", PERP.id): Position(D(-30), D("-0.0003"), D(-30))})

    adopting.book_adopted(book, Adopted(1, 1, "v", PERP.id, D(quantity), D(100_000)), PERP)

    assert (D(quantity), D(hedge)) == (
        book.position("v", PERP.id).quantity,
        book.position("v", PERP.id).hedge,
    )


# --- orders ---------------------------------------------------------------------

SENT, LATER = 1_000, 5_000_000_000  # ns of the intent, and of the restart
PART = fill("t1", PERP, "-10000", "99000", OWN)
WHOLE = fill("t2", PERP, "-20000", "99000", OWN)


def submit(sent=SENT, instrument=PERP.id):
    """Return an order for 30,000 USD short."""
    return Submit(
        *(OWN, "v", instrument, D(-30_000), D(100_000), TimeInForce.IOC, False),
        *(Purpose.HEDGE, "BTC", sent),
    )


@pytest.mark.parametrize(
    ("told", "state", "filled", "is_open"),
    [
        ((), OrderState.UNKNOWN, 0, True),  # nobody knows whether it ever left
        ((OrderAccepted(2, 2, OWN, "7"),), OrderState.UNKNOWN, 0, True),
        ((OrderUnknown(2, None, OWN, "no answer"),), OrderState.UNKNOWN, 0, True),
        ((OrderAccepted(2, 2, OWN, "7"), PART), OrderState.UNKNOWN, -10_000, True),
        ((PART, PART), OrderState.UNKNOWN, -10_000, True),  # told twice, booked once
        ((PART, WHOLE), OrderState.FILLED, -30_000, False),
        ((OrderRejected(2, 2, OWN, "no"),), OrderState.REJECTED, 0, False),
        ((OrderNotFound(2, None, OWN, proves=True),), OrderState.ABSENT, 0, False),
        ((OrderEnded(2, 2, OWN, Ending.EXPIRED, D(0)),), OrderState.EXPIRED, 0, False),
        ((OrderEnded(2, 2, OWN, Ending.EXPIRED, D(-10_000)),), OrderState.EXPIRED, 0, True),
        ((OrderEnded(2, 2, OWN, Ending.EXPIRED, D(-10_000)), PART), OrderState.EXPIRED, -10_000, 0),
    ],
)
def test_revived(told, state, filled, is_open):
    """An order comes back as what was heard of it says; whatever is open must be proved."""
    (order,) = recovery.revived([submit()], told, LISTED, LATER)

    assert (state, filled, bool(is_open)) == (order.state, order.filled, order.open)
    assert (LATER if is_open else None) == order.unknown_since
    assert order.delta_per_contract == pytest.approx(1 / 100_000)


def test_revived_with_its_ratio():
    """What an order may still add counts as it did before the fall, hedge ratio and all."""
    own = replace(BTC, ratios={PERP.id: 1.25})
    (order,) = recovery.revived([submit()], (), LISTED, LATER, {"BTC": own})

    assert pytest.approx(0.8 / 100_000) == order.delta_per_contract


def test_answers_of_before_prove_nothing():
    """Answers "not found" from before the fall are no evidence after it."""
    told = [OrderUnknown(2, None, OWN, "no answer")]
    told += [OrderNotFound(ts, None, OWN) for ts in (3, 4, 5)]

    (order,) = recovery.revived([submit()], told, LISTED, LATER)

    assert (0, None, None) == (order.not_found, order.first_not_found, order.last_not_found)


@pytest.mark.parametrize(
    ("told", "sent", "instrument", "count"),
    [
        ((OrderRejected(2, 2, OWN, "no"),), SENT, PERP.id, 0),  # long over
        ((), SENT, PERP.id, 1),  # long ago and open
        ((OrderRejected(2, 2, OWN, "no"),), recovery.DAY, PERP.id, 1),  # over, but not long ago
        ((), SENT, "v:GONE", 0),  # the reconciliation tells what became of it
    ],
)
def test_what_is_revived(told, sent, instrument, count):
    """What is open comes back, and what ended within a day, so that late news of it is known."""
    now = recovery.DAY + 2_000

    assert count == len(recovery.revived([submit(sent, instrument)], told, LISTED, now))
