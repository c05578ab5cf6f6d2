"""The contract that every journal keeps, in memory as on disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.ports import Entry
from rebalancer.storage.memory import MemoryJournal
from rebalancer.storage.sqlite import open_journal

KINDS = ("event", "decision", "order")


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, tmp_path):
    """Return an open journal of each kind."""
    memory = request.param == "memory"
    made = MemoryJournal() if memory else open_journal(tmp_path / "state" / "journal.sqlite")
    yield made
    made.close()


def entry(sequence, kind="event", key="BTC", **payload):
    """Return an entry whose time is its sequence."""
    return Entry(sequence, sequence, kind, key, payload)


def test_first_epoch(journal):
    """A new journal counts its first start."""
    assert 1 == journal.epoch


def test_order(journal):
    """Entries come back whole and in the order of writing, flushed or not."""
    written = [entry(3, price="1.10"), entry(1, nested={"a": [1, 2.5, None, True, "ä\n"]})]
    journal.append(written[0])
    journal.flush()
    journal.append(written[1])

    assert written == list(journal.read())


@pytest.mark.parametrize(
    ("kind", "key", "sequences"),
    [
        (None, None, [1, 2, 3, 4]),
        ("order", None, [2, 4]),
        (None, "rb1", [2, 3]),
        ("order", "rb1", [2]),
        ("order", "", []),
        ("meta", "rb1", []),
    ],
)
def test_filter(journal, kind, key, sequences):
    """Kind and key narrow what is read, alone and together."""
    for written in (
        entry(1),
        entry(2, "order", "rb1"),
        entry(3, "decision", "rb1"),
        entry(4, "order", "rb2"),
    ):
        journal.append(written)

    assert sequences == [found.sequence for found in journal.read(kind, key)]


def test_read_while_writing(journal):
    """A read ends with what was there when it began, though more is written meanwhile."""
    for sequence in range(3):
        journal.append(entry(sequence))
    seen = []
    for found in journal.read():
        journal.append(entry(100))
        journal.flush()
        seen.append(found.sequence)

    assert [0, 1, 2] == seen


def test_long(journal):
    """A journal of many pages comes back whole."""
    for sequence in range(2500):
        journal.append(entry(sequence, KINDS[sequence % 3]))
    journal.flush()

    assert list(range(2500)) == [found.sequence for found in journal.read()]
    assert list(range(1, 2500, 3)) == [found.sequence for found in journal.read("decision")]


def test_step(journal):
    """The entries of one step are found by its number."""
    for written in (entry(7), entry(8), entry(7, "decision")):
        journal.append(written)

    assert ["event", "decision"] == [found.kind for found in journal.step(7)]


@pytest.mark.parametrize(("ts", "sequence"), [(9, None), (10, 10), (29, 20), (99, 30)])
def test_latest(journal, ts, sequence):
    """The last entry of a kind at a time is found; before the first there is none."""
    for number in (10, 20, 30):
        journal.append(entry(number, "decision"))
        journal.append(entry(number))
    found = journal.latest("decision", ts)

    assert sequence == (found and found.sequence)


def test_meta(journal):
    """A name holds its latest value until it is forgotten."""
    assert journal.get_meta("halted") is None
    journal.put_meta("halted", "kill")
    journal.put_meta("halted", "breaker")
    assert "breaker" == journal.get_meta("halted")
    journal.put_meta("halted", None)
    assert journal.get_meta("halted") is None


def test_limit():
    """A journal in memory keeps no more than it was told to, the youngest."""
    journal = MemoryJournal(limit=2)
    for sequence in range(5):
        journal.append(entry(sequence))

    assert [3, 4] == [found.sequence for found in journal.read()]


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(KINDS), st.sampled_from("ab")), max_size=30
    ),
    st.sampled_from([None, *KINDS]),
    st.sampled_from([None, "a", "b"]),
)
def test_alike(tmp_path_factory, rows, kind, key):
    """Both journals answer every question alike."""
    disk = open_journal(tmp_path_factory.mktemp("state") / "journal.sqlite")
    memory = MemoryJournal()
    for sequence, own_kind, own_key in rows:
        for journal in (disk, memory):
            journal.append(entry(sequence, own_kind, own_key))

    assert list(memory.read(kind, key)) == list(disk.read(kind, key))
    assert list(memory.step(3)) == list(disk.step(3))
    assert memory.latest("order", 4) == disk.latest("order", 4)
    disk.close()
