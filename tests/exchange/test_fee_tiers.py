"""Tests of fees by volume, fees of delivery, funding caps, and stamps that come once."""

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.errors import DataError
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.fees import (
    DAY,
    FeeSchedule,
    FeeTier,
    at_volume,
    count,
    of_delivery,
    usd_traded,
)
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.terms import VenueTerms
from tests.exchange.listing import (
    CALL,
    EXPIRY,
    FUTURE,
    HOUR,
    INVERSE,
    LINEAR,
    LINEAR_CALL,
    LISTED,
    NO_FEES,
    PUT,
    SPOT,
    D,
    open_exchange,
    order,
    quote,
)

EIGHT = 8 * HOUR
TIERED = FeeSchedule(
    maker=D("0.0002"),
    taker=D("0.0005"),
    tiers=(
        FeeTier(D(1_000_000), D("0.0001"), D("0.0004")),
        FeeTier(D(5_000_000), D("-0.00005"), D("0.0003")),
    ),
)
OPTION = FeeSchedule(D("0.0003"), D("0.0003"), premium_cap=D("0.125"), delivery=D("0.00015"))
DATED = FeeSchedule(D(0), D("0.0005"), delivery=D("0.00025"))


# Today is day 100.
@pytest.mark.parametrize(
    ("volumes", "maker", "taker"),
    [
        ({}, "0.0002", "0.0005"),
        ({99: "999999.99"}, "0.0002", "0.0005"),
        ({99: "1000000"}, "0.0001", "0.0004"),
        ({70: "1000000"}, "0.0001", "0.0004"),  # 30 days before today
        ({69: "1000000"}, "0.0002", "0.0005"),
        ({100: "9000000"}, "0.0002", "0.0005"),  # today does not count yet
        ({70: "500000", 85: "499999", 99: "1"}, "0.0001", "0.0004"),
        ({80: "4999999"}, "0.0001", "0.0004"),
        ({80: "4000000", 81: "1000000"}, "-0.00005", "0.0003"),
        ({80: "900000000"}, "-0.00005", "0.0003"),
    ],
)
@pytest.mark.parametrize("moment", [0, DAY // 2, DAY - 1])
def test_tier(volumes, maker, taker, moment):
    """The rates of a whole day are those that the 30 UTC days before it earned."""
    traded = {day: D(usd) for day, usd in volumes.items()}

    found = at_volume(TIERED, traded, 100 * DAY + moment)

    assert (D(maker), D(taker)) == (found.maker, found.taker)


def test_no_tiers():
    """A schedule without tiers is the same whatever was traded."""
    assert at_volume(OPTION, {99: D(10**12)}, 100 * DAY) == OPTION


def test_count():
    """What is traded adds up by UTC day, and days that count no more are forgotten."""
    volumes = {}
    for day, moment, usd in ((0, 0, 5), (0, DAY - 1, 7), (1, 0, 11), (30, 3, 2), (31, 0, 1)):
        count(volumes, day * DAY + moment, D(usd))

    assert {1: D(11), 30: D(2), 31: D(1)} == volumes


@pytest.mark.parametrize(
    ("instrument", "quantity", "price", "index", "expected"),
    [
        (LINEAR, "-2", "50000", None, "100000"),
        (INVERSE, "10000", "50000", None, "100000"),
        (FUTURE, "-10000", "12345", None, "100000"),
        (SPOT, "2", "50000", None, "100000"),
        (CALL, "-2", "0.05", "50000", "100000"),  # of an option its underlying
        (LINEAR_CALL, "20", "500", "50000", "100000"),
        (CALL, "2", "0.05", None, "0"),
    ],
)
def test_usd_traded(instrument, quantity, price, index, expected):
    """Volume is in USD whatever is traded."""
    known = None if index is None else D(index)

    assert D(expected) == usd_traded(instrument, D(quantity), D(price), known)


@pytest.mark.parametrize(
    ("day", "rate"), [(0, "0.0005"), (1, "0.0004"), (30, "0.0004"), (31, "0.0005")]
)
def test_volume_of_an_account(day, rate):
    """A day's volume is worth its tier from the next day on, for 30 days, to who traded it."""
    exchange = open_exchange({Kind.PERPETUAL: TIERED})
    quote(exchange, LINEAR, "49999", "50000")
    exchange.submit(0, order(LINEAR, "20"))  # 1,000,000 USD

    for account, expected in (("a", rate), ("b", "0.0005")):
        exchange.submit(day * DAY, order(LINEAR, "2", account=account))
        assert D(expected) * 100_000 == exchange.fills(account)[-1].fee


def test_volume_of_all_contracts():
    """Volume adds up over contracts, makers' and takers' alike; a maker has its own rate."""
    exchange = open_exchange({LINEAR.id: TIERED})
    exchange.set_index(0, "BTC", D(50_000))
    quote(exchange, INVERSE, "49999.5", "50000")
    quote(exchange, CALL, "0.04", "0.05")
    quote(exchange, SPOT, "49999", "50000")
    quote(exchange, LINEAR, "49999", "50001")
    exchange.submit(0, order(INVERSE, "-30000"))  # 300,000
    exchange.submit(0, order(CALL, "4"))  # 200,000
    exchange.submit(0, order(SPOT, "4"))  # 200,000
    exchange.submit(0, order(LINEAR, "6", "50000", TimeInForce.GTC))
    exchange.trade(0, LINEAR.id, D("49999.9"), D(-6))  # 300,000

    exchange.submit(DAY, order(LINEAR, "-2", "50000.5", TimeInForce.GTC))
    exchange.trade(DAY, LINEAR.id, D(50_001), D(2))

    last = exchange.fills("a")[-1]
    assert (True, D("10.0001")) == (last.maker, last.fee)  # 0.01 % of 100,001


@pytest.mark.parametrize("volumes", [(5, 5), (6, 5), (1, 3, 2)])
def test_senseless_tiers(volumes):
    """Volumes of tiers rise."""
    with pytest.raises(DataError, match="volumes must rise"):
        FeeSchedule(D(0), D(0), tiers=tuple(FeeTier(D(each), D(0), D(0)) for each in volumes))


# Strike 100,000.
@pytest.mark.parametrize(
    ("instrument", "quantity", "price", "fee"),
    [
        (CALL, "2", "125000", "0.0003"),  # 0.00015 a coin
        (CALL, "-2", "125000", "0.0003"),
        (CALL, "2", "100010", "0.000024997500"),  # 12.5 % of 2 x 10 ÷ 100,010
        (CALL, "2", "90000", "0"),  # worthless
        (PUT, "1", "80000", "0.00015"),
        (PUT, "1", "110000", "0"),
        (LINEAR_CALL, "20", "125000", "37.5"),  # 2 coins x 0.00015 x 125,000
        (LINEAR_CALL, "20", "100010", "2.5"),  # 12.5 % of 20
        (LINEAR_CALL, "-20", "99999", "0"),
        (FUTURE, "1000", "125000", "0.00002"),  # 0.025 % of 0.08 coin
        (FUTURE, "-1000", "125000", "0.00002"),
    ],
)
def test_delivery_fee(instrument, quantity, price, fee):
    """An end costs a share of the underlying, of an option never more than 12.5 % of its payoff."""
    fees = {**NO_FEES, Kind.OPTION: OPTION, Kind.FUTURE: DATED}
    held = (OpeningPosition(instrument.id, D(quantity), D(100_000)),)
    exchange = Exchange(LISTED, fees, [OpeningAccount("a", {}, held)])

    (delivered,) = exchange.deliver(EXPIRY, instrument.id, D(price))

    assert D(fee) == delivered.fee == exchange.house.fees[instrument.settle]
    assert delivered.amount - D(fee) == exchange.balance("a", instrument.settle)
    assert 0 == exchange.imbalance(instrument.settle)


@pytest.mark.parametrize(("price", "fee"), [("125000", "0.0003"), ("90000", "0.0003")])
def test_delivery_fee_without_cap(price, fee):
    """Without a cap a worthless end costs as much as any."""
    schedule = FeeSchedule(D(0), D(0), delivery=D("0.00015"))

    assert D(fee) == of_delivery(schedule, CALL, D(2), D(price))


def funded(rate, next_ts, cap):
    """Return an exchange where account `a` is long 2 coins at a mark of 50,000."""
    held = (OpeningPosition(LINEAR.id, D(2), D(50_000)),)
    accounts = [OpeningAccount("a", {"USDT": D(1000)}, held)]
    exchange = Exchange(LISTED, NO_FEES, accounts, VenueTerms(funding_cap=cap))
    exchange.set_mark(0, LINEAR.id, D(50_000))
    exchange.set_funding_rate(0, LINEAR.id, D(rate), EIGHT, next_ts)
    return exchange


CAP = {LINEAR.id: D("0.003")}


@pytest.mark.parametrize(
    ("rate", "cap", "amount"),
    [
        ("0.002", CAP, "-200"),
        ("0.003", CAP, "-300"),
        ("0.01", CAP, "-300"),
        ("-0.01", CAP, "300"),
        ("-0.002", CAP, "200"),
        ("0.01", {Kind.PERPETUAL: D("0.004")}, "-400"),
        ("0.01", {Kind.PERPETUAL: D("0.004"), **CAP}, "-300"),
        ("0.01", {INVERSE.id: D("0.003")}, "-1000"),
        ("0.01", {}, "-1000"),
    ],
)
@pytest.mark.parametrize("next_ts", [EIGHT, None])
def test_funding_cap(rate, cap, amount, next_ts):
    """A rate counts only up to the venue's cap, either way, by stamp and continuous."""
    exchange = funded(rate, next_ts, cap)

    booked = exchange.apply_funding(EIGHT, LINEAR.id) if next_ts else exchange.accrue_funding(EIGHT)

    assert [D(amount)] == [each.amount for each in booked]


def test_stamps():
    """A stamp is charged when it is due, once however often it is told, and then an interval on."""
    exchange = funded("0.0001", EIGHT, {})

    with pytest.raises(DataError, match="must be due"):
        exchange.apply_funding(EIGHT - 1, LINEAR.id)
    assert 1 == len(exchange.apply_funding(EIGHT, LINEAR.id))
    assert () == exchange.apply_funding(EIGHT, LINEAR.id)
    with pytest.raises(DataError, match="must be due"):
        exchange.apply_funding(2 * EIGHT - 1, LINEAR.id)
    assert 1 == len(exchange.apply_funding(2 * EIGHT, LINEAR.id))
    assert D(980) == exchange.balance("a", "USDT")


def test_late_stamp():
    """A stamp that is told late is charged late; the next is due when it always was."""
    exchange = funded("0.0001", EIGHT, {})
    exchange.apply_funding(EIGHT + HOUR, LINEAR.id)

    with pytest.raises(DataError, match="must be due"):
        exchange.apply_funding(2 * EIGHT - 1, LINEAR.id)
    assert 1 == len(exchange.apply_funding(2 * EIGHT, LINEAR.id))


def test_new_rate_keeps_the_next_stamp():
    """A rate that is told between stamps is the one that is charged at the next."""
    exchange = funded("0.0001", EIGHT, {})
    exchange.apply_funding(EIGHT, LINEAR.id)
    exchange.set_funding_rate(EIGHT + 1, LINEAR.id, D("0.0002"), EIGHT, 2 * EIGHT)

    (booked,) = exchange.apply_funding(2 * EIGHT, LINEAR.id)

    assert D(-20) == booked.amount
