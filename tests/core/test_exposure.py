"""Delta of each kind of holding, by the table of the design, and what sums over a book."""

from dataclasses import replace

import numpy as np
import pytest

from rebalancer.core import exposure, pricing
from rebalancer.core.exposure import YEAR, Holding, OptionInput
from rebalancer.core.instruments import cash_instrument
from rebalancer.core.params import Numeraire
from tests.scenarios.desk import (
    BTC,
    CALL,
    EXPIRY,
    FUTURE,
    INSTRUMENTS,
    LINEAR,
    LINEAR_CALL,
    LINEAR_FUTURE,
    PERP,
    PUT,
    SPOT,
)

S, CARRY, VOL = 100_000.0, 1.01, 0.6
F = S * CARRY
NOW = EXPIRY - 30 * YEAR // 365
COINS, DOLLARS = cash_instrument("deribit", "BTC"), cash_instrument("binanceusdm", "USDT")


def compiled(*holdings, numeraire=Numeraire.USD, told=True, **changes):
    """Return a book of (instrument, quantity, basis, hedge)."""
    held = [Holding(INSTRUMENTS.get(name, name), *numbers) for name, *numbers in holdings]
    options = {name: OptionInput(VOL, CARRY) for name in (CALL, PUT, LINEAR_CALL)}
    carries = {FUTURE: CARRY, LINEAR_FUTURE: CARRY}
    own = replace(BTC, numeraire=numeraire, **changes)
    return exposure.compile_book(own, held, options if told else {}, carries if told else {})


def black(strike, sign):
    told = pricing.greeks(F, strike, 30 / 365, VOL, sign)
    return float(told.price), float(told.delta)


CALL_PRICE, CALL_DELTA = black(110_000, +1)
PUT_PRICE, PUT_DELTA = black(90_000, -1)
LINEAR_PRICE, LINEAR_DELTA = black(105_000, +1)


@pytest.mark.parametrize(
    ("holding", "usd", "coin"),
    [
        ((COINS, 3.0, 0.0, 0.0), 3.0, 0.0),
        ((DOLLARS, 50_000.0, 0.0, 0.0), 0.0, -0.5),
        ((SPOT, 3.0, 0.0, 0.0), 3.0, 0.0),
        # q coins from E = 80000: q, q·E/S
        ((LINEAR, 2.0, 160_000.0, 0.0), 2.0, 1.6),
        ((LINEAR, -2.0, -160_000.0, 0.0), -2.0, -1.6),
        ((LINEAR_FUTURE, 2.0, 160_000.0, 0.0), 2 * CARRY, 1.6),
        # N USD from E = 80000: N/E, N/S or N/F
        ((PERP, 20_000.0, 2.5, 0.0), 2.5, 2.0),
        ((PERP, -20_000.0, -2.5, 0.0), -2.5, -2.0),
        ((FUTURE, 20_000.0, 2.5, 0.0), 2.5, 2 / CARRY),
        ((CALL, 5.0, 0.2, 0.0), 5 * CALL_DELTA, 5 * (CALL_DELTA - CALL_PRICE / F)),
        ((PUT, -8.0, -0.2, 0.0), -8 * PUT_DELTA, -8 * (PUT_DELTA - PUT_PRICE / F)),
        (
            (LINEAR_CALL, 10.0, 0.0, 0.0),
            10 * LINEAR_DELTA * CARRY,
            10 * (LINEAR_DELTA * CARRY - LINEAR_PRICE / S),
        ),
    ],
)
@pytest.mark.trap("inverse-is-not-linear", "every")
def test_table(holding, usd, coin):
    """Each holding has the delta that its value has a slope, in dollars and in coins."""
    in_dollars = compiled(holding)
    in_coins = compiled(holding, numeraire=Numeraire.COIN)
    name = getattr(holding[0], "id", holding[0])

    assert usd == pytest.approx(exposure.measure(in_dollars, S, NOW).net)
    assert coin == pytest.approx(exposure.measure(in_coins, S, NOW).net)
    assert usd == pytest.approx(exposure.by_holding(in_dollars, S, NOW)[name])
    assert coin == pytest.approx(exposure.by_holding(in_coins, S, NOW)[name])


@pytest.mark.parametrize(
    ("holding", "value"),
    [
        ((COINS, 3.0, 0.0, 0.0), 3 * S),
        ((DOLLARS, 50_000.0, 0.0, 0.0), 50_000),
        ((LINEAR, 2.0, 160_000.0, 0.0), 40_000),
        ((LINEAR_FUTURE, 2.0, 160_000.0, 0.0), 2 * F - 160_000),
        ((PERP, 20_000.0, 2.5, 0.0), 200_000 * (S / 80_000 - 1)),
        ((FUTURE, 20_000.0, 2.5, 0.0), 200_000 * S * (1 / 80_000 - 1 / F)),
        ((CALL, 5.0, 0.2, 0.0), 5 * CALL_PRICE / CARRY),
        ((LINEAR_CALL, 10.0, 0.0, 0.0), 10 * LINEAR_PRICE),
    ],
)
def test_value(holding, value):
    """Value is in dollars, open profit included."""
    book = compiled(holding)

    assert value == pytest.approx(exposure.value(book, S, NOW))
    assert value == pytest.approx(exposure.greeks(book, S, NOW).value)


