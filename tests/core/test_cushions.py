"""Cushions: which figures are taken, what is missing, and what was booked since."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import anchors, cushions, pricing
from rebalancer.core import ledger as books
from rebalancer.core.anchors import Cushions
from rebalancer.core.curves import FRESH
from rebalancer.core.cushions import Around, Prices
from rebalancer.core.events import CashMoved, Fill
from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.margin.schedule import flat
from rebalancer.core.params import AccountTerms
from rebalancer.core.positions import Position, worth
from tests.scenarios.desk import PARAMS

D = Decimal
ONE = (D(1), D("0.001"), D("0.001"), D("0.1"))
PERP = Instrument("v:BTCUSDT", Kind.PERPETUAL, "BTC", "USDT", *ONE)
INVERSE = Instrument("v:BTC-PERP", Kind.PERPETUAL, "BTC", "BTC", D(10), D(1), D(1), D("0.5"))
ETHER = Instrument("v:ETHUSDT", Kind.PERPETUAL, "ETH", "USDT", *ONE)
SPOT = Instrument("v:BTC/USDT", Kind.SPOT, "BTC", "USDT", *ONE)
CALL = Instrument("v:CALL", Kind.OPTION, "BTC", "BTC", *ONE, 30 * 86_400 * 10**9, D(100_000), 1)
PUT = Instrument("v:PUT", Kind.OPTION, "BTC", "BTC", *ONE, 30 * 86_400 * 10**9, D(100_000), -1)
LISTED = {each.id: each for each in (PERP, INVERSE, ETHER, SPOT, CALL, PUT)}
MARKS = {PERP.id: 1e5, INVERSE.id: 1e5, ETHER.id: 4e3}
INDEXES = {"BTC": 1e5, "ETH": 4e3}
VOLS = {CALL.id: (0.6, 1.0), PUT.id: (0.6, 1.0)}
TIERED = AccountTerms(schedule=flat(0.005))


def told(asked, balance="10000", maintenance="500", *, currency="USDT", instrument="", legs=()):
    numbers = [D(each) for each in (balance, balance, maintenance, maintenance)]
    together = currency == "USD"
    return MarginTold(
        asked, asked, "v", (PoolFigures(currency, *numbers, instrument, together),), tuple(legs)
    )


class Account:
    """One account whose holdings, terms and prices a test may change as it goes."""

    def __init__(self, *held, terms=TIERED, cash=None):
        self.cushions, self.ledger, self.terms = Cushions(), books.Ledger(), terms
        self.marks, self.indexes, self.vols = dict(MARKS), dict(INDEXES), dict(VOLS)
        self.now = 0
        for instrument, quantity in held:
            self.hold(instrument, quantity)
        for currency, amount in (cash or {}).items():
            books.credit(self.ledger, "v", currency, D(amount))

    def hold(self, instrument, quantity, account="v"):
        size, price = D(quantity), D(repr(MARKS.get(instrument.id, 0.05)))
        position = Position(size, worth(instrument, size, price))
        self.ledger.positions[account, instrument.id] = position
        self.ledger.version += 1

    def fill(self, instrument, quantity, price="100000"):
        told = (D(quantity), D(price), D(0), instrument.settle)
        fill = Fill(0, 0, "v", instrument.id, str(self.ledger.version), None, *told)
        anchors.note_booking(self.cushions, "v", 6)
        books.book_fill(self.ledger, fill, instrument, ours=True)

    def take(self, event):
        return anchors.take(self.cushions, event)

    @property
    def pools(self):
        asked = Prices(self.marks.get, self.indexes.get, self.vols.get)
        params = replace(PARAMS, terms={"v": self.terms})
        around = Around(self.ledger, LISTED, params, asked, self.now)
        return cushions.pools(self.cushions, "v", around)

    @property
    def stands(self):
        (pool,) = self.pools
        return pool.balance, pool.maintenance


# --- which figures are taken --------------------------------------------------


def test_first_figures():
    """Before any figures nobody knows; then the venue's word holds as it is."""
    account = Account((PERP, "1"))

    assert (None, None) == (account.pools, anchors.age(account.cushions, "v", 9))
    assert account.take(told(5))
    assert (10_000.0, 500.0) == account.stands
    assert 4 == anchors.age(account.cushions, "v", 9)


