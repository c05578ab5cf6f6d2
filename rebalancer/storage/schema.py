"""The journal's tables, their versions, and the pragmas without which a commit is not durable."""

from collections.abc import Callable

from rebalancer.errors import DataError
from rebalancer.storage import chain
from rebalancer.storage.database import Database

Step = str | Callable[[Database], None]

CHAINED = 2  # the version from which entries carry a hash

# Forward only: a step is never edited after a release, the next one is appended.
MIGRATIONS: tuple[tuple[Step, ...], ...] = (
    (
        """CREATE TABLE entries (
            id INTEGER PRIMARY KEY,
            sequence INTEGER NOT NULL,
            ts INTEGER NOT NULL,
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            payload TEXT NOT NULL
        )""",
        "CREATE INDEX entries_by_kind_and_key ON entries (kind, key)",
        "CREATE INDEX entries_by_key ON entries (key)",
        "CREATE INDEX entries_by_sequence ON entries (sequence)",
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    ),
    (
        "ALTER TABLE entries ADD COLUMN hash BLOB NOT NULL DEFAULT x''",
        chain.begin,
        """CREATE TABLE gaps (
            last INTEGER PRIMARY KEY,
            first INTEGER NOT NULL,
            hash BLOB NOT NULL,
            pruning INTEGER NOT NULL
        )""",
        """CREATE TRIGGER entries_end_last BEFORE INSERT ON entries
            WHEN NEW.id <= (SELECT max(id) FROM entries)
            BEGIN SELECT RAISE(ABORT, 'an entry must be the last'); END""",
        """CREATE TRIGGER entries_stay_as_they_are BEFORE UPDATE ON entries
            BEGIN SELECT RAISE(ABORT, 'an entry must stay as it is'); END""",
        # only what a gap stands for may go
        """CREATE TRIGGER entries_stay BEFORE DELETE ON entries
            WHEN coalesce(
                (SELECT first FROM gaps WHERE last >= OLD.id ORDER BY last LIMIT 1), OLD.id + 1
            ) > OLD.id
            BEGIN SELECT RAISE(ABORT, 'an entry must stay'); END""",
        """CREATE TRIGGER gaps_stay_as_they_are BEFORE UPDATE ON gaps
            BEGIN SELECT RAISE(ABORT, 'a gap must stay as it is'); END""",
        """CREATE TRIGGER gaps_stay BEFORE DELETE ON gaps
            BEGIN SELECT RAISE(ABORT, 'a gap must stay'); END""",
    ),
    (),  # events have fields that releases before do not read: number of a fill, asked
)
VERSION = len(MIGRATIONS)

# name → what it reads back as. FULL syncs each commit; NORMAL may lose the last ones. The log
# is moved into the file by the journal itself: a sync that fails there SQLite tells nobody.
PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "wal_autocheckpoint": 0,
}


def secure(connection: Database) -> None:
    """Set the pragmas and read them back: some builds of SQLite ignore some.

    Raises:
        DataError: One did not take.
    """
    for name, wanted in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {wanted}")
        (found,) = connection.execute(f"PRAGMA {name}").fetchone()
        if found != wanted:
            raise DataError(f"pragma {name}: must be {wanted}, was {found}")


def check(connection: Database) -> None:
    """Look for damage.

    Raises:
        DataError: SQLite found some; the first fault is named.
    """
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise DataError(f"must be undamaged, quick_check found: {found}")


def used(connection: Database) -> int:
    """Return the bytes in use; pages that are free are used again before the file grows."""
    count, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int(size * (count - free))


def version(connection: Database) -> int:
    """Return the version of the tables.

    Raises:
        DataError: They were written by a newer release.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > VERSION:
        raise DataError(
            f"schema: must be at most version {VERSION}, was {found}; "
            "it was written by a newer release, which must be installed to read it"
        )
    return int(found)


def migrate(connection: Database) -> None:
    """Bring the tables up to date, all in one transaction or not at all.

    Raises:
        DataError: They are newer than this release, or somebody else's.
    """
    found = version(connection)
    if found == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if found == 0 and tables:
        connection.execute("ROLLBACK")
        raise DataError("must be empty or a journal, was another program's database")
    for steps in MIGRATIONS[found:]:
        for step in steps:
            if isinstance(step, str):
                connection.execute(step)
            else:
                step(connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
