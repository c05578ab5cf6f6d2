"""Recovered: a restart knows of the book what the start before it knew."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import counters, ids
from rebalancer.core.commands import Purpose, Submit, TimeInForce
from rebalancer.core.events import (
    Delivered,
    Ending,
    Fill,
    FundingPaid,
    Operator,
    OrderAccepted,
    OrderEnded,
    Settled,
    Verb,
)
from rebalancer.core.orders import OrderState
from rebalancer.core.state import State
from rebalancer.ports import Entry
from rebalancer.storage import codec
from rebalancer.storage.memory import MemoryJournal
from rebalancer.wiring.recovered import begun, recover
from tests.runtime.stage import Lines
from tests.scenarios import desk as desks

D = Decimal
START = desks.START
ACCOUNTS = desks.PARAMS.accounts


def kept(*events, epoch=desks.PARAMS.epoch, submits=()):
    """Return a journal in which one start wrote these events down."""
    journal = MemoryJournal()
    journal.epoch = epoch
    begun(journal, START, "desk")
    for each in submits:
        journal.append(Entry(1, START, "order", each.client_order_id, codec.encode(each)))
    for each in events:
        journal.append(Entry(1, START, "event", "", codec.encode(each)))
    return journal


def restarted(journal, params):
    """Return the state of a start after the one whose journal this is."""
    state = State(desks.INSTRUMENTS, params, START + 10)
    log = Lines()
    recover(journal, params.accounts).put_back(state, log)
    return state, log


BOOKINGS = {
    "settled": Settled(START, START, "deribit", desks.PERP, "s1", D(125_000)),
    "funding": FundingPaid(START, START, "deribit", desks.PERP, "f1", D("0.5"), "BTC"),
    "delivered": Delivered(START, START, "deribit", desks.PERP, "d1", D(125_000)),
    "closed": Fill(
        *(START, START, "deribit", desks.PERP, "t2", None, D(-50_000), D(125_000)),
        *(D("0.001"), "BTC"),
    ),
}


@pytest.mark.parametrize("booking", BOOKINGS)
def test_cash_of_what_is_out_of_scope(booking):
    """What a position that is left out earned is left out after a restart too."""
    params = desks.settings(exclude=(desks.PERP,))
    opened = Fill(
        *(START, START - 1, "deribit", desks.PERP, "t1", None, D(50_000), D(100_000), D(0), "BTC"),
    )
    live = State(desks.INSTRUMENTS, params, START)
    for each in (opened, BOOKINGS[booking]):
        live.apply(each)

    again, _ = restarted(kept(opened, BOOKINGS[booking]), params)

    assert live.ledger.balance("deribit", "BTC")
    assert [] == list(live.holdings("BTC"))[1:]  # at most the position itself, and no coins
    assert list(live.holdings("BTC")) == list(again.holdings("BTC"))


@pytest.mark.parametrize(
    ("place", "epoch", "ours"),
    [(0, 2, True), (0, 3, False), (0, 4, False), (1, 2, False)],
)
def test_fills_of_a_journal_that_was_lost(place, epoch, ours):
    """What the start that heard of a fill took for a hedge of its book is one ever after.

    The start that comes after knows a higher epoch, by which all of them were earlier.
    """
    name = ids.encode(ids.ClientOrderId(account=place, epoch=epoch, sequence=5))
    fill = Fill(
        *(START + 1, START + 1, "deribit", desks.PERP, "t1", name, D(-100), D(100_000)),
        *(D(0), "BTC"),
    )
    live = State(desks.INSTRUMENTS, desks.PARAMS, START)
    live.apply(fill)

    later = replace(desks.PARAMS, epoch=desks.PARAMS.epoch + 5)
    again, _ = restarted(kept(fill), later)

    held = live.ledger.position("deribit", desks.PERP)
    assert (D(-100) if ours else 0) == held.hedge
    assert held == again.ledger.position("deribit", desks.PERP)


def order(underlying="BTC", instrument=desks.LINEAR):
    """Return an order of the start before."""
    name = ids.encode(ids.ClientOrderId(account=1, epoch=3, sequence=1))
    return Submit(
        *(name, "binanceusdm", instrument, D(-1), D(100_000), TimeInForce.IOC, False),
        *(Purpose.HEDGE, underlying, START),
    )


@pytest.mark.parametrize("filled", [D(0), D(-1)])
def test_an_underlying_that_left_the_settings(filled):
    """An order whose underlying is hedged no more is followed to its end like any other."""
    sent = order("ETH", desks.ETHER)
    state, _ = restarted(kept(submits=[sent]), desks.PARAMS)
    assert OrderState.UNKNOWN is state.orders[sent.client_order_id].state

    if filled:
        state.apply(
            Fill(
                *(START + 20, START, "binanceusdm", desks.ETHER, "t1", sent.client_order_id),
                *(filled, D(100_000), D(0), "USDT"),
            )
        )
    state.apply(OrderEnded(START + 30, START, sent.client_order_id, Ending.EXPIRED, filled))

    assert [] == state.open_orders()


def test_an_instrument_that_left_the_settings():
    """An order for what no setting describes is named, not dropped in silence."""
    sent = order(instrument="binanceusdm:GONE")
    state, log = restarted(kept(submits=[sent]), desks.PARAMS)

    assert [] == state.open_orders()
    assert "reconcile.differed" in log.events()


def test_what_was_traded_is_described():
    """What an earlier start traded is known by name where no setting has it any more."""
    name = "deribit:BTC-25DEC26-90000-C"
    found = recover(kept(submits=[order(instrument=name)]), ACCOUNTS).described({})

    assert [name] == list(found)


@pytest.mark.parametrize("known", [(), ("accepted",), ("accepted", "filled")])
def test_what_an_operator_ended_stays_ended(known):
    """An order that somebody looked up and declared over does not come back with a restart."""
    sent = order()
    name = sent.client_order_id
    news = {
        "accepted": OrderAccepted(START + 1, START, name, "v1"),
        "filled": Fill(
            *(START + 2, START, "binanceusdm", desks.LINEAR, "t1", name, D("-0.5")),
            *(D(100_000), D(0), "USDT"),
        ),
    }
    armed = Operator(START + 9, Verb.ARM, "none there", "1000", ended=(name,))
    state, _ = restarted(kept(*(news[each] for each in known), armed, submits=[sent]), desks.PARAMS)

    assert [] == state.open_orders()
    assert "operator: none there" == state.orders[name].evidence


@pytest.mark.parametrize(
    ("kept_at", "own", "turnover"),
    [
        (START - 1, True, 500_000),  # it came after what the book did was kept last
        (START, True, 0),  # it was counted then
        (None, True, 0),  # nothing was kept: a release before, or the first start
        (START - 1, False, 0),  # somebody else's
    ],
)
def test_what_came_after_it_was_kept_counts(kept_at, own, turnover):
    """A start that falls between a fill and the next time that counters are kept loses none."""
    sent = order(instrument=desks.PERP)
    fill = replace(BOOKINGS["closed"], client_order_id=sent.client_order_id)
    state = State(desks.INSTRUMENTS, desks.PARAMS, START + 10)
    state.behaviour.kept_at = kept_at
    journal = kept(fill, submits=[sent] if own else ())
    recover(journal, ACCOUNTS).put_back(state, Lines())

    assert turnover == counters.total(state.behaviour.turnover, START + 10)
