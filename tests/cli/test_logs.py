"""`logs` and `events`: what a book said, read again, and what it means."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time

import pytest

COMMAND = [sys.executable, "-c", "from rebalancer.cli import main; main()"]
LINES = [
    {"event": "daemon.started", "level": "info", "book": "desk", "epoch": 3},
    {"event": "order.filled", "level": "info", "instrument": "deribit:BTC-PERPETUAL", "seq": 1},
    {"event": "hedge.refused", "level": "warning", "underlying": "ETH", "guard": "margin"},
    {"event": "delta.unhedged", "level": "error", "scope": "BTC", "action": "see why"},
]


def text_of(lines=LINES):
    """Return a log file's text, a second between two lines, and a stray line in it."""
    stamped = (
        json.dumps({"ts": f"2026-01-05T07:22:{number:02}.000000Z", **each})
        for number, each in enumerate(lines)
    )
    return "no JSON \x1b[2J at all\n" + "\n".join(stamped) + "\n"


@pytest.fixture
def log(tmp_path):
    """Return a file of lines."""
    path = tmp_path / "log.jsonl"
    path.write_text(text_of())
    return path


def run(*arguments, code=0, **options):
    """Return what a command says."""
    asked = [*COMMAND, *arguments]
    ran = subprocess.run(asked, check=False, capture_output=True, text=True, **options)
    assert code == ran.returncode, ran.stderr
    return ran.stdout if code == 0 else ran.stderr


def names(shown):
    """Return the events of JSON lines."""
    return [json.loads(line)["event"] for line in shown.splitlines()]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), [0, 1, 2, 3]),
        (("--level", "warning"), [2, 3]),
        (("--event", "order.*"), [1]),
        (("--underlying", "BTC"), [1, 3]),
        (("--since", "2026-01-05T07:22:02"), [2, 3]),
        (("--lines", "1"), [3]),
        (("--level", "info", "-n", "2", "--event", "*d"), [2, 3]),
        (("--order", "rb1"), []),
    ],
)
def test_filters(log, options, found):
    """Only what is asked for is shown, and the last of it where only that is."""
    shown = names(run("logs", str(log), "--json", *options))

    assert [LINES[each]["event"] for each in found] == shown


def test_standard_input_and_strays(log):
    """A pipe is read as well; what is no event is shown as it is, and moves no cursor."""
    shown = run("logs", "-", input=log.read_text())

    assert r"no JSON \x1b[2J at all" == shown.splitlines()[0]
    assert "2026-01-05  book desk  epoch 3" == shown.splitlines()[1]
    assert "07:22:02.000  warn   hedge.refused         underlying=ETH  guard=margin" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("logs", "absent.jsonl"), "absent.jsonl: must be a file that can be read"),
        (("logs", "-", "--level", "loud"), "--level: must be one of debug, info"),
        (("logs", "-", "--since", "soon"), "must be an ISO 8601 time"),
        (("events", "order.nope"), "known are order."),
        (("events", "nope"), "rebalancer events lists them"),
    ],
)
def test_usage(arguments, word):
    """A mistake is one clear line."""
    assert word in run(*arguments, code=64)


def test_no_journal(tmp_path):
    """Without a journal on the machine a file must be named."""
    told = run(
        "logs", code=64, env={"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    )

    assert "this machine has no journalctl" in told


def test_journal(tmp_path):
    """Without a file the journal's own program is asked, and what it has is shown in order."""
    entries = [{"RB_LINE": json.dumps({"ts": "2026-01-05T07:22:00.000000Z", **each}),
                "__CURSOR": str(number)} for number, each in enumerate(LINES)]  # fmt: skip
    program = tmp_path / "journalctl"
    told = "\n".join(json.dumps(each) for each in entries)
    program.write_text(f"#!/bin/sh\necho \"$@\" >>{tmp_path}/asked\ncat <<'X'\n{told}\nX\n")
    program.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(sys.path)}
    asks = ("logs", "--book", "desk", "--follow", "--json", "--since", "2026-01-05", "-n", "1")
    shown = run(*asks, env=env)
    first, second = (tmp_path / "asked").read_text().splitlines()

    assert [LINES[3]["event"], *(each["event"] for each in LINES)] == names(shown)
    assert "--unit=rebalancer@desk.service --since=@1767571200" in first
    assert "--after-cursor=3 --follow" in second


@pytest.mark.waits(20)
def test_followed_in_a_terminal(log):
    """In a terminal lines are in colour, and go on as they come until one has seen enough."""
    reads, writes = pty.openpty()
    fcntl.ioctl(writes, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 140, 0, 0))
    asked = [*COMMAND, "logs", str(log), "--follow", "--level", "warning"]
    env = {each: value for each, value in os.environ.items() if each != "NO_COLOR"}
    running = subprocess.Popen(asked, stdout=writes, stdin=writes, env=env)
    os.close(writes)
    os.set_blocking(reads, False)
    shown = until(reads, "delta.unhedged")
    rotated = log.rename(log.with_suffix(".1"))
    log.write_text(text_of([{"event": "venue.held", "level": "warning", "scope": "okx"}]))
    shown += until(reads, "venue.held")
    running.send_signal(2)

    assert 0 == running.wait(timeout=20)
    assert rotated.exists()
    assert "\x1b[1;31merror\x1b[0m" in shown
    assert "order.filled" not in shown
    plain = re.sub("\x1b\\[[0-9;]*m", "", shown)
    assert '07:22:03.000  error  delta.unhedged        scope=BTC  action="see why"' in plain
    os.close(reads)


def until(reads, word):
    """Return what is shown up to a word."""
    shown = ""
    for _ in range(150):
        try:
            shown += os.read(reads, 65536).decode()
        except BlockingIOError:
            time.sleep(0.1)
        if word in shown:
            return shown
    raise AssertionError(f"{word} never came: {shown!r}")


def test_events():
    """One event is told whole, several as a table, all of them for a page."""
    assert "wait: it asks" in run("events", "order.unknown")
    assert {"name", "severity", "meaning", "action", "fields"} == set(
        json.loads(run("events", "order.*", "--json"))[0]
    )
    page = run("events", "--markdown").splitlines()
    assert {6} == {line.count("|") for line in page}
    assert any("| `kill.engaged` | error |" in line for line in page)


def test_state(log):
    """The folder of a book leads to the log in it."""
    assert ["daemon.started"] == names(
        run("logs", "--state", str(log.parent), "--event", "daemon.*", "--json")
    )


def test_state_of_a_unit(tmp_path):
    """The folder of a book without a log leads to its unit's journal."""
    folder = tmp_path / "btc-desk"
    folder.mkdir()
    program = tmp_path / "bin/journalctl"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$TOLD"\n')
    program.chmod(0o755)
    told = tmp_path / "told"
    environ = {**os.environ, "PATH": f"{program.parent}:/usr/bin:/bin", "TOLD": str(told)}
    run("logs", "--state", str(folder), env=environ)

    assert "--unit=rebalancer@btc-desk.service" in told.read_text().splitlines()


@pytest.mark.parametrize("more", [("FILE",), ("--book", "desk"), ("nowhere",)])
def test_state_alone(log, more):
    """A folder that is none, or another place beside it, is refused."""
    folder = str(log.parent / "nowhere" if more == ("nowhere",) else log.parent)
    others = () if more == ("nowhere",) else (str(log) if each == "FILE" else each for each in more)

    assert "--state: must" in run("logs", "--state", folder, *others, code=64)
