"""The chain: whoever changes, takes away, adds or moves an entry is found, and the entry named."""

import hashlib
import json
import sqlite3

import pytest

from rebalancer.errors import DataError, Unavailable
from rebalancer.ports import Entry
from rebalancer.storage import chain
from rebalancer.storage.audit import audit
from rebalancer.storage.sqlite import open_journal, open_reader

COUNT = 250  # entries: more than a start looks at
TRIGGERS = ("entries_end_last", "entries_stay_as_they_are", "entries_stay", "gaps_stay")


def entry(sequence):
    """Return an entry whose key and time are its sequence."""
    return Entry(sequence, sequence, "event", f"k{sequence}", {"n": sequence})


@pytest.fixture
def path(tmp_path):
    """Return a journal of 250 entries."""
    made = tmp_path / "state" / "journal.sqlite"
    journal = open_journal(made)
    for sequence in range(1, COUNT + 1):
        journal.append(entry(sequence))
    journal.close()
    return made


def tamper(path, *statements):
    """Change a journal behind its back: what guards it is taken away first."""
    connection = sqlite3.connect(path)
    for name in TRIGGERS:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_sound_journal(path):
    """What was written in order is found whole, with its head; the hashes are SHA-256."""
    told = audit(path)
    reader = open_reader(path)
    rows = reader.connection.execute("SELECT * FROM entries ORDER BY id").fetchall()
    reader.close()
    hashed = bytes(32)
    for number, sequence, ts, kind, key, payload, kept in rows:
        sizes = f"{number} {sequence} {ts} {len(kind)} {len(key)} {len(payload)}\n"
        hashed = hashlib.sha256(hashed + f"{sizes}{kind}{key}{payload}".encode()).digest()
        assert kept == hashed

    assert (COUNT, 0, 1, COUNT) == (told.entries, told.pruned, told.first_ts, told.last_ts)
    assert (COUNT, hashed, 1) == (*told.head, told.epoch)


def test_empty(tmp_path):
    """A journal without entries has a chain without links; one that is not there has none."""
    made = tmp_path / "state" / "journal.sqlite"
    with pytest.raises(Unavailable):
        audit(made)
    open_journal(made).close()

    assert (0, chain.GENESIS) == (audit(made).entries, audit(made).head)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE entries SET payload = '{\"n\":8}' WHERE id = 7", "entry 7: hash must be"),
        ("UPDATE entries SET ts = ts + 1 WHERE id = 7", "entry 7: hash must be"),
        ("UPDATE entries SET kind = 'order' WHERE id = 7", "entry 7: hash must be"),
        ("UPDATE entries SET key = 'k' WHERE id = 7", "entry 7: hash must be"),
        ("UPDATE entries SET key = 'k7{', payload = '\"n\":7}' WHERE id = 7", "entry 7: hash must"),
        ("UPDATE entries SET sequence = 8 WHERE id = 7", "entry 7: hash must be"),
        ("UPDATE entries SET hash = zeroblob(32) WHERE id = 7", "entry 7: hash must be"),
        ("UPDATE entries SET hash = 'x' WHERE id = 7", "entry 7: hash must be"),
        ("UPDATE entries SET payload = x'00' WHERE id = 7", "entry 7: must be numbers and texts"),
        ("DELETE FROM entries WHERE id = 1", "entry 2: must follow entry 1, follows 0: 1 entry is"),
        ("DELETE FROM entries WHERE id IN (7, 8)", "entry 9: must follow entry 8, follows 6: 2"),
        (
            "DELETE FROM entries WHERE id > 247",
            "entry 248: must be there, the head is entry 250: 3",
        ),
        ("DELETE FROM entries", "entry 1: must be there, the head is entry 250"),
        ("INSERT INTO entries VALUES (251, 1, 1, 'a', 'b', '{}', x'00')", "entry 251: hash must"),
        ("UPDATE meta SET value = '250 00' WHERE key = 'journal.head'", "entry 250: the head must"),
        ("DELETE FROM meta WHERE key = 'journal.head'", "head must be a number and a hash, was ''"),
    ],
)
def test_altered(path, statement, found):
    """Each change is found, the first entry that does not fit is named, with what was found."""
    tamper(path, statement)
    with pytest.raises(DataError, match=found):
        audit(path)


def test_swapped(path):
    """Two entries that changed places are found."""
    columns = "sequence, ts, kind, key, payload, hash"
    swap = (
        f"UPDATE entries SET ({columns}) = (SELECT {columns} FROM spare WHERE id = 15 - entries.id)"
    )
    tamper(
        path,
        "CREATE TABLE spare AS SELECT * FROM entries WHERE id IN (7, 8)",
        f"{swap} WHERE id IN (7, 8)",
    )
    with pytest.raises(DataError, match="entry 7: hash must be"):
        audit(path)


