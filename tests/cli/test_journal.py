"""The commands on a journal: whole or damaged, said with an exit code."""

import json
import re
import sqlite3

import pytest

from rebalancer.cli.journal import DAYS, MOST_MIB
from rebalancer.ports import Entry
from rebalancer.settings.models import JournalKeeping
from rebalancer.storage import damage
from rebalancer.storage.sqlite import open_journal
from tests.cli.test_commands import ask


@pytest.fixture
def state(tmp_path):
    """Return the state folder of a book that wrote three entries."""
    folder = tmp_path / "state"
    journal = open_journal(folder / "journal.sqlite")
    for sequence in range(1, 4):
        journal.append(Entry(sequence, sequence * 10**18, "event", f"k{sequence}", {"n": sequence}))
    journal.close()
    return folder


def spoil(state, statement):
    """Change a journal behind its back."""
    connection = sqlite3.connect(state / "journal.sqlite")
    connection.execute("DROP TRIGGER entries_stay_as_they_are")
    connection.execute("DROP TRIGGER entries_stay")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_check(state):
    """A sound journal is said to be, with the head that an operator writes down."""
    told = json.loads(ask("journal", "check", "--state", str(state), "--json").stdout)
    text = ask("journal", "check", "--state", str(state)).stdout
    ask("journal", "check", str(state / "journal.sqlite"), "--head", told["head"])

    assert (3, 0, 1) == (told["entries"], told["pruned"], told["epoch"])
    assert "journal.sqlite: sound" in text
    assert "3, from 2001-09-09T01:46:40Z to 2065-01-24T05:20:00Z" in text
    assert told["head"] in text


def test_check_tells_of_a_mark(state):
    """Whoever finds it whole hears that a mark of damage still halts each start."""
    damage.mark(state / "journal.sqlite", "page 7")
    told = ask("journal", "check", "--state", str(state)).stdout

    assert "journal.damaged: halts each start" in told


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE entries SET payload = '{\"n\":3}' WHERE id = 2", "entry 2: hash must be"),
        ("DELETE FROM entries WHERE id = 2", "entry 3: must follow entry 2"),
        ("DELETE FROM entries WHERE id = 3", "entry 3: must be there"),
    ],
)
def test_check_finds_damage(state, statement, found):
    """A damaged journal ends with 65; the first bad entry is named, and the file."""
    spoil(state, statement)
    told = ask("journal", "check", "--state", str(state), code=65).stderr

    assert found in told
    assert str(state / "journal.sqlite") in told
    assert 1 == len(told.splitlines())


def test_backup_and_restore(state, tmp_path):
    """A backup is put back in words that say what to do, and the book begins halted."""
    copy, where = str(tmp_path / "copy.sqlite"), ("--state", str(state))
    assert "backed up" in ask("journal", "backup", copy, *where).stdout
    assert "must not exist" in ask("journal", "backup", copy, *where, code=64).stderr
    assert "--force" in ask("journal", "restore", copy, *where, code=64).stderr
    told = ask("journal", "restore", copy, *where, "--force", "--epoch", "1500000").stdout

    assert "journal.replaced-1.sqlite" in told
    assert "epoch     1500001, the next start has 1500002" in told
    assert "arm --reason" in told
    journal = open_journal(state / "journal.sqlite")
    latch = [each.payload for each in journal.read("latch")][-1]
    assert (1_500_002, "halted") == (journal.epoch, latch["mode"])
    refused = ask("journal", "restore", copy, *where, "--force", code=75).stderr
    journal.close()
    assert "a daemon" in refused


def test_prune(state):
    """What is old goes, what a start rests on stays, and the journal is sound."""
    journal = open_journal(state / "journal.sqlite")
    for number in range(300):
        journal.append(Entry(number, number, "decision", "BTC", {"text": "x" * 2_000}))
    journal.close()
    size = (state / "journal.sqlite").stat().st_size
    told = ask("journal", "prune", "--days", "30", "--state", str(state)).stdout

    assert "300 entries went" in told
    assert "300 pruned" in ask("journal", "check", "--state", str(state)).stdout
    assert (state / "journal.sqlite").stat().st_size < size / 3
    assert "larger than" not in told


def test_prune_of_nothing(tmp_path):
    """Where no book was ever started nothing is made."""
    ask("journal", "prune", "--state", str(tmp_path / "state"), code=75)
    assert not (tmp_path / "state").exists()


def test_defaults():
    """What the command does unasked is what a configuration does that says nothing."""
    assert JournalKeeping(retention_days=DAYS, max_mib=MOST_MIB) == JournalKeeping()


def test_restored_book_begins_halted(tmp_path):
    """The next start of a restored book sends nothing and says why."""
    state, copy = str(tmp_path / "state"), str(tmp_path / "copy.sqlite")
    run = ("run", "config/paper.toml", "--for", "2s", "--state", state)
    ask(*run)
    ask("journal", "backup", copy, "--state", state)
    ask("journal", "restore", copy, "--state", state, "--force")
    told = ask(*run).stderr

    assert "restored from a backup" in told
    assert "hedge.submitted" not in told


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("check", "no-such-file"), 75),
        (("check", "README.md"), 65),
        (("check", "README.md", "--head", "soon"), 64),
        (("nothing",), 64),
    ],
)
def test_wrong_usage(args, code):
    """What is no journal, and what is no command, is said in words."""
    assert ask("journal", *args, code=code).stderr


def test_help():
    """The group and each of its commands say how they are typed."""
    for name in ("check", "backup", "restore", "prune"):
        assert name in ask("journal", "--help").stdout
        assert f"Example: rebalancer journal {name}" in ask("journal", name, "--help").stdout


def test_backup_in_a_folder(state, tmp_path):
    """A folder gets a copy named for the day, which a later one of the day replaces."""
    place = tmp_path / "copies"
    place.mkdir()
    for _ in range(2):
        told = json.loads(
            ask("journal", "backup", "--state", str(state), str(place), "--json").stdout
        )
    (copy,) = place.iterdir()

    assert (3, str(copy)) == (told["entries"], told["file"])
    assert re.fullmatch(r"journal-\d{4}-\d\d-\d\d\.sqlite", copy.name)
