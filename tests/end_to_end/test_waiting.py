"""A start that nobody watches, while a venue is out: a person hears, and it begins by itself.

Real processes: a daemon, its venues, its messenger, a webhook, and who manages the daemon.
"""

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.end_to_end.service import Manager
from tests.end_to_end.standing import command, daemon, fingerprint, venues
from tests.end_to_end.webhook import webhook

DESK = Path(__file__).parents[2] / "config" / "demo-deribit.toml"
HEARD = 30  # s until a person must have heard
ALL_FAILS = {"kind": "error_before", "where": "*", "times": None}
REJECTS = {"kind": "code", "times": None}


@pytest.fixture
def hook():
    """Return a webhook on this machine."""
    with webhook() as opened:
        yield opened


@pytest.fixture
def played(tmp_path, hook):
    """Return played venues of a book that a person has confirmed, and that has run."""
    config = tmp_path / "desk.toml"
    told = f'\n[[alerts.channels]]\nkind = "webhook"\nloopback = "{hook.address}"\n'
    with socket.create_server(("127.0.0.1", 0)) as free:
        told += f'\n[web]\nlisten = "127.0.0.1:{free.getsockname()[1]}"\n'
    config.write_text(DESK.read_text(encoding="utf-8") + told, encoding="utf-8")
    with venues(str(config), str(tmp_path / "stand"), "--wild") as opened:
        for where in ("private/buy", "private/sell"):
            assert opened.ask(venue="deribit", plan=REJECTS | {"where": where})
        with daemon(opened, "--confirm", fingerprint(opened)) as first:
            first.until("order.rejected")  # so that there is still something to hedge
            assert 0 == first.stop()
        assert opened.ask(venue="deribit", clear=True)
        hook.heard.clear()
        yield opened


@pytest.fixture
def manager(tmp_path):
    """Return the service manager of a book."""
    own = Manager(tmp_path / "notify")
    yield own
    own.close()


def out(played, how):
    """Let the venues answer nothing; return what lets them answer again."""
    if how == "stopped":
        os.kill(played._process.pid, signal.SIGSTOP)
        return lambda: os.kill(played._process.pid, signal.SIGCONT)
    assert played.ask(venue="deribit", plan=ALL_FAILS)
    return lambda: played.ask(venue="deribit", clear=True)


@pytest.mark.waits(90)
@pytest.mark.parametrize("how", ["stopped", "failing"])
def test_begins_by_itself(played, hook, manager, how):
    """Venues that are out cost no start: a person hears in time, and it trades once they answer."""
    answers = out(played, how)
    try:
        with daemon(played, environment={"NOTIFY_SOCKET": str(manager.path)}) as run:
            run.until("messenger.started")  # however long an interpreter takes
            began = time.time()
            at, alert = hook.until("venue.unreached", HEARD, scope="deribit", severity="error")
            assert at - began < HEARD
            assert "nobody hedges" in alert["text"]
            assert run.until("venue.retried", venue="deribit")["again_in"] >= 5
            said = [line for each in manager.listen(12) for line in each.lines]
            assert {"EXTEND_TIMEOUT_USEC=60000000"} == {x for x in said if x[0] == "E"}
            assert not [x for x in said if x.startswith(("READY", "WATCHDOG", "STOPPING"))]
            assert any(x.startswith("STATUS=waits for deribit, ") for x in said)

            answers()
            hook.until("venue.reached", 70, scope="deribit")
            manager.listen(30, "READY=1")
            assert "READY=1" in manager.said[-1].lines
            run.until("order.filled")
            assert 0 == run.stop()
            assert not [a for _, a in hook.alerts() if a["event"] == "engine.silent"]
    finally:
        answers()


@pytest.mark.waits(30)
@pytest.mark.parametrize("how", ["stopped", "failing"])
def test_ends_while_it_waits(played, hook, how):
    """Whoever asks a start to end that waits has it at once, in order; a person hears that too."""
    answers = out(played, how)
    try:
        with daemon(played) as run:
            run.until("messenger.started")
            if how == "failing":
                run.until("venue.retried")
            time.sleep(1)
            asked = time.time()
            assert 0 == run.stop()
            assert time.time() - asked < 5  # of which an interpreter takes some to end
            (last,) = (x for x in run.lines() if x.get("event") == "daemon.stopped")
            assert "asked to while it waited for its venues" == last["reason"]
            at, alert = hook.until("daemon.stopped", 5)
            assert "warning" == alert["severity"]
            assert at - asked < 2
    finally:
        answers()


