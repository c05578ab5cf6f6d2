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
            number=number,
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
    """So they are where a session ended between them, whenever that is told, and they are.

    Up to what rounding a fill by itself loses, which the venue settled with the rest.
    """

    @given(trades=TRADES, before=st.integers(0, 8), within=st.integers(1, 3), data=st.data())
    def holds(trades, before, within, data):
        rows = [(2 * within * at + turn, *each) for at, turn, each in placed(trades, within)]
        moment = 2 * min(before, len(trades) // within)  # between two moments
        ends = Settled(200, moment - 1, "v", instrument.id, "s", D(100_000))
        early = [each for each in rows if each[0] // within < moment]
        first = told(Ledger(), instrument, early, within)
        books.book_settlement(first, ends, instrument)
        told(first, instrument, rows[len(early) :], within)
        mixed, turn = data.draw(st.permutations(rows)), data.draw(st.integers(0, len(rows)))
        second = told(Ledger(), instrument, mixed[:turn], within)
        books.book_settlement(second, ends, instrument)
        told(second, instrument, mixed[turn:], within)
        one, other = (each.position("v", instrument.id) for each in (first, second))
        cash = [each.balance("v", instrument.settle) for each in (first, second)]

        assert (one.quantity, one.hedge) == (other.quantity, other.hedge)
        assert abs(one.basis - other.basis) < D("1e-10")
        assert abs(cash[0] - cash[1]) < D("1e-10")

    holds()


def placed(trades, within):
    """Yield (moment, turn within it, trade)."""
    return [(at // within, at % within, each) for at, each in enumerate(trades)]
