"""Room on the disk: a reserve of real blocks, given up for the next start when it is full."""

import os
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import apsw
import pytest

from rebalancer.errors import DataError
from rebalancer.ports import Entry, Room
from rebalancer.storage import room
from rebalancer.storage.caretaker import DiskCaretaker
from rebalancer.storage.sqlite import open_journal
from tests.storage.disk import Connection, Disk

ROOT = Path(__file__).resolve().parents[2]
FULL = apsw.FullError("disk full")
SYNC = apsw.IOError("fsync failed")


@pytest.fixture
def path(tmp_path):
    """Return where a journal may be made, beside a reserve."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    assert DiskCaretaker(folder / "journal.sqlite").reserve()
    return folder / "journal.sqlite"


def entry(number):
    return Entry(number, number, "order", f"rb{number}", {"text": "x" * 300})


def test_real_blocks(path):
    """The reserve is on the disk, private, and one is enough."""
    told = (path.parent / room.RESERVE).stat()
    assert told.st_size == room.SIZE
    assert told.st_blocks * 512 >= room.SIZE
    assert 0o600 == stat.S_IMODE(told.st_mode)

    assert room.reserve(path.parent)
    assert told.st_ino == (path.parent / room.RESERVE).stat().st_ino


def test_a_part_is_made_whole(path):
    """A reserve of a start that was killed over it is filled up."""
    reserve = path.parent / room.RESERVE
    reserve.write_bytes(b"x")
    assert room.reserve(path.parent)

    assert reserve.stat().st_blocks * 512 >= room.SIZE


def test_not_taken_again(path, monkeypatch):
    """What was given up is left to the start that needs it."""
    room.release(path.parent)
    monkeypatch.setattr(room, "measure", lambda folder: Room(2 * room.SIZE - 1, 2**30))
    assert not room.reserve(path.parent)

    assert not (path.parent / room.RESERVE).exists()


def test_no_half_reserve(path, monkeypatch):
    """A disk that fills over it is not left fuller than it was."""
    room.release(path.parent)

    def fill(descriptor, start, size):
        os.pwrite(descriptor, b"x" * 4096, 0)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fill)
    assert not room.reserve(path.parent)

    assert not (path.parent / room.RESERVE).exists()


def test_a_reserve_that_nobody_may_see(path, monkeypatch):
    """What cannot be looked at is no reserve, and ends nothing."""

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "lstat", refuse)
    monkeypatch.setattr(room, "measure", lambda folder: Room(0, 0))

    assert not room.reserve(path.parent)


def test_measure(path):
    """Room is what a user may fill; a folder that is gone has none."""
    told = DiskCaretaker(path).room()
    assert 0 < told.free <= told.total
    assert Room(0, 0) == room.measure(path.parent / "gone")


@pytest.mark.parametrize(("error", "what", "left"), [(FULL, "write", False), (SYNC, "sync", True)])
def test_given_up(path, error, what, left):
    """A full disk takes it from the journal that dies, which tries nothing again; no fault else."""
    disk = Disk()
    journal = open_journal(path, connect=lambda path, _mode: Connection(disk, path))
    journal.append(entry(1))
    disk.refuse = (what, 1, error, "-wal")
    with pytest.raises(DataError, match="the disk refused"):
        journal.flush()
    asked = len(disk.ops)
    for call in (partial(journal.append, entry(2)), journal.flush):
        with pytest.raises(DataError, match="closed for good"):
            call()
    assert asked == len(disk.ops)
    journal.close()

    assert left == (path.parent / room.RESERVE).exists()


@pytest.mark.parametrize("reserved", [True, False])
def test_a_start_on_a_full_disk(path, reserved):
    """It takes the reserve and begins; where there is none it ends, and the folder is free."""
    open_journal(path).close()
    if not reserved:
        room.release(path.parent)
    disk = Disk()
    disk.refuse = ("write", 1, FULL, "-wal")
    opened = partial(open_journal, path, connect=lambda path, _mode: Connection(disk, path))
    if reserved:
        journal = opened()
        assert 2 == journal.epoch
        journal.close()
    else:
        with pytest.raises(DataError, match="disk full"):
            opened()

    assert not (path.parent / room.RESERVE).exists()
    assert 1 == disk.struck
    open_journal(path).close()


FILLS = """
import os, sys
from pathlib import Path
from rebalancer.errors import DataError
from rebalancer.ports import Entry
from rebalancer.storage import room
from rebalancer.storage.sqlite import open_journal

folder = Path(sys.argv[1]) / "state"
journal = open_journal(folder / "journal.sqlite")
if sys.argv[2] == "reserved":
    assert room.reserve(folder)
with (folder.parent / "others").open("wb", buffering=0) as file:
    try:
        while file.write(bytes(4096)):
            pass
    except OSError:
        pass
try:
    while True:
        journal.append(Entry(1, 1, "event", "k", {"text": "x" * 2000}))
        journal.flush()
except DataError:
    os._exit(0)  # without another word
"""
BEGINS = """
import sys
from pathlib import Path
from rebalancer.ports import Entry
from rebalancer.storage.audit import audit
from rebalancer.storage.sqlite import open_journal

path = Path(sys.argv[1]) / "state" / "journal.sqlite"
journal = open_journal(path)
for _ in range(1000):
    journal.append(Entry(1, 1, "event", "k", {"text": "x" * 2000}))
    journal.flush()
journal.close()
print(audit(path).entries >= 1000)
"""


def filled(tmp_path, how):
    """Let a journal write until its disk is really full, and start anew; return what came of it."""
    (tmp_path / "disk").mkdir()
    steps = [f"mount -t tmpfs -o size=64m,mode=0700 none {tmp_path}/disk"]
    for number, script in enumerate((FILLS, BEGINS)):
        (tmp_path / f"{number}.py").write_text(script)
        steps.append(f"{sys.executable} {tmp_path}/{number}.py {tmp_path}/disk {how}")
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", " && ".join(steps)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.mark.skipif(
    subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    ).returncode
    != 0,
    reason="a disk to fill needs a mount namespace",
)
@pytest.mark.parametrize(("how", "code"), [("reserved", 0), ("bare", 1)])
def test_a_disk_that_is_full(tmp_path, how, code):
    """With the reserve a new start begins and writes on; without it none can."""
    done = filled(tmp_path, how)

    assert code == done.returncode, done.stderr
    assert ("True\n" if code == 0 else "") == done.stdout
    assert ("disk is full" in done.stderr) == (code == 1)
