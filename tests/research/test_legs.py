"""Legs: the coin's move, the basis and slippage are the whole of what legs earned."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.exchange.records import ContractDelivered, Filled
from rebalancer.research import worth as books
from rebalancer.research.legs import Legs
from rebalancer.settings import known

INVERSE, LINEAR = known("deribit:BTC-PERPETUAL"), known("binanceusdm:BTCUSDT")
SPOT, FUTURE = known("binance:BTCUSDT"), known("deribit:BTC-27FEB26")
LISTED = {each.id: each for each in (INVERSE, LINEAR, SPOT, FUTURE)}


def begun(*held, index=100.0):
    """Return books and legs of (instrument, quantity, mark), looked at once."""
    worth = books.begin(
        [(each, quantity, False) for each, quantity, _ in held],
        {each.id: mark for each, _, mark in held},
    )
    for each, _, mark in held:
        worth.lines[each.id].mark = mark
    books.price_index(worth, "BTC", index)
    legs = Legs(worth)
    legs.look()
    legs.sums = type(legs.sums)()
    return worth, legs


def move(worth, index, **marks):
    """Let prices be these."""
    books.price_index(worth, "BTC", index)
    for name, mark in marks.items():
        {"linear": LINEAR, "inverse": INVERSE, "spot": SPOT}[name]
        worth.lines[{"linear": LINEAR, "inverse": INVERSE, "spot": SPOT}[name].id].mark = mark


def fill(worth, legs, instrument, quantity, price, slippage):
    """Book an execution as a replay does."""
    line = worth.lines.get(instrument.id)
    if line is not None:
        legs.look_at(line)
    amounts = (Decimal(str(quantity)), Decimal(str(price)), Decimal(0))
    where = ("x", instrument.id, "c", "o", "t")
    books.book(worth, Filled(1, *where, *amounts, instrument.settle, maker=False), LISTED)
    legs.traded(worth.lines[instrument.id], slippage)


@pytest.mark.parametrize(
    ("index", "mark", "hedge", "basis"),
    [
        (110.0, 110.0, -20.0, 0.0),  # as the coin did
        (100.0, 101.0, 0.0, -2.0),  # beside it
        (110.0, 112.2, -20.0, -4.4),  # both
    ],
)
def test_linear(index, mark, hedge, basis):
    """A short of two coins loses with the coin, and more with a basis that widens."""
    worth, legs = begun((LINEAR, -2.0, 100.0))
    move(worth, index, linear=mark)
    legs.look()

    assert pytest.approx((hedge, basis)) == (legs.sums.hedge, legs.sums.basis)


def test_inverse():
    """A short of 1,000 USD gains in dollars what as many coins at its entry would lose."""
    worth, legs = begun((INVERSE, -1_000.0, 100.0))
    move(worth, 80.0, inverse=80.0)
    legs.look()

    assert pytest.approx((200.0, 0.0)) == (legs.sums.hedge, legs.sums.basis)


def test_slippage():
    """What a fill lost is slippage, once; then the contracts earn as if bought at the reference."""
    worth, legs = begun((LINEAR, 0.0, 100.0), index=100.0)
    fill(worth, legs, LINEAR, 3, 100.5, slippage=1.5)
    move(worth, 110.0, linear=110.0)
    legs.look()

    assert pytest.approx((1.5, 30.0, 0.0)) == (
        legs.sums.slippage,
        legs.sums.hedge,
        legs.sums.basis,
    )


def test_future_that_ends():
    """Between its last mark and the settlement price a future earns basis."""
    worth, legs = begun((FUTURE, 1_000.0, 100.0))
    worth.lines[FUTURE.id].mark = 125.0
    books.price_index(worth, "BTC", 125.0)
    legs.look_at(worth.lines[FUTURE.id])
    ended = ContractDelivered(2, "x", FUTURE.id, "d", Decimal(128), Decimal(0), "BTC")
    books.book(worth, ended, LISTED)
    legs.ended(worth.lines[FUTURE.id], worth.sums.closed)

    paid = 1_000 * (1 / 100 - 1 / 128) * 125
    assert pytest.approx(paid) == legs.sums.hedge + legs.sums.basis
    assert pytest.approx(250.0) == legs.sums.hedge


PRICES = st.floats(50.0, 200.0)


@given(
    instrument=st.sampled_from([LINEAR, INVERSE, SPOT]),
    steps=st.lists(
        st.tuples(PRICES, PRICES, st.integers(-5, 5), PRICES, st.floats(-3, 3)), max_size=8
    ),
)
def test_parts_are_the_whole(instrument, steps):
    """Whatever was traded and however prices went, the parts add up to what the leg earned."""
    worth, legs = begun((instrument, 2.0, 100.0))
    before = books.equity(worth)
    for index, mark, quantity, price, slippage in steps:
        books.price_index(worth, "BTC", index)
        worth.lines[instrument.id].mark = mark
        if quantity:
            fill(worth, legs, instrument, quantity, round(price, 2), slippage)
        legs.look()

    found = legs.sums
    whole = found.hedge + found.spot + found.basis - found.slippage
    assert pytest.approx(books.equity(worth) - before, rel=1e-9, abs=1e-6) == whole
    assert pytest.approx(sum(each[4] for each in steps if each[2])) == found.slippage
