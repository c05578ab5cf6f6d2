"""The caretaker: copies in a process of their own, only so many, and damage told from failure."""

import asyncio
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from rebalancer.errors import Damaged, DataError
from rebalancer.ports import Entry, Errand, Outcome, Room
from rebalancer.runtime.clock import run_wall
from rebalancer.storage import errand, room
from rebalancer.storage.audit import audit
from rebalancer.storage.caretaker import COPIES, GIVEN, DiskCaretaker
from rebalancer.storage.sqlite import open_journal

MIB = 2**20
HERE = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path):
    """Return a journal of ten entries."""
    made = tmp_path / "state" / "journal.sqlite"
    journal = open_journal(made)
    for number in range(10):
        journal.append(Entry(number, number, "event", f"k{number}", {"n": number}))
    journal.close()
    return made


def spoilt(path):
    """Alter an entry behind the journal's back."""
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER entries_stay_as_they_are")
    connection.execute("UPDATE entries SET payload = '{}' WHERE id = 4")
    connection.commit()
    connection.close()


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """Return a way to have a script in the place of errands; it may write what is asked of it."""
    monkeypatch.setattr(errand, "__name__", "odd")
    monkeypatch.setattr("rebalancer.storage.caretaker.ROOT", tmp_path)
    said = tmp_path / "said"

    def put(script):
        (tmp_path / "odd.py").write_text(f"SAID = {str(said)!r}\n{script}")
        return said

    return put


SLEEPS = "import os, time; open(SAID, 'w').write(str(os.getpid())); time.sleep(99)"


async def heard(said):
    """Return what a script wrote, once it did."""
    while not (said.exists() and said.read_text()):  # noqa: ASYNC110 - another process says it
        await asyncio.sleep(0.01)
    return said.read_text()


def names(path):
    return sorted(each.name for each in (path.parent / COPIES).iterdir())


@pytest.mark.parametrize("run", [asyncio.run, run_wall])
def test_copy(path, run):
    """A copy is made while the journal is open, whole and private; what it holds is told."""
    journal = open_journal(path)
    keeper = DiskCaretaker(path)
    assert not keeper.copied("2026-01-30")
    told = run(keeper.copy("2026-01-30", 7, 0))
    journal.append(Entry(11, 11, "event", "k", {}))
    journal.close()

    copy = path.parent / COPIES / "journal-2026-01-30.sqlite"
    assert keeper.copied("2026-01-30")
    assert Errand(Outcome.DONE, f"10 entries, head {audit(copy).head}") == told
    assert (0o600, 0o700) == tuple(
        stat.S_IMODE(each.stat().st_mode) for each in (copy, copy.parent)
    )


def test_only_so_many(path):
    """The oldest go once a younger one is there; what somebody else put there stays."""
    place = path.parent / COPIES
    place.mkdir()
    days = [f"2026-01-{day}" for day in range(20, 30)]
    for day in days:
        (place / f"journal-{day}.sqlite").touch()
    (place / "journal-2026-01-29.sqlite.part").touch()
    (place / "before-the-move.sqlite").touch()
    asyncio.run(DiskCaretaker(path).copy("2026-01-30", 3, 0))

    kept = [f"journal-{day}.sqlite" for day in (*days[-2:], "2026-01-30")]
    assert ["before-the-move.sqlite", *kept] == names(path)


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_a_clock_that_was_wrong(path, keep):
    """Copies of days to come cost no other, least of all the one just made; they are told."""
    place = path.parent / COPIES
    place.mkdir()
    past = [f"journal-2026-01-{day}.sqlite" for day in (28, 29)]
    ahead = [f"journal-{day}.sqlite" for day in ("2031-05-01", "2031-05-02")]
    for name in (*past, *ahead):
        (place / name).touch()
    told = asyncio.run(DiskCaretaker(path).copy("2026-01-30", keep, 0))

    kept = [*past, "journal-2026-01-30.sqlite"][-keep:]
    assert [*kept, *ahead] == names(path)
    assert told.text.endswith(f"not counted: {', '.join(ahead)}")