def asked(played, run, *words):
    """Return how a command on the book ended: exit code, and what it said."""
    told = command(played, *words, "--state", str(run.state))
    return told.returncode, told.stdout + told.stderr


def probed(address, path):
    """Return what the status page answers: its status, and the answer."""
    try:
        with urllib.request.urlopen(address + path, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.waits(60)
def test_asked_while_it_waits(played):
    """Who asks hears what it waits for; a kill holds, at the same doors, once the book begins."""
    answers = out(played, "failing")
    with daemon(played) as run:
        run.until("venue.retried")
        page = run.until("web.opened")["address"].rstrip("/")
        code, told = asked(played, run, "status")
        assert 0 == code
        assert "starting" in told
        assert "not begun: waits for deribit, " in told
        for words in (("positions",), ("arm", "--reason", "x"), ("reconcile",)):
            code, told = asked(played, run, *words)
            assert 75 == code
            assert "the book has not begun, it waits for deribit" in told
        assert 200 == probed(page, "/livez")[0]
        code, told = probed(page, "/readyz")
        assert 503 == code
        assert [x for x in told["reasons"] if x.startswith("venue_unreached venue=deribit ")]

        code, told = asked(played, run, "kill", "--reason", "wrong account")
        assert (0, "it is halted") == (code, told.partition(", ")[2].partition(";")[0])
        assert "`panic CONFIG` withdraws them now" in told
        assert 0 == asked(played, run, "pause", "--all")[0]
        answers()
        assert "wrong account" == run.until("state.latched", state="halted")["reason"]
        run.until("hedge.refused", reason="killed")
        assert not [x for x in run.lines() if x.get("event") == "hedge.submitted"]
        assert probed(page, "/status")[1]["positions"]
        for words in (("arm", "--reason", "looked"), ("resume",)):
            assert 0 == asked(played, run, *words)[0]
        run.until("order.filled")
        assert 1 == len([x for x in run.lines() if x.get("event") == "control.opened"])
        assert 0 == run.stop()


@pytest.mark.waits(60)
def test_killed_while_it_waits(played):
    """A kill file that was there while it waited holds, though it is gone when the book begins."""
    answers = out(played, "failing")
    with daemon(played) as run:
        run.until("venue.retried")
        (run.state / "kill").write_text("by hand")
        time.sleep(3)
        (run.state / "kill").unlink()
        answers()
        assert "kill file: by hand" == run.until("state.latched", state="halted")["reason"]
        assert 0 == run.stop()


@pytest.mark.waits(30)
def test_what_time_does_not_mend(played, hook):
    """A key that is refused ends an unattended start at once, and somebody is told."""
    text = played.config.read_text(encoding="utf-8")
    assert 'account = "' in text
    with daemon(played, "--confirm", "x") as refused:
        assert 78 == refused.process.wait(20)
    assert [] == hook.alerts()  # nobody confirmed: a person watches
    key = next((played.folder / "credentials").iterdir())
    key.write_text(key.read_text().replace(key.read_text().strip()[:4], "nope"), encoding="utf-8")
    with daemon(played) as run:
        assert 77 == run.process.wait(20)
    assert "KeyRefused" in hook.until("daemon.failed", 5)[1]["text"]


@pytest.mark.waits(60)
def test_a_person_watches(played):
    """A start that somebody confirms just now does not wait: it fails at once, to try again."""
    text = played.config.read_text(encoding="utf-8")
    played.config.write_text(text.replace("order = 5.0", "order = 4.5"), encoding="utf-8")
    name = fingerprint(played)
    answers = out(played, "failing")
    with daemon(played, "--confirm", name) as run:
        assert run.process.wait(30) in (75, 78)
        assert not [x for x in run.lines() if x.get("event") == "venue.retried"]
    answers()
