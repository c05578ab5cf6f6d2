"""Tests of session settlement and of delivery at expiry."""

import pytest

from rebalancer.errors import DataError
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from tests.exchange.listing import (
    CALL,
    EXPIRY,
    FUTURE,
    INVERSE,
    LINEAR,
    LINEAR_CALL,
    NO_FEES,
    PUT,
    SPOT,
    D,
    open_exchange,
)


@pytest.mark.parametrize(
    ("instrument", "quantity", "amount"),
    [
        (LINEAR, "2", "25000"),
        (LINEAR, "-2", "-25000"),
        (INVERSE, "1000", "0.04"),  # 10,000 (1/50,000 - 1/62,500)
        (INVERSE, "-1000", "-0.04"),
        (FUTURE, "1000", "0.04"),
    ],
)
def test_settlement_moves_profit_into_cash(instrument, quantity, amount):
    """At settlement open profit becomes cash and its price the entry; equity stays."""
    exchange = open_exchange(positions=[(instrument, quantity, "50000")])
    exchange.set_mark(0, instrument.id, D(61_234))
    cash = exchange.balance("a", instrument.settle)
    equity = exchange.equity("a", instrument.settle)

    (settled,) = exchange.settle_session(8, instrument.id, D(62_500))

    assert (8, "a", D(62_500), D(amount), instrument.settle) == (
        *(settled.ts, settled.account, settled.price, settled.amount, settled.currency),
    )
    assert cash + D(amount) == exchange.balance("a", instrument.settle)
    assert D(62_500) == exchange.position("a", instrument.id).entry
    assert equity == exchange.equity("a", instrument.settle)
    assert 0 == exchange.imbalance(instrument.settle)


@pytest.mark.parametrize(
    ("instrument", "quantity", "price", "amount"),
    [
        (CALL, "2", "125000", "0.4"),  # 25,000 ÷ 125,000 coin a contract
        (CALL, "-2", "125000", "-0.4"),
        (CALL, "2", "100000", "0"),
        (CALL, "2", "80000", "0"),
        (PUT, "2", "80000", "0.5"),
        (PUT, "-2", "125000", "0"),
        (PUT, "1", "70000", "0.428571428571"),  # 30,000 ÷ 70,000, to 1e-12
        (LINEAR_CALL, "2", "125000", "5000"),  # 0.1 coin a contract
        (LINEAR_CALL, "-2", "90000", "0"),
        (FUTURE, "1000", "125000", "0.02"),  # 10,000 (1/100,000 - 1/125,000)
        (FUTURE, "-1000", "125000", "-0.02"),
    ],
)
def test_delivery(instrument, quantity, price, amount):
    """At expiry an option pays its payoff, a future its profit, and nobody holds it any more."""
    entry = "100000" if instrument is FUTURE else "0.05"
    exchange = open_exchange(positions=[(instrument, quantity, entry)])
    cash = exchange.balance("a", instrument.settle)

    (delivered,) = exchange.deliver(EXPIRY, instrument.id, D(price))

    assert (EXPIRY, "a", D(price), D(amount), instrument.settle) == (
        *(delivered.ts, delivered.account, delivered.price, delivered.amount),
        delivered.currency,
    )
    assert cash + D(amount) == exchange.balance("a", instrument.settle)
    assert () == exchange.positions("a")
    assert {} == exchange.house.account.holdings
    assert 0 == exchange.imbalance(instrument.settle)


@pytest.mark.parametrize("ends", [False, True])
def test_house_keeps_what_accounts_round(ends):
    """Two accounts round by themselves; the house takes the sum of what they booked."""
    held = (OpeningPosition(FUTURE.id, D(1), D(50_000)),)
    accounts = [OpeningAccount("a", {}, held), OpeningAccount("b", {}, held)]
    exchange = Exchange([FUTURE], NO_FEES, accounts)
    call = exchange.deliver if ends else exchange.settle_session

    first, second = call(EXPIRY, FUTURE.id, D(30_000))  # 0.0002 - 0.000333333333

    assert D("-0.000133333333") == first.amount == second.amount
    assert D("0.000266666666") == exchange.house.account.cash["BTC"]
    assert 0 == exchange.imbalance("BTC")


def test_expiry_changes_equity_by_nothing_at_its_own_mark():
    """An option marked at its payoff is worth the same before and after delivery."""
    exchange = open_exchange(positions=[(CALL, "-2", "0.05")])
    exchange.set_mark(1, CALL.id, D("0.2"))
    before = exchange.equity("a", "BTC")

    exchange.deliver(EXPIRY, CALL.id, D(125_000))

    assert before == exchange.equity("a", "BTC")


@pytest.mark.parametrize(
    ("instrument", "price"), [(CALL, "1"), (SPOT, "100"), (LINEAR, "0"), (LINEAR, "NaN")]
)
def test_senseless_settlement(instrument, price):
    """Only what is margined settles, at a price."""
    with pytest.raises(DataError, match=instrument.id):
        open_exchange().settle_session(0, instrument.id, D(price))


@pytest.mark.parametrize(
    ("instrument", "ts", "price"),
    [(LINEAR, EXPIRY, "1"), (SPOT, EXPIRY, "1"), (CALL, EXPIRY - 1, "1"), (CALL, EXPIRY, "0")],
)
def test_senseless_delivery(instrument, ts, price):
    """Only a dated contract is delivered, at a price, and never early."""
    with pytest.raises(DataError, match=instrument.id):
        open_exchange().deliver(ts, instrument.id, D(price))


def test_second_delivery():
    """A contract is delivered once."""
    exchange = open_exchange()
    exchange.deliver(EXPIRY, CALL.id, D(90_000))

    with pytest.raises(DataError, match="once"):
        exchange.deliver(EXPIRY, CALL.id, D(90_000))
