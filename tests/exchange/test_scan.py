"""Tests of liquidation prices that the exchange finds by trying, against published ones.

Worked out in theory.md §5.5 or printed by a venue: the first tick at or beyond
that price, seen from the mark. A venue that freezes maintenance at entry is
spelled with a rate of 0 and another position of the same pool that needs the
frozen amount, and whose mark stays.
"""

from dataclasses import replace

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.errors import DataError
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.records import LiquidationCalled
from rebalancer.exchange.terms import (
    AccountTerms,
    Liquidation,
    MarginMode,
    Schedule,
    VenueTerms,
)
from tests.exchange.listing import CALL, INVERSE, LINEAR, LISTED, NO_FEES, D, open_exchange

OTHER = replace(LINEAR, id="x:ETHUSDT", underlying="ETH")
OTHER_COIN = replace(LINEAR, id="x:ETH-BTC", underlying="ETH", settle="BTC", tick=D("0.0001"))
FINE = replace(INVERSE, id="x:FINE", tick=D("0.0001"))
CENT = replace(INVERSE, id="x:CENT", tick=D("0.01"))
CROSS = AccountTerms()
FLAT, NOTHING = Schedule(((D(0), D("0.005")),)), Schedule(((D(0), D(0)),))

# BTCUSD brackets in coins that give 12.5 % and an amount of 11.605 from 200 coins on, as in
# tests/golden/test_margin_published.py.
BINANCE = Schedule(
    tuple(
        (D(floor), D(rate))
        for floor, rate in (
            *(("0", "0.004"), ("5", "0.005"), ("10", "0.01"), ("20", "0.025")),
            *(("50", "0.05"), ("100", "0.10"), ("200", "0.125")),
        )
    )
)


def isolated(leverage):
    return AccountTerms(MarginMode.ISOLATED, D(leverage))


def opened(held, cash=(), terms=CROSS, maintenance=FLAT, marks=(), **more):
    """Return an exchange where account `a` holds this at its mark; cash is (currency, amount)."""
    positions = tuple(OpeningPosition(each.id, D(size), D(entry)) for each, size, entry in held)
    account = OpeningAccount("a", {what: D(amount) for what, amount in cash}, positions, terms)
    schedules = {Kind.PERPETUAL: maintenance, Kind.FUTURE: maintenance}
    schedules |= {OTHER.id: Schedule(((D(0), D("0.01")),)), OTHER_COIN.id: FLAT}
    listed = (*LISTED, OTHER, OTHER_COIN, FINE, CENT)
    exchange = Exchange(listed, NO_FEES, [account], VenueTerms(maintenance=schedules, **more))
    for each, _, entry in held:
        exchange.set_mark(0, each.id, D(dict(marks).get(each.id, entry)))
    return exchange


@pytest.mark.parametrize(
    ("instrument", "quantity", "leverage", "expected"),
    [
        (LINEAR, "-1", "10", "109452.8"),  # 110,000 ÷ 1.005 = 109,452.7363
        (LINEAR, "1", "10", "90452.2"),  # 90,000 ÷ 0.995 = 90,452.2613
        (LINEAR, "1", "1", None),  # all of it is paid
        (LINEAR, "-1", "1", "199005"),  # 200,000 ÷ 1.005 = 199,004.975
        (INVERSE, "-10000", "10", "110556"),  # 99,500 ÷ 0.9 = 110,555.5556
        (FINE, "-10000", "10", "110555.5556"),
        (INVERSE, "10000", "1", "50250"),  # 100,500 ÷ 2
        (INVERSE, "10000", "10", "91363.5"),  # 100,500 ÷ 1.1 = 91,363.6364
    ],
)
def test_isolated(instrument, quantity, leverage, expected):
    """100,000 USD at 100,000 with 0.5 % of maintenance ends where equity is maintenance."""
    exchange = opened(
        [(instrument, quantity, "100000")],
        [("USDT", "100000"), ("BTC", "1")],
        isolated(leverage),
    )

    found = exchange.liquidation_price("a", instrument.id)

    assert (None if expected is None else D(expected)) == found


