"""Tests of funding: signs in both conventions, amounts by hand, remainders carried."""

import pytest

from rebalancer.errors import DataError
from rebalancer.exchange.records import FundingBooked, SessionSettled
from tests.exchange.listing import (
    FUTURE,
    HOUR,
    INVERSE,
    LINEAR,
    D,
    deal,
    open_exchange,
    order,
    quote,
)

EIGHT = 8 * HOUR


def perpetual(instrument, quantity, rate, next_ts=None, mark="50000"):
    exchange = open_exchange(positions=[(instrument, quantity, "40000")])
    exchange.set_mark(0, instrument.id, D(mark))
    exchange.set_funding_rate(0, instrument.id, D(rate), EIGHT, next_ts)
    return exchange


@pytest.mark.parametrize(
    ("instrument", "quantity", "rate", "amount"),
    [
        (LINEAR, "2", "0.0001", "-10"),  # longs pay 1 bp of 100,000 USDT
        (LINEAR, "-2", "0.0001", "10"),
        (LINEAR, "2", "-0.0001", "10"),
        (LINEAR, "-2", "-0.0001", "-10"),
        (INVERSE, "10000", "0.0001", "-0.0002"),  # 1 bp of 100,000 USD ÷ 50,000
        (INVERSE, "-10000", "0.0001", "0.0002"),
        (INVERSE, "10000", "-0.0001", "0.0002"),
        (LINEAR, "2", "0", "0"),
    ],
)
def test_stamp(instrument, quantity, rate, amount):
    """At a stamp whoever holds pays the whole interval on the notional at mark."""
    exchange = perpetual(instrument, quantity, rate, EIGHT)
    before = exchange.balance("a", instrument.settle)

    (booked,) = exchange.apply_funding(EIGHT, instrument.id)

    assert (EIGHT, "a", instrument.id, D(amount), instrument.settle) == (
        *(booked.ts, booked.account, booked.instrument, booked.amount, booked.currency),
    )
    assert before + D(amount) == exchange.balance("a", instrument.settle)
    assert -D(amount) == exchange.house.funding[instrument.settle]


@pytest.mark.parametrize(
    ("instrument", "quantity", "rate", "hours", "amount"),
    [
        (INVERSE, "10000", "0.0001", 8, "-0.0002"),
        (INVERSE, "10000", "0.0001", 2, "-0.00005"),
        (INVERSE, "-10000", "0.0001", 2, "0.00005"),
        (INVERSE, "10000", "-0.0001", 24, "0.0006"),
        (LINEAR, "2", "0.0001", 4, "-5"),
    ],
)
def test_continuous(instrument, quantity, rate, hours, amount):
    """Continuous funding flows in proportion to time: rate x dt ÷ 8 h on the coin size."""
    exchange = perpetual(instrument, quantity, rate)

    (booked,) = exchange.accrue_funding(hours * HOUR)

    assert D(amount) == booked.amount
    assert () == exchange.accrue_funding(hours * HOUR)


def test_continuous_follows_its_inputs():
    """Rate, mark and position count from the moment at which they change."""
    exchange = perpetual(LINEAR, "2", "0.0001")  # 10 a day-third
    exchange.set_funding_rate(4 * HOUR, LINEAR.id, D("0.0003"), EIGHT)  # 5 paid, then 30
    exchange.set_mark(6 * HOUR, LINEAR.id, D(100_000))  # 7.5 paid, then 60
    quote(exchange, LINEAR, "99999", "100000", ts=7 * HOUR)
    exchange.submit(7 * HOUR, order(LINEAR, "-1"))  # 7.5 paid, then 30

    (booked,) = exchange.accrue_funding(8 * HOUR)

    assert D("-23.75") == booked.amount


def test_often_is_as_much_as_once():
    """What is finer than 1e-12 is carried: many bookings add up to one."""
    once, often = (perpetual(INVERSE, "7", "0.0000123", mark="30001.5") for _ in range(2))
    step = HOUR // 10_000  # 3.6e-13 coin: less than can be booked

    (whole,) = once.accrue_funding(1000 * step)
    parts = [each.amount for n in range(1, 1001) for each in often.accrue_funding(n * step)]

    assert whole.amount == sum(parts)
    assert 0 == often.imbalance("BTC")


def test_too_little_to_book_is_carried():
    """A booking of nothing is not reported, and not forgotten."""
    exchange = perpetual(INVERSE, "1", "0.0001")  # 2e-8 coin in 8 h

    assert () == exchange.accrue_funding(HOUR // 10_000)
    assert 1 == len(exchange.accrue_funding(HOUR))


def test_nothing_flows_before_a_mark():
    """A rate without a mark charges nobody; it begins with the first mark."""
    exchange = open_exchange(positions=[(LINEAR, "2", "40000")])
    exchange.set_funding_rate(0, LINEAR.id, D("0.0001"), EIGHT)
    exchange.set_mark(4 * HOUR, LINEAR.id, D(50_000))

    (booked,) = exchange.accrue_funding(8 * HOUR)

    assert D(-5) == booked.amount


def test_from_continuous_to_stamps():
    """A rate by stamp ends the flow; what had flowed is still owed."""
    exchange = perpetual(LINEAR, "2", "0.0001")
    exchange.set_funding_rate(4 * HOUR, LINEAR.id, D("0.0001"), EIGHT, EIGHT)

    (booked,) = exchange.accrue_funding(8 * HOUR)

    assert D(-5) == booked.amount


def test_settlement_books_what_is_owed():
    """A session's end brings its funding into cash before its profit."""
    exchange = perpetual(INVERSE, "10000", "0.0001")

    booked, settled = exchange.settle_session(EIGHT, INVERSE.id, D(50_000))

    assert isinstance(booked, FundingBooked)
    assert D("-0.0002") == booked.amount
    assert isinstance(settled, SessionSettled)


def test_only_holders_are_charged():
    """Whoever is flat at the stamp pays nothing, however long he held before."""
    exchange = perpetual(LINEAR, "2", "0.0001", EIGHT)
    deal(exchange, LINEAR, "-2", "50000")

    assert () == exchange.apply_funding(EIGHT, LINEAR.id)


@pytest.mark.parametrize(
    ("instrument", "rate", "interval"),
    [(FUTURE, "0.0001", EIGHT), (LINEAR, "NaN", EIGHT), (LINEAR, "0.0001", 0)],
)
def test_senseless_rate(instrument, rate, interval):
    """Only a perpetual has funding, a number per positive time."""
    with pytest.raises(DataError, match=instrument.id):
        open_exchange().set_funding_rate(0, instrument.id, D(rate), interval)


@pytest.mark.parametrize(
    ("mark", "rate", "next_ts"),
    [(None, None, None), (50_000, None, None), (None, "0.0001", EIGHT), (50_000, "0.0001", None)],
)
def test_stamp_without_facts(mark, rate, next_ts):
    """A stamp without a mark, or without a rate by stamp, is refused by name."""
    exchange = open_exchange()
    if mark is not None:
        exchange.set_mark(0, LINEAR.id, D(mark))
    if rate is not None:
        exchange.set_funding_rate(0, LINEAR.id, D(rate), EIGHT, next_ts)

    with pytest.raises(DataError, match="by stamp"):
        exchange.apply_funding(EIGHT, LINEAR.id)
