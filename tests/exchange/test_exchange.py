"""Tests of the facade: time, names, deposits, and what it keeps apart."""

import pytest

from rebalancer.errors import DataError
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from tests.exchange.listing import (
    CASH,
    LINEAR,
    NO_FEES,
    D,
    deal,
    levels,
    open_exchange,
    order,
    quote,
)


def test_time_never_runs_back():
    """A call with an earlier time than the last is refused by name."""
    exchange = open_exchange()
    quote(exchange, LINEAR, "99", "101", ts=5)

    with pytest.raises(DataError, match="5 or later, was 4"):
        exchange.submit(4, order(LINEAR, "1"))


@pytest.mark.parametrize(
    "call",
    [
        lambda exchange: exchange.set_book(0, "x:NO", (), ()),
        lambda exchange: exchange.set_mark(0, CASH.id, D(1)),
        lambda exchange: exchange.position("a", "x:NO"),
        lambda exchange: exchange.submit(0, order(LINEAR, "1", account="nobody")),
        lambda exchange: exchange.cancel(0, "nobody", "c1"),
        lambda exchange: exchange.query("nobody", "c1"),
        lambda exchange: exchange.balance("nobody", "BTC"),
        lambda exchange: exchange.open_orders("nobody"),
        lambda exchange: exchange.deposit(0, "nobody", "BTC", D(1)),
        lambda exchange: exchange.deposit(0, "a", "BTC", D("NaN")),
        lambda exchange: exchange.set_mark(0, LINEAR.id, D(0)),
        lambda exchange: exchange.set_mark(0, LINEAR.id, D("NaN")),
        lambda exchange: exchange.set_index(0, "BTC", D(-1)),
    ],
)
def test_senseless_calls(call):
    """A name that is not here and a number that is none are refused."""
    with pytest.raises(DataError):
        call(open_exchange())


@pytest.mark.parametrize(
    "accounts",
    [
        [OpeningAccount("a"), OpeningAccount("a")],
        [OpeningAccount("a", positions=(OpeningPosition("x:NO", D(1), D(1)),))],
        [OpeningAccount("a", positions=(OpeningPosition(CASH.id, D(1), D(1)),))],
    ],
)
def test_senseless_accounts(accounts):
    """An account opens once, with contracts that are listed."""
    with pytest.raises(DataError, match="must"):
        Exchange([LINEAR, CASH], NO_FEES, accounts)


def test_deposit_and_withdrawal():
    """Cash that comes in or goes out is reported, and is no profit of anybody."""
    exchange = open_exchange()

    (brought,) = exchange.deposit(3, "b", "BTC", D("1.5"))
    (taken,) = exchange.deposit(4, "b", "BTC", D("-0.5"))

    assert (3, "b", D("1.5"), "BTC") == (
        *(brought.ts, brought.account, brought.amount, brought.currency),
    )
    assert D("-0.5") == taken.amount
    assert {"BTC": D(1)} == exchange.balances("b")
    assert 0 == exchange.imbalance("BTC")


def test_ids_never_repeat():
    """Every order, trade and booking has an id of its own."""
    exchange = open_exchange()
    exchange.set_book(0, LINEAR.id, levels("1@99"), levels("1@101", "1@102"))
    records = [*exchange.submit(1, order(LINEAR, "2")), *exchange.deposit(1, "a", "BTC", D(1))]

    ids = [getattr(each, "trade_id", None) or getattr(each, "cash_id", None) for each in records]
    ids.append(records[0].order_id)

    assert 4 == len({each for each in ids if each})


def test_accounts_are_apart():
    """What one account does changes nothing of another."""
    exchange = open_exchange()

    deal(exchange, LINEAR, "1", "100")

    assert () == exchange.positions("b")
    assert () == exchange.fills("b")
    assert {} == exchange.balances("b")
