"""A whole daemon in front of venues that fail it: it believes what is proved, and hedges once."""

from collections import Counter

import pytest

from rebalancer.core.decision import Action
from rebalancer.core.events import Fill, Reconciled
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import resolve
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.feeds import StepFeed
from rebalancer.venues.mischance import Mishap
from rebalancer.wiring import Surrounding, paper
from tests.end_to_end import scripted_book as book

HARD = {kind: {kind.value: 0.4} for kind in (Mishap.REJECT, Mishap.LOST_ACK)}
ALL = dict.fromkeys((kind.value for kind in Mishap), 0.25)


class Run:
    """A run of the book by rote with faults at its venue, and what was seen of it.

    Args:
        faults: Rates by kind.
        length: s.
        seed: Of the faults.
    """

    def __init__(self, faults, length=book.LENGTH, seed=0):
        raw = book.table()
        raw["venues"][book.VENUE]["faults"] = faults
        self.settings, self.journal = book.settings_of(raw), MemoryJournal()
        self.events, self.decisions = [], []
        self.blind = []  # orders that were decided while the venue had filled more than was known
        self.missing = []  # (pending, what is to come, action) between an end and its fills
        self.running = run_market(*self.prepared(length, seed))
        self.state, self.tally = self.running.engine.state, self.running.engine.tally
        self.outcome = book.Outcome(self.running, self.journal)
        self.struck = self.running.status.status()["faults"][book.VENUE]
        self.exchange = self.running.exchanges[book.VENUE]

    def prepared(self, length, seed):
        """Return the clock and the run on it."""
        clock = MarketClock(book.START)

        async def main():
            around = Surrounding(
                clock=clock,
                journal=self.journal,
                log=book.Silence(),
                feed=lambda model, clock, _tasks: StepFeed(book.advance, SECOND, model, clock),
                dress="paper",
                randomness=SeededRandomness(seed),
            )
            running = paper(self.settings, resolve(self.settings), {}, around)
            running.engine.observe(lambda *step: self.watch(running, *step))
            await running.daemon.run(length * SECOND)
            return running

        return clock, main()

    def watch(self, running, event, decisions):
        """Look at one step."""
        state, exchange = running.engine.state, running.exchanges[book.VENUE]
        self.events.append(event)
        self.decisions += [each for each in decisions if each.action is not Action.HOLD]
        known = state.ledger.position(book.VENUE, book.PERP).quantity
        if any(each.action is Action.ORDER for each in decisions) and (
            known != exchange.position(book.VENUE, book.PERP).quantity
        ):
            self.blind.append(decisions)
        for order in state.open_orders():
            if order.reported is not None:
                to_come = float(order.reported - order.filled) * order.delta_per_contract
                standing = running.engine.standing["BTC"]
                self.missing.append((standing.pending, to_come, standing.action))

    def of(self, kind):
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def modes(self):
        """Return the states that the book went through."""
        return [entry.payload["mode"] for entry in self.journal.read("latch")]


@pytest.mark.parametrize(
    "faults",
    [*({kind.value: 1.0} for kind in Mishap if kind not in HARD), *HARD.values(), ALL],
    ids="+".join,
)
def test_no_fault_halts_or_hedges_twice(faults):
    """Whatever the venue does, no order leaves while another's outcome is open; none is lost."""
    run = Run(faults, 300)

    assert ["reconciling", "active"] == run.modes()
    assert ({}, [], []) == (dict(run.state.halted), run.state.open_orders(), run.blind)
    assert [] == book.disagreements(run.outcome)
    assert {()} == {told.differences for told in run.of(Reconciled)}
    assert sum(run.struck.values()) > 1
    assert run.tally.hedges > 1


def test_slow_answers_are_absorbed():
    """An answer after the deadline finds its order proved by a query, and changes nothing more."""
    run = Run({"slow": 1.0})
    fills = run.exchange.fills(book.VENUE)

    assert run.tally.unknowns == run.tally.resolved > 3
    assert len(fills) < len(run.of(Fill))  # some are told twice …
    assert len(fills) == run.tally.fills  # … and count once
    assert len({fill.client_order_id for fill in fills}) == run.tally.hedges
    assert run.tally.orders == run.struck["slow"]
    assert [] == run.blind


def test_late_fills_are_pending():
    """From the end of an order to its fills, what it said is to come counts as pending."""
    run = Run({"late_fill": 1.0})

    assert run.struck["late_fill"] == run.tally.hedges > 3
    assert len(run.missing) > 10
    assert {Action.HOLD} == {action for _, _, action in run.missing}
    assert all(told == pytest.approx(to_come) and to_come for told, to_come, _ in run.missing)


def test_a_frozen_stream_refuses_and_recovers():
    """While the stream is frozen its inputs grow too old to hedge on; then hedging goes on."""
    # What is rejected leaves a gap to be hedged when the freeze comes.
    run = Run({"stale_stream": 1.0, "reject": 0.6}, 400, seed=10)
    reasons = Counter(decision.reason for decision in run.decisions)
    stale = [each for each in run.decisions if each.reason.endswith("_stale")]
    sent = [each for each in run.decisions if each.action is Action.ORDER]
    measured = [v for each in sent for v in each.verdicts if v.guard == "staleness"]

    assert reasons["quote_stale"] > 0
    assert {"outside_band", "quote_stale", "index_stale"} >= set(reasons)
    assert stale[0].sequence < stale[-1].sequence < sent[-1].sequence
    assert len(sent) == len(measured)
    assert all(verdict.measured <= verdict.limit for verdict in measured)
    assert run.struck["stale_stream"] >= 3


def test_lagging_positions_are_no_difference():
    """Snapshots behind the fills make no alarm, and one that catches up agrees."""
    run = Run({"position_lag": 1.0}, 400)

    assert {()} == {told.differences for told in run.of(Reconciled)}
    assert len(run.of(Reconciled)) > 3
    assert run.struck["position_lag"] > 10


def test_the_settlement_overtakes_a_fill():
    """A fill that is told after a settlement that it preceded ends in the same cash."""
    run = Run({"slow": 1.0}, 300, seed=2)  # one of those in which it happens
    first = {fill.trade_id: fill for fill in reversed(run.of(Fill))}.values()

    assert any(fill.ts_venue < book.EIGHT < fill.ts_local for fill in first)
    assert [] == book.disagreements(run.outcome)
    assert {()} == {told.differences for told in run.of(Reconciled)}
    assert ["reconciling", "active"] == run.modes()


def test_same_faults_same_decisions():
    """Faults are drawn from the seed: two runs of one book agree in all that they tell."""
    first, second = (Run(ALL, 120).outcome.told() for _ in range(2))

    assert first == second
