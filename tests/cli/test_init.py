"""`init`: a person answers a few questions, and has a book that runs."""

import json
import os
import pty
import re
import subprocess
import sys
import time

import pytest

COMMAND = [sys.executable, "-c", "from rebalancer.cli import main; main()"]


def run(*arguments, code=0, **options):
    """Return what a command says."""
    asked = [*COMMAND, *map(str, arguments)]
    ran = subprocess.run(asked, check=False, capture_output=True, text=True, **options)
    assert code == ran.returncode, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


class Person:
    """Somebody at a terminal, who reads a question before he answers."""

    def __init__(self, *arguments):
        self._reads, writes = pty.openpty()
        asked = [*COMMAND, *map(str, arguments)]
        env = {**os.environ, "COLUMNS": "100"}
        self._running = subprocess.Popen(
            asked, stdin=writes, stdout=writes, stderr=writes, env=env, start_new_session=True
        )
        os.close(writes)
        os.set_blocking(self._reads, False)
        self.shown = ""

    def answer(self, question, word):
        """Type a word once a question stands there."""
        for _ in range(300):
            self._look()
            if re.search(question + r"[^\n]*: $", self.shown):
                os.write(self._reads, word.encode() + b"\n")
                self.shown += "\n"
                return
            time.sleep(0.1)
        raise AssertionError(f"{question} was never asked: {self.shown}")

    def leave(self):
        """Return the exit code once all is said."""
        code = self._running.wait(timeout=60)
        self._look()
        os.close(self._reads)
        return code

    def _look(self):
        try:
            while told := os.read(self._reads, 65536):
                self.shown += told.decode().replace("\r\n", "\n")
        except (BlockingIOError, OSError):
            return


@pytest.mark.waits(30)
def test_answered_by_a_person(tmp_path):
    """In a terminal each question has a proposal, a wrong answer is told, a book comes of it."""
    file = tmp_path / "desk.toml"
    person = Person("init", file)
    person.answer("What do you hold", "btc")
    person.answer("How many BTC", "none")
    person.answer("How many BTC", "2.5")
    person.answer("What is|worth", "")
    person.answer("Where is it hedged", "deribit")
    person.answer("Where do the coins lie", "venue")
    person.answer("What is protected", "usd")
    person.answer("Within how many coins", "")
    person.answer("Paper or live", "")
    person.answer("Who wakes you", "telegram")
    person.answer("What is the book called", "")
    person.answer(r"Look at the venue now", "n")

    assert 0 == person.leave(), person.shown
    assert "must be a number above 0, was none" in person.shown
    assert "deribit      Deribit, inverse perpetual" in person.shown
    assert "[0.050]" in person.shown
    assert "no faults, fingerprint" in person.shown
    assert f"rebalancer run {file}" in re.sub(r"\s+", " ", person.shown)
    assert 0o600 == file.stat().st_mode & 0o777
    assert "no faults" in run("check", file)


def test_it_hedges(tmp_path):
    """The book that comes of it brings its net delta into the band, in a seeded market."""
    file = tmp_path / "desk.toml"
    run("init", file, "--held", "2", "--venue", "okx", "--yes")
    file.write_text(file.read_text() + "\n[market]\nseed = 7\n")
    run("demo", file, "--for", "3m", "--speed", "0", "--json", tmp_path / "out.json")
    told = json.loads((tmp_path / "out.json").read_text())["status"]["underlyings"]["BTC"]

    assert told["lower"] - 1e-9 <= told["net_delta"] <= told["upper"] + 1e-9
    assert (-0.04, 0.04) == (told["lower"], told["upper"])


def test_never_over_a_file(tmp_path):
    """What is there stays, a file and a link to nowhere alike."""
    file, link = tmp_path / "desk.toml", tmp_path / "link.toml"
    file.write_text("mine")
    link.symlink_to(tmp_path / "elsewhere")

    for path in (file, link):
        assert "nothing is written over" in run("init", path, "--yes", code=64)
    assert "mine" == file.read_text()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "--yes: must be given where nobody can be asked"),
        (("--yes", "--coin", "DOGE"), "--coin: must be one of BTC, ETH, was DOGE"),
        (("--yes", "--held", "-1"), "--held: must be a number above 0, was -1"),
        (("--yes", "--held", "nan"), "--held: must be a number above 0, was nan"),
        (("--yes", "--venue", "ftx"), "--venue: must be one of deribit"),
        (("--yes", "--book", "a\nb"), "--book: must be letters"),
        (("--yes", "--place", "venue", "--venue", "bybit"), "--place: must be one of outside"),
        (("--yes", "--mode", "live"), "--account: must be letters"),
        (("--yes", "--held", "1", "--band", "5"), "--band: must be at most 0.25 BTC, a quarter"),
        (("--yes", "--held", "0.0005"), "--held: must be at least 0.00080 BTC to be hedged"),
    ],
)
def test_bad_answers(tmp_path, arguments, word):
    """A flag that makes no sense is one clear line, and nothing is written."""
    told = run("init", tmp_path / "desk.toml", *arguments, code=64, stdin=subprocess.DEVNULL)

    assert word in told
    assert [] == list(tmp_path.iterdir())


def test_live(tmp_path):
    """A live book names account and key, holds what venues cannot see, and leads to doctor."""
    file = tmp_path / "live.toml"
    asked = ("--mode", "live", "--account", "777", "--credentials", "desk-key", "--yes")
    told = run("init", file, "--held", "2", *asked)

    assert f"rebalancer doctor {file}" in told
    assert "--live --confirm" in told
    assert 'account = "777"' in file.read_text()
    assert "no faults" in run("check", file)
