"""Bounds: what excuses a book that stays outside its band, by what its venues hold."""

from decimal import Decimal
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from rebalancer.core.ids import ClientOrderId, encode
from rebalancer.exchange.records import CashKind, CashMoved, Filled, FundingBooked
from rebalancer.ports import SECOND
from rebalancer.settings import to_params
from rebalancer.simulation.virtual import book
from rebalancer.simulation.virtual.bounds import DEAR, Bounds, Standing, Turns, untold
from rebalancer.simulation.virtual.hearing import Hearing
from rebalancer.simulation.virtual.market import EXPIRY
from rebalancer.simulation.virtual.pace import SKEWED, STEEPEST, Pace

PRICE = 100_000.0
FULL, FREE = 40.0, 20.0  # coins of a leg; its limit is 40


class PoolKey(NamedTuple):
    """By which an exchange tells its pools apart."""

    currency: str


class Books:
    """One account of an exchange that holds one perpetual."""

    def __init__(self, coins, inverse, thin, coin="0"):
        contracts = coins * PRICE if inverse else coins
        self.name = book.INVERSE if inverse else book.LINEAR
        self.held = Decimal(str(contracts))
        self.terms = SimpleNamespace(
            size=Decimal(1), inverse=inverse, settle="BTC" if inverse else "USDT", margined=True
        )
        asked = Decimal(9) if thin else Decimal(1)
        pool = PoolKey(self.terms.settle)
        self.pools = {pool: SimpleNamespace(maintenance=asked, balance=Decimal(10))}
        self.owned = {"BTC": Decimal(coin)}

    def contract(self, _name):
        return self.terms

    def positions(self, _account):
        return [SimpleNamespace(instrument=self.name, quantity=self.held)]

    def standings(self, _account):
        return self.pools

    def balances(self, _account):
        return self.owned

    def equity(self, _account, currency):
        return self.owned[currency]


def binding(first, second, *, thin=(), net=1.0, turned=0.0, dear=False, coin="100"):
    """Return what binds a book of two legs, coins, of which some pools are thin."""
    books = {
        "deribit": Books(first, inverse=True, thin="first" in thin, coin=coin),
        "binanceusdm": Books(second, inverse=False, thin="second" in thin),
    }
    params = to_params(book.settings(), 1, book.instruments(), SECOND)
    return set(Bounds(books, params).binding(Standing(PRICE, net, turned, dear)))


LEG, MARGIN = {"position_too_large"}, {"margin_too_thin"}


@pytest.mark.parametrize(
    ("legs", "more", "expected"),
    [
        ((-FREE, -FREE), {}, set()),
        ((-FULL, -FREE), {}, set()),  # the other may still grow
        ((-FULL, -FULL), {}, LEG | MARGIN),
        ((-FULL, -39.85), {}, set()),  # it has more room than a crumb
        ((-FULL, -39.95), {}, LEG | MARGIN),
        ((-FULL, -FULL), {"net": -1.0}, set()),  # what hedges makes both smaller
        ((FULL, FULL), {"net": -1.0}, LEG | MARGIN),
        ((-FULL, FULL), {}, set()),
        ((-FULL, -FREE), {"thin": ("second",)}, LEG | MARGIN),
        ((-FREE, -FREE), {"thin": ("first", "second")}, set()),  # a person brings collateral
        ((-FULL, -FREE), {"dear": True}, LEG | set(DEAR)),
        ((-FREE, -FREE), {"dear": True}, set(DEAR)),
        ((-FREE, -FREE), {"turned": 2e8}, {"turnover_spent"}),
        ((-FULL, -FREE), {"turned": 2e8}, LEG | {"turnover_spent"}),
        ((-FREE, -FREE), {"coin": "5"}, {"leverage_too_high"}),
    ],
)
def test_binding(legs, more, expected):
    """One leg that is full excuses nothing while another may grow."""
    assert expected == binding(*legs, **more)


