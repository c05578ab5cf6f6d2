"""The state folder: private to its user, written by one daemon at a time.

A name is on disk only when the folder that holds it was synced: a journal whose
entries all are would be gone with its name after a loss of power.
"""

import fcntl
import os
import stat
from pathlib import Path

from rebalancer.errors import DataError, PermissionRefused, Unavailable

LOCK = "journal.lock"
_PRIVATE_FOLDER, _ANY_FOLDER, _PRIVATE_FILE = 0o700, 0o777, 0o600


def prepare(folder: Path) -> None:
    """Make the folder, on disk when this returns, or see to it that nobody else can write in it.

    A folder that is empty or already ours is closed to everybody else. Any
    other (somebody's home, say) is left as it is, or refused when others can
    write in it: they could put a file in the journal's place.

    Raises:
        PermissionRefused: The folder belongs to another user, or others can write in it.
        DataError: It is no folder, or the disk refused.
    """
    try:
        _make(folder, _PRIVATE_FOLDER)
        found = folder.stat()
        mode = stat.S_IMODE(found.st_mode)
        if found.st_uid != os.geteuid():
            must = f"must belong to user {os.geteuid()}"
            raise PermissionRefused(f"{folder}: {must}, was user {found.st_uid}")
        if not mode & 0o077:
            return
        if (folder / LOCK).exists() or not any(folder.iterdir()):
            folder.chmod(_PRIVATE_FOLDER)
        elif mode & 0o022:
            must = "must not be writable by others (chmod go-w, or name an empty folder)"
            raise PermissionRefused(f"{folder}: {must}, was {mode:04o}")
    except PermissionError as e:
        raise PermissionRefused(f"{folder}: must be open to user {os.geteuid()}: {e}") from e
    except OSError as e:
        raise DataError(f"{folder}: must be a folder that can be written: {e}") from e


def _make(folder: Path, mode: int) -> None:
    """Make a folder and what it lies in, each name on disk before anything is put below it."""
    if folder.is_dir():
        return
    _make(folder.parent, _ANY_FOLDER)
    folder.mkdir(mode=mode, exist_ok=True)
    settle(folder.parent)


def settle(path: Path) -> None:
    """Return once a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(folder: Path) -> int:
    """Take the folder for this process until the descriptor is closed.

    Returns:
        The descriptor that holds the lock. The kernel lets go when the process dies.

    Raises:
        Unavailable: Another process holds it; the message says which.
        DataError: The lock file cannot be opened.
    """
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _PRIVATE_FILE)
    except OSError as e:
        raise DataError(f"{path}: must be a file of this user: {e}") from e
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise Unavailable(
            f"{folder}: a daemon (process {holder}) already runs this book; "
            "stop it first, or name another folder with --state"
        ) from e
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
    return descriptor


def holder(folder: Path) -> str | None:
    """Return the process that writes in the folder; None: none does.

    Raises:
        DataError: Nobody can tell.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as e:
        raise DataError(f"{folder / LOCK}: must be a file that can be read: {e}") from e
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return None


def make_private(path: Path) -> None:
    """Make a file for this user's eyes only, its name on disk, or close one that others can read.

    An existing file is not opened: closing it would drop the locks that SQLite
    holds on it in this process (sqlite.org/howtocorrupt.html, 2.2).

    Raises:
        DataError: The path is a link or no file, or the disk refused.
        PermissionRefused: The file belongs to another user.
    """
    try:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            os.close(os.open(path, flags, _PRIVATE_FILE))
        except FileExistsError:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                raise DataError(f"{path}: must be a plain file, was a link or a device") from None
            if found.st_uid != os.geteuid():
                raise PermissionRefused(f"{path}: must belong to user {os.geteuid()}") from None
            if found.st_mode & 0o077:
                path.chmod(_PRIVATE_FILE)
        if not path.stat().st_size:  # new, or of a start that did not come to this
            settle(path.parent)
    except OSError as e:
        raise DataError(f"{path}: must be a file that can be written: {e}") from e