@pytest.mark.parametrize(("tick", "expected"), [(FINE, "33599.4186"), (CENT, "33599.41")])
def test_binance_coin_margined_calculator(tick, expected):
    """Binance's calculator: long 10 million USD at 45,000, wallet 101 BTC, ends at 33,599.40.

    1.125 x 10 million ÷ (101 + 11.605 + 10 million ÷ 45,000) = 33,599.418606; the
    calculator prints 2 cents less, and nobody there says why.

    Source: dev.binance.vision, topic 6292.
    """
    held = [(tick, "1000000", "45000")]
    exchange = opened(held, [("BTC", "101")], maintenance=BINANCE)

    assert D(expected) == exchange.liquidation_price("a", tick.id)


def test_bybit_linear_isolated():
    """Bybit: long 1 BTC at 20,000, 50x, maintenance of 100 frozen at entry, ends at 19,700.

    Source: Bybit help centre, "Liquidation Price (USDT Contract)", example 1.
    """
    held = [(LINEAR, "1", "20000"), (OTHER, "1", "10000")]  # the other needs 1 % of 10,000
    exchange = opened(held, [("USDT", "400")], maintenance=NOTHING)

    assert D(19_700) == exchange.liquidation_price("a", LINEAR.id)


def test_bybit_inverse_isolated():
    """Bybit: short 60,000 USD at 50,000, 10x, 0.006 BTC frozen at entry, ends at 55,248.6188.

    Source: Bybit help centre, "Liquidation Price Calculation under Isolated Mode
    (Unified Trading Account)", inverse contract: 60,000 ÷ (1.2 - 0.12 + 0.006).
    """
    held = [(FINE, "-6000", "50000"), (OTHER_COIN, "24", "0.05")]  # the other needs 0.5 % of 1.2
    exchange = opened(held, [("BTC", "0.12")], maintenance=NOTHING)

    assert D("55248.6188") == exchange.liquidation_price("a", FINE.id)


def test_bybit_legacy_bankruptcy():
    """Bybit: long 10,000 USD at 8,000 with 0.5 BTC, 0.075 % to close, is bankrupt at 5,718.57.

    10,007.5 ÷ (0.5 + 1.25) = 5,718.5714.

    Source: Bybit help centre, "How to calculate Liquidation Price (Inverse Contract)".
    """
    exchange = opened(
        [(CENT, "1000", "8000")],
        [("BTC", "0.5")],
        maintenance=NOTHING,
        liquidation=Liquidation(fee=D("0.00075"), reserve_fee=True),
    )

    assert D("5718.57") == exchange.liquidation_price("a", CENT.id)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ("0.95", "1818181.9"),  # 100,000 ÷ 0.055, theory.md §5.5
        ("1", "20000000"),  # 100,000 ÷ 0.005: only maintenance grows
        ("0.5", "198019.9"),  # 100,000 ÷ 0.505 = 198,019.802
    ],
)
def test_short_against_its_own_coin(share, expected):
    """A coin of collateral against a coin short ends far up, for its haircut and maintenance."""
    terms = AccountTerms(collateral={"USDT": D(1), "BTC": D(share)})
    exchange = opened([(LINEAR, "-1", "100000")], [("BTC", "1")], terms)
    exchange.set_index(0, "BTC", D(100_000))

    assert D(expected) == exchange.liquidation_price("a", LINEAR.id)


def test_reserved_fee():
    """A fee that is reserved brings it nearer: 110,000 ÷ (1 + 0.005 + 0.0006) = 109,387.4304."""
    exchange = opened(
        [(LINEAR, "-1", "100000")],
        [("USDT", "10000")],
        liquidation=Liquidation(fee=D("0.0006"), reserve_fee=True),
    )

    assert D("109387.5") == exchange.liquidation_price("a", LINEAR.id)