def test_none_goes_for_one_that_failed(path):
    """A journal that gives no good copy takes none of the old ones away."""
    keeper = DiskCaretaker(path)
    for day in ("2026-01-28", "2026-01-29"):
        asyncio.run(keeper.copy(day, 2, 0))
    spoilt(path)
    told = asyncio.run(keeper.copy("2026-01-30", 1, 0))

    assert Outcome.DAMAGED is told.outcome
    assert ["journal-2026-01-28.sqlite", "journal-2026-01-29.sqlite"] == names(path)


@pytest.mark.parametrize("ends", ["given up", "canceled"])
def test_no_part_is_left(path, odd, ends):
    """What a copy that was broken off had written is gone with it: room was why, perhaps."""
    said = odd(
        "import sys, time; open(sys.argv[3] + '.part', 'w').write('x')\n"
        "open(sys.argv[3] + '.part-journal', 'w').write('x')\n"
        "open(SAID, 'w').write('x'); time.sleep(99)"
    )

    async def story():
        keeper = DiskCaretaker(path)
        task = asyncio.create_task(keeper.copy("2026-01-30", 7, 0))
        await heard(said)
        assert 2 == len(names(path))
        if ends == "given up":
            keeper.give_up()
        else:
            task.cancel()
        await asyncio.wait([task])

    asyncio.run(story())

    assert [] == names(path)


def test_a_disk_of_their_own(path, monkeypatch):
    """Room is looked at where copies are put, which need not be where the journal is."""
    size = path.stat().st_size

    def measure(folder):
        return Room(size + 9 * MIB if folder.name == COPIES else 2**39, 2**40)

    monkeypatch.setattr(room, "measure", measure)
    keeper = DiskCaretaker(path)

    assert asyncio.run(keeper.copy("2026-01-30", 7, 10 * MIB)).text.endswith("has 9")
    assert Outcome.DONE is asyncio.run(keeper.copy("2026-01-30", 7, 9 * MIB)).outcome


def test_no_room(path, monkeypatch):
    """A copy must not be what fills the disk: it leaves what a hedge needs."""
    size = path.stat().st_size
    monkeypatch.setattr(room, "measure", lambda folder: Room(size + 9 * MIB, 2**40))
    keeper = DiskCaretaker(path)
    told = asyncio.run(keeper.copy("2026-01-30", 7, 10 * MIB))
    assert Outcome.FAILED is told.outcome
    assert told.text.endswith("must have room for 0 MiB and leave 10, has 9")
    assert [] == names(path)

    assert Outcome.DONE is asyncio.run(keeper.copy("2026-01-30", 7, 9 * MIB)).outcome


def refuse(*_arguments, **_more):
    raise PermissionError(13, "Permission denied")


def test_copies_that_nobody_may_see(path, monkeypatch):
    """A folder that cannot be looked into holds no copy of today; why is told by the copy."""
    keeper = DiskCaretaker(path)
    real = Path.stat

    def stat_(self, **how):
        return refuse() if COPIES in self.parts else real(self, **how)

    monkeypatch.setattr(Path, "stat", stat_)
    assert not keeper.copied("2026-01-30")
    told = asyncio.run(keeper.copy("2026-01-30", 7, 0))

    assert Outcome.FAILED is told.outcome
    assert "Permission denied" in told.text


def test_check(path):
    """One that is whole tells its head; one that was altered names the entry."""
    keeper = DiskCaretaker(path)
    assert (Outcome.DONE, f"10 entries, head {audit(path).head}") == _told(keeper)

    spoilt(path)
    outcome, text = _told(keeper)
    assert Outcome.DAMAGED is outcome
    assert "entry 4: hash must be" in text


def _told(keeper):
    told = asyncio.run(keeper.check())
    return told.outcome, told.text


