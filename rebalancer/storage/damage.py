"""Damage: a mark beside a journal that is not what was written, which its next start must find.

The halt that damage brings is an entry of the very file that is damaged: the
write may meet the bad page, and a start looks at the youngest entries only. So a
small file of its own says it as well, on disk before the halt is tried. Whoever
arms goes on for as long as the daemon runs; the mark goes when all of the journal
was found whole, when a copy that is whole was put in its place, or by hand.
"""

import os
import sqlite3
from pathlib import Path

from rebalancer.storage import faults, folder

SUFFIX = ".damaged"
_LONGEST = 500  # bytes that are kept of what was found


def place(journal: Path) -> Path:
    """Return where the mark of a journal lies."""
    return journal.with_suffix(SUFFIX)


def mark(journal: Path, what: str) -> bool:
    """Leave a mark that outlives a power cut; return whether it is there.

    Args:
        journal: That is damaged.
        what: Was found, in words.
    """
    path = place(journal)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o600)
        try:
            os.write(descriptor, what.encode()[:_LONGEST])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder.settle(path.parent)
    except OSError:
        return False
    return True


def note(journal: Path, error: sqlite3.Error) -> None:
    """Leave a mark where SQLite met damage: whoever met it cannot write it down there."""
    if faults.is_damage(error):
        mark(journal, str(error))


def found(journal: Path) -> str | None:
    """Return what a mark says; None where there is none. One that says nothing is one."""
    try:
        told = place(journal).read_bytes()[:_LONGEST].decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"marked, and the mark cannot be read: {error}"
    return " ".join(told.split()) or "marked, nobody could write why"


def clear(journal: Path) -> bool:
    """Take the mark away; return whether none is left."""
    path = place(journal)
    try:
        path.unlink(missing_ok=True)
        folder.settle(path.parent)
    except OSError:
        return False
    return True
