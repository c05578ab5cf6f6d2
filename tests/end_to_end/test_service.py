"""A book under a service manager: what it is told, by whom, and what it does at each signal."""

import json
import signal
import sqlite3
import time
from itertools import pairwise

import pytest

from rebalancer.ops.client import ControlClient
from rebalancer.storage.sqlite import open_journal
from tests.end_to_end.service import BLOCKED, PAPER, Manager, ended, started

WATCHDOG = 8.0  # s


@pytest.fixture
def manager(tmp_path):
    """Return the service manager of a book."""
    own = Manager(tmp_path / "notify")
    yield own
    own.close()


def run(manager, state, code=""):
    """Start a book on paper in the seeded world."""
    watchdog = str(int(WATCHDOG * 1e6))
    return started(
        *("run", str(PAPER), "--state", str(state)),
        code=code,
        NOTIFY_SOCKET=str(manager.path),
        WATCHDOG_USEC=watchdog,
    )


def events(errors):
    """Return the names of the log's lines."""
    return [json.loads(each)["event"] for each in errors.splitlines() if each.startswith("{")]


@pytest.mark.waits(45)
def test_told(manager, tmp_path):
    """Ready once reconciled, pings from the engine alone, stopping; all by the main process.

    A loop that is blocked and a process that is stopped fall silent, and speak again after it.
    """
    state = tmp_path / "state"
    process = run(manager, state, BLOCKED)
    try:
        began = manager.listen(40, "READY=1")
        assert any("STATUS=active" in each for each in began[-1].lines)
        assert not any("active" in line for each in began[:-1] for line in each.lines)

        steady = manager.pings(manager.listen(9))
        assert max(b - a for a, b in pairwise(steady)) <= WATCHDOG / 2

        (state / "block").write_text("5")
        blocked = [steady[-1], *manager.pings(manager.listen(9))]
        assert 5 <= max(b - a for a, b in pairwise(blocked)) < 5 + WATCHDOG / 2

        process.send_signal(signal.SIGSTOP)
        manager.listen(0.5)
        assert [] == manager.listen(4)
        process.send_signal(signal.SIGCONT)
        assert manager.pings(manager.listen(5, "WATCHDOG=1"))

        process.send_signal(signal.SIGTERM)
        last = manager.listen(20, "STATUS=stopped")
    finally:
        code, errors = ended(process, None if process.poll() is not None else signal.SIGTERM)
    assert (0, True) == (code, any("STOPPING=1" in each.lines for each in last))
    assert {process.pid} == {each.pid for each in manager.said}
    assert ["daemon.stopping", "daemon.stopped"] == [
        each for each in events(errors) if each.startswith("daemon.stop")
    ]


def until(holds, seconds=20):
    """Return once something holds."""
    for _ in range(seconds * 20):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never held")


@pytest.mark.waits(30)
def test_signals(manager, tmp_path):
    """SIGHUP reads the configuration again, SIGUSR1 and SIGUSR2 do nothing, SIGINT ends in order.

    What differs is told by its key, a file with faults is refused; the book runs on as it was.
    """
    config, text = tmp_path / "paper.toml", PAPER.read_text()
    config.write_text(text)
    process = started(
        *("run", str(config), "--state", str(tmp_path / "state")), NOTIFY_SOCKET=str(manager.path)
    )
    try:
        manager.listen(40, "READY=1")
        for content in (text, text.replace("order = 1.0", "order = 0.5"), text + "broken"):
            config.write_text(content)
            process.send_signal(signal.SIGHUP)
            time.sleep(1)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            process.send_signal(number)
            time.sleep(0.2)
        assert process.poll() is None
    finally:
        code, errors = ended(process, signal.SIGINT)
    lines = [json.loads(each) for each in errors.splitlines() if each.startswith("{")]
    told = [each for each in lines if each["event"].startswith("config.")]
    last = ["config.unchanged", "config.differed", "config.rejected"]
    assert (0, last) == (code, [each["event"] for each in told][-3:])
    assert ["underlyings.BTC.limits.order"] == told[-2]["keys"]


@pytest.mark.waits(40)
def test_kill_file(manager, tmp_path):
    """A file made by hand kills a book, and the next start of it; then an operator arms it."""
    state = tmp_path / "state"
    client = ControlClient(state / "control.sock")
    process = run(manager, state)
    try:
        manager.listen(40, "READY=1")
        (state / "kill").write_text("by hand")
        until(lambda: client.call("status")["state"] == "halted")
        assert ["book: kill file: by hand"] == client.call("status")["latches"]
    finally:
        assert 0 == ended(process)[0]

    for there in (True, False):
        if not there:
            (state / "kill").unlink()
        process = run(manager, state)
        try:
            manager.listen(40, "READY=1")
            assert ["book: kill file: by hand"] == client.call("status")["latches"]
        finally:
            code, errors = ended(process)
        assert (0, True) == (code, "state.latched" in events(errors))


@pytest.mark.waits(30)
def test_killed_and_aborted(manager, tmp_path):
    """After an end that was not in order the next start says so; the watchdog's leaves a stack."""
    state = tmp_path / "state"
    process = started(
        *("run", str(PAPER), "--state", str(state)),
        NOTIFY_SOCKET=str(manager.path),
        PYTHONFAULTHANDLER="1",
    )
    try:
        manager.listen(40, "READY=1")
    finally:
        code, errors = ended(process, signal.SIGABRT)
    assert (-signal.SIGABRT, True) == (code, "Current thread" in errors)

    process = run(manager, state)
    try:
        manager.listen(40, "READY=1")
    finally:
        code, errors = ended(process)
    assert (0, 1) == (code, events(errors).count("daemon.recovered"))
    assert not (state / "running").exists()


def spoilt(state):
    """Alter an entry of a journal that a start was made of."""
    path = state / "journal.sqlite"
    open_journal(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9999")
    connection.commit()
    connection.close()


def held(state):
    """Let another process run the book."""
    return open_journal(state / "journal.sqlite")


def closed(state):
    """Let the folder be open to others, with things in it."""
    state.mkdir()
    (state / "notes").touch()
    state.chmod(0o777)


CODES = {
    "usage": (64, ("run",), None),
    "an option that is none": (64, ("run", str(PAPER), "--fast"), None),
    "a journal of a later release": (65, ("run", str(PAPER)), spoilt),
    "another daemon": (75, ("run", str(PAPER)), held),
    "a folder for all": (77, ("run", str(PAPER)), closed),
    "no file": (78, ("run", "nowhere.toml"), None),
    "paper with --live": (78, ("run", str(PAPER), "--live"), None),
    "in order": (0, ("run", str(PAPER), "--for", "3s"), None),
}


@pytest.mark.waits(10)
@pytest.mark.parametrize("case", CODES)
def test_exit_codes(tmp_path, case):
    """What is wrong and stays so has a code that starts nothing again; it says so in words."""
    code, arguments, before = CODES[case]
    kept = before(tmp_path / "state") if before else None
    process = started(*arguments, STATE_DIRECTORY=str(tmp_path / "state"))
    found, errors = ended(process, None)
    if kept is not None:
        kept.close()

    assert code == found, errors
    assert "Traceback" not in errors
    assert not code or errors.strip()
