"""Each kind of contract through unmodified ccxt: the amount, the sign, the fee, the position.

What goes wrong between inverse and linear, between coins and dollars, goes wrong
by orders of magnitude and looks right in a log. So each kind is bought and sold
at the loopback Deribit, and its own books say what happened.
"""

from contextlib import asynccontextmanager
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from rebalancer.core import ledger as books
from rebalancer.core.commands import Query
from rebalancer.core.events import Fill, Mark, OrderAccepted, OrderEnded, OrderUnknown
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.market.records import Book
from rebalancer.runtime.reconcile import differences
from rebalancer.simulation.faults import Kind as Fault
from rebalancer.simulation.faults import Plan
from tests.venues import loopback
from tests.venues.loopback import ACCOUNT, BOOKS, CALL, ETH, PERP, at, order, step

D = Decimal
LINEAR = "deribit:BTC_USDC-PERPETUAL"
STEPS = D("0.001"), D("0.001"), D("0.5")  # lot, minimum, tick
INSTRUMENTS = loopback.INSTRUMENTS | {
    LINEAR: Instrument(LINEAR, Kind.PERPETUAL, "BTC", "USDC", D(1), *STEPS)
}
BOOK = Book(LINEAR, ((D("99999.5"), D(5)),), ((D("100000.5"), D(5)),))

# instrument, contracts, ask, bid, wire amount, currency of the fee
CONTRACTS = [
    (PERP, D(700), D("100000.5"), D("99999.5"), "700", "BTC"),
    (ETH, D(35), D("3500.05"), D("3499.95"), "35", "ETH"),
    (LINEAR, D("0.007"), D("100000.5"), D("99999.5"), "0.007", "USDC"),
    (CALL, D("0.3"), D("0.3505"), D("0.3495"), "0.3", "BTC"),
]
each_kind = pytest.mark.parametrize(
    ("name", "quantity", "ask", "bid", "amount", "currency"),
    CONTRACTS,
    ids=[name.partition(":")[2] for name, *_ in CONTRACTS],
)


@asynccontextmanager
async def desk():
    """Yield a desk at a venue of all kinds."""
    made = loopback.make(INSTRUMENTS, {"USDC": D(50_000)})
    now = made.place.clock.now()
    marks = (*step(now).marks, Mark(now, now, LINEAR, D(100_000)))
    made.place.tell(step(now, books=(*BOOKS, BOOK), marks=marks))
    async with made, at(made, instruments=INSTRUMENTS) as opened:
        yield opened


def fills_of(events):
    """Return the fills among events."""
    return [each for each in events if isinstance(each, Fill)]


@each_kind
@pytest.mark.trap("deribit-fee-is-always-in-coin", "deribit")
@pytest.mark.trap("deribit-balance-by-currency", "deribit")
async def test_bought_and_sold(name, quantity, ask, bid, amount, currency):
    """Fills, fees, cash and positions are those of the venue's own books."""
    async with desk() as opened:
        place, ledger = opened.loopback.place, Ledger()
        for coin, cash in place.balances(ACCOUNT).items():
            books.credit(ledger, ACCOUNT, coin, cash)
        began = opened.clock.now() - 1_000_000_000
        await opened.venue.submit(order("rb01", instrument=name, quantity=quantity, price=ask))
        assert quantity == place.positions(ACCOUNT)[name]
        short = order("rb02", instrument=name, quantity=-2 * quantity, price=bid)
        await opened.venue.submit(short)

        assert -quantity == place.positions(ACCOUNT)[name]
        told = (await opened.venue.history(began)).events
        assert [quantity, -2 * quantity] == [each.quantity for each in fills_of(told)]
        assert [currency] * 2 == [each.fee_currency for each in fills_of(told)]
        assert all(each.fee > 0 for each in fills_of(told))
        for each in fills_of(told):
            books.book_fill(ledger, each, INSTRUMENTS[name], ours=True)
        assert place.balances(ACCOUNT) == {
            coin: ledger.balance(ACCOUNT, coin) for coin in place.balances(ACCOUNT)
        }
        assert {} == differences(ledger, ACCOUNT, await opened.venue.positions(), INSTRUMENTS)


@each_kind
@pytest.mark.trap("amount-has-its-own-unit", "deribit")
@pytest.mark.trap("deribit-contract-size-is-decoration", "deribit")
async def test_sent_in_the_unit_of_the_venue(name, quantity, ask, bid, amount, currency):
    """What stands in the request: dollars of an inverse contract, coins of every other."""
    async with desk() as opened:
        await opened.venue.submit(order("rb01", instrument=name, quantity=quantity, price=ask))
        sent = parse_qs(urlsplit(opened.line.connection.exchange.last_request_url).query)

        assert [amount] == sent["amount"]
        assert [f"{ask:f}"] == sent["price"]
        assert [name.partition(":")[2]] == sent["instrument_name"]


@each_kind
@pytest.mark.trap("deribit-lists-are-of-bitcoin", "deribit")
async def test_found_after_a_lost_answer(name, quantity, ask, bid, amount, currency):
    """The label is looked for where the contract settles, not only among bitcoin's."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Fault.DROP_AFTER, "private/buy", times=None))
        answer = await opened.venue.submit(
            order("rb01", instrument=name, quantity=quantity, price=ask)
        )
        told = await opened.venue.query(Query("rb01", ACCOUNT, name))

        assert isinstance(answer, OrderUnknown)
        assert [OrderAccepted, Fill, OrderEnded] == [type(each) for each in told]
        assert quantity == told[-1].filled == told[1].quantity
        assert currency == told[1].fee_currency
