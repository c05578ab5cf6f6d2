"""The journal on disk: one writer, private, durable, and dead once the disk has failed it."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rebalancer.core import ids
from rebalancer.errors import DataError, Defect, PermissionRefused, Unavailable
from rebalancer.ports import Entry
from rebalancer.storage import schema, sqlite
from rebalancer.storage.sqlite import open_journal, open_reader

ROOT = Path(__file__).resolve().parents[2]


def entry(sequence, **payload):
    """Return an order's entry."""
    return Entry(sequence, sequence, "order", f"rb{sequence}", payload)


def child(script, *arguments):
    """Run a script in a process of its own; return what it said."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "" == done.stderr
    return done


@pytest.fixture
def path(tmp_path):
    """Return where a journal may be made; its folder is not there yet."""
    return tmp_path / "state" / "journal.sqlite"


def test_epoch_grows(path):
    """Each opening for writing counts one; reading counts nothing."""
    epochs = []
    for _ in range(3):
        journal = open_journal(path)
        epochs.append(journal.epoch)
        journal.close()
        open_reader(path).close()

    assert [1, 2, 3] == epochs


def test_least_epoch(path):
    """A start may ask for an epoch; the next ones still count on from what there was."""
    epochs = []
    for least in (1, 700, 5, 702):
        journal = open_journal(path, least)
        epochs.append(journal.epoch)
        journal.close()

    assert [1, 700, 701, 702] == epochs


def test_reopened(path):
    """What was closed in order is all there, the latch too."""
    journal = open_journal(path)
    journal.append(entry(1, quantity="-1.80"))
    journal.put_meta("halted", "kill")
    journal.close()
    journal.close()
    again = open_journal(path)

    assert [entry(1, quantity="-1.80")] == list(again.read())
    assert "kill" == again.get_meta("halted")
    again.close()


def test_second_writer(path):
    """A second daemon on the folder is told who is there, and the first goes on."""
    journal = open_journal(path)
    with pytest.raises(Unavailable, match=f"process {os.getpid()}"):
        open_journal(path)
    with pytest.raises(Unavailable, match="already runs"):
        open_journal(path.with_name("other.sqlite"))
    journal.append(entry(1))
    journal.flush()
    journal.close()

    assert 2 == open_and_close(path)


def open_and_close(path):
    """Return the epoch of one more start."""
    journal = open_journal(path)
    journal.close()
    return journal.epoch


def test_pragmas(path):
    """A commit is synced, and the file may run no code."""
    journal = open_journal(path)
    found = {
        name: journal._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in schema.PRAGMAS
    }
    journal.close()

    assert {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "wal_autocheckpoint": 0,  # what SQLite does by itself may fail unheard
    } == found


def test_pragma_ignored():
    """A build of SQLite that ignores a pragma is refused: in memory there is no log ahead."""
    connection = sqlite3.connect(":memory:")
    with pytest.raises(DataError, match="journal_mode"):
        schema.secure(connection)
    connection.close()


def test_reader(path):
    """A reader beside the daemon sees what was flushed and nothing else."""
    journal = open_journal(path)
    journal.append(entry(1))
    journal.flush()
    reader = open_reader(path)
    journal.append(entry(2))
    before = [found.sequence for found in reader.read()]
    journal.flush()
    after = [found.sequence for found in reader.read()]
    reader.close()
    journal.close()

    assert [1] == before
    assert [1, 2] == after
    with pytest.raises(DataError):
        list(reader.read())


def test_reader_cannot_write(path):
    """What is opened for reading is never changed."""
    open_and_close(path)
    reader = open_reader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM meta")
    reader.close()


def test_closed(path):
    """After closing, nothing more is written."""
    journal = open_journal(path)
    journal.close()
    for call in (lambda: journal.append(entry(1)), journal.flush):
        with pytest.raises(DataError, match="closed"):
            call()


@pytest.mark.parametrize("payload", [{"a": object()}, {"a": float("nan")}, {("a",): 1}])
def test_not_json(path, payload):
    """A payload that is not JSON is the caller's defect; the journal lives on."""
    journal = open_journal(path)
    with pytest.raises(Defect, match="order rb1"):
        journal.append(Entry(1, 1, "order", "rb1", payload))
    journal.append(entry(2))
    journal.close()

    with pytest.raises(DataError, match="closed"):
        journal.put_meta("halted", "kill")


def test_own_meta(path):
    """Epoch and head are nobody's to set."""
    journal = open_journal(path)
    for name in ("journal.epoch", "journal.head"):
        with pytest.raises(Defect, match=name):
            journal.put_meta(name, "7")
    journal.close()


