"""Tests of fees: by instrument or kind, maker and taker, and the cap on options."""

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.errors import DataError
from rebalancer.exchange.exchange import Exchange, OpeningAccount
from rebalancer.exchange.fees import FeeSchedule, charge
from rebalancer.exchange.orders import TimeInForce
from tests.exchange.listing import (
    CALL,
    INVERSE,
    LINEAR,
    LINEAR_CALL,
    SPOT,
    D,
    deal,
    open_exchange,
    order,
    quote,
)

PERPETUAL = FeeSchedule(maker=D("-0.0001"), taker=D("0.0005"))
OPTION = FeeSchedule(maker=D("0.0003"), taker=D("0.0003"), premium_cap=D("0.125"))


@pytest.mark.parametrize(
    ("instrument", "quantity", "price", "fee"),
    [
        (LINEAR, "2", "50000", "50"),
        (LINEAR, "-2", "50000", "50"),
        (INVERSE, "5000", "100000", "0.00025"),  # Deribit's page: 50,000 USD at 100,000, 0.05 %
        (INVERSE, "1", "30000", "0.000000166667"),
        (SPOT, "2", "50000", "100"),
        (CALL, "1", "0.05", "0.0003"),  # Deribit's page: 0.0003 coin per coin …
        (CALL, "1", "0.0001", "0.0000125"),  # … and never more than 12.5 % of the premium
        (CALL, "-2", "0.0001", "0.000025"),
        (LINEAR_CALL, "1", "500", "3"),  # 0.1 coin x 100,000 x 0.0003
        (LINEAR_CALL, "1", "20", "0.25"),  # 12.5 % of 0.1 x 20
    ],
)
def test_taker(instrument, quantity, price, fee):
    """A taker pays its rate of the notional in settle currency, an option at most its cap."""
    spot = FeeSchedule(D(0), D("0.001"))
    fees = {Kind.PERPETUAL: PERPETUAL, Kind.OPTION: OPTION, SPOT.id: spot}
    exchange = open_exchange(fees)
    exchange.set_index(0, "BTC", D(100_000))

    deal(exchange, instrument, quantity, price)
    (filled,) = exchange.fills("a")

    assert (D(fee), instrument.settle) == (filled.fee, filled.fee_currency)
    assert D(fee) == exchange.house.fees[instrument.settle]


def test_maker_rebate():
    """A maker at a negative rate is paid."""
    exchange = open_exchange({Kind.PERPETUAL: PERPETUAL})
    quote(exchange, LINEAR, "49999", "50001")
    exchange.submit(1, order(LINEAR, "2", "50000", TimeInForce.POST_ONLY))
    exchange.trade(2, LINEAR.id, D("49999.9"), D(-2))

    (filled,) = exchange.fills("a")

    assert (True, D(-10)) == (filled.maker, filled.fee)
    assert D(1_000_010) == exchange.balance("a", "USDT")


def test_own_schedule_wins():
    """The schedule of the instrument goes before that of its kind."""
    own = FeeSchedule(D(0), D("0.001"))
    exchange = open_exchange({Kind.PERPETUAL: PERPETUAL, LINEAR.id: own})

    deal(exchange, LINEAR, "2", "50000")

    assert D(100) == exchange.fills("a")[0].fee


def test_option_without_cap():
    """Without a cap the fee may exceed the premium."""
    schedule = FeeSchedule(D("0.0003"), D("0.0003"))

    assert D("0.0003") == charge(schedule, CALL, D(1), D("0.0001"), None, maker=False)


def test_missing_schedule():
    """An instrument without fees is refused: a free venue would be kinder than any."""
    with pytest.raises(DataError, match=SPOT.id):
        Exchange([SPOT], {Kind.PERPETUAL: PERPETUAL}, [OpeningAccount("a")])


def test_fee_without_its_index():
    """A linear option's fee cannot be told without the index."""
    with pytest.raises(DataError, match="index"):
        charge(OPTION, LINEAR_CALL, D(1), D(500), None, maker=False)


RECEIVED = FeeSchedule(D(0), D("0.001"), received=True)


@pytest.mark.parametrize(
    ("quantity", "fee", "currency", "left", "dollars"),
    [
        ("2", "0.002", "BTC", "1.998", "900000"),  # coins come: less the fee in coins
        ("-2", "100", "USDT", "-2", "1099900"),  # dollars come: less the fee in dollars
    ],
)
def test_fee_of_what_is_received(quantity, fee, currency, left, dollars):
    """A pair's fee is taken from what the trade brings; what one side loses the house gains.

    https://www.binance.com/en/support/faq/e85d6e703b874674840122196b89780a
    """
    exchange = open_exchange({SPOT.id: RECEIVED})
    deal(exchange, SPOT, quantity, "50000")
    (filled,) = exchange.fills("a")

    assert (D(fee), currency) == (filled.fee, filled.fee_currency)
    assert [SPOT.id] == list(exchange.holdings("a"))
    assert D(left) == exchange.position("a", SPOT.id).quantity
    assert D(dollars) == exchange.balance("a", "USDT")
    assert -D(left) == exchange.house.account.holding(SPOT.id).quantity
    assert 0 == exchange.imbalance("USDT") == exchange.imbalance("BTC")
