"""Fills that are told in another order than they came in end in the same books, to the unit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import ledger as books
from rebalancer.core.events import Fill, Settled
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger

D = Decimal
PERP = Instrument("v:PERP", Kind.PERPETUAL, "BTC", "BTC", size=D(10))
LINEAR = Instrument("v:LINEAR", Kind.PERPETUAL, "BTC", "USDT", size=D("0.1"))

TRADES = st.lists(
    st.tuples(st.integers(-50, 50).filter(bool), st.integers(80_000, 120_000), st.booleans()),
    min_size=2,
    max_size=8,
)


def told(ledger, instrument, rows, within=1):
    """Tell a ledger fills of (number, contracts, price, ours), in the order of the rows.

    So many as `within` share a moment.
    """
    for at, (number, contracts, price, ours) in enumerate(rows):
        moment = number // within
        fill = Fill(
            *(100 + at, moment, "v", instrument.id, str(number), None),
            *(D(contracts), D(price), D(0), instrument.settle),
        )
        assert books.book_fill(ledger, fill, instrument, ours=ours)
    return ledger


@pytest.mark.parametrize("instrument", [PERP, LINEAR])
def test_any_order(instrument):
    """Quantity, basis, hedge and cash are those of the order in which the venue had them."""

    @given(trades=TRADES, within=st.integers(1, 4), data=st.data())
    def holds(trades, within, data):
        rows = [(number, *each) for number, each in enumerate(trades, 8)]
        mixed = data.draw(st.permutations(rows))
        first = told(Ledger(), instrument, rows, within)
        second = told(Ledger(), instrument, mixed, within)

        assert first.position("v", instrument.id) == second.position("v", instrument.id)
        assert first.balance("v", instrument.settle) == second.balance("v", instrument.settle)
        assert first.realised == second.realised

    holds()


@pytest.mark.parametrize("instrument", [PERP, LINEAR])
def test_around_a_settlement(instrument):
    """So they are where a session ended between them, told in its turn or later than all."""

    @given(trades=TRADES, after=st.integers(1, 8), data=st.data())
    def holds(trades, after, data):
        rows = [(moment, *each) for moment, each in enumerate(trades, 1)]
        early, late = rows[:after], rows[after:]
        end = Settled(200, after, "v", instrument.id, "s", D(100_000))
        first = told(Ledger(), instrument, early)
        books.book_settlement(first, end, instrument)
        told(first, instrument, late)
        second = told(Ledger(), instrument, [*early, *data.draw(st.permutations(late))])
        books.book_settlement(second, end, instrument)

        assert first.position("v", instrument.id) == second.position("v", instrument.id)
        assert first.balance("v", instrument.settle) == second.balance("v", instrument.settle)

    holds()
