"""Deribit's option names."""

from decimal import Decimal

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.wire import deribit_names


@pytest.mark.parametrize(
    ("name", "strike", "sign", "lot", "expiry"),
    [
        ("BTC-27FEB26-98000-C", 98000, +1, "0.1", 1772179200),
        ("BTC-6FEB26-60000-P", 60000, -1, "0.1", 1770364800),
        ("ETH-25DEC26-10000-C", 10000, +1, "1", 1798185600),
    ],
)
def test_names(name, strike, sign, lot, expiry):
    """Strike, expiry at 08:00 UTC and side are read from the name; the contract is inverse."""
    option = deribit_names.option(name)

    assert (f"deribit:{name}", Kind.OPTION) == (option.id, option.kind)
    assert (strike, sign) == (option.strike, option.sign)
    assert (Decimal(lot), Decimal(lot), Decimal("0.0001")) == (
        option.lot,
        option.minimum,
        option.tick,
    )
    assert expiry * 1_000_000_000 == option.expiry
    assert option.inverse


@pytest.mark.parametrize(
    "name",
    [
        "BTC-PERPETUAL",
        "BTC-27FEB26",
        "BTC-30FEB26-98000-C",  # no such day
        "BTC-27FEV26-98000-C",
        "BTC-07FEB26-98000-C",
        "BTC-27FEB26-98000-X",
        "BTC-27FEB26-0-C",
        "BTC_USDC-27FEB26-98000-C",  # linear
        "SOL-27FEB26-100-C",
        "btc-27feb26-98000-c",
        "",
    ],
)
def test_other_names(name):
    """What is no inverse BTC or ETH option has no instrument."""
    assert deribit_names.option(name) is None
