"""What a book tells of itself while it runs: whole, true, and without a say in what it decides."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rebalancer.core import overview
from rebalancer.core.events import FeedStatus
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.ops.health import livez, readyz
from rebalancer.ops.metrics import exposition
from rebalancer.ops.metrics.table import TABLE
from rebalancer.ports import SECOND
from rebalancer.runtime import measures
from rebalancer.runtime.clock import MarketClock, WallClock
from rebalancer.runtime.meter import BookMeter
from rebalancer.venues.budget import Budget, Rate
from rebalancer.wiring.measuring import outside, pulse_of
from tests.end_to_end import scripted_book as book
from tests.runtime.test_room import Premises

PROMTOOL = shutil.which("promtool")


class Watch:
    """Asks a running book now and then, as a monitor does."""

    def __init__(self, every=1):
        self.every, self.steps = every, 0
        self.texts, self.ready, self.alive, self.status = [], [], [], []

    def __call__(self, running):
        self.steps += 1
        if self.steps % self.every:
            return
        self.texts.append(exposition(running.status))
        self.ready.append(readyz(running.status))
        self.alive.append(livez(running.status))
        self.status.append(running.status.status())


def table():
    """Return the scripted book with a margin ladder, so that all of it is measured."""
    return book.table() | {"guards": {"margin": {}}}


@pytest.fixture(scope="module")
def watched():
    """Return a book that was asked every tenth step, and what it said."""
    watch = Watch(10)
    outcome = book.run(table(), asked=watch, caretaker=Premises(4_000))
    return outcome, watch


def families(text):
    """Return what a scrape tells: name → labels → value."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for each in family.samples:
            found.setdefault(each.name, {})[tuple(each.labels.values())] = each.value
    return found


@pytest.mark.skipif(PROMTOOL is None, reason="promtool must be there (Debian: prometheus), was not")
def test_prometheus_takes_it(watched):
    """Prometheus' own lint has nothing to say of a running book's metrics."""
    _, watch = watched
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=watch.texts[-1], capture_output=True, check=False
    )

    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)


def test_asking_changes_nothing():
    """A book that is asked after each step decides, sends and writes what one in peace does."""

    def ask(running):
        exposition(running.status)
        readyz(running.status)

    asked, alone = book.run(table(), asked=ask), book.run(table())

    assert alone.told() == asked.told()


def test_true_to_the_status(watched):
    """Metrics and status say the same of the same moment."""
    _, watch = watched
    assert len(watch.texts) > 100
    for text, status in zip(watch.texts[1:], watch.status[1:], strict=True):
        told, own = families(text), status["underlyings"]["BTC"]
        assert (own["net_delta"] or 0) == told.get("rebalancer_net_delta", {}).get(("BTC",), 0)
        assert own["outside_seconds"] == told["rebalancer_delta_out_of_band_seconds"]["BTC",] // 1
        assert status["seq"] == told["rebalancer_steps_total"][()]
        states = told["rebalancer_state"]
        assert {name for (name,), value in states.items() if value} == {status["state"]}
        assert len(TradingState) == len(states)
        refused = told.get("rebalancer_refusals_total", {})
        assert status["counters"]["refusals"] == sum(refused.values())


def test_orders_are_counted(watched):
    """At the end all orders are counted, each once, by what became of it."""
    outcome, _ = watched
    states = [each["state"] for each in outcome.running.status.orders()]
    told = families(exposition(outcome.running.status))

    assert {("deribit", state): states.count(state) for state in states} == told[
        "rebalancer_orders_total"
    ]
    assert len(states) == told["rebalancer_order_ack_seconds_count"][()]
    assert told["rebalancer_journal_commit_seconds_count"][()] >= len(states)
    assert 0.0 == told["rebalancer_tick_to_send_seconds_sum"][()]  # market time waits


def test_health_over_a_run(watched):
    """A book is alive throughout, and ready but for moments of doubt."""
    _, watch = watched
    verdicts = [each.ok for each in watch.ready]

    assert all(each.ok for each in watch.alive)
    assert verdicts.count(True) > 0.9 * len(verdicts)


def test_health_at_the_start():
    """Before the first reconciliation a book lives and is not ready."""
    found = []

    def ask(running):
        if not found:
            found.extend((livez(running.status).ok, *readyz(running.status).reasons))

    book.run(table(), length=1, asked=ask)

    state = "state_not_ready state=reconciling must=active|standby"
    assert [True, state, "never_reconciled"] == found[:3]


def test_health_grows_old():
    """A book of which nothing is heard any more is neither alive nor ready, and says since when."""
    running = book.run(book.table(), length=50).running
    running.status._clock._now += 59 * SECOND  # one has passed since the last tick

    assert ("engine_stopped age_seconds=60.0 limit_seconds=5",) == livez(running.status).reasons
    reasons = " ".join(readyz(running.status).reasons)
    assert "input_stale subject=deribit:BTC age_seconds=60.0 limit_seconds=5" in reasons


