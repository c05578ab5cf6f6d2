"""The wiring of a paper book: what it refuses to build, and what belongs where."""

import copy
import json
from contextlib import closing
from dataclasses import astuple
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from rebalancer.core.decision import Reason
from rebalancer.core.events import Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.errors import ConfigError
from rebalancer.ports import SECOND, Entry
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.settings import load, resolve
from rebalancer.simulation.dress import in_live_dress
from rebalancer.storage.memory import MemoryJournal
from rebalancer.storage.sqlite import open_journal
from rebalancer.venues.feeds import StepFeed
from rebalancer.wiring import Surrounding, paper
from rebalancer.wiring.live import live
from tests.end_to_end import scripted_book as book
from tests.runtime.stage import Lines
from tests.runtime.test_room import Premises

D = Decimal
ROOT = Path(__file__).resolve().parents[2]


def build(raw, journal=None, entries=None, story=None, **around):
    """Build the book of a table, run a story on it, return it with its log."""
    settings = book.settings_of(raw)
    clock, log = MarketClock(book.START), Lines()

    async def main():
        told = Surrounding(
            clock=clock,
            journal=journal or MemoryJournal(),
            log=log,
            feed=lambda model, clock, _tasks: StepFeed(book.advance, SECOND, model, clock),
            dress="paper",
            **around,
        )
        running = paper(settings, resolve(settings), entries or {}, told)
        if story is not None:
            await story(running, clock)
        return running, log

    return run_market(clock, main())


def changed(**holding):
    """Return the table with its second holding changed; None takes a key away."""
    raw = book.table()
    told = raw["holdings"][1] | holding
    raw["holdings"][1] = {key: value for key, value in told.items() if value is not None}
    return raw


def run_for(seconds):
    """Return a story that runs the daemon."""

    async def story(running, clock):
        await running.daemon.run(seconds * SECOND)

    return story


def test_retention():
    """The daemon prunes by what the settings say, and only what no start rests on."""
    raw = book.table() | {"journal": {"retention_days": 30, "max_mib": 256}}
    (told, kept) = (build(each)[0].daemon._parts.retention for each in (raw, book.table()))

    assert (30 * 24 * 3600 * SECOND, 256 * 2**20) == (told.age, told.size)
    assert (90 * 24 * 3600 * SECOND, 1024 * 2**20) == (kept.age, kept.size)
    assert ("decision", "inputs", "query") == told.kinds


def test_room():
    """The daemon watches its disk by what the settings say, where somebody looks after it."""
    raw = book.table() | {"journal": {"room": {"least_mib": 64, "share": 0.1}}}
    premises = Premises(10_000)
    for each, least in ((raw, (64, 0.1, 1024)), (book.table(), (256, 0.05, 1024))):
        care = build(each, caretaker=premises)[0].daemon._parts.care
        assert care.caretaker is premises
        assert (least[0] * 2**20, least[1], least[2] * 2**20) == astuple(care.least)
    assert build(raw)[0].daemon._parts.care is None


@pytest.mark.parametrize(
    ("told", "copies", "checks"),
    [
        ({}, 7, True),
        ({"backups": 3}, 3, True),
        ({"backup": "off"}, 0, True),
        ({"check": "off"}, 7, False),
    ],
)
def test_upkeep(told, copies, checks):
    """Copies and checks are made as the settings say."""
    raw = book.table() | {"journal": told}
    care = build(raw, caretaker=Premises(10_000))[0].daemon._parts.care

    assert (copies, checks) == (care.copies, care.checks)


def test_a_mark_of_damage():
    """A start that finds one is halted, and writes it down: the mark may go before an arm."""
    journal, premises = MemoryJournal(), Premises(10_000)
    premises.word = "page 7"
    first = build(book.table(), journal, caretaker=premises, story=run_for(3))[0].engine
    premises.word = None
    again = build(book.table(), journal, caretaker=premises, story=run_for(3))[0].engine

    for engine in (first, again):
        assert TradingState.HALTED is engine.state.mode
        assert "the journal is damaged: page 7" == engine.state.mode_reason
        assert not engine.tally.orders
    assert "rote" == next(iter(journal.read("latch"))).key


def test_holding_without_a_price():
    """A holding with neither entry nor price is no book: where it came in nobody knows."""
    with pytest.raises(ConfigError, match=r"holdings\.1\.entry"):
        build(changed(entry=None))