@pytest.mark.parametrize(
    ("booked", "asked", "taken"),
    [
        (None, 5, True),
        (7, 6, False),  # may hold the booking or not
        (7, 7, True),
        (7, 8, True),
        (None, 2, False),  # older than what is known
        (None, 3, True),
    ],
)
def test_after_a_booking(booked, asked, taken):
    """Figures that were asked for before the last booking, or before the last figures, are not."""
    account = Account((PERP, "1"))
    account.take(told(3, "1"))
    assert (1.0, 500.0) == account.stands
    if booked is not None:
        anchors.note_booking(account.cushions, "v", booked)

    assert taken == account.take(told(asked, "2"))
    assert (2.0 if taken else 1.0) == account.stands[0]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (told(5, "NaN"), "USDT: figures must be finite, were NaN, NaN, 500, 500"),
        (told(5, "Infinity", instrument="v:X"), "v:X: figures must be finite"),
        (told(5, maintenance="-1"), "USDT: margin asked must be at least 0, was -1"),
        (replace(told(5), pools=told(5).pools * 2), "USDT: must be told once, was told twice"),
        (told(5, legs=[LegFigures("v:X", D(-1))]), "v:X: must be at least 0, was -1"),
        (told(5, legs=[LegFigures("v:X", None, D("NaN"))]), "v:X: must be at least 0, was NaN"),
    ],
)
def test_absurd(event, why):
    """What cannot be true takes away what was known, until the venue says something else."""
    account = Account((PERP, "1"))
    account.take(told(3))

    assert not account.take(event)
    assert account.cushions.faults["v"].startswith(why)
    assert account.pools is None
    assert account.take(told(6, legs=[LegFigures("v:X")]))
    assert {} == account.cushions.faults


@pytest.mark.parametrize(
    ("currency", "event", "free"),
    [
        ("USDT", None, None),
        ("USDT", told(5), 9_500.0),
        ("BTC", told(5), None),
        ("USDT", told(5, instrument="v:X"), None),  # what is locked is not free
        ("BTC", told(5, currency="USD"), 9_500.0),
    ],
)
def test_free(currency, event, free):
    """What orders may use is told for a currency, or for all together."""
    account = Account()
    if event is not None:
        account.take(event)

    assert free == anchors.free(account.cushions, "v", currency)


# --- what stands in a pool ----------------------------------------------------


def test_members():
    """A pool holds what settles in it and is margined; others' and what is spot do not count."""
    account = Account((PERP, "1"), (INVERSE, "5"), (SPOT, "1"))
    account.hold(ETHER, "1", account="w")
    account.take(told(5))

    assert [PERP.id] == [leg.instrument for leg in account.pools[0].legs]


def test_isolated():
    """An isolated position is in its own pool, and in no other."""
    account = Account((PERP, "1"), (ETHER, "1"), cash={"USDT": "7000"})
    account.take(replace(told(5), pools=told(5).pools + told(5, instrument=ETHER.id).pools))
    assert [10_000.0, 10_000.0] == [pool.balance for pool in account.pools]
    account.marks[ETHER.id] = 4_100.0

    assert [[PERP.id], [ETHER.id]] == [[leg.instrument for leg in p.legs] for p in account.pools]
    assert [10_000.0, 10_100.0] == [pool.balance for pool in account.pools]


@pytest.mark.parametrize(
    ("held", "lost"),
    [
        (PERP, "marks"),
        (CALL, "indexes"),
        (CALL, "vols"),
    ],
)
def test_missing(held, lost):
    """While a price of something held is missing nobody knows; then the anchor still holds."""
    currency = held.settle
    account = Account((held, "-1"))
    account.take(told(5, currency=currency))
    before = account.stands
    known, account.__dict__[lost] = account.__dict__[lost], {}
    account.now += FRESH + 1

    assert account.pools is None
    account.__dict__[lost] = known
    assert before == pytest.approx(account.stands)


def test_missing_from_the_start():
    """An index that comes after the figures makes the anchor then."""
    account = Account((CALL, "-1"))
    account.take(told(5, currency="BTC"))
    account.indexes = {}

    assert account.pools is None
    account.indexes = dict(INDEXES)
    assert (10_000.0, 500.0) == account.stands