def test_stream_is_lost():
    """A stream that is gone makes a book unready, and is counted when it is back."""
    said = []

    def cut(running):
        state, step = running.engine.state, running.engine.tally.events
        if step in (400, 600):
            running.inbox.put(FeedStatus(state.now, "deribit", alive=step == 600))
        if step == 500:
            said.extend(readyz(running.status).reasons)
            said.append(families(exposition(running.status))["rebalancer_account_stream_lost"])

    running = book.run(book.table(), asked=cut).running
    told = families(exposition(running.status))

    assert any(str(each).startswith("stream_lost account=deribit") for each in said)
    assert {("deribit",): 1.0} == said[-1]
    assert {("deribit",): 1.0} == told["rebalancer_feed_reconnects_total"]
    assert {("deribit",): 0.0} == told["rebalancer_account_stream_lost"]


def venue(clock):
    """Return the way to a live venue, as far as it is measured."""
    line = SimpleNamespace(
        skew=SimpleNamespace(measured=250_000_000),
        budget=Budget({"matching": Rate(5.0, 20.0)}, clock),
        dead_man=SimpleNamespace(kept=True, armed=True, age=9 * SECOND),
    )
    return SimpleNamespace(line=line)


def test_outside():
    """Clock, budget and dead-man switch of each venue are told; what is unknown is not."""
    clock = MarketClock(0)
    known, blind = venue(clock), venue(clock)
    blind.line.skew, blind.line.dead_man = None, SimpleNamespace(kept=False, armed=False, age=None)
    known.line.budget.take("matching", "hedge", 5)
    told = {
        (each.metric, *each.labels): each.value
        for each in outside({"deribit": known, "okx": blind})()
    }

    assert 0.25 == told["clock_skew_seconds", "deribit"]
    assert 0.25 == told["rate_budget_used_ratio", "deribit", "matching"]
    assert 9.0 == told["dead_man_age_seconds", "deribit"]
    assert (True, False) == (told["dead_man_armed", "deribit"], told["dead_man_armed", "okx"])
    assert ("clock_skew_seconds", "okx") not in told
    assert ("dead_man_age_seconds", "okx") not in told


def test_everything_is_told(watched):
    """Each metric of the table is told by a calm book or the way to a venue; others need more.

    Three of them are below; alerts need a channel (tests/runtime/test_outward.py).
    """
    _, watch = watched
    names = {name for text in watch.texts for name in families(text)}
    names |= {f"rebalancer_{each.metric}" for each in outside({"x": venue(MarketClock(0))})()}
    missing = [
        each.name for each in TABLE.values() if not {each.full, f"{each.full}_bucket"} & names
    ]

    assert {
        *("alerts_sent_total", "deleveraging_rank_ratio"),
        *("feed_reconnects_total", "refusals_total"),
    } == set(missing)


def test_deleveraging_is_told():
    """A place in a deleveraging queue is told where a venue tells it."""
    lines = [overview.Line("deleveraging", "bybit:BTCUSDT", 0.8, 0.6, None)]
    running = book.run(book.table(), length=5).running
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures.overview, "lines", lambda *_: lines)
        told = families(exposition(running.status))

    assert {("bybit:BTCUSDT",): 0.6} == told["rebalancer_deleveraging_rank_ratio"]


def test_refusals_are_told():
    """Each refusal is counted by its reason."""
    raw = table()
    raw["limits"]["leverage"] = 0.5  # less than the book has
    running = book.run(raw).running
    told = families(exposition(running.status))
    reasons = running.status.status()["counters"]["reasons"]

    assert "leverage_too_high" in reasons
    assert {(name,): count for name, count in reasons.items()} == told["rebalancer_refusals_total"]


def test_a_disk_that_is_gone():
    """Where nobody can say how much room there is, the metric is absent; the others are told."""
    premises = Premises(4_000)
    running = book.run(book.table(), length=5, caretaker=premises).running
    before = families(exposition(running.status))

    def gone():
        raise OSError("no such device")

    premises.room = gone
    after = families(exposition(running.status))

    assert {(): 4_000 * 2**20} == before["rebalancer_disk_free_bytes"]
    assert {"rebalancer_disk_free_bytes", "rebalancer_disk_least_bytes"} == set(before) - set(after)


@pytest.mark.parametrize(("clock", "heard"), [(WallClock(), True), (MarketClock(0), False)])
def test_who_hears_the_pulse(clock, heard):
    """The lag of a loop is looked at on the wall's clock; a market's waits for its loop."""
    around = SimpleNamespace(clock=clock)

    assert heard == (pulse_of(around, BookMeter(clock)) is not None)