def test_price_at_the_start_will_do():
    """The price at the start stands in for an entry; an entry of its own wins."""
    running, _ = build(changed(entry=None), entries={book.CALL: D("0.02"), book.PERP: D(1)})
    ledger = running.engine.state.ledger

    assert D("-0.06") == ledger.position(book.VENUE, book.CALL).basis
    assert (D(-800_000) / D("99123.5")).quantize(D("1e-12")) == (
        ledger.position(book.VENUE, book.PERP).basis
    )


def test_venue_without_fees():
    """A venue without fees is refused: paper must not be kinder than live."""
    raw = book.table()
    raw["venues"]["binance"] = {"latency_ms": 40}

    with pytest.raises((ConfigError, AssertionError), match="fees"):
        build(raw)


def test_ledger_and_model_begin_alike():
    """Before anything happens the ledger and the exchange model hold the same."""
    running, _ = build(book.table())
    state, exchange = running.engine.state, running.exchanges[book.VENUE]

    assert {"BTC": D(10)} == exchange.balances(book.VENUE)
    assert D(10) == state.ledger.balance(book.VENUE, "BTC")
    for held in exchange.positions(book.VENUE):
        own = state.ledger.position(book.VENUE, held.instrument)
        assert (held.quantity, held.basis) == (own.quantity, own.basis)


def test_outside_holding():
    """What lies outside counts in the delta, and no venue is asked to have it."""
    raw = book.table()
    raw["holdings"].append({"instrument": "binance:BTC", "quantity": 5, "role": "outside"})
    alone, _ = build(book.table(), story=run_for(100))
    journal = MemoryJournal()
    running, _ = build(raw, journal, story=run_for(100))
    hedges = [
        float(each.engine.state.ledger.position(book.VENUE, book.PERP).quantity)
        for each in (alone, running)
    ]

    assert "active" in [entry.payload["mode"] for entry in journal.read("latch")]
    assert {} == dict(running.engine.state.halted)
    assert [book.VENUE] == list(running.exchanges)
    assert D(5) == running.engine.state.ledger.balance("outside", "BTC")
    assert [] == book.disagreements(book.Outcome(running, journal))
    assert 500_000 == pytest.approx(hedges[0] - hedges[1], rel=0.03)  # five coins more are sold


def test_hedge_role():
    """What earlier hedges left counts as hedge, so that coverage is not taken of it twice."""
    running, _ = build(book.table())
    ledger = running.engine.state.ledger

    assert D(-800_000) == ledger.position(book.VENUE, book.PERP).hedge
    assert D(0) == ledger.position(book.VENUE, book.CALL).hedge


def test_unenforced_limits_are_said():
    """A guard that is not set is named at the start, and not left out in silence."""
    _, log = build(book.table())

    assert "limits.not_enforced" in log.events()


def kill_after(seconds):
    """Return a story that kills the book in the middle of a run."""

    async def story(running, clock):
        clock.call_at(
            clock.now() + seconds * SECOND,
            lambda: running.status.operate(Verb.KILL, "wrong account", "1000", False),
        )
        await running.daemon.run(2 * seconds * SECOND)

    return story


def test_kill_survives_a_restart(tmp_path):
    """A kill outlives the process: the next start sends nothing until somebody arms it."""
    path = tmp_path / "journal.sqlite"
    killed, _ = build(book.table(), open_journal(path), story=kill_after(20))
    again, _ = build(book.table(), open_journal(path), story=run_for(30))

    assert killed.engine.tally.hedges > 0
    assert ("halted", True, "wrong account") == (
        *(again.engine.state.mode, again.engine.state.killed),
        again.engine.state.mode_reason,
    )
    assert 0 == again.engine.tally.hedges

    async def arm(running, clock):
        running.status.operate(Verb.ARM, "account was right", "1000", False)
        await running.daemon.run(30 * SECOND)

    armed, _ = build(book.table(), open_journal(path), story=arm)
    later, _ = build(book.table(), open_journal(path), story=run_for(30))

    assert armed.engine.tally.hedges > 0
    assert later.engine.tally.hedges > 0


