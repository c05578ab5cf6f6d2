"""A person hears of it: whatever keeps a book from its band, and an engine that says nothing.

Real processes: a daemon, its venues, its messenger, and a webhook that listens.
"""

import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.standing import PATIENCE, RUN, Daemon, command, fingerprint, venues
from tests.end_to_end.webhook import webhook

CONFIG = Path(__file__).parents[2] / "config"
# `make told` shortens neither of these two.
UNHEDGED = int(os.environ.get("UNHEDGED", "10"))  # s outside the band until a person is woken
SILENCE = int(os.environ.get("SILENCE", "5"))  # s without a step until he is
MORE = 30  # s more until he has heard of it
EVERY = 10  # s between two heartbeats outwards
LONG = UNHEDGED + MORE + 20  # s of real time for an alert of a gap, and what leads to it


def told_to(hook, text, **changes):
    """Return a configuration whose alerts go to a webhook; `changes` replace what stands in it."""
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return (
        f'{text}\n[alerts]\nsilence = "{SILENCE}s"\n'
        f'[[alerts.channels]]\nkind = "webhook"\nloopback = "{hook.address}"\n'
        f'[alerts.heartbeat]\nevery = "{EVERY}s"\nloopback = "{hook.address}/alive"\n'
    )


PATIENT = ("[guards.funding]", f'[guards]\nunhedged_alert = "{UNHEDGED}s"\n[guards.funding]')


class Book:
    """`run` on paper in the seeded world, in a process of its own."""

    def __init__(self, folder, config, code=None):
        path = folder / "book.toml"
        path.write_text(config, encoding="utf-8")
        self.state = folder / "state"
        run = RUN if code is None else (*RUN[:2], code)
        with (folder / "log.jsonl").open("wb") as sink:
            self.process = subprocess.Popen(
                (*run, "run", str(path), "--state", str(self.state)),
                stdout=subprocess.DEVNULL,
                stderr=sink,
            )
        self.log = folder / "log.jsonl"

    def until(self, event):
        """Return once the log has an event."""
        deadline = time.monotonic() + PATIENCE
        while f'"event":"{event}"' not in (text := self.log.read_text()):
            assert self.process.poll() is None, text[-2000:]
            assert time.monotonic() < deadline, text[-2000:]
            time.sleep(0.1)

    def operate(self, *arguments):
        """Give an order to the running book."""
        subprocess.run((*RUN, *arguments, "--state", str(self.state)), check=True, timeout=PATIENCE)


@contextmanager
def book(*told, **more):
    """Run a book on paper while the block runs; it is killed where the block leaves it running."""
    run = Book(*told, **more)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()


def in_time(heard):
    """Whether an alert of a gap came as soon as it must: counted from the gap's beginning."""
    at, alert = heard
    (lasting,) = re.findall(r"for (\d+) s", alert["text"])
    return int(lasting) + at - alert["ts"] <= UNHEDGED + MORE


HANGS = """
import time
import rebalancer.cli.serving as serving
beside = serving.companions
def companions(served):
    def hang(*_unused):
        if (served.folder / "hang").exists():
            time.sleep(600)
    served.running.engine.observe(hang)
    return beside(served)
serving.companions = companions
from rebalancer.cli import main
main()
"""  # the daemon, with an observer that hangs as soon as a file is there


def paper():
    """Return the desk on paper; nobody is patient with it."""
    return (CONFIG / "paper.toml").read_text(encoding="utf-8")


@pytest.mark.waits(50)
def test_guard(tmp_path):
    """A guard refuses: the gap is told, with the reason, and the heartbeat outwards ends."""
    with webhook() as hook:
        spent = ("turnover_per_day = 2e6", "turnover_per_day = 1")
        with book(tmp_path, told_to(hook, paper(), patient=PATIENT, spent=spent)):
            heard = hook.until("delta.unhedged", LONG, scope="BTC")
            beats = len(hook.beats)
            time.sleep(EVERY + 1)  # one more would have come

            assert "turnover_spent" in heard[1]["text"]
            assert in_time(heard)
            assert 1 <= beats == len(hook.beats) <= UNHEDGED // EVERY


@pytest.mark.waits(50)
def test_stopped_by_a_person(tmp_path):
    """Whoever stops a book is told at once; a gap that is nobody's to close any more, in time."""
    with webhook() as hook:
        wide = ("upper = 0.05", "upper = 3")
        text = told_to(hook, paper(), patient=PATIENT, wide=wide)
        with book(tmp_path, text) as run:
            run.until("daemon.started")
            run.operate("kill", "--reason", "a test")
            heard = hook.until("state.latched", PATIENCE)

            assert ("error", "paper-desk") == (heard[1]["severity"], heard[1]["scope"])
            assert "a test" in heard[1]["text"]
            run.operate("arm", "--reason", "it is over")
            assert hook.until("state.changed", PATIENCE, scope="paper-desk")


