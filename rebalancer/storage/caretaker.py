"""The caretaker of a journal on disk: its room, its copies, and who looks whether it is whole.

Copies lie in a folder beside the journal, one for each day, the oldest of them
deleted once a younger one is there. A clock that was wrong must cost none: those
that are named for a day to come are not counted, nor deleted. Copies help
against damage and against what people do; against the loss of the disk only what
is carried elsewhere does.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rebalancer.errors import RebalancerError
from rebalancer.ports import Errand, Outcome, Room
from rebalancer.storage import damage, errand, folder, room

COPIES = "backups"
MIB = 1024 * 1024  # bytes
ROOT = Path(__file__).resolve().parents[2]  # where this very release is imported from
IDLE = 10  # of niceness: whoever hedges comes first
KILLED = 30.0  # s in which a killed process must have ended; one that waits for a disk may not
STOPPED = 2.0  # s of them that a daemon which stops has time for
GIVEN = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "SQLITE_TMPDIR", "LD_LIBRARY_PATH")
_NAME = "journal-{}.sqlite"
_SAID = 500  # characters of what a process said before it broke


class DiskCaretaker:
    """A `ports.Caretaker` of a journal on disk.

    Args:
        journal: The file.
    """

    def __init__(self, journal: Path) -> None:
        self._journal, self._folder = journal, journal.parent
        self._process: asyncio.subprocess.Process | None = None  # of the last errand
        self._given_up = asyncio.Event()  # whether the errand that is on its way is

    def room(self) -> Room:
        """Return how much room there is."""
        return room.measure(self._folder)

    def reserve(self) -> bool:
        """Set room aside that is given up when the disk is full; return whether it is there."""
        return room.reserve(self._folder)

    def copied(self, day: str) -> bool:
        """Whether there is a copy of a day; none is where nobody can look: then `copy` says why."""
        try:
            return (self._folder / COPIES / _NAME.format(day)).exists()
        except OSError:
            return False

    async def copy(self, day: str, keep: int, spare: int) -> Errand:
        """Copy the journal; see `ports.Caretaker`."""
        place = self._folder / COPIES
        try:
            folder.prepare(place)
            _sweep(place)
            needed, free = _size(self._journal), room.measure(place).free
        except (RebalancerError, OSError) as error:
            return Errand(Outcome.FAILED, str(error))
        if free - needed < spare:
            words = f"{place}: must have room for {needed // MIB} MiB and leave {spare // MIB}"
            return Errand(Outcome.FAILED, f"{words}, has {free // MIB}")
        target = place / _NAME.format(day)
        try:
            told = await self._run(errand.COPY, str(self._journal), str(target))
        finally:
            with suppress(OSError):  # the next one tries again
                _sweep(place)
        return replace(told, text=told.text + _rotate(target, keep)) if _done(told) else told

    async def check(self) -> Errand:
        """Follow every page and every entry of the journal; return what came of it."""
        return await self._run(errand.CHECK, str(self._journal))

    def mark(self, what: str) -> bool:
        """Leave word beside the journal that it is damaged; return whether it is on disk."""
        return damage.mark(self._journal, what)

    def marked(self) -> str | None:
        """Return what was found damaged; None: nothing."""
        return damage.found(self._journal)

    def unmark(self) -> None:
        """Take that word back; where the disk refuses, the next check does."""
        damage.clear(self._journal)

    def give_up(self) -> None:
        """End the errand that is on its way; it has failed."""
        self._given_up.set()

    async def _run(self, *arguments: str) -> Errand:
        """Do an errand in a process of its own; it does not outlive its caller.

        One that cannot be killed is left to itself, but none is sent after it.
        """
        before = self._process
        if before is not None and before.returncode is None:
            words = f"process {before.pid} of an errand before was killed, and has not ended"
            return Errand(Outcome.FAILED, words)
        try:
            listens, holds = os.pipe()
        except OSError as error:
            return Errand(Outcome.FAILED, f"no pipe for an errand: {error}")
        try:
            return await self._follow(arguments, listens)
        finally:
            os.close(holds)

    async def _follow(self, arguments: Sequence[str], listens: int) -> Errand:
        self._given_up = asyncio.Event()  # before there is a process: nobody goes unheard
        try:
            process = self._process = await _sent(arguments, listens)
        except OSError as error:
            return Errand(Outcome.FAILED, f"no process for an errand: {error}")
        finally:
            os.close(listens)
        with suppress(OSError):  # where a sandbox forbids it, it is done all the same
            os.setpriority(os.PRIO_PROCESS, process.pid, IDLE)
        said = await self._heard(process)
        if said is None:
            words = f"process {process.pid} was killed, and did not end within {KILLED:g} s"
            return Errand(Outcome.FAILED, f"{words}; it may wait for a disk that hangs")
        told = errand.read(said[0]) if process.returncode == 0 else None
        if told is not None:
            return told
        last = said[1].decode("utf-8", "replace").strip()[-_SAID:]
        return Errand(Outcome.FAILED, f"ended with {process.returncode}: {last or 'no word'}")

    async def _heard(self, process: asyncio.subprocess.Process) -> tuple[bytes, bytes] | None:
        """Return what a process said, once it has ended; None: it cannot be made to."""
        talk = asyncio.create_task(process.communicate())
        wish = asyncio.create_task(self._given_up.wait())
        patience = STOPPED
        try:
            await asyncio.wait({talk, wish}, return_when=asyncio.FIRST_COMPLETED)
            patience = KILLED
        finally:
            wish.cancel()
            with suppress(ProcessLookupError):  # it has ended by itself
                process.kill()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await asyncio.wait({talk})
            ended = talk.done()
            talk.cancel()
        return talk.result() if ended else None


async def _sent(arguments: Sequence[str], listens: int) -> asyncio.subprocess.Process:
    """Send a process on an errand; it ends when nobody holds the other end of what it listens to.

    It is given no more of the environment than Python and SQLite need: what has
    no key cannot lose one.
    """
    told = {name: os.environ[name] for name in GIVEN if name in os.environ}
    paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", errand.__name__, *arguments),
        stdin=listens,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=told | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        start_new_session=True,  # what a terminal tells the daemon is not meant for it
    )


def _sweep(place: Path) -> None:
    """Delete what copies that were broken off left behind."""
    for part in place.glob(_NAME.format("*") + ".part*"):
        part.unlink(missing_ok=True)


def _done(told: Errand) -> bool:
    return told.outcome is Outcome.DONE


def _rotate(made: Path, keep: int) -> str:
    """Delete the oldest copies up to the one just made; return what is to be said of the others."""
    copies = sorted(made.parent.glob(_NAME.format("????-??-??")))
    ahead = [each.name for each in copies if each.name > made.name]
    before = [each for each in copies if each.name < made.name]
    for old in before[: max(len(before) + 1 - keep, 0)]:
        with suppress(OSError):  # the next one deletes it
            old.unlink()
    return f"; named for a day to come, and not counted: {', '.join(ahead)}" if ahead else ""


def _size(journal: Path) -> int:
    """Return the bytes of a journal and of its log."""
    log = journal.with_name(f"{journal.name}-wal")
    return journal.stat().st_size + (log.stat().st_size if log.exists() else 0)