# --- who may read it ----------------------------------------------------------


def test_modes(path):
    """Folder and files are for their user only."""
    journal = open_journal(path)
    journal.append(entry(1))
    journal.flush()
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    journal.close()

    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)
    assert {0o600} == set(modes.values())
    assert {"journal.sqlite", "journal.sqlite-wal", "journal.lock"} <= set(modes)


def test_loose_modes_are_closed(path):
    """A folder that is ours, and a journal in it, are closed to others at the next start."""
    open_and_close(path)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    open_and_close(path)

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)


@pytest.mark.parametrize(
    ("mode", "content", "after"),
    [(0o755, False, 0o700), (0o777, False, 0o700), (0o755, True, 0o755), (0o777, True, None)],
)
def test_folder_of_others(tmp_path, mode, content, after):
    """An empty folder is closed, another's is left alone, one that all may write in is refused."""
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(mode)
    if content:
        (folder / "letters").touch()
    if after is None:
        with pytest.raises(PermissionRefused, match="go-w"):
            open_journal(folder / "journal.sqlite")
    else:
        open_and_close(folder / "journal.sqlite")
        assert after == stat.S_IMODE(folder.stat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_foreign_owner(path):
    """A folder or a file of another user is refused."""
    open_and_close(path)
    os.chown(path, 65534, -1)
    with pytest.raises(PermissionRefused, match=r"journal\.sqlite"):
        open_journal(path)
    os.chown(path.parent, 65534, -1)
    with pytest.raises(PermissionRefused, match="state"):
        open_journal(path)


@pytest.mark.parametrize("name", ["journal.sqlite", "journal.lock"])
def test_link(path, tmp_path, name):
    """A link in the place of a file is not followed."""
    path.parent.mkdir(mode=0o700)
    (path.parent / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=name):
        open_journal(path)

    assert not (tmp_path / "elsewhere").exists()


def test_folder_is_a_file(tmp_path):
    """A file in the place of the folder is said to be one."""
    (tmp_path / "state").touch()
    with pytest.raises(DataError, match="folder"):
        open_journal(tmp_path / "state" / "journal.sqlite")


# --- what cannot be trusted ---------------------------------------------------


def test_no_journal(path):
    """Nothing to read is said in words."""
    with pytest.raises(Unavailable, match="ever started"):
        open_reader(path)


def test_newer_schema(path):
    """A journal of a newer release is neither written nor read, and stays as it was."""
    open_and_close(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    for opened in (open_journal, open_reader):
        with pytest.raises(DataError, match="newer release"):
            opened(path)


def test_foreign_database(path):
    """Another program's database is left alone."""
    path.parent.mkdir(mode=0o700)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE letters (text)")
    connection.close()
    with pytest.raises(DataError, match="another program's"):
        open_journal(path)
    with pytest.raises(DataError, match="none of its tables"):
        open_reader(path)


@pytest.mark.parametrize("opened", [open_journal, open_reader])
def test_not_a_database(path, opened):
    """A file that is no database is refused, and the folder is free again."""
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"dear diary " * 500)
    for _ in range(2):
        with pytest.raises(DataError, match=r"journal\.sqlite"):
            opened(path)


def test_damage(path):
    """A damaged page is found at the start."""
    journal = open_journal(path)
    for sequence in range(3000):
        journal.append(entry(sequence, text="x" * 50))
    journal.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 64] = b"\xff" * 64
    path.write_bytes(content)

    with pytest.raises(DataError):
        open_journal(path)


def test_payload_damage(path):
    """An entry that is no JSON is named."""
    open_and_close(path)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO entries VALUES (7, 1, 1, 'order', 'rb1', '{', x'')")
    connection.close()
    reader = open_reader(path)
    with pytest.raises(DataError, match="entry 7"):
        list(reader.read())
    reader.close()


# --- the disk -----------------------------------------------------------------

FULL_DISK = """
import json, resource, sys
from pathlib import Path
from rebalancer.errors import DataError
from rebalancer.ports import Entry
from rebalancer.storage.sqlite import open_journal
journal = open_journal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))  # writes past it fail
flushed, errors = 0, []
def attempt(call, *arguments):
    try:
        call(*arguments)
    except DataError as e:
        errors.append(str(e))
for sequence in range(1000):
    attempt(journal.append, Entry(sequence, 0, "order", "rb", {"text": "x" * 2000}))
    attempt(journal.flush)
    if errors:
        break
    flushed += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
attempt(journal.append, Entry(0, 0, "order", "rb", {}))
attempt(journal.flush)
attempt(journal.put_meta, "halted", "disk")
journal.close()
print(json.dumps([flushed, errors]))
"""


