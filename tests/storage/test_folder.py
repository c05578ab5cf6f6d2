"""Names on disk: what is made is synced, and so is what holds its name."""

import os
import stat
from pathlib import Path

import pytest

from rebalancer.errors import DataError
from rebalancer.storage import folder
from rebalancer.storage.sqlite import open_journal


@pytest.fixture
def synced(monkeypatch):
    """Return the paths that are synced from now on, in order."""
    found, fsync = [], os.fsync

    def follow(descriptor):
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", follow)
    return found


def test_a_new_folder(tmp_path, synced):
    """Each name is on disk from above to below; only the last folder is private."""
    state = tmp_path / "books" / "desk"
    folder.prepare(state)

    assert [tmp_path, tmp_path / "books"] == synced
    assert 0o700 == stat.S_IMODE(state.stat().st_mode)
    assert stat.S_IMODE((tmp_path / "books").stat().st_mode) == 0o777 & ~umask()


def umask():
    """Return what is taken from the rights of what is made."""
    told = os.umask(0)
    os.umask(told)
    return told


def test_a_folder_that_is_there(tmp_path, synced):
    """Nothing is synced for a folder that is there already."""
    folder.prepare(tmp_path)

    assert [] == synced


def test_a_new_journal(tmp_path, synced):
    """A journal and its folder have their names on disk before anything is written in it."""
    path = tmp_path / "state" / "journal.sqlite"
    open_journal(path).close()
    assert [tmp_path, path.parent] == synced

    synced.clear()
    open_journal(path).close()
    assert [] == synced


def test_a_name_that_cannot_be_kept(tmp_path, monkeypatch):
    """A disk that refuses to keep the name of a journal is no place for one; nobody holds it."""
    state = tmp_path / "state"
    folder.prepare(state)

    def refuse(_descriptor):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        for _ in range(2):  # what the first start left behind is not taken for kept
            with pytest.raises(DataError, match="must be a file that"):
                open_journal(state / "journal.sqlite")
    open_journal(state / "journal.sqlite").close()
