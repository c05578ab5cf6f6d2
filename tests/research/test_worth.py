"""The follower's books, against sums by hand."""

from decimal import Decimal

import pytest

from rebalancer.exchange.records import ContractDelivered, Filled, FundingBooked, Rejected
from rebalancer.exchange.records import RejectReason as Why
from rebalancer.research import worth as books
from rebalancer.settings import known

NAMES = (
    *("deribit:BTC", "deribit:BTC-PERPETUAL", "deribit:BTC-27FEB26-98000-C"),
    *("deribit:BTC-27FEB26-80000-P", "deribit:BTC-27FEB26"),
    *("binance:BTCUSDT", "binanceusdm:BTCUSDT", "binanceusdm:USDT"),
)
BTC, INVERSE, CALL, PUT, FUTURE, SPOT, LINEAR, USDT = BOOK = tuple(known(name) for name in NAMES)
LISTED = {each.id: each for each in BOOK}


def filled(instrument, quantity, price, fee="0"):
    amounts = (Decimal(quantity), Decimal(price), Decimal(fee))
    where = ("x", instrument.id, "c", "o", "t")
    return Filled(1, *where, *amounts, instrument.settle, maker=False)


def funding(instrument, amount):
    return FundingBooked(1, "x", instrument.id, "p", Decimal(amount), instrument.settle)


def delivered(instrument, price):
    amount = Decimal(0)  # the follower works it out itself
    return ContractDelivered(1, "x", instrument.id, "d", Decimal(price), amount, instrument.settle)


def follow(worth, *records):
    for record in records:
        books.book(worth, record, LISTED)


def mark(worth, instrument, price):
    worth.lines[instrument.id].mark = price


def test_linear():
    """A linear perpetual gains what its price does; a fee and funding are cash."""
    worth = books.begin([(USDT, 1_000.0, False)], {})
    follow(worth, filled(LINEAR, "2", "100", fee="0.5"), funding(LINEAR, "-0.25"))
    mark(worth, LINEAR, 110.0)

    assert 1_000 - 0.5 - 0.25 + 20 == books.equity(worth)
    assert 0.0 == books.unhedged(worth)
    assert (0.5, -0.25, 200.0) == (worth.sums.fees, worth.sums.funding, worth.sums.turnover)


def test_inverse():
    """50,000 USD sold at 100,000 and worth 80,000 have gained an eighth of a coin."""
    worth = books.begin([(BTC, 1.0, False)], {})
    books.price_index(worth, "BTC", 100_000.0)
    follow(worth, filled(INVERSE, "-50000", "100000", fee="0.00025"), funding(INVERSE, "0.0001"))
    books.price_index(worth, "BTC", 80_000.0)
    mark(worth, INVERSE, 80_000.0)

    assert pytest.approx((1 - 0.00025 + 0.0001 + 0.125) * 80_000) == books.equity(worth)
    assert pytest.approx((25.0, 10.0)) == (worth.sums.fees, worth.sums.funding)
    assert pytest.approx(50_000.0) == worth.sums.turnover
    assert pytest.approx(0.99985 * -20_000) == worth.sums.collateral


def test_spot_pair():
    """A pair held from the start is worth its price; what is bought later is paid in cash."""
    worth = books.begin([(SPOT, 2.0, False), (USDT, 50.0, False)], {SPOT.id: 9.0})
    follow(worth, filled(SPOT, "1", "12", fee="0.25"))
    mark(worth, SPOT, 13.0)

    assert 50 - 0.25 - 12 + 39 == books.equity(worth)
    assert 26.0 == books.unhedged(worth)


def test_option_bought_in_coin():
    """A premium in coin is owed in coin: it is worth more when the coin is."""
    worth = books.begin([(BTC, 1.0, False)], {})
    books.price_index(worth, "BTC", 50_000.0)
    follow(worth, filled(CALL, "2", "0.01"))
    books.price_index(worth, "BTC", 60_000.0)
    mark(worth, CALL, 900.0)

    assert pytest.approx(60_000 + 2 * 900 - 0.02 * 60_000) == books.equity(worth)


def test_premium_of_an_option_that_ends():
    """What was paid for an option stays paid when it ends."""
    worth = books.begin([(BTC, 1.0, False)], {})
    books.price_index(worth, "BTC", 100_000.0)
    follow(worth, filled(CALL, "2", "0.01"), filled(CALL, "-1", "0.008"))
    follow(worth, delivered(CALL, "100000"))

    assert pytest.approx((1 - 0.02 + 0.008) * 100_000 + 2_000) == books.equity(worth)