def test_tail_cut_with_its_head(path):
    """A tail that was cut off together with its head is a journal that ends; the head tells."""
    before = audit(path).head
    reader = open_reader(path)
    (kept,) = reader.connection.execute("SELECT hash FROM entries WHERE id = 200").fetchone()
    reader.close()
    tamper(
        path,
        "DELETE FROM entries WHERE id > 200",
        f"UPDATE meta SET value = '200 {kept.hex()}' WHERE key = 'journal.head'",
    )
    after = audit(path).head

    assert (200, 250) == (after.number, before.number)
    assert after.hash != before.hash


def test_head_of_a_rewritten_chain(path):
    """Who changes an entry and works every hash out anew cannot keep the head."""
    before = audit(path).head
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER entries_stay_as_they_are")
    connection.execute("UPDATE entries SET payload = '{}' WHERE id = 7")
    chain.begin(connection)
    connection.commit()
    connection.close()

    assert COUNT == audit(path).entries
    assert before.number == audit(path).head.number
    assert before.hash != audit(path).head.hash


def test_a_known_head(path):
    """A head that was written down before must still be on the chain."""
    before = audit(path).head
    journal = open_journal(path)
    journal.append(entry(COUNT + 1))
    journal.close()

    assert COUNT + 1 == audit(path, before).head.number
    assert COUNT + 1 == audit(path, chain.GENESIS).head.number
    with pytest.raises(DataError, match=f"entry {COUNT}: hash must be 0000"):
        audit(path, chain.Head(COUNT, bytes(32)))
    with pytest.raises(DataError, match="entry 999: must be there"):
        audit(path, chain.Head(999, before.hash))


@pytest.mark.parametrize("number", [151, 200, 250])
def test_a_start_looks_at_the_tail(path, number):
    """A start finds what was done to its youngest hundred entries, and refuses them."""
    tamper(path, f"UPDATE entries SET payload = '{{}}' WHERE id = {number}")
    with pytest.raises(DataError, match=f"entry {number}: hash must be"):
        open_journal(path)


def test_a_start_looks_at_no_more(path):
    """What lies further back is found by a whole audit; the start goes on."""
    tamper(path, "UPDATE entries SET payload = '{}' WHERE id = 150")
    open_journal(path).close()
    with pytest.raises(DataError, match="entry 150: hash must be"):
        audit(path)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE entries SET payload = '{}' WHERE id = 7", "must stay as it is"),
        ("DELETE FROM entries WHERE id = 7", "must stay"),
        ("DELETE FROM entries WHERE id = 250", "must stay"),
        (
            "INSERT OR REPLACE INTO entries VALUES (7, 1, 1, 'a', 'b', '{}', x'')",
            "must be the last",
        ),
    ],
)
def test_append_only(path, statement, found):
    """The file itself refuses to have an entry changed, taken away or replaced."""
    with sqlite3.connect(path) as connection:
        for asked in ("PRAGMA recursive_triggers = 0", "PRAGMA recursive_triggers = 1"):
            connection.execute(asked)
            with pytest.raises(sqlite3.IntegrityError, match=found):
                connection.execute(statement)
    connection.close()
    audit(path)


def test_written_again(path):
    """A chain goes on where the start before left it, also when nothing was written."""
    for sequence in (COUNT + 1, COUNT + 2):
        open_journal(path).close()
        journal = open_journal(path)
        journal.append(entry(sequence))
        journal.close()

    assert COUNT + 2 == audit(path).head.number


def test_audited_while_it_is_written(path):
    """An audit beside a daemon sees one moment: what was flushed, with its head."""
    journal = open_journal(path)
    journal.append(entry(COUNT + 1))
    assert COUNT == audit(path).head.number
    journal.put_meta("halted", "kill")
    assert COUNT + 1 == audit(path).head.number
    journal.close()


def test_text_of_all_kinds(path):
    """Keys and payloads of any text are chained by their bytes."""
    journal = open_journal(path)
    journal.append(Entry(1, -1, "event", "ключ\n\0", {"ä": ["\u2028", 1.5e300, None]}))
    journal.close()

    reader = open_reader(path)
    (told,) = reader.read(key="ключ\n\0")
    reader.close()

    assert COUNT + 1 == audit(path).entries
    assert json.loads('["\u2028", 1.5e300, null]') == told.payload["ä"]
