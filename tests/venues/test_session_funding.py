"""Funding of a session: realised as it flows, booked at 08:00, and in our ledger not before."""

from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from rebalancer.core import ledger as books
from rebalancer.core.events import FundingPaid, FundingRate, Settled
from rebalancer.core.ledger import Ledger
from rebalancer.market.records import SettlementDue
from rebalancer.ports import SECOND
from rebalancer.runtime.reconcile import differences
from tests.venues.loopback import ACCOUNT, ASK, BID, INSTRUMENTS, PERP, desk, order, step
from tests.venues.test_deribit_account import book

D = Decimal
MS = 1_000_000
ROUNDED = D("1e-8")  # BTC: the last digit that the venue tells
BOTH = pytest.mark.parametrize("quantity", [D(700), D(-700)])  # USD


class Session:
    """An account at a loopback, read by ccxt, and the ledger that its events alone make."""

    def __init__(self, opened):
        self.opened, self.place, self.ledger = opened, opened.loopback.place, Ledger()
        self.began, self.events = opened.clock.now(), []
        self._exchange = opened.line.connection.exchange
        for currency, cash in self.place.balances(ACCOUNT).items():
            books.credit(self.ledger, ACCOUNT, currency, cash)

    async def trade(self, name, quantity):
        """Buy or sell at the touch."""
        price = ASK if quantity > 0 else BID
        await self.opened.venue.submit(order(name, quantity=quantity, price=price))

    async def flow(self, rate):
        """Let time pass at a rate a second."""
        terms = FundingRate(self.began, self.began, PERP, rate, SECOND, None)
        self.place.tell(step(self.opened.clock.now(), funding_rates=(terms,)))
        await self.opened.clock.sleep(50 * MS)
        stopped = FundingRate(self.began, self.began, PERP, 0.0, SECOND, None)
        self.place.tell(step(self.opened.clock.now(), funding_rates=(stopped,)))

    async def settle(self):
        """End the session at the mark."""
        await self.opened.clock.sleep(2 * MS)
        due = (SettlementDue(PERP, D(100_000)),)
        self.place.tell(step(self.opened.clock.now(), funding_rates=(), settlements=due))

    async def agrees(self):
        """See that ledger, venue as it is read and the exchange's own books are the same."""
        self.events = (await self.opened.venue.history(self.began - 1_000 * MS)).events
        book(self.ledger, self.events)
        reported = await self.opened.venue.positions()
        assert {} == differences(self.ledger, ACCOUNT, reported, INSTRUMENTS)
        assert {} == self.place.differences(ACCOUNT)
        assert self.place.balances(ACCOUNT)["BTC"] == self.ledger.balance(ACCOUNT, "BTC")

    async def row(self):
        """Return the perpetual's row as figures, None where there is none."""
        told = await self._exchange.private_get_get_positions({"currency": "any"})
        rows = [each for each in told["result"] if each["instrument_name"] == "BTC-PERPETUAL"]
        names = ("size", "realized_funding", "realized_profit_loss")
        return {name: D(str(rows[0][name])) for name in names} if rows else None

    async def summary(self):
        """Return the figures of BTC."""
        told = await self._exchange.private_get_get_account_summary({"currency": "BTC"})
        figures = ("balance", "equity", "session_rpl", "futures_session_upl", "options_value")
        return {name: D(str(told["result"][name])) for name in figures}

    async def lines(self, kind):
        """Return what the log says of the perpetual, oldest first."""
        asked = {"currency": "BTC", "start_timestamp": 0, "end_timestamp": 2**50, "query": kind}
        told = await self._exchange.private_get_get_transaction_log(asked)
        names = ("change", "session_rpl", "session_upl", "interest_pl", "total_interest_pl")
        return [
            {name: D(str(each[name])) for name in names}
            for each in reversed(told["result"]["logs"])
        ]


@asynccontextmanager
async def session():
    """Yield a session in which nothing has happened."""
    async with desk() as opened:
        yield Session(opened)


@BOTH
async def test_under_way(quantity):
    """What flowed is in what the session realised, the position tells it, and no ledger has it."""
    async with session() as one:
        await one.trade("rb01", quantity)
        await one.flow(0.1)
        row, summary = await one.row(), await one.summary()
        await one.agrees()

    assert quantity == row["size"]
    assert abs(row["realized_funding"]) > D("0.00001")
    assert (quantity < 0) == (row["realized_funding"] > 0)  # longs pay
    assert row["realized_funding"] == row["realized_profit_loss"] == summary["session_rpl"]
    parts = ("balance", "session_rpl", "futures_session_upl", "options_value")
    assert abs(summary["equity"] - sum(summary[name] for name in parts)) <= 2 * ROUNDED
    assert [] == [each for each in one.events if isinstance(each, FundingPaid)]


