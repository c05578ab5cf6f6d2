"""Liquidation prices that venues published, and the closed forms of theory.md §5.5.

A venue that freezes maintenance at entry is spelled with a tier of rate 0 and
the frozen amount as `other_maintenance`.
"""

import math

import pytest

from rebalancer.core import margin

FLAT = [(0.0, 0.005)]
FROZEN = [(0.0, 0.0)]

# BTCUSD brackets in BTC that give 12.5 % and an amount of 11.605 BTC from 200 BTC on, as in
# theory.md §5.5; the thread prints neither.
BINANCE_BTCUSD = [
    (0.0, 0.004),
    (5.0, 0.005),
    (10.0, 0.01),
    (20.0, 0.025),
    (50.0, 0.05),
    (100.0, 0.10),
    (200.0, 0.125),
]


def test_binance_coin_margined_calculator():
    """Binance's calculator: long 10 million USD at 45 000, wallet 101 BTC, ends at 33 599.40.

    Source: dev.binance.vision, topic 6292 (liquidation price for coin-margined
    futures). It lies 2 cents under the formula; nobody there says why.
    """
    found = margin.liquidation_price(10e6, 45_000.0, 101.0, BINANCE_BTCUSD, inverse=True)

    assert found == pytest.approx(33_599.4186, abs=5e-5)
    assert found == pytest.approx(33_599.40, abs=0.02)


def test_bybit_inverse_isolated():
    """Bybit: short 60 000 USD at 50 000, 10×, maintenance 0.5 % frozen at entry.

    Source: Bybit help centre, "Liquidation Price Calculation under Isolated Mode
    (Unified Trading Account)", inverse contract.
    """
    found = margin.liquidation_price(
        -60_000.0, 50_000.0, 0.12, FROZEN, inverse=True, other_maintenance=0.006
    )

    assert found == pytest.approx(55_248.6188, abs=5e-5)


@pytest.mark.parametrize(
    ("quantity", "entry", "leverage", "price"),
    [(+1.0, 20_000.0, 50, 19_700.0)],
)
def test_bybit_linear_isolated(quantity, entry, leverage, price):
    """Bybit: long 1 BTC at 20 000, 50×, maintenance 0.5 % frozen at entry, ends at 19 700.

    Source: Bybit help centre, "Liquidation Price (USDT Contract)", example 1.
    """
    found = margin.liquidation_price(
        quantity, entry, entry / leverage, FROZEN, other_maintenance=0.005 * entry
    )

    assert found == pytest.approx(price, abs=1e-9)


def test_bybit_legacy_cross():
    """Bybit: long 10 000 USD at 8000, 0.5 BTC, cross: bankrupt at 5718.57, liquidated at 5739.50.

    The fee to close, 0.075 %, is taken at the bankruptcy price. The page's own
    formula gives 5739.08 where it prints 5739.50.

    Source: Bybit help centre, "How to calculate Liquidation Price (Inverse Contract)".
    """
    bankruptcy = margin.liquidation_price(10_000.0, 8_000.0, 0.5, FROZEN, inverse=True, fee=0.00075)
    frozen = 0.005 * 10_000 / 8_000 + 0.00075 * 10_000 / bankruptcy
    found = margin.liquidation_price(
        10_000.0, 8_000.0, 0.5, FROZEN, inverse=True, other_maintenance=frozen
    )

    assert bankruptcy == pytest.approx(5718.571, abs=5e-4)
    assert found == pytest.approx(5739.08, abs=5e-3)
    assert found == pytest.approx(5739.50, rel=1e-4)


def test_linear_short():
    """Short 1 BTC at 100 000, 10×, maintenance 0.5 %: 109 452.7363 (theory.md §5.5)."""
    found = margin.liquidation_price(-1.0, 100_000.0, 10_000.0, FLAT)

    assert found == pytest.approx(109_452.7363, abs=5e-5)


@pytest.mark.parametrize(
    ("quantity", "collateral", "price"),
    [
        (-100_000.0, 0.1, 110_555.5556),  # 10×
        (-100_000.0, 1.0, None),  # 1×: never
        (+100_000.0, 1.0, 50_250.0),
    ],
)
def test_inverse(quantity, collateral, price):
    """100 000 USD inverse at 100 000, maintenance 0.5 % (theory.md §5.5)."""
    found = margin.liquidation_price(quantity, 100_000.0, collateral, FLAT, inverse=True)

    assert (price is None) == (found is None)
    assert found is None or found == pytest.approx(price, abs=5e-5)


@pytest.mark.parametrize(
    ("haircut", "price"),
    [
        (0.95, 1_818_182.0),
        (1.005, None),  # haircut·N >= q·(1 + rate): nothing above ends it
        (1.01, None),
    ],
)
def test_short_against_its_own_coin(haircut, price):
    """1 BTC of collateral against 1 BTC short at 100 000, maintenance 0.5 % (theory.md §5.5)."""
    found = margin.liquidation_price(-1.0, 100_000.0, 0.0, FLAT, coins=haircut)

    assert (price is None) == (found is None)
    assert found is None or found == pytest.approx(price, abs=0.5)


@pytest.mark.parametrize(
    ("side", "sigmas", "inverse", "buffer"),
    [
        (-1, 3, False, 0.1043),
        (-1, 5, False, 0.1759),
        (+1, 3, False, 0.0945),
        (-1, 3, True, 0.09446),
        (+1, 3, True, 0.10429),
    ],
)
def test_buffer_of_a_move(side, sigmas, inverse, buffer):
    """The buffers of theory.md §5.6 carry a position just to k sigmas of a day at 60 % vol."""
    quantity = side * 100_000.0 if inverse else float(side)
    collateral = buffer if inverse else buffer * 100_000
    found = margin.liquidation_price(quantity, 100_000.0, collateral, FLAT, inverse=inverse)
    distance = -side * math.log(found / 100_000) / (0.6 * math.sqrt(1 / 365))

    assert distance == pytest.approx(sigmas, abs=0.003)