def test_greeks():
    """Gamma, vega and theta are slopes of the book's own value, in dollars."""
    book = compiled((CALL, 5.0, 0.0, 0.0), (PUT, -8.0, 0.0, 0.0), (LINEAR_CALL, -3.0, 0.0, 0.0))
    up = compiled((CALL, 5.0, 0.0, 0.0), (PUT, -8.0, 0.0, 0.0), (LINEAR_CALL, -3.0, 0.0, 0.0))
    up.options.vol[:] = VOL + 1e-5
    told, day = exposure.greeks(book, S, NOW), YEAR // 365 // 24
    delta = [exposure.measure(book, S + step, NOW).net for step in (-1.0, 1.0)]
    later = exposure.value(book, S, NOW + day) - exposure.value(book, S, NOW - day)

    assert (delta[1] - delta[0]) / 2 == pytest.approx(told.gamma, rel=1e-5)
    assert (exposure.value(up, S, NOW) - told.value) / 1e-5 == pytest.approx(told.vega, rel=1e-4)
    assert later / (2 * day / YEAR) == pytest.approx(told.theta, rel=1e-4)


def test_collateral():
    """The delta of cash stands by itself."""
    held = [(COINS, 3.0, 0.0, 0.0), (DOLLARS, 5e4, 0.0, 0.0), (SPOT, 1.0, 0.0, 0.0)]

    assert 3.0 == exposure.greeks(compiled(*held), S, NOW).collateral
    coin = exposure.greeks(compiled(*held, numeraire=Numeraire.COIN), S, NOW)
    assert -0.5 == coin.collateral


@pytest.mark.parametrize(
    ("holdings", "net", "hedge", "gross"),
    [
        ([], 0.0, 0.0, 0.0),
        ([(SPOT, 3.0, 0.0, 0.0), (LINEAR, -2.0, -2e5, -2.0)], 1.0, -2.0, 3.0),
        ([(SPOT, 3.0, 0.0, 0.0), (LINEAR, -2.0, -2e5, 0.0)], 1.0, 0.0, 5.0),
        # one instrument, partly the book's: -5 of its own, +3 by hedging
        ([(LINEAR, -2.0, -2e5, 3.0)], -2.0, 3.0, 5.0),
        ([(LINEAR, 0.0, 0.0, 3.0)], 0.0, 3.0, 3.0),  # hedged to nothing
        ([(SPOT, 3.0, 0.0, 3.0)], 3.0, 3.0, 0.0),
        # inverse: what hedging put there counts at today's price, its profit is the book's
        ([(COINS, 3.0, 0.0, 0.0), (PERP, -2e4, -2.5, -2e4)], 0.5, -2.0, 2.5),
        ([(COINS, 2.5, 0.0, 0.0), (PERP, -2e4, -2.0, -2e4)], 0.5, -2.0, 2.5),  # settled
        ([(COINS, 3.0, 0.0, 0.0), (PERP, -2e4, -2.5, 0.0)], 0.5, 0.0, 4.5),
        ([(CALL, 5.0, 0.2, 2.0)], 5 * CALL_DELTA, 2 * CALL_DELTA, 3 * CALL_DELTA),
        ([(CALL, 0.0, 0.0, 2.0)], 0.0, 2 * CALL_DELTA, 2 * CALL_DELTA),
    ],
)
def test_hedge_and_gross(holdings, net, hedge, gross):
    """What hedging put there is told from what it is there to hedge."""
    told = exposure.measure(compiled(*holdings), S, NOW)

    assert net == pytest.approx(told.net)
    assert hedge == pytest.approx(told.hedge)
    assert gross == pytest.approx(told.gross)
    assert net - hedge == pytest.approx(told.unhedged)


@pytest.mark.parametrize(
    ("quantity", "basis", "cash"), [(2.0, 160_000.0, 10_000.0), (2.0, 200_000.0, 50_000.0)]
)
def test_hedge_in_coins(quantity, basis, cash):
    """In coins, too, a settlement moves nothing between hedge and book."""
    held = [(COINS, 3.0, 0.0, 0.0), (DOLLARS, cash, 0.0, 0.0), (LINEAR, quantity, basis, quantity)]
    told = exposure.measure(compiled(*held, numeraire=Numeraire.COIN), S, NOW)

    assert (1.5, 2.0, 0.5) == pytest.approx((told.net, told.hedge, told.gross))


@pytest.mark.parametrize(
    ("include", "exclude", "net"),
    [
        (("*",), (), 6.0),
        (("*",), (LINEAR,), 4.0),
        (("deribit:*",), (), 3.0),
        (("*",), ("deribit:*",), 3.0),
        (("deribit:*", SPOT), ("*PERPETUAL",), 4.0),
        ((), (), 0.0),
    ],
)
def test_scope(include, exclude, net):
    """Only what lies in scope counts."""
    book = compiled(
        (COINS, 3.0, 0.0, 0.0),
        (SPOT, 1.0, 0.0, 0.0),
        (LINEAR, 2.0, 2e5, 0.0),
        include=include,
        exclude=exclude,
    )

    assert net == exposure.measure(book, S, NOW).net


