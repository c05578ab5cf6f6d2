"""Aside: a journal as the older release can read it, kept before it is brought up to date.

It is on disk, name and all, before the first table is touched: a release that
turns out wrong is taken back with it.
"""

from pathlib import Path

from rebalancer.errors import DataError
from rebalancer.storage import folder, schema
from rebalancer.storage.database import Database


def set_aside(connection: Database, path: Path) -> None:
    """Copy a journal that is about to be migrated; one that is not is left alone.

    Raises:
        DataError: The disk refused; nothing was changed.
        PermissionRefused: A file in the way belongs to another user.
    """
    found = schema.version(connection)
    if found in (0, schema.VERSION):
        return
    aside = path.with_name(f"{path.stem}.schema-{found}{path.suffix}")
    part = aside.with_name(f"{aside.name}.part")
    try:
        part.unlink(missing_ok=True)  # of a start that was interrupted
        folder.make_private(part)
        connection.execute("VACUUM INTO ?", (str(part),))
        folder.settle(part)
        part.rename(aside)
        folder.settle(aside.parent)
    except OSError as e:
        raise DataError(f"{aside}: must be a file that can be written: {e}") from e
    finally:
        part.unlink(missing_ok=True)
