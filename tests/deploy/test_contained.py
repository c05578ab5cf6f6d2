"""The process of a container: what starts again, what stays down, and who is told."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.end_to_end.webhook import webhook

CONTAINED = ROOT / "deploy/contained"
CONFIG = "/etc/rebalancer/book.toml"
PLAYED = """#!/bin/sh
echo "$1 ${MONITOR_EXIT_STATUS:-}${EXIT_STATUS:-}" >> "$PLAY/said"
code=$(head -n 1 "$PLAY/$1" 2>/dev/null)
sed -i 1d "$PLAY/$1" 2>/dev/null
[ "$code" = stays ] || exit "${code:-0}"
trap 'echo hup >> "$PLAY/said"' HUP
trap 'echo term >> "$PLAY/said"; exit 0' TERM
echo up >> "$PLAY/said"
while :; do /bin/sleep 0.05; done
"""
SLEEP = (
    '#!/bin/sh\necho "sleep $1" >> "$PLAY/said"\n[ "$1" = 3600 ] && exec /bin/sleep 60\nexit 0\n'
)
DATE = '#!/bin/sh\necho x >> "$PLAY/clock"\necho $(($(wc -l < "$PLAY/clock") * STEP))\n'


class Contained:
    """A container's process among played commands.

    Args:
        folder: Of the play.
        step: s between two crashes, by the played clock.
        **codes: Exit codes of each command in turn; then 0.
    """

    def __init__(self, folder, step=1, **codes):
        self.folder = folder
        for name, text in (("rebalancer", PLAYED), ("sleep", SLEEP), ("date", DATE)):
            path = folder / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        for name, told in codes.items():
            (folder / name).write_text("".join(f"{code}\n" for code in told))
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        self.environ = {"PATH": path, "PLAY": str(folder), "STEP": str(step)}
        self.process = None

    def start(self, *words):
        """Start it with a command."""
        self.process = subprocess.Popen(
            [CONTAINED, *words], env=self.environ, stderr=subprocess.PIPE, text=True
        )
        return self

    @property
    def said(self):
        """What was run so far, and what it heard."""
        path = self.folder / "said"
        return path.read_text().splitlines() if path.exists() else []

    def until(self, line, count=1):
        """Wait until something was run so often."""
        deadline = time.monotonic() + 20
        while self.said.count(line) < count:
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def end(self, number=signal.SIGTERM):
        """Stop it, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def contained(tmp_path):
    """Return what makes the process of a container."""
    made = []

    def make(**told):
        made.append(Contained(tmp_path, **told))
        return made[-1]

    yield make
    for each in made:
        if each.process is not None:
            each.process.kill()
            each.process.wait()
            each.process.stderr.close()


@pytest.mark.waits(5)
@pytest.mark.parametrize("code", [64, 65, 77, 78])
def test_what_stays_wrong(contained, code):
    """It is tried once; somebody is told with its code, and the container does not end."""
    held = contained(run=[code]).start("run", CONFIG)
    held.until("sleep 3600")

    assert None is held.process.poll()
    assert ["run ", f"panic {code}", f"alert {code}", "sleep 3600"] == held.said
    assert code == held.end()


@pytest.mark.waits(5)
def test_crashes(contained):
    """A book begins again after what rests was withdrawn; the fifth end in 10 minutes is told."""
    codes = [70, 75, 137, 134, 70]
    held = contained(run=codes, step=60).start("run", CONFIG)
    held.until("sleep 3600")
    each = [line for code in codes for line in ("run ", f"panic {code}", "sleep 5")]

    assert [*each[:-1], "alert 70", "sleep 3600"] == held.said
    assert 70 == held.end()


@pytest.mark.waits(5)
def test_rare_crashes(contained):
    """A book that crashes four times in 10 minutes at most is never given up."""
    rare = contained(run=[70] * 9, step=150).start("run", CONFIG)

    assert 0 == rare.process.wait(10)
    assert 10 == rare.said.count("run ")
    assert [] == [line for line in rare.said if line.startswith("alert")]


@pytest.mark.waits(5)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop(contained, number):
    """The book hears what is asked of the container, and ends in order; nobody is woken."""
    book = contained(run=["stays"]).start("run", CONFIG, "--live")
    book.until("up")
    book.process.send_signal(signal.SIGHUP)
    book.until("hup")

    assert 0 == book.end(number)
    assert ["run ", "up", "hup", "term"] == book.said


@pytest.mark.waits(5)
def test_untold(contained):
    """Word that no channel delivers is tried again."""
    held = contained(run=[78], alert=[1, 78, 1, 0]).start("run", CONFIG)
    held.until("sleep 3600")

    assert (4, 3) == (held.said.count("alert 78"), held.said.count("sleep 120"))
    held.end()


@pytest.mark.waits(5)
@pytest.mark.parametrize("code", [0, 1, 78])
def test_another_command(contained, code):
    """What is no book is run as it is, and not looked after."""
    other = contained(check=[code]).start("check", CONFIG)

    assert code == other.process.wait(10)
    assert ["check "] == other.said


@pytest.mark.waits(30)
def test_refused_book(tmp_path, contained):
    """A real book whose settings are wrong is told to its channel, with the way it ended."""
    config = tmp_path / "book.toml"
    played = contained()
    command = f'exec {sys.executable} -c "from rebalancer.cli import main; main()" "$@"\n'
    (tmp_path / "bin/rebalancer").write_text(f"#!/bin/sh\n{command}")
    played.environ |= {"PYTHONPATH": str(ROOT), "STATE_DIRECTORY": str(tmp_path)}
    with webhook() as hook:
        text = Path(ROOT / "config/paper.toml").read_text() + "colour = 1\n"
        config.write_text(
            f'{text}[[alerts.channels]]\nkind = "webhook"\nloopback = "{hook.address}"\n'
        )
        played.start("run", str(config))
        _, alert = hook.until("unit.failed", 25)

        assert "the container failed; nobody hedges (exit code 78)" == alert["text"]
        assert 78 == played.end()
