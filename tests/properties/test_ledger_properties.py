"""The ledger loses nothing: not a unit of cash, whatever the order and however often it is told."""

from collections import defaultdict
from dataclasses import replace
from decimal import Context, Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core import ledger as books
from rebalancer.core import positions
from rebalancer.core.events import Delivered, Fill, FundingPaid, Settled
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger

D = Decimal
UNIT = D("1e-12")
INVERSE = Instrument("v:INVERSE", Kind.PERPETUAL, "BTC", "BTC", size=D(10))
LINEAR = Instrument("v:LINEAR", Kind.PERPETUAL, "BTC", "USDT", size=D("0.001"))
CALL = Instrument("v:CALL", Kind.OPTION, "BTC", "BTC", strike=D(90_000), sign=+1)
SPOT = Instrument("v:SPOT", Kind.SPOT, "BTC", "USDT")
ALL = (INVERSE, LINEAR, CALL, SPOT)


def flow(instrument, quantity, price):
    """Return what `quantity` is worth at a price, worked out apart from the core."""
    with localcontext(Context(prec=80)):
        if instrument is INVERSE:
            return (quantity * 10 / price).quantize(UNIT)
        return quantity * instrument.size * price


@st.composite
def trade(draw, instruments=ALL):
    instrument = draw(st.sampled_from(instruments))
    quantity = D(draw(st.integers(-9, 9).filter(bool)))
    price = D(draw(st.integers(1, 200_000)))
    price = price / 1_000_000 if instrument is CALL else price
    fee = D(draw(st.integers(-5, 50))) / 1_000
    return instrument, quantity, price, fee, draw(st.booleans())


def fills(instruments=ALL, most=10):
    return st.lists(trade(instruments), max_size=most).map(
        lambda told: [
            (
                instrument,
                Fill(
                    n,
                    n,
                    "v",
                    instrument.id,
                    f"t{n}",
                    None,
                    quantity,
                    price,
                    fee,
                    instrument.settle,
                ),
                ours,
            )
            for n, (instrument, quantity, price, fee, ours) in enumerate(told)
        ]
    )


def booked(told):
    ledger = Ledger()
    for instrument, fill, ours in told:
        books.book_fill(ledger, fill, instrument, ours=ours)
    return ledger


def equity(ledger, instrument, price):
    """Return cash and the open profit of one instrument's currency."""
    held = ledger.position("v", instrument.id)
    return ledger.balance("v", instrument.settle) + positions.open_profit(instrument, held, price)


@given(fills(), st.data())
def test_told_again_and_in_any_order(told, data):
    """Doubled and shuffled fills leave the same quantities, hedge parts, fees and worth."""
    again = [each for each in told for _ in range(data.draw(st.integers(1, 5)))]
    once, often = booked(told), booked(data.draw(st.permutations(again)))

    for instrument in ALL:
        before, after = (each.position("v", instrument.id) for each in (once, often))
        assert (before.quantity, before.hedge) == (after.quantity, after.hedge)
    assert once.fees == often.fees
    assert once.version >= len(told) <= often.version


@given(fills((INVERSE,)) | fills((LINEAR,)), st.data(), st.integers(1, 200_000))
def test_order_does_not_change_worth(told, data, price):
    """What a book of one contract is worth at any price does not depend on who came first."""
    shuffled = data.draw(st.permutations(told))
    for instrument in (INVERSE, LINEAR):
        first, second = (equity(booked(each), instrument, D(price)) for each in (told, shuffled))
        assert first == second


@given(fills())
def test_fills_add_up(told):
    """The position is the sum of its fills; its hedge part the sum of ours."""
    ledger = booked(told)
    total, ours = defaultdict(Decimal), defaultdict(Decimal)
    for instrument, fill, own in told:
        total[instrument.id] += fill.quantity
        ours[instrument.id] += fill.quantity if own else 0

    for instrument in ALL:
        held = ledger.position("v", instrument.id)
        assert (total[instrument.id], ours[instrument.id]) == (held.quantity, held.hedge)


