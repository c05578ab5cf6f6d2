"""Bounds: what excuses a book that stays outside its band, by what its venues hold."""

from decimal import Decimal
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from rebalancer.ports import SECOND
from rebalancer.settings import to_params
from rebalancer.simulation.virtual import book
from rebalancer.simulation.virtual.bounds import DEAR, Bounds, Standing

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
