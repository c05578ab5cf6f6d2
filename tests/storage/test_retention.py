"""Retention: old days go, what a start rests on stays, and the chain is whole all the same."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebalancer.errors import DataError
from rebalancer.ports import Entry, Retention
from rebalancer.storage import chain
from rebalancer.storage.audit import audit
from rebalancer.storage.sqlite import open_journal, open_reader

DAY = 86_400 * 10**9  # ns
KINDS = ("decision", "inputs", "event", "order", "decision", "latch")
TODAY = 20
WEEK = Retention(("decision", "inputs"), 7 * DAY, 10**9)
NOW = TODAY * DAY + DAY // 2
INSERT = "INSERT INTO gaps SELECT 3, 3, hash, {} FROM entries WHERE id = 3"


def entry(number, ts, kind=None, text=""):
    """Return an entry."""
    return Entry(number, ts, kind or KINDS[number % len(KINDS)], f"k{number}", {"text": text})


@pytest.fixture
def path(tmp_path):
    """Return a journal of twenty days, six entries a day."""
    made = tmp_path / "state" / "journal.sqlite"
    journal = open_journal(made)
    for number in range(TODAY * 6):
        journal.append(entry(number, number * DAY // 6))
    journal.close()
    return made


def prune(path, retention=WEEK, now=NOW, most=10**6):
    """Prune a journal once; return how many entries went."""
    journal = open_journal(path)
    gone = journal.prune(retention, now, most)
    journal.close()
    return gone


def read(path):
    """Return the entries of a journal."""
    reader = open_reader(path)
    found = list(reader.read())
    reader.close()
    return found


def spoil(path, *statements):
    """Change a journal behind its back."""
    connection = sqlite3.connect(path)
    for name in ("entries_stay", "entries_stay_as_they_are", "gaps_stay", "gaps_stay_as_they_are"):
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_old_days(path):
    """Of the days before the last seven, decisions go and everything else stays, as it was."""
    before = read(path)
    gone = prune(path)
    *after, told = read(path)
    until = (TODAY - 7) * DAY

    assert [each for each in before if each.ts >= until or each.kind not in WEEK.kinds] == after
    assert 13 * 3 == gone == len(before) - len(after)
    assert ("pruned", NOW, 39) == (told.kind, told.ts, told.payload["entries"])
    assert {"decision": 26, "inputs": 13} == told.payload["kinds"]


def test_the_chain_is_whole(path):
    """What is left is followed from the first entry to the head, over the gaps."""
    before = audit(path)
    gone = prune(path)
    after = audit(path)

    assert (gone, before.entries - gone + 1) == (after.pruned, after.entries)
    assert before.head.number + 1 == after.head.number
    assert after == audit(path, before.head)


def test_again(path):
    """The next day its own decisions go; nothing goes twice, and nothing is told of it."""
    assert 39 == prune(path)
    assert 0 == prune(path)
    assert 3 == prune(path, now=NOW + DAY)
    told = [each for each in read(path) if each.kind == "pruned"]

    assert [39, 3] == [each.payload["entries"] for each in told]
    assert 42 == audit(path).pruned


def test_a_few_at_a_time(path):
    """So many go at a time, the oldest first; in the end the same are gone."""
    counts = []
    while gone := prune(path, most=10):
        counts.append(gone)
        left = [each.ts for each in read(path) if each.kind in WEEK.kinds]
        assert left == sorted(left)

    assert [10, 10, 10, 9] == counts
    assert 39 == audit(path).pruned


def test_size(tmp_path):
    """Above its size the oldest day goes before its time; today stays."""
    path = tmp_path / "state" / "journal.sqlite"
    journal = open_journal(path)
    for number in range(3000):
        journal.append(
            entry(number, TODAY * DAY - (3 - number // 1000) * DAY, "decision", "x" * 500)
        )
    for number in range(1000):
        journal.append(entry(number, NOW, "decision", "x" * 500))
    journal.flush()
    full = audit(path).size
    bounded = Retention(("decision",), 90 * DAY, full * 3 // 5)
    gone = []
    while journal.crowded(bounded) and (count := journal.prune(bounded, NOW, 500)):
        gone.append(count)
    days = {each.ts for each in journal.read("decision")}
    assert audit(path).size <= bounded.size
    assert [500] * 4 == gone
    assert {TODAY * DAY - DAY, NOW} == days

    tight = Retention(("decision",), 90 * DAY, 1)
    while journal.prune(tight, NOW, 500):
        pass
    assert {NOW} == {each.ts for each in journal.read("decision")}
    assert journal.crowded(tight)
    journal.compact()
    journal.close()
    assert path.stat().st_size < full / 2
    assert 3000 == audit(path).pruned


def test_a_clock_that_was_ahead(tmp_path):
    """Entries of a clock that was years ahead hold nothing up, and stay."""
    path = tmp_path / "state" / "journal.sqlite"
    journal = open_journal(path)
    for number in range(100):
        journal.append(entry(number, 10**5 * DAY if 40 <= number < 60 else DAY, "decision"))
    journal.close()

    assert 80 == prune(path)
    assert 20 == sum(each.kind == "decision" for each in read(path))
    assert 80 == audit(path).pruned


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        # a booking is taken away, and a gap is put in its place
        (
            (
                INSERT.format(121),
                "DELETE FROM entries WHERE id = 3",
            ),
            "entry 121: must tell of the gaps",
        ),
        # the same, with a pruning that never was
        (
            (
                INSERT.format(7),
                "DELETE FROM entries WHERE id = 3",
            ),
            "entry 7: must tell of the gaps",
        ),
        (("UPDATE gaps SET hash = zeroblob(32) WHERE last = 2",), "entry 3: hash must be"),
        (("UPDATE gaps SET pruning = 7 WHERE last = 2",), "entry 7: must tell of the gaps"),
        (("DELETE FROM gaps WHERE last = 2",), "entry 3: must follow entry 2, follows 0"),
        (("UPDATE entries SET payload = '{}' WHERE id = 3",), "entry 3: hash must be"),
        (("DELETE FROM entries WHERE id = 3",), "entry 4: must follow entry 3, follows 2"),
    ],
)
def test_forged(path, statements, found):
    """What went without retention is found, whatever stands in its place."""
    prune(path)
    spoil(path, *statements)
    with pytest.raises(DataError, match=found):
        audit(path)


def test_only_what_a_gap_stands_for(path):
    """The file refuses to lose an entry that no gap stands for, and to lose or change a gap."""
    prune(path)
    with sqlite3.connect(path) as connection:
        for statement in (
            "DELETE FROM entries WHERE id = 3",
            "DELETE FROM entries WHERE id = 120",
            "DELETE FROM gaps",
            "UPDATE gaps SET first = 3",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="must stay"):
                connection.execute(statement)
    connection.close()
    audit(path)


def test_a_known_head_that_went(path):
    """A head in the middle of a gap cannot be compared any more; one at its end can."""
    reader = open_reader(path)
    hashes = dict(reader.connection.execute("SELECT id, hash FROM entries").fetchall())
    reader.close()
    prune(path)

    audit(path, chain.Head(2, hashes[2]))
    with pytest.raises(DataError, match="entry 1: was pruned"):
        audit(path, chain.Head(1, hashes[1]))


@settings(max_examples=40)
@given(
    days=st.lists(st.integers(0, 30), max_size=60),
    kinds=st.lists(st.sampled_from(KINDS), min_size=60, max_size=60),
    nights=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=6),
)
def test_any(tmp_path_factory, days, kinds, nights):
    """Whatever was written, in whatever order of time, the chain is whole and nothing else went."""
    path = tmp_path_factory.mktemp("state") / "journal.sqlite"
    journal = open_journal(path)
    for number, (day, kind) in enumerate(zip(days, kinds, strict=False)):
        journal.append(entry(number, day * DAY, kind))
    before, gone = list(journal.read()), 0
    for now, most in nights:
        gone += journal.prune(WEEK, now * DAY, most)
        journal.append(entry(999, now * DAY, "event"))
    journal.close()
    after = read(path)
    kept = [each for each in after if each in before]

    assert audit(path).pruned == gone == len(before) - len(kept)
    assert [each for each in before if each.kind not in WEEK.kinds] == [
        each for each in kept if each.kind not in WEEK.kinds
    ]
    reopened = open_journal(path)
    reopened.close()