@pytest.mark.parametrize(
    ("terms", "legs", "asked"),
    [
        (TIERED, (), 500.0 + 50.0),
        (AccountTerms(), (LegFigures(PERP.id, D(500)),), 500.0 + 50.0),
        (AccountTerms(), (), None),
        (AccountTerms(), (LegFigures(PERP.id), LegFigures(ETHER.id, D(1))), None),
    ],
)
def test_tiers(terms, legs, asked):
    """What is asked follows the price by known tiers, or by the rate that the figures imply."""
    account = Account((PERP, "1"), terms=terms)
    account.take(told(5, legs=legs))
    before = account.pools
    account.marks[PERP.id] = 110_000.0

    assert (asked is None) == (before is None)
    assert asked is None or pytest.approx((20_000.0, asked)) == account.stands


@pytest.mark.parametrize(("size", "asked"), [("100", 5e-5), ("-100", 5e-5)])
def test_implied_inverse(size, asked):
    """The rate of an inverse contract is implied in coin."""
    account = Account((INVERSE, size), terms=AccountTerms())
    account.take(told(5, "1", str(asked), currency="BTC", legs=[LegFigures(INVERSE.id, D("5e-5"))]))
    (pool,) = account.pools

    assert pytest.approx([0.005]) == pool.legs[0].schedule.rates.tolist()
    assert pytest.approx((1.0, asked)) == account.stands


def test_nothing_left_of_a_hedge():
    """A position of nothing, kept because part of it hedges, needs no tiers."""
    account = Account((ETHER, "1"), terms=AccountTerms())
    account.ledger.positions["v", PERP.id] = Position(D(0), D(0), D(1))
    account.take(told(5, legs=[LegFigures(ETHER.id, D(20))]))

    assert account.pools is not None


# --- what was booked since ----------------------------------------------------


@pytest.mark.parametrize("terms", [TIERED, AccountTerms()])
def test_booked_since(terms):
    """A fill since the figures counts."""
    account = Account((PERP, "1"), terms=terms)
    account.take(told(5, legs=[LegFigures(PERP.id, D(500))]))
    assert account.stands
    account.fill(PERP, "1", "101000")

    assert pytest.approx((9_000.0, 1_000.0)) == account.stands


def test_booked_before_the_first_price():
    """A fill that comes before the prices that the figures need is not taken for part of them."""
    account = Account((PERP, "1"))
    account.take(told(5))
    account.marks = {}
    assert account.pools is None
    account.fill(PERP, "1", "101000")
    account.marks = dict(MARKS)

    assert account.pools is None or pytest.approx((9_000.0, 1_000.0)) == account.stands


def test_cash_since():
    """So does cash that moved."""
    account = Account((PERP, "1"))
    account.take(told(5))
    assert account.stands
    moved = CashMoved(0, 0, "v", "c1", "transfer", D(-250), "USDT")
    books.book_cash(account.ledger, moved)

    assert (9_750.0, 500.0) == account.stands


# --- collateral that stands together ------------------------------------------

SHARES = AccountTerms(schedule=flat(0.005), collateral={"USDT": 1.0, "BTC": 0.9, "ETH": 0.0})


@pytest.mark.parametrize(
    ("cash", "price", "balance"),
    [
        ({"BTC": "1", "USDT": "5"}, 110_000.0, 10_000 + 9_000),
        ({"BTC": "-1"}, 110_000.0, 10_000 - 10_000),  # what is owed counts whole
        ({"ETH": "1"}, 110_000.0, 10_000),
        ({}, 110_000.0, 10_000),
    ],
)
def test_collateral(cash, price, balance):
    """Coins move the balance at their share."""
    account = Account((ETHER, "1"), terms=SHARES, cash=cash)
    account.take(told(5, currency="USD"))
    assert account.stands
    account.indexes["BTC"] = price

    assert pytest.approx(balance) == account.stands[0]


