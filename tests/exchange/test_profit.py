"""Tests of positions and profit: linear, inverse, options, spot; numbers worked by hand."""

import pytest

from rebalancer.errors import DataError
from rebalancer.exchange.accounts import Holding, trade
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from tests.exchange.listing import (
    CALL,
    INVERSE,
    LINEAR,
    LINEAR_CALL,
    NO_FEES,
    SPOT,
    D,
    deal,
    open_exchange,
)


@pytest.mark.parametrize(
    ("deals", "quantity", "basis", "profit"),
    [
        ([("2", "100")], "2", "200", "0"),
        ([("2", "100"), ("1", "106")], "3", "306", "0"),
        ([("2", "100"), ("-1", "110")], "1", "100", "10"),
        ([("2", "100"), ("-2", "90")], "0", "0", "-20"),
        ([("2", "100"), ("-3", "110")], "-1", "-110", "20"),  # through zero
        ([("-2", "100"), ("1", "90")], "-1", "-100", "10"),
        ([("-2", "100"), ("3", "110")], "1", "110", "-20"),
        # a third of 100 leaves, rounded, and exactly the rest stays
        ([("3", "33.3"), ("-0.1", "33.3"), ("-2.9", "33.3")], "0", "0", "0"),
    ],
)
def test_linear(deals, quantity, basis, profit):
    """A linear position keeps what it cost; a reduction books price difference x coins."""
    exchange = open_exchange()
    for size, price in deals:
        deal(exchange, LINEAR, size, price)

    position = exchange.position("a", LINEAR.id)

    assert (D(quantity), D(basis)) == (position.quantity, position.basis)
    assert D(1_000_000) + D(profit) == exchange.balance("a", "USDT")


@pytest.mark.parametrize(
    ("deals", "quantity", "basis", "profit"),
    [  # contracts of 10 USD; basis in coins
        ([("1000", "50000")], "1000", "0.2", "0"),
        ([("1000", "50000"), ("-1000", "62500")], "0", "0", "0.04"),  # 10,000 (1/50,000 - 1/62,500)
        ([("1000", "50000"), ("-1000", "40000")], "0", "0", "-0.05"),
        ([("-1000", "50000"), ("1000", "40000")], "0", "0", "0.05"),
        ([("1000", "50000"), ("-500", "62500")], "500", "0.1", "0.02"),
        ([("1000", "50000"), ("-1500", "62500")], "-500", "-0.08", "0.04"),
        # 10 USD at 30,000 is 0.000333333333 coin, rounded once and released as it was
        ([("1", "30000"), ("-1", "30000")], "0", "0", "0"),
        ([("2", "30000"), ("-1", "30000"), ("-1", "30000")], "0", "0", "0.000000000001"),
    ],
)
def test_inverse(deals, quantity, basis, profit):
    """An inverse position keeps the coins that its USD bought; profit is in coin."""
    exchange = open_exchange()
    for size, price in deals:
        deal(exchange, INVERSE, size, price)

    position = exchange.position("a", INVERSE.id)

    assert (D(quantity), D(basis)) == (position.quantity, position.basis)
    assert D(10) + D(profit) == exchange.balance("a", "BTC")
    assert 0 == exchange.imbalance("BTC")


@pytest.mark.parametrize(
    ("instrument", "quantity", "entry", "mark", "unrealised", "value"),
    [
        (LINEAR, "2", "100", "103", "6", "6"),
        (LINEAR, "-2", "100", "103", "-6", "-6"),
        (INVERSE, "1000", "50000", "62500", "0.04", "0.04"),
        (INVERSE, "-1000", "50000", "62500", "-0.04", "-0.04"),
        (CALL, "-2", "0.05", "0.04", "0.02", "-0.08"),
        (CALL, "1", "0.05", "0", "-0.05", "0"),  # worthless is a price too
        (LINEAR_CALL, "3", "500", "600", "30", "180"),  # 0.1 coin a contract
        (SPOT, "2", "100", "103", "6", "206"),
    ],
)
def test_position_at_mark(instrument, quantity, entry, mark, unrealised, value):
    """A position opened at its entry shows profit at mark, and what it adds to equity."""
    exchange = open_exchange(positions=[(instrument, quantity, entry)])
    cash = exchange.balance("a", instrument.settle)
    exchange.set_mark(1, instrument.id, D(mark))

    (position,) = exchange.positions("a")

    assert D(entry) == position.entry
    assert (D(unrealised), D(value)) == (position.unrealised, position.value)
    assert cash + D(value) == exchange.equity("a", instrument.settle)


def test_equity_of_another_currency():
    """A position counts only where it settles."""
    exchange = open_exchange(positions=[(LINEAR, "2", "100")])

    assert D(10) == exchange.equity("a", "BTC")


def test_unknown_mark():
    """Without a mark nobody can tell equity; an empty position needs none."""
    exchange = open_exchange(positions=[(LINEAR, "2", "100")])

    held, empty = exchange.position("a", LINEAR.id), exchange.position("a", INVERSE.id)

    assert exchange.equity("a", "USDT") is None
    assert (None, None, None) == (held.mark, held.unrealised, held.value)
    assert (D(0), None, D(0)) == (empty.quantity, empty.entry, empty.value)


@pytest.mark.parametrize(
    ("instrument", "quantity", "price", "currency", "change"),
    [
        (CALL, "2", "0.05", "BTC", "-0.1"),
        (CALL, "-2", "0.05", "BTC", "0.1"),
        (SPOT, "2", "100", "USDT", "-200"),
        (SPOT, "-2", "100", "USDT", "200"),
    ],
)
def test_paid_in_full(instrument, quantity, price, currency, change):
    """Premium and spot are paid at once and in full."""
    exchange = open_exchange()
    before = exchange.balance("a", currency)

    deal(exchange, instrument, quantity, price)

    assert before + D(change) == exchange.balance("a", currency)
    assert -D(change) == exchange.position("a", instrument.id).basis


def test_house_books_what_the_account_booked():
    """Whom an account turns against closes in one piece, and still books the same worth."""
    held = (OpeningPosition(INVERSE.id, D(1), D(30_000)),)
    accounts = [OpeningAccount("a", {}, held), OpeningAccount("b", {}, held)]
    exchange = Exchange([INVERSE], NO_FEES, accounts)

    deal(exchange, INVERSE, "-2", "30000")  # twice 0.000333333333, not 0.000666666667

    assert {} == exchange.house.account.holdings
    assert 0 == exchange.house.account.cash["BTC"] == exchange.imbalance("BTC")


def test_last_contract_takes_the_whole_basis():
    """Closing releases a basis to its last digit, however fine it is."""
    held = Holding(D(3), D("100.0000000000001"))

    after, profit, worth = trade(LINEAR, held, D(-3), D(40))

    assert (Holding(), D("19.9999999999999"), D(-120)) == (after, profit, worth)


def test_opening_positions_net_at_the_house():
    """Openings at different entries leave the house their difference, and nothing is lost."""
    exchange = open_exchange(positions=[(LINEAR, "1", "100"), (LINEAR, "-1", "110")])

    assert D(1_000_010) == exchange.balance("a", "USDT")
    assert 0 == exchange.imbalance("USDT")


@pytest.mark.parametrize(
    ("quantity", "entry"), [("1", "0"), ("1", "NaN"), ("NaN", "1"), ("1", "-5")]
)
def test_senseless_opening(quantity, entry):
    """An opening position without a price or a size is refused by name."""
    with pytest.raises(DataError, match="must open"):
        open_exchange(positions=[(LINEAR, quantity, entry)])
