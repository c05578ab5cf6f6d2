"""The catalogue: published contract constants, and nothing guessed."""

import gzip
import json
from decimal import Decimal

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.settings import known
from rebalancer.settings.catalogue import LISTED


@pytest.mark.parametrize(
    ("instrument_id", "kind", "currencies", "steps"),
    [
        ("deribit:BTC-PERPETUAL", Kind.PERPETUAL, ("BTC", "BTC"), ("1", "10", "0.5")),
        ("deribit:ETH-PERPETUAL", Kind.PERPETUAL, ("ETH", "ETH"), ("1", "1", "0.05")),
        ("deribit:BTC-25SEP26", Kind.FUTURE, ("BTC", "BTC"), ("1", "10", "2.5")),
        ("deribit:BTC-6FEB26-105000-C", Kind.OPTION, ("BTC", "BTC"), ("1", "0.1", "0.0001")),
        ("deribit:ETH-27MAR26-3200-P", Kind.OPTION, ("ETH", "ETH"), ("1", "1", "0.0001")),
        ("binance:BTCUSDT", Kind.SPOT, ("BTC", "USDT"), ("1", "0.00001", "0.01")),
        ("binanceusdm:ETHUSDT", Kind.PERPETUAL, ("ETH", "USDT"), ("1", "0.001", "0.01")),
        ("binanceusdm:BTCUSDC", Kind.PERPETUAL, ("BTC", "USDC"), ("1", "0.001", "0.1")),
        ("binancecoinm:BTCUSD_PERP", Kind.PERPETUAL, ("BTC", "BTC"), ("100", "1", "0.1")),
        ("binanceusdm:BTCUSDT_260925", Kind.FUTURE, ("BTC", "USDT"), ("1", "0.001", "0.1")),
        ("binancecoinm:ETHUSD_261225", Kind.FUTURE, ("ETH", "ETH"), ("10", "1", "0.01")),
        ("okx:ETH", Kind.CASH, ("ETH", "ETH"), ("1", "0.00000001", "0.01")),
        ("binanceusdm:USDT", Kind.CASH, ("", "USDT"), ("1", "0.00000001", "0.01")),
    ],
)
def test_known(instrument_id, kind, currencies, steps):
    """The id alone gives underlying, settle currency, size, lot and tick."""
    found = known(instrument_id)

    assert found is not None
    assert (instrument_id, kind) == (found.id, found.kind)
    assert currencies == (found.underlying, found.settle)
    assert tuple(Decimal(step) for step in steps) == (found.size, found.lot, found.tick)


@pytest.mark.parametrize(
    ("name", "strike", "sign", "expiry"),
    [
        ("BTC-27FEB26-98000-C", 98000, +1, 1772179200),
        ("BTC-6FEB26-60000-P", 60000, -1, 1770364800),
        ("ETH-25DEC26-10000-C", 10000, +1, 1798185600),
    ],
)
@pytest.mark.trap("option-names", "deribit")
def test_option_names(name, strike, sign, expiry):
    """Strike, expiry at 08:00 UTC and side are read from the name; the contract is inverse."""
    option = known(f"deribit:{name}")

    assert (strike, sign, expiry * 1_000_000_000) == (option.strike, option.sign, option.expiry)
    assert option.inverse
    assert option.lot == option.minimum