def test_a_journal_that_is_gone(path):
    """There is nothing to be damaged: it has failed."""
    keeper = DiskCaretaker(path)
    path.unlink()

    assert Outcome.FAILED is asyncio.run(keeper.check()).outcome
    assert Outcome.FAILED is asyncio.run(keeper.copy("2026-01-30", 7, 0)).outcome


@pytest.mark.parametrize("content", [b"dear diary " * 500, b"SQLite format 3\0" + b"\0" * 5000])
def test_no_database(path, content):
    """A file that is no database any more is damaged."""
    path.write_bytes(content)

    assert Outcome.DAMAGED is asyncio.run(DiskCaretaker(path).check()).outcome


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_CORRUPT_INDEX, Damaged),
        (sqlite3.SQLITE_NOTADB, Damaged),
        (sqlite3.SQLITE_IOERR_READ, DataError),
        (sqlite3.SQLITE_BUSY, DataError),
        (sqlite3.SQLITE_FULL, DataError),
    ],
)
def test_damage_or_not(path, monkeypatch, code, kind):
    """What could not be read is not called damaged."""

    def fail(_connection):
        error = sqlite3.OperationalError("no")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr("rebalancer.storage.audit.examine", fail)
    with pytest.raises(DataError, match="no") as raised:
        audit(path)

    assert kind is type(raised.value)


@pytest.mark.parametrize(
    ("script", "outcome", "text"),
    [
        ("import os; os.abort()", Outcome.FAILED, "ended with -6"),
        ("raise ValueError('odd')", Outcome.FAILED, "ValueError: odd"),
        ("print('hello')", Outcome.FAILED, "ended with 0: no word"),
        ("print('warned'); print('[\"done\", \"9 entries\"]')", Outcome.DONE, "9 entries"),
        ('print(\'["done", "9"]\'); import sys; sys.exit(3)', Outcome.FAILED, "ended with 3"),
    ],
)
def test_a_process_that_breaks(path, odd, script, outcome, text):
    """Whatever ends without its word has failed."""
    odd(script)
    told = asyncio.run(DiskCaretaker(path).check())

    assert outcome is told.outcome
    assert text in told.text


@pytest.mark.parametrize("ends", ["given up", "canceled"])
@pytest.mark.parametrize("run", [asyncio.run, run_wall])
def test_it_does_not_outlive_its_caller(path, odd, ends, run):
    """One that is given up has failed; one whose daemon ends is ended with it."""
    said = odd(SLEEPS)

    async def story():
        keeper = DiskCaretaker(path)
        task = asyncio.create_task(keeper.check())
        await heard(said)
        if ends == "given up":
            keeper.give_up()
            return await task
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        return Errand(Outcome.FAILED, "-9")

    told = run(story())

    assert Outcome.FAILED is told.outcome
    assert "-9" in told.text
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.read_text()), 0)


def test_what_a_process_is_given(path, odd, monkeypatch):
    """It has no key, for it needs none; where Python finds what it needs it is told."""
    for name in ("DERIBIT_SECRET", "PYTHONSTARTUP", "LANG"):
        monkeypatch.setenv(name, "C.UTF-8")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    said = odd("import json, os; json.dump(dict(os.environ), open(SAID, 'w'))")
    asyncio.run(DiskCaretaker(path).check())
    told = json.loads(said.read_text())

    assert set(told) <= {*GIVEN, "PYTHONPATH"}
    assert "C.UTF-8" == told["LANG"]
    assert f"{said.parent}:/somewhere" == told["PYTHONPATH"]


DAEMON = """
import asyncio, sys
from pathlib import Path
from rebalancer.runtime.clock import run_wall
from rebalancer.storage import caretaker, errand
errand.__name__, caretaker.ROOT = "odd", Path(sys.argv[2])
{run}(caretaker.DiskCaretaker(Path(sys.argv[1])).check())
"""


