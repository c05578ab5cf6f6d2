"""Two worked books with published deltas: theory.md §1.5, computed there with long arithmetic.

A is an account in coins: cash, coin-settled options, an inverse perpetual and
an inverse future. B is an account in dollars: spot, cash, linear options.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import exposure, sizing
from rebalancer.core.band import Band
from rebalancer.core.exposure import YEAR, Holding, OptionInput
from rebalancer.core.instruments import Instrument, Kind, cash_instrument
from rebalancer.core.params import Numeraire
from tests.scenarios.desk import BTC

D = Decimal

S, CARRY = 100_000.0, 1.01
MONTH = 30 * YEAR // 365
PERP = Instrument("d:PERP", Kind.PERPETUAL, "BTC", "BTC", size=D(10), lot=D(1), minimum=D(1))
FUTURE = Instrument("d:FUTURE", Kind.FUTURE, "BTC", "BTC", size=D(10), expiry=MONTH)
SPOT = Instrument("d:SPOT", Kind.SPOT, "BTC", "USDT")


def option(settle, strike, sign):
    return Instrument(
        f"d:{settle}{strike}",
        Kind.OPTION,
        "BTC",
        settle,
        expiry=MONTH,
        strike=D(strike),
        sign=sign,
    )


CALL, PUT = option("BTC", 110_000, +1), option("BTC", 90_000, -1)
LINEAR = option("USDT", 105_000, +1)
VOLS = {CALL.id: 0.60, PUT.id: 0.65, LINEAR.id: 0.60}

A = (
    Holding(cash_instrument("d", "BTC"), 10.0, 0.0, 0.0),
    Holding(CALL, 5.0, 0.0, 0.0),
    Holding(PUT, -8.0, 0.0, 0.0),
    Holding(PERP, -30_000.0, -300_000 / 98_000, 0.0),
    Holding(FUTURE, 10_000.0, 100_000 / 99_500, 0.0),
)
B = (
    Holding(SPOT, 2.0, 0.0, 0.0),
    Holding(cash_instrument("d", "USDT"), 150_000.0, 0.0, 0.0),
    Holding(LINEAR, -10.0, 0.0, 0.0),
)


def compiled(holdings, numeraire):
    own = replace(BTC, numeraire=numeraire)
    told = {name: OptionInput(vol, CARRY) for name, vol in VOLS.items()}
    return exposure.compile_book(own, holdings, told, {FUTURE.id: CARRY})


@pytest.mark.parametrize(
    ("holdings", "in_dollars", "in_coins", "gamma", "value"),
    [
        (
            A,
            11.553845488452378,
            1.6515543602107465,
            -2.632014956850529e-05,
            S * 9.902291128241632,
        ),
        (B, -2.4885851500478653, -5.464756463758737, -2.319652258e-04, 297_617.131),
    ],
)
def test_published(holdings, in_dollars, in_coins, gamma, value):
    """Both deltas, gamma and worth are the published ones, to their last digit."""
    usd, coin = (compiled(holdings, numeraire) for numeraire in (Numeraire.USD, Numeraire.COIN))
    told = exposure.greeks(usd, S, 0)

    assert in_dollars == pytest.approx(exposure.measure(usd, S, 0).net, rel=1e-14)
    assert in_coins == pytest.approx(exposure.measure(coin, S, 0).net, rel=1e-13)
    assert gamma == pytest.approx(told.gamma, rel=1e-9)
    digits = {"abs": 5e-4} if holdings is B else {"rel": 1e-13}
    assert value == pytest.approx(told.value, **digits)


def test_identity():
    """For any account the coin delta is the dollar delta less the coins that it is worth."""
    for holdings in (A, B):
        usd, coin = (compiled(holdings, numeraire) for numeraire in (Numeraire.USD, Numeraire.COIN))
        equity = exposure.value(usd, S, 0) / S

        assert exposure.measure(usd, S, 0).net - equity == pytest.approx(
            exposure.measure(coin, S, 0).net, rel=1e-12
        )


@pytest.mark.parametrize(
    ("numeraire", "contracts"), [(Numeraire.USD, -115_538), (Numeraire.COIN, -16_516)]
)
def test_hedge_counts(numeraire, contracts):
    """Flat in dollars takes 115538 contracts of 10 USD, flat in coins 16516."""
    net = exposure.measure(compiled(A, numeraire), S, 0).net
    per = exposure.delta_per_contract(PERP, S, S)

    assert contracts == sizing.contracts(PERP, per, net, 0.0, Band(0.0, -0.001, 0.001))


def test_synthetic_dollar():
    """A short of its own worth against a coin is a dollar for ever: no delta at any price.

    theory.md §1.4 (i): the dollar delta of an inverse perpetual is its face ÷ entry.
    """
    held = (Holding(cash_instrument("d", "BTC"), 1.0, 0.0, 0.0), Holding(PERP, -1e4, -1.0, -1e4))
    book = compiled(held, Numeraire.USD)

    assert [0.0] * 3 == [exposure.measure(book, price, 0).net for price in (5e4, 1e5, 2e5)]
    assert 100_000.0 == pytest.approx(exposure.value(book, 5e4, 0))