def test_underlying_halt_survives_a_restart():
    """So does the halt of one underlying, whatever the book's own state was."""
    journal = MemoryJournal()
    payload = {"mode": "active", "reason": "", "killed": False, "halted": {"BTC": "unproven"}}
    journal.append(Entry(1, 0, "latch", "rote", payload))
    running, _ = build(book.table(), journal, story=run_for(30))

    assert {"BTC": "unproven"} == dict(running.engine.state.halted)
    assert 0 == running.engine.tally.hedges


def test_building_changes_nothing():
    """The table is not touched by the building of its book."""
    raw = book.table()
    before = copy.deepcopy(raw)
    build(raw)

    assert before == raw


@pytest.mark.parametrize(
    ("owner", "money", "fault"),
    [
        (None, None, None),
        ("desk", None, None),  # of a release that knew paper alone
        ("desk", "paper", None),
        ("other", "paper", "book.id: must be other"),
        ("desk", "live", "book.mode: must be live"),
        ("desk", "loopback", "book.mode: must be loopback"),
    ],
)
def test_one_journal_for_one_book_and_one_money(tmp_path, owner, money, fault):
    """What another book, or other money, left in a journal is never taken for one's own."""
    raw = book.table()
    raw["book"]["id"] = "desk"
    journal = open_journal(tmp_path / "journal.sqlite")
    journal.put_meta("book", owner)
    journal.put_meta("money", money)

    with closing(journal):
        if fault is None:
            build(raw, journal)
            assert ("desk", "paper") == (journal.get_meta("book"), journal.get_meta("money"))
        else:
            with pytest.raises(ConfigError, match=fault):
                build(raw, journal)
            assert (owner, money) == (journal.get_meta("book"), journal.get_meta("money"))


def test_journal_that_names_no_book():
    """Events that nobody owns are not taken for a first start."""
    journal = MemoryJournal()
    journal.append(Entry(1, book.START, "event", "x", {}))

    with pytest.raises(ConfigError, match="must be in an empty journal or its own"):
        build(book.table(), journal)


def test_a_book_that_does_not_come_up_claims_nothing():
    """A journal becomes a book's only once that book could be put together."""
    journal = MemoryJournal()

    with pytest.raises(ConfigError):
        build(changed(entry=None), journal)

    assert (None, None) == (journal.get_meta("book"), journal.get_meta("money"))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"mode": "paper"}, "book.mode: must be live or testnet"),
        ({"mixed": True}, "venues: must have a loopback all or none"),
        ({}, "must be paper, which this journal was kept for"),
    ],
)
async def test_live_is_refused_before_it_connects(change, fault):
    """No live book on paper, none at a real venue and a played one, none with paper bookings."""
    settings = load(ROOT / "config" / "demo-deribit.toml")
    dressed = in_live_dress(settings, {"deribit": "http://127.0.0.1:9"})
    journal, clock = MemoryJournal(), MarketClock(book.START)
    if "mode" in change:
        dressed = dressed.model_copy(update={"book": settings.book})
    elif "mixed" in change:
        venues = {**dressed.venues, "other": settings.venues["deribit"]}
        dressed = dressed.model_copy(update={"venues": venues})
    else:
        journal.put_meta("book", settings.book.id)
        journal.put_meta("money", "paper")
    around = Surrounding(clock, journal, Lines(), None, "live")

    with pytest.raises(ConfigError, match=fault):
        await live(dressed, resolve(dressed), {}, around)


@pytest.mark.parametrize(("ago", "hedged"), [(0, True), (3600, False)])
def test_coins_that_a_file_tells(tmp_path, ago, hedged):
    """A paper book hedges the coins of a file, and none that it told too long ago."""
    path, raw = tmp_path / "held.json", book.table()
    when = datetime.fromtimestamp(book.START // SECOND - ago, UTC).isoformat()
    path.write_text(json.dumps({"as_of": when, "holdings": {"deribit:BTC": "4"}}))
    told = {"instrument": "deribit:BTC", "role": "outside", "file": str(path), "max_age": "30m"}
    raw["holdings"] = [*raw["holdings"], told]

    running, _ = build(raw, story=run_for(30))

    state = running.engine.state
    assert D(4) == state.ledger.cash[(f"outside:{path}", "BTC")]
    assert hedged == bool(state.orders)
    [latest] = [each for each in running.engine.recent if each.underlying == "BTC"][-1:]
    assert hedged == (latest.reason is not Reason.HOLDINGS_STALE)
