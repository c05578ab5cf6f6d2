"""Flights to verify: a small book, its journal and flight on disk, and ways to spoil them."""

import gzip
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebalancer.storage.flight import rows
from rebalancer.storage.sqlite import open_journal
from tests.end_to_end import scripted_book as book


@dataclass(frozen=True)
class Kept:
    """The folder of a book that ran."""

    folder: Path

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.folder / "journal.sqlite"

    @property
    def files(self) -> list[Path]:
        """Files of the flight, oldest first."""
        return sorted((self.folder / "flight").iterdir())

    def run(self, asked: Any = None, caretaker: Any = None, **flight: Any) -> book.Outcome:
        """Run the book once more, as a start of its own."""
        table = {**book.table(), **({"flight": flight} if flight else {})}
        journal, place = open_journal(self.journal), self.folder / "flight"
        return book.run(table, journal=journal, flight=place, asked=asked, caretaker=caretaker)

    def lines(self, number: int = 0) -> list[list[Any]]:
        """Return the lines of a file: step, record, sum."""
        return [
            json.loads(line)
            for line in gzip.decompress(self.files[number].read_bytes()).splitlines()
        ]

    def write(self, lines: list[list[Any]], number: int = 0, *, forged: bool = False) -> None:
        """Write the lines of a file; forged: with sums that are right."""
        found, total = b"", 0
        for step, record, told in lines:
            line, total = rows.spell(step, record, total)
            found += (
                line if forged else b'%b,"%b"]\n' % (line[: -len(',"00000000"]\n')], told.encode())
            )
        self.files[number].write_bytes(gzip.compress(found))

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read or write the journal behind everybody's back."""
        connection = sqlite3.connect(self.journal)
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():  # whoever forges a journal takes away first what forbids it
            connection.execute(f"DROP TRIGGER {name}")
        try:
            with connection:
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def entry(self, kind: str, place: int = 0) -> tuple[int, int, dict[str, Any]]:
        """Return id, step and payload of an entry of a kind."""
        where = "SELECT id, sequence, payload FROM entries WHERE kind = ? ORDER BY id"
        number, step, payload = self.query(where, kind)[place]
        return number, step, json.loads(payload)