@pytest.mark.parametrize("run", ["asyncio.run", "run_wall"])
def test_it_does_not_outlive_a_daemon_that_is_killed(path, odd, run):
    """With a daemon that gets no last word goes its errand, in the midst of its work."""
    said = odd(
        "import os, time\nfrom rebalancer.storage import errand\n"
        "def run(_): open(SAID, 'w').write(str(os.getpid())); time.sleep(99)\n"
        "errand.run = run\nerrand.main()"
    )
    script = (sys.executable, "-c", DAEMON.format(run=run), path, said.parent)
    daemon = subprocess.Popen(script, env={**os.environ, "PYTHONPATH": str(HERE)})
    number = int(asyncio.run(asyncio.wait_for(heard(said), 30)))
    assert runs(number)
    daemon.kill()
    daemon.wait()

    for _ in range(500):
        if not runs(number):
            return
        time.sleep(0.02)
    os.kill(number, signal.SIGKILL)
    pytest.fail("it outlived its daemon by ten seconds")


def runs(number):
    """Tell whether a process works: one that has ended may wait for somebody to take note."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def unkillable(monkeypatch):
    """Let no process end when it is killed, as one does that waits for a disk which hangs."""
    monkeypatch.setattr(asyncio.subprocess.Process, "kill", lambda _self: None)
    monkeypatch.setattr("rebalancer.storage.caretaker.KILLED", 0.2)
    monkeypatch.setattr("rebalancer.storage.caretaker.STOPPED", 0.2)


@pytest.mark.parametrize("run", [asyncio.run, run_wall])
def test_one_that_cannot_be_killed(path, odd, unkillable, run):
    """It is left to itself and has failed; no other is sent before it has ended."""
    said, keeper = odd(SLEEPS), DiskCaretaker(path)

    async def story():
        task = asyncio.create_task(keeper.check())
        number = int(await heard(said))
        try:
            keeper.give_up()
            told = [await task, await keeper.check()]
        finally:
            os.kill(number, signal.SIGKILL)
        odd('print(\'["done", "9 entries"]\')')
        while keeper._process.returncode is None:  # noqa: ASYNC110 - the kernel says it
            await asyncio.sleep(0.01)
        return number, [*told, await keeper.check()]

    number, (first, second, third) = run(asyncio.wait_for(story(), 30))

    assert (Outcome.FAILED, Outcome.FAILED, Outcome.DONE) == (
        first.outcome,
        second.outcome,
        third.outcome,
    )
    assert f"process {number} was killed, and did not end within 0.2 s" in first.text
    assert f"process {number} of an errand before" in second.text


@pytest.mark.parametrize("run", [asyncio.run, run_wall])
def test_a_stop_waits_for_none_that_cannot_be_killed(path, odd, unkillable, run):
    """A daemon that stops does not hang on it."""
    said = odd(SLEEPS)

    async def story():
        task = asyncio.create_task(DiskCaretaker(path).check())
        number = int(await heard(said))
        task.cancel()
        await asyncio.wait([task], timeout=20)
        try:
            return task.cancelled()
        finally:
            with suppress(ProcessLookupError):  # what waits for it may have been closed already
                os.kill(number, signal.SIGKILL)
            await asyncio.sleep(0.3)

    assert run(story())


def test_the_loop_goes_on(path):
    """While an errand runs the loop that asked for it is free."""
    gaps = []

    async def story():
        keeper, loop = DiskCaretaker(path), asyncio.get_running_loop()
        task = asyncio.create_task(keeper.copy("2026-01-30", 7, 0))
        while not task.done():
            before = loop.time()
            await asyncio.sleep(0.005)
            gaps.append(loop.time() - before)
        return await task

    assert Outcome.DONE is run_wall(story()).outcome
    assert len(gaps) > 10
    assert sorted(gaps)[len(gaps) // 2] < 0.05


def test_the_wrong_words():
    """What is no errand is none."""
    told = errand.run(["sell", "everything"])

    assert (Outcome.FAILED, "an errand must be copy or check, was sell everything") == (
        told.outcome,
        told.text,
    )
