"""The database as the journal uses it: so little that a layer can be put between.

SQLite's own connection keeps it; so does one that counts statements, or one
whose disk fails on purpose. Whatever stands there raises `sqlite3.Error`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

Values = tuple[str | int | bytes, ...]


class Rows(Protocol):
    """What a statement found."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def close(self) -> None:
        """Let go of the statement."""


class Database(Protocol):
    """One connection; a transaction lasts from BEGIN to COMMIT or ROLLBACK."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, statement: str, values: Values = ..., /) -> Rows:
        """Run one statement."""

    def close(self) -> None:
        """Let go of the file."""


Connect = Callable[[Path, str], Database]  # (file, "rw" or "ro") → an open connection