@pytest.mark.parametrize(
    "instrument_id",
    [
        "",
        "deribit",
        "deribit:",
        ":BTC",
        "deribit:SOL-PERPETUAL",
        "deribit:BTC-06FEB26-105000-C",  # Deribit writes no leading zero
        "deribit:BTC-30FEB26-105000-C",
        "deribit:BTC-6FEV26-105000-C",
        "deribit:BTC-6FEB26-0-C",
        "deribit:BTC-6FEB26-105000-X",
        "binance:BTCEUR",
        "binanceusdm:PEPEUSDT",
        "binancecoinm:BTCUSD",
        "okx:BTC-USDT-261225",  # linear: its lot was never recorded
        "okx:ETH-USD-261225-10000-C",
        "okx:BTC-USD-260230-100000-C",
        "okx:BTC-USD-SWAP-100000-C",
        "kraken:BTC-USDT-SWAP",
        "binanceusdm:BTCUSD_260925",
        "binanceusdm:BTCUSDT_260926",  # a Saturday
        "binanceusdm:BTCUSDT_260931",
        "binanceusdm:SOLUSDT_260925",
        "binancecoinm:BTCUSDT_260925",
        "binancecoinm:BTCUSD_",
    ],
)
def test_unknown(instrument_id):
    """A name without an entry is unknown, however plausible."""
    assert known(instrument_id) is None


@pytest.mark.parametrize("venue", ["binanceusdm", "binance"])
def test_recorded_contracts(recordings, venue):
    """What is known of Binance's contracts is what `exchangeInfo` said of them."""
    path = recordings / "raw" / "binance_rest_2026-07-04.jsonl.gz"
    if not path.is_file():
        pytest.skip("recordings absent")
    start, count = "/fapi/v1/exch" if venue == "binanceusdm" else "/api/v3/exch", 0
    with gzip.open(path, "rt") as lines:
        told = [json.loads(line) for line in lines]
    for row in (each["msg"] for each in told if each["endpoint"].startswith(start)):
        for symbol in row["symbols"]:
            ours = known(f"{venue}:{symbol['symbol']}")
            if ours is None:
                continue
            filters = {each["filterType"]: each for each in symbol["filters"]}
            lot, price = filters["LOT_SIZE"], filters["PRICE_FILTER"]
            assert (ours.lot, ours.minimum, ours.tick) == tuple(
                Decimal(each) for each in (lot["stepSize"], lot["minQty"], price["tickSize"])
            )
            assert ours.settle == symbol.get("marginAsset", symbol["quoteAsset"])
            if ours.expiry is not None:
                assert symbol["deliveryDate"] * 1_000_000 == ours.expiry
            count += 1

    assert count >= (12 if venue == "binanceusdm" else 2)


def test_listed():
    """Every listed id is known by itself."""
    assert [] == [name for name in LISTED if known(name) is None]


@pytest.mark.parametrize(
    ("name", "size", "lot", "settle", "kind"),
    [
        ("BTC-USDT", "1", "0.00000001", "USDT", "spot"),
        ("BTC-USDT-SWAP", "0.01", "0.01", "USDT", "perpetual"),
        ("ETH-USDT-SWAP", "0.1", "0.01", "USDT", "perpetual"),
        ("BTC-USD-SWAP", "100", "1", "BTC", "perpetual"),
        ("ETH-USD-SWAP", "10", "1", "ETH", "perpetual"),
        ("BTC-USD-261225", "100", "1", "BTC", "future"),
        ("BTC-USD-261225-100000-P", "0.01", "1", "BTC", "option"),  # ctVal 1 x ctMult 0.01
    ],
)
@pytest.mark.trap("okx-option-multiplier", "okx")
@pytest.mark.trap("amount-has-its-own-unit", "okx")
def test_okx_contracts(name, size, lot, settle, kind):
    """OKX counts contracts; one is so many coins, or USD where it is inverse."""
    found = known(f"okx:{name}")

    assert (Decimal(size), Decimal(lot)) == (found.size, found.lot)
    assert (settle, kind) == (found.settle, found.kind)
    assert (kind not in ("future", "option")) is (found.expiry is None)


@pytest.mark.trap("option-names", "okx")
def test_okx_expires_at_eight():
    """A dated contract of OKX ends at 08:00 UTC of the day in its name."""
    option = known("okx:BTC-USD-260227-98000-C")

    assert 1_772_179_200 * 10**9 == option.expiry
    assert (Decimal(98_000), +1) == (option.strike, option.sign)
