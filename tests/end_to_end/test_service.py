"""A book under a service manager: what it is told, by whom, and what it does at each signal."""

import json
import signal
from itertools import pairwise

import pytest

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
