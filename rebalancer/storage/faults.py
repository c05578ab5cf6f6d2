"""Faults: what SQLite's errors say of a disk and of a file.

A layer that stands between may raise errors without a code; those say neither.
"""

import sqlite3

_KIND = 0xFF  # bits of an error code that tell its kind


def is_full(error: sqlite3.Error) -> bool:
    """Whether a write was refused because the disk is full."""
    return _kind(error) == sqlite3.SQLITE_FULL


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file was read and is not what was written: no answer proves nothing."""
    return _kind(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _kind(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & _KIND
