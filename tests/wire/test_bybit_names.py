"""Names at Bybit: what the catalogue knows of an instrument and what its name says agree."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.instruments import Kind
from rebalancer.settings.catalogue import bybit, known
from rebalancer.wire.bybit.values import (
    category_of,
    coin,
    instrument_id,
    is_perpetual,
    native,
    settle_of,
    symbol_of,
)

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def agrees(instrument):
    """Whether a name, read by itself, says what the record says."""
    name = instrument.name
    category, symbol = category_of(name), symbol_of(name)
    kinds = {
        "option": (Kind.OPTION,),
        "spot": (Kind.SPOT,),
        "linear": (Kind.PERPETUAL, Kind.FUTURE),
        "inverse": (Kind.PERPETUAL,),
    }
    return (
        instrument.kind in kinds[category]
        and (category == "inverse") is (instrument.inverse and instrument.margined)
        and coin(name) == instrument.underlying
        and settle_of(category, symbol) == instrument.settle
        and is_perpetual(category, symbol) is (instrument.kind is Kind.PERPETUAL)
        and instrument_id(category, symbol) == instrument.id
        and native(category, symbol) == name
        and instrument.size == 1
    )


@pytest.mark.parametrize("name", bybit.LISTED)
def test_listed(name):
    """Every listed name is known, and says itself what it is."""
    assert agrees(known(name))


@given(
    of=st.sampled_from(["BTC", "ETH"]),
    day=st.dates(min_value=date(2024, 1, 1), max_value=date(2099, 12, 31)),
    strike=st.integers(1, 9_999_999),
    side=st.sampled_from("CP"),
    tail=st.sampled_from(["", "-USDT"]),
)
@pytest.mark.trap("option-names", "bybit")
def test_options(of, day, strike, side, tail):
    """An option's date is its delivery at 08:00 UTC, its tail what it settles in."""
    when = f"{day.day}{MONTHS[day.month - 1]}{day.year % 100:02d}"
    option = known(f"bybit:{of}-{when}-{strike}-{side}{tail}")
    expiry = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)

    assert agrees(option)
    assert int(expiry.timestamp()) * 10**9 == option.expiry
    assert (Decimal(strike), 1 if side == "C" else -1) == (option.strike, option.sign)
    assert ("USDT" if tail else "USDC") == option.settle


@pytest.mark.parametrize("name", ["BTC-27FEB26", "BTCUSDT-27FEB26", "ETHUSDT-25DEC26"])
def test_futures(name):
    """A dated future settles in the dollar that its name says."""
    future = known(f"bybit:{name}")

    assert Kind.FUTURE is future.kind
    assert agrees(future)


@pytest.mark.parametrize(
    "name",
    [
        "BTCUSDH26",  # a month without a day
        "BTC-31FEB26",
        "BTC-31FEB26-90000-C",
        "BTC-27FEB26-0-C",
        "BTC-27FEB26-90000-X",
        "BTC-27FEB26-90000-C-EUR",
        "XYZUSDT",
        "XYZ-27FEB26",
        "BTC/EUR",
        "BTC/",
        "/USDT",
        "DOGEPERP",
        "USDTUSDT",
        "-",
        "BTCUSDT ",
    ],
)
def test_unknown(name):
    """A name without an entry is unknown, never guessed."""
    assert known(f"bybit:{name}") is None
