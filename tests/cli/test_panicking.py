"""`panic`, the brake: a book counts as stopped only where something shows that it runs there."""

import socket
import threading

import pytest

from rebalancer.cli.panicking import _place, _stopped
from rebalancer.storage import ownership
from rebalancer.storage.killfile import KillFile
from rebalancer.storage.sqlite import open_journal

LIVE = '[book]\nid = "desk"\nmode = "live"\n[venues.deribit]\naccount = "1"\n'


def stopped(folder, told=LIVE):
    """Pull the brake in a folder; return whether the book counts as stopped."""
    config = folder.parent / "book.toml"
    config.write_text(told)
    return _stopped(folder, "it hangs", config)


@pytest.fixture
def folder(tmp_path):
    """Return a folder for the state of a book."""
    path = tmp_path / "state"
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kept", "told", "so"),
    [
        (("desk", "live"), LIVE, True),
        (("desk", "live"), LIVE + "wrong = [1]\n[underlyings.BTC]\n", True),
        (("desk", "live"), LIVE + "[venues\n", False),  # no TOML
        (("desk", "live"), LIVE.replace("venues.deribit", "venues"), True),
        (("desk", "loopback"), LIVE + 'loopback = "http://127.0.0.1:8700"\n', True),
        (("desk", "loopback"), LIVE, False),
        (("desk", "paper"), LIVE, False),  # of a trial, in the folder that nobody named
        (("desk", "paper in a live market"), '[book]\nid = "desk"\n', True),
        (("other", "live"), LIVE, False),
        (None, LIVE, False),
    ],
)
def test_silence(folder, capsys, kept, told, so):
    """Where nobody answers it must have stopped if the journal there is of this very book."""
    journal = open_journal(folder / "journal.sqlite")
    if kept is not None:
        ownership.claim(journal, *kept)
    journal.close()

    assert so is stopped(folder, told)
    assert KillFile(folder).pulled() == "kill file: it hangs"
    assert so is not ("may run in another folder" in capsys.readouterr().out)


@pytest.mark.parametrize("content", [None, b"", b"no database" * 99])
def test_no_journal(folder, capsys, content):
    """A folder without a journal that can be read shows nothing, and the kill file is made."""
    if content is not None:
        (folder / "journal.sqlite").write_bytes(content)

    assert not stopped(folder)
    assert (folder / "kill").is_file()
    assert "may run in another folder" in capsys.readouterr().out


def test_running(folder):
    """A daemon that hangs, and keeps its journal open, must have stopped."""
    journal = open_journal(folder / "journal.sqlite")
    ownership.claim(journal, "desk", "live")

    assert stopped(folder)
    journal.close()


def test_no_folder(tmp_path):
    """Where the kill file cannot be made nothing is stopped."""
    assert not stopped(tmp_path / "nowhere")


def test_answer(folder, capsys):
    """A daemon that answers is killed, whatever lies in its folder."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "control.sock"))
        server.listen()

        def answer():
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b'{"ok": true, "data": {}}\n')

        beside = threading.Thread(target=answer)
        beside.start()
        assert stopped(folder)
        beside.join()

    assert "answers, and is killed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "there", "place"),
    [
        ("etc/desk-1.toml", True, "states/desk-1"),  # by its file, as the unit is
        ("etc/desk-1.toml", False, "home/.local/state/rebalancer/desk"),
        ("etc/old/desk-1.toml", True, "home/.local/state/rebalancer/desk"),
        ("own/desk-1.toml", True, "home/.local/state/rebalancer/desk"),
    ],
)
def test_place(tmp_path, monkeypatch, config, there, place):
    """The brake of a book that a unit runs is pulled where its daemon looks, whoever pulls it."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("rebalancer.cli.output.INSTALLED", tmp_path / "states")
    monkeypatch.setattr("rebalancer.settings.credentials.INSTALLED", tmp_path / "etc")
    path = tmp_path / config
    path.parent.mkdir(parents=True)
    path.write_text(LIVE)
    if there:
        (tmp_path / "states/desk-1").mkdir(parents=True)

    assert tmp_path / place == _place(path, None)
    assert tmp_path / "named" == _place(path, tmp_path / "named")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "systemd"))
    assert tmp_path / "systemd" == _place(path, None)
