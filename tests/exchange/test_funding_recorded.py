"""Funding of two years of BTC, payment by payment, against sums by hand from the columns."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pyarrow.parquet as pq
import pytest

from tests.exchange.listing import HOUR, INVERSE, LINEAR, WHOLE, D, open_exchange, order

FIRST = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
MIDWAY = dt.datetime(2024, 1, 1, 4, tzinfo=dt.UTC)  # between two stamps
END = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
EIGHT = dt.timedelta(hours=8)
DAYS = 731  # 2024 is a leap year
QUANTUM = 10**12  # bookings a unit of currency
PANEL = "spot_perp_funding_8h_binance_bybit_okx_2023_2024.parquet"


@dataclass(frozen=True)
class Stamp:
    """One settlement as the files tell it."""

    at: dt.datetime
    rate: float  # fraction of notional; +: longs pay
    mark: float  # USDT a coin, known at the stamp


def rows(path, *columns):
    """Return the rows of some columns of a file."""
    table = pq.read_table(path, columns=["ts", *columns])
    return list(zip(*(table[name].to_pylist() for name in ("ts", *columns)), strict=True))


def told(path):
    """Return the settled rates of the two years by time."""
    return {ts: rate for ts, rate in rows(path, "funding_rate") if FIRST <= ts < END}


@pytest.fixture(scope="module")
def folder(recordings):
    return recordings / "timeseries"


@pytest.fixture(scope="module")
def stamps(folder):
    """Return every settlement of the two years with its mark: the open of the hour it begins."""
    opens = dict(rows(folder / "binance_mark_BTCUSDT_1h.parquet", "open"))
    rates = told(folder / "binance_funding_BTCUSDT_8h.parquet")
    return [Stamp(ts, rate, opens[ts]) for ts, rate in sorted(rates.items())]


def test_every_stamp_is_there(stamps):
    """The file has three stamps a day for 731 days, and no hole."""
    due = [FIRST + n * EIGHT for n in range(3 * DAYS)]

    assert [] == sorted(set(due) - {stamp.at for stamp in stamps})  # holes
    assert due == [stamp.at for stamp in stamps]
    assert 2193 == len(stamps)


def test_a_second_source_tells_the_same_rates(folder, stamps):
    """Where another collection has the stamp, until July 2024, it has the same rate."""
    columns = "exchange", "pair", "contract", "funding_rate"
    other = {
        ts: rate
        for ts, *which, rate in rows(folder / PANEL, *columns)
        if ["binance", "BTCUSDT", "perpetual"] == which
    }
    both = {stamp.at: stamp.rate for stamp in stamps if stamp.at in other}

    assert both == other
    assert 1642 == len(both)


def ns(at):
    """Return a time as ns since 1970 UTC."""
    return round(at.timestamp()) * 1_000_000_000


def exact(number):
    """Return the number that a column shows, not the float nearest to it."""
    return Fraction(repr(number))


def by_hand(instrument, held, stamp):
    """Return what a holder receives at a stamp, exactly: longs pay at a positive rate."""
    rate, mark = exact(stamp.rate), exact(stamp.mark)
    if instrument is LINEAR:
        return -Fraction(held) * mark * rate  # USDT
    return -Fraction(held) * 10 / mark * rate  # coins; a contract is 10 USD


def trade(exchange, instrument, at, quantity):
    """Let account `a` trade `quantity` at 40000."""
    level = [(D(40_000), WHOLE)]
    bids, asks = ([], level) if quantity > 0 else (level, [])
    exchange.set_book(ns(at), instrument.id, bids, asks)
    exchange.submit(ns(at), order(instrument, str(quantity), "40000"))


def hold(instrument, before, after, stamps):
    """Return an exchange through all stamps, and each booking.

    `before` contracts are held until midway and `after` from then on.
    """
    exchange = open_exchange(positions=[(instrument, before, "40000")])
    booked, turned = [], False
    for stamp in stamps:
        if stamp.at > MIDWAY and not turned and before != after:
            trade(exchange, instrument, MIDWAY, D(after) - D(before))
            turned = True
        ts, rate = ns(stamp.at), Decimal(repr(stamp.rate))
        exchange.set_mark(ts, instrument.id, Decimal(repr(stamp.mark)))
        exchange.set_funding_rate(ts, instrument.id, rate, 8 * HOUR, ts)
        booked += exchange.apply_funding(ts, instrument.id)
    return exchange, booked


HELD = [  # instrument, contracts until midway, contracts from then on, total received
    (LINEAR, "-1.5", "-1.5", "15965.471880552477"),
    (LINEAR, "-1.5", "1.5", "-8516.126018236141"),
    (INVERSE, "-6000", "-6000", "0.269905013097"),
    (INVERSE, "6000", "-4500", "-0.077345249436"),
]


@pytest.mark.parametrize(("instrument", "before", "after", "total"), HELD)
def test_two_years(stamps, instrument, before, after, total):
    """Every payment is rate x notional at mark to 1e-12, a short receives when it is positive."""
    exchange, booked = hold(instrument, before, after, stamps)
    held = [before if stamp.at < MIDWAY else after for stamp in stamps]
    owed = [by_hand(instrument, *each) for each in zip(held, stamps, strict=True)]
    paid = [Fraction(each.amount) for each in booked]

    # round() of a fraction takes ties to even, as the model says that it does.
    assert [Fraction(round(amount * QUANTUM), QUANTUM) for amount in owed] == paid
    assert [ns(stamp.at) for stamp in stamps] == [each.ts for each in booked]
    assert {("a", instrument.id, instrument.settle)} == {
        (each.account, each.instrument, each.currency) for each in booked
    }
    assert abs(sum(owed) - sum(paid)) <= Fraction(len(paid), 2 * QUANTUM)
    assert D(total) == sum(each.amount for each in booked)
    assert 0 == exchange.imbalance(instrument.settle)
    assert -sum(paid) == Fraction(exchange.house.funding[instrument.settle])


def test_signs(stamps):
    """Shorts receive at the stamps of a positive rate and pay at those of a negative one."""
    _, booked = hold(LINEAR, "-1.5", "-1.5", stamps)
    signs = [(each.amount > 0) - (each.amount < 0) for each in booked]

    assert [(stamp.rate > 0) - (stamp.rate < 0) for stamp in stamps] == signs
    assert 203 == signs.count(-1)