def test_rising_rate():
    """Deribit's (m0 + m1 s) s: long 100 coins' worth at 50,000 with 10 BTC and 0.01 + 0.00005 s.

    With s = 5,000,000 ÷ P: 10 + 100 - s = 0.01 s + 0.00005 s²; s = 108.329932, P = 46,155.2953.
    """
    rising = Schedule(((D(0), D("0.01")),), D("0.00005"))
    exchange = opened([(INVERSE, "500000", "50000")], [("BTC", "10")], maintenance=rising)

    assert D(46_155) == exchange.liquidation_price("a", INVERSE.id)


def test_other_positions_stay():
    """Another position of the pool keeps its mark: its profit stands, its maintenance is needed."""
    held = [(LINEAR, "-1", "100000"), (OTHER, "10", "1000")]
    exchange = opened(held, [("USDT", "10000")], marks=[(OTHER.id, "1100")])

    # (100,000 + 10,000 + 1,000 - 110) ÷ 1.005 = 110,338.3085
    assert D("110338.4") == exchange.liquidation_price("a", LINEAR.id)


@pytest.mark.parametrize(
    ("quantity", "cash", "expected"),
    [
        ("-1", "400", "100000"),  # short of 500 already: the mark's own tick
        ("-1", "500", "100000"),  # at maintenance is taken down
        ("-1", "500.2", "100000.2"),  # 100,500.2 ÷ 1.005 = 100,000.199
        ("1", "500.2", "99999.7"),  # 99,499.8 ÷ 0.995 = 99,999.799
        ("1", "200000", None),
    ],
)
def test_near_and_far(quantity, cash, expected):
    """What is short already ends at its mark; what nothing can bring down has no such price."""
    exchange = opened([(LINEAR, quantity, "100000")], [("USDT", cash)])

    found = exchange.liquidation_price("a", LINEAR.id)

    assert (None if expected is None else D(expected)) == found


@pytest.mark.parametrize("instrument", [LINEAR, INVERSE])
@pytest.mark.parametrize("side", [1, -1])
def test_it_is_where_the_venue_acts(instrument, side):
    """One tick before its liquidation price a position stands, at it it is called."""
    size = (side if instrument is LINEAR else side * 10_000, "100000")
    held = [(instrument, *size)]
    exchange = opened(held, [("USDT", "7777"), ("BTC", "0.0777")])
    price = exchange.liquidation_price("a", instrument.id)

    exchange.set_mark(1, instrument.id, price + side * instrument.tick)
    before = exchange.judge(1)
    exchange.set_mark(2, instrument.id, price)
    after = exchange.judge(2)

    assert () == before
    assert isinstance(after[0], LiquidationCalled)


def test_without_prices():
    """Without its mark, or that of another in its pool, nobody can say."""
    held = (OpeningPosition(LINEAR.id, D(1), D(100)), OpeningPosition(OTHER.id, D(1), D(100)))
    venue = VenueTerms(maintenance={Kind.PERPETUAL: FLAT, Kind.FUTURE: FLAT})
    accounts = [OpeningAccount("a", {"USDT": D(50)}, held, CROSS)]
    exchange = Exchange((*LISTED, OTHER), NO_FEES, accounts, venue)

    assert exchange.liquidation_price("a", LINEAR.id) is None

    exchange.set_mark(0, LINEAR.id, D(100))

    assert exchange.liquidation_price("a", LINEAR.id) is None

    exchange.set_mark(0, OTHER.id, D(100))

    assert D("50.7") == exchange.liquidation_price("a", LINEAR.id)  # 50.5 ÷ 0.995 = 50.7537


@pytest.mark.parametrize(
    ("exchange", "instrument"),
    [
        (open_exchange(positions=[(LINEAR, "1", "100")]), LINEAR),  # nobody asks
        (opened([(LINEAR, "1", "100")]), INVERSE),  # nothing held
        (opened([(CALL, "-1", "0.05")]), CALL),
    ],
)
def test_senseless_questions(exchange, instrument):
    """Only a perpetual or future that is held on margin has a liquidation price."""
    with pytest.raises(DataError, match="on margin"):
        exchange.liquidation_price("a", instrument.id)
