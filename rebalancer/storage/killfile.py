"""The kill file: `kill` in the state folder. While it is there nothing leaves, whoever made it.

It works when nothing else does: it takes a shell and no running program. What
it says is the reason. A book that saw it stays killed when it is gone, until
somebody arms it; and while it is there nobody can.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from rebalancer.errors import DataError
from rebalancer.storage import folder

NAME = "kill"
LONGEST = 200  # characters of a reason; a log line and a status have no room for more
_READ = 4096  # bytes of it that are looked at
_READABLE = 0o644  # whoever stops a book as root must not hide why from the book


class KillFile:
    """A `ports.Brake`: the kill file of one state folder.

    Args:
        folder: Of the book's state.
        hide: Returns a reason without secrets; it sees the whole of it.
    """

    def __init__(self, folder: Path, hide: Callable[[str], str] = str) -> None:
        self.path, self._hide = folder / NAME, hide
        self._name = os.fspath(self.path)

    def pulled(self) -> str | None:
        """Return what the file says; None: there is none. What cannot be looked at counts as there.

        Where there is none it costs one question to the kernel.
        """
        try:
            found = os.lstat(self._name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            return f"kill file: it cannot be looked at: {error}"
        told = self._told() if stat.S_ISREG(found.st_mode) else "no plain file"
        return f"kill file: {told}"

    def pull(self, reason: str) -> None:
        """Make the file, on disk when this returns; one that is there keeps its reason.

        Raises:
            DataError: It could not be made, or not be brought to disk.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            descriptor = os.open(self._name, flags, _READABLE)
        except FileExistsError:
            return
        except OSError as error:
            raise DataError(f"{self.path}: must be a file that can be made: {error}") from error
        try:
            os.fchmod(descriptor, _READABLE)  # however private the caller's files are
            os.write(descriptor, f"{self._hide(reason)[:LONGEST]}\n".encode())
            os.fsync(descriptor)
            folder.settle(self.path.parent)
        except OSError as error:
            raise DataError(f"{self.path}: is there, but not on disk: {error}") from error
        finally:
            os.close(descriptor)

    def _told(self) -> str:
        """Return the reason in the file; it needs none, and may not be for our eyes."""
        try:
            descriptor = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            return f"what it says cannot be read: {error.strerror}"
        try:
            told = os.read(descriptor, _READ).decode("utf-8", "replace")
        except OSError as error:
            return f"what it says cannot be read: {error.strerror}"
        finally:
            os.close(descriptor)
        return self._hide(" ".join(told.split()))[:LONGEST] or "no reason in it"
