"""A daemon and its venues, each in a process of its own, for tests that look from outside."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

RUN = (sys.executable, "-c", "from rebalancer.cli import main; main()")
PATIENCE = 40.0  # s of real time for anything that is waited for


class Venues:
    """The venues of a desk, played by another process; see `simulation.stand`."""

    def __init__(self, config, folder, *options):
        self.folder = Path(folder)
        self._process = subprocess.Popen(
            (sys.executable, "-m", "rebalancer.simulation.stand", config, folder, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        told = json.loads(self._process.stdout.readline())
        self.config = Path(told["config"])
        self.environment = {**os.environ, "REBALANCER_CREDENTIALS": told["credentials"]}

    def ask(self, **what):
        """Return what the venues answer."""
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert "error" not in told, told
        return told["ok"]

    def close(self):
        """Let the venues end in order."""
        self._process.stdin.close()
        code = self._process.wait(PATIENCE)
        self._process.stdout.close()
        assert 0 == code


@contextmanager
def venues(config, folder, *options):
    """Play the venues of a configuration while the block runs."""
    played = Venues(config, folder, *options)
    try:
        yield played
    finally:
        played.close()


def fingerprint(played):
    """Return what an operator types to let the book trade."""
    told = command(played, "check", str(played.config), "--json")
    return json.loads(told.stdout)["fingerprint"]


def command(played, *arguments):
    """Return how a command ended, with what it printed."""
    return subprocess.run(
        (*RUN, *arguments),
        env=played.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Daemon:
    """`run --live` in a process of its own; its state and log are in the venues' folder."""

    def __init__(self, played, *options, environment=None, before=()):
        self.state = played.folder / "state"
        self.log = played.folder / "log.jsonl"
        self._read = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                (
                    *before,
                    *RUN,
                    "run",
                    str(played.config),
                    "--live",
                    "--state",
                    str(self.state),
                    *options,
                ),
                env=played.environment | (environment or {}),
                stdout=subprocess.DEVNULL,
                stderr=sink,
            )

    def lines(self):
        """Return what this daemon has logged so far; what is no JSON as {"text": …}."""
        with self.log.open(encoding="utf-8") as file:
            file.seek(self._read)
            return [_line(each) for each in file if each.endswith("\n")]

    def until(self, event, **facts):
        """Return the first line of this event with these facts, once it is there."""
        for _ in range(int(PATIENCE * 10)):
            for line in self.lines():
                if line.get("event") == event and facts.items() <= line.items():
                    return line
            assert self.process.poll() is None, self.lines()[-5:]
            time.sleep(0.1)
        raise AssertionError(f"{event} {facts} was never logged; last: {self.lines()[-5:]}")

    def stop(self, number=15):
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def daemon(played, *options, environment=None, before=()):
    """Run a book while the block runs; it is killed where the block leaves it running."""
    run = Daemon(played, *options, environment=environment, before=before)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def _line(text):
    try:
        return json.loads(text)
    except ValueError:
        return {"text": text.rstrip()}
