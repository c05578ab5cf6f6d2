"""Room: how much of it the disk of a journal has, and a reserve for when there is none left.

A journal that met a full disk is dead, and nothing leaves any more: what could
not be written must not be sent, and no write is tried again. So the reserve does
not serve the daemon that met it. It serves what comes after. A start counts
itself, follows up on open orders and writes that down, and even `journal check`
needs some kilobytes for SQLite's index of the log; on a disk that is full to the
last byte neither can, and there would be no way to see what was lost. Given up,
the reserve is room for a start that protects and hedges nothing.
"""

import os
from contextlib import suppress
from pathlib import Path

from rebalancer.ports import Room

RESERVE = "journal.reserve"
SIZE = 16 * 1024 * 1024  # bytes: a thousand orders and the log that they fill
_BLOCK = 512  # bytes that st_blocks counts in


def measure(folder: Path) -> Room:
    """Return how much room there is; none where the folder cannot be looked at any more."""
    try:
        told = os.statvfs(folder)
    except OSError:
        return Room(0, 0)
    return Room(told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize)


def reserve(folder: Path) -> bool:
    """Set 16 MiB aside, blocks and not a promise; return whether they are.

    What was given up is not taken again while there is little more than that.
    """
    path = folder / RESERVE
    with suppress(OSError):  # there is none, or what is there cannot be looked at
        if path.lstat().st_blocks * _BLOCK >= SIZE:
            return True
    if measure(folder).free < 2 * SIZE:
        return False
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
        finally:
            os.close(descriptor)
    except OSError:
        release(folder)  # a part of it helps nobody
        return False
    return True


def release(folder: Path) -> bool:
    """Give the reserve up; return whether there was one."""
    try:
        (folder / RESERVE).unlink()
    except OSError:
        return False
    return True
