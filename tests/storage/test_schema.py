"""Migrations: a journal of every released schema is brought up to date, whole or not at all."""

import os
import random
import signal
import sqlite3
import stat
from pathlib import Path

import apsw
import pytest

from rebalancer.errors import DataError
from rebalancer.ports import Entry
from rebalancer.storage import chain, codec, schema
from rebalancer.storage.audit import audit
from rebalancer.storage.sqlite import open_journal, open_reader
from tests.storage.disk import Connection, Disk, Op, survivors

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


def read(path):
    """Return the version of a journal and its entries."""
    reader = open_reader(path)
    try:
        return schema.version(reader.connection), list(reader.read())
    finally:
        reader.close()


def on_a_disk(path):
    """Return a disk that holds what is there, synced, and what opens a journal on it."""
    disk = Disk()
    kept = Op("write", path.name, 0, path.read_bytes())
    disk.ops += [Op("create", path.name), kept, Op("sync", path.name)]
    return disk, lambda path, _mode: Connection(disk, path)


@pytest.mark.parametrize("how", ["none", "all", "some", "torn"])
def test_power_loss(path, tmp_path, how):
    """Whenever the power fails, all entries are there, and the next start brings them up."""
    before, chance = released(path, 1), random.Random(how)
    disk, connect = on_a_disk(path)
    open_journal(path, connect=connect).close()
    found = set()

    for point in chance.sample(range(3, len(disk.ops) + 1), 25):
        folder = tmp_path / str(point)
        folder.mkdir(mode=0o700)
        for name, content in survivors(disk.ops[:point], chance, how).items():
            (folder / name).write_bytes(content)
        found.add(read(folder / path.name)[0])
        open_journal(folder / path.name).close()
        assert (schema.VERSION, before) == read(folder / path.name)
        assert len(before) == audit(folder / path.name).entries

    assert {1, schema.VERSION} == found


@pytest.mark.parametrize("file", ["-wal", ".part"])
@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("error", [apsw.FullError("disk full"), apsw.IOError("write failed")])
def test_refused(path, error, nth, file):
    """A disk that refuses leaves the journal as it was, no half copy, and a next start does it."""
    before = released(path, 1)
    disk, connect = on_a_disk(path)
    disk.refuse = ("write", nth, error, file)
    with pytest.raises(DataError, match="Error: "):
        open_journal(path, connect=connect)
    assert 1 == disk.struck
    assert (1, before) == read(path)
    assert [] == list(path.parent.glob("*.part"))

    open_journal(path).close()
    assert (schema.VERSION, before) == read(path)


def test_aside_before_all_else(path, monkeypatch):
    """The copy is whole and on disk, with its name, before the first table is touched."""
    before, aside = released(path, 1), path.with_name("journal.schema-1.sqlite")
    aside.with_name(f"{aside.name}.part").write_bytes(b"half")  # of a start that was interrupted
    aside.write_bytes(b"half")  # of one of a release that gave it its name at once
    synced, fsync, migrate = [], os.fsync, schema.migrate

    def follow(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def late(connection):
        assert [f"{aside.name}.part", path.parent.name] == synced[-2:]
        assert (1, before) == read(aside)
        synced.append("migrated")
        migrate(connection)

    monkeypatch.setattr(os, "fsync", follow)
    monkeypatch.setattr(schema, "migrate", late)
    open_journal(path).close()

    assert "migrated" in synced
    assert (schema.VERSION, before) == read(path)
