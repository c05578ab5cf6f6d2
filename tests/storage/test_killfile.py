"""The kill file: there or not, whoever made it and whatever it says."""

import os
import stat

import pytest

from rebalancer.errors import DataError
from rebalancer.storage.killfile import LONGEST, KillFile


@pytest.fixture
def kill(tmp_path):
    """Return the kill file of an empty state folder."""
    return KillFile(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"wrong account\n", "wrong account"),
        (b"", "no reason in it"),
        (b"\n \n", "no reason in it"),
        (b"two\nlines\t\x00here", "two lines \x00here"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 100_000, "x" * LONGEST),
    ],
)
def test_reason(kill, content, told):
    """Any file counts, and what it says is the reason, as far as there is room."""
    assert kill.pulled() is None

    kill.path.write_bytes(content)

    assert f"kill file: {told}" == kill.pulled()


@pytest.mark.parametrize("made", ["folder", "link", "fifo", "loop"])
def test_odd_files(kill, tmp_path, made):
    """What is there but no file stops the book too, and never makes it wait."""
    match made:
        case "folder":
            kill.path.mkdir()
        case "link":
            kill.path.symlink_to(tmp_path / "nowhere")
        case "loop":
            kill.path.symlink_to(kill.path)
        case "fifo":
            os.mkfifo(kill.path)

    assert "kill file: no plain file" == kill.pulled()


@pytest.mark.parametrize("name", ["x" * 300, "nul\0"])
def test_unknown(tmp_path, name):
    """A place that cannot be looked at counts as pulled."""
    assert (KillFile(tmp_path / name).pulled() or "").startswith("kill file: it cannot be looked")


def test_pull(kill):
    """A pulled brake can be read by the book whoever pulled it, and keeps its first reason."""
    before = os.umask(0o077)
    try:
        kill.pull("wrong account\nbadly " + "x" * LONGEST)
        kill.pull("later")
    finally:
        os.umask(before)

    assert (kill.pulled() or "").startswith("kill file: wrong account badly x")
    assert 0o644 == stat.S_IMODE(kill.path.stat().st_mode)


def test_secrets(tmp_path):
    """A secret is taken out before a reason is cut: no part of it is left at the end."""
    kill = KillFile(tmp_path, lambda text: text.replace("canary-123456", "***"))
    reason = "x" * (LONGEST - 6) + " canary-123456"
    shown = f"kill file: {'x' * (LONGEST - 6)} ***"

    kill.path.write_text(reason)
    assert shown == kill.pulled()

    kill.path.unlink()
    kill.pull(reason)
    assert "canary" not in kill.path.read_text()
    assert shown == kill.pulled()


def test_no_folder(tmp_path):
    """Where there is no state there is nothing to stop: an error, and no folder made."""
    with pytest.raises(DataError, match="must be a file that can be made"):
        KillFile(tmp_path / "none").pull("x")
    assert not (tmp_path / "none").exists()