def test_inverse_profit_is_collateral():
    """What an inverse contract earns is coins, and counts as they do."""
    account = Account((INVERSE, "-10000"), terms=SHARES, cash={"BTC": "1"})
    account.take(told(5, currency="USD"))
    assert account.stands
    account.marks[INVERSE.id] = account.indexes["BTC"] = 125_000.0
    (pool,) = account.pools

    assert ("BTC", pytest.approx(1 - 0.2)) == (pool.coins[0].underlying, pool.coins[0].amount)
    assert pytest.approx((10_000 + 0.9 * (0.8 * 125_000 - 100_000), 500)) == account.stands


@pytest.mark.parametrize(("share", "known"), [(0.9, False), (0.0, True)])
def test_coins_without_a_price(share, known):
    """A coin that counts must have a price; one that is owned and counts nothing needs none."""
    terms = replace(SHARES, collateral={"DUST": share})
    account = Account((PERP, "1"), terms=terms, cash={"DUST": "0.001"})
    account.take(told(5, currency="USD"))

    assert known == (account.pools is not None)


def test_inverse_leg_without_a_price():
    """What an inverse contract earns is coins: without their price nobody knows its pool.

    Though the coins in cash count nothing, a loss of the contract is owed whole.
    """
    terms = replace(SHARES, collateral={"BTC": 0.0, "USDT": 1.0})
    account = Account((INVERSE, "-10000"), terms=terms, cash={"BTC": "1"})
    account.take(told(5, currency="USD"))
    account.indexes = {}

    assert account.pools is None


def test_stable_coins_count_at_their_share():
    """What is earned in a stable currency counts at the share of that currency."""
    account = Account(
        (PERP, "1"), terms=replace(SHARES, collateral={"USDT": 0.5}), cash={"USDT": "20000"}
    )
    account.take(told(5, currency="USD"))
    assert account.stands
    account.marks[PERP.id] = 101_000.0

    assert pytest.approx(10_500.0) == account.stands[0]


# --- options ------------------------------------------------------------------


def premium(account, instrument):
    """Return the price of an option by its curve's own law, coin."""
    vol, carry = account.vols[instrument.id]
    forward = account.indexes["BTC"] * carry
    years = (instrument.expiry - account.now) / (365 * 86_400 * 10**9)
    return float(
        pricing.inverse_price(forward, float(instrument.strike), years, vol, instrument.sign)
    )


@pytest.mark.parametrize("option", [CALL, PUT])
@pytest.mark.parametrize("terms", [TIERED, replace(TIERED, portfolio=True)])
@pytest.mark.parametrize("quantity", ["-2", "2"])
def test_options(option, terms, quantity):
    """Short options are asked for a share and their mark; a portfolio counts what all are worth."""
    account = Account((option, quantity), terms=terms)
    account.take(told(5, "10", "1", currency="BTC"))
    was = premium(account, option)
    assert account.stands == (10.0, 1.0)
    account.indexes["BTC"] = 120_000.0
    moved = float(quantity) * (premium(account, option) - was)
    short = quantity == "-2" and not terms.portfolio
    balance, asked = 10.0 + (moved if terms.portfolio else 0.0), 1.0 - (moved if short else 0.0)

    assert (pytest.approx(balance, abs=4e-3), pytest.approx(asked, abs=4e-3)) == account.stands


def test_lost_index():
    """An index that is lost after the curves were made leaves nobody knowing."""
    account = Account((CALL, "-1"))
    account.take(told(5, currency="BTC"))
    assert account.stands
    account.indexes = {}

    assert account.pools is None


def test_curves_are_kept():
    """Curves are worked out anew when something is booked or a minute has passed."""
    account = Account((CALL, "-1"))
    account.take(told(5, "10", "1", currency="BTC"))
    first = account.pools[0].curves[0][2]
    account.now += FRESH
    kept = account.pools[0].curves[0][2]
    account.now += 1
    aged = account.pools[0].curves[0][2]
    account.hold(CALL, "-2")
    booked = account.pools[0].curves[0][2]

    assert first is kept
    assert aged is not kept
    assert booked is not aged


def test_expired():
    """An option that has ended and is not delivered yet is worth what it pays."""
    account = Account((CALL, "-1"))
    account.now = CALL.expiry + 1
    account.take(told(5, "10", "1", currency="BTC"))
    assert account.stands
    account.indexes["BTC"] = 125_000.0

    assert (10.0, pytest.approx(1.2, abs=0.01)) == account.stands