def broken(moved, *, coins=-60.0, coin="100", jumped=False, traded=0.0):
    """Return the first words of what a fill broke that made a short of 60 coins of it."""
    account, name = "deribit", book.INVERSE
    exchange = Books(coins, inverse=True, thin=True, coin=coin)
    exchange.position = lambda _account, _name: SimpleNamespace(quantity=exchange.held)
    params = to_params(book.settings(), 1, book.instruments(), SECOND)
    fill = SimpleNamespace(account=account, instrument=name, quantity=Decimal(-100_000))
    found = Bounds({account: exchange}, params).broken(
        fill, PRICE, 0.0, Turns(traded, jumped, moved)
    )
    return {text.split()[-4 if "there" in text else 0] for text in found}


POSITION, LEVERAGE, POOL, TURNOVER = book.INVERSE, "gross", "asked", "220,000,000"


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ((), {POSITION, POOL}),
        ((("binanceusdm", ""),), {POSITION, POOL}),
        ((("deribit", ""),), {POSITION}),  # cash makes a pool thin, and no position too large
        ((("deribit", book.INVERSE),), set()),
        ((("deribit", book.CALL),), {POSITION}),
    ],
)
def test_others_excuse_what_they_moved(moved, expected):
    """A limit that somebody else broke on the way of an order, and no other."""
    assert expected == broken(moved)


def test_what_is_always_judged():
    """Turnover is our own doing; leverage is everybody's, and a jump excuses that too."""
    assert LEVERAGE in broken((), coin="5")
    assert LEVERAGE not in broken((("binanceusdm", ""),), coin="5")
    assert LEVERAGE not in broken((), coin="5", jumped=True)
    assert {POSITION} == broken((), jumped=True)  # nobody told yet what the pool is asked for
    assert TURNOVER in broken((("deribit", book.INVERSE),), traded=2.2e8)


def test_what_others_did():
    """Trades and cash of others, where and since when; funding and own fills are none."""
    heard = Hearing()
    own = encode(ClientOrderId(0, 1, 1))
    facts = ("o", "t", Decimal(1), Decimal(1), Decimal(0), "BTC", False)
    heard.book(Filled(1, "deribit", book.INVERSE, "hand1", *facts))
    heard.book(Filled(2, "deribit", book.CALL, own, *facts))
    heard.book(FundingBooked(3, "deribit", book.INVERSE, "p", Decimal(1), "BTC"))
    heard.book(CashMoved(4, "binanceusdm", "c", CashKind.DEPOSIT, Decimal(1), "USDT"))

    assert (("deribit", book.INVERSE), ("binanceusdm", "")) == heard.moved(1)
    assert (("binanceusdm", ""),) == heard.moved(2)
    assert () == heard.moved(5)


def test_how_far_a_clock_may_be_off():
    """As far as it drifts between what a venue told of its time and when it was asked in vain."""
    pace = Pace(to_params(book.settings(), 1, book.instruments(), SECOND), lambda *_: None)
    assert SKEWED == pace.skewed("deribit")
    pace.timed("deribit", SECOND, told=True)
    pace.timed("deribit", 3 * SECOND, told=False)
    assert SKEWED == pace.skewed("deribit")
    pace.timed("deribit", 31 * SECOND, told=False)
    assert 750_000_000 + 30 * STEEPEST == pace.skewed("deribit")
    assert SKEWED == pace.skewed("binanceusdm")
    pace.timed("deribit", 32 * SECOND, told=True)
    assert SKEWED == pace.skewed("deribit")


@pytest.mark.parametrize(
    ("began", "now", "coins"),
    [
        (1_900, 90, 0.0),  # it heard all of the mean
        (1_720, 90, 0.0),  # and nearly all
        (1_700, 90, 1.2),
        (111, 90, 1.2),  # 20 coins, a twentieth of them open, and what a false mark says
        (111, 0, 0.0),
    ],
)
def test_what_a_mean_nobody_heard_hides(began, now, coins):
    """Who begins amid an average knows delta only up to what of it is open."""
    found = untold(EXPIRY - began * SECOND, EXPIRY - now * SECOND)

    assert found == pytest.approx(coins)