def test_missing():
    """An option or dated future that nobody valued is missing, unless out of scope."""
    held = [(CALL, 1.0, 0.0, 0.0), (FUTURE, 1.0, 1e-4, 0.0), (PERP, 1.0, 1e-4, 0.0)]

    assert (CALL, FUTURE) == compiled(*held, told=False).missing
    assert (FUTURE,) == compiled(*held, told=False, exclude=(CALL,)).missing
    assert () == compiled(*held).missing


def test_accounts_are_summed():
    """The same instrument on two accounts is one line for a reader."""
    book = compiled((SPOT, 1.0, 0.0, 0.0), (SPOT, 2.0, 0.0, 0.0))

    assert {SPOT: 3.0} == exposure.by_holding(book, S, NOW)


@pytest.mark.parametrize(
    ("name", "price", "usd", "coin"),
    [
        (CALL, 121_000.0, 1 - 110_000 / 121_000, 0.0),  # so many coins, whatever they cost
        (CALL, 100_000.0, 0.0, 0.0),
        (PUT, 81_000.0, 90_000 / 81_000 - 1, 0.0),
        (LINEAR_CALL, 115_000.0, 0.0, -10_000 / 115_000),  # so many dollars
    ],
)
def test_between_expiry_and_delivery(name, price, usd, coin):
    """What an expired option will pay is coins or dollars, and has their delta."""
    held = (name, 1.0, 0.0, 0.0)
    books = [compiled(held, numeraire=numeraire) for numeraire in Numeraire]
    for book in books:
        book.options.carry[:] = 1.0
    told = [exposure.measure(book, price, EXPIRY + 1).net for book in books]

    assert [usd, coin] == pytest.approx(told)


@pytest.mark.parametrize("numeraire", list(Numeraire))
@pytest.mark.parametrize(
    ("minutes", "share"), [(31, 1.0), (30, 1.0), (15, 0.5), (3, 0.1), (0, 0.0), (-5, 0.0)]
)
@pytest.mark.parametrize("name", [LINEAR_FUTURE, FUTURE])
def test_settlement_window_of_a_future(name, minutes, share, numeraire):
    """In its last half hour only the open share of a dated future's average moves."""
    size = 2_000.0 if name == FUTURE else 2.0
    coins = 20_000 / F if name == FUTURE else 2 * CARRY
    basis = coins if name == FUTURE else 2 * F
    book = compiled((name, size, basis, 0.0), (SPOT, 1.0, 0.0, 0.0), numeraire=numeraire)
    spot = exposure.measure(compiled((SPOT, 1.0, 0.0, 0.0), numeraire=numeraire), S, 0).net
    told = exposure.measure(book, S, EXPIRY - minutes * 60 * 10**9)

    assert share * coins == pytest.approx(told.net - spot)
    assert share * coins == pytest.approx(
        exposure.by_holding(book, S, EXPIRY - minutes * 60 * 10**9)[name]
    )


@pytest.mark.parametrize(("minutes", "share"), [(15, 0.5), (0, 0.0)])
def test_hedge_and_gross_in_the_settlement_window(minutes, share):
    """A dated hedge that hardly moves any more does not make the book look larger."""
    told = exposure.measure(
        compiled((SPOT, 3.0, 0.0, 0.0), (LINEAR_FUTURE, -2.0, -2 * F, -2.0)),
        S,
        EXPIRY - minutes * 60 * 10**9,
    )

    assert (3 - share * 2 * CARRY, -share * 2 * CARRY) == pytest.approx((told.net, told.hedge))
    assert (3.0, 3.0) == pytest.approx((told.unhedged, told.gross))


@pytest.mark.parametrize(
    ("name", "price", "expected"),
    [
        (PERP, 80_000.0, 10 / 80_000),
        (FUTURE, F, 10 / F),
        (LINEAR, 100_100.0, 1.0),
        (SPOT, 100_100.0, 1.0),
        (LINEAR_FUTURE, F, CARRY),
    ],
)
@pytest.mark.trap("inverse-is-not-linear", "every")
def test_delta_per_contract(name, price, expected):
    """What one contract adds when it trades: its delta while it has no profit."""
    assert expected == pytest.approx(exposure.delta_per_contract(INSTRUMENTS[name], price, S))


def test_contract_held():
    """A contract that was traded now is so many coins in either numeraire, and no profit."""
    for name, price in ((PERP, S), (FUTURE, F), (LINEAR, S), (LINEAR_FUTURE, F)):
        instrument = INSTRUMENTS[name]
        size = float(instrument.size)
        basis = size / price if instrument.inverse else size * price
        for numeraire in Numeraire:
            book = compiled((name, 1.0, basis, 0.0), numeraire=numeraire)
            expected = size / price if instrument.inverse else size * price / S
            assert np.isclose(expected, exposure.measure(book, S, NOW).net, rtol=1e-12)