@BOTH
async def test_closed_meanwhile(quantity):
    """A position that is gone keeps its row, and its funding, until the session ends."""
    async with session() as one:
        await one.trade("rb01", quantity)
        await one.flow(0.1)
        await one.trade("rb02", -quantity)
        before = await one.row()
        await one.flow(0.1)
        row = await one.row()
        await one.agrees()
        await one.settle()
        after = await one.row()
        await one.agrees()

    assert before == row
    assert 0 == row["size"]
    assert abs(row["realized_funding"]) > D("0.00001")
    assert after is None
    assert 1 == len([each for each in one.events if isinstance(each, FundingPaid)])


@BOTH
@pytest.mark.trap("deribit-no-funding-history", "deribit")
async def test_settled(quantity):
    """At 08:00 the log books the funding of the session, and of it what came since the last trade.

    As in the example of docs.deribit.com what a session realised has its funding
    in it, and what is open is moved beside it.
    """
    async with session() as one:
        await one.trade("rb01", quantity)
        await one.flow(0.1)
        await one.trade("rb02", quantity)
        first = await one.row()
        await one.flow(0.1)
        whole = await one.row()
        await one.settle()
        row, summary = await one.row(), await one.summary()
        await one.agrees()
        (line,), (_, trade) = await one.lines("settlement"), await one.lines("trade")

    paid = [each.amount for each in one.events if isinstance(each, FundingPaid)]
    assert [line["total_interest_pl"]] == paid
    assert abs(line["total_interest_pl"] - whole["realized_funding"]) <= ROUNDED
    assert abs(trade["interest_pl"] - first["realized_funding"]) <= ROUNDED
    last = whole["realized_funding"] - first["realized_funding"]
    assert abs(line["interest_pl"] - last) <= 2 * ROUNDED
    assert line["change"] == line["session_rpl"] + line["session_upl"]
    assert line["session_rpl"] == line["total_interest_pl"]
    assert 1 == len([each for each in one.events if isinstance(each, Settled)])
    assert (0, 0) == (summary["session_rpl"], row["realized_funding"])
    assert one.place.exchange.balances(ACCOUNT)["BTC"] == one.ledger.balance(ACCOUNT, "BTC")


async def test_the_next_session():
    """It begins with nothing: no funding is told or booked twice."""
    async with session() as one:
        for number, name in enumerate(("rb01", "rb02", "rb03")):
            await one.trade(name, D(300))
            await one.flow(0.1)
            await one.agrees()
            await one.settle()
            await one.agrees()
            assert number + 1 == len([each for each in one.events if isinstance(each, Settled)])
        lines = await one.lines("settlement")

    paid = [each.amount for each in one.events if isinstance(each, FundingPaid)]
    assert [each["total_interest_pl"] for each in lines] == paid
    assert abs(paid[2]) > abs(paid[1]) > abs(paid[0])  # the position grew
    assert one.place.exchange.balances(ACCOUNT)["BTC"] == one.ledger.balance(ACCOUNT, "BTC")


@pytest.mark.parametrize("times", [1, 2])
async def test_while_it_is_read(times, monkeypatch):
    """Cash and funding are told by two calls: what flows between them is in neither difference."""
    async with session() as one:
        await one.trade("rb01", D(700))
        await one.flow(0.1)
        before, whole, moved = await one.row(), one.opened.books.summaries, []

        async def summaries():
            if len(moved) < times:
                moved.append(await one.flow(0.1))
            return await whole()

        monkeypatch.setattr(one.opened.books, "summaries", summaries)
        reported = await one.opened.venue.positions()
        after = await one.row()
        cash = {each.instrument: each.quantity for each in reported}[f"{ACCOUNT}:BTC"]
        truth = one.place.balances(ACCOUNT)["BTC"]

    assert times == len(moved)
    assert abs(after["realized_funding"] - before["realized_funding"]) > D("0.00001")
    assert abs(cash - truth) <= ROUNDED


async def test_funding_that_never_rests(monkeypatch):
    """Where funding moves between any two calls it is read in the middle of them."""
    async with session() as one:
        await one.trade("rb01", D(700))
        whole, asked = one.opened.books.summaries, []

        async def summaries():
            asked.append(await one.flow(0.1))
            told = await whole()
            await one.flow(0.1)
            return told

        monkeypatch.setattr(one.opened.books, "summaries", summaries)
        before = await one.row()
        reported = await one.opened.venue.positions()
        after = await one.row()
        cash = {each.instrument: each.quantity for each in reported}[f"{ACCOUNT}:BTC"]
        truth = one.place.balances(ACCOUNT)["BTC"]

    flowed = abs(after["realized_funding"] - before["realized_funding"])
    assert 3 == len(asked)
    assert abs(cash - truth) < flowed / 12  # of six stretches half a one, if they were alike
