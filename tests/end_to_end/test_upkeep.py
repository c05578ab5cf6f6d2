"""A book whose journal is copied and looked at while it hedges, and one that it is altered for."""

import sqlite3

import pytest

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.ports import SECOND
from rebalancer.research.verification import verify
from rebalancer.runtime import upkeep
from rebalancer.storage import damage
from rebalancer.storage.audit import audit
from rebalancer.storage.caretaker import DiskCaretaker
from rebalancer.storage.sqlite import open_journal
from tests.end_to_end import scripted_book as book

MINUTELY = "* * * * *"
SPEED = 20.0  # market seconds a second: a process needs real time


@pytest.fixture
def often(monkeypatch):
    """Let the journal be cared for each minute; it need not rest in between."""
    monkeypatch.setattr("rebalancer.runtime.daemon.HOURLY", MINUTELY)
    monkeypatch.setattr(upkeep, "WEEK", SECOND)


def ran(path, spoil=None, length=book.LENGTH, **table):
    """Run the scripted book on a journal on disk, cared for; return its outcome."""
    journal, done = open_journal(path), []

    def asked(running):
        if spoil is not None and running.engine.tally.fills and not done:
            journal.flush()
            done.append(spoil(path))

    return book.run(
        {**book.table(), **table},
        SPEED,
        length,
        journal=journal,
        flight=path.parent / "flight",
        asked=asked,
        caretaker=DiskCaretaker(path),
    )


def altered(path, by=1):
    """Alter an entry behind the journal's back."""
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER IF EXISTS entries_stay_as_they_are")
    connection.execute("UPDATE entries SET ts = ts + ? WHERE id = 3", (by,))
    connection.commit()
    connection.close()


def test_a_copy_beside_a_book(often, tmp_path):
    """The copy is whole, the journal was looked at, and no decision is another for it."""
    path = tmp_path / "state" / "journal.sqlite"
    outcome = ran(path)
    (copy,) = (path.parent / "backups").iterdir()
    plain = book.run(book.table())

    assert "journal-2026-01-30.sqlite" == copy.name
    assert 0 < audit(copy).entries <= audit(path).entries
    assert plain.digest == outcome.digest
    assert (path.parent / "journal.reserve").exists()
    journal = open_journal(path)
    assert journal.get_meta(upkeep.CHECKED) is not None
    journal.close()


def test_damage_beside_a_book(often, tmp_path):
    """An entry that is altered beneath a book halts it; its next start is halted as well."""
    path = tmp_path / "state" / "journal.sqlite"

    state = ran(path, altered, journal={"backup": "off"}).running.engine.state
    assert TradingState.HALTED is state.mode
    assert "entry 3: hash must be" in state.mode_reason
    assert "entry 3: hash must be" in damage.found(path)
    altered(path, -1)
    assert verify(path).agrees

    again = ran(path, length=20, journal={"backup": "off", "check": "off"}).running.engine
    assert TradingState.HALTED is again.state.mode
    assert 0 == again.tally.orders


def test_a_mark_alone(often, tmp_path):
    """A start that finds only the mark is halted; found whole, the halt outlives the mark."""
    path, off = tmp_path / "state" / "journal.sqlite", {"backup": "off", "check": "off"}
    ran(path, length=20, journal=off)
    damage.mark(path, "page 7")
    marked = ran(path, journal=off).running.engine

    assert TradingState.HALTED is marked.state.mode
    assert 0 == marked.tally.orders
    assert damage.found(path) is None
    assert verify(path).agrees
    again = ran(path, length=20, journal=off).running.engine
    assert "the journal is damaged: page 7" == again.state.mode_reason