@pytest.mark.waits(50)
def test_paused(tmp_path):
    """A pause that lasts is told as soon as net delta has been outside for too long."""
    with webhook() as hook, book(tmp_path, told_to(hook, paper(), patient=PATIENT)) as run:
        run.until("hedge.submitted")  # 1 of 2 coins: so much is an order at most
        run.operate("pause", "--reason", "a test")
        heard = hook.until("delta.unhedged", LONG, scope="BTC")

        assert "not_active" in heard[1]["text"]
        assert in_time(heard)


@pytest.mark.waits(40)
@pytest.mark.parametrize("how", ["observer", "stopped"])
def test_silent(tmp_path, how):
    """An engine that hangs is told of, though nothing in its process can."""
    with webhook() as hook, book(tmp_path, told_to(hook, paper()), code=HANGS) as run:
        run.until("hedge.submitted")
        began = time.time()
        if how == "observer":
            (run.state / "hang").touch()
        else:
            os.kill(run.process.pid, signal.SIGSTOP)
        at, alert = hook.until("engine.silent", PATIENCE)

        assert "error" == alert["severity"]
        assert at - began < SILENCE + 5
        if how == "stopped":
            os.kill(run.process.pid, signal.SIGCONT)
            assert hook.until("engine.recovered", PATIENCE)


@pytest.mark.waits(30)
@pytest.mark.parametrize(
    ("number", "event", "severity"),
    [(signal.SIGKILL, "daemon.vanished", "error"), (signal.SIGTERM, "daemon.stopped", "warning")],
)
def test_end(tmp_path, number, event, severity):
    """A daemon that is gone is told of at once; its messenger goes with it."""
    with webhook() as hook, book(tmp_path, told_to(hook, paper())) as run:
        run.until("hedge.submitted")
        (messenger,) = re.findall(r'"messenger.started".*?"pid":(\d+)', run.log.read_text())
        run.process.send_signal(number)
        began = time.time()
        at, alert = hook.until(event, PATIENCE, scope="paper-desk")

        assert severity == alert["severity"]
        assert at - began < 3
        assert gone(int(messenger))


def gone(pid):
    """Whether a process ends within a few seconds."""
    for _ in range(50):
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.waits(40)
def test_messenger_ends(tmp_path):
    """A messenger that ends is started again, and has what its forerunner did not deliver."""
    with webhook() as hook:
        spent = ("turnover_per_day = 2e6", "turnover_per_day = 1")
        with book(tmp_path, told_to(hook, paper(), patient=PATIENT, spent=spent)) as run:
            run.until("messenger.started")
            (messenger,) = re.findall(r'"messenger.started".*?"pid":(\d+)', run.log.read_text())
            os.kill(int(messenger), signal.SIGKILL)
            run.until("messenger.ended")
            heard = hook.until("delta.unhedged", LONG, scope="BTC")

            assert in_time(heard)
            assert 2 == run.log.read_text().count('"event":"messenger.started"')


PLANS = {
    "unknown": [
        {"kind": "drop_before", "where": where, "times": None}
        for where in ("private/buy", "private/sell", "private/get_order*")
    ],
    "blind": [{"kind": "stall", "where": "*", "times": None}],
}


@pytest.mark.waits(80)
@pytest.mark.parametrize("cause", ["unknown", "blind", "dead"])
def test_venue(tmp_path, cause):
    """Orders of unknown outcome, prices that stand still, a venue that is gone: all are told."""
    with webhook() as hook:
        config, folder = tmp_path / "desk.toml", tmp_path / "stand"
        text = (CONFIG / "demo-deribit.toml").read_text(encoding="utf-8")
        config.write_text(told_to(hook, text, patient=PATIENT), encoding="utf-8")
        with venues(str(config), str(folder), "--wild") as played:
            run = Daemon(played, "--confirm", fingerprint(played))
            try:
                run.until("messenger.started")  # as yet nothing is hedged
                if cause == "dead":
                    run.until("order.filled")
                    os.kill(played._process.pid, signal.SIGSTOP)
                for plan in PLANS.get(cause, ()):
                    assert played.ask(venue="deribit", plan=plan)
                if cause == "unknown":
                    run.until("order.unknown")
                heard = hook.until("delta.unhedged", LONG, scope="BTC")

                assert in_time(heard)
            finally:
                run.process.kill()
                run.process.wait()
                os.kill(played._process.pid, signal.SIGCONT)


@pytest.mark.waits(60)
def test_doctor_would(tmp_path):
    """What doctor asks of a book's alerts is asked by sending."""
    with webhook() as hook, venues(str(CONFIG / "demo-deribit.toml"), str(tmp_path)) as played:
        with played.config.open("a", encoding="utf-8") as file:
            file.write(f'\n[[alerts.channels]]\nkind = "webhook"\nloopback = "{hook.address}"\n')
        told = command(played, "doctor", str(played.config), "--json")

        assert ["alert.tested"] == [alert["event"] for _, alert in hook.alerts()]
        assert '"name": "alerts.webhook"' in told.stdout