def test_full_disk(path):
    """The first failed write is told, every later call refused, and what was flushed is there."""
    done = child(FULL_DISK, path)
    flushed, errors = json.loads(done.stdout)
    journal = open_journal(path)
    found = [entry.sequence for entry in journal.read()]
    journal.close()

    assert 5 < flushed < 1000
    assert "the disk refused" in errors[0]
    assert all("closed for good" in error for error in errors[1:])
    assert len(errors) >= 4
    assert list(range(flushed)) == found


class Failing:
    """A database that fails one statement."""

    def __init__(self, inner, statement):
        self._inner, self._statement = inner, statement

    def execute(self, statement, values=()):
        if statement.startswith(self._statement):
            raise sqlite3.OperationalError("disk I/O error")
        return self._inner.execute(statement, values)

    def __getattr__(self, name):
        return getattr(self._inner, name)


def test_failed_checkpoint(path, monkeypatch):
    """The log could not be moved into the file: the disk has failed, and nothing more is taken."""
    monkeypatch.setattr(sqlite, "COMMITS", 3)
    journal = open_journal(
        path, connect=lambda *where: Failing(sqlite.connect(*where), "PRAGMA wal_checkpoint")
    )

    def write_on():
        for number in range(10):
            journal.append(entry(number))
            journal.flush()

    with pytest.raises(DataError, match="the disk refused"):
        write_on()
    with pytest.raises(DataError, match="closed for good"):
        journal.append(entry(11))
    journal.close()

    reader = open_reader(path)
    assert [0, 1, 2] == [found.sequence for found in reader.read()]
    reader.close()


def test_log_does_not_grow(path, monkeypatch):
    """The log is moved into the file again and again, so that its size has a bound."""
    monkeypatch.setattr(sqlite, "COMMITS", 3)
    journal = open_journal(path)
    sizes = []
    for number in range(60):
        journal.append(entry(number, text="x" * 3000))
        journal.flush()
        sizes.append(path.with_name("journal.sqlite-wal").stat().st_size)
    journal.close()

    assert max(sizes) < 200_000


CRASHES = """
import os, signal, sys
from pathlib import Path
from rebalancer.ports import Entry
from rebalancer.storage.sqlite import open_journal

def live(folder, steps):
    # Writes pairs; after `steps` steps the process is gone in the middle of it.
    left = iter(range(steps))
    def step():
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
    journal = open_journal(folder / "journal.sqlite")
    for number in range(0, 20, 2):
        step()
        journal.append(Entry(number, 0, "order", "rb", {}))
        step()
        journal.append(Entry(number + 1, 0, "order", "rb", {}))
        step()
        journal.flush()
        (folder / "flushed").write_text(str(number + 2))
    os._exit(0)

for point in range(31):
    folder = Path(sys.argv[1]) / str(point)
    folder.mkdir(mode=0o700)
    if not (process := os.fork()):
        live(folder, point)
    os.waitpid(process, 0)
"""


def test_killed(tmp_path):
    """Killed at any step, all that was flushed is there, nothing else, and the folder is free."""
    child(CRASHES, tmp_path)
    for point in range(31):
        folder = tmp_path / str(point)
        told = folder / "flushed"
        flushed = int(told.read_text()) if told.exists() else 0
        journal = open_journal(folder / "journal.sqlite")

        assert list(range(flushed)) == [entry.sequence for entry in journal.read()]
        assert min(10, point // 3) * 2 == flushed
        assert 2 == journal.epoch
        journal.close()


def test_a_clock_that_was_decades_ahead(path):
    """One start with such a clock leaves epochs for all that follow; the last one is refused."""
    far = ids.least_epoch(4_000_000_000_000_000_000)  # 2096
    for least in (far, 1, 1):
        journal = open_journal(path, least)
        ids.encode(ids.ClientOrderId(0, journal.epoch, 0))
        journal.close()
    assert ids.MOST_EPOCH - journal.epoch > 99_000

    open_journal(path, ids.MOST_EPOCH).close()
    with pytest.raises(DataError, match=f"at most {ids.MOST_EPOCH}, was {ids.MOST_EPOCH + 1}"):
        open_journal(path)
    with pytest.raises(DataError, match="at most"):  # and counts no further
        open_journal(path)