@given(fills((INVERSE,)) | fills((LINEAR,)) | fills((CALL,)) | fills((SPOT,)), st.integers(1, 200))
def test_conservation(told, thousands):
    """Cash, open profit and fees are the sum of every trade's own cash flow, to the last unit."""
    price = D(thousands * 1_000)
    for instrument in ALL:
        ledger = booked(told)
        own = [fill for each, fill, _ in told if each is instrument]
        flows = sum((flow(instrument, fill.quantity, fill.price) for fill in own), D(0))
        now = flow(instrument, sum((fill.quantity for fill in own), D(0)), price)
        fees = sum((fill.fee for fill in own), D(0))
        if not own:
            continue
        expected = {INVERSE: flows - now, LINEAR: now - flows}.get(instrument, -flows) - fees
        assert expected == equity(ledger, instrument, price)
        assert fees == ledger.fees[instrument.settle]


@given(fills((INVERSE,)) | fills((LINEAR,)))
def test_realised_is_what_cash_got(told):
    """For margined contracts the cash is the profit booked less the fees paid."""
    ledger = booked(told)
    for currency, cash in ((key[1], value) for key, value in ledger.cash.items()):
        assert ledger.realised[currency] - ledger.fees[currency] == cash


@given(fills((INVERSE, LINEAR)), st.integers(1, 200_000), st.integers(1, 200_000))
def test_settlement_and_delivery_move_and_make_nothing(told, first, second):
    """Profit moves into cash at a session's end, and the rest of it at the contract's."""
    ledger = booked(told)
    for instrument in (INVERSE, LINEAR):
        before = equity(ledger, instrument, D(first))
        settled = Settled(99, 99, "v", instrument.id, "s", D(first))
        books.book_settlement(ledger, settled, instrument)
        assert before == equity(ledger, instrument, D(first))
        assert 0 == positions.open_profit(instrument, ledger.position("v", instrument.id), D(first))

        before = equity(ledger, instrument, D(second))
        dated = replace(instrument, kind=Kind.FUTURE)
        books.book_delivery(ledger, Delivered(1, 1, "v", instrument.id, "d", D(second)), dated)
        assert before == ledger.balance("v", instrument.settle)
        assert 0 == ledger.position("v", instrument.id).quantity


@given(fills((INVERSE,)) | fills((LINEAR,)), st.data(), st.integers(1, 200_000))
def test_a_settlement_that_is_told_late(told, data, price):
    """It leaves what it would have left in its own time: cash, positions, hedge and basis."""
    told = [
        (instrument, replace(fill, ts_venue=10 * place), ours)
        for place, (instrument, fill, ours) in enumerate(told)
    ]
    moment = data.draw(st.integers(0, len(told)))
    late = data.draw(st.integers(moment, len(told)))
    ledgers = []
    for heard in (moment, late):
        ledger = Ledger()
        for place in range(len(told) + 1):
            if place == heard:
                for each in (INVERSE, LINEAR):
                    due = Settled(1, 10 * moment - 5, "v", each.id, "s", D(price))
                    books.book_settlement(ledger, due, each)
            if place < len(told):
                instrument, fill, ours = told[place]
                books.book_fill(ledger, fill, instrument, ours=ours)
        ledgers.append(ledger)

    first, second = ledgers
    assert (first.positions, first.cash) == (second.positions, second.cash)
    assert (first.realised, first.settled) == (second.realised, second.settled)


@given(st.lists(st.integers(-1_000, 1_000), max_size=10), st.data())
def test_funding_adds_up(amounts, data):
    """Funding is the sum of its payments, told once or often."""
    told = [
        FundingPaid(n, n, "v", "v:INVERSE", f"f{n}", D(amount) / 10**8, "BTC")
        for n, amount in enumerate(amounts)
        for _ in range(data.draw(st.integers(1, 5)))
    ]
    ledger = Ledger()
    for paid in data.draw(st.permutations(told)):
        books.book_funding(ledger, paid)

    assert D(sum(amounts)) / 10**8 == ledger.balance("v", "BTC")
    assert ledger.balance("v", "BTC") == ledger.funding.get("BTC", 0)
