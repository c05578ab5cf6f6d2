"""Migrations: a journal of every released schema is brought up to date, whole or not at all."""

import os
import signal
import sqlite3
import stat
from pathlib import Path

import pytest

from rebalancer.errors import DataError
from rebalancer.ports import Entry
from rebalancer.storage import chain, codec, schema
from rebalancer.storage.audit import audit
from rebalancer.storage.sqlite import open_journal, open_reader

SCHEMAS = Path(__file__).parent / "schemas"
RELEASED = range(1, schema.VERSION + 1)


@pytest.fixture
def path(tmp_path):
    """Return where a journal may be made, in a private folder."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder / "journal.sqlite"


def released(path, version):
    """Make a journal as the release with a schema left it; return its entries."""
    connection = sqlite3.connect(path)
    connection.executescript((SCHEMAS / f"version-{version}.sql").read_text(encoding="utf-8"))
    connection.execute("PRAGMA journal_mode = wal")
    connection.close()
    reader = open_reader(path)
    found = list(reader.read())
    reader.close()
    return found


@pytest.mark.parametrize("version", RELEASED)
def test_released(path, version):
    """Each released schema is read as it is, migrated by a start, and nothing of it is lost."""
    before = released(path, version)
    journal = open_journal(path)
    journal.append(Entry(1, 1, "event", "new", {}))
    journal.close()
    reader = open_reader(path)
    after = list(reader.read())
    assert schema.VERSION == schema.version(reader.connection)
    assert ("demo-desk", "paper") == (reader.get_meta("book"), reader.get_meta("money"))
    reader.close()

    assert len(before) >= 15
    assert before == after[:-1]
    assert len(after) == audit(path).entries
    for each in before:
        if each.kind in ("event", "order", "decision"):
            codec.decode(each.payload)


@pytest.mark.parametrize("version", RELEASED)
def test_set_aside(path, version):
    """What is migrated is copied first, as the release that wrote it can read it."""
    before = released(path, version)
    open_journal(path).close()
    aside = path.with_name(f"journal.schema-{version}.sqlite")
    assert aside.exists() == (version != schema.VERSION)
    if aside.exists():
        reader = open_reader(aside)
        assert version == schema.version(reader.connection)
        assert before == list(reader.read())
        reader.close()
        assert 0o600 == stat.S_IMODE(aside.stat().st_mode)


def test_no_chain_yet(path):
    """A journal without a chain is not called sound."""
    released(path, 1)
    with pytest.raises(
        DataError, match="at least version 2 to have a chain, was 1; the next start"
    ):
        audit(path)


@pytest.mark.parametrize("step", [1, 9, 17])
def test_interrupted(path, step, monkeypatch):
    """Killed in the middle of a migration, the journal is as it was, and the next start does it."""
    before = released(path, 1)
    if not (child := os.fork()):
        linked, left = chain.link, iter(range(step))

        def link(previous, fields):
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return linked(previous, fields)

        monkeypatch.setattr(chain, "link", link)
        open_journal(path)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    reader = open_reader(path)
    version = schema.version(reader.connection)
    found = list(reader.read())
    reader.close()
    assert os.WIFSIGNALED(status)
    assert 1 == version
    assert before == found
    open_journal(path).close()

    assert len(before) == audit(path).entries


def test_hole(path):
    """A journal that lost an entry before it had a chain is not given one."""
    released(path, 1)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM entries WHERE id = 3")
    connection.close()
    with pytest.raises(DataError, match="entry 3: must be there, is followed by 4"):
        open_journal(path)
