"""A daemon that cannot be asked is told from one that is not there."""

import os

import pytest

from rebalancer.cli.reaching import reach
from rebalancer.errors import Unavailable
from rebalancer.storage.folder import LOCK, lock


def test_nobody(tmp_path):
    """Where nobody holds the folder no daemon runs."""
    with pytest.raises(Unavailable, match="no daemon runs this book"):
        reach(tmp_path).call("status")


def test_held(tmp_path):
    """A process that holds the folder and does not listen is named, with what stops it."""
    held = lock(tmp_path)
    try:
        must = rf"process {os.getpid()} holds this book, .* `touch {tmp_path}/kill`"
        with pytest.raises(Unavailable, match=must):
            reach(tmp_path).call("kill")
    finally:
        os.close(held)


def test_nobody_can_tell(tmp_path):
    """Where that cannot be known nobody is told that no daemon runs."""
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match="nobody can tell whether a daemon runs"):
        reach(tmp_path).call("status")
