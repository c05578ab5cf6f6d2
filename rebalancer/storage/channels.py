"""Channels: a copy of where alerts go, kept in the state folder from a start that got so far.

A configuration that somebody broke is why units fail, and then it cannot say who
is to be told. The copy holds names and addresses as the configuration did, and no
secret.
"""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rebalancer.errors import DataError
from rebalancer.storage import folder

NAME = "alerts.json"
_LARGEST = 65_536  # bytes
_READS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITES = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def keep(state: Path, told: Mapping[str, Any]) -> None:
    """Put the copy into a state folder, on disk when this returns; its owner alone reads it.

    Raises:
        DataError: It could not be written.
    """
    part = state / f".{NAME}.part"
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, _WRITES, 0o600), "w", encoding="utf-8") as file:
            json.dump(told, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        part.replace(state / NAME)
        folder.settle(state)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        must = "must be a file that can be written"
        raise DataError(f"{state / NAME}: {must}: {error.strerror}") from error


def forget(state: Path) -> None:
    """Take the copy away: alerts of this book leave no more."""
    with suppress(OSError):
        (state / NAME).unlink(missing_ok=True)


def kept(state: Path) -> Mapping[str, Any] | None:
    """Return the copy in a state folder; None: there is none that can be read."""
    try:
        with os.fdopen(os.open(state / NAME, _READS), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            told = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