@pytest.mark.parametrize(
    ("instrument", "price", "paid"),
    [(CALL, "100000", 2_000.0), (CALL, "98000", 0.0), (PUT, "75000", 5_000.0), (PUT, "80001", 0.0)],
)
def test_option_ends(instrument, price, paid):
    """An option pays what it is inside, in coin, which then goes its own way."""
    worth = books.begin([(BTC, 1.0, False), (instrument, -1.0, False)], {instrument.id: 0.1})
    books.price_index(worth, "BTC", float(price))
    follow(worth, delivered(instrument, price))

    assert pytest.approx(float(price) - paid) == books.equity(worth)
    assert pytest.approx(-paid) == books.unhedged(worth)
    assert pytest.approx(-paid) == books.families(worth).options
    books.price_index(worth, "BTC", 200_000.0)
    assert pytest.approx((1 - paid / float(price)) * 200_000) == books.equity(worth)
    assert pytest.approx(-paid) == books.unhedged(worth)


def test_future_ends():
    """The open profit of a future becomes cash when it ends, and nothing is left."""
    worth = books.begin([(BTC, 1.0, False)], {})
    books.price_index(worth, "BTC", 80_000.0)
    follow(worth, filled(FUTURE, "-50000", "100000"), delivered(FUTURE, "80000"))

    assert pytest.approx(1.125) == worth.coins["BTC"]
    assert pytest.approx(90_000.0) == books.equity(worth)
    assert pytest.approx(10_000.0) == books.families(worth).margined


def test_hedge_from_the_start():
    """What is held as a hedge counts in worth and not in the unhedged book."""
    held = [(USDT, 100.0, False), (LINEAR, 3.0, False), (LINEAR, -2.0, True)]
    worth = books.begin(held, {LINEAR.id: 10.0})
    mark(worth, LINEAR, 14.0)

    assert 100 + (3 - 2) * 4 == books.equity(worth)
    assert 12.0 == books.unhedged(worth)


@pytest.mark.parametrize(
    ("hedge", "own"),
    [
        (0.0, -6.0),  # nothing hedges
        (3.0, -3.0),  # twice as much is held
        (-1.0, -9.0),  # what is left is less than the book had
        (-6.0, +6.0),  # hedging turned it around, and receives
    ],
)
@pytest.mark.parametrize("coin", [100.0, 150.0])
def test_funding_of_its_own(hedge, own, coin):
    """Funding is the book's as far as the position was; what hedges paid is apart from it."""
    worth = books.begin([(INVERSE, 3.0, False), (INVERSE, hedge, True)], {INVERSE.id: 100.0})
    mark(worth, INVERSE, 100.0)
    books.price_index(worth, "BTC", 100.0)
    follow(worth, funding(INVERSE, "-0.06"))
    books.price_index(worth, "BTC", coin)

    assert pytest.approx((-6.0, -6.0 - own)) == (worth.sums.funding, worth.sums.carried)
    assert pytest.approx(own * coin / 100) == books.unhedged(worth)


def test_funding_of_nobody():
    """Funding of a position that has gone is the hedges'."""
    worth = books.begin([(USDT, 5.0, False)], {})
    follow(worth, funding(LINEAR, "-2"))

    assert (3.0, 0.0, -2.0) == (
        books.equity(worth),
        books.unhedged(worth),
        worth.sums.carried,
    )


def test_held_twice():
    """Two holdings of one thing are added up."""
    worth = books.begin([(USDT, 1.0, False), (USDT, 2.0, False), (BTC, 1.0, False)] * 2, {})
    books.price_index(worth, "BTC", 10.0)

    assert 2 * (1 + 2 + 10) == books.equity(worth)


def test_unknown_price():
    """Without a price there is no worth, rather than a wrong one."""
    coins, contracts = books.begin([(BTC, 1.0, False)], {}), books.begin([(SPOT, 1.0, False)], {})

    assert books.equity(coins) is None
    assert books.equity(contracts) is None
    assert books.unhedged(contracts) is None


def test_nothing_booked():
    """A record that moves no money changes nothing."""
    worth = books.begin([(USDT, 5.0, False)], {})
    follow(worth, Rejected(1, "x", LINEAR.id, "c", Why.BAD_LOT))

    assert 5.0 == books.equity(worth)
    assert {} == worth.lines


def test_families_are_the_whole():
    """Families, cash and coins together are the worth."""
    held = [(BTC, 1.0, False), (SPOT, 2.0, False), (CALL, -1.0, False), (USDT, 10.0, False)]
    worth = books.begin(held, {SPOT.id: 100.0, CALL.id: 0.1})
    books.price_index(worth, "BTC", 100.0)
    follow(worth, filled(INVERSE, "-50", "100"), filled(LINEAR, "-1", "100"))
    for instrument, price in ((SPOT, 101.0), (CALL, 7.0), (INVERSE, 102.0), (LINEAR, 99.0)):
        mark(worth, instrument, price)

    found = books.families(worth)

    cash = worth.dollars + worth.coins["BTC"] * 100
    assert pytest.approx(books.equity(worth)) == cash + found.options + found.spot + found.margined
    assert (-7.0, 202.0) == (found.options, found.spot)
